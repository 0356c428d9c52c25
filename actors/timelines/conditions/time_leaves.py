"""Leaves of conditions that the clock changes: a time, time since something, a time of each day.

Each knows its truth at any instant and the next instant at which that flips, so that alarms and
answers can say when without trying. A user whose times are disabled passes all of them, where they
stand and under `not`. What has not happened yet makes a leaf false, and its negation true.
Rules: spec timelines 5.8, 5.12.6, 5.12.7, 8.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from actors.timelines import times
from actors.timelines.conditions.leaves import Search, World, failing
from actors.timelines.daily import Daily
from actors.timelines.document import Condition
from actors.timelines.times import NEVER, Zone

Instant = Callable[[World], int | None]
"""Something that has an instant in ms, or none yet."""
Bounds = tuple[int, int]
"""From the first until before the second, in ms; NEVER and -NEVER where there is no bound."""

DAILY_LOOKS = 10  # what it takes to find a window, in looks at a variable


class Timed(ABC):
    """What leaves about time share. `at` is the truth as the leaf stands, `not` included.

    `form` is the condition as it was authored.
    """

    __slots__ = ()
    words: str
    wanted: bool
    form: Condition

    @abstractmethod
    def at(self, world: World, ms: int) -> bool:
        """Whether the leaf passes at that instant, all else as it is now."""

    @abstractmethod
    def flip_after(self, world: World, ms: int) -> int | None:
        """The first instant after `ms` at which its truth changes, or None."""

    def holds(self, world: World) -> bool:
        """Whether the leaf passes now."""
        return world.times_disabled or self.at(world, world.now_ms)

    def first(self, search: Search, start: int, until: int, want: bool) -> int | None:
        """The first instant from `start` to `until` at which the leaf is what is wanted."""
        if self.at(search.world, start) is want:
            return start
        flip = self.flip_after(search.world, start)
        return flip if flip is not None and flip <= until else None

    def failing(self, world: World) -> Iterator[str]:
        """What does not pass, in words."""
        return failing(self.holds(world), self.words, self.wanted)


@dataclass(frozen=True, slots=True)
class During(Timed):
    """Inside a time from one instant until before another; no bounds yet: outside."""

    bounds: Callable[[World], Bounds | None]
    words: str
    wanted: bool
    form: Condition

    def at(self, world: World, ms: int) -> bool:
        """Whether the leaf passes at that instant, all else as it is now."""
        bounds = self.bounds(world)
        inside = bounds is not None and bounds[0] <= ms < bounds[1]
        return inside is self.wanted

    def flip_after(self, world: World, ms: int) -> int | None:
        """The bound that comes next after `ms`, if there is one."""
        start, end = self.bounds(world) or (0, 0)
        if start >= end:
            return None
        if ms < start:
            return start
        return end if ms < end < NEVER else None

    def last_flip(self, world: World) -> int | None:
        """The instant after which nothing changes any more."""
        start, end = self.bounds(world) or (0, 0)
        if start >= end:
            return None
        return end if end < NEVER else start


@dataclass(frozen=True, slots=True)
class EachDay(Timed):
    """Inside a daily window of the user's zone."""

    daily: Daily
    words: str
    wanted: bool
    form: Condition

    def first(self, search: Search, start: int, until: int, want: bool) -> int | None:
        """The same as of others, and it takes longer."""
        search.look(DAILY_LOOKS)
        return Timed.first(self, search, start, until, want)

    def at(self, world: World, ms: int) -> bool:
        """Whether the leaf passes at that instant."""
        return self.daily.contains(ms, world.zone) is self.wanted

    def flip_after(self, world: World, ms: int) -> int | None:
        """The next opening or closing, if there is one within a year."""
        return self.daily.next_flip(ms, world.zone)


# --- instants


def literal(text: str) -> Instant:
    """An ISO time; one without a zone is that of the user's, found once for each zone."""
    read = times.read_instant(text)
    if isinstance(read, int):
        return lambda _world: read
    known: dict[Zone, int] = {}

    def instant(world: World) -> int:
        zone = world.zone
        if zone not in known:
            known[zone] = times.to_ms(read, zone)
        return known[zone]

    return instant


def variable(name: str) -> Instant:
    """The value of a datetime variable, or None while it is unset."""

    def instant(world: World) -> int | None:
        text = world.value(name)
        return times.to_ms(times.read_instant(text), world.zone) if text else None

    return instant


def event_since(event: str, state: str) -> Instant:
    """When the event came into that state the last time."""
    return lambda world: world.since(event, state)


def beat_entered(beat: str) -> Instant:
    """When the beat was entered."""
    return lambda world: world.entered(beat)


def user_created(world: World) -> int | None:
    """When the user was created."""
    return world.created_ms


# --- bounds


def between(after: Instant | None, before: Instant | None) -> Callable[[World], Bounds | None]:
    """True at `after`, false at `before`; without one, that side is open."""

    def bounds(world: World) -> Bounds | None:
        start = after(world) if after else -NEVER
        end = before(world) if before else NEVER
        return None if start is None or end is None else (start, end)

    return bounds


def elapsed(
    since: Instant, at_least_ms: int | None, at_most_ms: int | None
) -> Callable[[World], Bounds | None]:
    """Time that has passed since an instant; both bounds are inclusive, to the millisecond."""

    def bounds(world: World) -> Bounds | None:
        origin = since(world)
        if origin is None:
            return None
        end = NEVER if at_most_ms is None else origin + at_most_ms + 1
        return (origin if at_least_ms is None else origin + at_least_ms), end

    return bounds
