"""What goes on in the background while the daemon serves.

Alarms, deliveries, the watch over actors and sockets, what each door does by itself, retention, and
giving memory back. Each is one task that ends with the daemon.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import trio

from api import memory
from api.house import House
from api.live.door import live_door
from api.systemd import ServiceManager

TIDY_SECONDS = 600.0
"""Between rounds of retention."""
TIDY_PAUSE_SECONDS = 0.05
"""Between chunks of one round, so that the writer is free for others."""


def works(house: House, manager: ServiceManager) -> Iterable[Callable[[], Awaitable[None]]]:
    """The tasks, each as a function without arguments."""
    yield house.shelves["alarms"].run
    yield house.shelves["outbox"].run
    yield house.directory.sweep
    yield live_door(house).run
    for domain in house.domains:
        if domain.work is not None:
            yield partial(domain.work, house)
    yield partial(_tidy, house)
    yield partial(
        memory.give_back,
        lambda: house.directory.statistics()["slept"],
        house.give_back,
        lambda: house.directory.statistics()["awake"] + len(live_door(house).connections),
    )
    if (seconds := manager.watchdog_seconds) is not None:
        yield partial(_stay_alive, manager, seconds)


async def _tidy(house: House) -> None:
    """Cut what is kept too long, in small pieces."""
    keeps = {kind.name: kind.keep for kind in house.directory.kinds.values()}
    while True:
        deleted = 0
        try:
            deleted = await house.store.tidy(keeps, house.clock.now_ms())
        except Exception as error:  # a full disk ends no daemon; the next round tries again
            house.log.broke("tidy", error)
        await trio.sleep(TIDY_PAUSE_SECONDS if deleted else TIDY_SECONDS)


async def _stay_alive(manager: ServiceManager, seconds: float) -> None:
    """Tell the service manager that the loop turns."""
    while True:
        manager.say("WATCHDOG=1")
        await trio.sleep(seconds)
