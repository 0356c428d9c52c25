"""Journeys: a user's walk as a document, and a journey played again by another definition.

A journey is made from the facts of the user and of its timeline, a page at a time, and sent as it
is made. It tells what is stored: nothing is settled, nobody is woken. A replay takes place in
memory, in a thread when the journey is long. Rules: spec timelines 5.12.13, 5.12.14, 12 (row 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import trio

from actors.timelines import document
from actors.timelines.answers.shapes import HTTPValidationError
from actors.timelines.journeys import (
    BODY_BYTES_MAX,
    BadJourney,
    Journey,
    JourneyBegin,
    JourneyResponse,
    JourneyStep,
    checked,
)
from actors.timelines.journeys.recording import Recorded, Recorder, begin_of
from actors.timelines.journeys.replaying import Replay, ReplayReport
from actors.timelines.revision import Revision
from actors.timelines.timeline import TIMELINE
from actors.timelines.user import USER
from actors.timelines.user_words import UserCreated
from api.http import Answer, Call, Problem, Route, answer, encode
from api.timelines.admin import desk_of, timeline_of
from api.timelines.cors import ADMIN, AUDIENCE, for_pages
from api.timelines.crowd import user_of
from api.timelines.entrance import for_admin, for_audience
from api.timelines.errors import body_of, invalid, present
from api.timelines.explaining import REFUSED, reckoned
from api.timelines.listing import Page, listed
from api.timelines.looking import Desk, existing, meta_of
from engine.documents import NoDocument
from engine.messages import Address, Fact, Snapshot, Stored
from engine.ports import REDACTED

FACTS_PAGE = 500
"""Facts that are read at a time."""
STEPS_HERE_MAX = 100
"""Steps of a journey that are played without a thread, and between two looks at the time."""
REPLAY_SECONDS_MAX = 30.0
"""Longer than ten thousand steps of any story take that can be read."""
REPLAY_BYTES_MAX = BODY_BYTES_MAX + 1_000
NO_REVISION = "Revision not found."


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A journey, and the hash of the definition to play it by; null or absent: the newest."""

    journey: Journey
    revision: str | None = None


# --- a journey is told


async def get_my_journey(call: Call) -> Answer:
    """The walk of the current user so far, in the envelope."""
    guest = await for_audience(call)
    desk = desk_of(call, guest)
    snapshot = await existing(desk, desk.user(guest.user_id))
    view = await reckoned(desk, snapshot.address)
    told = await _told(desk, snapshot)
    return _framed(b'{"data":', told, b',"error":null,"meta":' + encode(meta_of(desk, view)) + b"}")


async def get_journey(call: Call) -> Answer:
    """The same of any user of the timeline, bare."""
    desk = desk_of(call, await for_admin(call))
    address = await user_of(call, desk)
    return await _told(desk, await existing(desk, address))


async def _told(desk: Desk, snapshot: Snapshot) -> Answer:
    telling = _Telling(desk, snapshot)
    begin = await telling.begin()
    head = encode(begin)[:-1] + b',"steps":'
    return _framed(head, await listed(telling.page, 0), b"}")


class _Telling:
    """One user's facts on the way to being steps, up to those that there are now."""

    def __init__(self, desk: Desk, snapshot: Snapshot) -> None:
        self._house = desk.house
        self._user = snapshot
        timeline_id: str = snapshot.state.timeline
        self._timeline = Address(snapshot.address.project, TIMELINE.name, timeline_id)
        self._recorder = Recorder(timeline_id)
        self._unheard: list[Stored] = []

    async def begin(self) -> JourneyBegin:
        """How the user began; raises 404 where that is not known any more."""
        facts = await self._facts(self._user.address, 0)
        for event in _recorded(self._user_facts(facts)):
            if isinstance(event, UserCreated):
                project = self._user.address.project
                revision: Revision = await self._house.directory.document(
                    USER, project, event.revision
                )
                return begin_of(event, revision.defaults)
        raise Problem(404, "no_journey", "The beginning of this user's journey is not kept.")

    async def page(self, after: int) -> Page:
        """The steps of the facts behind a version."""
        facts = await self._facts(self._user.address, after)
        steps: list[JourneyStep] = []
        for event in _recorded(self._user_facts(facts)):
            await self._hear(self._recorder.version_wanted(event))
            steps.append(self._recorder.step(event))
        is_last = len(facts) < FACTS_PAGE or facts[-1].version >= self._user.version
        return steps, None if is_last else facts[-1].version

    def _user_facts(self, stored: Sequence[Stored]) -> list[Fact]:
        return [
            USER.fact(one)
            for one in stored
            if one.version <= self._user.version and one.name != REDACTED
        ]

    async def _hear(self, version: int) -> None:
        """Read the timeline's facts on, up to a version."""
        while self._recorder.version < version:
            if not self._unheard:
                page = await self._facts(self._timeline, self._recorder.version)
                if not page:
                    return
                self._unheard = list(reversed(page))
            while self._unheard and self._unheard[-1].version <= version:
                one = self._unheard.pop()
                for event in TIMELINE.fact(one).events if one.name != REDACTED else ():
                    self._recorder.hear(one.version, event)

    async def _facts(self, address: Address, after: int) -> Sequence[Stored]:
        return await self._house.store.facts(address, after, FACTS_PAGE)


def _recorded(facts: Sequence[Fact]) -> list[Recorded]:
    return [event for fact in facts for event in fact.events if isinstance(event, Recorded)]


def _framed(before: bytes, inner: Answer, behind: bytes) -> Answer:
    """An answer with something before and behind its body."""
    if inner.stream is None:
        return msgspec.structs.replace(inner, body=before + inner.body + behind)
    return msgspec.structs.replace(inner, stream=_Framed(before, inner.stream, behind))


class _Framed:
    """Chunks with one before and one behind."""

    def __init__(self, before: bytes, chunks: Any, behind: bytes) -> None:
        self._before = before
        self._chunks = chunks
        self._behind = behind

    def __aiter__(self) -> _Framed:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next chunk."""
        if self._before:
            chunk, self._before = self._before, b""
            return chunk
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            if not self._behind:
                raise
            chunk, self._behind = self._behind, b""
        return chunk

    async def aclose(self) -> None:
        """Whoever read it has left."""
        await self._chunks.aclose()


# --- a journey is played again


async def replay(call: Call) -> Answer:
    """Play a journey by a definition of the timeline; what comes out differently (spec 12, row 4).

    Nothing is stored. 404: no such timeline, or no such definition of it. 422: no such journey, or
    one that takes too long.
    """
    guest = await for_admin(call)
    given = await trio.to_thread.run_sync(body_of, call, ReplayRequest)
    try:
        await trio.to_thread.run_sync(checked, given.journey)
    except BadJourney as bad:
        raise invalid(("body", "journey"), str(bad)) from None
    snapshot = await timeline_of(call, guest.project)
    wanted = given.revision or snapshot.state.revision
    revision = await _revision(call, snapshot.address, wanted)
    return answer(await _played(Replay(given.journey, revision, wanted), len(given.journey.steps)))


async def _played(playing: Replay, steps: int) -> ReplayReport:
    if steps <= STEPS_HERE_MAX:
        playing.play(steps)
    with trio.move_on_after(REPLAY_SECONDS_MAX) as patience:
        while not playing.is_over:
            await trio.to_thread.run_sync(playing.play, STEPS_HERE_MAX)
    if patience.cancelled_caught:
        raise invalid(("body", "journey"), "this journey takes too long to play")
    return playing.report()


async def _revision(call: Call, timeline: Address, revision_hash: str) -> Revision:
    """A definition of the timeline by its hash; raises 404."""
    no_revision = Problem(404, "no_revision", NO_REVISION)
    try:
        found = await call.house.directory.document(USER, timeline.project, revision_hash)
    except (NoDocument, document.BadDocument):
        raise no_revision from None
    if found.id != timeline.id:
        raise no_revision
    revision: Revision = found
    return revision


ANSWERS: Mapping[int, Any] = {422: HTTPValidationError}
ROUTES = (
    Route(
        "GET", "/users/me/journey", for_pages(get_my_journey), "handler",
        summary="Tell the current user's journey", answers={200: JourneyResponse, **REFUSED},
        present=present, cors=True, tag=AUDIENCE,
    ),
    Route(
        "GET", "/timelines/{timeline_id}/users/{user_id}/journey", get_journey, "handler",
        summary="Tell a user's journey", answers={200: Journey, **ANSWERS},
        present=present, cors=True, tag=ADMIN,
    ),
    Route(
        "POST", "/timelines/{timeline_id}/replay", replay, "handler",
        summary="Play a journey again", body=ReplayRequest,
        answers={200: ReplayReport, **ANSWERS}, body_bytes_max=REPLAY_BYTES_MAX,
        present=present, cors=True, tag=ADMIN,
    ),
)  # fmt: skip
