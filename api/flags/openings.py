"""One opening of a visitor at a time.

Whether a visitor is new decides who may open it, so what was new when it was judged must be new
when it is done. Rule: spec flags 10.5.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from engine.messages import Address


class Openings:
    """One opening of a visitor at a time: what was new when it was judged is new when it is done.

    Plain look-ups; a lock lives only while somebody holds it.
    """

    def __init__(self) -> None:
        self._locks: dict[Address, trio.Lock] = {}

    @asynccontextmanager
    async def alone(self, address: Address) -> AsyncIterator[None]:
        """Wait for the openings of that visitor that came before."""
        lock = self._locks.setdefault(address, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._locks.pop(address, None)

    def statistics(self) -> dict[str, float]:
        """Visitors being opened."""
        return {"under_way": len(self._locks)}
