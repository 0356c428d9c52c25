"""The Admin API: timelines, their variables and events, everybody on them, maintenance."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from timeline_document import grid
from timeline_door import ALICE, OTHER_SECRET, TIMELINE_ID, V1, Door, open_door
from timeline_steps import Walker, admin, error, listed, moves, publish, wrong

from actors.timelines.timeline_words import Unpublish
from api.timelines import crowd, listing
from api.timelines.listing import Page
from engine.messages import Address

HERE = f"/timelines/{TIMELINE_ID}"
TARTS = f"{HERE}/variables/tarts_stolen"
SMALL = "/timelines/small"
ADMIN_READS = [
    HERE,
    f"{HERE}/variables",
    TARTS,
    f"{HERE}/timeline-events",
    f"{HERE}/users",
    f"{HERE}/users/alice-1",
    f"{HERE}/event-state-changes",
]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline and a small one."""
    async with open_door(tmp_path, publish=(ALICE, json.dumps(grid({})))) as opened:
        yield opened


# --- timelines


@pytest.mark.covers("TL-090", "TL-092", "TL-093", "TL-127")
async def test_timelines_on_which_users_can_be_placed(door: Door) -> None:
    """Bare, in order of id; one that is not published any more is absent, and can be read."""
    timelines = await listed(door, "/timelines")
    title = "Alice's Adventure In Wonderland"
    first = {"id": TIMELINE_ID, "title": title, "description": None}
    assert timelines == [first, {"id": "small", "title": "Small", "description": None}]
    assert await listed(door, HERE) == first
    await door.house.directory.ask(Address("demo", "timeline", TIMELINE_ID), Unpublish())
    assert await listed(door, "/timelines") == timelines[1:]
    assert await listed(door, HERE) == first
    got = await Walker(door)("POST", "/users", Walker(door).wanted())
    assert got.status == 404


@pytest.mark.covers("TL-091")
@pytest.mark.parametrize("path", ADMIN_READS)
async def test_a_timeline_of_another_project_is_not_there(door: Door, path: str) -> None:
    """404 in the envelope: a key belongs to one project, and ids may repeat."""
    got = await door.admin.with_key(OTHER_SECRET)("GET", f"{V1}{path}")
    assert (got.status, error(got)["detail"]) == (404, "Timeline not found.")
    hostile = path.replace(TIMELINE_ID, "%2e%2e%2f%00<b>")
    assert (await admin(door, "GET", hostile)).status == 404


@pytest.mark.covers("TL-094", "TL-125")
async def test_events_of_the_newest_revision(door: Door) -> None:
    """In the order of step and row; after publishing again, the new ones."""
    events = await listed(door, f"{HERE}/timeline-events")
    assert len(events) == 11
    assert events[0] == {
        "id": "evBank",
        "title": "On the river bank",
        "description": "A hot afternoon.",
        "step": 0,
        "content_integrations": {
            "ACTIVE": [
                {
                    "content_id": "bank-push",
                    "content_type": "PushMessage",
                    "provider_id": "Contentful",
                }
            ],
            "VISITED": [],
        },
        "narrative_event_id": "neBank",
        "narrative_event_custom_data": {"button_text": "Get up"},
    }
    await publish(door, grid({}, {"step": 1}))
    assert [each["step"] for each in await listed(door, f"{SMALL}/timeline-events")] == [0, 1]


# --- variables


@pytest.mark.covers("TL-100", "TL-101", "TL-105", "TL-106")
async def test_variables_are_listed_and_read(door: Door) -> None:
    """User values are null here; an unknown name is 404."""
    variables = await listed(door, f"{HERE}/variables")
    assert [each["name"] for each in variables] == ["size", "keys", "tea_at", "tarts_stolen"]
    assert await listed(door, f"{HERE}/variables/size") == variables[0]
    assert variables[0] == {
        "name": "size", "scope": "user", "default_value": "100", "value": None
    }  # fmt: skip
    assert (await listed(door, TARTS))["value"] == "0"
    got = await admin(door, "GET", f"{HERE}/variables/nobody")
    assert (got.status, error(got)["detail"]) == (404, "Variable not found.")


@pytest.mark.covers("TL-102", "TL-103", "TL-107")
async def test_a_shared_variable_is_set_for_everybody(door: Door) -> None:
    """The answer has the value in its one form; every user is affected, whoever calls."""
    walkers = [Walker(door, name) for name in ("alice-1", "bob-2")]
    for walker in walkers:
        body = await walker.create(disable_time_guards=True)
        assert body["data"]["waiting_for_condition_id"] == "guardCourt"
    got = await admin(door, "PATCH", TARTS, {"value": "01.0"})
    wanted = {"name": "tarts_stolen", "scope": "shared", "default_value": "0", "value": "1"}
    assert (got.status, got.json()) == (200, wanted)
    assert await listed(door, TARTS) == wanted
    for walker in walkers:
        user = (await walker.get())["data"]
        assert user["waiting_for_condition_id"] is None
        assert user["new_beat_available"]["id"] == "beatCourt"


BAD_VALUES: list[tuple[str, object, list[tuple[list[str], str]]]] = [
    ("tarts_stolen", {}, [(["body", "value"], "value_error.missing")]),
    ("tarts_stolen", {"value": 1}, [(["body", "value"], "type_error.str")]),
    ("tarts_stolen", {"value": "1e5"}, [(["body", "value"], "value_error")]),
    ("tarts_stolen", {"value": "9" * 100}, [(["body", "value"], "value_error")]),
    ("tarts_stolen", b"nothing", [(["body"], "value_error.jsondecode")]),
    ("size", {"value": "1"}, [(["path", "name"], "value_error")]),
]


@pytest.mark.covers("TL-102", "TL-103")
@pytest.mark.parametrize(("name", "body", "complaints"), BAD_VALUES)
async def test_what_cannot_be_a_value(
    door: Door, name: str, body: object, complaints: list[Any]
) -> None:
    """422 with the place; an unknown name is 404; nothing is set."""
    got = await admin(door, "PATCH", f"{HERE}/variables/{name}", body)
    assert wrong(got) == complaints
    assert (await listed(door, TARTS))["value"] == "0"
    got = await admin(door, "PATCH", f"{HERE}/variables/nobody", {"value": "1"})
    assert got.status == 404


# --- users


@pytest.mark.covers("TL-095", "TL-096", "TL-097", "TL-098")
async def test_users_of_a_timeline(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed bare in order of id, page by page; deleted one by one or all, others' remain."""
    monkeypatch.setattr(crowd, "PAGE", 3)
    names = [f"user-{number}" for number in range(7)]
    shown = [(await Walker(door, name).create())["data"] for name in names]
    stays = await Walker(door, "stays", "small").create()
    assert await listed(door, f"{HERE}/users") == shown
    assert await listed(door, f"{HERE}/users/user-3") == shown[3]
    assert (await admin(door, "GET", f"{HERE}/users/stays")).status == 404
    assert (await admin(door, "DELETE", f"{HERE}/users/stays")).status == 404
    got = await admin(door, "DELETE", f"{HERE}/users/user-3")
    assert (got.status, got.body) == (204, b"")
    assert (await admin(door, "DELETE", f"{HERE}/users/user-3")).status == 404
    assert await listed(door, f"{HERE}/users") == shown[:3] + shown[4:]
    got = await admin(door, "DELETE", f"{HERE}/users")
    assert (got.status, got.body) == (204, b"")
    assert await listed(door, f"{HERE}/users") == []
    assert await listed(door, f"{HERE}/event-state-changes") == []
    assert await listed(door, f"{SMALL}/users") == [stays["data"]]


async def test_users_who_are_counted_leave_together(door: Door) -> None:
    """Each takes its follows along from the timeline, and all of them do."""
    counts = {"link": "a:b", "followed_by_all": {"at_least": 99}}
    plain = grid({"links": [{"to": "b"}]}, {}, {"links": [{"to": "b", "when": counts}]})
    await publish(door, plain)
    walkers = [Walker(door, f"user-{number}", "small") for number in range(20)]
    for walker in walkers:
        await walker.create()
        await walker.follow("a:b")
    address = Address("demo", "timeline", "small")
    assert (await door.house.directory.peek(address)).state.follows["a:b"].value == "20"
    assert (await admin(door, "DELETE", f"{SMALL}/users")).status == 204
    assert await listed(door, f"{SMALL}/users") == []
    assert (await door.house.directory.peek(address)).state.follows["a:b"].value == "0"


PAGES = [
    [[1, 2], [3], [4, 5]],
    [[], [1]],
    [[1], [], [2], []],
    [[], []],
]


@pytest.mark.parametrize("pages", PAGES)
async def test_pages_are_one_array(pages: list[list[int]]) -> None:
    """However many of a page's items are gone by then; whoever leaves reads no more pages."""
    fetched: list[int] = []

    async def fetch(at: int) -> Page:
        fetched.append(at)
        return pages[at], at + 1 if at + 1 < len(pages) else None

    stream = (await listing.listed(fetch, 0)).stream
    assert stream is not None
    chunks = [chunk async for chunk in stream]
    assert json.loads(b"".join(chunks)) == [item for page in pages for item in page]
    assert fetched == list(range(len(pages)))
    left = (await listing.listed(fetch, 0)).stream
    assert left is not None
    await left.aclose()
    assert [chunk async for chunk in left] == []
    assert fetched[len(pages) :] == [0]


@pytest.mark.covers("TL-099", "TL-126")
async def test_what_happened_to_everybody(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ascending over all users, page by page, also with a slash at the end as the SDK asks."""
    monkeypatch.setattr(crowd, "PAGE", 2)
    alice, bob = Walker(door), Walker(door, "bob-2")
    for walker, at in ((alice, "08:00:00"), (bob, "07:00:00")):
        walker.at = at
        await walker.create()
    alice.at = "08:01:00"
    await alice.follow("evBank:evHole")
    changes = await listed(door, f"{HERE}/event-state-changes")
    assert await listed(door, f"{HERE}/event-state-changes/") == changes
    assert [(each["user_id"], each["timeline_event_id"], each["esc_type"]) for each in changes] == [
        ("bob-2", "evBank", "ACTIVE"),
        ("bob-2", "evWatch", "ACTIVE"),
        ("alice-1", "evBank", "ACTIVE"),
        ("alice-1", "evWatch", "ACTIVE"),
        ("alice-1", "evBank", "VISITED"),
        ("alice-1", "evHole", "ACTIVE"),
    ]
    assert changes[5] == {
        "esc_type": "ACTIVE",
        "narrative_event_id": "neHole",
        "timeline_event_id": "evHole",
        "thread_id": None,
        "beat_id": "beatHole",
        "available_step_index": 1,
        "processed_step_index": 2,
        "workspace_id": "demo",
        "project_id": "demo",
        "timeline_id": TIMELINE_ID,
        "user_id": "alice-1",
        "created_at": "2023-02-03T08:01:00Z",
    }
    log = (await alice.get("/user-timeline-event-state-changes"))["data"]
    assert moves(log) == [(each["timeline_event_id"], each["esc_type"]) for each in changes[2:]]


# --- the service


@pytest.mark.covers("TL-131")
async def test_maintenance(door: Door) -> None:
    """Writes are 503 with the envelope, reads go on and say so; only an admin key switches."""
    walker = Walker(door)
    await walker.create()
    path, off = f"{V1}/service-status", {"status": "MAINTENANCE"}
    assert (await door.secret("PUT", path, off)).status == 403
    assert wrong(await door.admin("PUT", path, {"status": "TIRED"}))[0][0][0] == "body"
    assert (await door.admin("PUT", path, off)).json() == off
    writes: list[tuple[str, str, object]] = [
        ("POST", "/users", walker.wanted()),
        ("POST", "/users/me/progress-step", {}),
        ("POST", "/user-timeline-events/evBank/follow-link", {"link_id": "evBank:evHole"}),
        ("DELETE", "/users/me", b""),
        ("PATCH", TARTS, {"value": "1"}),
        ("DELETE", f"{HERE}/users", b""),
        ("DELETE", f"{HERE}/users/alice-1", b""),
    ]
    for method, route, body in writes:
        got = await walker(method, route, body)
        assert got.status == 503, (method, route)
        told = got.json()
        assert told["meta"] == {"service_status": "MAINTENANCE"}
        assert (told["error"]["code"], told["data"]) == (503, {})
    body = await walker.get()
    assert body["meta"]["service_status"] == "MAINTENANCE"
    assert len(await listed(door, f"{HERE}/users")) == 1
    await door.admin("PUT", path, {"status": "ONLINE"})
    assert (await walker.get())["meta"]["service_status"] == "ONLINE"
    await walker.follow("evBank:evHole")
