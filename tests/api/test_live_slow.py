"""Listeners that are slow, and listeners that stop reading: nobody else notices."""

from __future__ import annotations

from typing import Any

import pytest
import toy
import trio
from live_wire import Wire
from live_world import DOOR_KEY, PROJECT, open_world
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.limits import Limits
from storage.memory import MemoryStore

SMALL = Limits(listener_frames_max=50, joined_frames_max=20)


async def stalled(wire: Wire, *subs: dict[str, Any]) -> None:
    """Subscribe, and stop reading with one send under way."""
    wire.say(*[{"t": "sub", **sub} for sub in subs])
    for _ in subs:
        await wire.next_of("subd")
    wire.stall()


async def test_a_slow_listener_is_told_and_gets_everything(autojump_clock: MockClock) -> None:
    """The queue is dropped, one `lag` says which versions, and they follow from the store."""
    async with open_world(limits=SMALL) as world, world.socket(DOOR_KEY) as wire:
        await stalled(wire, {"topic": "door/1"})
        await world.set_codes(1, 200)
        wire.flow()
        assert (await wire.next())["version"] == 1
        lag = await wire.next()
        assert lag == {"t": "lag", "topic": "door/1", "from": 2, "to": 52}
        versions = [(await wire.next())["version"] for _ in range(199)]
        assert versions == list(range(2, 201))
        await world.set_code("live again")
        assert (await wire.next())["version"] == 201


async def test_bytes_count_as_frames_do(autojump_clock: MockClock) -> None:
    """1 MiB waiting is too much, however few frames it is; big replays still come through."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        await stalled(wire, {"topic": "door/1"})
        for number in range(30):
            await world.set_code(f"{number}" + "x" * 60_000)
        wire.flow()
        assert (await wire.next())["version"] == 1
        assert (await wire.next())["t"] == "lag"
        assert [(await wire.next())["version"] for _ in range(29)] == list(range(2, 31))


async def test_every_topic_of_a_slow_listener_is_made_good(autojump_clock: MockClock) -> None:
    """Each topic that lost something gets its own `lag` and its own replay."""
    async with open_world(limits=SMALL) as world, world.socket(DOOR_KEY) as wire:
        topics = [f"door/{n}" for n in range(4)]
        await stalled(wire, *[{"topic": topic} for topic in topics])
        for number in range(60):
            for door in range(4):
                await world.set_code(f"code {number}", str(door))
        wire.flow()
        heard: dict[str, list[int]] = {topic: [] for topic in topics}
        lags: list[str] = []
        while sum(map(len, heard.values())) < 240:
            frame = await wire.next()
            if frame["t"] == "lag":
                lags.append(frame["topic"])
            else:
                heard[frame["topic"]].append(frame["version"])
        assert heard == {topic: list(range(1, 61)) for topic in topics}
        assert set(lags) == set(topics)


async def test_a_slow_listener_of_patches_gets_the_state(autojump_clock: MockClock) -> None:
    """Across a gap there is no patch: `lag`, then the whole state, then patches again."""
    async with open_world(limits=SMALL) as world, world.socket(DOOR_KEY) as wire:
        await stalled(wire, {"topic": "door/1", "delta": ["jsonpatch"]})
        await world.set_codes(1, 100)
        wire.flow()
        await wire.next_of("lag")
        subd = await wire.next_of("subd")
        assert (subd["recovered"], subd["version"]) == (False, 100)
        assert subd["state"]["code"] == "code 100"
        await world.set_code("b")
        assert (await wire.next())["base"] == 100


async def test_a_slow_listener_of_a_kind_misses_nothing(autojump_clock: MockClock) -> None:
    """Positions have holes, facts do not."""
    kinds = (toy.DOOR, toy.SPARSE_DOOR)
    async with open_world(kinds, SMALL) as world, world.socket("admin-key") as wire:
        await stalled(wire, {"topic": "kind/door"})
        for number in range(80):
            await world.set_code(f"code {number}", "x")
            await world.set_code(f"code {number}", "y", "sparse_door")
        wire.flow()
        heard: list[int] = []
        while len(heard) < 80:
            frame = await wire.next()
            if frame["t"] == "ev":
                heard.append(frame["actor_version"])
        assert heard == list(range(1, 81))
        await world.set_code("b", "x")
        assert (await wire.next())["actor_version"] == 81


async def test_a_gap_that_was_cut_meanwhile_ends_in_a_snapshot(autojump_clock: MockClock) -> None:
    """Who was too slow for the retention is told so, never given half."""
    async with open_world((toy.SPARSE_DOOR,), SMALL) as world, world.socket(DOOR_KEY) as wire:
        await stalled(wire, {"topic": "sparse_door/1"})
        await world.set_codes(1, 100, kind="sparse_door")
        while await world.store.tidy({"sparse_door": toy.SPARSE_DOOR.keep}, 0):
            pass
        wire.flow()
        assert (await wire.next())["version"] == 1
        assert (await wire.next())["t"] == "lag"
        subd = await wire.next()
        assert (subd["t"], subd["recovered"], subd["version"]) == ("subd", False, 100)


@pytest.mark.slow
async def test_who_never_reads_is_dropped_and_nobody_waits(autojump_clock: MockClock) -> None:
    """4509 after ten seconds without progress; memory stays bounded, another listener is fast."""
    async with (
        open_world() as world,
        world.socket(DOOR_KEY) as stuck,
        world.socket(DOOR_KEY) as well,
    ):
        await stalled(stuck, {"topic": "door/1"})
        well.say({"t": "sub", "topic": "door/1"})
        await well.next_of("subd")
        started = trio.current_time()
        for number in range(1, 1_501):
            await world.set_code(f"code {number}")
            assert (await well.next_of("ev"))["version"] == number
        assert trio.current_time() == started
        backlog = next(iter(world.live.connections)).backlog
        assert len(backlog) <= 1_000
        assert await stuck.wait_over() == 4509
        assert 10 <= trio.current_time() - started < 14
        assert world.hub.statistics()["subscriptions"] == 1


async def test_answers_are_never_dropped_but_too_many_end_it(autojump_clock: MockClock) -> None:
    """Somebody who asks and does not read the answers is closed, not served for ever."""
    limits = Limits(listener_frames_max=50)
    async with open_world(limits=limits) as world, world.socket(DOOR_KEY) as wire:
        await stalled(wire, {"topic": "door/1"})
        for number in range(60):
            wire.say({"t": "sub", "topic": "window/1", "id": number})
        await wait_all_tasks_blocked()
        wire.flow()
        assert await wire.wait_over() == 4509


async def test_leaving_a_topic_that_is_behind(autojump_clock: MockClock) -> None:
    """After `unsubd` no replay comes; other topics go on."""
    async with open_world(limits=SMALL) as world, world.socket(DOOR_KEY) as wire:
        await stalled(wire, {"topic": "door/1"}, {"topic": "door/2"})
        await world.set_codes(1, 100)
        wire.say({"t": "unsub", "topic": "door/1"})
        await wait_all_tasks_blocked()
        wire.flow()
        await wire.next_of("unsubd")
        await world.set_code("a", "2")
        assert (await wire.next())["topic"] == "door/2"


async def test_a_fact_between_reading_and_answering_is_not_lost(
    autojump_clock: MockClock,
) -> None:
    """A subscription registers first: what is committed while it reads comes right after."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        await world.set_code("a")
        world.directory.put_idle_to_sleep(float("inf"))
        await wait_all_tasks_blocked()
        slow = SlowStore(world.store)
        slow.hold()
        world.store.load = slow.load  # type: ignore[method-assign]
        wire.say({"t": "sub", "topic": "door/1"})
        await wait_all_tasks_blocked()
        slow.let_others_read()
        await world.set_code("b")
        await world.set_code("c")
        slow.go()
        subd = await wire.next()
        assert (subd["version"], subd["state"]["code"]) == (1, "a")
        assert [(await wire.next())["version"] for _ in range(2)] == [2, 3]


class SlowStore:
    """Reads at once, and hands over when told: another commits in between."""

    def __init__(self, store: MemoryStore) -> None:
        self._load = store.load
        self._gate = trio.Event()
        self._is_held = False

    def hold(self) -> None:
        """Hold the next reader."""
        self._is_held = True

    def let_others_read(self) -> None:
        """Later readers are not held."""
        self._is_held = False

    def go(self) -> None:
        """Hand over."""
        self._gate.set()

    async def load(self, address: Any) -> Any:
        """Read, perhaps wait, answer."""
        held, loaded = self._is_held, await self._load(address)
        if held:
            await self._gate.wait()
        return loaded


async def test_a_store_that_fails_ends_the_topic_only(autojump_clock: MockClock) -> None:
    """A new subscription gets `err`, one that was catching up `unsubd`; the socket lives."""
    async with open_world(limits=SMALL) as world, world.socket(DOOR_KEY) as wire:
        await stalled(wire, {"topic": "door/1"})
        await world.set_codes(1, 100)

        async def broken(*_args: Any) -> Any:
            raise OSError("the disk is gone")

        world.store.facts = broken  # type: ignore[method-assign,assignment]
        wire.flow()
        unsubd = await wire.next_of("unsubd")
        assert (unsubd["topic"], unsubd["code"]) == ("door/1", "internal_error")
        at = {"epoch": "memory.0", "version": 1}
        wire.say({"t": "sub", "topic": "door/1", "at": at, "id": 1})
        err = await wire.next()
        assert (err["t"], err["id"], err["problem"]["topic"]) == ("err", 1, "door/1")
        assert not world.hub.has_listeners((PROJECT, "door/1"))
