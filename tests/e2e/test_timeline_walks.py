"""The published npm SDK walks the Alice timeline on a real daemon, redirected in two ways.

What the SDK returns is what a client of the original sees: envelopes, the order of changed events,
what is thrown. Without the test clock a user whose time guards are off goes the whole way; with it
the SDK repeats the spec's trace, instant by instant.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from e2e.timeline_world import (
    ENVIRONMENT,
    HOST,
    PROPERTY,
    SECRET_KEY,
    TIMELINE,
    VISIBLE_KEY,
    Json,
    Reader,
    Sdk,
    world,
)

pytestmark = pytest.mark.slow

WAYS = pytest.mark.parametrize("way", [ENVIRONMENT, PROPERTY])
ON_ALICE = {"timelineId": TIMELINE}
EVENTS = [
    *("evBank", "evWatch", "evHole", "evDrink", "evEat", "evGarden", "evParty", "evNote"),
    *("evRiddle", "evTrial", "evWake"),
]
GONE = {"data": None, "error": None, "meta": None, "status": 204}
"""What the SDK makes of any DELETE."""
BEATS = {
    "beatHole": "Down the Rabbit-Hole",
    "beatTea": "A Mad Tea-Party",
    "beatCourt": "Who Stole the Tarts?",
}


def changed(answer: Json) -> str:
    """The changed events of an answer, as `-from +to`."""
    events = answer["meta"]["changed_timeline_events"]
    return " ".join({"ACTIVE": "+", "VISITED": "-"}[each["state"]] + each["id"] for each in events)


def moves(answer: Json) -> list[tuple[str, str]]:
    """The changed states of an answer, in order of happening."""
    states = answer["meta"]["changed_timeline_event_states"]
    return [(each["timeline_event_id"], each["state"]) for each in states]


def beat(name: str) -> Json | None:
    """A beat as a user has it; none for an empty name."""
    return {"id": name, "name": BEATS[name]} if name else None


def whole(answer: Json) -> Any:
    """The data of an answer whose envelope is as documented."""
    assert set(answer) == {"data", "error", "meta"}
    assert answer["error"] is None
    assert answer["meta"]["service_status"] == "ONLINE"
    return answer["data"]


# --- a secret key


WALK = [
    ("evBank:evHole", "-evBank +evHole"),
    ("evHole:evEat", "-evHole +evEat"),
    ("evEat:evHole", "-evEat +evHole"),
    ("evHole:evDrink", "-evHole +evDrink"),
    ("evDrink:evGarden", "-evDrink +evGarden"),
    ("evGarden:evParty", "-evGarden +evParty"),
    ("evParty:evRiddle", "-evParty +evRiddle +evNote"),
    ("evRiddle:evTrial", "-evRiddle"),
]
"""From the bank to the court's door, and what each link changes."""


async def walk(sdk: Sdk) -> list[tuple[str, str]]:
    """Create a user without time guards and go to the end; every move, in order."""
    created = await sdk.call("createUser", **ON_ALICE, disableTimeGuards=True)
    assert changed(created) == "+evBank +evWatch"
    made = moves(created)
    for link, expected in WALK:
        answer = await sdk.follow(link)
        assert changed(answer) == expected, link
        data = whole(answer)
        assert (data["id"], data["state"]) == (link.partition(":")[0], "VISITED")
        made += moves(answer)
    assert answer["meta"]["user"]["new_beat_available"] == beat("beatCourt")
    for most, step, expected in (("1", 6, "+evTrial"), (None, 7, "")):
        answer = await sdk.call("progressUserStep", maxSteps=most)
        assert (whole(answer)["current_step"], changed(answer)) == (step, expected)
        made += moves(answer)
    answer = await sdk.follow("evTrial:evWake")
    assert changed(answer) == "-evTrial +evWake"
    return made + moves(answer)


@WAYS
@pytest.mark.covers("TL-001", "TL-004")
async def test_a_secret_key_walks_to_the_end(tmp_path: Path, way: str) -> None:
    """Every method of the SDK but token and helper, in either way, from nobody to nobody."""
    async with world(tmp_path, way) as here, here.reader() as reader:
        sdk = await reader.sdk(SECRET_KEY, "alice-1")
        assert (await sdk.refused("getUser"))[0] == 404
        made = await walk(sdk)
        user = whole(await sdk.call("getUser"))
        assert user["end_of_timeline_reached"] is True
        assert user["current_beat"] == beat("beatCourt")
        assert (user["variables"]["size"], user["variables"]["keys"]) == ("10", "1")
        events = whole(await sdk.call("getUserTimelineEvents"))
        assert [each["id"] for each in events] == EVENTS
        await look_as_admin(sdk, user, made)
        assert await sdk.call("deleteUser") == GONE
        assert (await sdk.refused("getUser"))[0] == 404
        assert await sdk.call("getTimelineUsers", **ON_ALICE) == []
        check_requests(reader, way)


async def look_as_admin(sdk: Sdk, user: Json, made: list[tuple[str, str]]) -> None:
    """The Admin methods answer without envelope, and the log has every move."""
    (timeline,) = await sdk.call("getTimelines")
    assert timeline["id"] == TIMELINE
    assert await sdk.call("getTimeline", **ON_ALICE) == timeline
    events = await sdk.call("getTimelineEvents", **ON_ALICE)
    assert [each["id"] for each in events] == EVENTS
    assert await sdk.call("getTimelineUsers", **ON_ALICE) == [user]
    assert await sdk.call("getTimelineUser", **ON_ALICE) == user
    log = await sdk.call("getTimelineEventStateChanges", **ON_ALICE)
    assert [(each["timeline_event_id"], each["esc_type"]) for each in log] == made
    assert {each["user_id"] for each in log} == {"alice-1"}


def check_requests(reader: Reader, way: str) -> None:
    """What went over the wire: one host, plain bodies, the key as it is, one trailing slash."""
    asked = reader.requests
    if way == ENVIRONMENT:
        assert {each["host"] for each in asked} == {HOST}
    assert {each["headers"]["authorization"] for each in asked} == {SECRET_KEY}
    assert [each for each in asked if "content-encoding" in each["answered"]] == []
    slashed = [each["status"] for each in asked if each["path"].endswith("/event-state-changes/")]
    assert slashed == [200]
    posted = {each["status"] for each in asked if each["method"] == "POST"}
    deleted = {each["status"] for each in asked if each["method"] == "DELETE"}
    assert (posted, deleted) == ({200}, {204})


async def test_admins_delete_users(tmp_path: Path) -> None:
    """One user by its id, then all; the timeline stays."""
    async with world(tmp_path, PROPERTY) as here, here.reader() as reader:
        sdks = [await reader.sdk(SECRET_KEY, user) for user in ("alice-1", "bob-2", "chie-3")]
        for sdk in sdks:
            await sdk.call("createUser", **ON_ALICE, maxSteps=0)
        gone = await sdks[0].call("deleteTimelineUser", **ON_ALICE, userId="bob-2")
        assert gone == GONE
        left = await sdks[0].call("getTimelineUsers", **ON_ALICE)
        assert {each["id"] for each in left} == {"alice-1", "chie-3"}
        assert await sdks[0].call("deleteTimelineUsers", **ON_ALICE) == GONE
        assert await sdks[0].call("getTimelineUsers", **ON_ALICE) == []
        assert (await sdks[0].call("getTimeline", **ON_ALICE))["id"] == TIMELINE


@pytest.mark.parametrize("user_id", ["zoé", "zoé/2", "a b"])
async def test_an_unusual_user_id_is_one_user(tmp_path: Path, user_id: str) -> None:
    """The SDK writes Latin-1 in its header, UTF-8 in bodies, and slashes as they are in paths."""
    async with world(tmp_path, PROPERTY) as here, here.reader() as reader:
        sdk = await reader.sdk(SECRET_KEY, user_id)
        user = whole(await sdk.call("createUser", **ON_ALICE))
        assert user["id"] == user_id
        assert await sdk.call("getTimelineUser", **ON_ALICE) == user
        page = await reader.sdk(VISIBLE_KEY, user_id)
        assert whole(await page.call("getUser")) == user
        assert await sdk.call("deleteTimelineUser", **ON_ALICE) == GONE
        assert await sdk.call("getTimelineUsers", **ON_ALICE) == []


# --- a visible key


@WAYS
@pytest.mark.covers("TL-011")
async def test_a_visible_key_walks_with_tokens(tmp_path: Path, way: str) -> None:
    """The SDK mints a token for a user id of its own and walks with it; Admin is not for it."""
    async with world(tmp_path, way) as here, here.reader() as reader:
        sdk = await reader.sdk(VISIBLE_KEY)
        made = await walk(sdk)
        user = whole(await sdk.call("getUser"))
        assert uuid.UUID(user["id"]).version == 4
        first = await sdk.ask("token")
        await sdk.ask("outlive")
        assert whole(await sdk.call("getUser")) == user
        assert await sdk.ask("token") not in {first, None}
        status, body = await sdk.refused("getTimelines")
        assert (status, body["error"]["message"]) == (403, "Forbidden.")
        await sdk.call("setUserId", userId="somebody-else")
        assert (await sdk.refused("getUser"))[0] == 404
        paths = [each["path"].rpartition("/v1")[2] for each in reader.requests]
        assert paths.count("/auth/token") == 3
        named = [each for each in reader.requests if "fictioneers-user-id" in each["headers"]]
        assert (named, len(made)) == ([], 21)


# --- what is refused


REFUSED: list[tuple[str, Json, int, str]] = [
    ("createUser", ON_ALICE, 403, "Forbidden."),
    ("getTimeline", {"timelineId": "nothing"}, 404, "Not Found."),
    ("getTimelineUser", {**ON_ALICE, "userId": "nobody"}, 404, "Not Found."),
    ("followLinkUserTimelineEvent", {"timelineEventId": "x", "linkId": "x:y"}, 404, "Not Found."),
    (
        "followLinkUserTimelineEvent",
        {"timelineEventId": "evBank", "linkId": "evBank:evWake"},
        404,
        "Not Found.",
    ),
    (
        "followLinkUserTimelineEvent",
        {"timelineEventId": "evHole", "linkId": "evHole:evEat"},
        403,
        "Forbidden.",
    ),
]


async def test_what_is_refused_is_thrown(tmp_path: Path) -> None:
    """The SDK throws at 401, 403, 404 and 422, each with the documented body."""
    async with world(tmp_path, PROPERTY) as here, here.reader() as reader:
        sdk = await reader.sdk(SECRET_KEY, "alice-1")
        status, body = await sdk.refused("createUser", timelineId="nothing")
        assert (status, body["error"]["code"]) == (404, 404)
        await sdk.call("createUser", **ON_ALICE)
        for method, given, status, message in REFUSED:
            got, body = await sdk.refused(method, **given)
            assert (got, body["error"]["code"], body["error"]["message"]) == (
                *(status, status, message),
            ), (method, given)
            assert (body["data"], body["meta"]) == ({}, {})
        for key in (SECRET_KEY[:-1] + "Z", VISIBLE_KEY[:-1] + "Z", "nonsense"):
            status, body = await (await reader.sdk(key, "alice-1")).refused("getUser")
            assert (status, body["error"]["message"]) == (401, "Unauthorized.")
        status, body = await sdk.refused("progressUserStep", maxSteps=-1)
        assert (status, body["detail"][0]["loc"]) == (422, ["body", "max_steps"])
        status, body = await (await reader.sdk(SECRET_KEY, "")).refused("getUser")
        assert (status, body["detail"][0]["loc"]) == (422, ["header", "fictioneers-user-id"])
        user = whole(await sdk.call("progressUserStep", maxSteps="many"))
        assert user["current_step"] == 5, "the SDK makes null of a text that is no number"


@WAYS
async def test_the_helper_needs_null_for_nobody(tmp_path: Path, way: str) -> None:
    """`initialiseAndProgressUser` creates whoever is missing if that is a 200 without data."""
    async with world(tmp_path, way, missing_user="null") as here, here.reader() as reader:
        sdk = await reader.sdk(SECRET_KEY, "alice-1")
        missing = await sdk.call("getUser")
        assert (missing["data"], missing["meta"]) == (None, None)
        assert missing["error"]["code"] == 404
        made = await sdk.call("initialiseAndProgressUser", **ON_ALICE, maxSteps=1)
        assert (made["user"]["id"], made["user"]["current_step"]) == ("alice-1", 0)
        assert [each["id"] for each in made["userTimelineEvents"]] == EVENTS
        again = await sdk.call("initialiseAndProgressUser", **ON_ALICE)
        assert again == {"userTimelineEvents": made["userTimelineEvents"]}


async def test_the_helper_fails_where_nobody_is_404(tmp_path: Path) -> None:
    """By default nobody is a 404, at which the SDK throws before it could create the user."""
    async with world(tmp_path, PROPERTY) as here, here.reader() as reader:
        sdk = await reader.sdk(SECRET_KEY, "alice-1")
        assert (await sdk.refused("initialiseAndProgressUser", **ON_ALICE))[0] == 404
        assert await sdk.call("getTimelineUsers", **ON_ALICE) == []


# --- the trace


Asked = tuple[str, Json]
CREATE: Asked = ("createUser", ON_ALICE)
READ: Asked = ("getUser", {})
ALL: Asked = ("progressUserStep", {})
ONE: Asked = ("progressUserStep", {"maxSteps": 1})
UNMET = [{"reason": "condition_not_met", "condition_datetime": None}]
TOO_EARLY = [{"reason": "condition_not_met", "condition_datetime": "2023-02-03T09:02:30Z"}]
MORNING, NINE = "guardMorning", "2023-02-03T09:00:00Z"
HOLE, TEA, COURT = "beatHole", "beatTea", "beatCourt"
Standing = tuple[int, str, str | None, str | None, str]
AT_HOLE: Standing = (2, HOLE, MORNING, NINE, "")
AT_TEA: Standing = (5, TEA, "guardCourt", None, "")
AT_DOOR: Standing = (5, TEA, None, None, COURT)
TEA_AT = "2023-02-03T09:02:30Z"
TRACE: list[tuple[str, str | Asked, Standing, str, str]] = [
    ("08:00:00", CREATE, AT_HOLE, "100 0 ", "+evBank +evWatch"),
    ("08:00:10", READ, AT_HOLE, "100 0 ", ""),
    ("08:01:00", "evBank:evHole", AT_HOLE, "100 0 ", "-evBank +evHole"),
    ("08:02:00", "evHole:evDrink", AT_HOLE, "10 0 ", "-evHole +evDrink"),
    ("08:03:00", "evDrink:evHole", AT_HOLE, "100 0 ", "-evDrink +evHole"),
    ("08:04:00", "evHole:evEat", AT_HOLE, "300 1 ", "-evHole +evEat"),
    ("08:05:00", "evEat:evHole", AT_HOLE, "100 1 ", "-evEat +evHole"),
    ("08:06:00", "evHole:evDrink", AT_HOLE, "10 1 ", "-evHole +evDrink"),
    ("08:07:00", "evDrink:evGarden", AT_HOLE, "10 1 ", "-evDrink"),
    ("08:30:00", ALL, AT_HOLE, "10 1 ", ""),
    ("09:00:00", ALL, AT_TEA, "10 1 ", "+evGarden"),
    ("09:01:00", "evGarden:evParty", AT_TEA, "10 1 ", "-evGarden +evParty"),
    ("09:02:00", "evParty:evRiddle", AT_TEA, f"10 1 {TEA_AT}", "-evParty +evRiddle +evNote"),
    ("09:02:30", "evRiddle:evTrial", AT_DOOR, f"10 1 {TEA_AT}", "-evRiddle"),
    ("09:02:31", READ, AT_DOOR, f"10 1 {TEA_AT}", ""),
    ("09:03:00", ONE, (6, COURT, None, None, ""), f"10 1 {TEA_AT}", "+evTrial"),
    ("09:03:10", ONE, (7, COURT, None, None, ""), f"10 1 {TEA_AT}", ""),
    (
        "09:04:00",
        "evTrial:evWake",
        (7, COURT, None, None, ""),
        f"10 1 {TEA_AT}",
        "-evTrial +evWake",
    ),
]
"""Clock, what the SDK is asked, step with beat and guard and until when and new beat, size keys
tea_at, changed events."""
NOT_YET: list[tuple[str, str, int, str, list[Json]]] = [
    ("08:02:30", "evDrink:evGarden", 403, "Link is not followable.", UNMET),
    ("08:02:40", "evDrink:evWake", 404, "Link not found on this event.", []),
    ("09:02:10", "evRiddle:evTrial", 403, "Link is not followable.", TOO_EARLY),
]
"""Clock, link, status, detail and content of the error."""


def standing(user: Json) -> Standing:
    """Where a user is."""
    now, new = user["current_beat"] or {"id": ""}, user["new_beat_available"] or {"id": ""}
    until = user["waiting_for_condition_datetime"]
    return user["current_step"], now["id"], user["waiting_for_condition_id"], until, new["id"]


async def test_the_sdk_walks_the_trace(tmp_path: Path) -> None:
    """Rows 2 to 22 of the spec's trace, by the SDK at the test clock's instants."""
    async with world(tmp_path, PROPERTY) as here, here.reader() as reader:
        sdk = await reader.sdk(SECRET_KEY, "alice-1")
        refused = list(NOT_YET)
        for clock, asked, where, variables, changes in TRACE:
            while refused and refused[0][0] < clock:
                await stopped(sdk, *refused.pop(0))
            await at(sdk, clock)
            subject, answer = await carry_out(sdk, asked)
            user = answer["meta"]["user"]
            assert standing(user) == where, (clock, asked)
            assert " ".join(user["variables"][name] for name in ("size", "keys", "tea_at")) == (
                variables
            ), (clock, asked)
            assert (changed(answer), user["end_of_timeline_reached"]) == (changes, where[0] == 7)
            assert whole(answer)["id"] == subject
        assert refused == []


async def carry_out(sdk: Sdk, asked: str | Asked) -> tuple[str, Json]:
    """Follow a link or call a method: whom the answer is about, and the answer."""
    if isinstance(asked, str):
        return asked.partition(":")[0], await sdk.follow(asked)
    return "alice-1", await sdk.call(asked[0], **asked[1])


async def at(sdk: Sdk, clock: str) -> None:
    """Set the test clock, on the day of the trace."""
    await sdk.ask("clock", now=f"2023-02-03T{clock}Z")


async def stopped(
    sdk: Sdk, clock: str, link: str, status: int, detail: str, content: list[Json]
) -> None:
    """A link that is refused at that instant, and why."""
    await at(sdk, clock)
    event = link.partition(":")[0]
    got, body = await sdk.refused("followLinkUserTimelineEvent", timelineEventId=event, linkId=link)
    assert (got, body["error"]["detail"], body["error"]["content"]) == (status, detail, content)
