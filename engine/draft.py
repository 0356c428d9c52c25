"""A draft: what an actor would commit.

Waiting commands are decided in order on a tentative state; accepted ones become facts, refused
ones answers. Nothing of it is told before the commit: even a refusal may rest on a command decided
just before it. In a joint step other actors take part, each by its own tables. Plain values and
functions, no waiting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.effects import Append, Claim, Document, Effect, Note, Release
from engine.envelope import Envelope
from engine.errors import ActorFailed, ClaimTaken, EngineError, Overloaded, Refused
from engine.joint import decide_others
from engine.kind import Kind, Step
from engine.limits import Limits
from engine.machine import Moment
from engine.messages import Address, AlarmDue, Fact, Reply, Snapshot
from engine.part import Part
from engine.ports import Entry, Kept

Claims = frozenset[tuple[str, str]]


class Draft:
    """Decisions of one actor that will be committed together."""

    def __init__(
        self,
        kind: Kind[Any],
        snapshot: Snapshot,
        limits: Limits,
        kinds: Mapping[str, Kind[Any]] | None = None,
    ) -> None:
        self.kind = kind
        self.own = Part(kind, snapshot)
        self.others: tuple[Part, ...] = ()
        self.results: list[tuple[Envelope, Reply | Exception, slice]] = []
        self.broken: BaseException | None = None
        self.rang = False
        self._limits = limits
        self._kinds = kinds or {}
        self.effects: list[tuple[Address, int, Effect]] = []
        self._appends: list[Append] = []
        self._claims: list[tuple[Address, Claim | Release]] = []
        self._documents: list[Document] = []
        self._reads: dict[Address, int] = {}
        self._kept: list[Kept] = []
        self._at_ms = 0

    @property
    def before(self) -> Snapshot:
        """The actor as it is committed."""
        return self.own.before

    @property
    def after(self) -> Snapshot:
        """The actor as it will be."""
        return self.own.after

    @property
    def told(self) -> list[tuple[Kind[Any], Fact, Snapshot, Snapshot]]:
        """Facts to tell, in the order in which the entry states them."""
        parts = (self.own, *self.others)
        return [(part.kind, *fact) for part in parts for fact in part.facts]

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
            others = self._decide_others(step, moment) if step.also else ()
        except Exception as error:
            if isinstance(command, AlarmDue) and isinstance(error, Refused):
                self._has_rung(command)
            self.fail(envelope, error)
        else:
            self._accept(envelope, step, moment)
            for part, inner in others:
                self._take_along(part.after, inner)

    def _decide_others(self, step: Step, moment: Moment) -> Sequence[tuple[Part, Step]]:
        others = decide_others(self.own, step.also, moment, self._kinds, self._limits)
        self.others = tuple(dict.fromkeys(part for part, _ in others))
        return others

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
        self.own.after = msgspec.structs.replace(after, alarm_at_ms=at_ms)

    @staticmethod
    def _refuse_taken(step: Step, taken: Claims) -> None:
        for claim in step.claims:
            if isinstance(claim, Claim) and (claim.space, claim.key) in taken:
                raise ClaimTaken(claim.space, claim.key)

    def _refuse_too_much(self, step: Step) -> None:
        if len(step.effects) + len(step.appends) + len(step.events) > self._limits.yields_max:
            raise Overloaded("yields_max")

    def _accept(self, envelope: Envelope, step: Step, moment: Moment) -> None:
        fact = self.own.accept(step, moment.now_ms)
        first = len(self._appends)
        if step.has_others:
            self._take_along(self.after, step)
        for seen, snapshot in moment.seen.items():  # the oldest version seen: a later one misses
            self._reads.setdefault(seen, snapshot.version)
        self.rang |= isinstance(envelope.command, AlarmDue)
        reply = self._reply(fact, step.notes)
        self._note(envelope, reply, slice(first, len(self._appends)))
        if envelope.key is not None:
            self._kept.append(self._keep(envelope))

    def _take_along(self, after: Snapshot, step: Step) -> None:
        version, address = after.version, after.address
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
        """True when no further command may join: a rule broke, the past goes, or others joined."""
        own = self.own
        return self.broken is not None or own.erases or own.privacy or bool(self.others)

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to commit."""
        return not (
            self.own.is_changed
            or self.others
            or self.effects
            or self._appends
            or self._claims
            or self._documents
            or self._kept
        )

    def entry(self) -> Entry:
        """The entry for the store, fenced on what was seen."""
        own = self.after.address
        parts = [part for part in (self.own, *self.others) if part.is_changed]
        reads = self._reads
        if reads or not self.own.is_changed:
            changed = {part.after.address for part in parts}
            reads = {**reads, own: self.before.version}
            reads = {seen: version for seen, version in reads.items() if seen not in changed}
        return Entry(
            project=own.project,
            at_ms=self._at_ms,
            changes=tuple(part.change() for part in parts),
            reads=tuple(reads.items()),
            effects=tuple(self.effects),
            appends=tuple(self._appends),
            claims=tuple(self._claims),
            documents=tuple(self._documents),
            kept=tuple(self._kept),
        )
