"""Commands over live sockets, as fast as they are answered: raw sockets, commands made before.

One process, one selector. Each socket keeps as many commands under way as it may; for each answer
that comes the next command is sent, and those that may go at once go in one frame, as clients and
the daemon do. Nothing is decoded: answers are counted by the words that each of them holds once,
and a refused one is an error.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Iterable, Iterator
from itertools import islice

from benchmarks.listeners import READ_BYTES, masked, upgrade
from benchmarks.load import WARM_SECONDS

MARK, REFUSED, PING = b'"t":"res"', b'"ok":fal', b'"t":"pin'
"""In every answer, in every refusal, in every ping; none is longer than the first."""
PONG = b'{"t":"pong"}'


class Pipe:
    """One live socket with commands under way."""

    def __init__(self, port: int, key: str, orders: Iterator[bytes]) -> None:
        self.socket, _ = upgrade(port, key)
        self.socket.setblocking(False)
        self.under_way = 0
        self._orders = orders
        self._tail = b""

    def send(self, count: int) -> None:
        """Send so many commands more, if there are any; they fit into the socket's buffer."""
        orders = list(islice(self._orders, count))
        if orders:
            self.under_way += len(orders)
            self.socket.sendall(masked(b"[%b]" % b",".join(orders)))

    def read(self) -> int:
        """Take what came, and send as many commands as were answered; how many."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise RuntimeError("the server closed a live socket")
        joined = self._tail + data
        if REFUSED in joined:
            raise RuntimeError(f"a command was refused: {joined[-400:]!r}")
        if PING in joined:
            self.socket.sendall(masked(PONG))
        self._tail = joined[1 - len(MARK) :]
        answers = joined.count(MARK)
        self.under_way -= answers
        self.send(answers)
        return answers


class Pipes:
    """Some live sockets, fed by this process from one source."""

    def __init__(self, port: int, key: str, orders: Iterable[bytes], sockets: int) -> None:
        source = iter(orders)
        self._selector = selectors.DefaultSelector()
        self._pipes = [Pipe(port, key, source) for _ in range(sockets)]
        for pipe in self._pipes:
            self._selector.register(pipe.socket, selectors.EVENT_READ, pipe)

    def start(self, in_flight: int) -> None:
        """Put so many commands under way on each socket."""
        for pipe in self._pipes:
            pipe.send(in_flight)

    def run(self, until: float = float("inf")) -> int:
        """Go on until that time (perf_counter), or until all is answered; answers that came."""
        answered = 0
        while any(pipe.under_way for pipe in self._pipes) and time.perf_counter() < until:
            for key, _ in self._selector.select(1.0):
                answered += key.data.read()
        return answered

    def close(self) -> None:
        """Leave."""
        for pipe in self._pipes:
            pipe.socket.close()
        self._selector.close()


def pour(
    port: int, key: str, orders: list[bytes], in_flight: int, seconds: float
) -> tuple[float, int]:
    """Commands answered in a second over one socket, and how many in all with the warming up."""
    pipes = Pipes(port, key, orders, 1)
    try:
        pipes.start(in_flight)
        warm = pipes.run(time.perf_counter() + WARM_SECONDS)
        started = time.perf_counter()
        answered = pipes.run(started + seconds)
        return answered / (time.perf_counter() - started), warm + answered
    finally:
        pipes.close()


def pour_all(port: int, key: str, orders: Iterable[bytes], sockets: int, in_flight: int) -> float:
    """Send every command, over some sockets; commands answered in a second."""
    pipes = Pipes(port, key, orders, sockets)
    try:
        started = time.perf_counter()
        pipes.start(in_flight)
        return pipes.run() / (time.perf_counter() - started)
    finally:
        pipes.close()
