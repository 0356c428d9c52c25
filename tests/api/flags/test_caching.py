"""The caches of an environment: what they hold, and when the strategies call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from flag_door import Door
from flag_others import COLLECTOR, DOWN, live_of, opened, order
from flag_pools import OK, flushed, pool, send, tracked

from actors.flags.caches import HitCacheDTO, hit_dto, read_hit, read_visitor, visitor_dto
from actors.flags.flag_values import CampaignFlags
from actors.flags.visitor_words import SetConsent
from api.flags.caching import StoredHitCache, StoredVisitorCache
from api.flags.tracking import Tracking

CONTINUOUS = {"cache_strategy": 0, "hits_url": COLLECTOR}
PERIODIC = {"cache_strategy": 1, "hits_url": COLLECTOR}
UNBATCHED = {"cache_strategy": 3, "hits_url": COLLECTOR}


class Calls:
    """A hit cache that notes what it is asked. `before_keeping` may do something first."""

    def __init__(self) -> None:
        self.made: list[tuple[str, int]] = []
        self.kept: dict[str, HitCacheDTO] = {}
        self.is_broken = False
        self.before_keeping: Any = None

    def _note(self, name: str, number: int) -> None:
        if self.is_broken:
            raise RuntimeError("this cache is broken")
        self.made.append((name, number))

    async def cache_hit(self, hits: Mapping[str, HitCacheDTO]) -> None:
        """Keep them."""
        if self.before_keeping is not None:
            await self.before_keeping()
        self._note("cache_hit", len(hits))
        self.kept |= hits

    async def lookup_hits(self) -> Mapping[str, object]:
        """All of them."""
        self._note("lookup_hits", 0)
        return self.kept

    async def flush_hits(self, hit_keys: Sequence[str]) -> None:
        """Forget these."""
        self._note("flush_hits", len(hit_keys))
        for key in hit_keys:
            self.kept.pop(key, None)

    async def flush_all_hits(self) -> None:
        """Forget all."""
        self._note("flush_all_hits", 0)
        self.kept.clear()


def watched(door: Door) -> Calls:
    """The calls that the house makes from now on."""
    calls = Calls()
    door.shelf.tracking = Tracking(door.shelf, lambda _shelf, _live, _handles: calls)
    return calls


# --- the strategies


@pytest.mark.covers("FS-101", "FS-187")
async def test_continuous_flushes_what_was_sent(tmp_path: Path) -> None:
    """By its keys, after a success only."""
    async with tracked(tmp_path, DOWN, **CONTINUOUS) as (door, others):
        calls = watched(door)
        await opened(door)
        await send(door, "a")
        assert not await flushed(door)
        assert calls.made == []
        others.answer = lambda _asked: OK
        assert await flushed(door)
        assert calls.made == [("flush_hits", 2)]


@pytest.mark.covers("FS-102")
async def test_periodic_keeps_what_remains(tmp_path: Path) -> None:
    """At every batch, sent or not, all is flushed and what is left in the pool is kept."""
    async with tracked(tmp_path, DOWN, **PERIODIC) as (door, others):
        calls = watched(door)
        await opened(door)
        await send(door, "a")
        assert calls.made == [], "nothing for a single hit"
        assert not await flushed(door)
        assert calls.made == [("flush_all_hits", 0), ("cache_hit", 2)]
        assert {hit.data.type for hit in calls.kept.values()} == {"EVENT", "PAGEVIEW"}
        others.answer = lambda _asked: OK
        assert await flushed(door)
        assert calls.made[2:] == [("flush_all_hits", 0)]
        assert calls.kept == {}


@pytest.mark.covers("FS-175")
async def test_without_batching_only_failures_are_kept(tmp_path: Path) -> None:
    """A hit that was sent at once is never kept; one that failed is, until it is sent."""
    async with tracked(tmp_path, OK, **UNBATCHED) as (door, others):
        calls = watched(door)
        await opened(door)
        await others.came(1)
        assert await flushed(door)
        others.answer = lambda _asked: DOWN
        await send(door, "a")
        assert not await flushed(door)
        assert [hit.data.content["dl"] for hit in calls.kept.values()] == ["a"]
        others.answer = lambda _asked: OK
        assert await flushed(door)
        assert calls.made[-1] == ("flush_hits", 1)
        assert calls.kept == {}
        assert ("flush_all_hits", 0) not in calls.made


@pytest.mark.covers("FS-054")
@pytest.mark.parametrize("strategy", [0, 1, 3])
async def test_a_cache_that_is_off_is_never_called(tmp_path: Path, strategy: int) -> None:
    """`disable_cache`: no method of it (FS-054)."""
    settings = {"cache_strategy": strategy, "hits_url": COLLECTOR, "disable_cache": True}
    async with tracked(tmp_path, DOWN, **settings) as (door, others):
        calls = watched(door)
        await opened(door)
        assert not await flushed(door)
        others.answer = lambda _asked: OK
        assert await flushed(door)
        assert calls.made == []


async def test_a_broken_cache_breaks_nothing(tmp_path: Path) -> None:
    """The hits are sent, and a line says what is wrong."""
    async with tracked(tmp_path, OK, **PERIODIC) as (door, _):
        watched(door).is_broken = True
        await opened(door)
        assert await flushed(door)
        assert await pool(door) == ()
        assert any(b"this cache is broken" in line for line in door.admin.lines)


@pytest.mark.covers("FS-188")
async def test_withdrawn_consent_empties_the_hit_cache_of_the_person(tmp_path: Path) -> None:
    """Each time, and of nobody else."""
    async with tracked(tmp_path, DOWN, **PERIODIC) as (door, _):
        cache = StoredHitCache(door.shelf, await live_of(door))
        await opened(door, "w")
        for _ in range(2):
            await opened(door, "v")
            assert not await flushed(door)
            assert await whose(cache) == {"v", "w"}
            await order(door, SetConsent(has_consented=False), "v")
            assert await whose(cache) == {"w"}


async def whose(cache: StoredHitCache) -> set[str]:
    """The visitors whose hits are kept."""
    found = (read_hit(hit, 0) for hit in (await cache.lookup_hits()).values())
    return {hit.data.visitor_id for hit in found if isinstance(hit, HitCacheDTO)}


async def test_a_person_does_not_come_back_through_the_cache(tmp_path: Path) -> None:
    """Consent is withdrawn while hits are being kept: they go, whoever was first."""
    async with tracked(tmp_path, DOWN, **PERIODIC) as (door, _):
        calls = watched(door)
        await opened(door, "v")
        await send(door, "secret", handle="v")
        await opened(door, "w")

        async def withdraw() -> None:
            await order(door, SetConsent(has_consented=False), "v")

        calls.before_keeping = withdraw
        assert not await flushed(door)
        assert [hit.data.visitor_id for hit in calls.kept.values()] == ["w"]
        calls.before_keeping = None
        assert not await flushed(door)
        assert {hit.data.visitor_id for hit in calls.kept.values()} == {"w"}


# --- our own store behind the ports


@pytest.mark.covers("FS-192", "FS-185", "FS-186", "FS-187", "FS-189")
async def test_the_stored_hit_cache_passes_the_port(door: Door) -> None:
    """Same ids are overwritten, given ids deleted, an empty store is empty (FS-192)."""
    cache = StoredHitCache(door.shelf, await live_of(door))
    assert await cache.lookup_hits() == {}
    await cache.flush_all_hits()
    one, two = (hit_dto("v", None, "PAGEVIEW", {"dl": page}, 1_000) for page in "ab")
    await cache.cache_hit({"v:1": one, "v:2": one})
    await cache.cache_hit({"v:2": two, "v:3": two})
    await cache.cache_hit({})
    found = await cache.lookup_hits()
    assert {key: read_hit(hit, 2_000) for key, hit in found.items()} == {
        "v:1": one,
        "v:2": two,
        "v:3": two,
    }
    await cache.flush_hits(["v:1", "v:9"])
    assert (await cache.lookup_hits()).keys() == {"v:2", "v:3"}
    await cache.flush_all_hits()
    assert await cache.lookup_hits() == {}


@pytest.mark.covers("FS-178", "FS-179", "FS-180")
async def test_the_stored_visitor_cache_passes_the_port(door: Door) -> None:
    """What is kept replaces what was; a flushed visitor is not there."""
    cache = StoredVisitorCache(door.shelf, await live_of(door))
    assert await cache.lookup_visitor("v") is None
    for number in (1, 2):
        campaign = CampaignFlags("c", "g", "x", flags={"key": number})
        dto = visitor_dto("v", None, True, {"age": number}, [campaign])
        await cache.cache_visitor("v", dto)
        assert read_visitor(await cache.lookup_visitor("v")) == dto
    assert await cache.lookup_visitor("w") is None
    await cache.flush_visitor("v")
    assert await cache.lookup_visitor("v") is None
