"""Reading: one connection on the loop's thread, a few in worker threads, none that can write.

A hop to a thread costs a third of a decision's rate, so small point reads run where they are asked.
Pages hop. A reading function fetches all it wants and leaves no cursor open: an open one would pin
the log, and it would grow.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio

from storage.connections import connect_reader

T = TypeVar("T")

THREADS = 3
"""Reading threads: pages are short, and the interpreter runs one at a time anyway."""


class Readers:
    """The read-only connections of a store."""

    def __init__(self, path: Path, threads: int = THREADS) -> None:
        self._loop = connect_reader(path)
        self._idle = [connect_reader(path) for _ in range(threads)]
        self._limiter = trio.CapacityLimiter(threads)

    def now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a point query on this thread: a few rows by key, under a tenth of a millisecond."""
        return work(self._loop)

    async def soon(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a longer query in a thread with a connection of its own."""
        return await trio.to_thread.run_sync(self._in_thread, work, limiter=self._limiter)

    def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle.pop()  # the limiter has as many tokens as there are connections
        try:
            return work(connection)
        finally:
            self._idle.append(connection)

    def close(self) -> None:
        """Close all; nothing may be running."""
        for connection in (self._loop, *self._idle):
            connection.close()
