"""How often strangers may ask: a token bucket for each door, key and address.

Whoever comes without a key of the server side is limited by its address, under whatever names what
it asks for (an environment, a timeline). A bucket holds the burst and fills at the rate. Doors
share the room for buckets, not the buckets; whose bucket was forgotten starts with a full one.
Rule: engine spec 5.6.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, cast

from api.http import Problem

if TYPE_CHECKING:
    from api.house import House

NAME = "limits"
BUCKETS_MAX = 50_000
"""Of all doors: beyond that the bucket that was unused for longest is forgotten."""


class TooMany(Problem):
    """429: come back in `seconds`, which `Retry-After` says in whole ones, at least one."""

    def __init__(self, detail: str, seconds: float) -> None:
        wait = (("Retry-After", str(max(1, math.ceil(seconds)))),)
        super().__init__(429, "too_many_requests", detail, headers=wait)


class Buckets:
    """Buckets of `burst` requests that fill by `rate` a second; `seconds` is a monotonic clock."""

    def __init__(self, seconds: Callable[[], float], rate: float, burst: float) -> None:
        self._seconds = seconds
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[tuple[str, str, str], tuple[float, float]] = OrderedDict()
        self._held: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def take(self, door: str, key: str, address: str) -> None:
        """One request of a stranger at a door, for what `key` names. Raises `TooMany`."""
        place, now = (door, key, address), self._seconds()
        kept = self._buckets.pop(place, None)
        tokens, since = self._new(door, now) if kept is None else kept
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens < 1.0:
            self._buckets[place] = (tokens, now)
            self._refused[door] += 1
            raise TooMany("too many requests from this address", (1.0 - tokens) / self._rate)
        self._buckets[place] = (tokens - 1.0, now)
        if len(self._buckets) > BUCKETS_MAX:
            (oldest, *_), _ = self._buckets.popitem(last=False)
            self._held[oldest] -= 1

    def _new(self, door: str, now: float) -> tuple[float, float]:
        self._held[door] += 1
        return self._burst, now

    def statistics(self, door: str) -> dict[str, float]:
        """Of one door: buckets held, and requests refused so far."""
        return {"buckets": self._held[door], "refused": self._refused[door]}


def buckets_of(house: House) -> Buckets:
    """The house's buckets, on its shelf from the first door that asks for them."""
    buckets = house.shelves.get(NAME)
    if buckets is None:
        limits = house.settings.limits
        buckets = house.shelves[NAME] = Buckets(
            monotonic, limits.stranger_requests_per_second, limits.stranger_requests_burst
        )
    return cast("Buckets", buckets)
