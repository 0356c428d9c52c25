"""The store in one SQLite file, behind the engine's port.

Writes go to the one writer thread and come back in one call per commit. Point reads run on the
caller's thread, pages in reading threads; domain queries use `read_now` and `read` the same way.
Opening holds the folder's lock, brings the file up to date and reads nothing that grows.
"""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import trio

from engine.errors import Overloaded, Unavailable
from engine.limits import Limits
from engine.messages import Address, Stored
from engine.ports import (
    Committed,
    Delivery,
    Entry,
    Failed,
    Kept,
    Listed,
    Loaded,
    Outcome,
    Store,
    Tell,
)
from storage import queries, retention
from storage.backup import write_backup
from storage.batch import Batch
from storage.connections import connect_writer, quick_switches
from storage.folder import DATABASE, held, sync_folder
from storage.migrations import migrate
from storage.reader import Readers
from storage.store import View
from storage.world import HOUR_MS, Report, tell_nobody, wall_ms
from storage.writer import Job, Told, Writer

T = TypeVar("T")


class SqliteStore:
    """`engine.ports.Store` over one SQLite file. Made by `open_store`."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        limits: Limits,
        views: Sequence[View],
        world: tuple[Callable[[], int], Report],
    ) -> None:
        self._path = path
        self._limits = limits
        self._views = views
        self._now_ms, self._report = world
        self._kept_ms = math.ceil(limits.kept_hours * HOUR_MS)
        self._token = trio.lowlevel.current_trio_token()
        self._walk = retention.Walk()
        (self._epoch,) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        batch = Batch(connection, views, self._kept_ms, retention.newest_seq(connection))
        self._readers = Readers(path)
        self._writer = Writer(connection, batch, limits, self)
        self._is_open = True
        self._writer.start()

    # --- writing

    @property
    def epoch(self) -> str:
        """The history's name."""
        return str(self._epoch)

    @property
    def is_writable(self) -> bool:
        """False while the last commit failed as a whole; the writer keeps trying."""
        return self._writer.is_writable

    def submit(self, entry: Entry, tell: Tell) -> None:
        """Queue an entry; see the port."""
        if not self._is_open:
            raise Unavailable("the store is closed")
        if self._writer.waiting >= self._limits.store_queue_entries_max:
            raise Overloaded("store_queue_entries_max")
        self._writer.put(entry, tell)

    def deliver(self, told: Told) -> None:
        """Called by the writer: one plain function on trio's thread tells a whole commit."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._tell, told)

    def broken(self, error: BaseException) -> None:
        """Called by the writer when the log could not be moved."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._report, error)

    def _tell(self, told: Told) -> None:
        for tell, outcome in told:
            try:
                tell(outcome)
            except Exception as error:
                self._report(error)

    async def run(self, job: Job) -> Any:
        """Run maintenance on the writer in a transaction of its own; raises what it raises."""
        if not self._is_open:
            raise Unavailable("the store is closed")
        done = trio.Event()
        outcomes: list[Outcome] = []

        def tell(outcome: Outcome) -> None:
            outcomes.append(outcome)
            done.set()

        self._writer.put(job, tell)
        await done.wait()
        match outcomes[0]:
            case Committed(rows=(result,)):
                return result
            case Failed(error=error, everything=everything):
                if everything:
                    raise Unavailable("the store cannot commit") from error
                raise error
        return None

    async def close(self) -> None:
        """Commit what waits, tell it, close every connection. Later submits are refused."""
        self._is_open = False
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._readers.close)
            await trio.to_thread.run_sync(self._writer.stop)

    # --- reading

    def read_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a point query on this thread. `work` fetches all and keeps no cursor."""
        return self._readers.now(work)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a long query in a reading thread. `work` fetches all and keeps no cursor."""
        return await self._readers.soon(work)

    async def load(self, address: Address) -> Loaded | None:
        """Read one actor."""
        return self.read_now(lambda connection: queries.load(connection, address))

    async def facts(self, address: Address, after: int, limit: int) -> Sequence[Stored]:
        """Kept facts of an actor after a version."""
        return await self.read(lambda connection: queries.facts(connection, address, after, limit))

    async def kind_facts(
        self, project: str, kind: str, after_seq: int, limit: int
    ) -> Sequence[Stored]:
        """Kept facts of a kind after a seq."""
        return await self.read(
            lambda connection: queries.kind_facts(connection, project, kind, after_seq, limit)
        )

    async def last_seq(self) -> int:
        """The newest seq given out."""
        return self._writer.seq

    async def actors(
        self, project: str, kind: str, phase: str, after: str, limit: int
    ) -> Sequence[Listed]:
        """Actors in order of id."""
        of = (project, kind, phase)
        return await self.read(lambda connection: queries.actors(connection, of, after, limit))

    async def count(self, project: str, kind: str) -> dict[str, int]:
        """Number of actors by phase."""
        return await self.read(lambda connection: queries.count(connection, project, kind))

    async def alarms(self, limit: int) -> Sequence[tuple[Address, int]]:
        """The next alarms."""
        return await self.read(lambda connection: queries.alarms(connection, limit))

    async def document(self, project: str, hash_: str) -> bytes | None:
        """A document's body."""
        return self.read_now(lambda connection: queries.document(connection, project, hash_))

    async def kept(self, project: str, principal: str, key: str) -> Kept | None:
        """The answer kept under an idempotency key."""
        younger_ms = self._now_ms() - self._kept_ms
        of = (project, principal, key)
        return self.read_now(lambda connection: queries.kept(connection, of, younger_ms))

    async def due(self, now_ms: int, limit: int) -> Sequence[Delivery]:
        """Heads that are due."""
        return await self.read(lambda connection: queries.due(connection, now_ms, limit))

    async def lines(self, each: int) -> Sequence[Delivery]:
        """The first heads of every line."""
        return await self.read(lambda connection: queries.lines(connection, each))

    async def next_due(self) -> int | None:
        """When the next head falls due."""
        return self.read_now(queries.next_due)

    async def order(
        self, project: str, subscription: str, subject: str, limit: int
    ) -> Sequence[Delivery]:
        """The first rows of an order that are not parked."""
        of = (project, subscription, subject)
        return await self.read(lambda connection: queries.order(connection, of, limit))

    async def deliveries(
        self, project: str, *, parked_only: bool, after: int, limit: int
    ) -> Sequence[Delivery]:
        """Outbox rows of a project."""
        page = queries.parked if parked_only else queries.deliveries
        return await self.read(lambda connection: page(connection, project, after, limit))

    # --- keeping house

    async def tidy(self, keeps: Mapping[str, Any], now_ms: int) -> int:
        """Delete a chunk of what is kept too long; 0 after a whole round found nothing."""
        rows_max = self._limits.retention_chunk_facts
        older_ms = now_ms - self._kept_ms
        deleted: int = await self.run(retention.prune_job(self._views, older_ms, now_ms, rows_max))
        is_over = False
        while deleted < rows_max and not is_over:
            cuts, is_over = await self.read(
                lambda connection: self._walk.look(connection, keeps, now_ms)
            )
            if cuts:
                deleted += await self.run(retention.cut_job(cuts))
        return deleted

    async def backup(self, target: Path) -> None:
        """Write a consistent copy to `target` while the store works (`storage.backup`)."""
        await self.read(lambda connection: write_backup(connection, self._path.parent, target))

    def statistics(self) -> Mapping[str, float]:
        """Counters since the store was opened, and sizes in bytes now."""
        log = self._path.with_name(f"{self._path.name}-wal")
        return {
            **self._writer.counts,
            "queue_entries": self._writer.waiting,
            "is_writable": self._writer.is_writable,
            "is_scrubbing": self._writer.is_scrubbing,
            "last_seq": self._writer.seq,
            "database_bytes": _size(self._path),
            "log_bytes": _size(log),
            "disk_free_bytes": shutil.disk_usage(self._path.parent).free,
        }


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _open(path: Path, views: Sequence[View]) -> sqlite3.Connection:
    connection = connect_writer(path)
    try:
        migrate(connection, path, views)
        sync_folder(path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


@asynccontextmanager
async def open_store(
    folder: Path,
    limits: Limits,
    views: Sequence[View] = (),
    *,
    now_ms: Callable[[], int] = wall_ms,
    report: Report = tell_nobody,
) -> AsyncIterator[SqliteStore]:
    """Open the store in a data folder and close it in the end.

    `report` hears of errors raised by a `tell` and of trouble with the log, on trio's thread.
    Raises `FolderInUse`, `NewerFolder`, `NotOurs`.
    """
    path = folder / DATABASE
    with held(folder), quick_switches():
        connection = await trio.to_thread.run_sync(_open, path, views)
        store = SqliteStore(path, connection, limits, views, (now_ms, report))
        _promised: Store = store
        try:
            yield store
        finally:
            await store.close()
