"""Connections on loopback, with a small app behind them: how they end, and what they survive."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import quart
import trio
from quart_trio import QuartTrio

from api.config import Settings
from api.connections import Server
from api.observer import Log
from api.sockets import Doorway, Patience

BIG = 64 * 1024 * 1024


class Kept:
    """A sink that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Keep one."""
        self.lines.append(line)


def quart_app() -> QuartTrio:
    """An app like ours: answers, a large answer, an echoing socket, one that breaks."""
    app = QuartTrio("little")

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "you"}

    @app.get("/big")
    async def big() -> bytes:
        return b"x" * BIG

    @app.get("/stream")
    async def stream() -> quart.Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"first"
            await trio.sleep_forever()

        response = quart.Response(chunks())
        response.timeout = None
        return response

    @app.websocket("/echo")
    async def echo() -> None:
        await quart.websocket.send(await quart.websocket.receive())

    return app


class Running:
    """A server under test."""

    def __init__(self, server: Server, doorway: Doorway, patience: Patience, sink: Kept) -> None:
        self.server = server
        self.patience = patience
        self.sink = sink
        self.port = int(doorway.addresses[0].rpartition(":")[2])

    async def connect(self) -> trio.SocketStream:
        """A plain connection."""
        return await trio.open_tcp_stream("127.0.0.1", self.port)


@asynccontextmanager
async def running(app: Any, patience: Patience | None = None) -> AsyncIterator[Running]:
    """Serve `app` on a free port; at the end everything is let go."""
    patience, sink = patience or Patience(), Kept()
    doorway = Doorway(Settings(listen=("127.0.0.1:0",)), patience)
    server = Server(app, doorway.listeners(), Log(sink))
    async with trio.open_nursery() as nursery:
        under_test = Running(server, doorway, patience, sink)
        await nursery.start(server.run)
        try:
            yield under_test
        finally:
            with trio.CancelScope(shield=True):
                server.stop_accepting()
                await server.let_go(0.2)


async def read_all(stream: trio.SocketStream) -> bytes:
    """Everything until the server closes."""
    found = b""
    with trio.fail_after(5):
        async for chunk in stream:
            found += chunk
    return found


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /hello HTTP/1.0\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
    ],
)
async def test_a_connection_that_should_close_closes(request_line: bytes) -> None:
    """HTTP/1.0 and `Connection: close` get their whole answer and then the end of the stream."""
    async with running(quart_app()) as under_test, await under_test.connect() as stream:
        await stream.send_all(request_line)
        answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b'{"hello":"you"}\n')


async def test_head_and_body_leave_in_one_write() -> None:
    """A small answer costs one write, and the connection takes the next request."""
    async with running(quart_app()) as under_test, await under_test.connect() as stream:
        for _ in range(2):
            await stream.send_all(b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n")
            first = bytes(await stream.receive_some())
            assert first.endswith(b'{"hello":"you"}\n')
            assert b"server:" not in first.lower()


async def test_an_answer_to_head_comes_without_its_body() -> None:
    """A held head is sent even where no body follows."""
    async with running(quart_app()) as under_test, await under_test.connect() as stream:
        await stream.send_all(b"HEAD /hello HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"\r\n\r\n")


async def test_compression_is_not_offered_back() -> None:
    """A socket that asks for per-message deflate is accepted without it."""
    async with running(quart_app()) as under_test, await under_test.connect() as stream:
        await stream.send_all(
            b"GET /echo HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        answer = bytes(await stream.receive_some())
        await stream.send_all(b"\x81\x82\x00\x00\x00\x00hi")
        answer += await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 101")
        assert b"extensions" not in answer.lower()
        assert b"\x81\x02hi" in answer


async def test_http2_is_left_to_proxies() -> None:
    """Neither prior knowledge nor an upgrade to HTTP/2 changes the protocol."""
    async with running(quart_app()) as under_test, await under_test.connect() as stream:
        await stream.send_all(
            b"GET /hello HTTP/1.1\r\nHost: here\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        )
        assert bytes(await stream.receive_some()).startswith(b"HTTP/1.1 200")


async def test_a_peer_that_never_reads_is_cut_off() -> None:
    """A write that makes no end is given up; the connection is reset and counted, others go on."""
    async with running(quart_app(), Patience(0.05)) as under_test:
        async with await under_test.connect() as stuck:
            await stuck.send_all(b"GET /big HTTP/1.1\r\nHost: here\r\n\r\n")
            await until(lambda: under_test.patience.statistics()["cut"] == 1)
            await until(lambda: under_test.patience.statistics()["open"] == 0)
        async with await under_test.connect() as stream:
            await stream.send_all(b"GET /hello HTTP/1.0\r\n\r\n")
            assert b"hello" in await read_all(stream)


@pytest.mark.parametrize(("path", "times"), [(b"/big", 1), (b"/big", 2), (b"/stream", 1)])
async def test_a_peer_that_leaves_in_the_middle_is_forgotten(path: bytes, times: int) -> None:
    """Nothing of a connection stays when its peer goes away during an answer."""
    async with running(quart_app()) as under_test:
        async with await under_test.connect() as stream:
            once = b"GET " + path + b" HTTP/1.1\r\nHost: here\r\n\r\n"
            await stream.send_all(once * times)
            await stream.receive_some(1_000)
        await until(lambda: under_test.patience.statistics()["open"] == 0)
        assert under_test.sink.lines == []


async def test_an_idle_peer_that_leaves_is_forgotten() -> None:
    """A kept-alive connection that its peer closes leaves nothing behind."""
    async with running(quart_app()) as under_test:
        async with await under_test.connect() as stream:
            await stream.send_all(b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n")
            await stream.receive_some()
        await until(lambda: under_test.patience.statistics()["open"] == 0)


async def test_requests_in_a_row_are_answered_in_a_row() -> None:
    """Pipelined requests are all answered on their one connection."""
    async with running(quart_app()) as under_test, await under_test.connect() as stream:
        once = b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n"
        await stream.send_all(once * 4 + b"GET /hello HTTP/1.0\r\n\r\n")
        assert (await read_all(stream)).count(b'{"hello":"you"}') == 5


async def test_draining_shortens_a_write_under_way() -> None:
    """A peer stuck in a long-limited write does not hold up the end."""
    patience = Patience(1_000.0)
    async with running(quart_app(), patience) as under_test, await under_test.connect() as stuck:
        await stuck.send_all(b"GET /big HTTP/1.1\r\nHost: here\r\n\r\n")
        await stuck.receive_some(1_000)
        patience.shorten(0.05)
        under_test.server.stop_accepting()
        with trio.fail_after(3):
            await under_test.server.let_go(1.0)
        assert patience.statistics()["cut"] == 1


async def test_nonsense_ends_one_connection_and_leaves_no_traceback() -> None:
    """Bytes that are no HTTP get 400 and the end; the server answers the next caller."""
    async with running(quart_app()) as under_test:
        async with await under_test.connect() as stream:
            await stream.send_all(b"\x16\x03\x01 nonsense\r\n\r\n")
            assert b" 400 " in await read_all(stream)
        async with await under_test.connect() as stream:
            await stream.send_all(b"GET /hello HTTP/1.0\r\n\r\n")
            assert b"hello" in await read_all(stream)
        assert under_test.sink.lines == []


async def test_an_app_that_breaks_takes_nobody_with_it() -> None:
    """An error that reaches the server ends that connection with 500; others are answered."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan" and scope["path"] == "/break":
            raise RuntimeError("broken")
        await quart_app()(scope, receive, send)

    async with running(app) as under_test:
        async with await under_test.connect() as stream:
            await stream.send_all(b"GET /break HTTP/1.0\r\n\r\n")
            assert b" 500 " in await read_all(stream)
        async with await under_test.connect() as stream:
            await stream.send_all(b"GET /hello HTTP/1.0\r\n\r\n")
            assert b"hello" in await read_all(stream)


async def test_idle_connections_are_closed_when_let_go() -> None:
    """A kept-alive connection without a request ends at once, not after its idle time."""
    async with running(quart_app()) as under_test, await under_test.connect() as stream:
        await stream.send_all(b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n")
        await stream.receive_some()
        under_test.server.stop_accepting()
        with trio.fail_after(3):
            await under_test.server.let_go(60.0)
        assert await read_all(stream) == b""


async def until(holds: Callable[[], bool]) -> None:
    """Wait, a little at a time, until something holds."""
    with trio.fail_after(5):
        while not holds():  # noqa: ASYNC110 - it is somebody else's counter
            await trio.sleep(0.005)


def test_a_taken_port_is_said_in_one_line() -> None:
    """A port in use stops the start with a sentence that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"cannot listen on 127.0.0.1:{port}"):
            Doorway(Settings(listen=(f"127.0.0.1:{port}",)), Patience())


async def test_a_unix_socket_is_served_and_taken_away(tmp_path: Any) -> None:
    """`unix:PATH` answers, replaces a dead socket of the same name, and leaves nothing behind."""
    path = tmp_path / "door"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    doorway = Doorway(Settings(listen=(f"unix:{path}",)), Patience())
    server = Server(quart_app(), doorway.listeners(), Log(Kept()))
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_all(b"GET /hello HTTP/1.0\r\n\r\n")
            assert b"hello" in await read_all(stream)
        server.stop_accepting()
        await server.let_go(0.5)
    doorway.close()
    assert not path.exists()
