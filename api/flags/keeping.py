"""When the hit cache is called: the three strategies of the tracking manager.

The pool itself is durable: its rows are written in the commit of the visitor's command, and a
restart finds them there. So the cache decides nothing here and is never loaded; it is called as an
SDK would call it, for whoever reads it. CONTINUOUS keeps each hit from the commit that pools it
(the visitor's own rule appends it) until it is sent; PERIODIC keeps, after each batch, what remains
in the pool; without batching only what failed is kept. Nothing is called where the cache is turned
off, and what it raises is said and ignored.

A hit whose visitor was forgotten must not come back through the cache: after keeping hits the pool
is read again, and those that are not in it any more are flushed.
Rules: spec flags 5, 10.9; FS-054, FS-101, FS-102, FS-175, FS-185 to FS-189.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from actors.flags.caches import HitCache, HitCacheDTO, hit_dto
from actors.flags.names import CacheStrategy
from actors.flags.sdk_hits import CONSENT_ACTION
from actors.flags.visitor_exposures import ACTIVATIONS
from actors.flags.visitor_tracking import HITS
from api.flags.caching import NOBODY, HitCacheOf
from api.flags.environments import Live
from api.flags.pooled import Pooled, read_pooled
from engine.messages import Address

if TYPE_CHECKING:
    from api.flags.shelf import Shelf

Work = Callable[[Live, Sequence[Pooled]], Awaitable[None]]

KEPT_MAX = 1_000
"""Hits of a pool kept after a batch: the cache is a help, the pool has them all."""


class Keeping:
    """Calls the hit cache of an environment as its strategy says. `cache_of` gives the cache."""

    def __init__(self, shelf: Shelf, cache_of: HitCacheOf) -> None:
        self._shelf = shelf
        self._cache_of = cache_of

    async def sent(self, live: Live, batch: Sequence[Pooled]) -> None:
        """These left the pool: they were sent, or were too old."""
        strategy = live.settings.cache_strategy
        tried = any(each.delivery.attempts for each in batch)
        if strategy == CacheStrategy.PERIODIC_CACHING:
            await self._guarded(live, self._keep_rest, batch)
        elif strategy == CacheStrategy.CONTINUOUS_CACHING or tried:
            await self._guarded(live, self._flush, batch)

    async def failed(self, live: Live, batch: Sequence[Pooled]) -> None:
        """These stay in the pool."""
        strategy = live.settings.cache_strategy
        if strategy == CacheStrategy.PERIODIC_CACHING:
            await self._guarded(live, self._keep_rest, ())
        elif strategy == CacheStrategy.NO_BATCHING:
            await self._guarded(live, self._keep, batch)

    async def _guarded(self, live: Live, work: Work, batch: Sequence[Pooled]) -> None:
        if live.settings.disable_cache:
            return
        try:
            await work(live, batch)
        except Exception as error:
            address = Address(live.project, "environment", live.env)
            self._shelf.house.log.failed(address, "hit cache", error)

    def _cache(self, live: Live, handles: Mapping[str, str] = NOBODY) -> HitCache:
        return self._cache_of(self._shelf, live, handles)

    async def _flush(self, live: Live, batch: Sequence[Pooled]) -> None:
        await self._cache(live).flush_hits([each.key for each in batch])

    async def _keep_rest(self, live: Live, sent: Sequence[Pooled]) -> None:
        """All that is kept goes, and what remains in the pools is kept."""
        await self._cache(live).flush_all_hits()
        gone = {each.delivery.id for each in sent}
        rest = [each for each in await self._pools(live) if each.delivery.id not in gone]
        await self._keep(live, rest)

    async def _keep(self, live: Live, batch: Sequence[Pooled]) -> None:
        hits = {each.key: _dto(each) for each in batch if not _is_withdrawal(each)}
        if not hits:
            return
        cache = self._cache(live, {each.key: each.handle for each in batch})
        await cache.cache_hit(hits)
        waiting = {each.key for each in await self._pools(live)}
        if gone := [key for key in hits if key not in waiting]:
            await cache.flush_hits(gone)

    async def _pools(self, live: Live) -> list[Pooled]:
        """What waits in the environment's pools."""
        store = self._shelf.directory.store
        found: list[Pooled] = []
        for name in (HITS, ACTIVATIONS):
            rows = await store.order(live.project, name, live.env, KEPT_MAX)
            found += map(read_pooled, rows)
        return found


def _dto(pooled: Pooled) -> HitCacheDTO:
    return hit_dto(
        pooled.visitor_id, pooled.anonymous_id, pooled.type, pooled.content, pooled.time_ms
    )


def _is_withdrawal(pooled: Pooled) -> bool:
    """The hit that says that consent is withheld: of such a visitor nothing is cached."""
    content = pooled.content
    return content.get("ea") == CONSENT_ACTION and str(content.get("el")).endswith(":false")
