"""The outbox: effects that leave the house, at least once and in order.

An effect is a row written in the commit of its cause. A delivery is tried when it is due; the head
of each (subscription, subject) blocks those behind it until it is delivered or parked, and nobody
else waits for it, however many subjects a subscription that hangs has (`engine/lines.py`). Senders
are registered by name; each says how long to wait between attempts. One that takes pools gets many
rows of an order at once (`engine/senders.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

import trio

from engine.commits import commit
from engine.directory import Directory
from engine.effects import Append, Caused
from engine.errors import Busy, DeliveryGone, EngineError, Later, More, Unavailable
from engine.lines import EVER_MS, Lines
from engine.messages import NOBODY
from engine.pools import End, Order, Pools, Sending
from engine.ports import Committed, Delivery, Entry, Failed, Outcome, Settle
from engine.senders import NOBODY_SENDS, OneByOne, PoolSender, Sender

WAITS_SECONDS = (10.0, 60.0, 600.0, 3_600.0, 21_600.0)
SETTLE_AGAIN_SECONDS = 1.0
"""Between attempts to write down what became of a delivery."""


class Outbox:
    """Looks for due deliveries and has them sent. `nudge` is plain; `run` is its task."""

    def __init__(self, directory: Directory, senders: Mapping[str, Sender | PoolSender]) -> None:
        self._directory = directory
        self._senders: dict[str, PoolSender] = {}
        self._limits = directory.limits
        self._under_way: set[Order] = set()
        self._lines = Lines(directory.store, self._limits)
        self._pools = Pools()
        self._nudged = trio.Event()
        self._looked_ms = 0
        self._until_ms = EVER_MS
        self._counts = dict.fromkeys(("delivered", "retried", "parked"), 0)
        for name, sender in senders.items():
            self.register(name, sender)

    def register(self, name: str, sender: Sender | PoolSender) -> None:
        """Add a sender, or put another in its place."""
        self._senders[name] = sender if isinstance(sender, PoolSender) else OneByOne(sender)

    def nudge(self, effects: Sequence[Caused] = ()) -> None:
        """Something was put into the outbox (`effects`, where known), or freed. Plain.

        Nobody looks before the next look would come anyway, unless an order is full by now.
        """
        for cause, _, effect in effects:
            sender = self._senders.get(effect.sender, NOBODY_SENDS)
            order = Order(cause.project, effect.subscription, effect.subject)
            if full_at := min(sender.full_at(order), sender.batch_max):
                self._pools.count(order, full_at)
        soon_ms = min((effect.due_in_ms for *_, effect in effects), default=0)
        now_ms = self._directory.clock.now_ms()
        if self._pools.wanted or now_ms + soon_ms < self._until_ms:
            self._nudged.set()

    async def flush(self, order: Order) -> bool:
        """Send an order now, due or not; True when all that waited at the call is delivered.

        False when an attempt failed, which leaves the rows where they are (the head waits for its
        next attempt), or when the outbox has ended. What comes while it is sent need not be in it.
        Waits as long as the sending takes: `outbox_attempt_seconds_max` for each batch, longer if
        the disk is full; the caller may leave at any time.
        """
        flush = self._pools.flush(order)
        self.nudge()
        return await flush.wait()

    async def run(self) -> None:
        """Deliver for as long as the daemon runs."""
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    await self._round(nursery)
        finally:
            self._pools.close()

    async def _round(self, nursery: trio.Nursery) -> None:
        self._nudged = trio.Event()
        try:
            if not await self._start_due(nursery):
                await self._wait()
        except Exception as error:  # a store that cannot be read now is asked again
            self._directory.observer.failed(NOBODY, "outbox", error)
            await trio.sleep(self._limits.alarm_backoff_seconds)

    # --- what is to be sent

    async def _start_due(self, nursery: trio.Nursery) -> int:
        """Start what is due, full or asked for; how many sendings.

        Orders under way before the store was read are left out: it may have been read too early to
        know what becomes of them. Their end nudges.
        """
        self._looked_ms = self._directory.clock.now_ms()
        busy, room = frozenset(self._under_way), self._limits.outbox_running_max
        if len(busy) >= room:
            return 0
        heads = {Order.of(head): head for head in await self._lines.due(self._looked_ms, len(busy))}
        started = 0
        for order in dict.fromkeys((*self._pools.wanted, *heads)):
            if order in busy or not self._lines.has_place(order):
                continue
            sending = await self._look(order, heads.get(order))
            if sending is not None:
                self._under_way.add(order)
                self._lines.started(order)
                nursery.start_soon(self._deliver, order, sending)
                started += 1
        return started

    async def _look(self, order: Order, head: Delivery | None) -> Sending | None:
        """What of an order is sent now. `head` is given if it is due."""
        flushes = self._pools.take(order)
        if head is not None and self._sender(head).batch_max == 1:
            return Sending((head,), bool(flushes), flushes)
        most = max((sender.batch_max for sender in self._senders.values()), default=1)
        try:
            rows = await self._directory.store.order(*order, most)
        except BaseException:
            self._pools.want(order, flushes)
            raise
        if not rows:
            self._pools.ended(order, Sending((), flushes=flushes), "sent")
            return None
        batch = self._batch(rows)
        sending = Sending(batch, len(batch) < len(rows) or len(rows) == most, flushes)
        if flushes or rows[0].due_at_ms <= self._looked_ms or self._is_full(order, batch):
            return sending
        if not rows[0].attempts:
            self._pools.leave(order, len(batch))
        return None

    def _batch(self, rows: Sequence[Delivery]) -> Sequence[Delivery]:
        """From the head on, as long as its sender is the same, at most what that one takes."""
        name, most = rows[0].effect.sender, self._sender(rows[0]).batch_max
        return tuple(takewhile(lambda row: row.effect.sender == name, rows[:most]))

    def _is_full(self, order: Order, rows: Sequence[Delivery]) -> bool:
        """True if an order need not wait until its head is due."""
        sender = self._sender(rows[0])
        wanted = min(sender.full_at(order), sender.batch_max)
        return 0 < wanted <= len(rows) and not rows[0].attempts

    def _sender(self, delivery: Delivery) -> PoolSender:
        return self._senders.get(delivery.effect.sender, NOBODY_SENDS)

    async def _wait(self) -> None:
        seconds = self._limits.alarm_clock_seconds_max
        next_ms = await self._lines.next_due(frozenset(self._under_way))
        if next_ms is not None and next_ms > self._looked_ms:  # else it waits for an end, or room
            now_ms = self._directory.clock.now_ms()
            seconds = min(seconds, max(0, next_ms - now_ms) / 1000)
        self._until_ms = self._directory.clock.now_ms() + int(seconds * 1000)
        with trio.move_on_after(seconds):
            await self._nudged.wait()
        self._until_ms = EVER_MS

    # --- sending

    async def _deliver(self, order: Order, sending: Sending) -> None:
        end: End = "failed"
        try:
            end = await self._attempt(sending.rows)
        finally:
            self._under_way.discard(order)
            self._lines.ended(order)
            self._pools.ended(order, sending, end)
            self.nudge()

    async def _attempt(self, rows: Sequence[Delivery]) -> End:
        """Send, and write down what became of it."""
        head = rows[0]
        try:
            with trio.fail_after(self._limits.outbox_attempt_seconds_max):
                appends = tuple(await self._sender(head).send_all(rows))
        except More as more:
            return await self._go_on(rows, more)
        except Exception as error:
            return await self._fail(head, error)
        settles = tuple(Settle(id=row.id) for row in rows)
        refusal = await self._write_down(head, settles, appends)
        if isinstance(refusal, DeliveryGone):
            return "gone"
        if refusal is not None:
            return await self._fail(head, refusal)
        self._lines.arrived(Order.of(head))
        self._counts["delivered"] += len(rows)
        return "sent"

    async def _go_on(self, rows: Sequence[Delivery], more: More) -> End:
        """Some rows are delivered, and the next one remembers how far it is."""
        head = rows[more.done]
        settles = [Settle(id=row.id) for row in rows[: more.done]]
        settles.append(Settle(id=head.id, due_at_ms=head.due_at_ms, cursor=more.cursor))
        await self._write_down(head, tuple(settles))
        self._lines.arrived(Order.of(head))
        self._counts["delivered"] += more.done
        return "gone"

    async def _fail(self, head: Delivery, error: Exception) -> End:
        """The head is tried again later or parked; those behind it stay as they are.

        A sender that asks for more time has said why by itself.
        """
        if not isinstance(error, Later):
            self._lines.failed(Order.of(head))
            self._directory.observer.failed(head.cause, "delivery", error)
        await self._write_down(head, (self._again(head, error),))
        return "failed"

    def _again(self, head: Delivery, error: Exception) -> Settle:
        attempts, waits = head.attempts + 1, self._sender(head).waits_seconds
        text = f"{type(error).__name__}: {error}"[:500]
        if isinstance(error, Later):
            wait = error.seconds
        elif attempts <= len(waits):
            wait = waits[attempts - 1]
        else:
            self._counts["parked"] += 1
            at_ms = head.due_at_ms
            return Settle(id=head.id, due_at_ms=at_ms, attempts=attempts, parked=True, error=text)
        self._counts["retried"] += 1
        at_ms = self._directory.clock.now_ms() + int(wait * 1000)
        return Settle(id=head.id, due_at_ms=at_ms, attempts=attempts, error=text)

    async def _write_down(
        self, head: Delivery, settles: tuple[Settle, ...], appends: tuple[Append, ...] = ()
    ) -> Exception | None:
        """Store what became of a sending; None when that is done, or why the appends are refused.

        Until the store can, the order stays under way: a disk that is full must not turn into the
        same delivery sent again and again. After a crash it is sent once more, with the same id.
        """
        at_ms = self._directory.clock.now_ms()
        entry = Entry(project=head.project, at_ms=at_ms, settles=settles, appends=appends)
        while not isinstance(outcome := await self._commit(entry), Committed):
            error = outcome.error if isinstance(outcome, Failed) else RuntimeError(repr(outcome))
            is_everything = isinstance(outcome, Failed) and outcome.everything
            if appends and not is_everything:
                return error
            self._directory.observer.failed(head.cause, "settle", error)
            await trio.sleep(SETTLE_AGAIN_SECONDS)
        return None

    async def _commit(self, entry: Entry) -> Outcome:
        try:
            return await commit(self._directory.store, entry)
        except EngineError as error:  # the store takes no entries now
            return Failed(error, everything=True)

    async def move(self, delivery: Delivery, *, parks: bool, why: str = "") -> None:
        """Park a delivery, or have it tried now: one that was parked once, then it is parked again.

        Raises `Busy` while it may be under way, `Unavailable` if the store cannot commit.
        """
        if Order.of(delivery) in self._under_way and not delivery.parked:
            raise Busy("it is being sent now")
        now_ms, attempts = self._directory.clock.now_ms(), delivery.attempts
        if delivery.parked and not parks:
            attempts = max(attempts, len(self._sender(delivery).waits_seconds) + 1)
        error, due_at_ms = why or delivery.error, delivery.due_at_ms if parks else now_ms
        moved = Settle(
            id=delivery.id, due_at_ms=due_at_ms, attempts=attempts, parked=parks, error=error
        )
        entry = Entry(project=delivery.project, at_ms=now_ms, settles=(moved,))
        if not isinstance(await self._commit(entry), Committed):
            raise Unavailable("the store cannot commit now")
        self.nudge()

    def statistics(self) -> Mapping[str, float]:
        """Sendings under way, and counters of deliveries since the start."""
        return {"under_way": len(self._under_way), **self._counts}
