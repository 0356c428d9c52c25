"""An actor awake: receive, decide, store, remember, tell.

One task handles one batch of commands at a time. It decides on what it remembers, hands the store
one entry and waits. The last two steps are one plain function that the store calls after the
commit, in commit order: no await can tear remembering, publishing and replying apart. Whatever
goes wrong, the actor forgets what it knew and reads it again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from engine.draft import Claims, Draft
from engine.envelope import Envelope
from engine.errors import ActorFailed, Busy, ClaimTaken, EngineError, Overloaded, Unavailable
from engine.kind import Kind
from engine.messages import Address, Reply, Snapshot
from engine.ports import Committed, Failed, Missed, Outcome, Taken
from engine.sight import moment_for
from engine.spot import Spot

if TYPE_CHECKING:
    from engine.directory import Directory


class Actor:
    """One awake actor. What others call, down to `is_idle`, is plain; the rest is its task's."""

    __slots__ = ("_directory", "_outcome", "_spot", "_stopping", "_told", "address", "is_busy",
                 "kind", "mailbox", "snapshot", "used_at")  # fmt: skip

    def __init__(self, directory: Directory, kind: Kind[Any], address: Address) -> None:
        self.address = address
        self.kind = kind
        self.mailbox: deque[Envelope] = deque()
        self.snapshot: Snapshot | None = None
        self.used_at = 0.0
        self.is_busy = True
        self._directory = directory
        self._outcome: Outcome | None = None
        self._stopping = False
        self._told: Snapshot | None = None  # what listeners know of; outlives a failure
        self._spot = Spot()

    def deliver(self, envelope: Envelope) -> None:
        """Put a command into the mailbox; raises `Overloaded` when it is full."""
        if len(self.mailbox) >= self._directory.limits.mailbox_commands_max:
            raise Overloaded("mailbox_commands_max")
        self.mailbox.append(envelope)
        if not self.is_busy:
            self._spot.wake()

    def stop(self) -> None:
        """Let the task end. Only called while nothing is under way."""
        self._stopping = True
        self._spot.wake()

    def overtaken(self, snapshot: Snapshot) -> None:
        """A joint step of somebody else changed this actor, and told it."""
        if self.snapshot is not None:
            self.snapshot = self._told = snapshot

    def doubt(self, told: Snapshot) -> None:
        """A joint step may have changed this actor, untold since `told`: it reads itself again."""
        self._told, self.snapshot = told, None

    @property
    def is_idle(self) -> bool:
        """True if it may sleep: nothing waits and nothing is under way."""
        return not self.is_busy and not self.mailbox

    async def run(self) -> None:
        """Receive and handle until told to stop; however it ends, every caller is answered."""
        under_way: list[Envelope] = []
        try:
            while not self._stopping:
                if not self.mailbox:
                    self.is_busy = False
                    under_way, self._outcome = [], None  # who rests keeps no batch in memory
                    if self._directory.is_closed:
                        self._directory.rested()
                    await self._spot.wait()
                    self.is_busy = True
                    continue
                under_way = self._receive()
                await self._handle(under_way)
        except BaseException:  # the one place: a cancelled actor still answers its callers
            self._answer_all([*under_way, *self.mailbox], Unavailable("the daemon is closing"))
            raise

    def _receive(self) -> list[Envelope]:
        """What goes into one commit. An erasure joins no others: it takes along what they left."""
        mailbox, most = self.mailbox, self._directory.limits.commands_per_commit_max
        batch = [mailbox.popleft()]
        while mailbox and len(batch) < most and not mailbox[0].command.alone:
            batch.append(mailbox.popleft())
        return batch

    async def _handle(self, batch: list[Envelope]) -> None:
        try:
            await self._carry_out(batch)
        except EngineError as error:  # the store takes no more entries: nothing has changed
            self._answer_all(batch, error)
        except Exception as error:  # a store that breaks must not take the actor's crowd along
            await self._fail(batch, error)

    async def _carry_out(self, batch: list[Envelope]) -> None:
        taken: Claims = frozenset()
        misses = 0
        while misses <= self._directory.limits.decide_again_max:
            draft = await self._decide(batch, taken, fresh=misses > 0)
            match await self._commit(draft):
                case Committed():
                    return await self._finish(draft, batch)
                case Missed():
                    misses += 1
                    await self._recall()
                case Taken(space=space, key=key) if (space, key) not in taken:
                    taken |= {(space, key)}
                case Taken() | Failed(everything=False) if len(batch) > 1:
                    for envelope in batch:  # only the guilty one fails
                        await self._handle([envelope])
                    return None
                case Taken(space=space, key=key):  # a list's claim, which no rule can look at
                    return self._answer_all(batch, ClaimTaken(space, key))
                case failed:
                    return await self._fail(batch, failed.error, failed.everything)
        return self._answer_all(batch, Busy(f"{self.address} is busy"))

    async def _decide(self, batch: list[Envelope], taken: Claims, *, fresh: bool) -> Draft:
        directory = self._directory
        snapshot = self.snapshot or await self._recall()
        draft = Draft(self.kind, snapshot, directory.limits, directory.kinds)
        for envelope in batch:
            if draft.ends_here:
                break
            try:
                moment = await moment_for(directory, self.kind, draft.after, envelope, fresh=fresh)
            except Exception as error:
                draft.fail(envelope, error)
            else:
                draft.decide(envelope, moment, taken)
        return draft

    async def _commit(self, draft: Draft) -> Outcome:
        if draft.is_empty:
            self._tell(draft, Committed())
            return Committed()
        self._outcome = None

        def told(outcome: Outcome) -> None:
            try:
                if isinstance(outcome, Committed):
                    self._tell(draft, outcome)
                elif isinstance(outcome, Failed) and outcome.everything:
                    self._directory.doubt(draft.others)
            finally:
                self._outcome = outcome
                self._spot.wake()

        self._directory.store.submit(draft.entry(), told)
        while self._outcome is None:
            await self._spot.wait()
        return self._outcome

    def _tell(self, draft: Draft, outcome: Committed) -> None:
        """Remember, publish, reply: after the commit, and nothing can come between."""
        self.snapshot = self._told = draft.after
        for seq, told in zip(outcome.seqs, draft.told, strict=True):
            self._directory.tell(seq, *told)
        self._directory.remember(draft.others)
        if draft.rang or draft.after.alarm_at_ms != draft.before.alarm_at_ms:
            self._directory.note_alarm(self.address, draft.after.alarm_at_ms)
        if draft.effects:
            self._directory.note_effects(draft.effects)
        for envelope, result, rows in draft.results:
            if isinstance(result, Reply) and rows.start != rows.stop:
                result = msgspec.structs.replace(result, rows=tuple(outcome.rows[rows]))
            self._directory.answer(self.address, envelope, result)

    async def _finish(self, draft: Draft, batch: list[Envelope]) -> None:
        """Put back what was not decided; after a broken rule, forget and read again first."""
        if draft.broken is not None:
            self._directory.observer.failed(self.address, "decide", draft.broken)
            await self._recall()
        self.mailbox.extendleft(reversed(batch[len(draft.results) :]))

    async def _fail(
        self, batch: list[Envelope], error: Exception, everything: bool = False
    ) -> None:
        directory = self._directory
        directory.observer.failed(self.address, "commit" if everything else "entry", error)
        if everything:
            self._answer_all(batch, Unavailable("the store cannot commit now"))
        elif isinstance(error, EngineError):
            self._answer_all(batch, error)
        self._answer_all(batch, ActorFailed(f"{self.address.kind} could not be stored"))
        self.snapshot = None
        if self._told is not None:
            try:
                await self._recall()
            except Exception as unread:  # the store is still broken: read when next asked
                directory.observer.failed(self.address, "recall", unread)

    async def _recall(self) -> Snapshot:
        """Read what is committed; what of it was never told is told now."""
        self.snapshot = None
        found = await self._directory.read(self.address)
        if self._told is not None:
            await self._directory.tell_missed(self.kind, self._told, found)
        else:
            self._directory.observer.woke(self.address, found.version)
        self.snapshot = self._told = found
        return found

    def _answer_all(self, envelopes: list[Envelope], error: Exception) -> None:
        for envelope in envelopes:
            self._directory.answer(self.address, envelope, error)
