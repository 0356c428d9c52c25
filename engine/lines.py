"""Lines: the orders of one subscription, which share a receiver and so its troubles.

A receiver that hangs makes every delivery to it long. So a line has a part of the places only, less
when few are left; and after a delivery of it has failed it has one place, until one arrives again.
Whatever has no subscription is a line of its own. Where a line has more heads than one look reads,
the first heads of every line are read, so that a crowd behind one receiver hides nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from engine.limits import Limits
from engine.pools import Order
from engine.ports import Delivery, Store

FAILING_MAX = 10_000
"""Lines remembered as failing; beyond it the one that failed first counts as well."""
EVER_MS = 2**63 - 1
"""Later than anything is due."""


class Lines:
    """What the outbox looks at, and who may have one more delivery under way."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._is_crowded = False
        self._running: Counter[Order] = Counter()
        self._failing: dict[Order, None] = {}

    # --- looking

    async def due(self, now_ms: int, busy: int) -> Sequence[Delivery]:
        """Heads that are due; beyond a page (and the `busy` ones), the first of each line."""
        most = self._limits.outbox_page + busy
        heads = await self._store.due(now_ms, most)
        self._is_crowded = len(heads) >= most
        if self._is_crowded:
            heads = [head for head in await self._front() if head.due_at_ms <= now_ms]
        return heads

    async def next_due(self, busy: Collection[Order]) -> int | None:
        """When the next head falls due that is not `busy` and does not wait for a place."""
        if self._is_crowded:
            heads = [head for head in await self._front() if self.has_place(Order.of(head))]
        elif busy:
            heads = list(await self._store.due(EVER_MS, len(busy) + 1))
        else:
            return await self._store.next_due()
        return next((head.due_at_ms for head in heads if Order.of(head) not in busy), None)

    async def _front(self) -> Sequence[Delivery]:
        """Of each line its first heads, one more than may be under way."""
        return await self._store.lines(self._limits.outbox_line_running_max + 1)

    # --- places

    def has_place(self, order: Order) -> bool:
        """Whether one more delivery of that order may start now; if not, it waits for an end."""
        free = self._limits.outbox_running_max - self._running.total()
        if order.subscription:
            line = _line(order)
            most = 1 if line in self._failing else self._limits.outbox_line_running_max
            free = min(most, free) - self._running[line]
        self._is_crowded |= free <= 0
        return free > 0

    def started(self, order: Order) -> None:
        """One more is under way."""
        self._running[_line(order)] += 1

    def ended(self, order: Order) -> None:
        """One less."""
        line = _line(order)
        self._running[line] -= 1
        if not self._running[line]:
            del self._running[line]

    def failed(self, order: Order) -> None:
        """A delivery did not arrive: the line has one place."""
        self._failing[_line(order)] = None
        if len(self._failing) > FAILING_MAX:
            del self._failing[next(iter(self._failing))]

    def arrived(self, order: Order) -> None:
        """A delivery arrived: the line has all its places."""
        self._failing.pop(_line(order), None)


def _line(order: Order) -> Order:
    return Order(order.project, order.subscription, "") if order.subscription else order
