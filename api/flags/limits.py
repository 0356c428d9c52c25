"""Limits of the flags' door against strangers: its part of the request rates, and new rows a day.

Callers with a server-side key have neither. The buckets are the house's (`api/limits.py`); the
day's rows, UTC, are counted by environment since the start of the daemon. Rule: engine spec 5.6.
"""

from __future__ import annotations

from collections.abc import Callable

from api.limits import Buckets, TooMany

DOOR = "flags"
DAY_MS = 86_400_000


class Limits:
    """The door's requests in the house's `buckets`, and its day counters; `now_ms` is the time."""

    def __init__(self, buckets: Buckets, now_ms: Callable[[], int]) -> None:
        self._buckets = buckets
        self._now_ms = now_ms
        self._day = 0
        self._rows: dict[str, int] = {}
        self._refused = 0

    def take(self, env: str, address: str) -> None:
        """One request of a stranger; raises `TooMany`."""
        self._buckets.take(DOOR, env, address)

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
        """Buckets held, and requests refused so far, for either reason."""
        counted = self._buckets.statistics(DOOR)
        return {**counted, "refused": counted["refused"] + self._refused}
