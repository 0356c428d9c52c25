"""The Audience API: everything that one user does and sees, in the envelope.

Writes are commands and answer what they changed; reads settle what is due and answer what is there.
Bodies are strict, `meta` comes with every answer. Rules: spec timelines 3 to 6, 5.12.21; ledger
TL-036 to TL-088.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta as Limited

from actors.timelines.answers.shapes import (
    GeneralError,
    UserResponse,
    UserTimelineEventListResponse,
    UserTimelineEventStateChangeListResponse,
)
from actors.timelines.user_words import (
    CreateUser,
    EventState,
    FollowLink,
    Move,
    ProgressStep,
)
from api.http import NO_CONTENT, Answer, Call, Problem, answer
from api.timelines import carrying
from api.timelines.carrying import Asked
from api.timelines.entrance import Guest, for_audience
from api.timelines.errors import body_of, error_of
from api.timelines.looking import Desk, look, meta_of
from engine.messages import Address
from storage.timelines.queries import BEGIN, LogRow, log_of_user

LOG_PAGE = 1_000
"""Rows of a user's log that are read at a time."""
Steps = Annotated[int, Limited(ge=0)]
"""How many columns at most; 0: none."""


class CreateUserRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to place where (TL-053). `max_steps` null or absent: until something blocks."""

    published_timeline_id: str
    timezone: str
    disable_time_guards: bool = False
    pause_at_beats: bool = False
    max_steps: Steps | None = None
    variables: dict[str, str] = {}


class ProgressEventsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """How far to go (TL-061). `pause_at_beats` null or absent: as the user was created."""

    max_steps: Steps | None = None
    pause_at_beats: bool | None = None


class FollowLinkRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which link to follow (TL-076)."""

    link_id: str


# --- reads


async def get_user(call: Call) -> Answer:
    """The user, as it stands now (TL-047).

    With `missing_user = "null"` a user that is not there is a success without data (spec 5.11).
    """
    guest = await for_audience(call)
    desk = _desk(call, guest)
    try:
        view = await look(desk, desk.user(guest.user_id))
    except Problem as problem:
        if problem.status != 404 or guest.settings.missing_user != "null":
            raise
        return answer(UserResponse(error=GeneralError(**error_of(404, problem))))
    return answer(UserResponse(data=view.user(), meta=meta_of(desk, view)))


async def list_events(call: Call) -> Answer:
    """All events of the user, those that are not open yet too, in (step, row) order (TL-069)."""
    guest = await for_audience(call)
    desk = _desk(call, guest)
    view = await look(desk, desk.user(guest.user_id))
    body = UserTimelineEventListResponse(data=view.events(), meta=meta_of(desk, view))
    return answer(body)


async def list_state_changes(call: Call) -> Answer:
    """The user's log, ascending (TL-084).

    With `content_type` only what has content of that type, and of it only such content.
    """
    guest = await for_audience(call)
    desk = _desk(call, guest)
    address = desk.user(guest.user_id)
    view = await look(desk, address)
    moves = [
        Move(row.event, EventState(row.state), row.at_ms, row.step)
        for row in await _log(desk, address)
    ]
    wanted = call.query_one("content_type") if "content_type" in call.query else None
    changes = view.state_changes(moves, wanted)
    return answer(UserTimelineEventStateChangeListResponse(data=changes, meta=meta_of(desk, view)))


async def _log(desk: Desk, address: Address) -> list[LogRow]:
    """All rows of a user's log, read a page at a time."""
    rows: list[LogRow] = []
    is_last = False
    while not is_last:
        after = rows[-1].place if rows else BEGIN
        query = partial(
            log_of_user, project=address.project, user=address.id, after=after, limit=LOG_PAGE
        )
        page = await desk.house.tables.read(query)
        is_last = len(page) < LOG_PAGE
        rows += page
    return rows


# --- writes


async def create_user(call: Call) -> Answer:
    """Place the user on a timeline and let it progress for the first time: 200 (TL-051)."""
    guest = await for_audience(call)
    given = body_of(call, CreateUserRequest)
    command = CreateUser(
        published_timeline_id=given.published_timeline_id,
        timezone=given.timezone,
        disable_time_guards=given.disable_time_guards,
        pause_at_beats=given.pause_at_beats,
        max_steps=given.max_steps,
        variables=given.variables,
        at_ms=guest.at_ms,
    )
    return await _carried_out(call, guest, command)


async def progress_step(call: Call) -> Answer:
    """Move over columns until something blocks, or as many as asked for (TL-060)."""
    guest = await for_audience(call)
    given = body_of(call, ProgressEventsRequest)
    command = ProgressStep(
        max_steps=given.max_steps, pause_at_beats=given.pause_at_beats, at_ms=guest.at_ms
    )
    return await _carried_out(call, guest, command)


async def follow_link(call: Call) -> Answer:
    """Follow a link; the data is the event that it leads from, as it is then (TL-072)."""
    guest = await for_audience(call)
    given = body_of(call, FollowLinkRequest)
    command = FollowLink(
        user_timeline_event_id=call.parts["user_timeline_event_id"],
        link_id=given.link_id,
        at_ms=guest.at_ms,
    )
    return await _carried_out(call, guest, command)


async def delete_user(call: Call) -> Answer:
    """Delete the user and all that belongs to it: 204 (TL-049)."""
    guest = await for_audience(call)
    desk = _desk(call, guest)
    await carrying.erase(desk, desk.user(guest.user_id), call.idempotency_key)
    return NO_CONTENT


async def _carried_out(call: Call, guest: Guest, command: Asked) -> Answer:
    desk = _desk(call, guest)
    address, key = desk.user(guest.user_id), call.idempotency_key
    done = await carrying.carry_out(call.house, guest.principal, address, command, key)
    return answer(done.body)


def _desk(call: Call, guest: Guest) -> Desk:
    return Desk(call.house, guest.principal, guest.settings, guest.at_ms)
