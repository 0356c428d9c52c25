"""What a decision leads to, and how long it is remembered.

A step is a value: the state after, the events that lead there, and everything that should ride in
the same commit. Kinds make steps, actors store them, and nothing here does either.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine.effects import Also, Append, Claim, Document, Effect, Note, Release, Yielded
from engine.messages import Event


class TableBroken(AssertionError):
    """The fold delivered another phase than the table promised: a bug in the kind."""


class Keep(msgspec.Struct, frozen=True):
    """How long facts are kept: for ever, `days`, or the `last` N (engine spec 2.3)."""

    days: float | None = None
    last: int | None = None


FOR_EVER = Keep()


class Step(msgspec.Struct, frozen=True):
    """What one accepted command leads to. `events` empty: accepted, nothing to store.

    `privacy` without `erases`: the past goes and the actor goes on. `own_only`: of list rows only
    those that came through the actor go.
    """

    state: Any
    phase: str
    since_ms: tuple[int, ...]
    alarm_at_ms: int | None
    events: tuple[Event, ...] = ()
    effects: tuple[Effect, ...] = ()
    appends: tuple[Append, ...] = ()
    claims: tuple[Claim | Release, ...] = ()
    documents: tuple[Document, ...] = ()
    notes: tuple[Note, ...] = ()
    also: tuple[Also, ...] = ()
    erases: bool = False
    privacy: bool = False
    own_only: bool = False

    @property
    def has_others(self) -> bool:
        """True if anything but events should ride in the commit."""
        return bool(self.effects or self.appends or self.claims or self.documents)

    def with_others(self, yielded: Iterable[Yielded]) -> Step:
        """The same step with what its rows yielded beside events."""
        found: dict[type, list[Any]] = {}
        for value in yielded:
            found.setdefault(type(value), []).append(value)
        return msgspec.structs.replace(
            self,
            effects=tuple(found.get(Effect, ())),
            appends=tuple(found.get(Append, ())),
            claims=(*found.get(Release, ()), *found.get(Claim, ())),
            documents=tuple(found.get(Document, ())),
            notes=tuple(found.get(Note, ())),
            also=tuple(found.get(Also, ())),
        )


def present_events(events: tuple[Event, ...]) -> Any:
    """What a push shows of a fact: one event's fields, or the ordered list of several."""
    shown = [msgspec.to_builtins(event) for event in events]
    for event in shown:
        event["name"] = event.pop("event")
    if len(shown) == 1:
        shown[0].pop("name")
        return shown[0]
    return {"transitions": shown}
