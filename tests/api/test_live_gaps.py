"""Coming back: what was missed in order, or the whole state that says so."""

from __future__ import annotations

from typing import Any

import pytest
import toy
from live_world import DOOR_KEY, PROJECT, open_world
from trio.testing import MockClock

from engine.messages import Address, Erase


async def test_resuming_gives_what_was_missed_in_order(autojump_clock: MockClock) -> None:
    """Same epoch, kept facts: each missed version once, `recovered: true`, then live ones."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        await world.set_codes(1, 250)
        at = {"epoch": "memory.0", "version": 3}
        wire.say({"t": "sub", "topic": "door/1", "at": at})
        subd = await wire.next()
        assert (subd["recovered"], subd["version"]) == (True, 3)
        assert "state" not in subd
        assert [(await wire.next())["version"] for _ in range(247)] == list(range(4, 251))
        await world.set_code("now")
        assert (await wire.next())["version"] == 251


async def test_resuming_at_the_newest_version_misses_nothing(autojump_clock: MockClock) -> None:
    """In every mode: recovered, and no state is sent again."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        await world.set_codes(1, 3)
        for more in ({}, {"mode": "latest"}, {"delta": ["jsonpatch"]}, {"mode": "events"}):
            at = {"epoch": "memory.0", "version": 3}
            wire.say({"t": "sub", "topic": "door/1", "at": at, **more})
            subd = await wire.next()
            assert (subd["recovered"], subd["version"]) == (True, 3)
            assert "state" not in subd


@pytest.mark.parametrize(
    ("at", "more"),
    [
        ({"epoch": "restored.0", "version": 2}, {}),
        ({"epoch": "memory.1", "version": 2}, {}),
        ({"epoch": "memory.0", "version": 99}, {}),
        ({"epoch": "memory.0", "version": 2}, {"delta": ["jsonpatch"]}),
        ({"epoch": "memory.0", "version": 2}, {"mode": "latest"}),
    ],
    ids=["other store", "other generation", "future", "delta across a gap", "latest"],
)
async def test_what_cannot_be_resumed_gets_a_snapshot(
    autojump_clock: MockClock, at: dict[str, Any], more: dict[str, Any]
) -> None:
    """The whole state, and it says so."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        await world.set_codes(1, 5)
        wire.say({"t": "sub", "topic": "door/1", "at": at, **more})
        subd = await wire.next()
        assert (subd["recovered"], subd["version"]) == (False, 5)
        assert subd["state"]["code"] == "code 5"


async def test_a_gap_that_is_not_kept_gets_a_snapshot(autojump_clock: MockClock) -> None:
    """Beyond the kind's retention there is no partial replay."""
    async with open_world((toy.DOOR, toy.SPARSE_DOOR)) as world, world.socket(DOOR_KEY) as wire:
        await world.set_codes(1, 60, kind="sparse_door")
        while await world.store.tidy({"sparse_door": toy.SPARSE_DOOR.keep}, 0):
            pass
        for version, recovered in ((2, False), (50, True)):
            at = {"epoch": "memory.0", "version": version}
            wire.say({"t": "sub", "topic": "sparse_door/1", "at": at})
            subd = await wire.next_of("subd")
            assert subd["recovered"] is recovered
            assert subd["version"] == (version if recovered else 60)
        assert [(await wire.next())["version"] for _ in range(10)] == list(range(51, 61))


async def test_nobody_is_taken_across_an_erasure(autojump_clock: MockClock) -> None:
    """A listener from before an erasure gets a snapshot, also once the actor lives again."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        await world.set_codes(1, 3)
        await world.directory.ask(Address(PROJECT, "door", "1"), Erase())
        at = {"epoch": "memory.0", "version": 2}
        wire.say({"t": "sub", "topic": "door/1", "at": at})
        subd = await wire.next()
        assert (subd["recovered"], subd["version"], subd["state"]) == (False, 4, None)
        await world.set_code("again")
        event = await wire.next()
        assert (event["version"], event["epoch"]) == (5, "memory.1")
        wire.say({"t": "sub", "topic": "door/1", "at": at})
        subd = await wire.next()
        assert (subd["recovered"], subd["version"], subd["epoch"]) == (False, 5, "memory.1")
