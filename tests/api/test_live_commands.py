"""Commands over the socket: in order, once, and answered after the commit."""

from __future__ import annotations

import trio
from live_world import DOOR_KEY, VISITOR_TOKEN, open_world
from trio.testing import MockClock


def cmd(id_: int, code: str, door: str = "1", key: str | None = None) -> dict[str, object]:
    """Set a code."""
    frame: dict[str, object] = {
        "t": "cmd", "id": id_, "topic": f"door/{door}", "name": "setCode", "data": {"code": code},
    }  # fmt: skip
    return frame if key is None else {**frame, "key": key}


async def test_an_accepted_command_shows_the_actor(autojump_clock: MockClock) -> None:
    """`res.data` is what HTTP answers to the same command."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say(cmd(1, "x"))
        res = await wire.next()
        assert (res["t"], res["id"], res["ok"], res["version"]) == ("res", 1, True, 1)
        assert res["data"]["kind"] == "door"
        assert res["data"]["id"] == "1"
        assert res["data"]["phase"] == "locked"
        assert res["data"]["state"]["code"] == "x"
        assert "open" in res["data"]["permitted"]
        assert "jam" not in res["data"]["permitted"]


async def test_answers_keep_the_order_of_a_topic(autojump_clock: MockClock) -> None:
    """However many are under way; topics do not wait for each other."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        world.store.faults.delay_seconds = 0.01
        wire.say(*[cmd(n, f"code {n}", str(n % 3)) for n in range(60)])
        answers = [await wire.next() for _ in range(60)]
        assert all(answer["ok"] for answer in answers)
        for door in range(3):
            ids = [answer["id"] for answer in answers if answer["data"]["id"] == str(door)]
            assert ids == list(range(door, 60, 3))


async def test_refusals_say_why_and_never_close(autojump_clock: MockClock) -> None:
    """Each with a problem: by the table, unknown, misshapen, not theirs, not public."""
    async with open_world() as world, world.socket(VISITOR_TOKEN) as wire:
        mine = {"t": "cmd", "topic": "door/mine"}
        for frame, status, code in (
            ({**mine, "name": "shut"}, 409, "refused"),
            ({**mine, "name": "open", "data": {"code": "wrong"}}, 409, "refused"),
            ({**mine, "name": "dance"}, 404, "unknown_command"),
            ({**mine, "name": "jam"}, 404, "unknown_command"),
            ({**mine, "name": "open"}, 400, "bad_request"),
            ({**mine, "name": "open", "data": []}, 400, "bad_request"),
            ({**mine, "name": "break"}, 500, "actor_failed"),
            ({"t": "cmd", "topic": "door/other", "name": "shut"}, 403, "forbidden"),
            ({"t": "cmd", "topic": "window/1", "name": "shut"}, 404, "unknown_topic"),
            ({"t": "cmd", "topic": "door", "name": "shut"}, 404, "unknown_topic"),
            ({"t": "cmd", "topic": "door/", "name": "shut"}, 400, "bad_address"),
        ):
            wire.say({**frame, "id": 9})
            res = await wire.next()
            assert (res["t"], res["id"], res["ok"]) == ("res", 9, False)
            assert (res["problem"]["status"], res["problem"]["code"]) == (status, code), frame
        wire.say({**mine, "name": "shut"})
        assert "open" in (await wire.next())["problem"]["permitted"]


async def test_a_command_with_a_key_is_done_once(autojump_clock: MockClock) -> None:
    """The same key answers the same, also from another socket; another command is 422."""
    async with open_world() as world:
        async with world.socket(DOOR_KEY) as wire:
            wire.say(cmd(1, "x", key="k"))
            first = await wire.next()
        async with world.socket(DOOR_KEY) as wire:
            wire.say(cmd(2, "x", key="k"))
            again = await wire.next()
            assert (again["version"], again["data"]) == (first["version"], first["data"])
            wire.say(cmd(3, "y", key="k"))
            assert (await wire.next())["problem"]["status"] == 422


async def test_a_result_and_its_event_both_come(autojump_clock: MockClock) -> None:
    """Never before the commit; in either order."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        wire.say({"t": "sub", "topic": "door/1"})
        await wire.next()
        world.store.faults.delay_seconds = 2.0
        started = trio.current_time()
        wire.say(cmd(1, "x"))
        frames = [await wire.next(), await wire.next()]
        assert {frame["t"] for frame in frames} == {"ev", "res"}
        assert trio.current_time() - started >= 2


async def test_only_so_many_commands_are_under_way(autojump_clock: MockClock) -> None:
    """The 65th is refused; the reader goes on reading all the while."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        world.store.faults.delay_seconds = 0.01
        wire.say(*[cmd(n, f"code {n}") for n in range(65)], {"t": "sub", "topic": "door/2"})
        refused = await wire.next_of("res")
        assert (refused["id"], refused["problem"]["code"]) == (64, "too_many_commands")
        await wire.next_of("subd")
        for n in range(64):
            assert (await wire.next_of("res"))["id"] == n


async def test_a_draining_house_takes_no_commands(autojump_clock: MockClock) -> None:
    """503: the socket will be closed anyway."""
    async with open_world() as world, world.socket(DOOR_KEY) as wire:
        world.house.is_draining = True
        wire.say(cmd(1, "x"))
        assert (await wire.next())["problem"]["status"] == 503
