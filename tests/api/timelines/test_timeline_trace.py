"""The worked example: thirty-five requests by five callers, on a test clock.

Each row says what is asked when, and everything that the answer must say. The source is the trace
of spec timelines 9, with its columns; `chg` lists events in their order, `+` ACTIVE, `-` VISITED.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from timeline_door import TIMELINE_ID, Door, open_door

ALICE, BOB, CHIE, DAN, ADMIN = "alice-1", "bob-2", "chie-3", "dan-4", ""
BEATS = {
    "beatHole": "Down the Rabbit-Hole",
    "beatTea": "A Mad Tea-Party",
    "beatCourt": "Who Stole the Tarts?",
}
STATES = {"+": "ACTIVE", "-": "VISITED"}
NINE = "2023-02-03T09:00:00Z"
TEA = "2023-02-03T09:02:30Z"
MIDNIGHT = "2023-02-03T00:00:00Z"
UNTIL_NINE = ("guardMorning", NINE)
UNTIL_COURT = ("guardCourt", None)
NOBODY: tuple[str | None, str | None] = (None, None)
ME, EVENTS, LOG = "/users/me", "/user-timeline-events", "/user-timeline-event-state-changes"
VARIABLES = f"/timelines/{TIMELINE_ID}/variables"


class Stands(NamedTuple):
    """How a user stands: columns `step, beat`, `waiting (until)`, `new beat`."""

    step: int | None
    beat: str | None
    waiting: tuple[str | None, str | None] = NOBODY
    new_beat: str | None = None
    ended: bool = False


class Row(NamedTuple):
    """A row of the trace. `variables` are size, keys and tea_at; None: not a user's answer."""

    clock: str
    who: str
    method: str
    path: str
    body: Any = b""
    status: int = 200
    stands: Stands | None = None
    variables: tuple[str, str, str] | None = None
    changed: str = ""
    error: tuple[str, list[Any]] | None = None


def create(clock: str, who: str, stands: Stands, has: Any, changed: str, **body: Any) -> Row:
    """POST /users."""
    given = {"published_timeline_id": TIMELINE_ID, **body}
    return Row(clock, who, "POST", "/users", given, 200, stands, has, changed)


def follow(clock: str, link: str, *told: Any, **more: Any) -> Row:
    """Follow a link as Alice."""
    path = f"{EVENTS}/{link.partition(':')[0]}/follow-link"
    return Row(clock, ALICE, "POST", path, {"link_id": link}, *told, **more)


def progress(clock: str, who: str, stands: Stands, has: Any, changed: str, **body: Any) -> Row:
    """POST /users/me/progress-step."""
    return Row(clock, who, "POST", f"{ME}/progress-step", body, 200, stands, has, changed)


HOLE = Stands(2, "beatHole", UNTIL_NINE)
TEA_TIME = Stands(5, "beatTea", UNTIL_COURT)
COURT_OPEN = Stands(5, "beatTea", new_beat="beatCourt")
END = Stands(7, "beatCourt", ended=True)
AT_TEA = ("10", "1", TEA)
SMALL = ("10", "1", "")
ON = {"max_steps": None, "pause_at_beats": True}
UNMET = "condition_not_met"

TRACE = (
    Row("08:00:00", ALICE, "GET", ME, status=404, error=("User not found.", [])),
    create("08:00:00", ALICE, HOLE, ("100", "0", ""), "+evBank +evWatch",
           timezone="Europe/London", max_steps=None),
    Row("08:00:10", ALICE, "GET", EVENTS, b"", 200, HOLE, ("100", "0", "")),
    follow("08:01:00", "evBank:evHole", 200, HOLE, ("100", "0", ""), "-evBank +evHole"),
    follow("08:02:00", "evHole:evDrink", 200, HOLE, ("10", "0", ""), "-evHole +evDrink"),
    follow("08:02:30", "evDrink:evGarden", 403,
           error=("Link is not followable.", [{"reason": UNMET, "condition_datetime": None}])),
    follow("08:02:40", "evDrink:evWake", 404, error=("Link not found on this event.", [])),
    follow("08:03:00", "evDrink:evHole", 200, HOLE, ("100", "0", ""), "-evDrink +evHole"),
    follow("08:04:00", "evHole:evEat", 200, HOLE, ("300", "1", ""), "-evHole +evEat"),
    follow("08:05:00", "evEat:evHole", 200, HOLE, ("100", "1", ""), "-evEat +evHole"),
    follow("08:06:00", "evHole:evDrink", 200, HOLE, SMALL, "-evHole +evDrink"),
    follow("08:07:00", "evDrink:evGarden", 200, HOLE, SMALL, "-evDrink"),
    progress("08:30:00", ALICE, HOLE, SMALL, "", **ON),
    progress("09:00:00", ALICE, TEA_TIME, SMALL, "+evGarden", **ON),
    follow("09:01:00", "evGarden:evParty", 200, TEA_TIME, SMALL, "-evGarden +evParty"),
    follow("09:02:00", "evParty:evRiddle", 200, TEA_TIME, AT_TEA, "-evParty +evRiddle +evNote"),
    follow("09:02:10", "evRiddle:evTrial", 403,
           error=("Link is not followable.", [{"reason": UNMET, "condition_datetime": TEA}])),
    follow("09:02:30", "evRiddle:evTrial", 200, COURT_OPEN, AT_TEA, "-evRiddle"),
    Row("09:02:31", ALICE, "GET", ME, b"", 200, COURT_OPEN, AT_TEA),
    progress("09:03:00", ALICE, Stands(6, "beatCourt"), AT_TEA, "+evTrial",
             max_steps=1, pause_at_beats=True),
    progress("09:03:10", ALICE, END, AT_TEA, "", max_steps=1, pause_at_beats=True),
    follow("09:04:00", "evTrial:evWake", 200, END, AT_TEA, "-evTrial +evWake"),
    Row("09:04:10", ALICE, "GET", LOG, b"", 200, END, AT_TEA),
    Row("09:04:10", ALICE, "GET", f"{LOG}?content_type=PushMessage", b"", 200, END, AT_TEA),
    Row("09:04:20", ALICE, "GET", VARIABLES),
    create("07:00:00", BOB, Stands(2, "beatHole", new_beat="beatTea"), ("100", "1", ""),
           "+evBank +evWatch", timezone="Asia/Tokyo", disable_time_guards=True,
           pause_at_beats=True, variables={"keys": "1"}),
    progress("07:00:10", BOB, Stands(3, "beatTea"), ("100", "1", ""), "", max_steps=1),
    progress("07:00:20", BOB, COURT_OPEN, ("100", "1", ""), "", max_steps=None),
    progress("07:00:30", BOB, END, ("100", "1", ""), "", **ON),
    create("02-02T20:00:00", CHIE, Stands(2, "beatHole", ("guardMorning", MIDNIGHT)),
           ("100", "0", ""), "+evBank +evWatch", timezone="Asia/Tokyo"),
    create("07:00:00", DAN, Stands(None, None), ("100", "0", ""), "", timezone="UTC", max_steps=0),
    Row("09:10:00", ADMIN, "PATCH", f"{VARIABLES}/tarts_stolen", {"value": "0"}),
    Row("09:10:00", ADMIN, "PATCH", f"{VARIABLES}/size", {"value": "1"}, 422),
    Row("09:11:00", BOB, "DELETE", ME, status=204),
    Row("09:12:00", ADMIN, "DELETE", f"/timelines/{TIMELINE_ID}/users", status=204),
)  # fmt: skip


def instant(clock: str) -> str:
    """A time of the trace as the header takes it."""
    return f"2023-{clock}Z" if "T" in clock else f"2023-02-03T{clock}Z"


def beat(id_: str | None) -> Any:
    """A beat as answers show it."""
    return None if id_ is None else {"id": id_, "name": BEATS[id_]}


def shown(row: Row) -> Any:
    """The User that a row's answer must have."""
    assert row.stands is not None
    assert row.variables is not None
    stands, is_bob = row.stands, row.who == BOB
    return {
        "id": row.who,
        "variables": dict(zip(("size", "keys", "tea_at"), row.variables, strict=True)),
        "current_step": stands.step,
        "current_beat": beat(stands.beat),
        "new_beat_available": beat(stands.new_beat),
        "waiting_for_condition_id": stands.waiting[0],
        "waiting_for_condition_datetime": stands.waiting[1],
        "end_of_timeline_reached": stands.ended,
        "datetime_guards_disabled": is_bob,
        "pause_at_beats": is_bob,
        "active_timeline_id": TIMELINE_ID,
    }


def check(row: Row, body: Any) -> None:
    """A successful answer of the Audience API: the user, what changed in its order, the data."""
    meta, user, changes = body["meta"], shown(row), row.changed.split()
    assert body["error"] is None
    assert meta["user"] == user
    assert meta["service_status"] == "ONLINE"
    wanted = [(change[1:], STATES[change[0]]) for change in changes]
    changed = [(each["id"], each["state"]) for each in meta["changed_timeline_events"]]
    assert changed == wanted
    states = meta["changed_timeline_event_states"]
    assert [(each["timeline_event_id"], each["state"]) for each in states] == wanted
    assert {each["state_changed_at"] for each in states} <= {instant(row.clock)}
    if "/follow-link" in row.path:
        assert body["data"] == meta["changed_timeline_events"][0]
        followed = {link["id"]: link["last_followed_at"] for link in body["data"]["links"]}
        assert followed[row.body["link_id"]] == instant(row.clock)
    elif row.path.startswith("/users"):
        assert body["data"] == user


async def ask(door: Door, row: Row) -> Any:
    """Send a row's request at its instant; its status is the row's. The body, None if empty."""
    headers = {"callboard-now": instant(row.clock)}
    if row.who:
        headers["fictioneers-user-id"] = row.who
    got = await door.secret(row.method, f"/timelines/v1{row.path}", row.body, headers)
    assert got.status == row.status, (row, got.body)
    return got.json() if got.body else None


@pytest.mark.covers(
    "TL-039", "TL-040", "TL-041", "TL-051", "TL-056", "TL-057", "TL-058", "TL-059", "TL-060",
    "TL-062", "TL-063", "TL-064", "TL-065", "TL-066", "TL-072", "TL-073", "TL-074", "TL-075",
    "TL-077", "TL-081", "TL-083", "TL-107", "TL-110", "TL-111", "TL-112", "TL-113", "TL-114",
    "TL-115", "TL-116", "TL-117", "TL-118", "TL-122",
)  # fmt: skip
async def test_the_whole_trace(tmp_path: Path) -> None:
    """Every row, in order, with every column."""
    assert len(TRACE) == 35
    bodies: list[Any] = []
    async with open_door(tmp_path) as door:
        for number, row in enumerate(TRACE, 1):
            body = await ask(door, row)
            bodies.append(body)
            if row.stands is not None:
                check(row, body)
            if row.error is not None:
                words, content = row.error
                assert body["error"]["detail"] == words, number
                assert body["error"]["content"] == content, number
                assert (body["data"], body["meta"]) == ({}, {}), number
    _check_lists(bodies)


def _check_lists(bodies: list[Any]) -> None:
    """What the rows that list something must say beside the columns."""
    events = {each["id"]: each["state"] for each in bodies[2]["data"]}
    assert len(events) == 11
    assert {id_ for id_, state in events.items() if state != "UNVISITED"} == {"evBank", "evWatch"}
    log = [(each["timeline_event_id"], each["state"]) for each in bodies[22]["data"]]
    assert log == [
        (change[1:], STATES[change[0]])
        for row in TRACE[:22]
        if row.who == ALICE
        for change in row.changed.split()
    ]
    pushed = [
        (each["timeline_event_id"], [one["content_id"] for one in each["state_change_content"]])
        for each in bodies[23]["data"]
    ]
    assert pushed == [
        ("evBank", ["bank-push"]),
        ("evDrink", ["drink-done"]),
        ("evDrink", ["drink-done"]),
    ]
    variables = [(each["name"], each["scope"], each["value"]) for each in bodies[24]]
    assert variables == [
        ("size", "user", None),
        ("keys", "user", None),
        ("tea_at", "user", None),
        ("tarts_stolen", "shared", "1"),
    ]
    assert bodies[31]["value"] == "0"
    assert bodies[32]["detail"] == [
        {
            "loc": ["path", "name"],
            "msg": "only shared variables can be updated",
            "type": "value_error",
        }
    ]
