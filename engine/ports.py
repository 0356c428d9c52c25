"""What the engine asks of the world, as protocols.

The store is the important one. A commit is one batch of *entries*; an entry writes one actor (or
several: a joint step), is fenced on the expected version of every actor it writes or reads, and is
accepted or rejected alone. Nothing here has the shape of SQLite: several nodes could share one
store as long as it fences. Implementations: `storage/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from engine.effects import Append, Claim, Document, Effect, Release
from engine.messages import Address, Fact, Stored

# --- what is written


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one actor in an entry.

    `expected` is the version it must have now (0: no row, or never existed); `version` the one it
    has afterwards (`expected` + number of facts; equal: a write without a fact). `state` is the
    encoded state, or None when this commit leaves the row's older state in place (the tail of
    facts makes up for it). `erases`: a tombstone stays; with `privacy` the bodies of `about`'s
    facts, list rows and pending effects go too. `privacy` alone: the actor goes on from here.
    `own_only`: of list rows only those that came through the actor.
    """

    address: Address
    expected: int
    version: int
    generation: int
    phase: str
    alarm_at_ms: int | None
    since_ms: tuple[int, ...]
    facts: tuple[Fact, ...] = ()
    state: bytes | None = None
    erases: bool = False
    privacy: bool = False
    own_only: bool = False
    about: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The answer kept under an idempotency key (engine spec 4).

    `state` is the encoded state the reply showed; None: too big, rebuild it from the actor.
    """

    project: str
    principal: str
    key: str
    fingerprint: bytes
    address: Address
    version: int
    generation: int
    state: bytes | None
    at_ms: int


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An outbox row: an effect on its way; `cursor` is how far a sender is that went on."""

    id: int
    project: str
    cause: Address
    version: int
    effect: Effect
    due_at_ms: int
    attempts: int = 0
    parked: bool = False
    error: str = ""
    cursor: str = ""


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a delivery: gone (`due_at_ms` None), due again, or parked.

    `cursor` is how far its sender is; None: as it was.
    """

    id: int
    due_at_ms: int | None = None
    attempts: int = 0
    parked: bool = False
    error: str = ""
    cursor: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One all-or-nothing part of a batch. `reads`: versions that must still hold, unwritten.

    `project` owns documents, claims, effects and appends; `at_ms` is the time of the decision.
    With `settles` and `appends` together every settled delivery must still be there, else the
    entry is `Failed` with `DeliveryGone`: so a delivery into a list happens exactly once.
    """

    project: str
    at_ms: int
    changes: tuple[Change, ...] = ()
    reads: tuple[tuple[Address, int], ...] = ()
    effects: tuple[tuple[Address, int, Effect], ...] = ()
    appends: tuple[Append, ...] = ()
    claims: tuple[tuple[Address, Claim | Release], ...] = ()
    documents: tuple[Document, ...] = ()
    kept: tuple[Kept, ...] = ()
    settles: tuple[Settle, ...] = ()


# --- what became of it


class Committed(msgspec.Struct, frozen=True):
    """Durable. `seqs` numbers the facts in order of the changes; `rows` answers the appends."""

    seqs: tuple[int, ...] = ()
    rows: tuple[Any, ...] = ()


class Missed(msgspec.Struct, frozen=True):
    """Somebody else committed first: `address` has another version than expected."""

    address: Address


class Taken(msgspec.Struct, frozen=True):
    """A claim is held by somebody else."""

    space: str
    key: str


class Failed(msgspec.Struct, frozen=True):
    """The entry, or the whole commit (`everything`), failed; nothing of it is stored."""

    error: Exception
    everything: bool = False


Outcome = Committed | Missed | Taken | Failed
Tell = Callable[[Outcome], None]


# --- what is read

REDACTED = "Redacted"
"""Name of a fact whose events an erasure for privacy took away: its version, seq and time remain,
its body is the marker `REDACTED_BODY`, which no kind can decode. Readers skip it (a listener that
would cross it gets a snapshot); the tail of `Loaded` never holds one."""

REDACTED_BODY = b'[{"event":"Redacted"}]'


class Loaded(msgspec.Struct, frozen=True):
    """An actor as the store holds it: the row, and the facts after the row's state."""

    version: int
    generation: int
    phase: str
    state: bytes | None
    since_ms: tuple[int, ...]
    alarm_at_ms: int | None
    tail: tuple[Stored, ...] = ()


class Listed(msgspec.Struct, frozen=True):
    """One line of a list of actors."""

    address: Address
    version: int
    phase: str
    alarm_at_ms: int | None


class Store(Protocol):
    """Where actors are durable. Two implementations pass one contract suite."""

    @property
    def epoch(self) -> str:
        """The history's name; changes when a backup is restored."""
        ...

    @property
    def is_writable(self) -> bool:
        """False while the last commit failed as a whole (disk full); heals by itself."""
        ...

    def submit(self, entry: Entry, tell: Tell) -> None:
        """Queue an entry. `tell` runs on trio's thread after the commit, in commit order.

        Plain: it never waits. All `tell` calls of one commit run in one plain function. Raises
        `Overloaded` when too many entries wait and `Unavailable` when closed.
        """
        ...

    async def load(self, address: Address) -> Loaded | None:
        """Read one actor: a tombstone has `state` None and phase "erased"; None: no row."""
        ...

    async def facts(self, address: Address, after: int, limit: int) -> Sequence[Stored]:
        """Kept facts of an actor with a version above `after`, in order."""
        ...

    async def kind_facts(
        self, project: str, kind: str, after_seq: int, limit: int
    ) -> Sequence[Stored]:
        """Kept facts of a kind in a project with a seq above `after_seq`, in commit order."""
        ...

    async def last_seq(self) -> int:
        """The newest seq given out."""
        ...

    async def actors(
        self, project: str, kind: str, phase: str, after: str, limit: int
    ) -> Sequence[Listed]:
        """Actors in order of id, after id `after`; `phase` "" is any; tombstones are left out."""
        ...

    async def count(self, project: str, kind: str) -> dict[str, int]:
        """Number of actors by phase."""
        ...

    async def alarms(self, limit: int) -> Sequence[tuple[Address, int]]:
        """The next alarms in order of time."""
        ...

    async def document(self, project: str, hash_: str) -> bytes | None:
        """A document's body by the hex of its SHA-256."""
        ...

    async def kept(self, project: str, principal: str, key: str) -> Kept | None:
        """The answer kept under an idempotency key, if it is not too old."""
        ...

    async def due(self, now_ms: int, limit: int) -> Sequence[Delivery]:
        """Heads of their (subscription, subject) order that are due and not parked."""

    async def lines(self, each: int) -> Sequence[Delivery]:
        """Of every (project, subscription) the first `each` heads, due or not, by time."""

    async def next_due(self) -> int | None:
        """When the next delivery that is not parked falls due."""

    async def order(
        self, project: str, subscription: str, subject: str, limit: int
    ) -> Sequence[Delivery]:
        """The first rows of an order that are not parked, due or not, in order of id."""
        ...

    async def deliveries(
        self, project: str, *, parked_only: bool, after: int, limit: int
    ) -> Sequence[Delivery]:
        """Outbox rows of a project in order of id."""
        ...

    async def tidy(self, keeps: Mapping[str, Any], now_ms: int) -> int:
        """Cut histories beyond their kind's `Keep` and old kept replies, a chunk; rows deleted."""
        ...

    def statistics(self) -> Mapping[str, float]:
        """Counters for `/metrics`."""
        ...


class Clock(Protocol):
    """Wall time for rules and monotonic waiting for the engine."""

    def now_ms(self) -> int:
        """Unix time in milliseconds, UTC."""


class Observer(Protocol):
    """Who watches: logs and metrics. Every method is plain and must not raise."""

    def handled(
        self, address: Address, command: str, outcome: str, version: int, seconds: float
    ) -> None:
        """A command was answered: `ok`, `nothing`, `repeated`, or an error's code."""

    def woke(self, address: Address, version: int) -> None:
        """An actor was read from the store."""

    def slept(self, address: Address) -> None:
        """An actor was put to sleep."""

    def failed(self, address: Address, what: str, error: BaseException) -> None:
        """A handler, an alarm or a delivery broke."""


class Silent:
    """An observer that watches nothing."""

    def _watch_nothing(self, *_what: object) -> None: ...

    handled = woke = slept = failed = _watch_nothing
