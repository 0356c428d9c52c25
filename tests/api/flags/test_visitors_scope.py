"""Who may forget what: a browser what came through its visitor, the server side the whole person.

Mallory has a public client key. She says that she is Alice, and asks that Alice be forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from flag_door import COLOURS, Door, Visitors, campaign, file
from flag_others import DOWN
from flag_pools import flushed, tracked

from storage.flags import queries, tables
from storage.flags.writes import AssignmentRow

HITS = "flag_hit_cache"
PLACE = {"documentLocation": "home"}
ENDS = ("setConsent", "open", "DELETE")
CONTINUOUS = {"cache_strategy": 0}


@pytest.fixture(params=[{}, CONTINUOUS], ids=["periodic", "continuous"])
async def door(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Door]:
    """A house in which Alice has rows in every list, by each way that there is."""
    async with tracked(tmp_path, **request.param) as (opened, _):
        await _acts(opened, opened.visitors, "alice")
        assert (await opened.decide("alice")).status == 200
        assert (await opened.activate("alice", "colours-group", "red")).status in (200, 204)
        hit = {"t": "SCREENVIEW", "vid": "alice", "ds": "APP", "dl": "home", "cid": "env_1"}
        assert (await opened.hit(hit)).status in (200, 204)
        yield opened


async def _acts(door: Door, visitors: Visitors, handle: str, name: str = "alice") -> Visitors:
    """Open a visitor, log in, fetch, see all, send hits; some are sent and some still wait."""
    token = (await visitors.new(handle)).get("token")
    mine = visitors if token is None else door.with_token(token)
    if name != handle:
        await mine.do("authenticate", handle, visitorId=name)
        await mine.do("fetchFlags", handle)
    await mine.do("exposeAll", handle)
    await mine.do("sendHit", handle, hit={"type": "SCREENVIEW", "documentLocation": handle})
    assert await flushed(door)
    await mine.do("sendHit", handle, hit={"type": "SCREENVIEW", "documentLocation": "later"})
    return mine


async def _ends(visitors: Visitors, how: str, handle: str) -> None:
    """Erase, or withdraw consent; the caller says that it speaks for everybody."""
    if how == "DELETE":
        assert (await visitors("DELETE", f"/{handle}")).status == 204
    else:
        await visitors.do(how, handle, hasConsented=False, ownOnly=False)


def _rows(door: Door) -> Counter[tuple[str, str]]:
    """Rows by list and by the visitor through which they came, waiting hits among them."""
    found: Counter[tuple[str, str]] = Counter()
    for table in (*tables.BY_HANDLE, "flag_alias"):
        statement = f"SELECT handle, count(*) FROM {table} GROUP BY handle"
        rows = door.house.tables.read_now(
            lambda read, text=statement: read.execute(text).fetchall()
        )
        found.update({(table, handle): number for handle, number in rows})
    waiting = door.house.tables.read_now(
        lambda read: read.execute("SELECT about, count(*) FROM outbox GROUP BY about").fetchall()
    )
    found.update({("outbox", about.partition(":")[2]): number for about, number in waiting})
    return found


def _without(rows: Counter[tuple[str, str]], handles: Iterable[str]) -> dict[tuple[str, str], int]:
    return {key: number for key, number in rows.items() if key[1] not in handles}


def _lists_of(rows: Counter[tuple[str, str]], handle: str) -> set[str]:
    return {table for table, whose in rows if whose == handle}


@pytest.mark.parametrize("how", ENDS)
async def test_a_browser_forgets_what_came_through_it(door: Door, how: str) -> None:
    """All of that goes, whatever it said; Alice keeps hers, and is found."""
    before = _rows(door)
    mallory = await _acts(door, door.browser, "mallory")
    during = _rows(door)
    filled = {*tables.BY_HANDLE, "flag_alias", "outbox"}
    if (HITS, "alice") not in before:  # PERIODIC: nothing was left to be kept
        filled.discard(HITS)
    assert _lists_of(during, "mallory") == filled
    sent = {("outbox", "alice"), (HITS, "alice")}  # her hits that waited left with Mallory's
    assert _without(during, {"mallory"}).keys() == before.keys() - sent
    await _ends(mallory, how, "mallory")
    after = _rows(door)
    assert _lists_of(after, "mallory") <= {"outbox"}  # the hit that says that consent went
    assert _without(after, {"mallory"}) == _without(during, {"mallory"})
    assert (await door.visitors.get("/alice"))["id"] == "alice"
    cached = door.house.tables.read_now(lambda read: queries.cached(read, "env_1", "alice"))
    assert cached is not None


@pytest.mark.parametrize("how", ENDS)
async def test_the_server_side_forgets_the_person(door: Door, how: str) -> None:
    """By every id that the visitor has had, through whomever it came."""
    await _acts(door, door.browser, "mallory")
    await _ends(door.visitors, how, "mallory")
    after = _rows(door)
    left = _lists_of(after, "mallory") | _lists_of(after, "alice") | _lists_of(after, "")
    assert left <= {"outbox", "flag_alias"}
    assert ("flag_alias", "mallory") not in after


@pytest.mark.parametrize("how", ENDS)
async def test_without_consent_a_browser_flushes_nothing_of_others(door: Door, how: str) -> None:
    """Nothing came through it; what is cached of Alice stays."""
    before = _rows(door)
    token = (await door.browser.new("mallory", hasConsented=False))["token"]
    mallory = door.with_token(token, alone=True)
    await mallory.do("authenticate", "mallory", visitorId="alice")
    await _ends(mallory, how, "mallory")
    assert _without(_rows(door), {"mallory"}) == _without(before, {"mallory"})


async def test_a_browser_in_a_batch_is_a_browser(door: Door) -> None:
    """A command of a batch speaks for no more than one that comes alone."""
    before = _rows(door)
    token = (await door.browser.new("mallory"))["token"]
    commands = [
        {"name": "authenticate", "data": {"visitorId": "alice"}},
        {"name": "setConsent", "data": {"hasConsented": False}},
    ]
    got = await door.with_token(token)("POST", "/mallory/batch", {"commands": commands})
    assert [each["ok"] for each in got.json()["results"]] == [True, True]
    assert _without(_rows(door), {"mallory"}) == _without(before, {"mallory"})


async def test_a_decision_that_comes_too_late_takes_nobody_elses(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Consent goes while the decision is made: what that one keeps goes, and nothing by id."""
    before = _rows(door)
    assignments = door.shelf.assignments
    keep = assignments.keep
    mallory = door.with_token((await door.browser.new("mallory", fetchNow=False))["token"])
    await mallory.do("authenticate", "mallory", visitorId="alice")

    late: list[AssignmentRow] = []

    async def withdrawn_first(project: str, rows: Iterable[AssignmentRow]) -> bool:
        late.extend(rows)
        await mallory.do("setConsent", "mallory", hasConsented=False)
        return await keep(project, late)

    monkeypatch.setattr(assignments, "keep", withdrawn_first)
    live = await door.shelf.environments.find("env_1")
    assert live is not None
    await door.put(file(COLOURS, campaign("new", ("x", 100, {"new": True}))))
    await mallory.do("fetchFlags", "mallory")
    assert _without(_rows(door), {"mallory"}) == _without(before, {"mallory"})
    assert ("alice", "new-group", "mallory") in [(row[1], row[2], row.handle) for row in late]
    assert "flag_assignment" not in _lists_of(_rows(door), "mallory")


async def test_hits_that_stayed_in_the_pool_are_cached_by_visitor(tmp_path: Path) -> None:
    """Whoever keeps what could not be sent knows through whom it came."""
    async with tracked(tmp_path, DOWN, hits_url="https://collector.example/") as (door, _):
        for handle in ("alice", "mallory"):
            await door.visitors.new(handle)
            await door.visitors.do("sendHit", handle, hit={"type": "SCREENVIEW", **PLACE})
        assert not await flushed(door)
        cached = {whose: number for (table, whose), number in _rows(door).items() if table == HITS}
        assert cached == {"alice": 2, "mallory": 2}
