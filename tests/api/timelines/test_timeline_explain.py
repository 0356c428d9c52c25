"""Explanations over HTTP: what holds a user up, and why a link cannot be followed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from timeline_door import TIMELINE_ID, V1, Door, open_door
from timeline_steps import Walker, admin, error, listed, wrong

ME = "/users/me/explain"
USERS = f"/timelines/{TIMELINE_ID}/users"
GARDEN = "/user-timeline-events/evDrink/links/evGarden/explain"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline."""
    async with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
async def alice(door: Door) -> Walker:
    """A user who was created at eight, and waits for the morning."""
    walker = Walker(door)
    walker.at = "08:00:00"
    await walker.create()
    return walker


async def test_a_link_is_explained(alice: Walker) -> None:
    """Why it is not followable, leaf by leaf, in the envelope."""
    for link in ("evBank:evHole", "evHole:evDrink"):
        await alice.follow(link)
    body = await alice.get(GARDEN)
    assert list(body) == ["data", "error", "meta"]
    assert body["meta"]["user"]["id"] == "alice-1"
    told = body["data"]
    assert (told["id"], told["followable"]) == ("evDrink:evGarden", False)
    assert (told["reasons"], told["timeline_event_state"]) == (["condition_not_met"], "ACTIVE")
    assert told["condition"]["failing"] == ["keys >= 1"]
    size, keys = told["condition"]["tree"]["parts"]
    assert (size["holds"], size["blocks"], size["operands"][0]["value"]) == (True, False, "10")
    assert (keys["holds"], keys["blocks"], keys["changes"]) == (False, True, ["variable keys"])


async def test_a_link_that_is_followable_is_explained_so(alice: Walker) -> None:
    """Without reasons, and without a condition where it has none."""
    told = (await alice.get("/user-timeline-events/evBank/links/evHole/explain"))["data"]
    assert (told["followable"], told["reasons"], told["condition"]) == (True, [], None)


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("evNone/links/evHole", "User timeline event not found."),
        ("evBank/links/evWake", "Link not found on this event."),
        ("evBank/links/evNone", "Link not found on this event."),
    ],
)
async def test_no_such_event_or_link(alice: Walker, path: str, detail: str) -> None:
    """404 with the documented words."""
    got = await alice("GET", f"/user-timeline-events/{path}/explain")
    assert (got.status, error(got)["detail"]) == (404, detail)


async def test_a_user_is_explained(alice: Walker) -> None:
    """The guard and when it opens, the events in reach and why they are not open."""
    told = (await alice.get(ME))["data"]
    assert (told["current_step"], told["guard"]["id"], told["guard"]["before_step"]) == (
        2, "guardMorning", 3,
    )  # fmt: skip
    assert told["guard"]["condition"]["condition_datetime"] == "2023-02-03T09:00:00Z"
    assert told["threads"] == []
    events = {one["id"]: one["reasons"] for one in told["events"]}
    assert events == {
        "evHole": ["no_link_followed"],
        "evDrink": ["no_link_followed"],
        "evEat": ["no_link_followed"],
        "evGarden": ["step_not_reached", "no_link_followed"],
    }


async def test_a_held_thread_is_explained(alice: Walker, door: Door) -> None:
    """The note waits for the party, once its column is reached."""
    bob = Walker(door, "bob-2")
    await bob.create(disable_time_guards=True)
    (thread,) = (await bob.get(ME))["data"]["threads"]
    assert (thread["id"], thread["timeline_event_ids"]) == ("threadNotes", ["evNote"])
    assert thread["condition"]["tree"]["operands"] == [
        {"kind": "event", "id": "evParty", "value": "UNVISITED"}
    ]
    assert (await alice.get(ME))["data"]["threads"] == []


async def test_explaining_stores_nothing_and_wakes_nobody(alice: Walker, door: Door) -> None:
    """Not even what is due: it is reckoned, and shown as if it were stored."""
    version, directory = await alice.version(), door.house.directory
    await trio.testing.wait_all_tasks_blocked()
    directory.put_idle_to_sleep(trio.current_time() + 1_000_000)
    woken = directory.statistics()["woken"]
    alice.at = "09:30:00"
    body = await alice.get(ME)
    assert (body["data"]["guard"], body["meta"]["user"]["waiting_for_condition_id"]) == (None, None)
    await alice.get(GARDEN)
    await listed(door, f"{USERS}/alice-1/explain")
    assert (await alice.version(), directory.statistics()["woken"]) == (version, woken)


async def test_an_administrator_is_told_the_same(alice: Walker, door: Door) -> None:
    """Bare, of any user of the timeline; 404 for others, also where the id holds a slash."""
    told = (await alice.get(ME))["data"]
    now = {"callboard_now": "2023-02-03T08:00:00Z"}
    got = await admin(door, "GET", f"{USERS}/alice-1/explain", **now)
    assert (got.status, got.json()) == (200, told)
    for nobody in (f"{USERS}/bob-2/explain", "/timelines/None/users/alice-1/explain"):
        assert (await admin(door, "GET", nobody)).status == 404
    slashed = Walker(door, "a/b")
    await slashed.create()
    assert (await admin(door, "GET", f"{USERS}/a%2Fb/explain")).status == 200


async def test_who_may_ask(alice: Walker, door: Door) -> None:
    """A token its own user; a secret key any; visible keys and nobody none; clocks go on only."""
    token = await door.user()
    assert (await token("GET", f"{V1}{ME}")).json()["meta"]["user"]["id"] == "alice-1"
    assert (await token("GET", f"{V1}{USERS}/alice-1/explain")).status == 403
    for caller, status in ((door.visible, 403), (door.nobody, 401)):
        for path in (ME, GARDEN, f"{USERS}/alice-1/explain"):
            assert (await caller("GET", V1 + path)).status == status
    assert (await Walker(door, "bob-2")("GET", ME)).status == 404
    assert wrong(await door.secret("GET", V1 + ME))[0][0] == ["header", "fictioneers-user-id"]
    alice.at = "07:00:00"
    assert wrong(await alice("GET", ME))[0][0] == ["header", "callboard-now"]


async def test_instants_are_as_the_project_is_set(door: Door, alice: Walker) -> None:
    """Naive where it asks for that."""
    await door.declare(test_clock=True, naive_datetimes=True)
    guard: Any = (await alice.get(ME))["data"]["guard"]
    assert guard["condition"]["condition_datetime"] == "2023-02-03T09:00:00"
