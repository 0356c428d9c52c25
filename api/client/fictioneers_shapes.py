"""What the timelines' client hands out beside the objects of the APIs, and what it raises.

Users, events, links, changes of state, timelines and variables are the structs of
`actors/timelines/answers/shapes.py`, with the members of the published reference. Here are the
envelope around them, tokens, and what the live topic of a user tells. All is frozen.
Rules: spec timelines 3, 4, 6; live spec; ledger TL-005, TL-007, TL-038, TL-132, TL-133.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from actors.timelines.answers.shapes import (
    Beat,
    DateTime,
    GeneralError,
    Meta,
    NewUserTimelineEventState,
    ValidationError,
)
from actors.timelines.user_words import Progress
from api.client.updates import Update

NOT_UNDERSTOOD = "Not understood."
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class AccessToken(msgspec.Struct, frozen=True):
    """A token of one user for the Audience API, good for `expires_in` seconds (TL-030)."""

    access_token: str
    expires_in: int


class Introspection(msgspec.Struct, frozen=True):
    """Whether a token is good; if so, whose and for how many seconds more (TL-034)."""

    is_active: bool
    user_id: str | None = None
    expires_in: int | None = None


# --- answers


class Envelope(msgspec.Struct, Generic[T], frozen=True):
    """An answer of the Audience API: what was asked for, and what came with it (TL-038, TL-039).

    `meta.user` is the user after the request; `meta.changed_timeline_events` and
    `meta.changed_timeline_event_states` are what a write changed, and empty after reads.
    """

    data: T
    meta: Meta


class FictioneersError(Exception):
    """The daemon refused.

    `status` is that of HTTP, `message` the documented one, `detail` says more where there is more,
    `content` lists it for programs (a link that is not followable: `reason`, `condition_datetime`).
    `problems` are what is wrong with the input, one by one, and empty unless `status` is 422.
    """

    def __init__(
        self,
        status: int,
        message: str,
        detail: str = "",
        content: tuple[dict[str, Any], ...] = (),
        problems: tuple[ValidationError, ...] = (),
    ) -> None:
        wrong = (f"{'.'.join(map(str, each.loc))}: {each.msg}" for each in problems)
        super().__init__("; ".join(filter(None, (f"{status} {message}", detail, *wrong))))
        self.status = status
        self.message = message
        self.detail = detail
        self.content = content
        self.problems = problems


class _Refusal(msgspec.Struct, frozen=True):
    """Every form of an error's body: the envelope, that of 422, and that of unknown paths."""

    error: GeneralError | None = None
    detail: str | list[ValidationError] | None = None


def refusal(status: int, body: bytes) -> FictioneersError:
    """The error of an answer that is no success; a body that cannot be read says nothing more."""
    try:
        told = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        told = _Refusal()
    if told.error is not None:
        return _error(status, told.error)
    if isinstance(told.detail, list):
        return FictioneersError(status, _phrase(status), problems=tuple(told.detail))
    return FictioneersError(status, _phrase(status), told.detail or "")


def _error(status: int, told: GeneralError) -> FictioneersError:
    message = told.message or _phrase(status)
    return FictioneersError(status, message, told.detail or "", tuple(told.content))


def _phrase(status: int) -> str:
    try:
        return f"{HTTPStatus(status).phrase}."
    except ValueError:
        return "Refused."


def understood(body: bytes, type_: type[T]) -> T:
    """The body of a success. Raises `FictioneersError` (200) for one that is something else."""
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FictioneersError(HTTPStatus.OK, NOT_UNDERSTOOD, str(error)) from None


class _Response(Protocol[T_co]):
    """What the responses of the Audience API have in common."""

    @property
    def data(self) -> T_co | None:
        """What was asked for."""

    @property
    def error(self) -> GeneralError | None:
        """What went wrong."""

    @property
    def meta(self) -> Meta | None:
        """What came with it."""


def opened(response: _Response[T]) -> Envelope[T]:
    """The envelope of a success.

    Raises `FictioneersError` for one without data: so a missing user is answered where the project
    has `missing_user = "null"` (spec 5.11), and the caller shall not have to know.
    """
    if response.data is None or response.meta is None:
        told = response.error or GeneralError()
        raise _error(told.code or HTTPStatus.NOT_FOUND, told)
    return Envelope(response.data, response.meta)


# --- live


class StateChange(msgspec.Struct, frozen=True):
    """An event of the user changed its state."""

    timeline_event_id: str
    state: NewUserTimelineEventState
    state_changed_at: DateTime


class LiveUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user as the live topic shows it: as of the last change, without its definition.

    `events` are the states of all events that were ever open, `follows` how often each link was
    followed; both are None for a user who has been in more than 2,000 events.
    """

    active_timeline_id: str
    revision: str
    timezone: str
    datetime_guards_disabled: bool
    pause_at_beats: bool
    variables: dict[str, str]
    progress: Progress
    current_step: int | None = None
    current_beat: Beat | None = None
    new_beat_available: Beat | None = None
    waiting_for_condition_id: str | None = None
    waiting_for_condition_datetime: DateTime | None = None
    end_of_timeline_reached: bool = False
    events: dict[str, NewUserTimelineEventState] | None = None
    follows: dict[str, int] | None = None


class UserSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Start from here: the user as it is at `version`; None: there is no such user (yet)."""

    epoch: str
    version: int
    user: LiveUser | None


class UserChange(msgspec.Struct, frozen=True, kw_only=True):
    """One change of the user; its `version` follows that of the one before.

    `name` says what happened (`UserCreated`, `Progressed`, `LinkFollowed`, `Settled`, `Erased`),
    `time` when it was stored, `at` the instant at which it was decided. `state_changes` are in
    order of happening, `variables` the new values only. The members after `variables` are how the
    user stands now; of an erased one `progress` is None.
    """

    epoch: str
    version: int
    name: str
    time: DateTime
    at: DateTime | None = None
    link_id: str | None = None
    state_changes: tuple[StateChange, ...] = ()
    conditions_passed: tuple[str, ...] = ()
    beats_entered: tuple[str, ...] = ()
    variables: dict[str, str] = {}
    progress: Progress | None = None
    current_step: int | None = None
    current_beat: Beat | None = None
    new_beat_available: Beat | None = None
    waiting_for_condition_id: str | None = None
    waiting_for_condition_datetime: DateTime | None = None
    end_of_timeline_reached: bool = False


def shown(update: Update) -> UserSnapshot | UserChange:
    """An update of a user's topic, typed."""
    if update.kind == "snapshot":
        user = msgspec.convert(update.state, LiveUser | None)
        return UserSnapshot(epoch=update.epoch, version=update.version, user=user)
    place = {
        "epoch": update.epoch,
        "version": update.version,
        "name": update.name,
        "time": update.time,
    }
    return msgspec.convert({**(update.data or {}), **place}, UserChange)
