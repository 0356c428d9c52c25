"""Unpublishing and migrating: who begins, who goes over, what is told of it, what a crash leaves.

Rule: spec timelines 5.12.19.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from asgi import Got
from timeline_document import alice as alice_document
from timeline_document import grid
from timeline_door import ALICE, SECRET, TIMELINE_ID, V1, Door, open_door, socket
from timeline_steps import Walker, admin, error, listed, publish, wrong

from actors.timelines.migrating.orders import BEHIND
from actors.timelines.user import USER
from actors.timelines.user_words import Migrated
from api.timelines import migrating_users
from engine.errands import SweepSender
from engine.hub import Told
from engine.messages import Address
from engine.pools import Order

HERE = f"/timelines/{TIMELINE_ID}"
SMALL = "/timelines/small"
NEVER = "0" * 64
OLD = grid({"links": [{"to": "b"}]}, {}, {"step": 1})
NEW = grid({"links": [{"to": "b"}]}, {}, {"step": 1}, {}, title="Newer")
GONE = grid({}, title="Less")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline and a small one."""
    async with open_door(tmp_path, publish=(ALICE, json.dumps(OLD))) as opened:
        yield opened


async def call(door: Door, method: str, path: str, body: object = b"", status: int = 200) -> Any:
    """One request of the project's admin; the body, if there is one."""
    got = await door.admin(method, V1 + path, body)
    assert got.status == status, got.body
    return got.json() if got.body else None


async def migrate(door: Door, status: int = 200, path: str = SMALL, **given: Any) -> Any:
    """Order a migration; the body. `only` is the member `from`."""
    if "only" in given:
        given["from"] = given.pop("only")
    return await call(door, "POST", f"{path}/migrate", given, status)


async def crowd(door: Door, *names: str) -> dict[str, Walker]:
    """Users on the small timeline, who have followed its one link."""
    walkers = {name: Walker(door, name, "small") for name in names}
    for walker in walkers.values():
        await walker.create()
        await walker.follow("a:b")
    return walkers


async def revisions(door: Door, *names: str) -> set[str]:
    """The definitions that users are on."""
    peeked = [await door.house.directory.peek(Address("demo", "user", name)) for name in names]
    return {snapshot.state.revision for snapshot in peeked}


async def swept(door: Door, to: str, only: str = "") -> None:
    """Let the house send what waits, until an order is carried out."""
    outbox = door.house.shelves["outbox"]
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.run)
            order = Order("demo", f"sweep:{BEHIND}", f"small:{to}:{only}")
            while not await outbox.flush(order):
                pass
            nursery.cancel_scope.cancel()


# --- unpublishing


@pytest.mark.covers("TL-054", "TL-092")
async def test_nobody_begins_on_what_is_unpublished(door: Door) -> None:
    """404; its users go on, the list leaves it out, and publishing it again takes it back."""
    alice, bob = Walker(door), Walker(door, "bob-2")
    await alice.create()
    assert await call(door, "DELETE", HERE, status=204) is None
    got = await bob("POST", "/users", bob.wanted())
    assert (got.status, error(got)["detail"]) == (404, "Timeline not found.")
    assert (await alice.follow("evBank:evHole"))["data"]["state"] == "VISITED"
    assert [one["id"] for one in await listed(door, "/timelines")] == ["small"]
    assert (await listed(door, HERE))["id"] == TIMELINE_ID
    assert await call(door, "DELETE", f"{HERE}/", status=204) is None
    await publish(door, ALICE.encode())
    await bob.create()


async def test_only_an_admin_key_of_the_project_unpublishes_and_migrates(door: Door) -> None:
    """A secret key is 403, nobody is 401, and a timeline that is not there 404."""
    for method, path in (("DELETE", HERE), ("POST", f"{HERE}/migrate"), ("GET", f"{HERE}/migrate")):
        assert (await admin(door, method, path, b"{}")).status == 403
        assert (await door.nobody(method, V1 + path, b"{}")).status == 401
        missing = V1 + path.replace(TIMELINE_ID, "nowhere")
        got = await door.admin(method, missing, b"{}")
        assert (got.status, error(got)["detail"]) == (404, "Timeline not found.")
    assert (await listed(door, HERE))["id"] == TIMELINE_ID


# --- rehearsals


async def test_a_rehearsal_says_what_would_be_lost_and_stores_nothing(door: Door) -> None:
    """Users who lose something by name, everybody's losses by id."""
    walkers = await crowd(door, "ann", "ben")
    await Walker(door, "cat", "small").create(max_steps=0)
    (former,) = await revisions(door, "ann")
    less = await publish(door, GONE)
    versions = [await walker.version() for walker in walkers.values()]
    report = await migrate(door, dry_run=True)
    assert report["timeline_id"] == "small"
    assert (report["revision"], report["dry_run"]) == (less["revision"], True)
    outcomes = {name: number for name, number in report["outcomes"].items() if number}
    assert (outcomes, report["losing"]) == ({"migrated": 3}, 2)
    assert report["dropped"] == {
        "events": {"b": 2, "c": 2},
        "pending": {},
        "links": {"a:b": 2},
        "beats": {},
        "variables": {},
    }
    lost = {"step": 1, "events": ["b", "c"], "pending": [], "links": ["a:b"], "beats": [],
            "variables": []}  # fmt: skip
    assert report["users"] == [
        {"user_id": name, "outcome": "migrated", "from": former, "step": 0, "dropped": lost,
         "opened": []}
        for name in ("ann", "ben")
    ]  # fmt: skip
    assert [await walker.version() for walker in walkers.values()] == versions
    assert await revisions(door, "ann", "ben", "cat") == {former}


async def test_a_rehearsal_goes_over_everybody_a_page_at_a_time(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each user once; an order that names a definition is about its users alone."""
    monkeypatch.setattr(migrating_users, "PAGE", 2)
    await crowd(door, "a", "b", "c", "d", "e")
    (former,) = await revisions(door, "a")
    await publish(door, NEW)
    assert (await migrate(door, dry_run=True))["outcomes"]["migrated"] == 5
    assert (await migrate(door, dry_run=True, only=former))["outcomes"]["migrated"] == 5
    assert (await migrate(door, dry_run=True, only=NEVER))["outcomes"]["migrated"] == 0


# --- some users


async def test_named_users_are_done_when_it_answers(door: Door) -> None:
    """Each with what became of it, in the order of the request; a second time nothing does."""
    walkers = await crowd(door, "ann", "ben")
    await Walker(door, "zoe").create()
    (former,) = await revisions(door, "ben")
    newer = await publish(door, NEW)
    report = await migrate(door, users=["ben", "nobody", "zoe", "ben"])
    told = [(one["user_id"], one["outcome"]) for one in report["users"]]
    assert told == [("ben", "migrated"), ("nobody", "not_found"), ("zoe", "not_found")]
    (ben, *_) = report["users"]
    assert (ben["from"], ben["step"], ben["opened"]) == (former, 1, ["d"])
    assert await revisions(door, "ben") == {newer["revision"]}
    assert await revisions(door, "ann") == {former}
    assert await walkers["ben"].states() == {
        "a": "VISITED", "b": "ACTIVE", "c": "ACTIVE", "d": "ACTIVE",
    }  # fmt: skip
    again = await migrate(door, users=["ben"])
    assert again["outcomes"]["unchanged"] == 1
    assert await walkers["ben"].version() == 3


async def test_users_go_back_to_a_former_definition(door: Door) -> None:
    """By its hash: it is kept. The log of all shows each change as its definition had it."""
    (ann,) = (await crowd(door, "ann")).values()
    (former,) = await revisions(door, "ann")
    await publish(door, GONE)
    await migrate(door, users=["ann"])
    assert await ann.states() == {"a": "VISITED"}
    log = await listed(door, f"{SMALL}/event-state-changes")
    assert [one["timeline_event_id"] for one in log] == ["a", "c", "a", "b"]
    await migrate(door, users=["ann"], to=former)
    assert await revisions(door, "ann") == {former}
    assert await ann.states() == {"a": "VISITED"}
    assert (await ann.progress())["data"]["current_step"] == 1
    assert await ann.states() == {"a": "VISITED", "c": "ACTIVE"}


async def test_a_migrated_user_is_told_and_goes_on(door: Door) -> None:
    """A push, and the next follow is decided by the new definition."""
    (ann,) = (await crowd(door, "ann")).values()
    less = await publish(door, grid({}, {"links": [{"to": "a"}]}, {"step": 1}, title="Back"))
    async with socket(door, SECRET) as wire:
        wire.say({"t": "sub", "id": 1, "topic": "user/ann"})
        await wire.next_of("subd")
        await migrate(door, users=["ann"])
        frame = await wire.next_of("ev")
        assert (frame["name"], frame["version"]) == ("Migrated", 3)
        told = frame["data"]
        assert (told["revision"], told["dropped"]["links"]) == (less["revision"], ["a:b"])
        assert (await ann.follow("b:a"))["data"]["state"] == "VISITED"
        assert (await wire.next_of("ev"))["version"] == 4


# --- everybody


async def test_a_crowd_goes_over_behind_the_answer(door: Door) -> None:
    """202 after one commit; how far it is can be read, and nobody else is touched."""
    names = [f"u{number}" for number in range(12)]
    await crowd(door, *names)
    await Walker(door, "zoe").create()
    (former,) = await revisions(door, *names)
    newer = (await publish(door, NEW))["revision"]
    ordered = await migrate(door, 202)
    assert ordered == {"timeline_id": "small", "revision": newer, "migrating": 12}
    progress = await call(door, "GET", f"{SMALL}/migrate")
    assert progress == {
        "timeline_id": "small",
        "newest": newer,
        "revisions": [{"revision": former, "users": 12}],
        "under_way": [{"to": newer, "from": None, "is_stuck": False}],
    }
    await swept(door, newer)
    assert await revisions(door, *names) == {newer}
    progress = await call(door, "GET", f"{SMALL}/migrate")
    assert progress["revisions"] == [{"revision": newer, "users": 12}]
    assert progress["under_way"] == []
    assert await revisions(door, "zoe") != {newer}


async def test_two_orders_at_once_are_refused(door: Door) -> None:
    """Users would be now here, now there. The same order again is joined."""
    await crowd(door, "ann")
    (former,) = await revisions(door, "ann")
    newer = (await publish(door, NEW))["revision"]
    await migrate(door, 202, only=former)
    await migrate(door, 202, only=former)
    for given in ({}, {"to": former}, {"users": ["ann"]}):
        got = await door.admin("POST", f"{V1}{SMALL}/migrate", given)
        assert error(got)["detail"] == "Another migration of this timeline is under way."
        assert got.status == 409
    await migrate(door, dry_run=True)
    await swept(door, newer, former)
    assert (await migrate(door, users=["ann"]))["outcomes"]["unchanged"] == 1


async def test_maintenance_is_a_good_time_for_it(door: Door) -> None:
    """As for publishing: it is the operator who asks."""
    (ann,) = (await crowd(door, "ann")).values()
    await publish(door, NEW)
    await call(door, "PUT", "/service-status", {"status": "MAINTENANCE"})
    assert (await migrate(door, users=["ann"]))["outcomes"]["migrated"] == 1
    assert (await ann.states())["d"] == "ACTIVE"


async def facts_of(door: Door, name: str) -> list[type]:
    """What a user's facts state, in order."""
    stored = await door.house.store.facts(Address("demo", "user", name), 0, 100)
    return [type(event) for each in stored for event in USER.fact(each).events]


async def test_a_crash_in_the_middle_leaves_nobody_out_and_does_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a process that is killed leaves in its folder is gone on with."""
    monkeypatch.setattr(SweepSender, "page", 3)
    names = [f"u{number}" for number in range(10)]
    before, after = tmp_path / "before", tmp_path / "after"
    async with open_door(before, publish=(json.dumps(OLD),)) as door:
        await crowd(door, *names)
        newer = (await publish(door, NEW))["revision"]
        await migrate(door, 202)
        await run_until(door, 5)
        shutil.copytree(before, after)
    async with open_door(after, publish=(json.dumps(NEW),)) as door:
        half = {name: await facts_of(door, name) for name in names}
        done = [name for name in names if Migrated in half[name]]
        assert 5 <= len(done) < len(names)
        await swept(door, newer)
        for name in names:
            facts = await facts_of(door, name)
            assert facts.count(Migrated) == 1, name
            assert facts == half[name] or name not in done
        assert await revisions(door, *names) == {newer}


async def run_until(door: Door, many: int) -> None:
    """Send what waits until so many users have gone over."""
    told: list[Told] = []
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:

            def hear(one: Told) -> None:
                told.append(one)
                if len(told) >= many:
                    nursery.cancel_scope.cancel()

            door.house.hub.follow("user", hear)
            nursery.start_soon(door.house.shelves["outbox"].run)
    assert len(told) >= many


# --- what cannot be meant


async def bad(door: Door, body: Any) -> Got:
    """An order that is answered 422."""
    return await door.admin("POST", f"{V1}{SMALL}/migrate", body)


async def test_an_order_that_cannot_be_meant_is_422(door: Door) -> None:
    """A revision that is none of this timeline's, no hash, no list; nothing is changed."""
    await crowd(door, "ann")
    foreign = (await publish(door, alice_document(), 200))["revision"]
    for to in (NEVER, "x", "", foreign):
        assert wrong(await bad(door, {"to": to})) == [(["body", "to"], "value_error")]
    assert wrong(await bad(door, {"from": "x"})) == [(["body", "from"], "value_error")]
    for users in (["u"] * 1_001, ["a\x00"], [""]):
        ((place, _),) = wrong(await bad(door, {"users": users}))
        assert place == ["body", "users"]
    bodies: list[Any] = [{"to": 3}, {"dry_run": "yes"}, {"users": "ann"}, {"users": [1]}, [], b"{"]
    for body in bodies:
        assert (await bad(door, body)).status == 422
    assert (await call(door, "GET", f"{SMALL}/migrate"))["under_way"] == []
