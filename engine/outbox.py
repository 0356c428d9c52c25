"""The outbox: effects that leave the house, at least once and in order.

An effect is a row written in the commit of its cause. A delivery is tried when it is due; the head
of each (subscription, subject) blocks those behind it until it is delivered or parked, and nobody
else waits for it. Senders are registered by name; each says how long to wait between attempts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec
import trio

from engine.commits import commit
from engine.directory import Directory
from engine.errors import EngineError, Refused
from engine.messages import NOBODY, Address
from engine.ports import Committed, Delivery, Entry, Settle

WAITS_SECONDS = (10.0, 60.0, 600.0, 3_600.0, 21_600.0)
SETTLE_AGAIN_SECONDS = 1.0
"""Between attempts to write down what became of a delivery."""


class Sender(Protocol):
    """Delivers one sort of effect. Raising means: try again later."""

    @property
    def waits_seconds(self) -> tuple[float, ...]:
        """Waits between attempts; after the last one the delivery is parked."""
        ...

    async def send(self, delivery: Delivery) -> None:
        """Deliver once; `delivery.id` is the same on every attempt."""
        ...


class Outbox:
    """Looks for due deliveries and has them sent. `nudge` is plain; `run` is its task."""

    def __init__(self, directory: Directory, senders: Mapping[str, Sender]) -> None:
        self._directory = directory
        self._senders = dict(senders)
        self._limits = directory.limits
        self._under_way: set[int] = set()
        self._nudged = trio.Event()
        self._counts = dict.fromkeys(("delivered", "retried", "parked"), 0)

    def register(self, name: str, sender: Sender) -> None:
        """Add a sender."""
        self._senders[name] = sender

    def nudge(self) -> None:
        """Something was put into the outbox, or freed. Plain."""
        self._nudged.set()

    async def run(self) -> None:
        """Deliver for as long as the daemon runs."""
        async with trio.open_nursery() as nursery:
            while True:
                self._nudged = trio.Event()
                try:
                    if not await self._start_due(nursery):
                        await self._wait()
                except Exception as error:  # a store that cannot be read now is asked again
                    self._directory.observer.failed(NOBODY, "outbox", error)
                    await trio.sleep(self._limits.alarm_backoff_seconds)

    async def _start_due(self, nursery: trio.Nursery) -> int:
        free = self._limits.outbox_running_max - len(self._under_way)
        if free <= 0:
            return 0
        now_ms = self._directory.clock.now_ms()
        most = self._limits.outbox_page + len(self._under_way)
        due = await self._directory.store.due(now_ms, most)
        fresh = [delivery for delivery in due if delivery.id not in self._under_way][:free]
        for delivery in fresh:
            self._under_way.add(delivery.id)
            nursery.start_soon(self._deliver, delivery)
        return len(fresh)

    async def _wait(self) -> None:
        seconds = self._limits.alarm_clock_seconds_max
        next_ms = await self._directory.store.next_due()
        now_ms = self._directory.clock.now_ms()
        if next_ms is not None and next_ms > now_ms:
            seconds = min(seconds, (next_ms - now_ms) / 1000)
        with trio.move_on_after(seconds):
            await self._nudged.wait()

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            settle = await self._attempt(delivery)
            is_settled = await self._settle(delivery, settle)
            while not is_settled:
                await trio.sleep(SETTLE_AGAIN_SECONDS)
                is_settled = await self._settle(delivery, settle)
        finally:
            self._under_way.discard(delivery.id)
            self.nudge()

    async def _attempt(self, delivery: Delivery) -> Settle:
        sender = self._senders.get(delivery.effect.sender)
        if sender is None:
            return self._park(delivery, f"there is no sender {delivery.effect.sender!r}")
        try:
            with trio.fail_after(self._limits.outbox_attempt_seconds_max):
                await sender.send(delivery)
        except Exception as error:
            self._directory.observer.failed(delivery.cause, "delivery", error)
            return self._again(delivery, sender, f"{type(error).__name__}: {error}"[:500])
        self._counts["delivered"] += 1
        return Settle(id=delivery.id)

    def _again(self, delivery: Delivery, sender: Sender, error: str) -> Settle:
        attempts = delivery.attempts + 1
        waits = sender.waits_seconds
        if attempts > len(waits):
            return self._park(delivery, error)
        self._counts["retried"] += 1
        due_at_ms = self._directory.clock.now_ms() + int(waits[attempts - 1] * 1000)
        return Settle(id=delivery.id, due_at_ms=due_at_ms, attempts=attempts, error=error)

    def _park(self, delivery: Delivery, error: str) -> Settle:
        self._counts["parked"] += 1
        return Settle(
            id=delivery.id,
            due_at_ms=delivery.due_at_ms,
            attempts=delivery.attempts + 1,
            parked=True,
            error=error,
        )

    async def _settle(self, delivery: Delivery, settle: Settle) -> bool:
        """Write down what became of it; True if that is stored.

        Until it is, the delivery stays under way: a disk that is full must not turn into the same
        delivery sent again and again. After a crash it is sent once more, with the same id.
        """
        entry = Entry(
            project=delivery.project, at_ms=self._directory.clock.now_ms(), settles=(settle,)
        )
        try:
            outcome = await commit(self._directory.store, entry)
        except EngineError as error:
            self._directory.observer.failed(delivery.cause, "settle", error)
            return False
        if not isinstance(outcome, Committed):
            self._directory.observer.failed(delivery.cause, "settle", RuntimeError(repr(outcome)))
            return False
        return True

    def statistics(self) -> Mapping[str, float]:
        """Deliveries under way, and counters since the start."""
        return {"under_way": len(self._under_way), **self._counts}


class CommandBody(msgspec.Struct, frozen=True):
    """The body of a `command` effect: which actor of the project is asked what."""

    kind: str
    id: str
    command: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


class CommandSender:
    """The `command` effect: ask another actor of the project.

    The delivery's id is the idempotency key, so the receiver's commit records it and a repeat is
    nothing (engine spec 1.5). A refusal is an answer: it is not tried again.
    """

    waits_seconds = WAITS_SECONDS

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def send(self, delivery: Delivery) -> None:
        """Ask once per delivery."""
        body = msgspec.json.decode(delivery.effect.body, type=CommandBody)
        kind = self._directory.kinds[body.kind]
        command = msgspec.json.decode(bytes(body.data), type=kind.commands[body.command])
        try:
            await self._directory.ask(
                Address(delivery.project, body.kind, body.id),
                command,
                by=delivery.cause.topic,
                principal="outbox",
                key=f"outbox:{delivery.id}",
            )
        except Refused as refused:
            self._directory.observer.failed(delivery.cause, "command", refused)
