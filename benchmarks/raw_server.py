"""The least that trio can do: finished bytes to many sockets, one task a socket, `send_all`.

It shakes hands without looking and knows one frame, given in a file. `POST /say/1` has every
listener's task send it, and answers when they were told to. Run as
`python -m benchmarks.raw_server PORT FRAME_FILE`.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

import trio

from api.memory import settle_collector

UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n"
    b'\x81\x0c{"t":"subd"}'
)


class House:
    """Everybody waits for the same event."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.said = trio.Event()

    async def serve(self, stream: trio.SocketStream) -> None:
        """One socket, listening or telling us to say something."""
        head = await stream.receive_some()
        if head.startswith(b"GET /live"):
            stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            await stream.send_all(UPGRADE)
            await self._listen(stream)
        elif head.startswith(b"POST /say"):
            body = b'{"told_ns":%d}' % time.monotonic_ns()
            said, self.said = self.said, trio.Event()
            said.set()
            await self._answer(stream, body)
        else:
            await self._answer(stream, b"{}")

    async def _listen(self, stream: trio.SocketStream) -> None:
        try:
            while True:
                await self.said.wait()
                await stream.send_all(self.frame)
        except trio.BrokenResourceError:
            await stream.aclose()

    @staticmethod
    async def _answer(stream: trio.SocketStream, body: bytes) -> None:
        head = b"HTTP/1.1 200\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        await stream.send_all(head + body)
        await stream.aclose()


def main() -> None:
    """Serve until terminated."""
    house = House(Path(sys.argv[2]).read_bytes())
    settle_collector()
    serve = partial(trio.serve_tcp, host="127.0.0.1", backlog=2_048)
    trio.run(partial(serve, house.serve, int(sys.argv[1])))


if __name__ == "__main__":
    main()
