"""A third toy domain: a guest who may be shy.

It shows what an actor may know and not write down: a shy guest's name lives in memory only. Turning
shy erases the past; the guest goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from engine.effects import Effect, Note
from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Command, Event, Forgotten
from engine.unwritten import Unwritten


class Guest(msgspec.Struct, frozen=True, rename="camel"):
    """A guest. `visits` may always be known, the name only of those who are open."""

    mood: str = "open"
    name: str = ""
    visits: int = 0


class Visit(Command, frozen=True):
    """Come in, under a name."""

    public = True
    name: str


class BeShy(Command, frozen=True):
    """Be forgotten, and go on."""

    public = True
    alone = True


class BeOpen(Command, frozen=True):
    """Be known from now on."""

    public = True


class Visited(Event, frozen=True):
    """Came in."""

    name: str = ""


class TurnedShy(Event, frozen=True):
    """Is shy now."""


class TurnedOpen(Event, frozen=True):
    """Is open now, and this is the name."""

    name: str


def _visit(_guest: Guest, command: Visit, _moment: Moment) -> Iterator[Event | Effect | Note]:
    yield Visited(name=command.name)
    yield Effect(sender="bell", subject="hall", body=b"1", about="g")
    if command.name.islower():
        yield Note(5, "NAME", "a name begins with a capital letter")


def _be_shy(_guest: Guest, _command: BeShy, _moment: Moment) -> Iterator[Event | Effect]:
    yield TurnedShy()
    yield Forgotten()
    yield Effect(sender="bell", subject="hall", body=b"2", about="g")


def _be_open(guest: Guest, _command: BeOpen, _moment: Moment) -> Iterator[TurnedOpen]:
    yield TurnedOpen(name=guest.name)


def evolve(guest: Guest, event: Event) -> Guest:
    """The fold."""
    match event:
        case Visited(name=name):
            return msgspec.structs.replace(guest, name=name, visits=guest.visits + 1)
        case TurnedShy():
            return msgspec.structs.replace(guest, mood="shy")
        case TurnedOpen(name=name):
            return msgspec.structs.replace(guest, mood="open", name=name)
    return guest


def _written(guest: Guest) -> Guest:
    return guest if guest.mood == "open" else msgspec.structs.replace(guest, name="")


def _written_events(guest: Guest, events: tuple[Event, ...]) -> tuple[Event, ...]:
    if guest.mood == "open":
        return events
    return tuple(Visited() if isinstance(event, Visited) else event for event in events)


def _woken(guest: Guest) -> Guest:
    return guest if guest.mood == "open" else msgspec.structs.replace(guest, name="somebody")


GUEST = Kind[Guest](
    name="guest",
    state=Guest,
    initial=lambda _id: Guest(),
    machines=(
        Machine[Guest](
            "mood",
            ("open", "shy"),
            (
                Row("open", Visit, "open", _visit),
                Row("shy", Visit, "shy", _visit),
                Row(("open", "shy"), BeShy, "shy", _be_shy),
                Row("shy", BeOpen, "open", _be_open),
            ),
            phase=lambda guest: guest.mood,
        ),
    ),
    evolve=evolve,
    events=(Visited, TurnedShy, TurnedOpen),
    state_every=8,
    unwritten=Unwritten(_written, _written_events, _woken),
)
