"""What a timeline user is, is told, and remembers.

The state is everything that a walk needs beside the definition and the timeline's shared values.
Events that were never open have no entry. A fact is one `Walk`: what happened in one command, in
order, with every value that the fold needs. Rules: spec timelines 5.1, 5.12; engine spec 2.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from engine.messages import Command, Event

KIND = "user"


class Progress(StrEnum):
    """Where a user is on the way through the columns, as of the last fact."""

    ABSENT = "absent"
    NOT_STARTED = "not_started"
    WALKING = "walking"
    WAITING = "waiting"
    PAUSED = "paused"
    ENDED = "ended"


BETWEEN = (Progress.WALKING, Progress.WAITING, Progress.PAUSED)
BETWEEN_OR_ENDED = (*BETWEEN, Progress.ENDED)
ON_THE_WAY = (Progress.NOT_STARTED, *BETWEEN_OR_ENDED)


class EventState(StrEnum):
    """The state of an event for one user (TL-121)."""

    UNVISITED = "UNVISITED"
    ACTIVE = "ACTIVE"
    VISITED = "VISITED"


class Been(msgspec.Struct, frozen=True, array_like=True):
    """An event that was opened: its state, and when it last became ACTIVE and VISITED (ms)."""

    state: EventState
    active_ms: int
    visited_ms: int | None = None


class Follows(msgspec.Struct, frozen=True, array_like=True):
    """How often a link was followed, and when last (ms)."""

    count: int
    last_ms: int


class Place(msgspec.Struct, frozen=True):
    """A beat as users see it (TL-128)."""

    id: str
    name: str


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a user stands at the end of a walk (spec 5.4).

    `waiting` is the first failing guard before the next column, `waiting_until_ms` when time alone
    opens it; `new_beat` begins at the next column and may be entered; `due_ms` is when anything
    that the user waits for may next change by time (spec 5.12.17).
    """

    progress: Progress = Progress.ABSENT
    beat: Place | None = None
    waiting: str | None = None
    waiting_until_ms: int | None = None
    new_beat: Place | None = None
    ended: bool = False
    due_ms: int | None = None


class User(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user on a timeline.

    `revision` is the hash of the definition that the user started on; `settled_ms` the instant of
    the last decision, `seen` the timeline's version then; `pending` events that were linked to and
    are not open yet; `fired` the automatic links that have fired since their event opened;
    `variables` all user values; `beats` when each was entered; `counted` what the user added to
    the timeline's counts of links. `is_virtual`: the last decision came with an instant of its own
    (spec 5.12.18), so no alarm rings. `shares`: the definition looks at shared values; `interests`
    are those that this user waits for, by name, and counted links by id (spec 5.12.14). For clients
    of 2022: `skipped` events, and `bookmarks` where the reader was, the newest last (spec 11).
    """

    standing: Standing = Standing()
    timeline: str = ""
    revision: str = ""
    zone: str = "UTC"
    times_disabled: bool = False
    pauses: bool = False
    shares: bool = False
    created_ms: int = 0
    settled_ms: int = 0
    seen: int = 0
    is_virtual: bool = False
    step: int | None = None
    events: dict[str, Been] = {}
    pending: tuple[str, ...] = ()
    follows: dict[str, Follows] = {}
    fired: tuple[str, ...] = ()
    variables: dict[str, str] = {}
    beats: dict[str, int] = {}
    counted: dict[str, int] = {}
    interests: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    bookmarks: tuple[str, ...] = ()


# --- commands


class CreateUser(Command, frozen=True):
    """Place the user on a timeline and progress for the first time (TL-051 to TL-059).

    `max_steps` None: until something blocks. `at_ms`: the instant of a test clock, for callers who
    may set one.
    """

    public = True
    published_timeline_id: str
    timezone: str
    disable_time_guards: bool = False
    pause_at_beats: bool = False
    max_steps: int | None = None
    variables: dict[str, str] = msgspec.field(default_factory=dict)
    at_ms: int | None = None


class ProgressStep(Command, frozen=True):
    """Move over columns until blocked, or `max_steps` of them (TL-060 to TL-068).

    `pause_at_beats` None: as the user was created.
    """

    public = True
    max_steps: int | None = None
    pause_at_beats: bool | None = None
    at_ms: int | None = None


class FollowLink(Command, frozen=True):
    """Follow a link from an event (TL-072 to TL-078)."""

    public = True
    user_timeline_event_id: str
    link_id: str
    at_ms: int | None = None


class Settle(Command, frozen=True):
    """Store what is due by time or by others' changes (spec 5.12.13); reads ask for it.

    A sweep does as well (`is_swept`): it leaves a test clock where it is (spec 5.12.18).
    """

    at_ms: int | None = None
    is_swept: bool = False


class Migrate(Command, frozen=True):
    """Walk on by another definition of the timeline, `revision` by its hash (spec 5.12.19).

    `only`: just who is on that one; None: whoever is on any other.
    """

    revision: str
    only: str | None = None


# --- events


class Move(msgspec.Struct, frozen=True, array_like=True):
    """One event of the timeline changed its state; `step` is where the user was then."""

    event: str
    state: EventState
    at_ms: int
    step: int | None = None


class Followed(msgspec.Struct, frozen=True, array_like=True):
    """A link was followed, by the user or by itself (`auto`)."""

    link: str
    at_ms: int
    auto: bool = False


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """When something was: a beat entered, a guard passed."""

    id: str
    at_ms: int


class Walk(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one command led to, in order of happening; `None` members did not change.

    `variables` and `shared` hold new values by name, `counted` how much a link's count of all rose;
    `flipped` are ACTIVE events with a link that this turned, `passed` guards that were waited for.
    """

    at_ms: int
    standing: Standing
    seen: int = 0
    is_virtual: bool = False
    shares: bool = False
    step: int | None = None
    moves: tuple[Move, ...] = ()
    follows: tuple[Followed, ...] = ()
    beats: tuple[Stamp, ...] = ()
    passed: tuple[Stamp, ...] = ()
    pending: tuple[str, ...] | None = None
    fired: tuple[str, ...] | None = None
    variables: dict[str, str] = {}
    shared: dict[str, str] = {}
    counted: dict[str, int] = {}
    flipped: tuple[str, ...] = ()
    interests: tuple[str, ...] | None = None


class UserCreated(Event, frozen=True, omit_defaults=True):
    """The user begins; `variables` are all user values before the walk.

    `max_steps` is what was asked for (None: until something blocks).
    """

    timeline: str
    revision: str
    zone: str
    times_disabled: bool
    pauses: bool
    shares: bool
    variables: dict[str, str]
    walk: Walk
    max_steps: int | None = None


class Progressed(Event, frozen=True, omit_defaults=True):
    """The user asked to go on: at most `max_steps` columns, stopping before beats or not."""

    walk: Walk
    max_steps: int | None = None
    pauses: bool = False


class LinkFollowed(Event, frozen=True):
    """The user followed `link` from `source` to `target`."""

    link: str
    source: str
    target: str
    walk: Walk


class Settled(Event, frozen=True):
    """Time passed, or others changed what the user sees."""

    walk: Walk


class Dropped(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a user had and another definition does not have: ids and names, sorted.

    `step` is where the user stood, behind the last column; `events` were open or left, `pending`
    linked to and not open yet, `links` followed, `beats` entered; `variables` are gone, shared or
    of another type.
    """

    step: int | None = None
    events: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    beats: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


class Migrated(Event, frozen=True):
    """The user walks on by `revision`, and no more by `former`; `variables` begin anew."""

    former: str
    revision: str
    shares: bool
    dropped: Dropped
    variables: dict[str, str]
    walk: Walk


EVENTS = (UserCreated, Progressed, LinkFollowed, Settled, Migrated)
