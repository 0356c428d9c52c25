"""Publishing, and many users on what was published: revisions, races, contention."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from timeline_document import alice as alice_document
from timeline_document import grid
from timeline_door import ALICE, TIMELINE_ID, V1, Door, open_door
from timeline_steps import Walker, admin, error, listed, publish

HERE = f"/timelines/{TIMELINE_ID}"
TARTS = f"{HERE}/variables/tarts_stolen"
SMALL = "/timelines/small"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline and a small one."""
    async with open_door(tmp_path, publish=(ALICE, json.dumps(grid({})))) as opened:
        yield opened


@pytest.mark.covers("TL-020")
async def test_publishing(door: Door) -> None:
    """201 with the revision and warnings; the same again, however it is written, is 200."""
    plain = alice_document()
    plain["title"] = "Alice again"
    plain["rows"].append({"id": "rowNobody", "name": "Nobody"})
    first = await publish(door, plain)
    assert (first["id"], first["title"]) == (TIMELINE_ID, "Alice again")
    assert [warning["pointer"] for warning in first["warnings"]] == ["/rows/2"]
    again = await publish(door, json.dumps(plain, indent=3, sort_keys=True).encode(), 200)
    assert again == first
    assert (await listed(door, HERE))["title"] == "Alice again"


async def test_a_repeated_publishing_is_answered_again(door: Door) -> None:
    """Under its key it is 201 again, although it is in force by now."""
    plain = grid({}, {"step": 1})
    first = await publish(door, plain, idempotency_key="p")
    assert await publish(door, plain, idempotency_key="p") == first


async def test_users_stay_on_the_revision_that_they_started_on(door: Door) -> None:
    """New users begin on the new one; shared values live on."""
    old, new = Walker(door), Walker(door, "bob-2")
    await old.create()
    await admin(door, "PATCH", TARTS, {"value": "5"})
    plain = alice_document()
    plain["events"][0]["narrative_event"]["title"] = "At the brook"
    await publish(door, plain)
    await new.create()
    titles = [
        (await walker.get("/user-timeline-events"))["data"][0]["narrative_event_title"]
        for walker in (old, new)
    ]
    assert titles == ["On the river bank", "At the brook"]
    assert (await listed(door, TARTS))["value"] == "5"


async def test_only_an_admin_key_publishes(door: Door) -> None:
    """A secret key is 403, as is a token; without any it is 401."""
    got = await admin(door, "POST", "/timelines", ALICE.encode())
    assert (got.status, error(got)["message"]) == (403, "Forbidden.")
    user = await door.user()
    assert (await user("POST", f"{V1}/timelines", ALICE.encode())).status == 403
    assert (await door.nobody("POST", f"{V1}/timelines", ALICE.encode())).status == 401


async def test_the_schema_is_open_to_all(door: Door) -> None:
    """Editors fetch it without a key."""
    got = await door.nobody("GET", f"{V1}/schema/timeline-1.json")
    assert got.status == 200
    assert got.json()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


# --- together


def tickets(number: int) -> Any:
    """A timeline with so many tickets: whoever takes one goes from `a` to `b`."""
    link = {
        "to": "b",
        "when": {"var": "tickets", "op": ">=", "value": "1"},
        "do": [{"op": "sub", "var": "tickets", "value": "1"}],
    }
    variable = {"name": "tickets", "scope": "shared", "type": "number", "default": str(number)}
    return grid({"links": [link]}, {}, variables=[variable])


async def race(walkers: list[Walker]) -> list[Any]:
    """All follow the link at once; the answers in the order of the walkers."""
    answers: list[Any] = [None] * len(walkers)

    async def one(number: int) -> None:
        path = "/user-timeline-events/a/follow-link"
        answers[number] = await walkers[number]("POST", path, {"link_id": "a:b"})

    async with trio.open_nursery() as nursery:
        for number in range(len(walkers)):
            nursery.start_soon(one, number)
    return answers


@pytest.mark.covers("TL-068")
async def test_two_race_for_one_ticket(door: Door) -> None:
    """Exactly one gets it; the other is told that the condition is not met any more."""
    await publish(door, tickets(1))
    walkers = [Walker(door, name, "small") for name in ("alice-1", "bob-2")]
    for walker in walkers:
        await walker.create()
    answers = await race(walkers)
    assert sorted(got.status for got in answers) == [200, 403]
    (lost,) = [got for got in answers if got.status == 403]
    assert error(lost)["content"][0]["reason"] == "condition_not_met"
    assert (await listed(door, f"{SMALL}/variables/tickets"))["value"] == "0"
    visited = [(await walker.states())["a"] for walker in walkers]
    assert sorted(visited) == ["ACTIVE", "VISITED"]


@pytest.mark.covers("TL-045", "TL-068", "TL-078")
async def test_a_crowd_on_one_value_is_contention(door: Door) -> None:
    """Who kept missing is 409 in the documented words; who is 200 was counted, and once."""
    crowd_size, number = 30, 1_000
    await publish(door, tickets(number))
    walkers = [Walker(door, f"user-{one}", "small") for one in range(crowd_size)]
    for walker in walkers:
        await walker.create()
    answers = await race(walkers)
    busy = [got for got in answers if got.status == 409]
    done = [got for got in answers if got.status == 200]
    assert len(busy) + len(done) == crowd_size
    assert busy
    told = error(busy[0])
    assert told["message"] == "Service Unavailable - Potentially due to contention."
    left = int((await listed(door, f"{SMALL}/variables/tickets"))["value"])
    assert number - left == len(done) > 0
