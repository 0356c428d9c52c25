"""Live changes of one timeline user, typed, for as long as somebody wants them.

A lost connection is made again and goes on at the last version; where the daemon cannot, it says so
by a snapshot. Sockets outlive tokens: with one that has expired the daemon lets nobody back in, so
another is minted, and the topic goes on from the same version. Rules: live spec; ledger TL-026.
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import trio

from actors.timelines.user_words import KIND as USER
from api.client.fictioneers_shapes import UserChange, UserSnapshot, shown
from api.client.fictioneers_wire import Access, Wire
from api.client.live import LiveClient
from api.client.updates import LiveClosed, Subscription

CLIENT = "fictioneers-python"
NOT_LET_IN = frozenset({401, 4401})
"""The credential is no good any more: of the upgrade, of the socket."""
NOWHERE = -1
"""The version of a subscription that has heard nothing yet."""


class Changes:
    """An async iterator over `UserSnapshot` and `UserChange`. Get it from `Fictioneers.changes`.

    The first is a snapshot, then every change in order with dense versions. It listens from the
    first `anext` until `aclose`, the end of its own block, or that of its client's.
    """

    def __init__(
        self, who: Access, wire: Wire, nursery: trio.Nursery, trust: ssl.SSLContext | None
    ) -> None:
        parts = urlsplit(who.endpoint)
        scheme = parts.scheme.replace("http", "ws", 1)
        self._url = f"{scheme}://{parts.netloc.rpartition('@')[2]}/v1/live"
        self._topic = f"{USER}/{who.user_id}"
        self._wire = wire
        self._nursery = nursery
        self._trust = trust
        self._bearer = ""
        self._live: LiveClient | None = None
        self._heard: Subscription | None = None
        self._scope: trio.CancelScope | None = None
        self._at = ("", NOWHERE)
        self._was_refused = False
        self.is_closed = False
        """Whether it hears no more."""

    async def __aenter__(self) -> Changes:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> UserSnapshot | UserChange:
        """The next one.

        Raises `FictioneersError` where no token can be minted, `Refused` where the user may not be
        heard, `LiveClosed` where the daemon does not want us back.
        """
        while not self.is_closed:
            if self._heard is None:
                self._heard = await self._listen()
            try:
                return shown(await anext(self._heard))
            except LiveClosed as closed:
                if self.is_closed:
                    break
                if closed.code not in NOT_LET_IN or not self._may_return():
                    raise
                self._at = (self._heard.epoch, self._heard.version)
                self._heard = None
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Hear no more; whoever waits for the next one is let go. May be called twice."""
        self.is_closed = True
        if self._live is not None:
            await self._live.aclose()
        if self._scope is not None:
            self._scope.cancel()

    async def _listen(self) -> Subscription:
        """Connect, and go on where the last connection ended."""
        self._bearer = await self._wire.bearer()
        if self.is_closed:  # meanwhile
            raise StopAsyncIteration
        live = self._live = LiveClient(self._url, self._bearer, "", CLIENT, self._trust)
        heard = live.subscribe(self._topic, delta=False)
        heard.epoch, heard.version = self._at
        self._scope = trio.CancelScope()
        self._nursery.start_soon(self._run, live, self._scope)
        return heard

    async def _run(self, live: LiveClient, scope: trio.CancelScope) -> None:
        with scope:
            await live.run()

    def _may_return(self) -> bool:
        """Whether another token may help: not if one was refused outright, and the next one too."""
        is_refused = self._live is not None and self._live.connections == 0
        is_second, self._was_refused = is_refused and self._was_refused, is_refused
        return not is_second and self._wire.drop(self._bearer)
