"""Errands: deliveries that stay in the house. A command to one actor, or a sweep over many.

Both are rows of the outbox, so what a commit ordered is carried out whatever happens, and both may
be carried out twice: a command is known by its delivery's id, a swept command must be one that is
nothing the second time. Rules: DESIGN 2 (Sweeps); engine spec 1.5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import msgspec

from engine.directory import Directory
from engine.effects import Append, SweepBody
from engine.envelope import Envelope
from engine.errors import ActorFailed, Busy, EngineError, More, Overloaded, Refused, Unavailable
from engine.messages import Address, Command
from engine.outbox import WAITS_SECONDS
from engine.pools import Order
from engine.ports import Delivery
from engine.spot import Spot
from engine.together import Together

Concerned = Callable[[str, str, str, int], Awaitable[Sequence[str]]]
"""(project, key, after, limit): ids of concerned actors above `after`, in order."""


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


class _Place(msgspec.Struct, frozen=True):
    """How far a sweep is: the last actor asked, and the last row that this pass answers."""

    after: str
    covers: int


class _Crowd:
    """Commands under way: counted where they are answered, so that nobody waits for each."""

    def __init__(self) -> None:
        self.under_way = 0
        self._enough = 0
        self._spot = Spot()
        self._error: EngineError | None = None
        self.busy: list[Address] = []
        """Who lost too often to others of the crowd, in a joint step: asked alone in the end."""

    def envelope(self, address: Address, command: Command, by: str) -> Envelope:
        """One more; it counts until it is answered."""
        envelope = Envelope(command, by)
        envelope.when_answered = partial(self._answered, address, envelope)
        self.under_way += 1
        return envelope

    def _answered(self, address: Address, envelope: Envelope) -> None:
        self.under_way -= 1
        if isinstance(envelope.error, Busy):
            self.busy.append(address)
        elif isinstance(envelope.error, Overloaded | Unavailable):
            self._error = envelope.error
        if self.under_way <= self._enough:
            self._spot.wake()

    async def fall_to(self, enough: int) -> None:
        """Wait until no more than so many are under way.

        Raises what should be tried again. Who refuses has nothing to reconsider, or is gone; who
        breaks has been reported, and is no reason to keep the others waiting.
        """
        self._enough = enough
        while self.under_way > enough:
            await self._spot.wait()
        if self._error is not None:
            raise self._error


class SweepSender:
    """The `sweep` effect: ask everybody in a list to reconsider, a page at a time.

    The cursor is kept in the row, so a crash repeats a page at most. Sweeps of one order that came
    before a pass began are answered by that one pass. Whoever is asked compares what it saw with
    what there is, so being asked again is nothing. Nobody is woken for it (`engine/together.py`),
    unless others want something of the same actor at that moment, or it takes more than a commit of
    its own; what a crowd at the door wants goes on, for few are asked at a time.
    """

    waits_seconds = WAITS_SECONDS
    batch_max = 1_000
    page = 500
    at_once = 80
    """On their way to the disk: more is a faster sweep, and longer waits for everybody else."""

    def __init__(self, directory: Directory, lists: Mapping[str, Concerned]) -> None:
        self._directory = directory
        self._lists = lists
        self._swept = 0

    def full_at(self, _order: Order) -> int:
        """A sweep waits for nothing."""
        return 1

    async def send_all(self, deliveries: Sequence[Delivery]) -> Iterable[Append]:
        """Ask one page; raises `More` until every delivery is answered."""
        head = deliveries[0]
        body = msgspec.json.decode(head.effect.body, type=SweepBody)
        place = _Place("", deliveries[-1].id)
        if head.cursor:
            place = msgspec.json.decode(head.cursor, type=_Place)
        ids = await self._lists[body.list](head.project, body.key, place.after, self.page)
        await self._ask_all(head, body, ids)
        if len(ids) == self.page:
            place = _Place(ids[-1], place.covers)
            raise More(msgspec.json.encode(place).decode())
        answered = sum(row.id <= place.covers for row in deliveries)
        if answered < len(deliveries):
            raise More("", answered)
        return ()

    async def _ask_all(self, head: Delivery, body: SweepBody, ids: Sequence[str]) -> None:
        kind = self._directory.kinds[body.kind]
        command = msgspec.json.decode(bytes(body.data), type=kind.commands[body.command])
        by = head.cause.topic
        together = Together(self._directory, kind, command, by, self.at_once)
        for id_ in ids:
            await together.ask(Address(head.project, body.kind, id_))
        await together.finish()
        crowd = _Crowd()
        for address in together.left:
            if crowd.under_way >= self.at_once:
                await crowd.fall_to(self.at_once // 2)
            self._directory.deliver(address, crowd.envelope(address, command, by))
        await crowd.fall_to(0)
        for address in crowd.busy:
            with suppress(Refused, ActorFailed):
                await self._directory.ask(address, command, by=by)
        self._swept += len(ids)

    def statistics(self) -> Mapping[str, float]:
        """Actors asked since the start."""
        return {"swept": self._swept}
