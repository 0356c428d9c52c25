"""The visitor cache and the hit cache of an environment, as our own store keeps them.

The ports are the SDK's (`actors/flags/caches.py`); these two are what stands behind them here. What
a visitor's command or a delivery must keep in its own commit, it appends to the same lists itself.
Rules: spec flags 3.2, 5; FS-053, FS-177 to FS-189, FS-192.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from actors.flags.caches import HitCache, HitCacheDTO, VisitorCacheDTO
from api.flags.environments import Live
from engine.effects import Append
from storage.flags import queries

if TYPE_CHECKING:
    from api.flags.shelf import Shelf


HitCacheOf = Callable[["Shelf", Live, Mapping[str, str]], HitCache]
"""Gives an environment's hit cache; the mapping names the visitor through which each hit came."""
NOBODY: Mapping[str, str] = {}


class _Stored:
    """The lists of one environment."""

    def __init__(self, shelf: Shelf, live: Live) -> None:
        self._project = live.project
        self._env = live.env
        self._directory = shelf.directory
        self._lists = shelf.lists

    async def _append(self, name: str, rows: Iterable[tuple[str, ...]]) -> None:
        appends = [Append(name, row) for row in rows]
        if appends:
            await self._directory.append(self._project, appends)


class StoredVisitorCache(_Stored):
    """`VisitorCache` over the list `flag_visitor_cache`. Methods may raise an `EngineError`."""

    async def cache_visitor(self, visitor_id: str, data: VisitorCacheDTO) -> None:
        """Keep this for the visitor, in the place of what was kept (FS-178)."""
        text = msgspec.json.encode(data).decode()
        await self._append("flag_visitor_cache", [(self._env, visitor_id, text, "")])

    async def lookup_visitor(self, visitor_id: str) -> bytes | None:
        """What was kept for the visitor, as JSON; None if nothing was (FS-179)."""
        env = self._env
        return self._lists.read_now(lambda read: queries.cached(read, env, visitor_id))

    async def flush_visitor(self, visitor_id: str) -> None:
        """Forget the visitor (FS-180)."""
        await self._append("flag_visitor_flush", [(self._env, visitor_id, "")])


class StoredHitCache(_Stored):
    """`HitCache` over the list `flag_hit_cache`. Methods may raise an `EngineError`.

    `handles`: the visitors through which hits come, by key, as far as the caller knows them.
    """

    def __init__(self, shelf: Shelf, live: Live, handles: Mapping[str, str] = NOBODY) -> None:
        super().__init__(shelf, live)
        self._handles = handles

    async def cache_hit(self, hits: Mapping[str, HitCacheDTO]) -> None:
        """Keep these hits by id; an id that is kept already is replaced (FS-185)."""
        rows = [
            (self._env, key, msgspec.json.encode(hit).decode(), self._handles.get(key, ""))
            for key, hit in hits.items()
        ]
        await self._append("flag_hit_cache", rows)

    async def lookup_hits(self) -> dict[str, bytes]:
        """All hits by id, as JSON, oldest first (FS-186)."""
        env = self._env
        return await self._lists.read(lambda read: queries.cached_hits(read, env))

    async def flush_hits(self, hit_keys: Sequence[str]) -> None:
        """Delete exactly the hits with these ids; unknown ids are nothing (FS-187)."""
        await self._append("flag_hit_flush", [(self._env, key) for key in hit_keys])

    async def flush_all_hits(self) -> None:
        """Delete all hits (FS-189)."""
        await self._append("flag_hit_flush_all", [(self._env,)])
