"""Crowds that behave badly: a thousand who never read, some who vanish, and an orderly stop."""

from __future__ import annotations

import base64
import os
import resource
import signal
import socket
import struct
import time
from pathlib import Path

import msgspec
import pytest
import trio
import trio_websocket

SLOW, VANISHED, READERS, COMMANDS = 1_000, 50, 10, 300
BUFFER_BYTES = 4_096
GROWTH_MEGABYTES_MAX = 400
EXAMPLE = Path(__file__).parents[2] / "examples" / "demo.toml"
ADMIN = "demo-admin-key"


@pytest.fixture
def many_descriptors():
    """Room for two thousand sockets, here and in the daemon."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 4 * SLOW:
        pytest.skip(f"this machine allows {hard} open files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4 * SLOW), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def masked(text: bytes) -> bytes:
    """A client's text frame."""
    assert len(text) < 126
    mask = os.urandom(4)
    body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(text))
    return struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + body


def listen_and_never_read(port: int) -> socket.socket:
    """A socket that subscribes and reads nothing after the handshake."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    one.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    one.sendall(
        f"GET /v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {ADMIN}\r\n\r\n".encode()
    )
    one.settimeout(10)
    answer = one.recv(512)
    assert b" 101 " in answer, answer
    one.sendall(masked(b'{"t":"sub","id":1,"topic":"environment/demo"}'))
    return one


def megabytes(pid: int) -> float:
    """Memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def read_all(port: int, seen: list[int], heard: Heard) -> int:
    """Read until the daemon leaves; the close code."""
    headers = [(b"authorization", f"Bearer {ADMIN}".encode())]
    async with (
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
        trio.open_nursery() as nursery,
    ):
        wire = await trio_websocket.wrap_client_stream(
            nursery, stream, f"127.0.0.1:{port}", "/v1/live", extra_headers=headers
        )
        await wire.send_message('{"t":"sub","id":1,"topic":"environment/demo"}')
        try:
            while True:
                got = msgspec.json.decode(await wire.get_message())
                for frame in got if isinstance(got, list) else [got]:
                    await heed(frame, wire, seen, heard)
        except trio_websocket.ConnectionClosed as closed:
            return closed.reason.code


async def heed(frame, wire, seen: list[int], heard: Heard) -> None:
    """Note one frame."""
    if frame["t"] == "subd":
        heard.subscribed += 1
    if frame["t"] == "ev":
        seen.append(frame["version"])
    if frame["t"] == "ping":
        await wire.send_message('{"t":"pong"}')
    heard.tell()


class Heard:
    """What the readers have heard; somebody waits for it."""

    def __init__(self) -> None:
        self.subscribed = 0
        self._more = trio.Event()

    def tell(self) -> None:
        """Something came."""
        self._more.set()

    async def until(self, holds) -> None:
        """Wait until something holds, at most 20 s."""
        with trio.fail_after(20):
            while not holds():
                self._more = trio.Event()
                await self._more.wait()


@pytest.mark.slow
async def test_a_crowd_that_never_reads_slows_nobody(many_descriptors, new_daemon):
    """Commands go on, readers hear everything, memory is bounded, a stop takes under 10 s.

    Everybody who reads is told 1012; nobody waits for those who do not.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=SLOW) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        daemon = new_daemon().start_on(listener, "--apply", str(EXAMPLE))
    before = megabytes(daemon.pid)
    slow = [listen_and_never_read(daemon.port) for _ in range(SLOW)]
    for one in (listen_and_never_read(daemon.port) for _ in range(VANISHED)):
        one.close()
    seen: list[list[int]] = [[] for _ in range(READERS)]
    codes: list[int] = []
    heard = Heard()

    async def reader(place: int) -> None:
        codes.append(await read_all(daemon.port, seen[place], heard))

    try:
        async with trio.open_nursery() as nursery:
            for place in range(READERS):
                nursery.start_soon(reader, place)
            await heard.until(lambda: heard.subscribed == READERS)
            versions = await trio.to_thread.run_sync(flip, daemon)
            await heard.until(lambda: all(mine[-1:] == versions[-1:] for mine in seen))
            grown = megabytes(daemon.pid) - before
            stuck = waiting(daemon)
            started = time.monotonic()
            daemon.signal(signal.SIGTERM)
            assert await trio.to_thread.run_sync(daemon.wait) == 0
            took = time.monotonic() - started
    finally:
        for one in slow:
            one.close()
    assert all(mine == versions for mine in seen), "every reader hears every fact, in order"
    assert codes == [1012] * READERS
    assert took < 10, took
    assert stuck > SLOW * 0.9, "those who do not read are noticed"
    assert grown < GROWTH_MEGABYTES_MAX, grown


def waiting(daemon) -> float:
    """How many listeners have something waiting, by the daemon's own count."""
    with daemon.client(daemon.operator_key) as client:
        for line in client.get("/metrics").text.splitlines():
            if line.startswith("callboard_live_waiting "):
                return float(line.split()[1])
    return 0.0


def flip(daemon) -> list[int]:
    """Many commands, one after another; the versions they were acknowledged with."""
    versions = []
    with daemon.client(ADMIN, timeout=10) as client:
        for number in range(COMMANDS):
            answer = client.post("/flags/v1/demo/panic", json={"on": number % 2 == 0})
            assert answer.status_code == 200, answer.text
            shown = client.get("/v1/actors/environment/demo").json()
            versions.append(shown["version"])
    return versions
