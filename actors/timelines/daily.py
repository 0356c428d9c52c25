"""Daily windows: from one time of day to another, on some days of the week.

A window starts on a day of the user's calendar and may end on the next. Both ends are instants, by
the same rule as any time without a zone, so that a day on which the clocks jump has one window as
well; a window that falls into a gap does not happen. It is open at its start and closed at its end.

The clock moves on and users share zones: the span in which nothing changes is remembered by zone.
Rules: spec timelines 5.8, 5.12.7, 5.12.8, 5.12.12.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from actors.timelines.times import DAY_MS, MINUTE_MS, NEVER, BadTime, Naive, Zone, read_clock, to_ms

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAYS_LOOKED_AT_MAX = 366
"""A window that does not open or close within a year never will."""

_DAY_MINUTES = 1_440
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday
_YEARS_KNOWN = range(-719_000 * DAY_MS, 2_932_500 * DAY_MS)  # the years 1 to 9998, about


class Span(NamedTuple):
    """A time in which nothing changes: from `start` until before `end`, in ms."""

    start: int
    end: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class Daily:
    """A window `[from, to)` of each named day, in minutes since midnight.

    `from_` after `to` crosses midnight; equal ends make a window that is never open. `days` are
    numbers from 0 (Monday) to 6: the days on which a window starts.
    """

    from_: int
    to: int
    days: frozenset[int] = frozenset(range(7))
    _spans: dict[Zone, Span] = field(default_factory=dict, repr=False, compare=False)

    def contains(self, ms: int, zone: Zone) -> bool:
        """Whether a window is open at that instant, for somebody in that zone; never raises."""
        return self._span(ms, zone).is_open

    def next_flip(self, ms: int, zone: Zone) -> int | None:
        """The first instant after `ms` at which a window opens or closes, in ms.

        None: not within 366 days. Windows that touch are one.
        """
        end = self._span(ms, zone).end
        return None if end >= NEVER else end

    def _span(self, ms: int, zone: Zone) -> Span:
        known = self._spans.get(zone)
        if known is None or not known.start <= ms < known.end:
            known = self._spans[zone] = self._look(ms, zone)
        return known

    def _look(self, ms: int, zone: Zone) -> Span:
        if ms not in _YEARS_KNOWN:
            return Span(ms, NEVER, False)
        wall = zone.wall_ms(ms)
        yesterday = wall // DAY_MS - 1
        for day in range(yesterday, yesterday + DAYS_LOOKED_AT_MAX):
            if not self._starts_on(day) or self._wall_end(day) <= wall:
                continue  # a wall that shows its end or more has passed it, at the first time
            start, end = self._start(day, zone), self._end(day, zone)
            if start <= ms < end:
                return Span(start, self._closing(day, end, zone), True)
            if ms < start < end:
                return Span(ms, start, False)
        return Span(ms, NEVER, False)

    def _closing(self, day: int, end: int, zone: Zone) -> int:
        """When the window of that day closes, seen together with those that touch it."""
        for later in range(day + 1, day + DAYS_LOOKED_AT_MAX):
            if self._start(later, zone) > end:
                return end
            if self._starts_on(later):
                end = max(end, self._end(later, zone))
        return NEVER

    def _starts_on(self, day: int) -> bool:
        return (day + _FIRST_WEEKDAY) % 7 in self.days

    def _wall_end(self, day: int) -> int:
        return (day + (self.to < self.from_)) * DAY_MS + self.to * MINUTE_MS

    def _start(self, day: int, zone: Zone) -> int:
        return to_ms(Naive((day * DAY_MS + self.from_ * MINUTE_MS) * 1_000), zone)

    def _end(self, day: int, zone: Zone) -> int:
        return to_ms(Naive(self._wall_end(day) * 1_000), zone)


def read_daily(from_: str, to: str, days: Iterable[str] | None = None) -> Daily:
    """A window from `HH:MM` to `HH:MM` (`to` may be `24:00`); `BadTime` if a part is none.

    `days` are names from `mon` to `sun`; without any (None, or none in it) every day counts.
    """
    named = tuple(days or DAYS)
    if not set(named) <= set(DAYS):
        raise BadTime("days are mon, tue, wed, thu, fri, sat and sun")
    start = read_clock(from_)
    if start == _DAY_MINUTES:
        raise BadTime("a window starts before 24:00")
    return Daily(start, read_clock(to), frozenset(map(DAYS.index, named)))
