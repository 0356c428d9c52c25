"""Reads: they wake nobody unless something is due, and what is due is stored once, at its time.

Also the test clock, which decides when that is, and a house that stands up again in between.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from timeline_document import alice as alice_document
from timeline_document import grid
from timeline_door import TIMELINE_ID, V1, Door, open_door
from timeline_steps import Walker, admin, changed, error, follow, listed, wrong

HERE = f"/timelines/{TIMELINE_ID}"
READS = ["/users/me", "/user-timeline-events", "/user-timeline-event-state-changes"]
ADMIN_READS = ["/users", "/users/alice-1", "/event-state-changes", "/variables"]


def later() -> Any:
    """A timeline whose events `b` and `c` are delivered at nine and at ten, in UTC.

    Once `b` is open, `d` leads to `a`.
    """
    times = {"b": "2023-02-03T09:00:00Z", "c": "2023-02-03T10:00:00Z"}
    threads = [
        {"id": f"thread-{id_}", "name": id_, "delivery": {"time": {"after": at}}}
        for id_, at in times.items()
    ]
    link = {"to": "a", "when": {"event": "b", "state": "ACTIVE"}}
    return grid(
        {}, {"thread": "thread-b"}, {"thread": "thread-c"}, {"links": [link]}, threads=threads
    )


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline and one that delivers later."""
    texts = (json.dumps(alice_document()), json.dumps(later()))
    async with open_door(tmp_path, publish=texts) as opened:
        yield opened


async def all_asleep(door: Door) -> float:
    """Put everybody to sleep; how many were ever woken."""
    directory = door.house.directory
    await trio.testing.wait_all_tasks_blocked()
    directory.put_idle_to_sleep(trio.current_time() + 1_000_000)
    assert directory.statistics()["awake"] == 0
    return directory.statistics()["woken"]


async def test_reads_wake_nobody(door: Door) -> None:
    """All of them, of one user and of all: nothing is due, so nothing happens."""
    alice = Walker(door)
    await alice.create()
    woken, version = await all_asleep(door), await alice.version()
    for path in READS:
        await alice.get(path)
    for path in ADMIN_READS:
        await listed(door, HERE + path)
    assert door.house.directory.statistics()["woken"] == woken
    assert await alice.version() == version


async def test_what_is_due_by_time_is_stored_once(door: Door) -> None:
    """The first read after it stores it; `changed_*` is empty on reads all the same."""
    alice = Walker(door, timeline="small")
    alice.at = "08:00:00"
    await alice.create()
    version = await alice.version()
    alice.at = "08:59:59"
    await alice.get()
    assert await alice.version() == version
    alice.at = "09:00:00"
    body = await alice.get("/user-timeline-events")
    assert [each["id"] for each in body["data"] if each["state"] == "ACTIVE"] == ["b", "d"]
    assert (changed(body), body["meta"]["changed_timeline_event_states"]) == ([], [])
    assert await alice.version() == version + 1
    for path in READS:
        await alice.get(path)
    assert await alice.version() == version + 1


async def test_a_late_read_writes_what_alarms_would_have(door: Door) -> None:
    """Each event at the instant at which its thread delivered it, not at the read's."""
    alice = Walker(door, timeline="small")
    alice.at = "08:00:00"
    await alice.create()
    alice.at = "12:00:00"
    log = (await alice.get("/user-timeline-event-state-changes"))["data"]
    assert [(each["timeline_event_id"], each["state_changed_at"][11:]) for each in log] == [
        ("d", "08:00:00Z"),
        ("b", "09:00:00Z"),
        ("c", "10:00:00Z"),
    ]


async def test_what_others_changed_is_stored_once(door: Door) -> None:
    """A shared value opens a guard: the read sees it, and the first one stores it."""
    alice = Walker(door)
    await alice.create(disable_time_guards=True)
    version = await alice.version()
    await admin(door, "PATCH", f"{HERE}/variables/tarts_stolen", {"value": "1"})
    assert await alice.version() == version
    for _ in range(2):
        assert (await alice.get())["data"]["new_beat_available"]["id"] == "beatCourt"
        assert await alice.version() == version + 1
    await admin(door, "PATCH", f"{HERE}/variables/tarts_stolen", {"value": "2"})
    await alice.get()
    assert await alice.version() == version + 1


async def test_lists_of_all_settle_nobody(door: Door) -> None:
    """They show how each stands now; a read of one user settles it."""
    alice = Walker(door)
    await alice.create(disable_time_guards=True)
    version = await alice.version()
    await admin(door, "PATCH", f"{HERE}/variables/tarts_stolen", {"value": "1"})
    (shown,) = await listed(door, f"{HERE}/users")
    assert shown["new_beat_available"]["id"] == "beatCourt"
    assert await alice.version() == version
    assert await listed(door, f"{HERE}/users/alice-1") == shown
    assert await alice.version() == version + 1


async def test_in_maintenance_what_is_due_is_only_shown(door: Door) -> None:
    """Nothing is written, and nobody is told less for it."""
    alice = Walker(door, timeline="small")
    alice.at = "08:00:00"
    await alice.create()
    version = await alice.version()
    await door.admin("PUT", f"{V1}/service-status", {"status": "MAINTENANCE"})
    alice.at = "09:30:00"
    assert await alice.states() == dict.fromkeys("bd", "ACTIVE")
    assert await alice.version() == version


async def test_a_refusal_stores_nothing(door: Door) -> None:
    """Its catch-up is found again: a link that is open only after it, is followed at once."""
    alice = Walker(door, timeline="small")
    alice.at = "08:00:00"
    await alice.create()
    version = await alice.version()
    alice.at = "08:30:00"
    got = await alice("POST", *follow("d:a"))
    assert error(got)["content"] == [{"reason": "condition_not_met", "condition_datetime": None}]
    assert await alice.version() == version
    alice.at = "09:30:00"
    body = await alice.follow("d:a")
    assert changed(body) == ["-d", "+a", "+b"]
    assert await alice.version() == version + 1


# --- the clock


async def test_the_clock_never_goes_back(door: Door) -> None:
    """422 for an instant before the user's last one, on reads and writes; the same one is fine."""
    alice = Walker(door)
    alice.at = "08:00:00"
    await alice.create()
    await alice.get()
    alice.at = "07:59:59"
    place = [(["header", "callboard-now"], "value_error")]
    requests: list[tuple[str, str, object]] = [
        ("GET", "/users/me", b""),
        ("POST", "/users/me/progress-step", {}),
        ("POST", *follow("evBank:evHole")),
    ]
    for method, path, body in requests:
        assert wrong(await alice(method, path, body)) == place
    assert len(await listed(door, f"{HERE}/users")) == 1


async def test_real_time_after_the_clock(door: Door) -> None:
    """A request without the header is decided now, or at the user's last instant if that is later.

    Users who are deleted may begin at any instant again.
    """
    alice = Walker(door, timeline="small")
    path, body = "/users", alice.wanted()
    got = await alice("POST", path, body, callboard_now="2500-01-01T00:00:00Z")
    assert got.status == 200
    log = (await alice.get("/user-timeline-event-state-changes"))["data"]
    assert {each["state_changed_at"] for each in log} == {"2500-01-01T00:00:00Z"}
    followed = await alice.follow("d:a")
    assert followed["data"]["links"][0]["last_followed_at"] == "2500-01-01T00:00:00Z"
    await alice("DELETE", "/users/me")
    alice.at = "08:00:00"
    await alice.create()


# --- standing up again


async def test_a_walk_goes_on_after_a_restart(tmp_path: Path) -> None:
    """State, log, shared values and kept answers are what they were; the walk goes on."""
    async with open_door(tmp_path) as door:
        alice = Walker(door)
        alice.at = "08:00:00"
        await alice.create()
        first = await alice("POST", *follow("evBank:evHole"), idempotency_key="k")
        await admin(door, "PATCH", f"{HERE}/variables/tarts_stolen", {"value": "1"})
        seen = [await alice.get(path) for path in READS]
    async with open_door(tmp_path) as door:
        alice = Walker(door)
        alice.at = "08:00:00"
        assert [await alice.get(path) for path in READS] == seen
        assert await alice("POST", *follow("evBank:evHole"), idempotency_key="k") == first
        assert changed(await alice.follow("evHole:evDrink")) == ["-evHole", "+evDrink"]
        alice.at = "09:00:00"
        user = (await alice.progress())["data"]
        assert (user["current_step"], user["end_of_timeline_reached"]) == (7, True)
