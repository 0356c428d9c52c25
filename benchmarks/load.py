"""Load that is not the bottleneck: prebuilt requests over raw sockets that keep their connection.

One process, one selector. Each connection sends a request, waits for its whole answer, checks the
status and that the body says what it should, and sends the next one: always as many requests under
way as there are connections.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

READ_BYTES = 262_144
WARM_SECONDS = 0.3
"""Load before the clock starts."""
SECONDS_MAX = 30.0
END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as bytes, and what the body of its answer must hold."""

    request: bytes
    expected: bytes


class Caller:
    """One connection with one request under way."""

    def __init__(self, port: int, work: Iterator[Asked]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self._work = work
        self._asked = next(work)
        self._got = b""

    def ask(self) -> None:
        """Send the request; it fits into the socket's buffer."""
        self.socket.sendall(self._asked.request)

    def read(self) -> bool:
        """Take what came; True when the answer is whole, was right, and the next one is asked."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise RuntimeError("the server closed a connection")
        self._got = got = self._got + data if self._got else data
        head = got.find(END)
        if head < 0 or len(got) < head + len(END) + _content_length(got, head):
            return False
        if not got.startswith(b"HTTP/1.1 200") or self._asked.expected not in got:
            raise RuntimeError(f"a wrong answer to {self._asked.request[:80]!r}: {got[:400]!r}")
        self._got = b""
        self._asked = next(self._work)
        self.ask()
        return True


def _content_length(got: bytes, head: int) -> int:
    start = got.find(b"content-length: ", 0, head)
    if start < 0:
        raise RuntimeError(f"no content-length: {got[:head]!r}")
    return int(got[start + 16 : got.index(b"\r\n", start)])


def press(
    port: int, work: Sequence[Asked], connections: int, seconds: float, *, once: bool = False
) -> tuple[float, int]:
    """Requests answered in a second, and how many in all with those before the clock started.

    `once`: each request is sent at most once.
    """
    source = iter(work) if once else cycle(work)
    callers = [Caller(port, source) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            caller.ask()
        try:
            warm = _run(selector, time.perf_counter() + WARM_SECONDS)
            started = time.perf_counter()
            answered = _run(selector, started + seconds)
            rate = answered / (time.perf_counter() - started)
        finally:
            for caller in callers:
                caller.socket.close()
        return rate, warm + answered


def _run(selector: selectors.BaseSelector, until: float) -> int:
    answered = 0
    while time.perf_counter() < until:
        for key, _ in selector.select(1.0):
            answered += key.data.read()
    return answered
