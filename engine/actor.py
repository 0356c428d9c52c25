"""An actor awake: receive, decide, store, remember, tell.

One task handles one batch of commands at a time. It decides on what it remembers, hands the store
one entry and waits. The last two steps are one plain function that the store calls after the
commit, in commit order: no await can tear remembering, publishing and replying apart. Whatever
goes wrong, the actor forgets what it knew and reads it again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from engine.draft import Claims, Draft
from engine.effects import Needs, no_needs
from engine.envelope import Envelope
from engine.errors import ActorFailed, Busy, Overloaded, Unavailable
from engine.kind import Kind
from engine.machine import Moment
from engine.messages import Address, Reply, Snapshot
from engine.ports import Committed, Failed, Missed, Outcome, Taken

if TYPE_CHECKING:
    from engine.directory import Directory


NOTHING_SEEN: Mapping[Address, Snapshot] = {}
NO_DOCUMENTS: Mapping[str, Any] = {}


class Actor:
    """One awake actor. `deliver` and `stop` are plain; everything else is its own task's."""

    __slots__ = ("_directory", "_outcome", "_stopping", "_task", "address", "is_busy", "kind",
                 "mailbox", "snapshot", "used_at")  # fmt: skip

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
        self._task: trio.lowlevel.Task | None = None

    # --- from outside, plain

    def deliver(self, envelope: Envelope) -> None:
        """Put a command into the mailbox; raises `Overloaded` when it is full."""
        if len(self.mailbox) >= self._directory.limits.mailbox_commands_max:
            raise Overloaded("mailbox_commands_max")
        self.mailbox.append(envelope)
        if not self.is_busy:
            self._resume()

    def stop(self) -> None:
        """Let the task end. Only called while nothing is under way."""
        self._stopping = True
        self._resume()

    @property
    def is_idle(self) -> bool:
        """True if it may sleep: nothing waits and nothing is under way."""
        return not self.is_busy and not self.mailbox

    # --- the task

    async def run(self) -> None:
        """Receive and handle until told to stop; however it ends, every caller is answered."""
        under_way: list[Envelope] = []
        try:
            while not self._stopping:
                if not self.mailbox:
                    self.is_busy = False
                    if self._directory.is_closed:
                        self._directory.rested()
                    await self._pause()
                    self.is_busy = True
                    continue
                under_way = self._receive()
                await self._handle(under_way)
        except BaseException:  # the one place: a cancelled actor still answers its callers
            self._answer_all([*under_way, *self.mailbox], Unavailable("the daemon is closing"))
            raise

    def _receive(self) -> list[Envelope]:
        most = min(len(self.mailbox), self._directory.limits.commands_per_commit_max)
        return [self.mailbox.popleft() for _ in range(most)]

    async def _handle(self, batch: list[Envelope]) -> None:
        taken: Claims = frozenset()
        try:
            for _ in range(self._directory.limits.decide_again_max + 1):
                draft = await self._decide(batch, taken)
                match await self._commit(draft):
                    case Committed():
                        await self._finish(draft, batch)
                        return
                    case Missed():
                        await self._recall()
                    case Taken(space=space, key=key):
                        taken |= {(space, key)}
                    case Failed(error=error, everything=everything):
                        await self._fail(batch, error, everything)
                        return
            self._answer_all(batch, Busy(f"{self.address} is busy"))
        except Exception as error:  # a store that breaks must not take the actor's crowd along
            await self._fail(batch, error, everything=False)

    async def _decide(self, batch: list[Envelope], taken: Claims) -> Draft:
        snapshot = self.snapshot or await self._recall()
        draft = Draft(self.kind, snapshot, self._directory.limits)
        for envelope in batch:
            if not draft.ends_here:
                moment = await self._moment(draft.after, envelope)
                draft.decide(envelope, moment, taken)
        return draft

    async def _moment(self, snapshot: Snapshot, envelope: Envelope) -> Moment:
        directory, seen, documents = self._directory, NOTHING_SEEN, NO_DOCUMENTS
        if self.kind.needs is not no_needs:
            state = snapshot.state
            if state is None:
                state = self.kind.initial(self.address.id)
            needs = self.kind.needs(state, envelope.command)
            if needs.actors or needs.documents:
                seen, documents = await self._see(needs)
        now_ms = directory.clock.now_ms()
        return Moment(now_ms, envelope.by, directory.new_id, directory.chance, seen, documents)

    async def _see(self, needs: Needs) -> tuple[dict[Address, Snapshot], dict[str, Any]]:
        directory, project = self._directory, self.address.project
        if len(needs.actors) + len(needs.documents) > directory.limits.needs_max:
            raise Overloaded("needs_max")
        seen = {}
        for needed in needs.actors:
            address = Address(project, needed.kind, needed.id)
            seen[address] = await directory.peek(address)
        documents = {
            hash_: await directory.document(self.kind, project, hash_) for hash_ in needs.documents
        }
        return seen, documents

    async def _commit(self, draft: Draft) -> Outcome:
        if draft.is_empty:
            self._tell(draft, Committed())
            return Committed()
        self._outcome = None

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Committed):
                self._tell(draft, outcome)
            self._outcome = outcome
            self._resume()

        self._directory.store.submit(draft.entry(), told)
        while self._outcome is None:
            await self._pause()
        return self._outcome

    def _tell(self, draft: Draft, outcome: Committed) -> None:
        """Remember, publish, reply: after the commit, and nothing can come between."""
        self.snapshot = draft.after
        for (fact, before, after), seq in zip(draft.facts, outcome.seqs, strict=True):
            self._directory.tell(self.kind, seq, fact, before, after)
        if draft.after.alarm_at_ms != draft.before.alarm_at_ms:
            self._directory.note_alarm(self.address, draft.after.alarm_at_ms)
        if draft.effects:
            self._directory.note_effects()
        for envelope, result, rows in draft.results:
            if isinstance(result, Reply) and rows.start != rows.stop:
                result = msgspec.structs.replace(result, rows=tuple(outcome.rows[rows]))
            self._answer(envelope, result)

    async def _finish(self, draft: Draft, batch: list[Envelope]) -> None:
        self.mailbox.extendleft(reversed(batch[len(draft.results) :]))
        if draft.broken is not None:
            self._directory.observer.failed(self.address, "decide", draft.broken)
            await self._recall()

    async def _fail(self, batch: list[Envelope], error: Exception, everything: bool) -> None:
        what = "commit" if everything else "entry"
        self._directory.observer.failed(self.address, what, error)
        shown = Unavailable("the store cannot commit now") if everything else None
        self._answer_all(batch, shown or ActorFailed(f"{self.address.kind} could not be stored"))
        self.snapshot, before = None, self.snapshot
        if before is not None:
            try:
                await self._recall(before)
            except Exception as unread:  # the store is still broken: read when next asked
                self._directory.observer.failed(self.address, "recall", unread)

    async def _recall(self, known: Snapshot | None = None) -> Snapshot:
        """Read what is committed. Facts that were committed but never told are told now."""
        before = known or self.snapshot
        self.snapshot = await self._directory.read(self.address)
        if before is not None and self.snapshot.version > before.version:
            await self._directory.tell_missed(self.kind, before)
        return self.snapshot

    # --- answering and waiting

    def _answer(self, envelope: Envelope, result: Reply | Exception) -> None:
        if not envelope.is_answered:
            self._directory.answered(self.address, envelope, result)
            envelope.answer(result)

    def _answer_all(self, envelopes: list[Envelope], error: Exception) -> None:
        for envelope in envelopes:
            self._answer(envelope, error)

    async def _pause(self) -> None:
        self._task = trio.lowlevel.current_task()

        def abort(_raise_cancel: Any) -> trio.lowlevel.Abort:
            self._task = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _resume(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)
