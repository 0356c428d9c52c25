"""What the flags' door does by itself: it polls upstreams, and ends fetches behind an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from actors.flags.visitor import KIND as VISITOR
from api.flags.polling import Polls
from api.flags.shelf import shelf_of
from engine.hub import Told
from engine.messages import Erased

if TYPE_CHECKING:
    from api.house import House


def furnish(house: House) -> None:
    """Make the door's shelf before anybody comes: deliveries of its hits may be due already."""
    shelf_of(house)

    def hear(told: Told) -> None:
        """An erased visitor's tokens went with it: whoever holds one is sent away."""
        if isinstance(told.fact.events[0], Erased):
            house.credentials.forget(told.address.project, told.address.topic)

    house.hub.follow(VISITOR, hear)


async def leave(house: House) -> None:
    """Send what waits in the pools, as the SDK's `close` does; what is left goes later (FS-008)."""
    shelf = shelf_of(house)
    async with trio.open_nursery() as nursery:
        for live in tuple(shelf.environments.live.values()):
            nursery.start_soon(shelf.tracking.flush, live)


async def work(house: House) -> None:
    """Poll upstream files, and hold the nursery in which fetches at upstreams run."""
    shelf = shelf_of(house)
    shelf.others["polls"] = polls = Polls(house, shelf)
    async with trio.open_nursery() as nursery:
        shelf.nursery = nursery
        try:
            await polls.run()
        finally:
            shelf.nursery = None
            nursery.cancel_scope.cancel()
