"""A proxy that knows one word, CONNECT: named hosts lead to ports of this machine.

A client that heeds `HTTPS_PROXY` asks it for `HOST:443` and then speaks TLS through the tunnel,
with the Host header and the certificate of the real name. Whatever is not on its list is refused,
so nothing leaves this machine. For tests only: it has no limits but one on the head it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import trio

HEAD_BYTES_MAX = 8_192
CHUNK_BYTES = 65_536
GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
TUNNEL = b"HTTP/1.1 200 Connection Established\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
NOT_OURS = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
UNREACHED = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class ConnectProxy:
    """`ports` has the loopback port by `HOST:PORT` as clients ask for it, in lower case.

    `asked` has every `HOST:PORT` that was asked for, in order, refused ones too.
    """

    def __init__(self, ports: Mapping[str, int]) -> None:
        self._ports = ports
        self.asked: list[str] = []
        self.port = 0

    @property
    def url(self) -> str:
        """Its address, once it is started."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve on a free port of loopback until cancelled."""
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listeners[0].socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._serve_one, listeners)

    async def _serve_one(self, client: trio.SocketStream) -> None:
        async with client:
            with suppress(*GONE):  # either end may leave when it likes
                await self._answer(client)

    async def _answer(self, client: trio.SocketStream) -> None:
        head, early = await _head(client)
        word, _, rest = head.decode("latin-1").partition(" ")
        target = rest.partition(" ")[0].lower()
        if word != "CONNECT":
            await client.send_all(NOT_OURS)
            return
        self.asked.append(target)
        if target not in self._ports:
            await client.send_all(REFUSED)
            return
        try:
            server = await trio.open_tcp_stream("127.0.0.1", self._ports[target])
        except OSError:
            await client.send_all(UNREACHED)
            return
        async with server:
            await client.send_all(TUNNEL)
            await server.send_all(early)
            async with trio.open_nursery() as both:
                both.start_soon(_carry, client, server, both.cancel_scope)
                both.start_soon(_carry, server, client, both.cancel_scope)


async def _head(client: trio.SocketStream) -> tuple[bytes, bytes]:
    """The request's head, and what came behind it; raises if the client leaves before its end."""
    read = b""
    while b"\r\n\r\n" not in read:
        more = await client.receive_some(CHUNK_BYTES)
        if not more or len(read) > HEAD_BYTES_MAX:
            raise trio.BrokenResourceError("no end of the head")
        read += more
    head, _, early = read.partition(b"\r\n\r\n")
    return head, early


async def _carry(
    source: trio.SocketStream, target: trio.SocketStream, both: trio.CancelScope
) -> None:
    """Bytes of one direction until its end, which is passed on too; a break ends both."""
    try:
        while data := await source.receive_some(CHUNK_BYTES):
            await target.send_all(data)
        await target.send_eof()
    except GONE:
        both.cancel()
