"""Who carries effects out of the house: one by one, or many of an order at once.

A sender is registered under the name that effects give. Whatever it raises means: try again, after
its next wait, or in as many seconds as `Later` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from engine.effects import Append
from engine.pools import Order
from engine.ports import Delivery


class Sender(Protocol):
    """Delivers one sort of effect, one by one. Raising means: try again later."""

    @property
    def waits_seconds(self) -> tuple[float, ...]:
        """Waits between attempts; after the last one the delivery is parked (not for `Later`)."""
        ...

    async def send(self, delivery: Delivery) -> None:
        """Deliver once; `delivery.id` is the same on every attempt."""
        ...


@runtime_checkable
class PoolSender(Protocol):
    """Delivers many effects of one order at once. Raising means: try again later."""

    @property
    def waits_seconds(self) -> tuple[float, ...]:
        """Waits between attempts; after the last one the head is parked, and it alone.

        Attempts are the head's. `Later` asks for a wait of its own and never parks; it counts as an
        attempt all the same, so who raises it should raise nothing else for the same trouble.
        """
        ...

    @property
    def batch_max(self) -> int:
        """Rows taken at once, at least 1. A `full_at` beyond it is taken for it."""
        ...

    def full_at(self, order: Order) -> int:
        """Rows waiting that send the order at once, before its head is due; 0: never.

        A head that waits for another attempt is not hurried. Called between a commit and its
        replies: plain, quick, and it must not raise.
        """
        ...

    async def send_all(self, deliveries: Sequence[Delivery]) -> Iterable[Append]:
        """Deliver rows of one order, in order of id; ids are the same on every attempt.

        The rows of lists that it returns are committed with the settling, exactly once: a person
        erased meanwhile is in neither. Where the store refuses such a row, the attempt has failed.
        """
        ...


class OneByOne:
    """A sender seen as one that takes pools of a single row."""

    batch_max = 1

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    @property
    def waits_seconds(self) -> tuple[float, ...]:
        """The sender's own."""
        return self._sender.waits_seconds

    def full_at(self, _order: Order) -> int:
        """Never."""
        return 0

    async def send_all(self, deliveries: Sequence[Delivery]) -> Iterable[Append]:
        """Send each; nothing is appended."""
        for delivery in deliveries:
            await self._sender.send(delivery)
        return ()


class _Nobody:
    """Stands in for a sender that is not registered: its deliveries are parked at once."""

    waits_seconds = ()

    async def send(self, delivery: Delivery) -> None:
        """There is nobody to send it."""
        raise LookupError(f"there is no sender {delivery.effect.sender!r}")


NOBODY_SENDS: PoolSender = OneByOne(_Nobody())
