"""Journeys over HTTP: told from the facts by the page, and played again by other definitions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from timeline_document import alice as alice_document
from timeline_document import changed
from timeline_door import TIMELINE_ID, V1, Door, open_door
from timeline_steps import Walker, admin, error, listed, publish, wrong

from actors.timelines.journeys import read_journey
from api.timelines import journeys

ME = "/users/me/journey"
HERE = f"/timelines/{TIMELINE_ID}"
MINE = f"{HERE}/users/alice-1/journey"
REPLAY = f"{HERE}/replay"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline."""
    async with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
async def alice(door: Door) -> Walker:
    """A user who has walked to the court, while others changed what is shared."""
    walker = Walker(door)
    walker.at = "08:00:00"
    await walker.create(variables={"keys": "1"}, max_steps=2)
    await walker.progress(pause_at_beats=True)
    for link in ("evBank:evHole", "evHole:evDrink", "evDrink:evGarden"):
        await walker.follow(link)
    await admin(door, "PATCH", f"{HERE}/variables/tarts_stolen", {"value": "1"})
    walker.at = "09:30:00"
    await walker.progress()
    return walker


async def replayed(door: Door, journey: Any, **more: Any) -> Any:
    """The report of a replay."""
    got = await admin(door, "POST", REPLAY, {"journey": journey, **more})
    assert got.status == 200, got.body
    return got.json()


async def test_a_journey_is_told(alice: Walker) -> None:
    """In the envelope: how it began, what was chosen and when, what others did, what it led to."""
    body = await alice.get(ME)
    assert list(body) == ["data", "error", "meta"]
    assert body["meta"]["user"]["id"] == "alice-1"
    told = body["data"]
    assert (told["schema"], told["timeline_id"]) == ("journey/1", TIMELINE_ID)
    assert (told["timezone"], told["variables_given"]) == ("UTC", ["keys"])
    did = [(one["did"], one["at"][11:16]) for one in told["steps"]]
    assert did == [
        ("created", "08:00"), ("progressed", "08:00"), ("followed", "08:00"),
        ("followed", "08:00"), ("followed", "08:00"), ("progressed", "09:30"),
    ]  # fmt: skip
    assert [one.get("max_steps") for one in told["steps"]][:2] == [2, None]
    assert [list(one["others"]["variables"]) for one in told["steps"] if "others" in one] == [
        ["tarts_stolen"], ["tarts_stolen"],
    ]  # fmt: skip
    assert told["steps"][-1]["others"]["variables"]["tarts_stolen"][0][1] == "1"
    assert msgspec.json.decode(msgspec.json.encode(read_journey(msgspec.json.encode(body)))) == told


async def test_a_long_journey_is_sent_as_it_is_made(
    alice: Walker, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, of the user's facts and of the timeline's; it is the same journey."""
    whole = await alice.get(ME)
    bare = await listed(door, MINE)
    for page in (1, 2, 3):
        monkeypatch.setattr(journeys, "FACTS_PAGE", page)
        assert await alice.get(ME) == whole
        assert await listed(door, MINE) == bare == whole["data"]


async def test_telling_stores_nothing_and_wakes_nobody(alice: Walker, door: Door) -> None:
    """A journey is what is stored, whatever is due."""
    version, directory = await alice.version(), door.house.directory
    before = await alice.get(ME)
    await trio.testing.wait_all_tasks_blocked()
    directory.put_idle_to_sleep(trio.current_time() + 1_000_000)
    woken = directory.statistics()["woken"]
    alice.at = "10:30:00"
    await admin(door, "PATCH", f"{HERE}/variables/tarts_stolen", {"value": "3"})
    await trio.testing.wait_all_tasks_blocked()
    assert (await alice.get(ME))["data"] == before["data"]
    await replayed(door, before["data"])
    assert await alice.version() == version
    assert directory.statistics()["woken"] - woken <= 1  # the timeline


async def test_a_user_created_anew_has_a_journey_of_its_own(alice: Walker, door: Door) -> None:
    """What was before its erasure is gone."""
    assert (await alice("DELETE", "/users/me")).status == 204
    assert (await alice("GET", ME)).status == 404
    assert (await admin(door, "GET", MINE)).status == 404
    await alice.create()
    assert [one["did"] for one in (await alice.get(ME))["data"]["steps"]] == ["created"]


async def test_who_may_be_told(alice: Walker, door: Door) -> None:
    """A token its own user; a secret key any; visible keys and nobody none."""
    token = await door.user()
    assert (await token("GET", V1 + ME)).json() == await alice.get(ME)
    for caller, status in ((token, 403), (door.visible, 403), (door.nobody, 401)):
        assert (await caller("GET", V1 + MINE)).status == status
        assert (await caller("POST", V1 + REPLAY, {})).status == status
    assert (await admin(door, "GET", f"{HERE}/users/bob-2/journey")).status == 404


# --- replays


async def test_a_journey_leads_to_itself(alice: Walker, door: Door) -> None:
    """By its own definition nothing is different, when another is in force too."""
    told = (await alice.get(ME))["data"]
    report = await replayed(door, told)
    assert (report["same"], report["differences"], report["steps"]) == (True, [], 6)
    await publish(door, changed(("/events/3/links/0/to", "evParty")))
    assert (await replayed(door, told, revision=told["revision"]))["same"]
    assert not (await replayed(door, told))["same"]


async def test_differences_are_listed(alice: Walker, door: Door) -> None:
    """A choice that is not possible any more, with why; then the events that are otherwise."""
    told = (await alice.get(ME))["data"]
    await publish(door, changed(("/events/3/links/0/when/all/1/value", "2")))
    report = await replayed(door, told)
    assert report["revision"] != told["revision"]
    first, *others = report["differences"]
    assert (first["step_index"], first["what"], first["id"]) == (
        4,
        "impossible",
        "evDrink:evGarden",
    )
    assert first["why"] == ["condition_not_met", "keys >= 2"]
    assert [(one["step_index"], one["what"], one["id"], one["found"]) for one in others] == [
        (4, "event", "evDrink", "ACTIVE"), (5, "event", "evGarden", None),
    ]  # fmt: skip


async def test_no_such_definition(alice: Walker, door: Door) -> None:
    """404: unknown hashes, definitions of other timelines, unknown timelines."""
    told = (await alice.get(ME))["data"]
    other = await publish(door, alice_document() | {"id": "Other"})
    for wanted in ("none", "ab" * 32, other["revision"]):
        got = await admin(door, "POST", REPLAY, {"journey": told, "revision": wanted})
        assert (got.status, error(got)["detail"]) == (404, "Revision not found.")
    assert (await admin(door, "POST", "/timelines/None/replay", {"journey": told})).status == 404


async def test_what_is_no_journey(alice: Walker, door: Door) -> None:
    """422 with what is wrong; nothing of it is played."""
    told = (await alice.get(ME))["data"]
    bad: list[tuple[Any, list[str]]] = [
        ({}, ["body", "journey"]),
        ({"journey": {}}, ["body"]),
        ({"journey": {**told, "steps": []}}, ["body", "journey"]),
        ({"journey": {**told, "steps": told["steps"][1:]}}, ["body", "journey"]),
        ({"journey": told, "revision": 1}, ["body", "revision"]),
    ]
    for body, loc in bad:
        assert [each[0] for each in wrong(await admin(door, "POST", REPLAY, body))] == [loc]


async def test_a_journey_that_is_too_large(alice: Walker, door: Door) -> None:
    """413 beyond ten megabytes."""
    told = (await alice.get(ME))["data"]
    body = {"journey": {**told, "variables": {"size": "1" * journeys.REPLAY_BYTES_MAX}}}
    assert (await admin(door, "POST", REPLAY, body)).status == 413


async def test_a_long_journey_is_played_in_a_thread(
    alice: Walker, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Piece by piece, to the same end; one that takes too long is given up."""
    told = (await alice.get(ME))["data"]
    monkeypatch.setattr(journeys, "STEPS_HERE_MAX", 1)
    assert (await replayed(door, told))["same"]
    monkeypatch.setattr(journeys, "REPLAY_SECONDS_MAX", 0.0)
    got = await admin(door, "POST", REPLAY, {"journey": told})
    assert wrong(got) == [(["body", "journey"], "value_error")]
