"""What the Python SDK sends arrives once: hits of each type, and random walks through trouble."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import trio
from flag_client import Heard, Served, serving, started

from api.client import (
    EventCategory,
    Flagship,
    HitEvent,
    HitItem,
    HitPage,
    HitScreen,
    HitTransaction,
    LogLevel,
    TrackingManagerConfig,
    Visitor,
)

pytestmark = pytest.mark.slow
CALM = ("update", "clear", "login", "logout", "consent", "fetch", "expose", "hit", "settle")
ROUGH = ("update", "clear", "login", "logout", "fetch", "expose", "hit", "hit", "pause", "cut")


async def types(served: Served) -> dict[str, int]:
    """Hits in the daemon by type."""
    counts: dict[str, int] = {}
    for each in (await served.door.report())["hits"]:
        counts[each["type"]] = counts.get(each["type"], 0) + each["count"]
    return counts


@pytest.mark.covers("FS-121", "FS-122", "FS-155", "FS-157", "FS-168")
async def test_hits_of_every_type_arrive(tmp_path: Path) -> None:
    """One by one or together, structs or dictionaries, in order; an unknown type is refused."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        await visitor.send_hit(HitPage(document_location="https://a.example"))
        await visitor.send_hit({"type": "SCREENVIEW", "documentLocation": "home"})
        await visitor.send_hits([
            HitScreen(document_location="cart"),
            HitTransaction(transaction_id="t", affiliation="shop", total_revenue=9.5),
            HitItem(transaction_id="t", product_name="shoe", product_sku="s"),
            HitEvent(category=EventCategory.ACTION_TRACKING, action="click"),
            {"type": "CLICK"},
            {"type": "PAGEVIEW"},
        ])  # fmt: skip
        assert heard.tagged("ADD HIT") == [LogLevel.ERROR] * 2
        await sdk.close()
        assert await types(served) == {
            "PAGEVIEW": 1, "SCREENVIEW": 2, "TRANSACTION": 1, "EVENT": 2,
        }  # fmt: skip  # items are stored, and reports leave them out
        rows = served.door.house.tables.read_now(
            lambda read: read.execute("SELECT type FROM flag_hit ORDER BY id").fetchall()
        )
        assert [row[0] for row in rows][-3:] == ["TRANSACTION", "ITEM", "EVENT"]


# --- random walks


class Walk:
    """A visitor that does things at random; `sent` are the actions of its hits."""

    def __init__(self, seed: int, served: Served, sdk: Flagship, heard: Heard) -> None:
        self.chance = random.Random(seed)
        self.served = served
        self.visitor: Visitor = heard.visitor(sdk, context={"a": 1})
        self.sent: list[str] = []
        self.is_away = False

    async def go(self, steps: int, what: tuple[str, ...]) -> None:
        """So many steps."""
        for _ in range(steps):
            await getattr(self, self.chance.choice(what))()

    async def update(self) -> None:
        """Change the context, or perhaps not."""
        value = self.chance.choice([1, True, "x", 1.0])
        self.visitor.update_context({self.chance.choice("abc"): value})

    async def clear(self) -> None:
        """Clear the context."""
        self.visitor.clear_context()

    async def login(self) -> None:
        """Log in."""
        self.visitor.authenticate(self.chance.choice(["me", "you"]))

    async def logout(self) -> None:
        """Log out."""
        self.visitor.unauthenticate()

    async def consent(self) -> None:
        """Give or withdraw consent."""
        self.visitor.set_consent(self.chance.random() < 0.6)

    async def fetch(self) -> None:
        """Fetch."""
        await self.visitor.fetch_flags()

    async def expose(self) -> None:
        """Read a flag."""
        self.visitor.get_flag("greeting").get_value("x")

    async def hit(self) -> None:
        """Send a hit that is like no other."""
        self.sent.append(f"hit {len(self.sent)}")
        hit = HitEvent(category="User Engagement", action=self.sent[-1])
        await self.visitor.send_hit(hit)

    async def settle(self) -> None:
        """Wait for the answers."""
        await self.visitor.settled()

    async def pause(self) -> None:
        """Let others go on for a while."""
        for _ in range(self.chance.randrange(50)):
            await trio.lowlevel.checkpoint()

    async def cut(self) -> None:
        """The daemon leaves or comes back."""
        await (self.served.arrive() if self.is_away else self.served.leave())
        self.is_away = not self.is_away

    def seen(self) -> tuple[Any, ...]:
        """What the visitor shows."""
        who = self.visitor
        ids = (who.visitor_id, who.anonymous_id, who.has_consented, who.is_authenticated)
        return *ids, who.context, (str(who.flags_status.status), str(who.flags_status.reason))

    async def there(self) -> tuple[Any, ...]:
        """What the daemon shows."""
        body = (await self.served.door.sdk("GET", "/flags/v1/env_1/visitors/v")).json()
        names = ("visitorId", "anonymousId", "hasConsented", "isAuthenticated", "context")
        status = body["flagsStatus"]
        return *(body[name] for name in names), (status["status"], status["reason"])


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_shown_at_once_is_what_the_daemon_says(seed: int, tmp_path: Path) -> None:
    """Before the answers, after them, and over HTTP; the last status told is that one too."""
    async with (
        serving(tmp_path, fetch_flags_buffering_time=0) as served,
        started(served, fetch_flags_buffering_time=0) as (sdk, heard),
    ):
        walk = Walk(seed, served, sdk, heard)
        await walk.go(60, CALM)
        before = walk.seen()
        await walk.visitor.settled()
        assert before == walk.seen() == await walk.there()
        assert heard.statuses[-1] == before[-1]
        errors = {tag for level, tag, _ in heard.logs if level <= LogLevel.ERROR}
        assert errors <= {"UNAUTHENTICATE"}


@pytest.mark.covers("FS-092", "FS-175")
@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_or_doubled_while_the_daemon_comes_and_goes(
    seed: int, tmp_path: Path
) -> None:
    """Cut off at any moment: in the end both agree, and every hit was counted once."""
    pool = TrackingManagerConfig(pool_max_size=5, batch_intervals=1)
    options: dict[str, Any] = {"timeout": 0.3, "tracking_manager_config": pool}
    async with serving(tmp_path, fetch_flags_buffering_time=0) as served:
        async with started(served, **options) as (sdk, heard):
            walk = Walk(seed, served, sdk, heard)
            await walk.go(50, ROUGH)
            if walk.is_away:
                await served.arrive()
            with trio.fail_after(20):
                await walk.visitor.settled()
                while sdk._core.tracking.entries:
                    await sdk._core.tracking.flush()
            assert walk.seen() == await walk.there()
            assert LogLevel.CRITICAL not in {level for level, _, _ in heard.logs}
        rows = served.door.house.tables.read_now(
            lambda read: read.execute(
                "SELECT fields ->> 'ea' FROM flag_hit WHERE type = 'EVENT'"
            ).fetchall()
        )
        assert sorted(row[0] for row in rows) == sorted([*walk.sent, "fs_consent"])
