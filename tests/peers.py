"""Somebody else's server, on loopback, with all its bad habits."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio

from api.outgoing import Outgoing

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECONDS = 5.0
"""Longer than any call here takes."""
PIECE = b"x" * 65_536


class Peer:
    """Gives every request the same bytes: `answer`.

    `ends` closes after them; `endless` goes on with more for ever. An empty answer is none: it only
    listens. `requests` are heads and bodies as they came, `connections` counts those that were
    made; `met` is set by the first connection, `heard` by the first answer.
    """

    def __init__(self, answer: bytes, *, ends: bool = False, endless: bool = False) -> None:
        self.answer = answer
        self.requests: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self.met = trio.Event()
        self.heard = trio.Event()
        self._gone = trio.Event()
        self.port = 0
        self._ends = ends
        self._endless = endless

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def wait_until_gone(self) -> None:
        """Until a connection has ended; it is an error if none does."""
        with trio.fail_after(SECONDS):
            await self._gone.wait()

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One connection, to its end."""
        self.connections += 1
        self.met.set()
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with stream:
                await self._talk(stream)
        self._gone.set()

    async def _talk(self, stream: trio.abc.Stream) -> None:
        data = b""
        while piece := await stream.receive_some(65_536):
            data += piece
            head, found, body = data.partition(b"\r\n\r\n")
            if not found or len(body) < _length(head):
                continue
            self.requests.append((head, body))
            data = b""
            await stream.send_all(self.answer)
            self.heard.set()
            while self._endless:
                await stream.send_all(PIECE)
            if self._ends:
                return


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


@asynccontextmanager
async def peer(
    answer: bytes,
    *,
    ends: bool = False,
    endless: bool = False,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Peer]:
    """A peer that listens on a free port of 127.0.0.1."""
    one = Peer(answer, ends=ends, endless=endless)

    async def serve(stream: trio.SocketStream) -> None:
        if tls is None:
            await one.serve(stream)
        else:
            await one.serve(trio.SSLStream(stream, tls, server_side=True, https_compatible=True))

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        one.port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield one
        nursery.cancel_scope.cancel()


class Names:
    """A resolver that knows what it is told, and counts."""

    def __init__(self, **known: list[str]) -> None:
        self.known = known
        self.asked: list[str] = []

    async def __call__(self, host: str) -> list[str]:
        """As the system's."""
        self.asked.append(host)
        if host not in self.known:
            raise OSError("no such name")
        return self.known[host]


@asynccontextmanager
async def calling(**options: Any) -> AsyncIterator[Outgoing]:
    """An `Outgoing` that trusts nobody unless told."""
    options.setdefault("trust", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    outgoing = Outgoing(**options)
    try:
        yield outgoing
    finally:
        with trio.CancelScope(shield=True):
            await outgoing.aclose()
