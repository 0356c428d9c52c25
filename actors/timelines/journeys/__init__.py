"""Journeys: the walk of one user as a document, `journey/1`.

It says how the user began, what the user chose and when, what others had changed of the shared
values by then, and what each step led to. So it can be played again, by the same definition or by
another one (`replaying.py`), by whoever has nothing else. It names no user. Instants are UTC.
Rules: spec timelines 5.1, 5.12.13, 12 (row 4).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

from actors.timelines import reading, times
from actors.timelines.answers.shapes import DateTime, GeneralError, Meta
from actors.timelines.user_words import EventState

SCHEMA: Literal["journey/1"] = "journey/1"
STEPS_MAX = 10_000
"""Steps of a journey that is played again: years of a daily story."""
BODY_BYTES_MAX = 10 * 1024 * 1024
"""Of a journey that is read; the same as of a timeline's document."""


class BadJourney(ValueError):
    """It is no journey; the message says why."""


class Did(StrEnum):
    """What a step was: a choice of the user, or what time and others led to."""

    CREATED = "created"
    PROGRESSED = "progressed"
    FOLLOWED = "followed"
    COMPLETED = "completed"
    SETTLED = "settled"
    MIGRATED = "migrated"


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all parts are: written without what is as usual."""


class Since(msgspec.Struct, frozen=True, array_like=True):
    """A shared value, and since when it was so."""

    at: DateTime
    value: str


class Others(_Part, frozen=True):
    """What was different on the timeline from what the step before left.

    `variables` and `follows` (how often all users followed a counted link) hold the value of then,
    and before it those that a look back to the step before may meet, the newest first. `types` are
    those of shared variables, `counts` the links whose follows count.
    """

    variables: dict[str, tuple[Since, ...]] = {}
    follows: dict[str, tuple[Since, ...]] = {}
    types: dict[str, str] = {}
    counts: tuple[str, ...] | None = None


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the timeline changed its state."""

    timeline_event_id: str
    state: EventState
    state_changed_at: DateTime


class JourneyStep(_Part, frozen=True):
    """A step: when, what, what was asked for, and what changed.

    `max_steps` and `pause_at_beats` belong to `created` and `progressed`, `link_id` to `followed`,
    `timeline_event_id` to `completed` (a client of 2022 left the event by all its links),
    `revision` to `migrated`. `test_clock`: the instant was the caller's. `others` is absent where
    nobody had changed anything of the timeline. `current_step` and the guard waited for are as the
    step left them; `links_followed` are all, automatic ones too; `variables` are new values of the
    user's own, `shared` those that it wrote for all.
    """

    at: DateTime
    did: Did
    test_clock: bool = False
    max_steps: int | None = None
    pause_at_beats: bool = False
    link_id: str | None = None
    timeline_event_id: str | None = None
    revision: str | None = None
    others: Others | None = None
    current_step: int | None = None
    state_changes: tuple[StateChange, ...] = ()
    links_followed: tuple[str, ...] = ()
    beats_entered: tuple[str, ...] = ()
    conditions_passed: tuple[str, ...] = ()
    variables: dict[str, str] = {}
    shared: dict[str, str] = {}
    waiting_for_condition_id: str | None = None
    end_of_timeline_reached: bool = False


class JourneyBegin(msgspec.Struct, frozen=True, kw_only=True):
    """A journey without its steps.

    `revision` is the hash of the definition that the user began on; `variables` all user values
    before the first step, `variables_given` the names of those that were not as the definition
    says.
    """

    schema: Literal["journey/1"] = SCHEMA
    timeline_id: str
    revision: str
    timezone: str
    datetime_guards_disabled: bool
    pause_at_beats: bool
    variables: dict[str, str]
    variables_given: tuple[str, ...]


class Journey(JourneyBegin, frozen=True, kw_only=True):
    """A whole journey; the first step is `created`, and no other is."""

    steps: tuple[JourneyStep, ...]


class JourneyResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope around a journey."""

    data: Journey | None = None
    error: GeneralError | None = None
    meta: Meta | None = None


class _Envelope(msgspec.Struct, frozen=True):
    """An answer of the Audience API, as it was saved."""

    data: Journey


# --- reading

NAMED = {Did.FOLLOWED: "link_id", Did.COMPLETED: "timeline_event_id", Did.MIGRATED: "revision"}
"""What a step must name, and no other may."""


def read_journey(body: bytes) -> Journey:
    """Read a journey's JSON, bare or in the Audience API's envelope; raises `BadJourney`."""
    try:
        reading.check_readable(body)
        decoded: Any = reading.decode_any(body)
        is_envelope = isinstance(decoded, dict) and "data" in decoded
        journey = msgspec.convert(decoded, _Envelope).data if is_envelope else None
        return checked(journey or msgspec.convert(decoded, Journey))
    except reading.Unreadable as wrong:
        raise BadJourney(wrong.problems[0].message) from None
    except msgspec.ValidationError as wrong:
        raise BadJourney(str(wrong)) from None


def checked(journey: Journey) -> Journey:
    """The journey, if its steps can follow each other; raises `BadJourney`."""
    if not 1 <= len(journey.steps) <= STEPS_MAX:
        raise BadJourney(f"a journey has 1 to {STEPS_MAX:,} steps, not {len(journey.steps):,}")
    last_ms = None
    for number, step in enumerate(journey.steps):
        if (step.did is Did.CREATED) is not (number == 0):
            raise BadJourney("the first step of a journey is `created`, and no other is")
        for did, name in NAMED.items():
            if (step.did is did) is not (getattr(step, name) is not None):
                raise BadJourney(f"step {number}: `{name}` belongs to `{did}`")
        if step.max_steps is not None and step.max_steps < 0:
            raise BadJourney(f"step {number}: `max_steps` is not negative")
        at_ms = instant_of(step.at)
        if last_ms is not None and at_ms < last_ms:
            raise BadJourney(f"step {number} is earlier than the step before")
        last_ms = at_ms
        for since in _instants(step.others):
            instant_of(since.at)
    return journey


def _instants(others: Others | None) -> list[Since]:
    if others is None:
        return []
    listed = (*others.variables.values(), *others.follows.values())
    if not all(listed):
        raise BadJourney("a shared value has at least its value of then")
    return [since for one in listed for since in one]


def instant_of(text: str) -> int:
    """An instant of a journey in ms; raises `BadJourney`."""
    try:
        found = times.read_instant(text)
    except times.BadTime as wrong:
        raise BadJourney(str(wrong)) from None
    if isinstance(found, times.Naive):
        raise BadJourney(f"{text!r} names no zone")
    return found
