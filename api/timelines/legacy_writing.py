"""What clients of 2022 write: where the reader is, and that an event is completed or skipped.

Answers are those of today, in today's names; `legacy` tells them. The actor decides; what it was
refused for is found afterwards, as for any command of a user. Rules: spec timelines 5.5, 5.9, 11.
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.timelines.answers import NO_EVENT
from actors.timelines.answers.shapes import UserResponse, UserTimelineEventDetailResponse
from actors.timelines.deciding import OVERFLOW, instant
from actors.timelines.legacy import Leaving
from actors.timelines.legacy_words import Bookmark, Complete, Completed
from actors.timelines.looker import ACTIVE
from api.http import Answer, Call, Problem, answer
from api.timelines import carrying
from api.timelines.admin import desk_of
from api.timelines.entrance import for_audience
from api.timelines.errors import body_of, forbidden
from api.timelines.looking import Desk, check_later, existing, look, meta_of, reckoned, view_at
from engine.errors import Busy, Refused
from engine.messages import Address, Command, Reply

NOT_OPEN = "Event is not available."


class StoryStateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The event at which the reader is."""

    current_timeline_event_id: str


class EventRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of an open event."""

    state: Leaving


async def update_story_state(call: Call) -> Answer:
    """Note where the reader is; 404 for an event that the definition does not have."""
    guest = await for_audience(call)
    desk = desk_of(call, guest)
    event = body_of(call, StoryStateRequest).current_timeline_event_id
    address = desk.user(guest.user_id)
    carrying.check_online(desk)
    try:
        await _ask(desk, address, Bookmark(timeline_event_id=event), call.idempotency_key)
    except Refused:
        if event in (await reckoned(desk, await existing(desk, address))).revision.by_id:
            raise Busy("something changed meanwhile") from None
        raise Problem(404, "no_event", NO_EVENT) from None
    view = await look(desk, address)
    return answer(UserResponse(data=view.user(), meta=meta_of(desk, view)))


async def update_event(call: Call) -> Answer:
    """Complete or skip an event: every link of it that can be followed is followed.

    The data is the event as it is then. 404: there is no such event; 403: it is not open.
    """
    guest = await for_audience(call)
    desk = desk_of(call, guest)
    is_skip = body_of(call, EventRequest).state is Leaving.SKIPPED
    event, address = call.parts["user_timeline_event_id"], desk.user(guest.user_id)
    command = Complete(user_timeline_event_id=event, skipped=is_skip, at_ms=guest.at_ms)
    carrying.check_online(desk)
    key = call.idempotency_key
    try:
        reply = await _ask(desk, address, command, key)
    except Refused as refused:
        raise await _reason(desk, address, event, refused) from None
    return answer(await _completed(desk, event, reply, key))


async def _ask(desk: Desk, address: Address, command: Command, key: str | None) -> Reply:
    principal = desk.principal
    return await desk.house.directory.ask(
        address, command, by=principal.who, principal=principal.name, key=key
    )


async def _reason(desk: Desk, address: Address, event: str, refused: Refused) -> Exception:
    """Why an event could not be left: 403, 404 or 422."""
    if refused.why == OVERFLOW:
        return forbidden(OVERFLOW, carrying.OVERFLOWS)
    snapshot = await existing(desk, address)
    check_later(desk, snapshot.state)
    view = await reckoned(desk, snapshot)
    if event not in view.revision.by_id:
        return Problem(404, "no_event", NO_EVENT)
    if view.looker.state_of(event) != ACTIVE:
        return forbidden("not_active", NOT_OPEN)
    return Busy("something changed meanwhile")


async def _completed(
    desk: Desk, event: str, reply: Reply, key: str | None
) -> UserTimelineEventDetailResponse:
    """The event, and what changed: it, the targets as they were followed, the rest."""
    fact = await carrying.fact_of(desk, reply, key, Completed)
    stated: Any = None if fact is None else fact.events[0]
    now_ms = instant(reply.state, desk.at_ms, desk.house.clock.now_ms())
    view = await view_at(
        desk, reply.address, reply.state, now_ms if stated is None else stated.walk.at_ms
    )
    meta = meta_of(desk, view)
    if stated is not None:
        ways = [view.revision.ways[one.link] for one in stated.walk.follows if not one.auto]
        events, states = view.changed(stated.walk, (event, *[way.target for way in ways]))
        meta = msgspec.structs.replace(
            meta, changed_timeline_events=events, changed_timeline_event_states=states
        )
    return UserTimelineEventDetailResponse(data=view.event(event), meta=meta)
