"""One actor's part of a draft: facts on a tentative state, and the change they make.

A draft has the part of its own actor and, in a joint step, one for each other actor that takes
part. Plain values, no waiting.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.kind import Kind, Step
from engine.messages import Fact, Snapshot
from engine.ports import Change


class Part:
    """What will be committed of one actor. `before` is committed, `after` tentative."""

    __slots__ = ("after", "before", "erases", "facts", "kind", "own_only", "privacy")

    def __init__(self, kind: Kind[Any], snapshot: Snapshot) -> None:
        self.kind = kind
        self.before = snapshot
        self.after = snapshot
        self.facts: list[tuple[Fact, Snapshot, Snapshot]] = []
        self.erases = self.privacy = self.own_only = False

    @property
    def is_changed(self) -> bool:
        """True if there is something to write of this actor."""
        return self.after is not self.before

    def accept(self, step: Step, now_ms: int) -> Fact | None:
        """Go on to what the step leads to; its fact, if it states one."""
        fact: Fact | None = None
        before = self.after
        if step.events:
            events = step.events
            if step.state is not None:
                events = self.kind.written_events(step.state, events)
            fact = Fact(before.version + 1, now_ms, events)
            reborn = before.state is None and before.version > 0
            self.after = Snapshot(
                before.address,
                fact.version,
                before.generation + reborn,
                step.state,
                step.phase,
                step.since_ms,
                step.alarm_at_ms,
            )
            self.facts.append((fact, before, self.after))
        elif step.alarm_at_ms != before.alarm_at_ms:
            self.after = msgspec.structs.replace(before, alarm_at_ms=step.alarm_at_ms)
        self.erases |= step.erases
        self.privacy |= step.privacy
        self.own_only |= step.own_only
        return fact

    def change(self) -> Change:
        """The change, fenced on the version before."""
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
            erases=self.erases,
            privacy=self.privacy,
            own_only=self.own_only,
            about=self.kind.about(after.address.id) if self.erases or self.privacy else "",
        )

    def _state_to_write(self) -> bytes | None:
        """The row's state when it is due, and whenever the facts alone would not lead there."""
        before, after, every = self.before, self.after, self.kind.state_every
        if after.state is None or not self.facts:
            return None
        is_due = before.state is None or after.version // every > before.version // every
        if is_due or self.privacy or self.kind.written(before.state) is not before.state:
            return msgspec.json.encode(self.kind.written(after.state))
        return None
