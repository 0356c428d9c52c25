"""Errands: deliveries that stay in the house. A command to one actor, or a sweep over many.

Both are rows of the outbox, so what a commit ordered is carried out whatever happens, and both may
be carried out twice: a command is known by its delivery's id, a swept command must be one that is
nothing the second time. Rules: DESIGN 2 (Sweeps); engine spec 1.5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

import msgspec
import trio

from engine.directory import Directory
from engine.effects import Append, SweepBody
from engine.errors import More, Refused
from engine.messages import Address, Command
from engine.outbox import WAITS_SECONDS
from engine.pools import Order
from engine.ports import Delivery

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


class SweepSender:
    """The `sweep` effect: ask everybody in a list to reconsider, a page at a time.

    The cursor is kept in the row, so a crash repeats a page at most. Sweeps of one order that came
    before a pass began are answered by that one pass. Whoever is asked compares what it saw with
    what there is, so being asked again is nothing; what a crowd at the door wants goes first, for a
    page has few commands under way at a time.
    """

    waits_seconds = WAITS_SECONDS
    batch_max = 1_000
    page = 500
    at_once = 64

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
        left = iter([Address(head.project, body.kind, id_) for id_ in ids])
        async with trio.open_nursery() as nursery:
            for _ in range(min(self.at_once, len(ids))):
                nursery.start_soon(self._ask_each, head, left, command)

    async def _ask_each(self, head: Delivery, left: Iterator[Address], command: Command) -> None:
        for address in left:
            with suppress(Refused):  # it has nothing to reconsider, or is gone
                await self._directory.ask(address, command, by=head.cause.topic)
            self._swept += 1

    def statistics(self) -> Mapping[str, float]:
        """Actors asked since the start."""
        return {"swept": self._swept}
