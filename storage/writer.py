"""The writer: one thread, one connection, everything that is written.

It takes what queued while the last commit was on its way to the disk, never waiting for more. A
batch is first written as a whole; if that raises it is rolled back and written entry by entry, each
in a savepoint, so that only the guilty fail. If the disk itself fails, all fail, nothing is stored,
and the writer tries again by itself until it can. It alone moves the log into the database file.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from engine.errors import ClaimTaken
from engine.limits import Limits
from engine.ports import Committed, Entry, Failed, Outcome, Taken, Tell
from storage.batch import Batch
from storage.trouble import is_of_the_world

CHUNK_ENTRIES = 128
"""Entries written between two looks at the clock."""
CHECKPOINT_ROWS = 4_000
"""Rows changed before the log is moved into the database: some 30 MB of log at the most."""
IDLE_SECONDS = 1.0
"""After this long without work the log is moved, and a failing disk is tried."""
SCRUB_SECONDS = 0.05
"""Between attempts to empty the log after an erasure for privacy."""

Job = Callable[[sqlite3.Connection], Any]
"""Maintenance in a transaction of its own; what it returns becomes `Committed.rows[0]`."""
Told = list[tuple[Tell, Outcome]]
Item = tuple[Entry | Job, Tell]


class Owner(Protocol):
    """What the writer needs of the store."""

    def deliver(self, told: Told) -> None:
        """Called on the writer's thread after each commit: pass the outcomes on."""
        ...

    def broken(self, error: BaseException) -> None:
        """Called on the writer's thread when maintenance of the log failed."""
        ...


class Writer:
    """Owns the writing connection from `start` until `stop`; `batch` writes its entries."""

    def __init__(
        self, connection: sqlite3.Connection, batch: Batch, limits: Limits, owner: Owner
    ) -> None:
        self._connection = connection
        self._batch = batch
        self._limits = limits
        self._owner = owner
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._left: deque[Item] = deque()
        self._stopping = False
        self._scrub = False
        self._moved = 0
        self.seq = batch.seq
        self.is_writable = True
        self.counts = dict.fromkeys(
            ("commits", "commit_failures", "entries", "rejected", "slow_batches", "jobs"), 0.0
        )
        self.counts |= dict.fromkeys(
            ("commit_seconds", "checkpoints", "checkpoint_seconds", "batch_entries_last"), 0.0
        )
        self._thread = threading.Thread(target=self._run, name="callboard-writer", daemon=True)

    # --- from any thread

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, work: Entry | Job, tell: Tell) -> None:
        """Queue; never waits."""
        self._queue.put((work, tell))

    @property
    def waiting(self) -> int:
        """Items in the queue."""
        return self._queue.qsize() + len(self._left)

    @property
    def is_scrubbing(self) -> bool:
        """True while erased bytes may still stand in the log because a reader holds it."""
        return self._scrub

    def stop(self) -> None:
        """Carry out what waits, then close the connection; waits for it."""
        self._queue.put(None)
        self._thread.join()

    # --- on the writer's thread

    def _run(self) -> None:
        try:
            while not self._stopping or self._left:
                self._turn()
        finally:
            self._connection.close()

    def _turn(self) -> None:
        items = self._take()
        if items:
            self._owner.deliver(self._commit(items))
        elif not self.is_writable:
            self._probe()
        if self._connection.total_changes - self._moved >= CHECKPOINT_ROWS or not items:
            self._move_log()

    def _take(self) -> list[Item]:
        """What waits now, at most a batch; nothing after a while without work."""
        if not self._left:
            try:
                self._receive(self._queue.get(timeout=self._patience()))
            except queue.Empty:
                return []
        for _ in range(min(self._queue.qsize(), self._limits.batch_entries_max - len(self._left))):
            self._receive(self._queue.get())
        items = list(self._left)
        self._left.clear()
        return items

    def _receive(self, item: Item | None) -> None:
        if item is None:
            self._stopping = True
        else:
            self._left.append(item)

    def _patience(self) -> float | None:
        if self._scrub:
            return SCRUB_SECONDS
        moved = self._connection.total_changes == self._moved
        return None if self.is_writable and moved else IDLE_SECONDS

    def _commit(self, items: list[Item]) -> Told:
        """One transaction over the first items; the rest goes back to be next."""
        started = time.perf_counter()
        seq = self._batch.seq
        self._batch.erased_for_privacy = False
        taken = items
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            taken, outcomes = self._write(items)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back(seq)
            outcomes = [Failed(error, everything=True)] * len(taken)
            self.counts["commit_failures"] += 1
            self.is_writable = False
        else:
            self.is_writable = True
            self.seq = self._batch.seq
            self._count(outcomes, time.perf_counter() - started)
        self._left.extendleft(reversed(items[len(taken) :]))
        if self._batch.erased_for_privacy:
            self._scrub = True
            self._move_log()
        return [(tell, outcome) for (_, tell), outcome in zip(taken, outcomes, strict=True)]

    def _roll_back(self, seq: int) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._owner.broken(error)
        self._batch.forget(seq)
        self._batch.erased_for_privacy = False

    def _count(self, outcomes: Sequence[Outcome], seconds: float) -> None:
        counts = self.counts
        counts["commits"] += 1
        counts["entries"] += len(outcomes)
        counts["batch_entries_last"] = len(outcomes)
        counts["rejected"] += sum(not isinstance(one, Committed) for one in outcomes)
        counts["commit_seconds"] += seconds

    # --- writing items

    def _write(self, items: list[Item]) -> tuple[list[Item], list[Outcome]]:
        """Write as many items as the time allows."""
        if not isinstance(items[0][0], Entry):
            self.counts["jobs"] += 1
            return items[:1], [self._job(items[0][0])]
        entries = self._leading_entries(items)
        seq = self._batch.seq
        try:
            outcomes = self._fast(entries)
        except Exception as error:
            self._roll_back(seq)
            if is_of_the_world(error):
                raise
            self.counts["slow_batches"] += 1
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._alone(entry) for entry in entries]
        return items[: len(outcomes)], outcomes

    @staticmethod
    def _leading_entries(items: list[Item]) -> list[Entry]:
        entries = []
        for work, _ in items:
            if not isinstance(work, Entry):
                break
            entries.append(work)
        return entries

    def _fast(self, entries: list[Entry]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        end = time.perf_counter() + self._limits.batch_milliseconds_max / 1_000
        for start in range(0, len(entries), CHUNK_ENTRIES):
            outcomes += self._batch.apply(entries[start : start + CHUNK_ENTRIES])
            if time.perf_counter() >= end:
                break
        return outcomes

    def _alone(self, entry: Entry) -> Outcome:
        """One entry in a savepoint; raises only what is the disk's fault."""
        seq = self._batch.seq
        self._connection.execute("SAVEPOINT entry")
        try:
            (outcome,) = self._batch.apply((entry,))
        except Exception as error:
            if is_of_the_world(error) or not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO entry")
            self._batch.forget(seq)
            if isinstance(error, ClaimTaken):  # a list of the domain found a key in use
                outcome = Taken(error.space, error.key)
            else:
                outcome = Failed(error)
        self._connection.execute("RELEASE entry")
        return outcome

    def _job(self, job: Job) -> Outcome:
        self._batch.forget(self._batch.seq)
        self._connection.execute("SAVEPOINT job")
        try:
            outcome: Outcome = Committed(rows=(job(self._connection),))
        except Exception as error:
            if is_of_the_world(error) or not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO job")
            outcome = Failed(error)
        self._connection.execute("RELEASE job")
        return outcome

    # --- the log and the disk

    def _probe(self) -> None:
        """Write a little, to learn whether the disk is well again."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('probe', 1)")
            self._connection.execute("COMMIT")
            self.is_writable = True
        except sqlite3.Error:
            self._roll_back(self._batch.seq)

    def _move_log(self) -> None:
        """Move the log into the database; empty it where bytes must go."""
        started = time.perf_counter()
        mode = "TRUNCATE" if self._scrub else "PASSIVE"
        changes = self._connection.total_changes
        try:
            (busy, *_) = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            self._owner.broken(error)
            busy = 1
        if not busy:
            self._scrub = False
        self._moved = changes
        self.counts["checkpoints"] += 1
        self.counts["checkpoint_seconds"] += time.perf_counter() - started
