"""What travels: addresses, commands, events, facts, replies.

A command orders (`Pause`), an event remembers (`Paused`). A fact is what one accepted command
became: one or more events in order, stored together under the actor's next version. All of it is
frozen; the wire form is JSON with the class name as tag, so a renamed class fails loudly.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import msgspec

from engine.errors import EngineError


class BadAddress(EngineError):
    """An id that is empty, too long or holds a control character (engine spec 2.1)."""

    code = "bad_address"


class Address(NamedTuple):
    """Who is meant: an actor of a kind in a project. It says nothing about being awake."""

    project: str
    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.project}/{self.kind}/{self.id}"

    @property
    def topic(self) -> str:
        """The live topic of this actor inside its project: `KIND/ID`."""
        return f"{self.kind}/{self.id}"


NOBODY = Address("", "", "")
"""For reports about the engine itself."""


def check_id(text: str, bytes_max: int) -> str:
    """Return `text` if it may be an actor's id; raise `BadAddress` otherwise."""
    size = len(text.encode("utf-8", "replace"))
    if not 1 <= size <= bytes_max:
        raise BadAddress(f"an id has 1 to {bytes_max} bytes, not {size}")
    if text.isascii() and text.isprintable():
        return text  # as most are
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text):
        raise BadAddress("an id holds no control characters")
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        raise BadAddress("an id is valid Unicode")
    return text


def _lower_first(name: str) -> str:
    return name[0].lower() + name[1:]


class Command(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="command",
    tag=_lower_first,
    rename="camel",
    forbid_unknown_fields=True,
):
    """An order to one actor. Its wire name is the class name with a small first letter.

    Only commands with `public = True` are accepted from outside; the others are the doors' own.
    One that is `alone` joins no earlier commands in a commit: it may erase what they left.
    """

    public: ClassVar[bool] = False
    alone: ClassVar[bool] = False

    @classmethod
    def wire_name(cls) -> str:
        """The name that HTTP, the live socket, tables and diagrams use."""
        name: str = cls.__struct_config__.tag  # type: ignore[assignment]
        return name


class AlarmDue(Command, frozen=True):
    """The actor's alarm rang. Ignored unless `at_ms` is the stored alarm (engine spec 3)."""

    at_ms: int


class Erase(Command, frozen=True):
    """Erase the actor: its last fact, after which only a tombstone with the version stays.

    With `privacy` the earlier facts, list rows and pending effects about it go as well
    (engine spec 2.4). `own_only`: of list rows just those that came through this actor, because
    whoever asks may not speak for the person behind every id that it has had.
    """

    alone = True
    privacy: bool = False
    own_only: bool = False


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag=True, rename="camel"):
    """One transition that happened. `evolve` folds it into the state and never fails on it."""

    @classmethod
    def wire_name(cls) -> str:
        """The name under which the event is stored and pushed: its class name."""
        return cls.__name__


class Erased(Event, frozen=True):
    """The actor's last fact. `counts` says how many facts and rows went with it."""

    privacy: bool = False
    counts: dict[str, int] = {}


class Forgotten(Event, frozen=True):
    """The actor goes on without its past (engine spec 2.4).

    In the commit of its fact the earlier facts lose their events, and list rows, kept replies and
    pending effects about the actor go. Every kind may state it; no fold sees it. `own_only` is that
    of `Erase`; `counts` says how much went. The command that leads to it is `alone`.
    """

    own_only: bool = False
    counts: dict[str, int] = {}


class Stored(msgspec.Struct, frozen=True):
    """A fact as the store holds it: `seq` is the store's commit order, `body` JSON events."""

    seq: int
    address: Address
    version: int
    name: str
    body: bytes
    at_ms: int


class Fact(msgspec.Struct, frozen=True, dict=True):
    """What one accepted command became: events in order, at a version and a time."""

    version: int
    at_ms: int
    events: tuple[Event, ...]

    @property
    def name(self) -> str:
        """The first event's name: it gives the fact its own."""
        return self.events[0].wire_name()

    @cached_property
    def body(self) -> bytes:
        """JSON as stored."""
        return msgspec.json.encode(self.events)


class Snapshot(msgspec.Struct, frozen=True):
    """An actor's committed state: what a peek sees and a listener starts from.

    `version` 0 with `state` None: no actor. `generation` counts how often the address was created
    again after an erasure. `since_ms` tells, per machine, when its phase was entered.
    """

    address: Address
    version: int
    generation: int
    state: Any
    phase: str
    since_ms: tuple[int, ...] = ()
    alarm_at_ms: int | None = None

    @property
    def exists(self) -> bool:
        """False for an address without history and for an erased one."""
        return self.state is not None


class Reply(msgspec.Struct, frozen=True):
    """The answer to an accepted command: the state it led to.

    `fact` is None where nothing had to change, and for a repeated command (`repeated`).
    `rows` holds what the appends of the command answered, `notes` what the rule remarked.
    """

    address: Address
    version: int
    generation: int
    state: Any
    fact: Fact | None = None
    repeated: bool = False
    rows: tuple[Any, ...] = ()
    notes: tuple[Any, ...] = ()
