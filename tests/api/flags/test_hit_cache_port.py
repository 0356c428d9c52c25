"""The port of the hit cache: whoever keeps its promises may stand behind it.

Our own store and a shared store that keeps one JSON text for each hit pass the same checks, alone
and under the tracking manager. Rules: spec flags 5; ledger FS-184 to FS-193.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flag_door import Door
from flag_others import COLLECTOR, DOWN, Others, live_of, opened
from flag_pools import OK, flushed, pool, send, tracked

from actors.flags.caches import HitCache, HitCacheDTO, hit_dto, read_hit
from api.flags.caching import StoredHitCache
from api.flags.tracking import Tracking

pytestmark = pytest.mark.covers("FS-193")

NOW_MS = 2_000
EXAMPLE = {"cache_strategy": 1, "pool_max_size": 100, "batch_intervals": 10}


class SharedTexts:
    """A hit cache over somebody else's key-value store, which is `texts`."""

    def __init__(self) -> None:
        self.texts: dict[str, str | None] = {}

    async def cache_hit(self, hits: Mapping[str, HitCacheDTO]) -> None:
        """All of them at once, each as a text."""
        self.texts |= {key: msgspec.json.encode(hit).decode() for key, hit in hits.items()}

    async def lookup_hits(self) -> Mapping[str, object]:
        """Decoded; a value that is not there is passed over."""
        found = {key: self.texts[key] for key in list(self.texts)}
        return {key: msgspec.json.decode(text) for key, text in found.items() if text}

    async def flush_hits(self, hit_keys: Sequence[str]) -> None:
        """Delete these."""
        for key in hit_keys:
            self.texts.pop(key, None)

    async def flush_all_hits(self) -> None:
        """Delete all, if there are any."""
        if self.texts:
            self.texts.clear()


async def cache_for(name: str, door: Door) -> HitCache:
    """The cache of that name."""
    return SharedTexts() if name == "shared" else StoredHitCache(door.shelf, await live_of(door))


@pytest.fixture(params=["stored", "shared"])
async def kept(request: Any, tmp_path: Path) -> AsyncIterator[tuple[Door, Others, HitCache]]:
    """A door whose tracking manager calls that cache, and a collector that is down."""
    async with tracked(tmp_path, DOWN, hits_url=COLLECTOR, **EXAMPLE) as (door, others):
        cache = await cache_for(request.param, door)
        door.shelf.tracking = Tracking(door.shelf, lambda _shelf, _live, _handles: cache)
        yield door, others, cache


Kept = tuple[Door, Others, HitCache]


def hit(page: str) -> HitCacheDTO:
    """A hit to be kept."""
    return hit_dto("v", None, "PAGEVIEW", {"dl": page}, NOW_MS - 1_000)


async def found(cache: HitCache) -> dict[str, object]:
    """What is kept, read as the SDK reads it."""
    return {key: read_hit(each, NOW_MS) for key, each in (await cache.lookup_hits()).items()}


async def test_an_empty_cache_is_empty(kept: Kept) -> None:
    """Nothing is found in it, and flushing it is nothing."""
    _, _, cache = kept
    await cache.flush_all_hits()
    await cache.flush_hits(["v:1"])
    await cache.flush_hits([])
    await cache.cache_hit({})
    assert await cache.lookup_hits() == {}


async def test_hits_are_kept_by_their_id(kept: Kept) -> None:
    """What comes back is what was given; the same id is overwritten."""
    _, _, cache = kept
    await cache.cache_hit({"v:1": hit("a"), "v:2": hit("b")})
    await cache.cache_hit({"v:2": hit("é")})
    assert await found(cache) == {"v:1": hit("a"), "v:2": hit("é")}


async def test_hits_are_flushed_by_their_id(kept: Kept) -> None:
    """Exactly those that are named, then all."""
    _, _, cache = kept
    await cache.cache_hit({f"v:{number}": hit("a") for number in range(4)})
    await cache.flush_hits(["v:1", "v:9", "v:3"])
    assert set(await found(cache)) == {"v:0", "v:2"}
    await cache.flush_all_hits()
    assert await cache.lookup_hits() == {}


@pytest.mark.slow
async def test_the_tracking_manager_keeps_what_it_could_not_send(kept: Kept) -> None:
    """With the settings of the documented example: after a batch the cache is what remains."""
    door, others, cache = kept
    await opened(door)
    await send(door, "a", "b")
    assert not await flushed(door)
    read = [each for each in (await found(cache)).values() if isinstance(each, HitCacheDTO)]
    assert sorted(str(each.data.content.get("dl")) for each in read) == ["None", "a", "b"]
    assert len(await pool(door)) == 3
    others.answer = lambda _asked: OK
    assert await flushed(door)
    assert await cache.lookup_hits() == {}


async def test_a_value_that_is_missing_is_passed_over() -> None:
    """Of a shared store that lost one."""
    cache = SharedTexts()
    await cache.cache_hit({"v:1": hit("a"), "v:2": hit("b")})
    cache.texts["v:1"] = None
    assert await found(cache) == {"v:2": hit("b")}
