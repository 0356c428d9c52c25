"""The authoring document `timeline/1`: its members, and its bytes.

A document is a grid: steps are columns, rows are lanes, beats are named spans of columns. Events
stand in it and links lead from one to another; guards, link conditions and thread deliveries hold
them back; operations change variables. These structs say which members there are and of which type;
what they mean together is judged in `publishing.py`. Everything is frozen, and sequences are
tuples. Reading and writing gives the same bytes for the same document, so that a hash of them can
name a revision. Source: spec timelines 8; ledger TL-020.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from actors.timelines import reading
from actors.timelines.findings import Problem

BadDocument = reading.BadDocument
DEPTH_MAX = 64  # conditions inside conditions; the leaf counts
STEP_MAX = 9_999  # ten thousand columns

Id = Annotated[str, Meta(extra_json_schema={"pattern": "^[A-Za-z0-9_-]{1,128}$"})]
"""An authored id (spec 5.12.15); `publishing.py` judges its form."""
Number = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""A whole number that every reader of JSON takes as it is."""
Scope = Literal["user", "shared"]
"""Whose value it is: one user's, or everybody's on the timeline (ledger TL-106)."""
Type = Literal["number", "string", "datetime", "boolean"]
"""What a variable's text means (spec 5.12.9)."""
State = Literal["UNVISITED", "ACTIVE", "VISITED"]
"""An event's state for one user (ledger TL-121)."""
Comparison = Literal["==", "!=", ">", ">=", "<", "<="]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
"""A weekday, in the user's time zone."""
OperationName = Literal["set", "add", "sub", "mul", "min", "max", "append", "set_now", "toggle"]
ALIASES = {"AVAILABLE": "ACTIVE", "COMPLETED": "VISITED"}  # older keys, never written (spec 5.2)


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all parts are: closed, and written without what is as usual."""


class Operand(_Part, frozen=True):
    """The value of a variable, where a literal may stand as well: `{"var": name}`."""

    var: str


class Operation(_Part, frozen=True):
    """A change of variable `var`.

    `value` belongs to all but `set_now` and `toggle`; `plus` (a duration, PnDTnHnMnS) to `set_now`.
    """

    op: OperationName
    var: str
    value: str | Operand | None = None
    plus: str | None = None


class Count(_Part, frozen=True):
    """How often this user followed a link: both bounds belong to it, one must be given."""

    at_least: Number | None = None
    at_most: Number | None = None


class CountOfAll(_Part, frozen=True):
    """How often all users on the timeline together followed a link: votes (spec 5.12.10)."""

    at_least: Number | None = None


class Time(_Part, frozen=True):
    """True from `after` on, until just before `before`; one must be given.

    ISO 8601 text, in the user's time zone if it names none, or a date-time variable.
    """

    after: str | Operand | None = None
    before: str | Operand | None = None


class Elapsed(_Part, frozen=True):
    """Time since something last happened to this user; one bound must be given (PnDTnHnMnS).

    `since` is `user.created`, `event:ID.ACTIVE`, `event:ID.VISITED` or `beat:ID`.
    """

    since: str
    at_least: str | None = None
    at_most: str | None = None


class Daily(_Part, frozen=True):
    """A window of each day in the user's time zone, `HH:MM` to `HH:MM`, over midnight if need be.

    `days` name the day on which it starts; none given means every day.
    """

    from_: str = field(name="from")
    to: str
    days: tuple[Day, ...] | None = None


class Condition(_Part, frozen=True):
    """One condition, in exactly one of ten forms (spec 8); members of other forms are absent."""

    all_: tuple[Condition, ...] | None = field(name="all", default=None)
    any_: tuple[Condition, ...] | None = field(name="any", default=None)
    not_: Condition | None = field(name="not", default=None)
    var: str | None = None
    op: Comparison | None = None
    value: str | Operand | None = None
    event: str | None = None
    state: State | None = None
    link: str | None = None
    followed: Count | None = None
    followed_by_all: CountOfAll | None = None
    time: Time | None = None
    elapsed: Elapsed | None = None
    daily: Daily | None = None


class Variable(_Part, frozen=True):
    """A variable; its values are text on the wire, whatever its type (ledger TL-108)."""

    name: Id
    scope: Scope
    type: Type
    default: str


class Beat(_Part, frozen=True):
    """A named span of columns, from `start_step` to the next beat (ledger TL-128)."""

    id: Id
    name: str
    start_step: Number
    on_enter: tuple[Operation, ...] = ()


class Row(_Part, frozen=True):
    """A lane of the grid; rows are shown in their order."""

    id: Id
    name: str
    description: str | None = None


class Thread(_Part, frozen=True):
    """A set of events that open only while `delivery` holds, however far the user is."""

    id: Id
    name: str
    delivery: Condition | None = None


class Guard(_Part, frozen=True):
    """Stops users before the column `before_step` until `when` holds."""

    id: Id
    before_step: Number
    when: Condition


class Ref(_Part, frozen=True):
    """Content kept elsewhere: which, of what type, by whom (ledger TL-129)."""

    content_id: str
    content_type: str
    provider_id: str


class Narrative(_Part, frozen=True):
    """A card of content. Events may share one, then all of it must be the same.

    `state_changes_content` is keyed by the state that an event changed to.
    """

    id: Id
    title: str | None = None
    description: str | None = None
    content: tuple[Ref, ...] = ()
    state_changes_content: dict[
        Literal["ACTIVE", "VISITED", "AVAILABLE", "COMPLETED"], tuple[Ref, ...]
    ] = {}
    custom_data: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Give older names of states today's; states without content say nothing."""
        kept: dict[str, tuple[Ref, ...]] = {}
        for given, refs in self.state_changes_content.items():
            state = ALIASES.get(given, given)
            if state in kept:
                raise ValueError(f"state_changes_content has {state} by two names")
            kept[state] = refs
        kept = {state: refs for state, refs in kept.items() if refs}
        msgspec.structs.force_setattr(self, "state_changes_content", kept)


class Link(_Part, frozen=True):
    """A way to another event; its id is `FROM:TO`. `auto` ones are followed by themselves."""

    to: str
    label: str | None = None
    when: Condition | None = None
    do: tuple[Operation, ...] = ()
    auto: bool = False


class On(_Part, frozen=True):
    """What happens to variables when an event changes to a state."""

    active: tuple[Operation, ...] = field(name="ACTIVE", default=())
    visited: tuple[Operation, ...] = field(name="VISITED", default=())


NOTHING = On()


class Event(_Part, frozen=True):
    """A narrative event placed in the grid: it can open once `step` is reached."""

    id: Id
    row: str
    step: Number
    narrative_event: Narrative
    thread: str | None = None
    links: tuple[Link, ...] = ()
    on: On = NOTHING

    def __post_init__(self) -> None:
        """What does nothing is the default, so that it is not written."""
        if self.on == NOTHING:
            msgspec.structs.force_setattr(self, "on", NOTHING)


class Settings(_Part, frozen=True):
    """`auto_progress`: a user who waits for a time goes on by itself when it comes (spec 5.4)."""

    auto_progress: bool = False


AS_USUAL = Settings()


class Timeline(_Part, frozen=True):
    """A whole document: the root object with everything in it (ledger TL-020)."""

    schema: Literal["timeline/1"]
    id: Id
    title: str
    variables: tuple[Variable, ...]
    beats: tuple[Beat, ...]
    rows: tuple[Row, ...]
    events: tuple[Event, ...]
    description: str | None = None
    threads: tuple[Thread, ...] = ()
    guards: tuple[Guard, ...] = ()
    settings: Settings = AS_USUAL

    def __post_init__(self) -> None:
        """Settings that are as usual are not written."""
        if self.settings == AS_USUAL:
            msgspec.structs.force_setattr(self, "settings", AS_USUAL)


PARTS: dict[str, type] = {
    "variables": Variable,
    "beats": Beat,
    "rows": Row,
    "threads": Thread,
    "guards": Guard,
    "events": Event,
}
_DECODER = msgspec.json.Decoder(Timeline)


def read(body: bytes) -> Timeline:
    """Read a document's JSON, at most 10 MiB. Types are strict: no `"3"` for a number.

    Raises `BadDocument` for every item of a wrong shape, `reading.Unreadable` for other bytes.
    """
    reading.check_readable(body)
    try:
        return _DECODER.decode(body)
    except (ValueError, RecursionError) as error:
        problems = reading.problems_of(reading.decode_any(body), Timeline, PARTS)
        raise BadDocument(problems or (Problem("", "shape", str(error)),)) from None


def write(timeline: Timeline) -> bytes:
    """The one JSON text of a document: members in order, nothing that is as usual, no space."""
    return msgspec.json.encode(timeline, order="deterministic")
