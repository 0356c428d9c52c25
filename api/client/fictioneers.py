"""The timelines' client: `from api.client import Fictioneers`.

    async with Fictioneers(api_key=KEY, user_id="alice-1") as alice:
        await alice.create_user("AliceTimeline00000001")
        answer = await alice.follow_link("evBank", "evBank:evHole")
        for event in answer.meta.changed_timeline_events:
            print(event.id, event.state)

One object is one user, by one key or token, at one endpoint. It runs on trio; methods have the
names of the published SDK and of the API, in snake_case, and answer with typed objects. Rules: spec
timelines 2 to 6, 10; ledger TL-005 to TL-007.
"""

from __future__ import annotations

import ssl
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import trio

from actors.timelines.answers.shapes import (
    EventStateChange,
    Timeline,
    TimelineEvent,
    User,
    UserResponse,
    UserTimelineEvent,
    UserTimelineEventDetailResponse,
    UserTimelineEventListResponse,
    UserTimelineEventStateChange,
    UserTimelineEventStateChangeListResponse,
    Variable,
)
from api.client.fictioneers_changes import Changes
from api.client.fictioneers_shapes import (
    AccessToken,
    Envelope,
    Introspection,
    opened,
    understood,
)
from api.client.fictioneers_wire import Ask, Wire, access

T = TypeVar("T")
ENDPOINT_DEFAULT = "http://127.0.0.1:8080/timelines/v1"
TIMEOUT_DEFAULT = 10.0
ZONE_DEFAULT = "Europe/London"
"""The published SDK's time zone."""


class Fictioneers:
    """One user of the timelines' door. Use it as `async with`.

    `api_key`: a secret key (`s_`) is presented as it is; with a visible one (`v_`) access tokens of
    the user are minted, renewed 10 seconds before they expire, one at a time. Or `access_token`: a
    token that somebody else minted, and then `user_id` says whose. `user_id`: without one it is a
    new UUID4. `endpoint`: where the API is. `timeout`: seconds that an answer may take. `trust`:
    whom to believe over `https://`, in place of the usual authorities. `transport`: how requests
    travel, in place of connections of its own. Raises `ValueError` where these cannot work.

    Every method raises `FictioneersError` where the daemon refuses, `httpx.TransportError` where it
    cannot be reached, and `ValueError` for an empty id. Writes carry an `Idempotency-Key` of their
    own, under which they are carried out once within a day; so a request whose connection was lost
    is sent once more, but not one whose time was up. Beyond that only a request for which a token
    was refused is repeated, once, with another token.
    """

    def __init__(
        self,
        *,
        api_key: str = "",
        access_token: str = "",
        user_id: str | None = None,
        endpoint: str = ENDPOINT_DEFAULT,
        timeout: float = TIMEOUT_DEFAULT,
        trust: ssl.SSLContext | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._who = access(endpoint, user_id, api_key, access_token)
        self._wire = Wire(self._who, timeout, trust, transport)
        self._trust = trust
        self._stack = AsyncExitStack()
        self._nursery: trio.Nursery | None = None
        self._listening: list[Changes] = []

    @property
    def user_id(self) -> str:
        """Whom the Audience API is about."""
        return self._who.user_id

    async def __aenter__(self) -> Fictioneers:
        await self._stack.enter_async_context(self._wire)
        self._nursery = await self._stack.enter_async_context(_nursery())
        self._stack.push_async_callback(self._hear_no_more)
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        self._nursery = None
        return await self._stack.__aexit__(*error)

    async def _hear_no_more(self) -> None:
        """Say good-bye to the daemon: a socket that is only cut off waits for its answer."""
        for changes in self._listening:
            await changes.aclose()

    # --- the user

    async def create_user(
        self,
        timeline_id: str,
        *,
        timezone: str = ZONE_DEFAULT,
        disable_time_guards: bool = False,
        pause_at_beats: bool = False,
        max_steps: int | None = None,
        variables: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Envelope[User]:
        """Place the user on a timeline, and let it progress for the first time (TL-051 to TL-059).

        `max_steps` None: until something blocks. `variables` override defaults, by name. 403: there
        is such a user; 404: no such timeline; 422: no such zone, variable or value.
        """
        body = {
            "published_timeline_id": timeline_id,
            "timezone": timezone,
            "disable_time_guards": disable_time_guards,
            "pause_at_beats": pause_at_beats,
            "max_steps": max_steps,
            "variables": dict(variables or {}),
        }
        ask = Ask("POST", "/users", body, key=_key(idempotency_key))
        return opened(await self._read(ask, UserResponse))

    async def get_user(self) -> Envelope[User]:
        """The user as it stands now (TL-047). 404: there is none."""
        return opened(await self._read(Ask("GET", "/users/me"), UserResponse))

    async def delete_user(self, *, idempotency_key: str | None = None) -> None:
        """Delete the user and all that belongs to it (TL-049). 404: there is none."""
        await self._wire.send(Ask("DELETE", "/users/me", key=_key(idempotency_key)))

    async def progress_step(
        self,
        max_steps: int | None = None,
        pause_at_beats: bool | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Envelope[User]:
        """Go on over the columns (TL-060): `max_steps` at most, None: until something blocks.

        `pause_at_beats` None: as the user was created. 404: no user; 409: contention.
        """
        body = {"max_steps": max_steps, "pause_at_beats": pause_at_beats}
        ask = Ask("POST", "/users/me/progress-step", body, key=_key(idempotency_key))
        return opened(await self._read(ask, UserResponse))

    async def user_timeline_events(self) -> Envelope[list[UserTimelineEvent]]:
        """All events of the user, with content and links, in (step, row) order (TL-069)."""
        ask = Ask("GET", "/user-timeline-events")
        return opened(await self._read(ask, UserTimelineEventListResponse))

    async def follow_link(
        self, event_id: str, link_id: str, idempotency_key: str | None = None
    ) -> Envelope[UserTimelineEvent]:
        """Follow a link; the data is the event that was left, as it is then (TL-072).

        404: no such event, or no such link on it; 403: it is not followable, and `content` of the
        error says why and until when; 409: contention. A key of one's own lets the same follow be
        asked for again later: it is carried out once and answers the same.
        """
        path = f"/user-timeline-events/{_part(event_id)}/follow-link"
        ask = Ask("POST", path, {"link_id": link_id}, key=_key(idempotency_key))
        return opened(await self._read(ask, UserTimelineEventDetailResponse))

    async def state_changes(
        self, content_type: str | None = None
    ) -> Envelope[list[UserTimelineEventStateChange]]:
        """The user's log, ascending (TL-084); `content_type`: what has such content (TL-085)."""
        query = {} if content_type is None else {"content_type": content_type}
        ask = Ask("GET", "/user-timeline-event-state-changes", query=query)
        return opened(await self._read(ask, UserTimelineEventStateChangeListResponse))

    def changes(self) -> Changes:
        """Hear every change of the user as it happens, over the live socket. It resumes by itself.

        Raises `RuntimeError` outside the client's `async with`.
        """
        if self._nursery is None:
            raise RuntimeError("the client is not open: use it as `async with`")
        self._listening = [each for each in self._listening if not each.is_closed]
        changes = Changes(self._who, self._wire, self._nursery, self._trust)
        self._listening.append(changes)
        return changes

    # --- tokens, with a key

    async def get_access_token(self) -> AccessToken:
        """A new access token of the user, to be handed to a page (TL-028)."""
        return await self._wire.mint()

    async def introspect(self, access_token: str) -> Introspection:
        """What a token is about; one that is dead or foreign is not active (TL-032)."""
        body = {"access_token": access_token}
        ask = Ask("POST", "/auth/introspect-token", body, is_auth=True)
        return await self._read(ask, Introspection)

    # --- timelines, with a secret key

    async def timelines(self) -> list[Timeline]:
        """All timelines on which users can be placed (TL-092)."""
        return await self._read(Ask("GET", "/timelines"), list[Timeline])

    async def timeline(self, timeline_id: str) -> Timeline:
        """One timeline (TL-093). 404: there is none."""
        return await self._read(Ask("GET", _timeline(timeline_id)), Timeline)

    async def timeline_events(self, timeline_id: str) -> list[TimelineEvent]:
        """All events of the newest revision, in (step, row) order (TL-094)."""
        ask = Ask("GET", f"{_timeline(timeline_id)}/timeline-events")
        return await self._read(ask, list[TimelineEvent])

    async def variables(self, timeline_id: str) -> list[Variable]:
        """All variables, shared ones with their values (TL-100)."""
        ask = Ask("GET", f"{_timeline(timeline_id)}/variables")
        return await self._read(ask, list[Variable])

    async def variable(self, timeline_id: str, name: str) -> Variable:
        """One variable (TL-101). 404: there is none of that name."""
        ask = Ask("GET", f"{_timeline(timeline_id)}/variables/{_part(name)}")
        return await self._read(ask, Variable)

    async def set_variable(
        self, timeline_id: str, name: str, value: str, *, idempotency_key: str | None = None
    ) -> Variable:
        """Set a shared variable for everybody (TL-102). 422: it is not shared, or a bad value."""
        path = f"{_timeline(timeline_id)}/variables/{_part(name)}"
        ask = Ask("PATCH", path, {"value": value}, key=_key(idempotency_key))
        return await self._read(ask, Variable)

    async def users(self, timeline_id: str) -> list[User]:
        """Everybody on the timeline, in order of id (TL-095)."""
        return await self._read(Ask("GET", f"{_timeline(timeline_id)}/users"), list[User])

    async def user(self, timeline_id: str, user_id: str) -> User:
        """One of them (TL-097). 404: there is none."""
        ask = Ask("GET", f"{_timeline(timeline_id)}/users/{_part(user_id)}")
        return await self._read(ask, User)

    async def delete_users(self, timeline_id: str) -> None:
        """Delete everybody who is on the timeline now (TL-096)."""
        await self._wire.send(Ask("DELETE", f"{_timeline(timeline_id)}/users"))

    async def delete_timeline_user(self, timeline_id: str, user_id: str) -> None:
        """Delete one of them (TL-098). 404: there is none. Never sent twice: it has no key."""
        path = f"{_timeline(timeline_id)}/users/{_part(user_id)}"
        await self._wire.send(Ask("DELETE", path, repeats=False))

    async def event_state_changes(self, timeline_id: str) -> list[EventStateChange]:
        """Everything that happened to anybody on the timeline, ascending (TL-099)."""
        ask = Ask("GET", f"{_timeline(timeline_id)}/event-state-changes")
        return await self._read(ask, list[EventStateChange])

    async def _read(self, ask: Ask, type_: type[T]) -> T:
        return understood(await self._wire.send(ask), type_)


def _key(given: str | None) -> str:
    return given or str(uuid.uuid4())


def _part(text: str) -> str:
    """One segment of a path, whatever is in it: also one of dots, which would else lead upwards."""
    if not text:
        raise ValueError("an id or a name is needed: without one the path means all of them")
    return quote(text, safe="").replace(".", "%2E")


def _timeline(timeline_id: str) -> str:
    return f"/timelines/{_part(timeline_id)}"


@asynccontextmanager
async def _nursery() -> AsyncIterator[trio.Nursery]:
    """Where live sockets run; it ends with the block, whose errors come out as they are."""
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
