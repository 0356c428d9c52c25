"""The embedder's caches, called safely and one call after the other.

What a port raises is an ERROR line and no more, because the SDK works without its caches. Without
a port, or with `disable_cache`, nothing is called. What comes back is foreign and read with care.
Rules: ledger FS-053, FS-054, FS-174 to FS-191.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import trio

from actors.flags.caches import (
    HitCache,
    HitCacheDTO,
    VisitorCache,
    VisitorCacheDTO,
    read_hit,
    read_visitor,
)
from actors.flags.names import LogLevel, Tag
from api.client.background import Background
from api.client.logs import Logs
from api.client.options import FlagshipConfig
from engine.effects import Note

Errand = Callable[[], Awaitable[None]]


class Lane:
    """Errands done in order, by a task that lives only while there are any."""

    def __init__(self, background: Background) -> None:
        self._background = background
        self._errands: deque[Errand] = deque()
        self._is_working = False
        self._idle = trio.Event()

    def put(self, errand: Errand) -> None:
        """Have this done after all that was put before. Plain."""
        self._errands.append(errand)
        if not self._is_working:
            self._idle = trio.Event()
            self._is_working = self._background.start(self._work)

    async def _work(self) -> None:
        try:
            while self._errands:
                await self._errands[0]()
                self._errands.popleft()
        finally:
            self._is_working = False
            self._errands.clear()
            self._idle.set()

    async def settled(self) -> None:
        """Wait until everything that was put before is done."""
        if self._is_working:
            await self._idle.wait()


class VisitorPort:
    """The visitor cache. Calls that need no answer are queued; `settled` waits for them."""

    def __init__(self, config: FlagshipConfig, logs: Logs, background: Background) -> None:
        port = config.visitor_cache_implementation
        self._port: VisitorCache | None = None if config.disable_cache else port
        self._logs = logs
        self._lane = Lane(background)
        self.settled = self._lane.settled

    def cache(self, visitor_id: str, data: VisitorCacheDTO) -> None:
        """Have it kept (FS-178). Plain."""
        port = self._port
        if port is not None:
            self._put(lambda: port.cache_visitor(visitor_id, data))

    def flush(self, visitor_id: str) -> None:
        """Have it forgotten (FS-180, FS-181). Plain."""
        port = self._port
        if port is not None:
            self._put(lambda: port.flush_visitor(visitor_id))

    async def lookup(self, *visitor_ids: str | None) -> VisitorCacheDTO | None:
        """What is kept of the first of these ids of which anything is (FS-174, FS-179)."""
        port = self._port
        wanted = [each for each in visitor_ids if each]
        if port is None:
            return None
        await self._lane.settled()
        for visitor_id in wanted:
            try:
                stored = await port.lookup_visitor(visitor_id)
            except Exception as error:
                self._failed("lookup_visitor", error)
                continue
            if stored is None:
                continue
            found = read_visitor(stored, wanted)
            if isinstance(found, VisitorCacheDTO):
                return found
            self._logs.say(found.level, found.tag, found.text)
        return None

    def _put(self, call: Errand) -> None:
        async def errand() -> None:
            try:
                await call()
            except Exception as error:
                self._failed("the visitor cache", error)

        self._lane.put(errand)

    def _failed(self, what: str, error: Exception) -> None:
        self._logs.error(Tag.CACHE, f"{what} failed: {type(error).__name__}: {error}")


class HitPort:
    """The hit cache. Every call waits for those before it."""

    def __init__(self, config: FlagshipConfig, logs: Logs) -> None:
        port = config.hit_cache_implementation
        self._port: HitCache | None = None if config.disable_cache else port
        self._logs = logs
        self._turn = trio.Lock()

    async def cache(self, hits: Mapping[str, HitCacheDTO]) -> None:
        """Keep these, by key (FS-185)."""
        port = self._port
        if port is not None:
            await self._call(Tag.CACHE_HIT, lambda: port.cache_hit(hits))

    async def flush(self, keys: Sequence[str]) -> None:
        """Delete exactly these (FS-187)."""
        port = self._port
        if port is not None:
            await self._call(Tag.FLUSH_HIT, lambda: port.flush_hits(keys))

    async def flush_all(self) -> None:
        """Delete all (FS-189)."""
        port = self._port
        if port is not None:
            await self._call(Tag.FLUSH_HIT, port.flush_all_hits)

    async def lookup(self, now_ms: int) -> dict[str, HitCacheDTO]:
        """The good ones by key; those that do not fit or are too old are deleted (FS-191)."""
        port = self._port
        found: Mapping[str, object] = {}
        if port is None:
            return {}
        try:
            found = await port.lookup_hits()
            read = {key: read_hit(stored, now_ms) for key, stored in found.items()}
        except Exception as error:
            self._failed(Tag.LOOKUP_HIT, error)
            return {}
        bad = {key: note for key, note in read.items() if isinstance(note, Note)}
        for note in bad.values():
            self._logs.say(note.level, note.tag, note.text)
        if bad:
            await self.flush(list(bad))
        return {key: hit for key, hit in read.items() if not isinstance(hit, Note)}

    async def _call(self, tag: Tag, call: Errand) -> None:
        try:
            async with self._turn:
                await call()
        except Exception as error:
            self._failed(tag, error)

    def _failed(self, tag: Tag, error: Exception) -> None:
        self._logs.say(LogLevel.ERROR, tag, f"it failed: {type(error).__name__}: {error}")
