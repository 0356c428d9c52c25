"""Pools of hits and activations: when they are sent, where to, and what becomes of failures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flag_door import Door, open_door
from flag_others import (
    COLLECTOR,
    DOWN,
    Others,
    fetched,
    got,
    live_of,
    opened,
    order,
    state,
)
from flag_pools import OK, flushed, pool, send, tracked

from actors.flags.caches import HIT_AGE_MS_MAX
from actors.flags.visitor_exposures import ACTIVATIONS
from actors.flags.visitor_words import Authenticate, SetConsent, VisitorExposed
from api.flags.caching import StoredHitCache
from api.flags.keeping import Keeping
from api.flags.senders import HitPool
from engine.errors import Later
from engine.messages import Erase
from engine.pools import Order

EDGE = {"decision_mode": "BUCKETING_EDGE"}
SENT_TO = {"hits_url": COLLECTOR, "activate_url": "https://collector.example/activate"}


def pages(others: Others) -> list[list[str]]:
    """The pages in each BATCH that came, in order; without the consent hits."""
    bodies = [each.json() for each in others.asked]
    return [[hit["dl"] for hit in body["h"] if "dl" in hit] for body in bodies]


async def counted(door: Door) -> dict[tuple[str, str | None], int]:
    """Hits by type and variation."""
    hits = (await door.report())["hits"]
    return {(each["type"], each["variation"]): each["count"] for each in hits}


# --- into our own store


@pytest.mark.covers("FS-008")
async def test_hits_go_into_our_own_store(tmp_path: Path) -> None:
    """Once each, counted as if an SDK had sent them, and the pool is empty afterwards."""
    async with tracked(tmp_path) as (door, others):
        await opened(door)
        await send(door, "a", "b")
        assert len(await pool(door)) == 3
        assert await flushed(door)
        assert await pool(door) == ()
        assert await counted(door) == {("EVENT", None): 1, ("PAGEVIEW", None): 2}
        assert await flushed(door), "an empty pool is sent"
        assert others.asked == []


async def test_hits_count_for_the_variations_seen(tmp_path: Path) -> None:
    """An exposure of the visitor counts at once for the hits after it (spec flags 10.10)."""
    async with tracked(tmp_path) as (door, _):
        await opened(door)
        found = await fetched(door)
        await order(door, VisitorExposed(key="colour"))
        await send(door, "a")
        assert await flushed(door)
        seen = found.person.campaigns[0].variation_id
        assert (await counted(door))["PAGEVIEW", seen] == 1


@pytest.mark.covers("FS-091")
async def test_hits_survive_a_restart(tmp_path: Path) -> None:
    """The pool is as durable as the visitor."""
    async with open_door(tmp_path, hits_url=COLLECTOR) as door:
        await opened(door)
        await send(door, "a")
    async with tracked(tmp_path, hits_url=COLLECTOR) as (door, others):
        assert await flushed(door)
        assert pages(others) == [["a"]]


# --- to a collector


@pytest.mark.covers("FS-090")
async def test_a_batch_has_the_shape_of_the_sdk(tmp_path: Path) -> None:
    """One request for all; who is logged in is `cuid`, `vid` is the anonymous id (spec 1.6)."""
    async with tracked(tmp_path, hits_url=COLLECTOR, upstream_env="theirs") as (door, others):
        await opened(door)
        await send(door, "a")
        await order(door, Authenticate(visitor_id="w"))
        await send(door, "b")
        assert await flushed(door)
        (asked,) = others.asked
        assert (asked.method, asked.url) == ("POST", COLLECTOR)
        assert asked.headers == {"content-type": "application/json"}
        body = asked.json()
        assert {name: body[name] for name in ("ds", "cid", "t", "qt")} == {
            "ds": "APP",
            "cid": "theirs",
            "t": "BATCH",
            "qt": 0,
        }
        assert [(hit["t"], hit["vid"], hit["cuid"]) for hit in body["h"]] == [
            ("EVENT", "v", None),
            ("PAGEVIEW", "v", None),
            ("PAGEVIEW", "v", "w"),
        ]
        assert all(0 <= hit["qt"] < 60_000 for hit in body["h"])


@pytest.mark.covers("FS-095")
async def test_a_full_pool_is_sent_at_once(tmp_path: Path) -> None:
    """As soon as `pool_max_size` hits wait, all of them."""
    async with tracked(tmp_path, hits_url=COLLECTOR, pool_max_size=5) as (door, others):
        await opened(door)
        await send(door, "a", "b", "c")
        assert others.asked == []
        await send(door, "d", "e")
        await others.came(1)
        assert pages(others) == [["a", "b", "c", "d", "e"]]


@pytest.mark.covers("FS-092", "FS-175")
async def test_what_failed_is_sent_again(tmp_path: Path) -> None:
    """It stays in the pool, in order, with what came after it; the failure is an ERROR line."""
    async with tracked(tmp_path, DOWN, hits_url=COLLECTOR) as (door, others):
        await opened(door)
        await send(door, "a")
        assert not await flushed(door)
        assert len(await pool(door)) == 2
        (line,) = [line for line in door.admin.lines if b"TRACKING_MANAGER" in line]
        assert b"ERROR" in line
        others.answer = lambda _asked: got({}, 503)
        await send(door, "b")
        assert not await flushed(door)
        others.answer = lambda _asked: OK
        assert await flushed(door)
        assert pages(others)[-1] == ["a", "b"]
        assert await pool(door) == ()


async def test_what_a_collector_has_is_not_sent_twice(tmp_path: Path) -> None:
    """Of several requests one fails: those before it are not made again."""
    async with tracked(tmp_path, hits_url=COLLECTOR, cache_strategy=3) as (door, others):
        await opened(door)
        await others.came(1)
        others.answer = lambda asked: DOWN if asked.json()["dl"] == "b" else OK
        await send(door, "a", "b", "c")
        assert not await flushed(door)
        others.answer = lambda _asked: OK
        assert await flushed(door)
        sent = [each.json().get("dl") for each in others.asked]
        assert (sent.count("a"), sent[-2:]) == (1, ["b", "c"])


async def test_without_batching_each_hit_goes_alone(tmp_path: Path) -> None:
    """The body is the hit itself with `ds` and `cid` (spec flags 1.6), and nobody waits."""
    async with tracked(tmp_path, hits_url=COLLECTOR, cache_strategy=3) as (door, others):
        await opened(door)
        (asked,) = await others.came(1)
        body = asked.json()
        assert (body["ds"], body["cid"], body["t"], body["vid"]) == ("APP", "env_1", "EVENT", "v")
        assert "h" not in body


# --- four hours


class Later4h:
    """A clock four hours ahead of another."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = lambda: now_ms() + HIT_AGE_MS_MAX


@pytest.mark.covers("FS-191")
@pytest.mark.parametrize("url", [{}, {"hits_url": COLLECTOR}])
async def test_what_is_too_old_is_dropped(tmp_path: Path, url: dict[str, str]) -> None:
    """After four hours a hit is not sent any more, anywhere."""
    async with tracked(tmp_path, **url) as (door, others):
        await opened(door)
        door.shelf.clock = Later4h(door.shelf.clock.now_ms)
        assert await flushed(door)
        assert await pool(door) == ()
        assert others.asked == []
        assert await counted(door) == {}
        assert any(b"older than 4 hours" in line for line in door.admin.lines)


# --- BUCKETING_EDGE


@pytest.mark.covers("FS-074")
async def test_at_the_edge_only_asking_sends(tmp_path: Path) -> None:
    """Neither number nor time does; `flush` sends hits and activations."""
    settings: dict[str, Any] = {**EDGE, "pool_max_size": 5, "fetch_flags_buffering_time": 0}
    async with tracked(tmp_path, **settings) as (door, _):
        await opened(door)
        found = await fetched(door)
        await order(door, VisitorExposed(key="colour"))
        await send(door, *"abcdefg")
        rows, senders = await pool(door), _pool_of(door)
        assert len(rows) == 9
        with pytest.raises(Later) as later:
            await senders.send_all(rows)
        assert later.value.seconds > HIT_AGE_MS_MAX / 1000 - 60
        assert senders.full_at(Order.of(rows[0])) == 0
        assert len(await pool(door, ACTIVATIONS)) == 1
        assert await flushed(door)
        assert (await pool(door), await pool(door, ACTIVATIONS)) == ((), ())
        seen = found.person.campaigns[0].variation_id
        report = await door.report()
        assert [each["variation"] for each in report["exposures"]] == [seen]
        assert door.shelf.assignments.kept(await live_of(door), "v")["colours-group"].activated


async def test_at_the_edge_only_what_is_too_old_goes(tmp_path: Path) -> None:
    """When the first hit's four hours are over, those behind it still wait."""
    async with tracked(tmp_path, **EDGE) as (door, _):
        await opened(door)
        await send(door, "a", "b")
        first, *others = await pool(door)
        old = msgspec.structs.replace(first.effect, body=_older(first.effect.body))
        rows = (msgspec.structs.replace(first, effect=old), *others)
        with pytest.raises(Later):
            await _pool_of(door).send_all(rows)
        assert [row.id for row in await pool(door)] == [row.id for row in others]


def _older(body: bytes) -> bytes:
    """A hit of four hours before."""
    hit = msgspec.json.decode(body)
    return msgspec.json.encode({**hit, "time": hit["time"] - HIT_AGE_MS_MAX})


def _pool_of(door: Door) -> HitPool:
    """A sender of hits that nobody asks to send."""
    return HitPool(door.shelf, Keeping(door.shelf, StoredHitCache), {})


# --- activations


async def test_an_activation_goes_to_its_collector_at_once(tmp_path: Path) -> None:
    """The body and the headers of spec 1.3 and 1.1; nobody has to ask."""
    async with tracked(tmp_path, **SENT_TO) as (door, others):
        await opened(door)
        found = await fetched(door)
        await order(door, VisitorExposed(key="colour"))
        (asked,) = await others.came(1)
        assert asked.url == SENT_TO["activate_url"]
        assert asked.headers["x-sdk-client"] == "Python"
        (line,) = asked.json()["batch"]
        assert line.pop("qt") < 60_000
        assert asked.json()["cid"] == "env_1"
        assert line == {
            "vid": "v",
            "vaid": found.person.campaigns[0].variation_id,
            "caid": "colours-group",
            "aid": None,
        }


async def test_failed_activations_go_together(tmp_path: Path) -> None:
    """They wait for the interval, or for whoever asks (spec flags 5)."""
    settings = {**SENT_TO, "hit_deduplication_time": 0}
    async with tracked(tmp_path, DOWN, **settings) as (door, others):
        await opened(door)
        await fetched(door)
        await order(door, VisitorExposed(key="colour"))
        await others.came(1)
        await order(door, VisitorExposed(key="colour"))
        others.answer = lambda _asked: OK
        assert await flushed(door)
        sent = [each.json() for each in others.asked if each.url == SENT_TO["activate_url"]]
        assert [len(each["batch"]) for each in sent] == [1, 2]


# --- consent


@pytest.mark.covers("FS-106")
async def test_withdrawn_consent_empties_the_pool_of_the_person(tmp_path: Path) -> None:
    """Only the hit that says so is sent, and the hits of others (spec flags 5)."""
    async with tracked(tmp_path, hits_url=COLLECTOR) as (door, others):
        await opened(door, "v")
        await send(door, "a", handle="v")
        await opened(door, "w")
        await send(door, "b", handle="w")
        await order(door, SetConsent(has_consented=False), "v")
        assert await flushed(door)
        (asked,) = others.asked
        hits = [(hit["vid"], hit.get("dl") or hit["el"]) for hit in asked.json()["h"]]
        assert hits == [("w", "Python:true"), ("w", "b"), ("v", "Python:false")]


# --- what is remembered


async def test_what_a_person_kept_is_forgotten_with_the_person(tmp_path: Path) -> None:
    """Erased, or without consent, nothing of it is left in memory (spec flags 10.8)."""
    async with tracked(tmp_path) as (door, _):
        live = await live_of(door)
        for command in (SetConsent(has_consented=False), Erase(privacy=True)):
            await opened(door)
            await fetched(door)
            assert door.shelf.assignments.kept(live, "v")
            await order(door, command)
            assert not door.shelf.assignments.kept(live, "v")
            assert (await state(door) is None) == isinstance(command, Erase)


async def test_an_environment_that_is_gone_takes_its_hits_along(tmp_path: Path) -> None:
    """There is nobody to send them to."""
    async with tracked(tmp_path, hits_url=COLLECTOR) as (door, others):
        await opened(door)
        rows = [msgspec.structs.replace(row, project="other") for row in await pool(door)]
        assert tuple(await _pool_of(door).send_all(rows)) == ()
        assert others.asked == []
