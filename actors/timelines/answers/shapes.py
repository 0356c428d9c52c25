"""The objects of the Audience and Admin APIs, as they go over the wire.

Class names, member names and their order are those of the published reference, because they are
the schema names of the OpenAPI document. A member with a default is optional there; it is written
all the same, null where there is nothing to say. All values of variables are text (TL-108); every
instant is ISO 8601 text in UTC. Everything is frozen, so that parts can be shared between answers.
Rules: spec timelines 3, 4, 6; ledger TL-104 to TL-106, TL-109 to TL-134.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta as Note

DateTime = Annotated[str, Note(extra_json_schema={"format": "date-time"})]
"""An instant as `times.write_instant` writes it (TL-135)."""


class NewUserTimelineEventState(StrEnum):
    """The state of an event for one user (TL-121)."""

    UNVISITED = "UNVISITED"
    ACTIVE = "ACTIVE"
    VISITED = "VISITED"


class VariableScope(StrEnum):
    """User values belong to one user, shared values to all users of a timeline (TL-106)."""

    USER = "user"
    SHARED = "shared"


class ServiceStatus(StrEnum):
    """Whether the service takes writes (TL-131)."""

    ONLINE = "ONLINE"
    MAINTENANCE = "MAINTENANCE"


# --- what users see


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """A named span of columns (TL-128)."""

    id: str | None = None
    name: str | None = None


class ContentIntegration(msgspec.Struct, frozen=True, kw_only=True):
    """Content kept elsewhere: which, of what type, by whom (TL-129)."""

    content_id: str
    content_type: str
    provider_id: str


Contents = tuple[ContentIntegration, ...]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user on a timeline (TL-109).

    `current_step` is null before the first column; `variables` are those of scope user; the two
    `waiting_` members are about the guard before the next column (TL-114, TL-115).
    """

    id: str
    variables: dict[str, str]
    current_step: int | None = None
    current_beat: Beat | None = None
    new_beat_available: Beat | None = None
    waiting_for_condition_id: str | None = None
    waiting_for_condition_datetime: DateTime | None = None
    end_of_timeline_reached: bool
    datetime_guards_disabled: bool
    pause_at_beats: bool
    active_timeline_id: str


class UserTimelineEventLink(msgspec.Struct, frozen=True, kw_only=True):
    """A way to another event, for one user (TL-079).

    `condition_datetime` is when time alone changes `followable`'s condition (TL-083).
    """

    id: str
    to_event_id: str
    label: str | None = None
    followable: bool
    last_followed_at: DateTime | None = None
    condition_datetime: DateTime | None = None


class UserTimelineEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event for one user: its state, its content, the links to follow (TL-119, TL-120)."""

    id: str
    state: NewUserTimelineEventState
    available_step_index: int
    available_beat: Beat | None = None
    links: tuple[UserTimelineEventLink, ...]
    thread_id: str | None = None
    row_id: str
    row_name: str
    row_description: str | None = None
    previous_in_row_timeline_event_id: str | None = None
    next_in_row_timeline_event_id: str | None = None
    related_timeline_event_ids: tuple[str, ...]
    narrative_event_id: str
    narrative_event_title: str | None = None
    narrative_event_description: str | None = None
    narrative_event_content: Contents
    narrative_event_state_changes_content: dict[str, Contents]
    narrative_event_custom_data: dict[str, str] = {}


class UserTimelineEventStateChange(msgspec.Struct, frozen=True, kw_only=True):
    """An event of one user changed its state (TL-087)."""

    state: NewUserTimelineEventState
    state_changed_at: DateTime | None = None
    state_change_content: Contents
    timeline_event_id: str
    thread_id: str | None = None
    row_id: str
    row_name: str
    narrative_event_id: str
    narrative_event_title: str | None = None
    narrative_event_description: str | None = None


# --- what administrators see


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A published timeline (TL-127)."""

    id: str
    title: str
    description: str | None = None


class TimelineEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the grid; `content_integrations` by the state that it changes to (TL-125)."""

    id: str
    title: str
    description: str | None = None
    step: int | None = None
    content_integrations: dict[str, Contents]
    narrative_event_id: str
    narrative_event_custom_data: dict[str, str] = {}


class EventStateChange(msgspec.Struct, frozen=True, kw_only=True):
    """An event of some user changed its state (TL-126).

    `esc_type` is the new state, `beat_id` the beat in which the event becomes available,
    `processed_step_index` the user's step at that time, `workspace_id` the project (5.12.22).
    """

    esc_type: str
    narrative_event_id: str
    timeline_event_id: str
    thread_id: str | None = None
    beat_id: str | None = None
    available_step_index: int
    processed_step_index: int
    workspace_id: str
    project_id: str
    timeline_id: str
    user_id: str
    created_at: DateTime


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable; `value` is null for scope user, where each user has its own (TL-104, TL-105)."""

    name: str
    scope: VariableScope
    default_value: str
    value: str | None = None


# --- around them


class GeneralError(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, in the envelope: both documented forms in one (TL-132, spec 6)."""

    code: int | None = None
    message: str | None = None
    detail: str | None = None
    content: list[dict[str, Any]] = []


class ValidationError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a request; `loc` leads to it (TL-133)."""

    loc: list[str | int]
    msg: str
    type: str


class HTTPValidationError(msgspec.Struct, frozen=True, kw_only=True):
    """A body of status 422, which has no envelope (TL-046)."""

    detail: list[ValidationError] = []


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What comes with every answer of the Audience API (TL-130).

    The user after the request, and what the request changed; nothing on reads.
    """

    user: User | None = None
    changed_timeline_events: list[UserTimelineEvent] = []
    changed_timeline_event_states: list[UserTimelineEventStateChange] = []
    service_status: ServiceStatus = ServiceStatus.ONLINE


class UserResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope around a user (TL-134)."""

    data: User | None = None
    error: GeneralError | None = None
    meta: Meta | None = None


class UserTimelineEventDetailResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope around an event (TL-134)."""

    data: UserTimelineEvent | None = None
    error: GeneralError | None = None
    meta: Meta | None = None


class UserTimelineEventListResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope around all events of a user (TL-134)."""

    data: list[UserTimelineEvent] | None = None
    error: GeneralError | None = None
    meta: Meta | None = None


class UserTimelineEventStateChangeListResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope around a user's log (TL-134)."""

    data: list[UserTimelineEventStateChange] | None = None
    error: GeneralError | None = None
    meta: Meta | None = None
