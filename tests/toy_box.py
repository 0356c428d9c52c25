"""A fourth toy domain: a box of tickets, and people who buy them.

It shows joint steps: who buys a ticket takes it out of the box in the same commit, or neither
happens. A box may ring when it is empty.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from engine.effects import Also, Append, Claim, Effect, Needs
from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Address, AlarmDue, Command, Erase, Event

RING_MS = 5_000


class Box(msgspec.Struct, frozen=True):
    """A box of tickets."""

    phase: str = "closed"
    tickets: int = 0
    ring_at_ms: int | None = None


class Fill(Command, frozen=True):
    """Put tickets in."""

    public = True
    tickets: int


class Take(Command, frozen=True):
    """Take one out; only a joint step does."""


class Filled(Event, frozen=True):
    """There are so many more."""

    tickets: int


class Taken(Event, frozen=True):
    """One is gone; the last one leaves a time to ring at."""

    ring_at_ms: int | None = None


class Rang(Event, frozen=True):
    """It rang: nothing is left."""


def _fill(_box: Box, command: Fill, _moment: Moment) -> Iterator[Filled]:
    yield Filled(tickets=command.tickets)


def _has_tickets(box: Box, _command: Take, _moment: Moment) -> bool:
    return box.tickets > 0


def _take(box: Box, _command: Take, moment: Moment) -> Iterator[Event | Effect]:
    is_last = box.tickets == 1
    yield Taken(ring_at_ms=moment.now_ms + RING_MS if is_last else None)
    if is_last:
        yield Effect(sender="bell", subject="sold out", body=b"1")


def _ring(_box: Box, _alarm: AlarmDue, _moment: Moment) -> Iterator[Rang]:
    yield Rang()


def _evolve_box(box: Box, event: Event) -> Box:
    match event:
        case Filled(tickets=tickets):
            return Box("open", box.tickets + tickets)
        case Taken(ring_at_ms=ring_at_ms):
            return Box("open", box.tickets - 1, ring_at_ms)
        case Rang():
            return Box("open", box.tickets)
    return box


BOX = Kind[Box](
    name="box",
    state=Box,
    initial=lambda _id: Box(),
    machines=(
        Machine[Box](
            "box",
            ("closed", "open"),
            (
                Row(("closed", "open"), Fill, "open", _fill),
                Row("open", Take, "open", _take, _has_tickets, "there are no tickets left"),
                Row("open", AlarmDue, "open", _ring),
            ),
        ),
    ),
    evolve=_evolve_box,
    events=(Filled, Taken, Rang),
    deadline=lambda box: box.ring_at_ms,
)


class Buyer(msgspec.Struct, frozen=True):
    """Somebody with tickets."""

    phase: str = "looking"
    tickets: int = 0


class Buy(Command, frozen=True):
    """Buy a ticket out of each of these boxes."""

    public = True
    boxes: tuple[str, ...] = ("b",)


class Meddle(Command, frozen=True):
    """Joint steps that cannot be meant: with oneself, with strangers, with an end in them."""

    how: str


class Bought(Event, frozen=True):
    """So many more."""

    tickets: int


def _boxes(command: Command) -> tuple[Address, ...]:
    names = command.boxes if isinstance(command, Buy) else ("b",)
    return tuple(Address("", "box", name) for name in dict.fromkeys(names))


def _needs(_buyer: Buyer, command: Command) -> Needs:
    return Needs(actors=_boxes(command))


def _buy(_buyer: Buyer, command: Buy, _moment: Moment) -> Iterator[Event | Also | Append | Claim]:
    yield Bought(tickets=len(command.boxes))
    for name in command.boxes:
        yield Also(Address("", "box", name), Take())
    yield Append("sold", (len(command.boxes),))


def _meddle(_buyer: Buyer, command: Meddle, _moment: Moment) -> Iterator[Event | Also]:
    yield Bought(tickets=1)
    match command.how:
        case "myself":
            yield Also(Address("", "buyer", "ann"), Buy())
        case "stranger":
            yield Also(Address("", "box", "unseen"), Take())
        case "end":
            yield Also(Address("", "box", "b"), Erase())


def _evolve_buyer(buyer: Buyer, event: Event) -> Buyer:
    if isinstance(event, Bought):
        return Buyer("happy", buyer.tickets + event.tickets)
    return buyer


BUYER = Kind[Buyer](
    name="buyer",
    state=Buyer,
    initial=lambda _id: Buyer(),
    machines=(
        Machine[Buyer](
            "buyer",
            ("looking", "happy"),
            (
                Row(("looking", "happy"), Buy, "happy", _buy),
                Row(("looking", "happy"), Meddle, "happy", _meddle),
            ),
        ),
    ),
    evolve=_evolve_buyer,
    events=(Bought,),
    needs=_needs,
)
