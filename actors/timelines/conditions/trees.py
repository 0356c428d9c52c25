"""Trees of conditions: every part, or some part.

A tree holds or not, and finds the first instant at which it will be so or otherwise. Each leaf
knows its next flip. Where all parts must be so, the search leaps to the latest that a part asks
for, until none asks for more; where one is enough, the earliest counts. So no instant between
flips is tried, and no flip of a part that does not matter. Rules: spec timelines 5.4, 5.5, 5.12.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from actors.timelines.conditions.leaves import Search, World


class Node(Protocol):
    """A part of a compiled condition: a leaf, or several parts together."""

    def holds(self, world: World) -> bool:
        """Whether it passes now."""

    def first(self, search: Search, start: int, until: int, want: bool, /) -> int | None:
        """The first instant from `start` to `until` at which its truth is `want`."""

    def failing(self, world: World) -> Iterator[str]:
        """The leaves that do not pass, in words."""


@dataclass(frozen=True, slots=True)
class Every:
    """All parts together; without any it holds."""

    parts: tuple[Node, ...]

    def holds(self, world: World) -> bool:
        """Whether all parts pass now."""
        for part in self.parts:  # noqa: SIM110 - a generator takes twice the time
            if not part.holds(world):
                return False
        return True

    def first(self, search: Search, start: int, until: int, want: bool) -> int | None:
        """When all are true, or the first is false."""
        together = _first_of_all if want else _first_of_any
        return together(self.parts, search, start, until, want)

    def failing(self, world: World) -> Iterator[str]:
        """What each part that does not pass says."""
        for part in self.parts:
            yield from part.failing(world)


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part; without any it does not hold."""

    parts: tuple[Node, ...]

    def holds(self, world: World) -> bool:
        """Whether a part passes now."""
        for part in self.parts:  # noqa: SIM110 - a generator takes twice the time
            if part.holds(world):
                return True
        return False

    def first(self, search: Search, start: int, until: int, want: bool) -> int | None:
        """When the first is true, or all are false."""
        together = _first_of_any if want else _first_of_all
        return together(self.parts, search, start, until, want)

    def failing(self, world: World) -> Iterator[str]:
        """What all parts say, if none passes."""
        if not self.holds(world):
            for part in self.parts:
                yield from part.failing(world)


def _first_of_all(
    parts: tuple[Node, ...], search: Search, start: int, until: int, want: bool
) -> int | None:
    """The first instant at which all parts are so: leap to the latest until none asks for more."""
    at, settled = start, False
    while not settled:
        settled = True
        for part in parts:
            search.look()
            found = part.first(search, at, until, want)
            if found is None:
                return None
            if found > at:
                at, settled = found, False
    return at


def _first_of_any(
    parts: tuple[Node, ...], search: Search, start: int, until: int, want: bool
) -> int | None:
    """The first instant at which some part is so; later ones than the best are not looked for."""
    best = None
    for part in parts:
        search.look()
        found = part.first(search, start, until, want)
        if found == start:
            return start
        if found is not None:
            best, until = found, found - 1
    return best
