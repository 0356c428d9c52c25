"""The socket's relatives: event streams and CloudEvents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
import trio
from live_world import DOOR_KEY, PROJECT, VISITOR_TOKEN, World, open_world
from trio.testing import MockClock

from api.http import Call, Problem
from api.live.door import LIVE_ROUTES, create_ticket, listen
from engine.limits import Limits

# --- event streams


class Reader:
    """Reads a stream chunk by chunk."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.text = ""

    async def event(self) -> tuple[str, Any]:
        """The next event: its id and frame, or the comment."""
        while "\n\n" not in self.text:
            self.text += (await anext(self.stream)).decode()
        block, _, self.text = self.text.partition("\n\n")
        if block.startswith(":"):
            return "comment", None
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        return lines.get("id", ""), msgspec.json.decode(lines["data"])


def get(world: World, query: list[tuple[str, str]], headers: Mapping[str, str]) -> Call:
    """A request for a stream."""
    scope = {
        "method": "GET",
        "path": "/v1/live/sse",
        "query_string": urlencode(query).encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return Call(world.house, LIVE_ROUTES[1], scope, b"")


@asynccontextmanager
async def stream(
    world: World, *topics: str, key: str = DOOR_KEY, more: Mapping[str, str] | None = None,
    mode: str = "snapshot",
) -> AsyncIterator[Reader]:  # fmt: skip
    """An open stream, left at the end of the block."""
    query = [*[("topic", topic) for topic in topics], ("mode", mode)]
    call = get(world, query, {"authorization": f"Bearer {key}", **(more or {})})
    answer = await listen(call)
    assert answer.content_type.startswith("text/event-stream")
    yield Reader(answer.stream)
    await answer.stream.aclose()  # type: ignore[union-attr]


async def test_a_stream_gives_positions_that_resume_it(autojump_clock: MockClock) -> None:
    """`id` is where all topics stand; `Last-Event-ID` brings exactly what was missed."""
    async with open_world() as world:
        await world.set_codes(1, 2, "a")
        async with stream(world, "door/a", "door/b") as reader:
            assert [await reader.event() for _ in range(2)] == [
                ("memory.0:2,", await_subd("door/a", 2, "code 2")),
                ("memory.0:2,memory.0:0", await_subd("door/b", 0, None)),
            ]
            await world.set_code("x", "b")
            last, frame = await reader.event()
            assert (last, frame["version"]) == ("memory.0:2,memory.0:1", 1)
        await world.set_codes(3, 4, "a")
        async with stream(world, "door/a", "door/b", more={"last-event-id": last}) as reader:
            heard = [(await reader.event()) for _ in range(4)]
            assert [(f["t"], f["topic"], f["version"]) for _, f in heard] == [
                ("subd", "door/a", 2),
                ("ev", "door/a", 3),
                ("ev", "door/a", 4),
                ("subd", "door/b", 1),
            ]
            assert heard[-1][0] == "memory.0:4,memory.0:1"
            assert all(f["recovered"] for _, f in heard if f["t"] == "subd")


def await_subd(topic: str, version: int, code: str | None) -> dict[str, Any]:
    """What a fresh subscription is told."""
    state = None
    if code is not None:
        state = {
            "phase": "locked", "code": code, "opened": 0, "wrong": 0, "sign": "",
            "chimeAtMs": None,
        }  # fmt: skip
    return {
        "t": "subd",
        "topic": topic,
        "epoch": "memory.0",
        "version": version,
        "recovered": False,
        "state": state,
    }


async def test_a_quiet_stream_comments_every_25_seconds(autojump_clock: MockClock) -> None:
    """So that proxies and readers know it lives."""
    async with open_world() as world, stream(world, "door/a") as reader:
        await reader.event()
        for _ in range(3):
            started = trio.current_time()
            assert (await reader.event())[0] == "comment"
            assert 24 <= trio.current_time() - started <= 27


async def test_a_slow_stream_is_made_good_too(autojump_clock: MockClock) -> None:
    """What was not pulled in time follows from the store."""
    limits = Limits(listener_frames_max=50)
    async with open_world(limits=limits) as world, stream(world, "door/a") as reader:
        await reader.event()
        await world.set_codes(1, 200, "a")
        frames: list[Any] = []
        while not frames or frames[-1].get("version") != 200:
            frames.append((await reader.event())[1])
        assert frames[0]["t"] == "lag"
        assert [f["version"] for f in frames[1:]] == list(range(1, 201))


async def test_a_stream_that_nobody_pulls_is_forgotten(autojump_clock: MockClock) -> None:
    """Even if its reader went without a word."""
    async with open_world() as world:
        query = [("topic", "door/a")]
        answer = await listen(get(world, query, {"authorization": f"Bearer {DOOR_KEY}"}))
        assert answer.stream is not None
        await anext(answer.stream)
        await trio.sleep(15)
        assert world.live.statistics()["connections"] == 0
        assert world.hub.statistics()["subscriptions"] == 0


async def test_a_stream_says_goodbye(autojump_clock: MockClock) -> None:
    """`bye` when the daemon drains, and the stream ends."""
    async with open_world() as world, stream(world, "door/a") as reader:
        await reader.event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.live.drain)
            _, bye = await reader.event()
            assert (bye["t"], bye["code"]) == ("bye", 1012)
            with pytest.raises(StopAsyncIteration):
                await reader.event()


async def test_who_may_open_a_stream(autojump_clock: MockClock) -> None:
    """Like the socket: 401, 403, 404, 400 before the stream begins, and nothing left behind."""
    async with open_world() as world:
        bearer = {"authorization": f"Bearer {VISITOR_TOKEN}"}
        for query, headers, status in (
            ([("topic", "door/a")], {}, 401),
            ([("topic", "door/a")], {"authorization": "Bearer nonsense"}, 401),
            ([("topic", "door/a")], {"authorization": "Basic nonsense"}, 401),
            ([("topic", "door/mine"), ("topic", "door/a")], bearer, 403),
            ([("topic", "window/a")], bearer, 404),
            ([], bearer, 400),
            ([("topic", "door/mine"), ("mode", "loud")], bearer, 400),
            ([("topic", "door/mine")], {**bearer, "origin": "https://evil.example"}, 403),
            ([("topic", "door/public"), ("project", PROJECT)], {}, 401),
        ):
            with pytest.raises(Problem) as caught:
                await listen(get(world, query, headers))
            assert caught.value.status == status
        assert world.hub.statistics()["subscriptions"] == 0
        await world.declare_live(public=True, origins=("https://good.example",))
        query = [("topic", "door/public"), ("project", PROJECT)]
        with pytest.raises(Problem):
            await listen(get(world, query, {"origin": "https://evil.example"}))
        answer = await listen(get(world, query, {"origin": "https://good.example"}))
        assert ("Access-Control-Allow-Origin", "https://good.example") in answer.headers
        await answer.stream.aclose()  # type: ignore[union-attr]


async def test_tickets_come_from_a_key(autojump_clock: MockClock) -> None:
    """201, not to be cached, and good for a stream as well."""
    async with open_world() as world:
        call = get(world, [], {})
        call.principal = world.credentials.identify(DOOR_KEY)
        answer = await create_ticket(call)
        shown = msgspec.json.decode(answer.body)
        assert (answer.status, shown["expires_in"]) == (201, 30)
        assert ("Cache-Control", "no-store") in answer.headers
        async with stream(world, "door/a", key=shown["ticket"]) as reader:
            assert (await reader.event())[1]["t"] == "subd"


# --- CloudEvents


async def test_cloud_events_come_one_per_frame(autojump_clock: MockClock) -> None:
    """Pure consumers name topics in the address and get facts as events of their actors."""
    async with (
        open_world() as world,
        world.socket(DOOR_KEY, subprotocols=("cloudevents.json",), query="topic=door%2Fa") as wire,
    ):
        assert (await wire.next())["type"] == "callboard.live.subd"
        wire.stall()
        await world.set_codes(1, 3, "a")
        wire.flow()
        events = [await wire.next() for _ in range(3)]
        assert all(text.startswith("{") for text in wire.texts)
        assert events[1] == {
            "specversion": "1.0",
            "type": "callboard.door.CodeSet",
            "source": "/v1/actors/door/a",
            "id": "memory.0:2",
            "time": events[1]["time"],
            "subject": "door/a",
            "datacontenttype": "application/json",
            "data": {"code": "code 2"},
        }
        wire.say({"t": "cmd", "topic": "door/a", "name": "shut", "id": 1})
        refused = await wire.next()
        assert refused["data"]["problem"]["code"] == "events_only"
        await trio.sleep(70)
        assert wire.code is None
