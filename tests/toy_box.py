"""A fourth toy domain: a box of tickets, and people who buy them.

It shows joint steps: who buys a ticket takes it out of the box in the same commit, or neither
happens. A box may ring when it is empty. Who is erased gives the tickets back in the commit of the
erasure, and tells the bell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from engine.effects import Also, Append, Claim, Effect, Needs
from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Address, AlarmDue, Command, Erase, Event

RING_MS = 5_000
ROOM = 60
"""Tickets that a box takes back at most; it may be filled with more."""


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


class GiveBack(Command, frozen=True):
    """Put tickets back; only the parting of a buyer does."""

    tickets: int


class Filled(Event, frozen=True):
    """There are so many more."""

    tickets: int


class Taken(Event, frozen=True):
    """One is gone; the last one leaves a time to ring at."""

    ring_at_ms: int | None = None


class GivenBack(Event, frozen=True):
    """So many are here again."""

    tickets: int


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


def _has_room(box: Box, command: GiveBack, _moment: Moment) -> bool:
    return box.tickets + command.tickets <= ROOM


def _give_back(_box: Box, command: GiveBack, _moment: Moment) -> Iterator[GivenBack]:
    yield GivenBack(tickets=command.tickets)


def _ring(_box: Box, _alarm: AlarmDue, _moment: Moment) -> Iterator[Rang]:
    yield Rang()


def _evolve_box(box: Box, event: Event) -> Box:
    match event:
        case Filled(tickets=tickets):
            return Box("open", box.tickets + tickets)
        case Taken(ring_at_ms=ring_at_ms):
            return Box("open", box.tickets - 1, ring_at_ms)
        case GivenBack(tickets=tickets):
            return Box("open", box.tickets + tickets, box.ring_at_ms)
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
                Row("open", GiveBack, "open", _give_back, _has_room, "the box is full"),
                Row("open", AlarmDue, "open", _ring),
            ),
        ),
    ),
    evolve=_evolve_box,
    events=(Filled, Taken, GivenBack, Rang),
    deadline=lambda box: box.ring_at_ms,
)


class Buyer(msgspec.Struct, frozen=True):
    """Somebody with tickets. `boxes` names, for each of them, the one that it came from."""

    phase: str = "looking"
    boxes: tuple[str, ...] = ()

    @property
    def tickets(self) -> int:
        """How many."""
        return len(self.boxes)


class Buy(Command, frozen=True):
    """Buy a ticket out of each of these boxes."""

    public = True
    boxes: tuple[str, ...] = ("b",)


class Meddle(Command, frozen=True):
    """Joint steps that cannot be meant: with oneself, with strangers, with an end in them."""

    how: str


class Bought(Event, frozen=True):
    """A ticket out of each of these."""

    boxes: tuple[str, ...]


def _needs(buyer: Buyer, command: Command) -> Needs:
    match command:
        case Buy(boxes=boxes):
            names = boxes
        case Erase():
            names = buyer.boxes
        case _:
            names = ("b",)
    return Needs(actors=tuple(Address("", "box", name) for name in dict.fromkeys(names)))


def _buy(_buyer: Buyer, command: Buy, _moment: Moment) -> Iterator[Event | Also | Append | Claim]:
    yield Bought(boxes=command.boxes)
    for name in command.boxes:
        yield Also(Address("", "box", name), Take())
    yield Append("sold", (len(command.boxes),))


def _meddle(_buyer: Buyer, command: Meddle, _moment: Moment) -> Iterator[Event | Also]:
    yield Bought(boxes=("b",))
    match command.how:
        case "myself":
            yield Also(Address("", "buyer", "ann"), Buy())
        case "stranger":
            yield Also(Address("", "box", "unseen"), Take())
        case "end":
            yield Also(Address("", "box", "b"), Erase())


def _evolve_buyer(buyer: Buyer, event: Event) -> Buyer:
    if isinstance(event, Bought):
        return Buyer("happy", buyer.boxes + event.boxes)
    return buyer


def _part(buyer: Buyer, _command: Erase, _moment: Moment) -> Iterator[Also | Effect]:
    for name, tickets in Counter(buyer.boxes).items():
        yield Also(Address("", "box", name), GiveBack(tickets=tickets))
    yield Effect(sender="bell", subject="left", body=b"3", about="ann")


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
    parting=_part,
)
