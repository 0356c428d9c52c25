"""The tracking manager: hits are pooled and sent in batches, exposures at once, nothing twice.

What is sent goes to the visitor's actor in the daemon, in order with its other commands, and under
a key of its own: a batch whose answer was lost is sent again as it was and counted once. What could
not be sent stays in the pool and goes with the next batch, until it is four hours old. The daemon
is durable from there on. In BUCKETING_EDGE nothing is sent until `close`.
Rules: spec flags 5; ledger FS-049 to FS-051, FS-074, FS-090 to FS-102, FS-106, FS-175, FS-185 to
FS-191.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import trio

from actors.flags.names import CacheStrategy, Tag
from api.client.background import Background
from api.client.conversation import Job, Unsent
from api.client.logs import Logs
from api.client.options import FlagshipConfig
from api.client.pool import ACTIVATE, HANDLE, Batch, Entry, batches_of, now_ms
from api.client.ports import HitPort
from api.client.updates import Refused

Order = Callable[[Batch], Job]
"""Put a batch behind its visitor's other commands."""


class TrackingManager:
    """The pool of one SDK. `waiting` are hits in no batch yet, `batches` what has not arrived."""

    def __init__(
        self,
        config: FlagshipConfig,
        order: Order,
        port: HitPort,
        background: Background,
        logs: Logs,
    ) -> None:
        self.waiting: dict[str, Entry] = {}
        self.batches: list[Batch] = []
        self._config = config
        self._options = config.tracking_manager_config
        self._order = order
        self._port = port
        self._background = background
        self._logs = logs
        self._recent: dict[str, float] = {}

    @property
    def entries(self) -> list[Entry]:
        """Everything that has not arrived yet."""
        batched = [each for batch in self.batches for each in batch.entries]
        return [*batched, *self.waiting.values()]

    # --- taking in

    def is_repeated(self, digest: str) -> bool:
        """Whether the same was taken within the de-duplication time (FS-050, FS-051). Plain."""
        seconds, now = self._config.hit_deduplication_time, trio.current_time()
        self._recent = {each: at for each, at in self._recent.items() if now - at < seconds}
        if digest in self._recent:
            return True
        if seconds > 0:
            self._recent[digest] = now
        return False

    async def add(self, entries: Iterable[Entry]) -> None:
        """Take hits in; a full pool is sent (FS-095, FS-101, FS-102)."""
        new = {each.key: each for each in entries}
        if not new:
            return
        if self._strategy == CacheStrategy.CONTINUOUS_CACHING:
            await self._keep(new.values())
        self.waiting |= new
        is_full = len(self.waiting) >= self._options.pool_max_size
        if is_full or self._strategy == CacheStrategy.NO_BATCHING:
            self._send_soon()

    def expose(self, entry: Entry) -> Batch:
        """Take an exposure in; it is sent at once, a failed one with the next batch. Plain."""
        batch = Batch([entry])
        self.batches.append(batch)
        if self._config.sends_by_itself:
            self._background.start(self._send_kept, batch, self._begin(batch))
        elif self._strategy == CacheStrategy.CONTINUOUS_CACHING:
            self._background.start(self._keep, [entry])
        return batch

    async def _send_kept(self, batch: Batch, job: Job) -> None:
        if self._strategy == CacheStrategy.CONTINUOUS_CACHING:
            await self._keep(batch.entries)
        await self._see_through(batch, job)

    def forget(self, visitor_ids: Collection[str | None]) -> None:
        """Drop all of these visitors, from the pool and the cache (FS-106, FS-188). Plain."""
        gone = [
            each
            for each in self.entries
            if each.visitor_id in visitor_ids or each.anonymous_id in visitor_ids
        ]
        for each in gone:
            self.waiting.pop(each.key, None)
        self.batches = [each for each in self.batches if each.entries[0] not in gone]
        self._background.start(self._port.flush, [each.key for each in gone])

    async def restore(self) -> None:
        """Take in what the hit cache kept from earlier (FS-186)."""
        for key, kept in (await self._port.lookup(now_ms())).items():
            data = kept.data
            content = dict(data.content)
            handle = content.pop(HANDLE, None) or data.anonymous_id or data.visitor_id
            entry = Entry(
                key,
                str(handle),
                data.visitor_id,
                data.anonymous_id,
                data.type,
                content,
                int(data.time),
            )
            if data.type == ACTIVATE:
                self.batches.append(Batch([entry]))
            else:
                self.waiting[key] = entry

    # --- sending

    async def run(self) -> None:
        """Send the pool every so many seconds (FS-098)."""
        while True:
            await trio.sleep(self._options.batch_intervals)
            if self._config.sends_by_itself:
                await self.flush()

    def _send_soon(self) -> None:
        if self._config.sends_by_itself:
            self._background.start(self.flush)

    def send_first(self, handle: str) -> None:
        """Send that visitor's hits before its next command: it is going to change its id. Plain."""
        if self._config.sends_by_itself:
            for batch in self._ready(handle):
                self._background.start(self._see_through, batch, self._begin(batch))

    async def flush(self) -> None:
        """Send everything that waits. What fails stays."""
        ready = self._ready()
        if not ready:
            await trio.lowlevel.checkpoint()
            return
        async with trio.open_nursery() as nursery:
            for batch in ready:
                nursery.start_soon(self._see_through, batch, self._begin(batch))
        if self._strategy == CacheStrategy.PERIODIC_CACHING:
            await self._port.flush_all()
            await self._keep(self.entries)

    def _ready(self, handle: str | None = None) -> list[Batch]:
        """What may go out now, of everybody or of one. What is too old goes nowhere (FS-191)."""
        self._gather(handle)
        here = [each for each in self.batches if handle in (None, each.handle)]
        idle = [each for each in here if not each.is_under_way]
        for batch in idle:
            if batch.is_old:
                self.batches.remove(batch)
                text = f"{len(batch.entries)} hits are older than 4 hours and are not sent"
                self._logs.error(Tag.TRACKING_MANAGER, text)
                self._background.start(self._over, batch)
        return [each for each in idle if not each.is_old]

    def _begin(self, batch: Batch) -> Job:
        batch.is_under_way = True
        batch.tried = trio.Event()
        return self._order(batch)

    def _gather(self, handle: str | None) -> None:
        """Make batches of waiting hits: one visitor each, and not too big (FS-090)."""
        by_handle: dict[str, list[Entry]] = {}
        for entry in list(self.waiting.values()):
            if handle in (None, entry.handle):
                by_handle.setdefault(entry.handle, []).append(self.waiting.pop(entry.key))
        for entries in by_handle.values():
            self.batches += batches_of(entries)

    async def _see_through(self, batch: Batch, job: Job) -> None:
        try:
            await job.wait(self._config.timeout)
        except Unsent as unsent:
            await self._unsent(batch, unsent)
        except Refused:
            await self._over(batch)  # the refusal was logged where it came; again would not help
        else:
            await self._over(batch)
        finally:
            batch.is_under_way = False
            batch.tried.set()

    async def _unsent(self, batch: Batch, unsent: Unsent) -> None:
        text = f"{len(batch.entries)} hits were not sent and stay in the pool: {unsent}"
        self._logs.error(Tag.TRACKING_MANAGER, text)
        if self._strategy == CacheStrategy.NO_BATCHING and batch in self.batches:
            await self._keep(batch.entries)

    async def _over(self, batch: Batch) -> None:
        """It has arrived, or never will."""
        if batch in self.batches:
            self.batches.remove(batch)
        if self._strategy != CacheStrategy.PERIODIC_CACHING:
            await self._port.flush([each.key for each in batch.entries])

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        for batch in list(self.batches):
            if batch.is_under_way:
                await batch.tried.wait()

    # --- the cache

    @property
    def _strategy(self) -> int:
        return self._options.cache_strategy

    async def _keep(self, entries: Iterable[Entry]) -> None:
        await self._port.cache({each.key: each.dto() for each in entries})
