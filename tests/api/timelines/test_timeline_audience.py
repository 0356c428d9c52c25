"""The Audience API, route by route: what it answers, what it refuses, and what a repeat does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from timeline_document import changed as alice_with
from timeline_door import SECRET, TIMELINE_ID, USER_HEADER, Door, open_door
from timeline_steps import Walker, changed, error, follow, moves, wrong

ME, EVENTS, LOG = "/users/me", "/user-timeline-events", "/user-timeline-event-state-changes"
STEP = "/users/me/progress-step"
CLOCK = "08:00:00"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline."""
    async with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
async def alice(door: Door) -> Walker:
    """Alice before she begins, on a test clock that stands at eight."""
    walker = Walker(door)
    walker.at = CLOCK
    return walker


# --- a user who is not there

MISSING = [
    ("GET", ME, b""),
    ("DELETE", ME, b""),
    ("POST", STEP, {}),
    ("GET", EVENTS, b""),
    ("POST", *follow("evBank:evHole")),
    ("GET", LOG, b""),
]


@pytest.mark.covers("TL-044", "TL-048", "TL-050", "TL-067", "TL-070", "TL-086")
@pytest.mark.parametrize(("method", "path", "body"), MISSING)
async def test_a_missing_user_is_404(alice: Walker, method: str, path: str, body: Any) -> None:
    """On every route in the documented words, and `detail` says what is missing."""
    got = await alice(method, path, body)
    assert got.status == 404
    told = {"code": 404, "message": "Not Found.", "detail": "User not found.", "content": []}
    assert error(got) == told


async def test_a_missing_user_may_be_403(tmp_path: Path) -> None:
    """As it was in 2022, where the project says so."""
    async with open_door(tmp_path, missing_user=403) as door:
        got = await Walker(door)("GET", ME)
        assert (got.status, error(got)["detail"]) == (403, "User not found.")
        assert (await Walker(door)("POST", STEP, {})).status == 403


async def test_a_missing_user_may_be_null(tmp_path: Path) -> None:
    """The SDK's helper throws on anything but a success; the other routes stay 404."""
    async with open_door(tmp_path, missing_user="null") as door:
        walker = Walker(door)
        body = await walker.get()
        assert (body["data"], body["meta"]) == (None, None)
        assert body["error"]["code"] == 404
        assert (await walker("GET", EVENTS)).status == 404
        await walker.create()
        assert (await walker.get())["data"]["id"] == "alice-1"


# --- creating


@pytest.mark.covers("TL-002", "TL-038", "TL-047", "TL-051", "TL-054", "TL-134")
async def test_a_user_is_created_and_read(alice: Walker) -> None:
    """200 with the envelope; `data` is the user, and so is `meta.user`; reads see it at once."""
    got = await alice("POST", "/users", alice.wanted())
    assert (got.status, got.headers["content-type"]) == (200, "application/json")
    body = got.json()
    assert list(body) == ["data", "error", "meta"]
    assert body["data"]["active_timeline_id"] == TIMELINE_ID
    assert body["data"] == body["meta"]["user"]
    read = await alice.get()
    assert read["data"] == body["data"]
    assert read["meta"]["changed_timeline_events"] == []
    assert read["meta"]["changed_timeline_event_states"] == []


@pytest.mark.covers("TL-052")
async def test_a_user_who_exists_is_not_created(alice: Walker) -> None:
    """403, whatever else is asked for; to begin anew is to delete first."""
    await alice.create()
    got = await alice("POST", "/users", alice.wanted(timezone="Nowhere/At_All"))
    assert (got.status, error(got)["detail"]) == (403, "User already exists.")
    assert (await alice("DELETE", ME)).status == 204
    assert (await alice.create())["data"]["current_step"] == 2


@pytest.mark.covers("TL-054")
@pytest.mark.parametrize("timeline", ["Nobody", "", "../x", "a/b", "x\u0000", "ä" * 200])
async def test_no_such_timeline(alice: Walker, timeline: str) -> None:
    """404, whatever the id looks like."""
    alice.timeline = timeline
    got = await alice("POST", "/users", alice.wanted())
    assert (got.status, error(got)["detail"]) == (404, "Timeline not found.")


BODY = "body"
BAD_USERS: list[tuple[dict[str, Any], list[tuple[list[Any], str]]]] = [
    ({"timezone": "Mars/Olympus"}, [([BODY, "timezone"], "value_error")]),
    ({"timezone": "../etc/passwd"}, [([BODY, "timezone"], "value_error")]),
    ({"timezone": None}, [([BODY, "timezone"], "type_error.none.not_allowed")]),
    ({"timezone": 5}, [([BODY, "timezone"], "type_error.str")]),
    ({"max_steps": -1}, [([BODY, "max_steps"], "value_error.number.not_ge")]),
    ({"max_steps": "3"}, [([BODY, "max_steps"], "type_error.integer")]),
    ({"max_steps": True}, [([BODY, "max_steps"], "type_error.integer")]),
    ({"pause_at_beats": "yes"}, [([BODY, "pause_at_beats"], "type_error.bool")]),
    ({"variables": {"nobody": "1"}}, [([BODY, "variables", "nobody"], "value_error")]),
    ({"variables": {"tarts_stolen": "1"}}, [([BODY, "variables", "tarts_stolen"], "value_error")]),
    ({"variables": {"size": "big"}}, [([BODY, "variables", "size"], "value_error")]),
    ({"variables": {"size": 5}}, [([BODY, "variables", "size"], "type_error.str")]),
    ({"variables": []}, [([BODY, "variables"], "type_error.dict")]),
    (
        {"timezone": "", "variables": {"size": "x", "nobody": ""}},
        [
            ([BODY, "timezone"], "value_error"),
            ([BODY, "variables", "size"], "value_error"),
            ([BODY, "variables", "nobody"], "value_error"),
        ],
    ),
]


@pytest.mark.covers("TL-046", "TL-053", "TL-055", "TL-059", "TL-133")
@pytest.mark.parametrize(("given", "complaints"), BAD_USERS)
async def test_what_cannot_be_meant_creates_nobody(
    alice: Walker, given: dict[str, Any], complaints: list[Any]
) -> None:
    """422 names everything that is wrong, and nobody is there afterwards."""
    assert wrong(await alice("POST", "/users", alice.wanted(**given))) == complaints
    assert (await alice("GET", ME)).status == 404


@pytest.mark.covers("TL-053", "TL-059", "TL-108")
async def test_only_two_members_are_needed(alice: Walker) -> None:
    """Both are named if they are missing; variables that are not given keep their defaults."""
    missing = "value_error.missing"
    assert wrong(await alice("POST", "/users", {})) == [
        ([BODY, "published_timeline_id"], missing),
        ([BODY, "timezone"], missing),
    ]
    body = await alice.create(variables={"size": "007.50"})
    assert body["data"]["variables"] == {"size": "7.5", "keys": "0", "tea_at": ""}
    assert body["data"]["pause_at_beats"] is False
    assert body["data"]["datetime_guards_disabled"] is False


@pytest.mark.covers("TL-068")
async def test_a_repeat_under_its_key_answers_the_same(alice: Walker) -> None:
    """Each write, byte by byte, `meta` too; without the key it would be another write."""
    key = {"idempotency_key": "one"}
    first = await alice("POST", "/users", alice.wanted(), **key)
    alice.at = "08:05:00"
    await alice.follow("evBank:evHole")
    alice.at = CLOCK
    assert await alice("POST", "/users", alice.wanted(), **key) == first
    alice.at = "08:06:00"
    second = await alice("POST", *follow("evHole:evEat"), idempotency_key="two")
    assert changed(second.json()) == ["-evHole", "+evEat"]
    version = await alice.version()
    assert await alice("POST", *follow("evHole:evEat"), idempotency_key="two") == second
    assert await alice.version() == version
    assert (await alice("POST", *follow("evHole:evEat"))).status == 403


async def test_a_repeat_of_what_changed_nothing_changes_nothing(alice: Walker) -> None:
    """The version that its reply names is of an earlier command, whose changes are not its own."""
    await alice.create(max_steps=0)
    await alice.progress(max_steps=1)
    alice.at = "08:00:01"
    blocked = await alice("POST", STEP, {"max_steps": 0}, idempotency_key="k")
    assert changed(blocked.json()) == []
    assert await alice("POST", STEP, {"max_steps": 0}, idempotency_key="k") == blocked


async def test_a_key_is_for_one_command(alice: Walker) -> None:
    """Another body under it is 422 that names the header."""
    await alice("POST", "/users", alice.wanted(), idempotency_key="k")
    got = await alice("POST", "/users", alice.wanted(max_steps=1), idempotency_key="k")
    assert wrong(got)[0][0] == ["header", "idempotency-key"]


# --- progressing


@pytest.mark.covers("TL-061", "TL-062", "TL-066")
async def test_as_many_steps_as_asked_for(alice: Walker) -> None:
    """None, one, more than there are; what opens is in the answer, with all of its members."""
    await alice.create(max_steps=0)
    body = await alice.progress(max_steps=0)
    assert (body["data"]["current_step"], changed(body)) == (None, [])
    body = await alice.progress(max_steps=1)
    assert (body["data"]["current_step"], changed(body)) == (0, ["+evBank", "+evWatch"])
    assert body["meta"]["changed_timeline_events"] == [
        each for each in (await alice.get(EVENTS))["data"] if each["state"] == "ACTIVE"
    ]
    body = await alice.progress(max_steps=10**15)
    assert body["data"]["current_step"] == 2


@pytest.mark.covers("TL-061", "TL-065")
async def test_an_empty_body_goes_on_until_blocked(alice: Walker) -> None:
    """No body at all is `{}`; asked again while blocked, nothing changes and nothing is stored."""
    await alice.create(max_steps=0)
    got = await alice("POST", STEP)
    assert got.status == 200
    user = got.json()["data"]
    assert (user["current_step"], user["waiting_for_condition_id"]) == (2, "guardMorning")
    version = await alice.version()
    again = await alice.progress()
    assert (again["data"], changed(again)) == (user, [])
    assert await alice.version() == version


@pytest.mark.covers("TL-064", "TL-118")
async def test_null_pauses_as_the_user_does(alice: Walker) -> None:
    """`pause_at_beats` of the request counts; absent or null, that of the user."""
    await alice.create(max_steps=0, pause_at_beats=True, disable_time_guards=True)
    assert (await alice.progress(pause_at_beats=None))["data"]["current_step"] == 2
    body = await alice.progress(pause_at_beats=False)
    assert body["data"]["waiting_for_condition_id"] == "guardCourt"


BAD_STEPS: list[tuple[object, list[tuple[list[Any], str]]]] = [
    ({"max_steps": -5}, [([BODY, "max_steps"], "value_error.number.not_ge")]),
    ({"max_steps": 1.5}, [([BODY, "max_steps"], "type_error.integer")]),
    ({"pause_at_beats": 1}, [([BODY, "pause_at_beats"], "type_error.bool")]),
    ([], [([BODY], "type_error.dict")]),
    (b"{", [([BODY], "value_error.jsondecode")]),
]


@pytest.mark.covers("TL-046", "TL-061")
@pytest.mark.parametrize(("body", "complaints"), BAD_STEPS)
async def test_bad_steps(alice: Walker, body: object, complaints: list[Any]) -> None:
    """422 with the place."""
    await alice.create(max_steps=0)
    assert wrong(await alice("POST", STEP, body)) == complaints


# --- following


@pytest.mark.covers("TL-076", "TL-078")
async def test_what_cannot_be_followed(alice: Walker) -> None:
    """404 for what is not there, 403 with the reason for what is closed, 422 without a link."""
    await alice.create()
    nowhere = await alice("POST", f"{EVENTS}/nowhere/follow-link", {"link_id": "nowhere:evHole"})
    assert (nowhere.status, error(nowhere)["detail"]) == (404, "User timeline event not found.")
    other = await alice("POST", f"{EVENTS}/evBank/follow-link", {"link_id": "evHole:evDrink"})
    assert (other.status, error(other)["detail"]) == (404, "Link not found on this event.")
    closed = await alice("POST", *follow("evHole:evDrink"))
    assert (closed.status, error(closed)["content"]) == (
        403, [{"reason": "not_active", "condition_datetime": None}]
    )  # fmt: skip
    none = await alice("POST", f"{EVENTS}/evBank/follow-link", {})
    assert wrong(none) == [([BODY, "link_id"], "value_error.missing")]


@pytest.mark.covers("TL-072", "TL-073", "TL-082", "TL-134")
async def test_the_answer_is_the_event_that_was_left(alice: Walker) -> None:
    """VISITED, its link followed at this instant; the log has both transitions."""
    await alice.create()
    before = len(await alice.log())
    body = await alice.follow("evBank:evHole")
    data = body["data"]
    assert (data["id"], data["state"]) == ("evBank", "VISITED")
    assert data["links"][0]["last_followed_at"] == "2023-02-03T08:00:00Z"
    assert data["links"][0]["followable"] is False
    assert moves(body["meta"]["changed_timeline_event_states"]) == (await alice.log())[before:]


# --- lists


@pytest.mark.covers("TL-069", "TL-071", "TL-119", "TL-120", "TL-123")
async def test_all_events_come_in_one_answer(alice: Walker) -> None:
    """In the order of step and row, those that are not open yet too."""
    await alice.create()
    events = (await alice.get(EVENTS))["data"]
    steps = [each["available_step_index"] for each in events]
    assert (len(events), steps) == (11, sorted(steps))
    assert [each["row_id"] for each in events[:2]] == ["rowAlice", "rowRabbit"]
    assert events[0]["next_in_row_timeline_event_id"] == "evHole"
    assert events[0]["narrative_event_custom_data"] == {"button_text": "Get up"}


@pytest.mark.covers("TL-026", "TL-084", "TL-085", "TL-087", "TL-088")
async def test_the_log_is_ones_own_and_complete(alice: Walker) -> None:
    """What others do never appears; a content type that nothing has leaves nothing."""
    await alice.create()
    bob = Walker(alice.door, "bob-2")
    bob.at = CLOCK
    await bob.create()
    await bob.follow("evBank:evHole")
    body = await alice.get(LOG)
    assert moves(body["data"]) == [("evBank", "ACTIVE"), ("evWatch", "ACTIVE")]
    assert body["data"][0]["state_change_content"] == [
        {"content_id": "bank-push", "content_type": "PushMessage", "provider_id": "Contentful"}
    ]
    assert body["data"][0]["state_changed_at"] == "2023-02-03T08:00:00Z"
    assert (await alice.get(f"{LOG}?content_type=Nothing"))["data"] == []
    assert len(await bob.log()) == 4


@pytest.mark.covers("TL-036", "TL-037", "TL-049", "TL-050")
async def test_deleting_takes_everything_along(alice: Walker) -> None:
    """204 without a body; afterwards there is no user, no event and no log, and nobody else's went.

    A repeat under its key is the same again; the token lives, and the user may begin anew.
    """
    mine = await alice.door.user()
    await alice.create()
    bob = Walker(alice.door, "bob-2")
    await bob.create()
    got = await alice("DELETE", ME, idempotency_key="d")
    assert (got.status, got.body) == (204, b"")
    for path in (ME, EVENTS, LOG):
        assert (await alice("GET", path)).status == 404
    assert (await alice("DELETE", ME, idempotency_key="d")).status == 204
    assert (await alice("DELETE", ME)).status == 404
    assert len(await bob.log()) == 2
    again = await mine("POST", "/timelines/v1/users", alice.wanted(), {USER_HEADER: "bob-2"})
    assert (again.status, again.json()["data"]["id"]) == (200, "alice-1")
    assert len((await mine("GET", f"/timelines/v1{LOG}")).json()["data"]) == 2


# --- where it is served


@pytest.mark.covers("TL-004", "TL-008", "TL-009", "TL-010")
async def test_every_way_leads_to_the_same_route(alice: Walker) -> None:
    """Under `/v1` and bare, by prefix and by host name, with and without a slash at the end."""
    first = await alice.create()
    here = {USER_HEADER: "alice-1", "callboard-now": "2023-02-03T08:00:00Z"}
    paths = ["/users/me", "/v1/users/me", "/users/me/", "/v1/users/me/"]
    for path in paths:
        got = await alice.door.secret("GET", f"/timelines{path}", headers=here)
        assert (got.status, got.json()["data"]) == (200, first["data"]), path
        by_host = await alice.door.secret(
            "GET", path, headers=here, host="api.fictioneers.co.uk:443"
        )
        assert by_host == got, path
    bare = {**here, "authorization": SECRET}
    got = await alice.door.nobody("GET", "/timelines/v1/users/me", headers=bare)
    assert got.status == 200


async def test_naive_datetimes_where_the_project_wants_them(tmp_path: Path) -> None:
    """As the original wrote some: without a zone, in UTC."""
    async with open_door(tmp_path, naive_datetimes=True) as door:
        walker = Walker(door)
        walker.at = CLOCK
        body = await walker.create()
        assert body["data"]["waiting_for_condition_datetime"] == "2023-02-03T09:00:00"
        (state, _) = body["meta"]["changed_timeline_event_states"]
        assert state["state_changed_at"] == "2023-02-03T08:00:00"


async def test_a_value_that_grows_too_large_is_refused(tmp_path: Path) -> None:
    """403 `variable_overflow`; nothing of the command is kept."""
    huge = "9" * 64
    text = json.dumps(alice_with(("/variables/0/default", huge)))
    async with open_door(tmp_path, publish=(text,)) as door:
        walker = Walker(door)
        await walker.create(disable_time_guards=True)
        await walker.follow("evBank:evHole")
        version = await walker.version()
        got = await walker("POST", *follow("evHole:evEat"))
        assert (got.status, error(got)["content"]) == (403, [{"reason": "variable_overflow"}])
        assert await walker.version() == version
        assert (await walker.states())["evHole"] == "ACTIVE"
