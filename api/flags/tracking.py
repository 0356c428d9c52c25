"""The tracking manager of the house: its pools in the outbox, and having them sent now.

Hits and activations are rows of the outbox from the commit of the command on; one pool of each for
an environment. Who empties them is in `api/flags/senders.py`, when the hit cache is called in
`api/flags/keeping.py`. Rules: spec flags 5, 10.9; FS-008, FS-074, FS-090 to FS-102.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from actors.flags.visitor_exposures import ACTIVATIONS
from actors.flags.visitor_tracking import HITS
from api.flags.caching import HitCacheOf, StoredHitCache
from api.flags.environments import Live
from api.flags.keeping import Keeping
from api.flags.senders import ActivationPool, HitPool
from engine.outbox import Outbox
from engine.pools import Order

if TYPE_CHECKING:
    from api.flags.shelf import Shelf

FLUSH_SECONDS_MAX = 30.0
"""Whoever has pools sent waits no longer; they go on being sent."""


class Tracking:
    """The pools of all environments. `cache_of` gives the hit cache of one."""

    def __init__(self, shelf: Shelf, cache_of: HitCacheOf = StoredHitCache) -> None:
        self._outbox: Outbox = shelf.house.shelves["outbox"]
        self._asked: dict[str, int] = {}
        keeping = Keeping(shelf, cache_of)
        self._activations = ActivationPool(shelf, keeping, self._asked)
        self._outbox.register(HITS, HitPool(shelf, keeping, self._asked))
        self._outbox.register(ACTIVATIONS, self._activations)

    async def flush(self, live: Live) -> bool:
        """Send what waits in the environment's pools, as the SDK's `close` does (FS-008).

        True when all that waited at the call is delivered. False when an attempt failed, or took
        longer than half a minute: then it stays in the pools and is tried again.
        """
        env = live.env
        self._asked[env] = self._asked.get(env, 0) + 1
        is_sent = False
        try:
            with trio.move_on_after(FLUSH_SECONDS_MAX):
                orders = [Order(live.project, name, env) for name in (HITS, ACTIVATIONS)]
                is_sent = all([await self._outbox.flush(order) for order in orders])
        finally:
            self._asked[env] -= 1
            if not self._asked[env]:
                del self._asked[env]
            self._activations.forget_written()
        return is_sent
