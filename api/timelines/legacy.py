"""The door as it was in 2022, for clients that nobody updates.

Below `/api/v1` every route speaks the old names, and those routes are there that are gone since;
with `legacy = true` so does every other prefix. A handler answers as it does today and its answer
is told again, so both times have one behaviour. Two things differ: creating a user walks nowhere
unless asked to, since clients of then take what the first progress changes for the opening, and an
event is completed or skipped as a whole. Rules: spec timelines 5.2, 5.12.22, 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from typing import Any

import msgspec

from actors.timelines.answers.shapes import UserResponse, UserTimelineEventDetailResponse
from actors.timelines.revision import Revision
from actors.timelines.timeline import TIMELINE
from actors.timelines.user import USER
from actors.timelines.user_words import User
from api.http import Answer, Call, Chunks, Handler, Problem, Route, encode
from api.paths import mounted
from api.timelines import audience
from api.timelines.cors import AUDIENCE, for_pages, preflights
from api.timelines.entrance import principal_of
from api.timelines.errors import present
from api.timelines.legacy_shapes import STORY_TOLD, TOLD, Memory, Told
from api.timelines.legacy_writing import update_event, update_story_state
from api.timelines.shelf import NAME, settings_of
from engine.messages import Address

PREFIX = f"/{NAME}/api/v1"
"""Where the door is always as it was."""
METHODS = "Access-Control-Allow-Methods"


def spoken(routes: tuple[Route, ...], prefixes: tuple[str, ...]) -> tuple[Route, ...]:
    """The door's whole table: routes of today and of then, below each prefix and below `/api/v1`.

    Routes of then are hidden; where only today's names are spoken they are not there.
    """
    asked = [replace(route, handler=_patching(route.handler)) for route in preflights(OLD_ROUTES)]
    both = (*map(_bilingual, routes), *OLD_ROUTES, *asked)
    return mounted(both, *prefixes, PREFIX)


def _bilingual(route: Route) -> Route:
    """A route that tells its answer in old names to whoever reads those."""
    told = TOLD.get(route.answers.get(200))
    handler = route.handler if told is None else _telling(route.handler, told)
    if (route.method, route.path) == ("POST", "/users"):
        handler = _creating(handler)
    return replace(route, handler=handler)


def _patching(preflight: Handler) -> Handler:
    """Pages may PATCH what stands at these paths."""

    @wraps(preflight)
    async def answered(call: Call) -> Answer:
        made = await preflight(call)
        given = dict(made.headers)
        given[METHODS] = f"{given[METHODS]}, PATCH"
        return msgspec.structs.replace(made, headers=tuple(given.items()))

    return answered


async def is_old(call: Call) -> bool:
    """Whether this caller reads the old names. Raises 401 for nobody."""
    if call.route.path.startswith(PREFIX):
        return True
    principal = call.principal or principal_of(call)
    return (await settings_of(call.house, principal.project)).legacy


# --- telling


def _telling(handler: Handler, told: Told) -> Handler:
    @wraps(handler)
    async def answered(call: Call) -> Answer:
        made = await handler(call)
        if made.status != 200 or not await is_old(call):
            return made
        if made.stream is not None:
            return msgspec.structs.replace(made, stream=_Retold(made.stream, call, told))
        return msgspec.structs.replace(made, body=await _retold(made.body, call, told))

    return answered


async def _retold(body: bytes, call: Call, told: Told) -> bytes:
    plain = msgspec.json.decode(body)
    return encode(told.tell(plain, await _memory(call, told, plain)))


async def _memory(call: Call, told: Told, plain: Any) -> Memory:
    """The states of the users in an answer, and the definition of its events.

    That is the one user's own, or the newest of the timeline in the path.
    """
    directory, project = call.house.directory, call.who.project
    users: dict[str, User] = {}
    for user_id in told.users(plain):
        snapshot = await directory.peek(Address(project, USER.name, user_id))
        if snapshot.exists:
            users[user_id] = snapshot.state
    if not told.has_events:
        return Memory(None, users)
    named = [user.revision for user in users.values()]
    if not named and "timeline_id" in call.parts:
        address = Address(project, TIMELINE.name, call.parts["timeline_id"])
        named = [(await directory.peek(address)).state.revision]
    if not named:
        return Memory(None, users)
    revision: Revision = await directory.document(USER, project, named[0])
    return Memory(revision, users)


class _Retold:
    """The chunks of a long array, each told again: whole objects with what stands around them."""

    def __init__(self, chunks: Chunks, call: Call, told: Told) -> None:
        self._chunks = chunks
        self._reading = aiter(chunks)
        self._call = call
        self._told = told

    def __aiter__(self) -> _Retold:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next chunk."""
        chunk = await anext(self._reading)
        objects = chunk.strip(b"[,]")
        if not objects:
            return chunk
        before, _, after = chunk.partition(objects)
        return before + (await _retold(b"[%b]" % objects, self._call, self._told))[1:-1] + after

    async def aclose(self) -> None:
        """Whoever read it has left."""
        await self._chunks.aclose()


# --- creating


def _creating(handler: Handler) -> Handler:
    """Where `max_steps` is not given, an old client's user stays before the first column."""

    @wraps(handler)
    async def created(call: Call) -> Answer:
        if await is_old(call):
            call.body = _walking_nowhere(call.body)
        return await handler(call)

    return created


def _walking_nowhere(body: bytes) -> bytes:
    try:
        given = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return body
    return encode({"max_steps": 0, **given}) if isinstance(given, dict) else body


# --- routes that are gone


def _old(
    method: str, path: str, handler: Handler, told: Told, summary: str, answers: Mapping[int, Any]
) -> Route:
    """A route that is gone: where today's names are spoken there is no such path."""
    telling = _telling(for_pages(handler), told)

    async def answered(call: Call) -> Answer:
        if not await is_old(call):
            return present(Problem(404, "not_found"))
        return await telling(call)

    return Route(
        method, path, answered, "handler", summary=summary, answers=answers, present=present,
        cors=True, tag=AUDIENCE, hidden=True, body_required=False,
    )  # fmt: skip


PROGRESS: Mapping[int, Any] = {200: UserResponse, 409: None}
EVENT: Mapping[int, Any] = {200: UserTimelineEventDetailResponse, 409: None}
OLD_ROUTES = (
    _old("GET", "/user-story-state", audience.get_user, STORY_TOLD,
         "Retrieve the story state", {200: UserResponse}),
    _old("PATCH", "/user-story-state", update_story_state, STORY_TOLD,
         "Note the current event", {200: UserResponse}),
    _old("POST", "/user-story-state/progress-events", audience.progress_step, STORY_TOLD,
         "Progress along the timeline", PROGRESS),
    _old("POST", "/user-story-state/progress-step", audience.progress_step, STORY_TOLD,
         "Progress along the timeline", PROGRESS),
    _old("PATCH", "/user-timeline-events/{user_timeline_event_id}", update_event,
         TOLD[UserTimelineEventDetailResponse], "Complete or skip an event", EVENT),
)  # fmt: skip
