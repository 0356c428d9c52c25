"""Pools: rows of one order of the outbox that leave together.

A sender that takes pools (`engine/senders.py`) gets an order from its head on: when the head is
due, when as many rows wait as the sender wants at once, or when somebody asks for it. Counting only
says when to look: what is sent, and whether it is enough, is read from the store. So a restart,
which forgets the counts, costs no more than the wait until the head is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Literal, NamedTuple, Self

import trio

from engine.ports import Delivery

ORDERS_COUNTED_MAX = 10_000
"""Orders whose waiting rows are counted; beyond it the one longest unchanged is forgotten."""

End = Literal["sent", "failed", "gone"]
"""How a sending ended; gone: others settled some of its rows, and what is left is looked at."""


class Order(NamedTuple):
    """Whose rows keep their order: those with equal project, subscription and subject."""

    project: str
    subscription: str
    subject: str

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """The order that a delivery stands in."""
        effect = delivery.effect
        return cls(delivery.project, effect.subscription, effect.subject)


class Flush:
    """Somebody waits until an order is sent."""

    __slots__ = ("_ended", "_is_sent")

    def __init__(self) -> None:
        self._ended = trio.Event()
        self._is_sent = False

    def end(self, *, is_sent: bool) -> None:
        """Tell whoever waits. Plain."""
        self._is_sent = is_sent
        self._ended.set()

    async def wait(self) -> bool:
        """True if everything that waited was sent."""
        await self._ended.wait()
        return self._is_sent


class Sending(NamedTuple):
    """What leaves together. `has_more`: other rows of the order may wait behind it."""

    rows: Sequence[Delivery]
    has_more: bool = False
    flushes: Sequence[Flush] = ()


class Pools:
    """Counts what waits, and knows which orders to look at before their heads are due. Plain."""

    def __init__(self) -> None:
        self._waiting: dict[Order, int] = {}
        self._wanted: dict[Order, list[Flush]] = {}
        self._is_closed = False

    def count(self, order: Order, full_at: int) -> None:
        """One more row waits; `full_at` of them are looked at."""
        self.leave(order, 1)
        if self._waiting[order] >= full_at:
            self.want(order)

    def leave(self, order: Order, waiting: int) -> None:
        """So many rows go on waiting."""
        self._waiting[order] = self._waiting.pop(order, 0) + waiting
        if len(self._waiting) > ORDERS_COUNTED_MAX:
            del self._waiting[next(iter(self._waiting))]

    def want(self, order: Order, flushes: Iterable[Flush] = ()) -> None:
        """Have an order looked at."""
        self._wanted.setdefault(order, []).extend(flushes)

    @property
    def wanted(self) -> tuple[Order, ...]:
        """Orders to look at, first wanted first."""
        return tuple(self._wanted)

    def take(self, order: Order) -> list[Flush]:
        """It is looked at: whoever wanted it so far, and its count starts anew."""
        self._waiting.pop(order, None)
        return self._wanted.pop(order, [])

    def flush(self, order: Order) -> Flush:
        """Somebody wants an order sent now and waits for it."""
        flush = Flush()
        if self._is_closed:
            flush.end(is_sent=False)
        else:
            self.want(order, [flush])
        return flush

    def ended(self, order: Order, sending: Sending, end: End) -> None:
        """A sending has ended: look at the rest, or tell whoever waits for it."""
        if end == "gone" or (end == "sent" and sending.has_more):
            self.want(order, sending.flushes)
            return
        for flush in sending.flushes:
            flush.end(is_sent=end == "sent")

    def close(self) -> None:
        """Nothing is sent any more: nobody waits in vain."""
        self._is_closed = True
        for flush in chain.from_iterable(self._wanted.values()):
            flush.end(is_sent=False)
        self._wanted.clear()
