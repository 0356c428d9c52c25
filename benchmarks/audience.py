"""An audience: a few processes full of listeners, told over pipes when to listen."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from benchmarks.listeners import Crowd, connect


class Audience:
    """Sockets in several processes, all on one topic."""

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes

    def listen(self, events: int) -> None:
        """From now on everybody waits for that many events."""
        for pipe in self._pipes:
            pipe.send(events)
        for pipe in self._pipes:
            pipe.recv()

    def last_heard(self) -> int:
        """When the last socket had heard everything (monotonic ns)."""
        return max(int(pipe.recv()) for pipe in self._pipes)


@contextmanager
def audience(
    port: int, sockets: int, topic: str, path: str = "/v1/live", processes: int = 2
) -> Iterator[Audience]:
    """Connected listeners, gone afterwards."""
    context = multiprocessing.get_context("spawn")
    pipes, members = [], []
    for number in range(processes):
        ours, theirs = context.Pipe()
        share = sockets // processes + (number < sockets % processes)
        work = (theirs, port, share, topic, path)
        member = context.Process(target=_member, args=work, daemon=True)
        member.start()
        pipes.append(ours)
        members.append(member)
    try:
        for pipe in pipes:
            pipe.recv()
        yield Audience(pipes)
    finally:
        for pipe in pipes:
            pipe.send(0)
        for member in members:
            member.join()


def _member(pipe: Connection, port: int, sockets: int, topic: str, path: str) -> None:
    crowd = Crowd(connect(port, topic, path) for _ in range(sockets))
    pipe.send("connected")
    while events := pipe.recv():
        pipe.send("listening")
        pipe.send(crowd.hear(events))
    crowd.close()
