"""A toy domain: a door with a code lock.

It exists only for tests and exercises all of the engine: guards, a timeout row, a deadline kept
in the state, effects, appends, claims, documents, needs, a refusal, and a command that may break.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from engine.effects import Append, Claim, Document, Effect, Needs
from engine.kind import Keep, Kind
from engine.machine import After, Machine, Moment, Row
from engine.messages import Address, AlarmDue, Command, Event

OPEN_SECONDS = 5.0


class Phase(StrEnum):
    """Where a door is."""

    LOCKED = "locked"
    OPEN = "open"
    JAMMED = "jammed"


class Door(msgspec.Struct, frozen=True, rename="camel"):
    """A door with a code lock."""

    phase: Phase = Phase.LOCKED
    code: str = "1234"
    opened: int = 0
    wrong: int = 0
    sign: str = ""
    chime_at_ms: int | None = None


class Open(Command, frozen=True):
    """Open with a code."""

    public = True
    code: str


class Shut(Command, frozen=True):
    """Shut the door."""

    public = True


class SetCode(Command, frozen=True):
    """Choose another code; the same one again changes nothing."""

    public = True
    code: str


class Jam(Command, frozen=True):
    """Jam it, and tell the locksmith; not for strangers."""


class Break(Command, frozen=True):
    """A command whose rule is broken."""

    public = True


class Hang(Command, frozen=True):
    """Hang a sign (a document) on the door and count it in a list."""

    public = True
    text: str


class Name(Command, frozen=True):
    """Claim a name, unique in the house."""

    public = True
    name: str


class Copy(Command, frozen=True):
    """Take over the code of another door (a need)."""

    public = True
    other: str


class Chime(Command, frozen=True):
    """Set a chime (a deadline kept in the state)."""

    public = True
    in_ms: int


class Opened(Event, frozen=True):
    """It opened."""


class Closed(Event, frozen=True):
    """It closed, by hand or by itself."""

    by_itself: bool = False


class CodeSet(Event, frozen=True):
    """It has another code."""

    code: str


class Jammed(Event, frozen=True):
    """It jammed."""


class Hung(Event, frozen=True):
    """A sign hangs there."""

    sign: str


class Named(Event, frozen=True):
    """It has a name."""

    name: str


class ChimeSet(Event, frozen=True):
    """It will chime."""

    at_ms: int


class Chimed(Event, frozen=True):
    """It chimed."""


def right_code(door: Door, command: Open, _moment: Moment) -> bool:
    """The code is right."""
    return command.code == door.code


def opened(_door: Door, _command: Open, _moment: Moment) -> Iterator[Event]:
    """It opens."""
    yield Opened()


def closed(_door: Door, _command: Shut, _moment: Moment) -> Iterator[Event]:
    """It closes."""
    yield Closed()


def closed_by_itself(_door: Door, _command: AlarmDue, _moment: Moment) -> Iterator[Event]:
    """It closes by itself."""
    yield Closed(by_itself=True)


def code_set(door: Door, command: SetCode, _moment: Moment) -> Iterator[Event]:
    """Only another code is a fact."""
    if command.code != door.code:
        yield CodeSet(code=command.code)


def jammed(_door: Door, _command: Jam, _moment: Moment) -> Iterator[Event | Effect]:
    """Two events in one fact, and an effect."""
    yield Closed(by_itself=True)
    yield Jammed()
    yield Effect(sender="locksmith", subject="jam", body=b'{"urgent":true}')


def broken(_door: Door, _command: Break, _moment: Moment) -> Iterator[Event]:
    """A bug."""
    raise RuntimeError("this rule is broken")
    yield Opened()


def hung(_door: Door, command: Hang, moment: Moment) -> Iterator[Event | Append | Document]:
    """The text is a document, the state keeps its hash, a list counts it."""
    document = Document(command.text.encode())
    yield document
    yield Hung(sign=document.hash)
    yield Append("sign", (document.hash, moment.now_ms))


def named(_door: Door, command: Name, _moment: Moment) -> Iterator[Event | Claim]:
    """The name is claimed in the same commit."""
    yield Claim("name", command.name)
    yield Named(name=command.name)


def copied(_door: Door, command: Copy, moment: Moment) -> Iterator[Event]:
    """The other door's committed code."""
    for address, snapshot in moment.seen.items():
        if address.id == command.other and snapshot.exists:
            yield CodeSet(code=snapshot.state.code)


def chime_set(_door: Door, command: Chime, moment: Moment) -> Iterator[Event]:
    """The time comes from the moment."""
    yield ChimeSet(at_ms=moment.now_ms + command.in_ms)


def chime_is_due(door: Door, command: AlarmDue, _moment: Moment) -> bool:
    """The chime is due."""
    return door.chime_at_ms is not None and door.chime_at_ms <= command.at_ms


def chimed(_door: Door, _command: AlarmDue, _moment: Moment) -> Iterator[Event]:
    """It chimes."""
    yield Chimed()


def evolve(door: Door, event: Event) -> Door:
    """The fold."""
    match event:
        case Opened():
            return msgspec.structs.replace(door, phase=Phase.OPEN, opened=door.opened + 1)
        case Closed():
            return msgspec.structs.replace(door, phase=Phase.LOCKED)
        case CodeSet(code=code):
            return msgspec.structs.replace(door, code=code)
        case Jammed():
            return msgspec.structs.replace(door, phase=Phase.JAMMED)
        case Hung(sign=sign):
            return msgspec.structs.replace(door, sign=sign)
        case ChimeSet(at_ms=at_ms):
            return msgspec.structs.replace(door, chime_at_ms=at_ms)
        case Chimed():
            return msgspec.structs.replace(door, chime_at_ms=None)
    return door


def needs(_door: Door, command: Command) -> Needs:
    """A copy must see the other door."""
    if isinstance(command, Copy):
        return Needs(actors=(Address("", "door", command.other),))
    return Needs()


def deadline(door: Door) -> int | None:
    """When it chimes."""
    return door.chime_at_ms


LOCK = Machine[Door](
    "lock",
    Phase,
    (
        Row(Phase.LOCKED, Open, Phase.OPEN, opened, right_code, "the code is right"),
        Row(Phase.OPEN, Shut, Phase.LOCKED, closed),
        Row(Phase.OPEN, After(OPEN_SECONDS), Phase.LOCKED, closed_by_itself, why="doors shut"),
        Row(Phase.LOCKED, SetCode, Phase.LOCKED, code_set, why="only a locked door is set"),
        Row((Phase.LOCKED, Phase.OPEN), Jam, Phase.JAMMED, jammed),
        Row(Phase.LOCKED, Break, Phase.OPEN, broken),
        Row(Phase.LOCKED, Hang, Phase.LOCKED, hung),
        Row(Phase.LOCKED, Name, Phase.LOCKED, named),
        Row(Phase.LOCKED, Copy, Phase.LOCKED, copied),
        Row(Phase.LOCKED, Chime, Phase.LOCKED, chime_set),
        Row(Phase.LOCKED, AlarmDue, Phase.LOCKED, chimed, chime_is_due, "the chime is due"),
        Row(Phase.OPEN, AlarmDue, Phase.OPEN, chimed, chime_is_due, "the chime is due"),
    ),
)

DOOR = Kind[Door](
    name="door",
    state=Door,
    initial=lambda _id: Door(),
    machines=(LOCK,),
    evolve=evolve,
    events=(Opened, Closed, CodeSet, Jammed, Hung, Named, ChimeSet, Chimed),
    deadline=deadline,
    needs=needs,
)

SPARSE_DOOR = Kind[Door](
    name="sparse_door",
    state=Door,
    initial=lambda _id: Door(),
    machines=(LOCK,),
    evolve=evolve,
    events=DOOR.events,
    deadline=deadline,
    keep=Keep(last=20),
    state_every=8,
)
