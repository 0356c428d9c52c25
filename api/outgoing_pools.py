"""The connections of our own calls, made when somebody is called for the first time.

Whom to trust is slow to read, and most daemons call nobody: so a start does without it, and the
first call has it read in a thread. There are two pools: a connection to a private address is not
there for calls that may not have it (DESIGN 2, "Effects").
"""

from __future__ import annotations

import ssl
from functools import cache

import httpcore
import trio

from api.addresses import Network, Resolve

KEEP_ALIVE_SECONDS = 4.0
"""Of an idle connection: shorter than the five seconds after which common servers hang up."""


@cache
def usual_trust() -> ssl.SSLContext:
    """Whom the system believes; once a process."""
    return httpcore.default_ssl_context()


class OutgoingPools:
    """Two pools of at most `connections_max` connections each.

    `trust` checks certificates, None for `usual_trust`; `resolve` gives the addresses of a name.
    """

    def __init__(
        self, connections_max: int, trust: ssl.SSLContext | None, resolve: Resolve
    ) -> None:
        self._connections_max = connections_max
        self._trust = trust
        self._resolve = resolve
        self._reading = trio.Lock()
        self._pools: dict[bool, httpcore.AsyncConnectionPool] = {}

    async def pool(self, *, private: bool) -> httpcore.AsyncConnectionPool:
        """The pool of calls that may, or may not, go to `private` addresses."""
        found = self._pools.get(private)
        if found is None:
            trust = await self._read_trust()
            found = self._pools.get(private) or self._made(private, trust)
        return found

    async def _read_trust(self) -> ssl.SSLContext:
        async with self._reading:  # the first of those who come together reads it for all
            if self._trust is None:
                self._trust = await trio.to_thread.run_sync(usual_trust, abandon_on_cancel=True)
        return self._trust

    def _made(self, private: bool, trust: ssl.SSLContext) -> httpcore.AsyncConnectionPool:
        pool = self._pools[private] = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=self._connections_max,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=Network(self._resolve, private=private),
        )
        return pool

    async def aclose(self) -> None:
        """Hang up everywhere."""
        for pool in self._pools.values():
            await pool.aclose()
