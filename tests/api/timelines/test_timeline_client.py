"""The Python client of the timelines' door, against a real house.

What the client sends is overheard by the transport that it is given; a transport may also lose an
answer, after the house has done what was asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from timeline_client import Overheard, end_tokens, serving
from timeline_door import OTHER_VISIBLE, SECRET, TIMELINE_ID, VISIBLE, Door, open_door
from trio.testing import MockClock

from api.client import Fictioneers, FictioneersError
from api.timelines import auth
from api.timelines.door import ADMIN_ROUTES, AUDIENCE_ROUTES

URL = "http://127.0.0.1:8080"
TOKEN = "/timelines/v1/auth/token"


class Page(httpx.AsyncBaseTransport):
    """Whatever is asked, a page of that status."""

    def __init__(self, status: int) -> None:
        self._status = status

    async def handle_async_request(self, _request: httpx.Request) -> httpx.Response:
        """The page."""
        return httpx.Response(self._status, text="<html>")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline."""
    async with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
def overheard(door: Door) -> Overheard:
    """The way to the house."""
    return Overheard(door)


# --- what it can do


@pytest.mark.covers("TL-005", "TL-006")
async def test_the_quick_start(tmp_path: Path) -> None:
    """Create, list, follow, and read in `meta` what that changed: over a socket, typed."""
    async with serving(tmp_path) as served, served.client(api_key=VISIBLE) as alice:
        created = await alice.create_user(TIMELINE_ID, max_steps=2)
        assert (created.data.id, created.data.current_step) == ("alice-1", 1)
        opened = [event.id for event in created.meta.changed_timeline_events]
        assert opened == ["evBank", "evWatch"]
        events = (await alice.user_timeline_events()).data
        (bank,) = (event for event in events if event.id == "evBank")
        (link,) = bank.links
        assert (link.to_event_id, link.followable) == ("evHole", True)
        left = await alice.follow_link(bank.id, link.id)
        assert (left.data.id, left.data.state) == ("evBank", "VISITED")
        changed = [(each.id, each.state) for each in left.meta.changed_timeline_events]
        assert changed == [("evBank", "VISITED"), ("evHole", "ACTIVE")]


@pytest.mark.covers("TL-007")
async def test_every_resource_is_a_typed_object(overheard: Overheard) -> None:
    """Timeline, user, event, link and change of state, each by its own route."""
    async with overheard() as alice:
        await alice.create_user(TIMELINE_ID, timezone="UTC", variables={"keys": "1"})
        (timeline,) = await alice.timelines()
        assert timeline == await alice.timeline(TIMELINE_ID)
        assert timeline.title == "Alice's Adventure In Wonderland"
        user = (await alice.get_user()).data
        assert user.variables == {"size": "100", "keys": "1", "tea_at": ""}
        assert user.current_beat is not None
        assert await alice.users(TIMELINE_ID) == [user]
        event = (await alice.user_timeline_events()).data[0]
        assert (event.row_name, event.narrative_event_title) == ("Alice", "On the river bank")
        assert [link.label for link in event.links] == ["Follow the rabbit"]
        changes = (await alice.state_changes("PushMessage")).data
        assert [(each.timeline_event_id, each.state) for each in changes] == [("evBank", "ACTIVE")]
        assert [each.content_id for each in changes[0].state_change_content] == ["bank-push"]


async def test_every_method(overheard: Overheard) -> None:
    """Each calls its route; together they call all that a project's integrators may."""
    async with overheard() as alice:
        assert (await alice.create_user(TIMELINE_ID, max_steps=0)).data.current_step is None
        assert (await alice.progress_step(1, pause_at_beats=True)).data.current_step == 0
        assert (await alice.progress_step()).data.waiting_for_condition_id == "guardCourt"
        assert len((await alice.user_timeline_events()).data) == 11
        await alice.follow_link("evBank", "evBank:evHole")
        assert len((await alice.state_changes()).data) == 4
        assert (await alice.get_user()).meta.changed_timeline_events == []
        token = (await alice.get_access_token()).access_token
        told = await alice.introspect(token)
        assert (told.is_active, told.user_id) == (True, "alice-1")
        assert not (await alice.introspect("nobody's")).is_active
        assert len(await alice.timelines()) == 1
        assert (await alice.timeline(TIMELINE_ID)).id == TIMELINE_ID
        assert len(await alice.timeline_events(TIMELINE_ID)) == 11
        assert len(await alice.variables(TIMELINE_ID)) == 4
        assert (await alice.set_variable(TIMELINE_ID, "tarts_stolen", "3")).value == "3"
        assert (await alice.variable(TIMELINE_ID, "tarts_stolen")).value == "3"
        assert (await alice.get_user()).data.new_beat_available is not None
        assert (await alice.user(TIMELINE_ID, "alice-1")).id == "alice-1"
        assert [each.user_id for each in await alice.event_state_changes(TIMELINE_ID)] == [
            "alice-1"
        ] * 4
        await alice.delete_timeline_user(TIMELINE_ID, "alice-1")
        assert await alice.users(TIMELINE_ID) == []
        await alice.create_user(TIMELINE_ID)
        await alice.delete_user()
        await alice.delete_users(TIMELINE_ID)
    names = {"AliceTimeline00000001": "{timeline_id}", "alice-1": "{user_id}"}
    names |= {"tarts_stolen": "{name}", "evBank": "{user_timeline_event_id}"}
    called = {
        (method, "/".join(names.get(part, part) for part in path.split("/")))
        for method, path in overheard.asked
    }
    operators = {("POST", "/timelines"), ("PUT", "/service-status")}
    reference = (*auth.ROUTES, *AUDIENCE_ROUTES, *ADMIN_ROUTES)
    served = {(each.method, each.path.replace("...", "")) for each in reference} - operators
    assert called == {
        (method, f"/timelines/v1{path}") for method, path in served if "drawing" not in path
    }


# --- what it is refused


async def test_an_error_says_what_the_daemon_said(overheard: Overheard) -> None:
    """Status, message, detail and content of the envelope; the problems of a 422."""
    async with overheard() as alice:
        with pytest.raises(FictioneersError) as missing:
            await alice.get_user()
        told = missing.value
        assert (told.status, told.message, told.detail) == (404, "Not Found.", "User not found.")
        assert str(told) == "404 Not Found.; User not found."
        assert (told.content, told.problems) == ((), ())
        with pytest.raises(FictioneersError) as wrong:
            await alice.create_user(TIMELINE_ID, timezone="Looking/Glass")
        (problem,) = wrong.value.problems
        assert (wrong.value.status, problem.loc) == (422, ["body", "timezone"])
        assert str(wrong.value).endswith("body.timezone: there is no such time zone")
        await alice.create_user(TIMELINE_ID)
        for link in ("evBank:evHole", "evHole:evDrink"):
            await alice.follow_link(link.partition(":")[0], link)
        with pytest.raises(FictioneersError) as refused:
            await alice.follow_link("evDrink", "evDrink:evGarden")
        reason = {"reason": "condition_not_met", "condition_datetime": None}
        assert (refused.value.status, refused.value.content) == (403, (reason,))
        assert refused.value.detail == "Link is not followable."


async def test_other_bodies_are_errors_too(overheard: Overheard) -> None:
    """An unknown key, a path that is none, and pages of somebody who is no such daemon."""
    async with overheard(api_key=OTHER_VISIBLE[:-1] + "x") as alice:
        with pytest.raises(FictioneersError, match="401 Unauthorized"):
            await alice.get_user()
    async with overheard(endpoint=f"{URL}/nowhere/v1") as alice:
        with pytest.raises(FictioneersError) as lost:
            await alice.get_user()
    assert (lost.value.status, lost.value.message) == (404, "Not Found.")
    for status, message in ((502, "502 Bad Gateway."), (200, "200 Not understood."), (799, "799 ")):
        async with overheard(transport=Page(status)) as alice:
            with pytest.raises(FictioneersError, match=message):
                await alice.get_user()


async def test_a_missing_user_is_an_error_however_it_is_answered(tmp_path: Path) -> None:
    """Also where the project answers a success without data."""
    async with open_door(tmp_path, missing_user="null") as door, Overheard(door)() as alice:
        with pytest.raises(FictioneersError) as missing:
            await alice.get_user()
        assert (missing.value.status, missing.value.detail) == (404, "User not found.")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"api_key": SECRET, "access_token": "t"},
        {"access_token": "t", "user_id": None},
        {"api_key": SECRET, "endpoint": "ftp://127.0.0.1/v1"},
        *({"api_key": SECRET, "user_id": bad} for bad in ("", " a", "a\n", "\ud800", "a" * 257)),
    ],
)
def test_what_cannot_work_is_said_at_once(given: dict[str, Any]) -> None:
    """A key or a token, whose token, where to, and an id that a header can carry."""
    with pytest.raises(ValueError, match=r"is not|needed|whose|a user id is"):
        Fictioneers(**{"user_id": "alice-1", **given})


async def test_ids_are_sent_as_they_are(overheard: Overheard) -> None:
    """With slashes, letters of any alphabet, and dots that would else lead upwards."""
    for name in ("a/b?c%#d", "Алиса", "..", "."):
        async with overheard(user_id=name) as alice:
            await alice.create_user(TIMELINE_ID)
            assert (await alice.user(TIMELINE_ID, name)).id == name
            await alice.delete_timeline_user(TIMELINE_ID, name)
            with pytest.raises(FictioneersError):
                await alice.follow_link(name, f"{name}:{name}")
    async with overheard(user_id=None) as one, overheard(user_id=None) as other:
        assert one.user_id != other.user_id
        with pytest.raises(ValueError, match="all of them"):
            await one.delete_timeline_user(TIMELINE_ID, "")


# --- credentials


async def test_a_secret_key_is_presented_as_it_is(overheard: Overheard) -> None:
    """Bare, with the user's id beside it, and no token is minted."""
    async with overheard() as alice:
        await alice.create_user(TIMELINE_ID)
    assert overheard.asked == [("POST", "/timelines/v1/users")]
    assert overheard.said("authorization") == [SECRET]
    assert overheard.said("fictioneers-user-id") == ["alice-1"]


async def test_a_visible_key_mints_and_a_token_is_enough(overheard: Overheard) -> None:
    """Once, however many ask at the same time; whoever was handed a token mints none."""
    async with overheard(api_key=VISIBLE) as alice:
        await alice.create_user(TIMELINE_ID)
        token = (await alice.get_access_token()).access_token
        overheard.requests.clear()
    async with overheard(api_key=VISIBLE) as alice, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(alice.get_user)
    assert [path for _, path in overheard.asked].count(TOKEN) == 1
    assert set(overheard.said("fictioneers-user-id")) == {None}
    overheard.requests.clear()
    async with overheard(access_token=token) as alice:
        assert (await alice.get_user()).data.id == "alice-1"
        await end_tokens(overheard.door)
        with pytest.raises(FictioneersError, match="401"):
            await alice.get_user()
    assert overheard.said("authorization") == [f"Bearer {token}"] * 2


async def test_a_token_is_renewed_before_it_expires(
    overheard: Overheard, mock_clock: MockClock
) -> None:
    """Ten seconds before: until then the same one is presented."""
    async with overheard(api_key=VISIBLE) as alice:
        await alice.create_user(TIMELINE_ID)
        mock_clock.jump(3_589)
        await alice.get_user()
        assert [path for _, path in overheard.asked].count(TOKEN) == 1
        mock_clock.jump(2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(alice.get_user)
            nursery.start_soon(alice.get_user)
    assert [path for _, path in overheard.asked].count(TOKEN) == 2
    bearers = [said for said in overheard.said("authorization") if said != VISIBLE]
    first, second, new, newest = bearers
    assert (first, new) == (second, newest)
    assert first != new


async def test_a_dead_token_is_minted_again_once(overheard: Overheard) -> None:
    """The request is carried out by another token; a key that is gone is an error, not a loop."""
    async with overheard(api_key=VISIBLE) as alice:
        await alice.create_user(TIMELINE_ID)
        await end_tokens(overheard.door)
        overheard.requests.clear()
        assert (await alice.get_user()).data.id == "alice-1"
        me = ("GET", "/timelines/v1/users/me")
        assert overheard.asked == [me, ("POST", TOKEN), me]
        await overheard.door.declare(visible_keys=[])
        overheard.requests.clear()
        with pytest.raises(FictioneersError, match="401"):
            await alice.get_user()
        assert overheard.asked == [me, ("POST", TOKEN)]


# --- lost connections


async def test_a_lost_answer_is_asked_for_again_and_done_once(overheard: Overheard) -> None:
    """Under the same key, so that a link is followed once; the answer is that of the first time."""
    async with overheard() as alice:
        await alice.create_user(TIMELINE_ID)
        overheard.loses.append(httpx.ReadError("gone"))
        left = await alice.follow_link("evBank", "evBank:evHole")
        assert [each.id for each in left.meta.changed_timeline_events] == ["evBank", "evHole"]
        first, second = overheard.said("idempotency-key")[-2:]
        assert (first, overheard.asked[-1]) == (second, overheard.asked[-2])
        assert [each.state for each in (await alice.state_changes()).data].count("VISITED") == 1
        overheard.loses += [httpx.ReadError("gone"), httpx.RemoteProtocolError("gone")]
        with pytest.raises(httpx.ReadError):
            await alice.get_user()


async def test_what_is_not_asked_for_again(overheard: Overheard) -> None:
    """What took too long, and the one write that has no key."""
    async with overheard() as alice:
        await alice.create_user(TIMELINE_ID)
        overheard.requests.clear()
        overheard.loses.append(httpx.ReadTimeout("slow"))
        with pytest.raises(httpx.ReadTimeout):
            await alice.progress_step()
        overheard.loses.append(httpx.ReadError("gone"))
        with pytest.raises(httpx.ReadError):
            await alice.delete_timeline_user(TIMELINE_ID, "alice-1")
    assert len(overheard.asked) == 2


async def test_a_key_of_ones_own_answers_the_same_again(overheard: Overheard) -> None:
    """Asked for later, by another client, a follow is not refused: it was carried out."""
    async with overheard() as alice:
        await alice.create_user(TIMELINE_ID)
        first = await alice.follow_link("evBank", "evBank:evHole", "follow-1")
    async with overheard() as again:
        assert await again.follow_link("evBank", "evBank:evHole", "follow-1") == first
        with pytest.raises(FictioneersError) as refused:
            await again.follow_link("evBank", "evBank:evHole")
        assert refused.value.status == 403
