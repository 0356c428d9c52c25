"""The socket's own rules: frames, limits, pings, joining, leaving."""

from __future__ import annotations

from typing import Any

import pytest
import toy
import trio
from live_wire import Wire, upgrade_scope
from live_world import DOOR_KEY, PROJECT, open_world
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.limits import Limits


async def test_subprotocols(autojump_clock: MockClock) -> None:
    """Ours, none, and a refusal of what we do not speak; other paths are no sockets."""
    async with open_world() as world:
        for offered, chosen in (
            ((), None),
            (("callboard.v1.json",), "callboard.v1.json"),
            (("soap", "callboard.v1.json"), "callboard.v1.json"),
        ):
            async with world.socket(DOOR_KEY, subprotocols=offered) as wire:
                assert wire.subprotocol == chosen
        async with world.socket(subprotocols=("soap",)) as wire:
            await wire.wait_over()
            assert wire.status == 400


@pytest.mark.parametrize(
    ("text", "data", "code"),
    [
        ("not json", None, 4400),
        ('{"t": "dance"}', None, 4400),
        ('{"topic": "door/1"}', None, 4400),
        ('[{"t": "pong"}, 5]', None, 4400),
        ('"hello"', None, 4400),
        ("[" * 100_000, None, 4413),
        ("[" * 60_000, None, 4400),
        (None, b"\x00", 4400),
        (None, b"\x00" * 70_000, 4413),
        ('{"t": "pong", "id": "' + "é" * 40_000 + '"}', None, 4413),
    ],
)
async def test_what_is_no_frame_ends_the_socket(
    autojump_clock: MockClock, text: str | None, data: bytes | None, code: int
) -> None:
    """4400 for what cannot be read, 4413 for what is too big."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say_text(text, data)
        assert await wire.wait_over() == code


async def test_a_frame_with_a_wrong_field_is_only_refused(autojump_clock: MockClock) -> None:
    """A failed `sub` or `cmd` never closes the socket, not even a misshapen one."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say(
            {"t": "sub", "id": 1},
            {"t": "sub", "id": 2, "topic": "door/1", "mode": "loud"},
            {"t": "sub", "id": 3, "topic": "door/1", "at": {"epoch": "e", "version": -1}},
            {"t": "cmd", "id": 4, "topic": "door/1"},
            {"t": "sub", "id": True, "topic": "door/1"},
            {"t": "sub", "id": 5, "topic": "door/1", "more": "is fine"},
        )
        frames = [await wire.next() for _ in range(6)]
        assert [(f["t"], f.get("id")) for f in frames] == [
            ("err", 1), ("err", 2), ("err", 3), ("res", 4), ("err", None), ("subd", 5),
        ]  # fmt: skip


async def test_too_many_frames_close_the_socket(autojump_clock: MockClock) -> None:
    """200 a second, also when they come as arrays; then 4529."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        for _ in range(3):
            wire.say(*[{"t": "pong"}] * 190)
            await trio.sleep(1)
        wire.say(*[{"t": "pong"}] * 201)
        assert await wire.wait_over() == 4529


async def test_a_hundred_topics_are_enough(autojump_clock: MockClock) -> None:
    """The next one is refused, and the socket lives on."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say(*[{"t": "sub", "topic": f"door/{n}"} for n in range(101)])
        frames = [await wire.next() for _ in range(101)]
        refused = [f for f in frames if f["t"] == "err"]
        assert [f["problem"]["code"] for f in refused] == ["too_many_subscriptions"]


async def test_a_ping_tells_the_newest_versions(autojump_clock: MockClock) -> None:
    """Every 25 s, with the positions; whoever answers stays, whoever does not is closed."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        await world.set_codes(1, 4)
        wire.say({"t": "sub", "topic": "door/1"})
        await wire.next()
        for _ in range(3):
            ping = await wire.next()
            assert (ping["t"], ping["at"]) == ("ping", {"door/1": 4})
            wire.say({"t": "pong"})
        started = trio.current_time()
        assert (await wire.next())["t"] == "ping"
        assert await wire.wait_over() == 4508
        assert 32 <= trio.current_time() - started < 37


async def test_passing_things_come_without_a_version(autojump_clock: MockClock) -> None:
    """A slow listener gets only the newest of each name."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1"})
        await wire.next()
        world.hub.say((PROJECT, "door/1"), "viewers", {"now": 1})
        eph = {"t": "eph", "topic": "door/1", "name": "viewers", "data": {"now": 1}}
        assert await wire.next() == eph
        wire.stall()
        await world.set_code("a")
        await wait_all_tasks_blocked()
        for count in range(2, 50):
            world.hub.say((PROJECT, "door/1"), "viewers", {"now": count})
            world.hub.say((PROJECT, "door/1"), "health", count)
        wire.flow()
        await wire.next()
        assert [(await wire.next())["data"] for _ in range(2)] == [{"now": 49}, 49]


async def test_what_piled_up_leaves_as_one_frame(autojump_clock: MockClock) -> None:
    """At most 100 items or 64 kB; a single one is no array."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1"})
        await wire.next()
        wire.stall()
        await world.set_codes(1, 250)
        before = len(wire.texts)
        wire.flow()
        versions = [(await wire.next())["version"] for _ in range(250)]
        assert versions == list(range(1, 251))
        sent = wire.texts[before:]
        assert [text[0] for text in sent] == ["{", "[", "[", "["]
        await world.set_codes(1, 3, "2")
        wire.say({"t": "sub", "topic": "door/2", "at": {"epoch": "memory.0", "version": 0}})
        wire.stall()
        for number in range(12):
            await world.set_code("x" * 10_000 + str(number))
        wire.flow()
        for _ in range(16):
            await wire.next()
        assert max(map(len, wire.texts)) <= 64 * 1024


async def test_a_fact_that_cannot_be_shown_ends_only_its_topic(autojump_clock: MockClock) -> None:
    """The commit goes on, its caller is answered, and the listener is told."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1"})
        await wire.next()
        kind = world.directory.kinds["door"]
        object.__setattr__(kind, "present_events", lambda _events: 1 / 0)
        try:
            assert (await world.set_code("a")).version == 1
            assert await wire.next() == {"t": "unsubd", "topic": "door/1", "code": "cannot_show"}
        finally:
            object.__setattr__(kind, "present_events", toy.SPARSE_DOOR.present_events)
        await wait_all_tasks_blocked()
        assert not world.hub.has_listeners((PROJECT, "door/1"))


async def test_the_house_takes_only_so_many(autojump_clock: MockClock) -> None:
    """Beyond the limit, and while draining, upgrades are 503 with a hint."""
    async with (
        open_world(limits=Limits(sockets_max=1)) as world,
        world.socket(DOOR_KEY),
        world.socket() as wire,
    ):
        await wire.wait_over()
        assert wire.status == 503
        assert b'"full"' in wire.body


async def test_other_paths_are_no_sockets(autojump_clock: MockClock) -> None:
    """404 before accepting, whatever key is shown."""
    async with open_world() as world, trio.open_nursery() as nursery:
        wire = Wire()
        key = {"authorization": f"Bearer {DOOR_KEY}"}
        nursery.start_soon(wire.serve, world.house, upgrade_scope(key, path="/v1/other"))
        await wire.wait_over()
        assert wire.status == 404


async def test_draining_says_goodbye_to_everybody(autojump_clock: MockClock) -> None:
    """`bye` with a hint when to come back, spread over three seconds, then 1012."""
    async with open_world() as world:
        async with trio.open_nursery() as nursery:
            codes: list[int | None] = []
            byes: list[tuple[float, Any]] = []

            async def listen() -> None:
                async with world.socket(DOOR_KEY) as wire:
                    bye = await wire.next()
                    byes.append((trio.current_time(), bye))
                    codes.append(await wire.wait_over())

            for _ in range(20):
                nursery.start_soon(listen)
            await wait_all_tasks_blocked()
            started = trio.current_time()
            world.house.is_draining = True
            await world.live.drain()
            assert trio.current_time() - started < 4
        assert codes == [1012] * 20
        assert all(bye["t"] == "bye" and bye["code"] == 1012 for _, bye in byes)
        assert max(at for at, _ in byes) - min(at for at, _ in byes) > 2
        assert world.live.statistics()["closed_1012"] == 20


async def test_everything_is_forgotten_when_a_socket_goes(autojump_clock: MockClock) -> None:
    """No subscription and no connection outlives its socket."""
    async with open_world() as world:
        async with world.socket(DOOR_KEY) as wire:
            wire.say({"t": "sub", "topic": "door/1"}, {"t": "sub", "topic": "door/2"})
            await wire.next_of("subd")
        assert world.hub.statistics()["subscriptions"] == 0
        assert world.live.statistics() == {
            "connections": 0,
            "waiting": 0,
            "opened": 1,
            "closed_1000": 1,
        }
