"""Listeners that cost next to nothing: raw sockets that count what they hear.

They shake hands as a WebSocket, subscribe, and from then on look only at frame headers and count
how often `"t":"ev"` stands in what came; nothing is decoded. So a few processes can hear more than
any server here can say.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterable

ADMIN_KEY = "bench-admin-key"
PROJECT_FILE = f'project = "bench"\nadmin_keys = ["{ADMIN_KEY}"]\n'
SECONDS_MAX = 60.0
MARK = b'"t":"ev"'
"""Stands once in every event, however many share a frame."""
READ_BYTES = 262_144


def masked(text: bytes) -> bytes:
    """A client's text frame; masked with zeros, which change nothing."""
    size = len(text)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + text


def upgrade(port: int, key: str, path: str = "/v1/live") -> tuple[socket.socket, bytes]:
    """A live socket of whoever holds that key, and what it has said already."""
    one = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    one.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {'x' * 22}==\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    )
    got = _read_until(one, b"\r\n\r\n")
    if not got.startswith(b"HTTP/1.1 101"):
        raise RuntimeError(f"no upgrade: {got[:80]!r}")
    return one, got


def connect(port: int, topic: str, path: str = "/v1/live") -> socket.socket:
    """A socket that listens to a topic: it has read everything up to the topic's `subd`."""
    one, got = upgrade(port, ADMIN_KEY, path)
    one.sendall(masked(b'{"t":"sub","id":1,"mode":"events","topic":"%s"}' % topic.encode()))
    if b'"t":"subd"' not in got:
        _read_until(one, b'"t":"subd"')
    return one


def _read_until(one: socket.socket, mark: bytes) -> bytes:
    got = b""
    while mark not in got:
        more = one.recv(READ_BYTES)
        if not more:
            raise RuntimeError(f"the server closed: {got[:200]!r}")
        got += more
    return got


class Crowd:
    """Some sockets, heard by this process."""

    def __init__(self, sockets: Iterable[socket.socket]) -> None:
        self._selector = selectors.DefaultSelector()
        self.heard: dict[socket.socket, int] = {}
        self._tails: dict[socket.socket, bytes] = {}
        for one in sockets:
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)
            self.heard[one] = 0
            self._tails[one] = b""

    def hear(self, events: int) -> int:
        """Listen until each socket has heard that many more; when the last came (monotonic ns)."""
        goal = {one: heard + events for one, heard in self.heard.items()}
        left = len(goal)
        end = time.monotonic() + SECONDS_MAX
        while left:
            if time.monotonic() > end:
                raise RuntimeError(f"{left} sockets did not hear everything")
            for key, _ in self._selector.select(1.0):
                one: socket.socket = key.fileobj  # type: ignore[assignment]
                left -= self._read(one, goal[one])
        return time.monotonic_ns()

    def _read(self, one: socket.socket, goal: int) -> bool:
        """Count what came; True when this brought the socket to its goal."""
        data = one.recv(READ_BYTES)
        if not data:
            raise RuntimeError("the server closed a listener")
        before = self.heard[one]
        joined = self._tails[one] + data
        self.heard[one] = before + joined.count(MARK)
        self._tails[one] = joined[1 - len(MARK) :]
        return before < goal <= self.heard[one]

    def close(self) -> None:
        """Leave."""
        for one in self.heard:
            one.close()
        self._selector.close()
