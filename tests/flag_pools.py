"""A door whose outbox works, and what waits in it: for tests of tracking and caching.

Not a test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from flag_door import COLOURS, Door, file, open_door
from flag_others import Others, got, live_of, order, put_others

from actors.flags.visitor_tracking import HITS
from actors.flags.visitor_words import SendHits
from engine.ports import Delivery

PAGE = {"type": "PAGEVIEW", "documentLocation": "page"}
OK = got({}, 204)


@asynccontextmanager
async def tracked(
    folder: Path, answer: Any = OK, **settings: Any
) -> AsyncIterator[tuple[Door, Others]]:
    """A door whose outbox works; everybody outside gives that answer."""
    async with open_door(folder, bucketing=file(COLOURS), **settings) as door:
        others = put_others(door, answer)
        assert await live_of(door), "who commands a visitor has looked its environment up"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(door.house.shelves["outbox"].run)
            yield door, others
            nursery.cancel_scope.cancel()


async def flushed(door: Door) -> bool:
    """Have the pools of `env_1` sent."""
    return await door.shelf.tracking.flush(await live_of(door))


async def pool(door: Door, name: str = HITS) -> tuple[Delivery, ...]:
    """What waits in a pool of `env_1`."""
    return tuple(await door.house.store.order("demo", name, "env_1", 1_000))


async def send(door: Door, *pages: str, handle: str = "v") -> None:
    """Send a PAGEVIEW for each."""
    hits = tuple({**PAGE, "documentLocation": page} for page in pages)
    await order(door, SendHits(hits=hits), handle)
