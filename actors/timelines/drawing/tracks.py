"""Tracks: ways that run side by side, each stretch on the first track where it meets no other."""

from __future__ import annotations

from bisect import bisect_left

TRACKS_MAX = 48
"""More lines than this side by side nobody follows; further ones share tracks."""


class Tracks:
    """Parallel tracks, numbered from 0, and the stretches that are taken on each."""

    __slots__ = ("_taken", "is_shared")

    def __init__(self) -> None:
        self._taken: list[list[tuple[int, int]]] = []
        self.is_shared = False

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, low: int, high: int) -> int:
        """Take a stretch with both its ends; the number of the track."""
        for number, taken in enumerate(self._taken):
            at = bisect_left(taken, (low, low))
            is_free = at == len(taken) or taken[at][0] > high
            if is_free and (at == 0 or taken[at - 1][1] < low):
                taken.insert(at, (low, high))
                return number
        if len(self._taken) < TRACKS_MAX:
            self._taken.append([(low, high)])
            return len(self._taken) - 1
        self.is_shared = True
        return (low + high) % TRACKS_MAX
