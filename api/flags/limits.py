"""Limits against strangers: request rates per environment and address, and new rows a day.

Callers with a server-side key have neither. A bucket holds the burst and fills at the rate; buckets
that are full again are nobody's and are dropped. The day's rows are counted since the start of the
daemon. Rule: engine spec 5.6.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

from api.http import Problem

BUCKETS_MAX = 50_000
"""Addresses remembered: an address that was forgotten starts with a full bucket."""
DAY_MS = 86_400_000


class TooMany(Problem):
    """Come back in `seconds`."""

    def __init__(self, detail: str, seconds: float) -> None:
        wait = (("Retry-After", str(max(1, math.ceil(seconds)))),)
        super().__init__(429, "too_many_requests", detail, headers=wait)


class Limits:
    """Token buckets and day counters of the strangers. `seconds` is a monotonic clock."""

    def __init__(
        self,
        seconds: Callable[[], float],
        now_ms: Callable[[], int],
        rate: float,
        burst: float,
    ) -> None:
        self._seconds = seconds
        self._now_ms = now_ms
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()
        self._day = 0
        self._rows: dict[str, int] = {}
        self._refused = 0

    def take(self, env: str, address: str) -> None:
        """One request of a stranger; raises `TooMany`."""
        key, now = (env, address), self._seconds()
        tokens, since = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - since) * self._rate)
        if tokens < 1.0:
            self._buckets[key] = (tokens, now)
            self._refused += 1
            raise TooMany("too many requests from this address", (1.0 - tokens) / self._rate)
        self._buckets[key] = (tokens - 1.0, now)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)

    def count_rows(self, env: str, rows: int, rows_max: int) -> None:
        """New rows that a stranger causes today; raises `TooMany` above the environment's cap."""
        now_ms = self._now_ms()
        if now_ms // DAY_MS != self._day:
            self._day, self._rows = now_ms // DAY_MS, {}
        total = self._rows.get(env, 0) + rows
        if total > rows_max:
            self._refused += 1
            left_ms = DAY_MS - now_ms % DAY_MS
            raise TooMany("the environment's new rows of today are used up", left_ms / 1000)
        self._rows[env] = total

    def statistics(self) -> dict[str, float]:
        """Buckets held, and requests refused so far."""
        return {"buckets": len(self._buckets), "refused": self._refused}
