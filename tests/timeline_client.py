"""Python clients of the timelines' door, and the ways by which they reach a real house.

Not a test. `Overheard` is a transport into the house's ASGI app: what a client sends is overheard,
and an answer may be lost after the house has done what was asked. `serving` gives a house behind a
socket of loopback, for the live topic.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio
from timeline_door import SECRET, Door, open_door

from api.client import Fictioneers
from api.config import Settings
from api.connections import Server
from api.live.door import live_door
from api.sockets import Doorway, Patience

SECONDS_MAX = 10


class Overheard(httpx.AsyncBaseTransport):
    """Sends what it is given into the house's app, and remembers it; it loses the next answers."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.requests: list[httpx.Request] = []
        self.loses: list[Exception] = []
        self._inner = httpx.ASGITransport(app=door.admin.app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request; if an answer is to be lost, that error in its place."""
        self.requests.append(request)
        answer = await self._inner.handle_async_request(request)
        if self.loses:
            raise self.loses.pop()
        return answer

    def __call__(self, **given: Any) -> Fictioneers:
        """A client of alice that sends here; with the secret key, unless said otherwise."""
        if not {"api_key", "access_token"} & set(given):
            given["api_key"] = SECRET
        return Fictioneers(**{"user_id": "alice-1", "transport": self, **given})

    @property
    def asked(self) -> list[tuple[str, str]]:
        """Method and raw path of every request."""
        return [(each.method, each.url.raw_path.decode()) for each in self.requests]

    def said(self, header: str) -> list[str | None]:
        """That header of every request."""
        return [each.headers.get(header) for each in self.requests]


class Served:
    """The house at a port of loopback."""

    def __init__(self, door: Door, host: str) -> None:
        self.door = door
        self.endpoint = f"http://{host}/timelines/v1"

    def client(self, **given: Any) -> Fictioneers:
        """A client of alice that comes here; with the secret key, unless said otherwise."""
        if not {"api_key", "access_token"} & set(given):
            given["api_key"] = SECRET
        return Fictioneers(**{"user_id": "alice-1", "endpoint": self.endpoint, **given})

    def cut_all(self, code: int) -> None:
        """End every live connection with that code."""
        for connection in list(live_door(self.door.house).connections):
            connection.close(code)


@asynccontextmanager
async def serving(folder: Path, **settings: Any) -> AsyncIterator[Served]:
    """A house behind a socket."""
    doorway = Doorway(Settings(listen=("127.0.0.1:0",)), Patience())
    async with open_door(folder, **settings) as door, trio.open_nursery() as nursery:
        server = Server(door.admin.app, doorway.listeners(), door.house.log)
        nursery.start_soon(live_door(door.house).run)
        await nursery.start(server.run)
        with trio.fail_after(SECONDS_MAX):
            yield Served(door, doorway.addresses[0].rpartition("/")[2])
        nursery.cancel_scope.cancel()
    doorway.close()


async def end_tokens(door: Door) -> None:
    """All that were minted by the visible key end, and it may mint others."""
    await door.declare(visible_keys=[])
    await door.declare()
