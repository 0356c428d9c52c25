"""The door as it was in 2022: users, where the reader is, and completing events.

What clients of then do with the answers is in the end-to-end tests, with their own package.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from timeline_door import TIMELINE_ID, V1, Door, open_door
from timeline_legacy import EVENTS, LOG, STORY, WANTED, Client
from timeline_steps import Walker, error, moves, wrong


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline, whose project speaks today's names."""
    async with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
def alice(door: Door) -> Client:
    """Alice with a client of 2022."""
    return Client(door)


# --- users


async def test_a_new_user_stays_before_the_first_column(alice: Client) -> None:
    """What the first progress changes is the opening, so creating changes nothing."""
    created = await alice.ok("POST", "/users", WANTED)
    assert created["data"]["narrative_state"]["current_step"] is None
    assert created["meta"]["changed_timeline_events"] == []
    begun = await alice.ok("POST", f"{STORY}/progress-events", {})
    assert [one["id"] for one in begun["meta"]["changed_timeline_events"]] == ["evBank", "evWatch"]
    assert begun["data"]["current_step"] == 2


async def test_a_new_user_walks_where_that_is_asked(alice: Client) -> None:
    """`max_steps` has its meaning of today, and `null` is until something blocks."""
    created = await alice.ok("POST", "/users", {**WANTED, "max_steps": None})
    assert created["data"]["narrative_state"]["current_step"] == 2


@pytest.mark.parametrize(
    ("body", "complaints"),
    [
        (b"{", [(["body"], "value_error.jsondecode")]),
        ([], [(["body"], "type_error.dict")]),
        ({"timezone": "UTC"}, [(["body", "published_timeline_id"], "value_error.missing")]),
    ],
)
async def test_a_bad_creation_is_refused_as_today(
    alice: Client, body: Any, complaints: list[Any]
) -> None:
    """422 with the same places."""
    assert wrong(await alice("POST", "/users", body)) == complaints


async def test_a_user_has_its_narrative_state(alice: Client) -> None:
    """What today's user says stays beside it, in `data`, in `meta` and for administrators."""
    await alice.begin()
    body = await alice.ok("GET", "/users/me")
    walker = Walker(alice.door)
    walker.at = alice.at
    today = (await walker.get())["data"]
    state = body["data"].pop("narrative_state")
    assert body["data"] == today
    assert body["meta"]["user"]["narrative_state"] == state
    assert state == (await alice.ok("GET", STORY))["data"]
    assert state == {
        **{name: today[name] for name in today if name not in ("id", "variables")},
        "current_timeline_event_id": None,
        "timeline_event_id_history": [],
    }
    path = f"/timelines/{TIMELINE_ID}/users"
    assert (await alice.ok("GET", f"{path}/alice-1"))["narrative_state"] == state
    assert [one["narrative_state"] for one in await alice.ok("GET", path)] == [state]


async def test_nobody_may_be_null(tmp_path: Path) -> None:
    """With `missing_user = "null"` the data is null in old names too."""
    async with open_door(tmp_path, missing_user="null") as door:
        for path in ("/users/me", STORY):
            body = await Client(door).ok("GET", path)
            assert (body["data"], body["meta"], body["error"]["code"]) == (None, None, 404)


@pytest.mark.parametrize("route", ["progress-events", "progress-step"])
async def test_progress_is_told_as_a_story_state(alice: Client, route: str) -> None:
    """Both routes do the same; bodies are as strict as today's."""
    await alice.ok("POST", "/users", WANTED)
    body = await alice.ok("POST", f"{STORY}/{route}", {"max_steps": 1, "pause_at_beats": True})
    assert (body["data"]["current_step"], "narrative_state" in body["data"]) == (0, False)
    got = await alice("POST", f"{STORY}/{route}", {"max_steps": -1})
    assert wrong(got) == [(["body", "max_steps"], "value_error.number.not_ge")]


# --- where the reader is


async def test_where_the_reader_is_has_a_history(alice: Client) -> None:
    """The last one is current, those before it are the history; the same again is no news."""
    await alice.begin()
    for event in ("evBank", "evWatch", "evWatch", "evBank"):
        body = await alice.ok("PATCH", STORY, {"current_timeline_event_id": event})
    told = body["data"]
    assert told["current_timeline_event_id"] == "evBank"
    assert told["timeline_event_id_history"] == ["evBank", "evWatch"]
    assert (await alice.ok("GET", STORY))["data"] == told
    assert await alice.states() == {"evBank": "AVAILABLE", "evWatch": "AVAILABLE"}


async def test_an_event_that_is_not_there_is_no_place(alice: Client) -> None:
    """404, as for a user who is not there; a body without the event is 422."""
    body = {"current_timeline_event_id": "evNowhere"}
    got = await alice("PATCH", STORY, body)
    assert (got.status, error(got)["detail"]) == (404, "User not found.")
    await alice.begin()
    got = await alice("PATCH", STORY, body)
    assert (got.status, error(got)["detail"]) == (404, "User timeline event not found.")
    place = ["body", "current_timeline_event_id"]
    assert wrong(await alice("PATCH", STORY, {})) == [(place, "value_error.missing")]


# --- completing


async def test_an_event_is_completed(alice: Client) -> None:
    """The data is the event; `meta` lists it, then the targets, and each change in order."""
    await alice.begin()
    body = await alice.leave("evBank")
    event = body["data"]
    assert (event["id"], event["state"], event["available_states"]) == ("evBank", "COMPLETED", [])
    changed = body["meta"]["changed_timeline_events"]
    assert changed[0] == event
    assert [one["id"] for one in changed] == ["evBank", "evHole"]
    assert moves(body["meta"]["changed_timeline_event_states"]) == [
        ("evBank", "COMPLETED"),
        ("evHole", "AVAILABLE"),
    ]
    followed = {link["id"]: link["last_followed_at"] for link in event["links"]}
    assert followed == {"evBank:evHole": "2023-02-03T08:00:00Z"}


async def test_all_links_that_can_be_followed_are(alice: Client) -> None:
    """The hall has two doors: both targets open, and both links' operations ran."""
    await alice.begin()
    await alice.leave("evBank")
    body = await alice.leave("evHole")
    assert [one["id"] for one in body["meta"]["changed_timeline_events"]] == [
        "evHole",
        "evDrink",
        "evEat",
    ]
    variables = body["meta"]["user"]["variables"]
    assert (variables["size"], variables["keys"]) == ("210", "1")


async def test_what_was_skipped_is_called_so(alice: Client) -> None:
    """In the event, in `meta` and in the log, until the event is opened again."""
    await alice.begin()
    body = await alice.leave("evBank", "SKIPPED")
    assert body["data"]["state"] == "SKIPPED"
    states = moves(body["meta"]["changed_timeline_event_states"])
    assert states == [("evBank", "SKIPPED"), ("evHole", "AVAILABLE")]
    await alice.leave("evHole", "SKIPPED")
    await alice.leave("evDrink", "COMPLETED")
    assert (await alice.states())["evHole"] == "AVAILABLE"
    await alice.leave("evHole", "COMPLETED")
    assert await alice.states() == {
        "evBank": "SKIPPED",
        "evWatch": "AVAILABLE",
        "evHole": "COMPLETED",
        "evDrink": "AVAILABLE",
        "evEat": "AVAILABLE",
    }
    log = moves((await alice.ok("GET", LOG))["data"])
    assert [state for event, state in log if event == "evBank"] == ["AVAILABLE", "SKIPPED"]
    assert {state for event, state in log if event == "evHole"} == {"AVAILABLE", "COMPLETED"}


async def test_an_event_is_left_once(alice: Client) -> None:
    """403 for one that is not open, 404 for one that is not there or nobody's, 422 else."""
    assert (await alice("PATCH", f"{EVENTS}/evBank", {"state": "COMPLETED"})).status == 404
    await alice.begin()
    await alice.leave("evBank")
    for event in ("evBank", "evGarden"):
        got = await alice("PATCH", f"{EVENTS}/{event}", {"state": "COMPLETED"})
        assert (got.status, error(got)["content"]) == (403, [{"reason": "not_active"}])
    got = await alice("PATCH", f"{EVENTS}/evNowhere", {"state": "SKIPPED"})
    assert (got.status, error(got)["detail"]) == (404, "User timeline event not found.")
    got = await alice("PATCH", f"{EVENTS}/evHole", {"state": "STARTED"})
    assert wrong(got) == [(["body", "state"], "type_error.enum")]
    alice.at = "07:59:59"
    got = await alice("PATCH", f"{EVENTS}/evHole", {"state": "COMPLETED"})
    assert wrong(got)[0][0] == ["header", "callboard-now"]


async def test_a_repeat_is_answered_the_same(alice: Client) -> None:
    """Under its `Idempotency-Key` a completion happens once."""
    await alice.begin()
    first = await alice.leave("evBank", idempotency_key="k")
    again = await alice.leave("evBank", idempotency_key="k")
    assert again == first
    hole = (await alice.ok("GET", EVENTS))["data"][2]
    assert (hole["id"], hole["state"]) == ("evHole", "AVAILABLE")


async def test_maintenance_refuses_what_is_written(alice: Client) -> None:
    """503 on both PATCH routes; reads go on."""
    await alice.begin()
    await alice.door.admin("PUT", f"{V1}/service-status", {"status": "MAINTENANCE"})
    for path, body in (
        (STORY, {"current_timeline_event_id": "evBank"}),
        (f"{EVENTS}/evBank", {"state": "COMPLETED"}),
    ):
        assert (await alice("PATCH", path, body)).status == 503
    assert (await alice.ok("GET", STORY))["meta"]["service_status"] == "MAINTENANCE"


async def test_a_variable_that_overflows_keeps_the_event(tmp_path: Path) -> None:
    """403 with the reason, and nothing is stored."""
    plain = json.loads((Path(__file__).parents[3] / "examples" / "alice.json").read_text())
    plain["events"][0]["links"][0]["do"] = [{"op": "mul", "var": "size", "value": "1" + "0" * 63}]
    async with open_door(tmp_path, publish=(json.dumps(plain),)) as door:
        alice = Client(door)
        await alice.begin()
        got = await alice("PATCH", f"{EVENTS}/evBank", {"state": "COMPLETED"})
        assert (got.status, error(got)["content"]) == (403, [{"reason": "variable_overflow"}])
        assert (await alice.states())["evBank"] == "AVAILABLE"
