"""The store in memory: the same promises, for tests and for worlds where the disk misbehaves.

Commits happen in a small task of trio's own, so `submit` never tells at once and time may be
virtual: entries of one tick become one commit, told by one plain function. `Faults` says what goes
wrong; a `Shelf` handed from one store to the next is the disk that survives a crash.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import trio

from engine.errors import Overloaded, Unavailable
from engine.limits import Limits
from engine.messages import Address, Stored
from engine.ports import Delivery, Entry, Failed, Kept, Listed, Loaded, Outcome, Tell
from storage.retention import is_for_ever
from storage.shelf import Shelf
from storage.world import DAY_MS, HOUR_MS, Report, tell_nobody, wall_ms

PROBE_SECONDS = 1.0
"""After a failed commit the store finds out this often whether the disk is well again."""

Fault = Literal["lost", "kept"]
"""A commit that fails and stores nothing; one that stores everything and reports failure."""


@dataclass
class Faults:
    """What goes wrong with the commits to come. `delay_seconds` is how long each takes."""

    delay_seconds: float = 0.0
    waiting: deque[Fault] = field(default_factory=deque)

    def fail_next(self, count: int = 1, kind: Fault = "lost") -> None:
        """Let the next `count` commits fail (after those already ordered to)."""
        self.waiting.extend([kind] * count)

    def strike(self) -> Fault | None:
        """What happens to the commit that is about to be made."""
        return self.waiting.popleft() if self.waiting else None


class MemoryStore:
    """`engine.ports.Store` over a `Shelf`. Needs a running trio loop only for `submit`."""

    def __init__(
        self,
        limits: Limits | None = None,
        shelf: Shelf | None = None,
        faults: Faults | None = None,
        *,
        now_ms: Callable[[], int] = wall_ms,
        report: Report = tell_nobody,
    ) -> None:
        self.shelf = shelf or Shelf()
        self.faults = faults or Faults()
        self.is_writable = True
        self.epoch = "memory"
        self._limits = limits or Limits()
        self._kept_ms = math.ceil(self._limits.kept_hours * HOUR_MS)
        self._now_ms = now_ms
        self._report = report
        self._queue: deque[tuple[Entry, Tell]] = deque()
        self._is_open = True
        self._is_working = False
        self._counts = dict.fromkeys(("commits", "commit_failures", "entries", "rejected"), 0.0)

    # --- writing

    def submit(self, entry: Entry, tell: Tell) -> None:
        """Queue an entry; see the port."""
        if not self._is_open:
            raise Unavailable("the store is closed")
        if len(self._queue) >= self._limits.store_queue_entries_max:
            raise Overloaded("store_queue_entries_max")
        self._queue.append((entry, tell))
        self._work()

    def close(self) -> None:
        """Refuse later submits; what waits is still committed and told."""
        self._is_open = False

    def crash(self) -> None:
        """Die: what waits is neither stored nor told. The shelf is what a successor finds."""
        self._is_open = False
        self._queue.clear()

    def _work(self) -> None:
        if not self._is_working:
            self._is_working = True
            trio.lowlevel.spawn_system_task(self._commit_all, name="memory store")

    async def _commit_all(self) -> None:
        try:
            while self._queue or not self.is_writable:
                if not self._queue:
                    await trio.sleep(PROBE_SECONDS)
                    self.is_writable = self.faults.strike() is None
                elif self.faults.delay_seconds:
                    await trio.sleep(self.faults.delay_seconds)
                else:
                    await trio.lowlevel.checkpoint()
                if self._queue:
                    self._commit()
        finally:
            self._is_working = False

    def _commit(self) -> None:
        """Store one batch and tell it: one plain function, in order."""
        size = min(len(self._queue), self._limits.batch_entries_max)
        batch = [self._queue.popleft() for _ in range(size)]
        for (_, tell), outcome in zip(batch, self._store([e for e, _ in batch]), strict=True):
            try:
                tell(outcome)
            except Exception as error:
                self._report(error)

    def _store(self, entries: Sequence[Entry]) -> list[Outcome]:
        fault = self.faults.strike()
        if fault != "lost":
            outcomes = self.shelf.apply(entries, self._kept_ms)
        self.is_writable = fault is None
        if fault is not None:
            self._counts["commit_failures"] += 1
            error = OSError(f"the commit failed ({fault})")
            return [Failed(error, everything=True)] * len(entries)
        self._counts["commits"] += 1
        self._counts["entries"] += len(entries)
        return outcomes

    # --- reading

    async def load(self, address: Address) -> Loaded | None:
        """Read one actor."""
        return self.shelf.load(address)

    async def facts(self, address: Address, after: int, limit: int) -> Sequence[Stored]:
        """Kept facts of an actor after a version."""
        kept = self.shelf.facts.get(address, ())
        return [fact for fact in kept if fact.version > after][:limit]

    async def kind_facts(
        self, project: str, kind: str, after_seq: int, limit: int
    ) -> Sequence[Stored]:
        """Kept facts of a kind after a seq."""
        found = [
            fact
            for address, kept in self.shelf.facts.items()
            if address[:2] == (project, kind)
            for fact in kept
            if fact.seq > after_seq
        ]
        return sorted(found, key=lambda fact: fact.seq)[:limit]

    async def last_seq(self) -> int:
        """The newest seq given out."""
        return self.shelf.seq

    async def actors(
        self, project: str, kind: str, phase: str, after: str, limit: int
    ) -> Sequence[Listed]:
        """Actors in order of id (of its UTF-8, as in the file)."""
        found = [
            Listed(address, row.version, row.phase, row.alarm_at_ms)
            for address, row in self.shelf.actors.items()
            if address[:2] == (project, kind) and address.id > after
            if row.state is not None and phase in ("", row.phase)
        ]
        return sorted(found, key=lambda one: one.address)[:limit]

    async def count(self, project: str, kind: str) -> dict[str, int]:
        """Number of actors by phase."""
        counts: dict[str, int] = {}
        for address, row in self.shelf.actors.items():
            if address[:2] == (project, kind) and row.state is not None:
                counts[row.phase] = counts.get(row.phase, 0) + 1
        return counts

    async def alarms(self, limit: int) -> Sequence[tuple[Address, int]]:
        """The next alarms."""
        found = [
            (address, row.alarm_at_ms)
            for address, row in self.shelf.actors.items()
            if row.alarm_at_ms is not None
        ]
        return sorted(found, key=lambda one: one[1])[:limit]

    async def document(self, project: str, hash_: str) -> bytes | None:
        """A document's body."""
        return self.shelf.documents.get((project, hash_))

    async def kept(self, project: str, principal: str, key: str) -> Kept | None:
        """The answer kept under an idempotency key."""
        kept = self.shelf.kept.get((project, principal, key))
        is_young = kept is not None and kept.at_ms > self._now_ms() - self._kept_ms
        return kept if is_young else None

    async def due(self, now_ms: int, limit: int) -> Sequence[Delivery]:
        """Heads that are due."""
        heads = [one for one in self.shelf.heads() if one.due_at_ms <= now_ms]
        return sorted(heads, key=lambda one: (one.due_at_ms, one.id))[:limit]

    async def lines(self, each: int) -> Sequence[Delivery]:
        """The first heads of every line."""
        found, heads = [], sorted(self.shelf.heads(), key=lambda one: (one.due_at_ms, one.id))
        taken: Counter[tuple[str, str]] = Counter()
        for head in heads:
            taken[head.project, head.effect.subscription] += 1
            if taken[head.project, head.effect.subscription] <= each:
                found.append(head)
        return found

    async def next_due(self) -> int | None:
        """When the next head falls due."""
        return min((one.due_at_ms for one in self.shelf.heads()), default=None)

    async def order(
        self, project: str, subscription: str, subject: str, limit: int
    ) -> Sequence[Delivery]:
        """The first rows of an order that are not parked."""
        return list(islice(self.shelf.order(project, subscription, subject), limit))

    async def deliveries(
        self, project: str, *, parked_only: bool, after: int, limit: int
    ) -> Sequence[Delivery]:
        """Outbox rows of a project."""
        return [
            one
            for one in self.shelf.outbox.values()
            if one.project == project and one.id > after and (one.parked or not parked_only)
        ][:limit]

    # --- keeping house

    async def tidy(self, keeps: Mapping[str, Any], now_ms: int) -> int:
        """Delete what is kept too long, all at once; rows deleted."""
        old = [key for key, kept in self.shelf.kept.items() if kept.at_ms <= now_ms - self._kept_ms]
        for key in old:
            del self.shelf.kept[key]
        return len(old) + sum(
            self._cut(address, keeps[address.kind], now_ms)
            for address in list(self.shelf.facts)
            if not is_for_ever(keeps.get(address.kind))
        )

    def _cut(self, address: Address, keep: Any, now_ms: int) -> int:
        row, facts = self.shelf.actors[address], self.shelf.facts[address]
        if keep.last is not None:
            newest = row.version - keep.last
        else:
            young_ms = now_ms - int(keep.days * DAY_MS)
            young = (fact.version for fact in facts if fact.at_ms >= young_ms)
            newest = min(young, default=row.version + 1) - 1
        left = [fact for fact in facts if fact.version > min(newest, row.state_version)]
        self.shelf.facts[address] = left
        return len(facts) - len(left)

    def statistics(self) -> Mapping[str, float]:
        """Counters since the store was made."""
        return {
            **self._counts,
            "queue_entries": len(self._queue),
            "is_writable": self.is_writable,
            "last_seq": self.shelf.seq,
        }
