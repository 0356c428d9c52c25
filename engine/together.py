"""Together: a crowd carries out one command where it rests, and is stored a group at a time.

Waking somebody for one command costs more than the command, so nobody is woken: each is decided on
its committed state by the same draft that an actor makes, and a group of drafts is one entry,
fenced as theirs would be. Who changes meanwhile makes its group miss, which then stores nothing.
Those of such a group are left over, to be asked as usual, and so is whoever needs more than a
commit of its own: a joint step, or a rule that breaks. Rules: DESIGN 2 (Sweeps).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import chain
from typing import Any

import trio

from engine.directory import Directory
from engine.draft import Draft
from engine.envelope import Envelope
from engine.errors import EngineError, Unavailable
from engine.kind import Kind
from engine.messages import Address, Command
from engine.ports import Committed, Entry, Failed, Outcome
from engine.sight import moment_for
from engine.spot import Spot

IN_A_ROW = 8
"""Decisions before others have a turn: about a millisecond."""


class _Group:
    """Drafts of different actors that go into one entry."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self._entries: list[Entry] = []
        self._changed: set[Address] = set()
        self._reads: dict[Address, int] = {}

    def takes(self, draft: Draft) -> bool:
        """Add a draft, unless one of them has seen what another changes, or saw it otherwise."""
        entry = draft.entry()
        changed, reads = {change.address for change in entry.changes}, dict(entry.reads)
        is_apart = changed.isdisjoint(self._reads) and self._changed.isdisjoint(reads)
        if not is_apart or any(self._reads.get(one, was) != was for one, was in reads.items()):
            return False
        self._changed |= changed
        self._reads |= reads
        self._entries.append(entry)
        self.drafts.append(draft)
        return True

    def entry(self) -> Entry:
        """All of them at once."""
        entries = self._entries
        return Entry(
            project=entries[-1].project,
            at_ms=entries[-1].at_ms,
            changes=_joined(entry.changes for entry in entries),
            reads=tuple(self._reads.items()),
            effects=_joined(entry.effects for entry in entries),
            appends=_joined(entry.appends for entry in entries),
            claims=_joined(entry.claims for entry in entries),
            documents=_joined(entry.documents for entry in entries),
        )


def _joined(parts: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(chain.from_iterable(parts))


class Together:
    """One command for many actors of a kind. `at_once` may be on their way to the disk.

    `left` are those who are to be asked as usual, once `finish` is over.
    """

    def __init__(
        self, directory: Directory, kind: Kind[Any], command: Command, by: str, at_once: int
    ) -> None:
        self.left: list[Address] = []
        self._directory = directory
        self._kind = kind
        self._command = command
        self._by = by
        self._size = max(1, at_once // 2)
        self._group = _Group()
        self._under_way = 0
        self._decided = 0
        self._spot = Spot()
        self._error: EngineError | None = None

    async def ask(self, address: Address) -> None:
        """Have one more carry it out. Raises `Unavailable` and `Overloaded`."""
        draft = await self._decide(address)
        if draft is None:
            self.left.append(address)
        elif draft.is_empty:
            self._answer(draft)
        elif not self._group.takes(draft):
            await self._store()
            self._group.takes(draft)
        if len(self._group.drafts) >= self._size:
            await self._store()
        self._decided += 1
        if self._decided % IN_A_ROW == 0:
            await trio.lowlevel.checkpoint()

    async def finish(self) -> None:
        """Wait until everything is stored. Raises `Unavailable` and `Overloaded`."""
        await self._store()
        await self._fall_to(0)

    async def _decide(self, address: Address) -> Draft | None:
        """What an actor would commit; None if it had better do that itself."""
        directory, envelope = self._directory, Envelope(self._command, self._by)
        try:
            before = await directory.peek(address)
            moment = await moment_for(directory, self._kind, before, envelope, fresh=False)
        except Exception:  # asked as usual, it is reported, and the others do not wait for it
            return None
        draft = Draft(self._kind, before, directory.limits, directory.kinds)
        draft.decide(envelope, moment)
        is_alone = not (draft.broken or draft.others or draft.own.erases or draft.own.privacy)
        return draft if is_alone else None

    async def _store(self) -> None:
        """Hand in what has gathered; one group is decided while another is stored."""
        group, self._group = self._group, _Group()
        if group.drafts:
            if self._directory.is_closed:
                raise Unavailable("the daemon is closing")
            self._directory.store.submit(group.entry(), partial(self._told, group))
            self._under_way += 1
        await self._fall_to(1)

    async def _fall_to(self, enough: int) -> None:
        while self._under_way > enough:
            await self._spot.wait()
        if self._error is not None:
            raise self._error

    def _told(self, group: _Group, outcome: Outcome) -> None:
        """Plain, in the order of commits."""
        self._under_way -= 1
        try:
            match outcome:
                case Committed(seqs=seqs):
                    self._tell(group, seqs)
                case Failed(everything=True):
                    self._error = Unavailable("the store cannot commit now")
                    self._directory.doubt([draft.own for draft in group.drafts])
                case _:
                    self.left += [draft.after.address for draft in group.drafts]
        finally:
            self._spot.wake()

    def _tell(self, group: _Group, seqs: tuple[int, ...]) -> None:
        """Remember, publish, reply: what an actor does after its commit."""
        directory, drafts = self._directory, group.drafts
        directory.remember([draft.own for draft in drafts])
        facts = [fact for draft in drafts for fact in draft.told]
        for seq, fact in zip(seqs, facts, strict=True):
            directory.tell(seq, *fact)
        if effects := [effect for draft in drafts for effect in draft.effects]:
            directory.note_effects(effects)
        for draft in drafts:
            self._answer(draft)

    def _answer(self, draft: Draft) -> None:
        for envelope, result, _ in draft.results:
            self._directory.answer(draft.after.address, envelope, result)
