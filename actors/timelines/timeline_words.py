"""What a timeline is, is told, and remembers: its published revision and its shared values.

Definitions are documents; the state holds the hash of the newest one and what every user's walk
needs of all users together. Shared values live on across revisions. Rules: spec timelines 5.7,
5.12.10, 5.12.14, 5.12.19.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from engine.messages import Command, Event

KIND = "timeline"
PAST_MAX = 16
"""Earlier values kept of each shared value: a user who catches up looks at them by instant."""


class Published(StrEnum):
    """Whether users may be placed on the timeline."""

    ABSENT = "absent"
    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"


class Declared(msgspec.Struct, frozen=True):
    """A variable of the newest revision; `scope` user or shared, `type` as in the document."""

    name: str
    scope: str
    type: str
    default: str


class Timed(msgspec.Struct, frozen=True, array_like=True):
    """A shared value: what it is since when (ms), and what it was, the newest first.

    `past` holds (since_ms, value); beyond the oldest kept, the oldest counts.
    """

    value: str
    since_ms: int
    past: tuple[tuple[int, str], ...] = ()

    def at(self, at_ms: int) -> str:
        """The value at an instant."""
        if at_ms >= self.since_ms or not self.past:
            return self.value
        for since_ms, value in self.past:
            if at_ms >= since_ms:
                return value
        return self.past[-1][1]

    def then(self, value: str, at_ms: int) -> Timed:
        """The value after a change."""
        return Timed(value, at_ms, ((self.since_ms, self.value), *self.past)[:PAST_MAX])


class Timeline(msgspec.Struct, frozen=True, omit_defaults=True):
    """A timeline: `revision` is the hash of its newest definition.

    `shared` holds the shared variables by name, `types` their types, those of earlier revisions
    too; `follows` the follows by all users of the links in `counts`, which are those that some
    condition of a published revision counts.
    """

    id: str = ""
    published: Published = Published.ABSENT
    revision: str = ""
    title: str = ""
    description: str | None = None
    declared: tuple[Declared, ...] = ()
    shared: dict[str, Timed] = {}
    types: dict[str, str] = {}
    counts: tuple[str, ...] = ()
    follows: dict[str, Timed] = {}


# --- commands


class Publish(Command, frozen=True):
    """Put a judged definition in force for new users. `body` is its canonical JSON.

    `counts` are the links whose follows by all its conditions look at.
    """

    body: bytes
    title: str
    description: str | None = None
    declared: tuple[Declared, ...] = ()
    counts: tuple[str, ...] = ()


class Unpublish(Command, frozen=True):
    """Let nobody begin any more; users on the timeline go on (spec 5.12.19)."""


class SetVariable(Command, frozen=True):
    """Set a shared variable to a value of its type, in canonical form (TL-102)."""

    name: str
    value: str
    at_ms: int | None = None


class Contribute(Command, frozen=True):
    """A user's part in a joint step: shared values that its walk wrote, follows that it added.

    `follows` may hold negative numbers: a user who is deleted takes its own away (spec 5.12.16).
    """

    shared: dict[str, str] = msgspec.field(default_factory=dict)
    follows: dict[str, int] = msgspec.field(default_factory=dict)
    at_ms: int | None = None


# --- events


class RevisionPublished(Event, frozen=True):
    """A definition is in force; shared variables that are new begin with their defaults."""

    revision: str
    title: str
    description: str | None
    declared: tuple[Declared, ...]
    at_ms: int
    counts: tuple[str, ...] = ()


class RevisionUnpublished(Event, frozen=True):
    """Nobody begins any more."""


class VariableSet(Event, frozen=True):
    """An operator set a shared variable."""

    name: str
    value: str
    at_ms: int


class Contributed(Event, frozen=True):
    """A user's walk wrote shared values or was counted."""

    shared: dict[str, str]
    follows: dict[str, int]
    at_ms: int


EVENTS = (RevisionPublished, RevisionUnpublished, VariableSet, Contributed)
