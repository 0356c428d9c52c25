"""A small house behind the real server, on a free port of loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from live_world import World, open_world

from api.app import build
from api.config import Settings
from api.connections import Server
from api.live.door import LIVE_ROUTES
from api.sockets import Doorway, Patience
from engine.limits import Limits


@asynccontextmanager
async def served(
    limits: Limits | None = None, patience: Patience | None = None, **settings: Any
) -> AsyncIterator[tuple[World, str]]:
    """A house, and HOST:PORT."""
    doorway = Doorway(Settings(listen=("127.0.0.1:0",), **settings), patience or Patience())
    async with open_world(limits=limits) as world, trio.open_nursery() as nursery:
        app = build(world.house, LIVE_ROUTES)
        server = Server(app, doorway.listeners(), world.house.log)
        await nursery.start(server.run)
        yield world, doorway.addresses[0].rpartition("/")[2]
        nursery.cancel_scope.cancel()
    doorway.close()


def live_url(host: str) -> str:
    """The socket's address."""
    return f"ws://{host}/v1/live"


async def cut_all(world: World) -> None:
    """End every connection, as a restart would."""
    for connection in list(world.live.connections):
        connection.close(1012)
    await world.live.wait_until_empty()
