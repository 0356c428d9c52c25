"""The live protocol: topics, modes and what is told, on a wire without a network."""

from __future__ import annotations

from typing import Any

import toy
from live_world import ADMIN_KEY, DOOR_KEY, PROJECT, VISITOR_TOKEN, open_world
from trio.testing import MockClock, wait_all_tasks_blocked

from api.patch import apply

STATE = {"phase": "locked", "opened": 0, "wrong": 0, "sign": "", "chimeAtMs": None}


async def test_a_subscriber_gets_the_state_and_then_every_fact(autojump_clock: MockClock) -> None:
    """`subd` shows the state at a version, and each later fact comes once, in order."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        await world.set_code("a")
        wire.say({"t": "sub", "topic": "door/1", "id": 7})
        assert await wire.next() == {
            "t": "subd",
            "id": 7,
            "topic": "door/1",
            "epoch": "memory.0",
            "version": 1,
            "recovered": False,
            "state": {**STATE, "code": "a"},
        }
        await world.set_code("b")
        await world.set_code("c")
        frames = [await wire.next(), await wire.next()]
        assert [(f["t"], f["version"], f["data"]) for f in frames] == [
            ("ev", 2, {"code": "b"}),
            ("ev", 3, {"code": "c"}),
        ]
        assert frames[0]["name"] == "CodeSet"
        assert frames[0]["epoch"] == "memory.0"
        assert frames[0]["time"].endswith("Z")
        assert len(frames[0]["time"]) == len("2026-01-31T12:00:00.000Z")


async def test_a_topic_may_be_heard_before_its_actor_exists(autojump_clock: MockClock) -> None:
    """Version 0 and `state: null`; the first fact is version 1 of the same epoch."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/new"})
        subd = await wire.next()
        assert (subd["version"], subd["state"], subd["epoch"]) == (0, None, "memory.0")
        await world.set_code("a", "new")
        assert (await wire.next())["version"] == 1
        assert world.directory.statistics()["woken"] == 1


async def test_events_mode_shows_no_state(autojump_clock: MockClock) -> None:
    """Only facts."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1", "mode": "events"})
        assert "state" not in await wire.next()
        await world.set_code("b")
        assert (await wire.next())["data"] == {"code": "b"}


async def test_latest_mode_shows_only_the_newest_state(autojump_clock: MockClock) -> None:
    """What piles up while the listener does not read is one state."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1", "mode": "latest"})
        await wire.next()
        wire.stall()
        await world.set_codes(1, 30)
        wire.flow()
        first, last = await wire.next(), await wire.next()
        assert first["version"] == 1
        assert (last["version"], last["state"]["code"]) == (30, "code 30")
        assert "data" not in last


async def test_patches_lead_from_state_to_state(autojump_clock: MockClock) -> None:
    """With `delta` an event carries a patch against `base`, or the state when that is smaller."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1", "delta": ["jsonpatch"]})
        await wire.next()
        await world.set_code("a")
        first = await wire.next()
        assert first["state"]["code"] == "a"
        assert "patch" not in first
        await world.set_code("b")
        second = await wire.next()
        assert second["patch"] == [{"op": "replace", "path": "/code", "value": "b"}]
        assert second["base"] == 1
        assert apply(first["state"], second["patch"]) == {**STATE, "code": "b"}


async def test_patches_may_come_with_the_data(autojump_clock: MockClock) -> None:
    """Whoever asks for both is told what happened and what it led to, in one frame."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1", "delta": ["jsonpatch", "data"]})
        await wire.next()
        await world.set_codes(1, 2)
        first, second = await wire.next(), await wire.next()
        assert (first["data"], first["state"]["code"]) == ({"code": "code 1"}, "code 1")
        assert second["data"] == {"code": "code 2"}
        assert apply(first["state"], second["patch"]) == {**STATE, "code": "code 2"}


async def test_patches_are_made_only_while_somebody_asked(autojump_clock: MockClock) -> None:
    """A fact that nobody hears by patch is never compared."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        told: list[Any] = []
        world.hub.follow("door", told.append)
        wire.say({"t": "sub", "topic": "door/1"})
        await wire.next()
        await world.set_code("a")
        await wire.next()
        assert set(told[0].rendered) == {"data", "events"}


async def test_a_fact_is_serialised_once(autojump_clock: MockClock) -> None:
    """Two sockets send the very same line."""
    async with open_world() as world, world.socket(DOOR_KEY) as one, world.socket(DOOR_KEY) as two:
        shown: list[Any] = []
        kind = world.directory.kinds["door"]
        object.__setattr__(kind, "present_events", shown.append)
        try:
            for wire in (one, two):
                wire.say({"t": "sub", "topic": "door/1"})
                await wire.next()
            await world.set_code("a")
            assert await one.next() == await two.next()
            assert len(shown) == 1
        finally:
            object.__setattr__(kind, "present_events", toy.SPARSE_DOOR.present_events)


async def test_a_kind_topic_carries_every_fact_of_the_kind(autojump_clock: MockClock) -> None:
    """Admins hear all doors; the position is the store's order; resuming goes on from it."""
    async with open_world() as world:
        async with world.socket(ADMIN_KEY) as wire:
            wire.say({"t": "sub", "topic": "kind/door"})
            subd = await wire.next()
            assert (subd["version"], subd["epoch"]) == (0, "memory")
            assert "state" not in subd
            await world.set_code("a", "x")
            await world.set_code("a", "y")
            events = [await wire.next(), await wire.next()]
            assert [(e["version"], e["actor"], e["actor_version"]) for e in events] == [
                (1, "door/x", 1),
                (2, "door/y", 1),
            ]
        await world.set_code("b", "x")
        async with world.socket(ADMIN_KEY) as wire:
            at = {"epoch": "memory", "version": 1}
            wire.say({"t": "sub", "topic": "kind/door", "at": at})
            assert (await wire.next())["recovered"] is True
            assert [(await wire.next())["version"] for _ in range(2)] == [2, 3]
            await world.set_code("c", "x")
            assert (await wire.next())["version"] == 4


async def test_strangers_to_a_topic_get_an_error(autojump_clock: MockClock) -> None:
    """Refused and unknown topics answer `err`, and the socket lives on."""
    async with open_world() as world, world.socket(VISITOR_TOKEN) as wire:
        for topic, status, code in (
            ("door/other", 403, "forbidden"),
            ("kind/door", 403, "forbidden"),
            ("window/1", 404, "unknown_topic"),
            ("door", 404, "unknown_topic"),
            ("door/", 404, "unknown_topic"),
            ("door/a\nb", 404, "unknown_topic"),
        ):
            wire.say({"t": "sub", "topic": topic, "id": topic})
            err = await wire.next()
            assert (err["t"], err["id"]) == ("err", topic)
            assert (err["problem"]["status"], err["problem"]["code"]) == (status, code)
        wire.say({"t": "sub", "topic": "door/mine"})
        assert (await wire.next())["t"] == "subd"


async def test_unsub_ends_a_topic(autojump_clock: MockClock) -> None:
    """After `unsubd` nothing of the topic comes, and the hub forgets it."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1"})
        await wire.next()
        wire.say({"t": "unsub", "topic": "door/1", "id": 3})
        assert await wire.next() == {"t": "unsubd", "id": 3, "topic": "door/1", "code": "asked"}
        await world.set_code("a")
        await wait_all_tasks_blocked()
        assert wire.waiting() == []
        assert not world.hub.has_listeners((PROJECT, "door/1"))


async def test_subscribing_again_replaces_the_subscription(autojump_clock: MockClock) -> None:
    """The same topic is heard once, in the new mode."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1"}, {"t": "sub", "topic": "door/1", "mode": "latest"})
        subd = await wire.next()
        await world.set_code("a")
        frame = await wire.next()
        assert subd["t"] == "subd"
        assert frame["state"]["code"] == "a"
        await wait_all_tasks_blocked()
        assert wire.waiting() == []
