"""Places for calls to others: so many in all, and so many of them for one origin.

Who waits for an origin whose places are taken holds no place of the others, so an origin that
hangs takes what is its own and no more. Turns come in the order in which callers asked. An origin
is known here only while somebody calls it or waits for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio


class Places:
    """At most `most` at once, `origin_most` of them for one origin; the others wait."""

    def __init__(self, most: int, origin_most: int) -> None:
        self._all = trio.CapacityLimiter(most)
        self._origin_most = origin_most
        self._origins: dict[str, _Origin] = {}

    @asynccontextmanager
    async def one(self, origin: str) -> AsyncIterator[None]:
        """Wait for a place and have it. Who is cancelled meanwhile leaves nothing behind."""
        known = self._origins.setdefault(origin, _Origin(self._origin_most))
        known.callers += 1
        try:
            async with known.places, self._all:
                yield
        finally:
            known.callers -= 1
            if not known.callers:
                del self._origins[origin]

    @property
    def origins(self) -> int:
        """How many of them somebody calls or waits for."""
        return len(self._origins)


class _Origin:
    """The places of one origin, and how many have or want one."""

    def __init__(self, most: int) -> None:
        self.places = trio.CapacityLimiter(most)
        self.callers = 0
