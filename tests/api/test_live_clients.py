"""Real clients on a real socket: the Python one, and peers that misbehave."""

from __future__ import annotations

import gc
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from certificates import self_signed
from live_server import cut_all, live_url, served
from live_world import DOOR_KEY, PROJECT
from trio.testing import wait_all_tasks_blocked

from api.client import LiveClosed, Refused, open_live
from api.client.stream import open_stream
from api.sockets import Patience
from engine.limits import Limits

pytestmark = pytest.mark.slow


async def test_the_python_client_resumes_where_it_was() -> None:
    """Cut off three times while facts are made: every version once, and the folded state."""
    with trio.fail_after(20):
        async with served() as (world, host), open_live(live_url(host), key=DOOR_KEY) as live:
            async with live.subscribe("door/1") as door:
                first = await anext(door)
                assert (first.kind, first.version, first.state) == ("snapshot", 0, None)
                for round_ in range(3):
                    await world.set_codes(round_ * 10 + 1, round_ * 10 + 5)
                    for version in range(round_ * 10 + 1, round_ * 10 + 6):
                        update = await anext(door)
                        assert (update.kind, update.version) == ("event", version)
                        assert update.state["code"] == f"code {version}"
                    await cut_all(world)
                    await world.set_codes(round_ * 10 + 6, round_ * 10 + 10)
                    update = await anext(door)
                    assert (update.kind, update.version) == ("snapshot", round_ * 10 + 10)
                    assert update.state["code"] == f"code {round_ * 10 + 10}"
            assert live.connections == 4


async def test_the_python_client_replays_events_it_missed() -> None:
    """Without patches a gap is told fact by fact."""
    with trio.fail_after(20):
        async with served() as (world, host), open_live(live_url(host), key=DOOR_KEY) as live:
            door = live.subscribe("door/1", delta=False)
            await anext(door)
            await world.set_codes(1, 3)
            assert [(await anext(door)).version for _ in range(3)] == [1, 2, 3]
            await cut_all(world)
            await world.set_codes(4, 300)
            heard = [await anext(door) for _ in range(297)]
            assert [update.version for update in heard] == list(range(4, 301))
            assert heard[-1].data == {"code": "code 300"}


async def test_a_command_is_carried_out_once_across_a_cut() -> None:
    """A command without an answer is sent again under its key."""
    with trio.fail_after(20):
        async with served() as (world, host), open_live(live_url(host), key=DOOR_KEY) as live:
            shown = await live.command("door/1", "setCode", {"code": "x"})
            assert shown["state"]["code"] == "x"
            world.store.faults.delay_seconds = 0.3
            answers: list[dict[str, Any]] = []

            async def order() -> None:
                answers.append(await live.command("door/1", "chime", {"inMs": 99_000}))

            async with trio.open_nursery() as nursery:
                nursery.start_soon(order)
                await wait_all_tasks_blocked(0.05)
                await cut_all(world)
            assert answers[0]["version"] == 2
            assert (await world.directory.peek(world.address("1"))).version == 2
            with pytest.raises(Refused, match="permitted"):
                await live.command("door/1", "shut")


async def test_the_python_client_knows_when_it_is_not_wanted() -> None:
    """A wrong key and a revoked one are final; a refused topic ends only that topic."""
    with trio.fail_after(20):
        async with served() as (world, host):
            url = f"ws://{host}/v1/live"
            async with open_live(url, key="nonsense") as live:
                with pytest.raises(LiveClosed) as closed:
                    await anext(live.subscribe("door/1"))
                assert closed.value.code == 401
            async with open_live(url, key=DOOR_KEY) as live:
                with pytest.raises(Refused, match="topic"):
                    await anext(live.subscribe("window/1"))
                door = live.subscribe("door/1")
                await anext(door)
                principal = world.credentials.identify(DOOR_KEY)
                assert principal is not None
                await world.revoke(principal.hash)
                with pytest.raises(LiveClosed) as closed:
                    await anext(door)
                assert closed.value.code == 4401


@pytest.mark.parametrize("secured", [False, True], ids=["ws", "wss"])
async def test_the_python_client_closes_what_it_opened(secured: bool, tmp_path: Path) -> None:
    """Also when the server closes first: nothing is left to the garbage collector."""
    certificate, key = self_signed(tmp_path)
    tls = {"tls_cert": str(certificate), "tls_key": str(key)} if secured else {}
    trust = ssl.create_default_context(cafile=str(certificate))
    with trio.fail_after(20), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        async with served(**tls) as (world, host):
            url = live_url(host).replace("ws", "wss" if secured else "ws")
            async with open_live(url, key=DOOR_KEY, trust=trust) as live:
                door = live.subscribe("door/1")
                for version in range(1, 4):
                    await anext(door)
                    await cut_all(world)
                    await world.set_code(f"code {version}")
                assert (await anext(door)).version == 3
                assert live.connections == 4
        gc.collect()
    assert not [str(one.message) for one in caught if one.category is ResourceWarning]


async def test_a_certificate_that_is_not_trusted_is_final(tmp_path: Path) -> None:
    """The client says so and does not come back; a server without TLS may get it later."""
    certificate, key = self_signed(tmp_path)
    with trio.fail_after(20):
        async with (
            served(tls_cert=str(certificate), tls_key=str(key)) as (_, host),
            open_live(f"wss://{host}/v1/live", key=DOOR_KEY) as live,
        ):
            with pytest.raises(LiveClosed, match="not trusted") as closed:
                await anext(live.subscribe("door/1"))
            assert closed.value.code == 1015
        async with served() as (_, host):
            with pytest.raises(OSError, match="TLS"):
                await open_stream(f"wss://{host}/v1/live", None)


async def test_a_stranger_listens_with_the_python_client() -> None:
    """Without a key, to what the project shows everybody."""
    with trio.fail_after(20):
        async with served() as (world, host):
            await world.declare_live(public=True)
            async with open_live(f"ws://{host}/v1/live", project=PROJECT) as live:
                door = live.subscribe("door/public", mode="latest")
                await anext(door)
                await world.set_code("a", "public")
                assert (await anext(door)).state["code"] == "a"


async def send_for_ever(stream: trio.abc.SendStream, data: bytes) -> None:
    """Never listen, never stop."""
    while True:
        await stream.send_all(data)


@asynccontextmanager
async def plain_stream(host: str) -> AsyncIterator[trio.SocketStream]:
    """Bytes to the server and back."""
    name, _, port = host.rpartition(":")
    stream = await trio.open_tcp_stream(name, int(port))
    try:
        yield stream
    finally:
        await trio.aclose_forcefully(stream)


async def read_until(stream: trio.SocketStream, mark: bytes) -> bytes:
    """Everything up to and including `mark`, and perhaps more."""
    read = b""
    while mark not in read:
        more = await stream.receive_some()
        assert more, read
        read += more
    return read


UPGRADE = (
    "GET /v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
    f"Authorization: Bearer {DOOR_KEY}\r\n\r\n"
).encode()


async def test_somebody_who_floods_and_never_listens_is_let_go() -> None:
    """Closed with 4529, and no connection is left behind although it goes on sending."""
    with trio.fail_after(20):
        async with served() as (world, host), plain_stream(host) as stream:
            await stream.send_all(UPGRADE)
            await read_until(stream, b"welcome")
            pong = b'{"t":"pong"}'
            frame = bytes([0x81, 0x80 | len(pong), 0, 0, 0, 0]) + pong
            with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
                await send_for_ever(stream, frame * 200)
            await world.live.wait_until_empty()
            assert world.live.statistics()["closed_4529"] == 1


async def test_somebody_who_stops_reading_is_dropped() -> None:
    """Although its connection is full and cannot even be told; others are served meanwhile."""
    limits = Limits(listener_stuck_seconds_max=0.5, listener_bytes_max=200_000)
    with trio.fail_after(30):
        async with served(limits, Patience(1.0)) as (world, host), plain_stream(host) as stuck:
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            await stuck.send_all(UPGRADE)
            await read_until(stuck, b"welcome")
            said = b'{"t":"sub","topic":"door/1"}'
            await stuck.send_all(bytes([0x81, 0x80 | len(said), 0, 0, 0, 0]) + said)
            await world.hub.wait_for_listeners((PROJECT, "door/1"))
            async with open_live(live_url(host), key=DOOR_KEY) as live:
                door = live.subscribe("door/1", mode="events")
                await anext(door)
                for number in range(400):
                    await world.set_code(f"{number}" + "x" * 60_000)
                    assert (await anext(door)).version == number + 1
            await world.live.wait_until_empty()
            assert world.live.statistics()["closed_4509"] == 1


@pytest.mark.parametrize(("size", "code"), [(100_000, 4413), (3_000_000, 1009)])
async def test_frames_that_are_too_big_close_the_socket(size: int, code: int) -> None:
    """4413 between 64 kB and 2 MiB, 1009 above."""
    with trio.fail_after(20):
        async with served() as (_, host), plain_stream(host) as stream:
            await stream.send_all(UPGRADE)
            await read_until(stream, b"welcome")
            head = bytes([0x81, 0x80 | 127]) + size.to_bytes(8, "big") + bytes(4)
            await stream.send_all(head + b"x" * size)
            close = await read_until(stream, code.to_bytes(2, "big"))
            assert b"\x88\x02" + code.to_bytes(2, "big") in close


async def test_tickets_over_the_network() -> None:
    """A ticket bought with a key opens a socket."""
    with trio.fail_after(20):
        async with served() as (_, host), httpx.AsyncClient() as client:
            headers = {"Authorization": f"Bearer {DOOR_KEY}"}
            answer = await client.post(f"http://{host}/v1/tickets", headers=headers)
            assert answer.status_code == 201
            async with open_live(live_url(host), key=answer.json()["ticket"]) as live:
                assert (await anext(live.subscribe("door/1"))).kind == "snapshot"


async def test_an_event_stream_over_the_network() -> None:
    """Frames come as they happen; leaving ends the subscription."""
    with trio.fail_after(20):
        async with served() as (world, host):
            async with plain_stream(host) as stream:
                await stream.send_all(
                    b"GET /v1/live/sse?topic=door/1 HTTP/1.1\r\nHost: x\r\n"
                    b"Authorization: Bearer " + DOOR_KEY.encode() + b"\r\n\r\n"
                )
                head = await read_until(stream, b'"subd"')
                assert b"content-type: text/event-stream" in head.lower()
                assert b"id: memory.0:0\ndata: " in head
                await world.set_code("a")
                assert b"id: memory.0:1\ndata: " in await read_until(stream, b'"ev"')
            await world.live.wait_until_empty()
            assert world.hub.statistics()["subscriptions"] == 0
