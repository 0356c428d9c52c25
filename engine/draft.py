"""A draft: what an actor would commit.

Waiting commands are decided in order on a tentative state; accepted ones become facts, refused
ones answers. Nothing of it is told before the commit: even a refusal may rest on a command decided
just before it. Plain values and functions, no waiting.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.effects import Append, Claim, Document, Effect, Note, Release
from engine.envelope import Envelope
from engine.errors import ActorFailed, ClaimTaken, EngineError, Overloaded, Refused
from engine.kind import Kind, Step
from engine.limits import Limits
from engine.machine import Moment
from engine.messages import Address, AlarmDue, Fact, Reply, Snapshot
from engine.ports import Change, Entry, Kept

Claims = frozenset[tuple[str, str]]


class Draft:
    """Decisions of one actor that will be committed together."""

    def __init__(self, kind: Kind[Any], snapshot: Snapshot, limits: Limits) -> None:
        self.kind = kind
        self.before = snapshot
        self.after = snapshot
        self.facts: list[tuple[Fact, Snapshot, Snapshot]] = []
        self.results: list[tuple[Envelope, Reply | Exception, slice]] = []
        self.broken: BaseException | None = None
        self.rang = False
        self._limits = limits
        self.effects: list[tuple[Address, int, Effect]] = []
        self._appends: list[Append] = []
        self._claims: list[tuple[Address, Claim | Release]] = []
        self._documents: list[Document] = []
        self._reads: dict[Address, int] = {}
        self._kept: list[Kept] = []
        self._erases = self._privacy = self._own_only = False
        self._at_ms = 0

    def decide(self, envelope: Envelope, moment: Moment, taken: Claims = frozenset()) -> None:
        """Decide one command on the tentative state and note its answer."""
        command = envelope.command
        self._at_ms = moment.now_ms
        if isinstance(command, AlarmDue) and command.at_ms != self.after.alarm_at_ms:
            self._note(envelope, self._reply())
            return
        try:
            step = self.kind.decide(self.after, command, moment)
            self._refuse_taken(step, taken)
            self._refuse_too_much(step)
        except Exception as error:
            if isinstance(command, AlarmDue) and isinstance(error, Refused):
                self._has_rung(command)
            self.fail(envelope, error)
        else:
            self._accept(envelope, step, moment)

    def fail(self, envelope: Envelope, error: Exception) -> None:
        """Note an error as the answer. A rule that broke ends the draft."""
        if not isinstance(error, EngineError):
            self.broken = error
            error = ActorFailed(f"{envelope.command.wire_name()} broke its actor")
        self._note(envelope, error)

    def _has_rung(self, alarm: AlarmDue) -> None:
        """A refused alarm rings no more; the actor's next deadline does (engine spec 3)."""
        after = self.after
        at_ms = None
        if after.state is not None:
            at_ms = self.kind.alarm(after.state, after.since_ms, alarm.at_ms)
        self.after = msgspec.structs.replace(after, alarm_at_ms=at_ms)

    @staticmethod
    def _refuse_taken(step: Step, taken: Claims) -> None:
        for claim in step.claims:
            if isinstance(claim, Claim) and (claim.space, claim.key) in taken:
                raise ClaimTaken(claim.space, claim.key)

    def _refuse_too_much(self, step: Step) -> None:
        if len(step.effects) + len(step.appends) + len(step.events) > self._limits.yields_max:
            raise Overloaded("yields_max")

    def _accept(self, envelope: Envelope, step: Step, moment: Moment) -> None:
        fact: Fact | None = None
        if step.events:
            events = step.events
            if step.state is not None:
                events = self.kind.written_events(step.state, events)
            fact = Fact(self.after.version + 1, moment.now_ms, events)
            reborn = self.after.state is None and self.after.version > 0
            after = Snapshot(
                self.after.address,
                fact.version,
                self.after.generation + reborn,
                step.state,
                step.phase,
                step.since_ms,
                step.alarm_at_ms,
            )
            self.facts.append((fact, self.after, after))
            self.after = after
        elif step.alarm_at_ms != self.after.alarm_at_ms:
            self.after = msgspec.structs.replace(self.after, alarm_at_ms=step.alarm_at_ms)
        first = len(self._appends)
        if step.has_others:
            self._take_along(step)
        for seen, snapshot in moment.seen.items():  # the oldest version seen: a later one misses
            self._reads.setdefault(seen, snapshot.version)
        self._erases |= step.erases
        self._privacy |= step.privacy
        self._own_only |= step.own_only
        self.rang |= isinstance(envelope.command, AlarmDue)
        reply = self._reply(fact, step.notes)
        self._note(envelope, reply, slice(first, len(self._appends)))
        if envelope.key is not None:
            self._kept.append(self._keep(envelope))

    def _take_along(self, step: Step) -> None:
        version, address = self.after.version, self.after.address
        self.effects.extend((address, version, effect) for effect in step.effects)
        self._appends.extend(step.appends)
        self._claims.extend((address, claim) for claim in step.claims)
        self._documents.extend(step.documents)

    def _reply(self, fact: Fact | None = None, notes: tuple[Note, ...] = ()) -> Reply:
        after = self.after
        return Reply(after.address, after.version, after.generation, after.state, fact, notes=notes)

    def _note(
        self, envelope: Envelope, result: Reply | Exception, rows: slice = slice(0, 0)
    ) -> None:
        self.results.append((envelope, result, rows))

    def _keep(self, envelope: Envelope) -> Kept:
        body = b""
        if self.after.state is not None:
            body = msgspec.json.encode(self.kind.written(self.after.state))
        return Kept(
            project=self.after.address.project,
            principal=envelope.principal,
            key=envelope.key or "",
            fingerprint=envelope.fingerprint,
            address=self.after.address,
            version=self.after.version,
            generation=self.after.generation,
            state=body if len(body) <= self._limits.kept_reply_bytes_max else None,
            at_ms=self._at_ms,
        )

    @property
    def ends_here(self) -> bool:
        """True when no further command may join: a rule broke, or the past is erased."""
        return self.broken is not None or self._erases or self._privacy

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to commit."""
        return not (
            self.facts
            or self.effects
            or self._appends
            or self._claims
            or self._documents
            or self._kept
            or self.after is not self.before
        )

    def entry(self) -> Entry:
        """The entry for the store, fenced on what was seen."""
        own = self.after.address
        reads = {seen: version for seen, version in self._reads.items() if seen != own}
        changes: tuple[Change, ...] = ()
        if self.after is self.before:
            reads[own] = self.before.version
        else:
            changes = (self._change(),)
        return Entry(
            project=own.project,
            at_ms=self._at_ms,
            changes=changes,
            reads=tuple(reads.items()),
            effects=tuple(self.effects),
            appends=tuple(self._appends),
            claims=tuple(self._claims),
            documents=tuple(self._documents),
            kept=tuple(self._kept),
        )

    def _change(self) -> Change:
        before, after = self.before, self.after
        return Change(
            address=after.address,
            expected=before.version,
            version=after.version,
            generation=after.generation,
            phase=after.phase,
            alarm_at_ms=after.alarm_at_ms,
            since_ms=after.since_ms,
            facts=tuple(fact for fact, _, _ in self.facts),
            state=self._state_to_write(),
            erases=self._erases,
            privacy=self._privacy,
            own_only=self._own_only,
            about=self.kind.about(after.address.id) if self._erases or self._privacy else "",
        )

    def _state_to_write(self) -> bytes | None:
        """The row's state when it is due, and whenever the facts alone would not lead there."""
        before, after, every = self.before, self.after, self.kind.state_every
        if after.state is None or not self.facts:
            return None
        is_due = before.state is None or after.version // every > before.version // every
        if is_due or self._privacy or self.kind.written(before.state) is not before.state:
            return msgspec.json.encode(self.kind.written(after.state))
        return None
