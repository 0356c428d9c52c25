"""Times: instants, zones and durations, as text and as numbers.

The only rule here that knows a calendar; it never asks what time it is. Everybody else counts
milliseconds since 1970 in UTC. A time without a zone is a `Naive`: it becomes an instant in the
zone of the user who is looked at. Clocks that jump forward skip times; those mean the end of the
gap. Clocks that jump back repeat times; those mean the first.

Zones come from the machine's own files, and from the package `tzdata` where it has none: whoever
keeps a machine up to date is heard. Rules: spec timelines 4, 5.8, 5.12.7, 5.12.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

DAY_MS = 86_400_000
MINUTE_MS = 60_000
DURATION_MS_MAX = 36_525 * DAY_MS
"""A hundred years: longer than any story."""
NEVER = 1 << 62
"""Later than every instant that can be written, in ms."""

_SECOND_US = 1_000_000
_DAY_US = DAY_MS * 1_000
_NONE = timedelta()
_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US = (datetime.min - _EPOCH) // _TICK
_LAST_US = (datetime.max - _EPOCH) // _TICK
_CHARACTERS_SHOWN = 40  # enough to recognise what was meant as a time
_FOREIGN = {"localtime"}  # a name that means another zone on every machine

_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DURATION = re.compile(
    r"P(?=.)(?:([0-9]{1,9})D)?"
    r"(?:T(?=.)(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,12})(?:\.([0-9]{1,3}))?S)?)?"
)
_CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})")


class BadTime(ValueError):
    """A text that is no time, duration or time of day of the accepted form."""


class UnknownZone(ValueError):
    """A name that is no time zone's."""


@dataclass(frozen=True, slots=True)
class Naive:
    """A time on the wall, in no zone yet: microseconds since 1970-01-01T00:00 of that wall."""

    wall_us: int


class Zone:
    """A time zone: its name, and where its clocks stand. One object for each name."""

    __slots__ = ("_info", "name")

    def __init__(self, name: str, info: ZoneInfo) -> None:
        """Made by `zone` only."""
        self.name = name
        self._info = info

    def __repr__(self) -> str:
        """The zone by its name."""
        return f"Zone({self.name!r})"

    def wall_ms(self, ms: int) -> int:
        """What clocks show at an instant: ms since 1970-01-01T00:00 of that wall."""
        return ms + self._offset_at(ms * 1_000) // 1_000

    def instant_us(self, wall_us: int) -> int:
        """The instant of a time on the wall, both in microseconds; never raises.

        In a gap: the instant at which the gap ends; in an overlap: the first of both.
        """
        wall = (_EPOCH + timedelta(microseconds=_clamped(wall_us))).replace(tzinfo=self._info)
        before, after = _offset(wall), _offset(wall.replace(fold=1))
        if after > before:
            return self._gap_end(wall_us, before, after)
        return wall_us - before

    def _gap_end(self, wall_us: int, before: int, after: int) -> int:
        """The second from which `after` holds, halved down to: clocks jump at whole seconds."""
        low, high = (wall_us - after) // _SECOND_US, -((before - wall_us) // _SECOND_US)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset_at(middle * _SECOND_US) == before:
                low = middle
            else:
                high = middle
        return high * _SECOND_US

    def _offset_at(self, us: int) -> int:
        inside = min(max(us, _FIRST_US + 2 * _DAY_US), _LAST_US - 2 * _DAY_US)
        return _offset((_EPOCH_UTC + timedelta(microseconds=inside)).astimezone(self._info))


def zone(name: str) -> Zone:
    """The zone of an IANA name (letter case counts), or `UnknownZone` for any other text."""
    if name not in _names():
        raise UnknownZone("no such time zone")
    return _zone(name)


def zone_or_utc(name: str) -> Zone:
    """The zone of a name that was one when it was stored; UTC if it has gone since."""
    return zone(name if is_zone(name) else "UTC")


def is_zone(name: str) -> bool:
    """Whether `zone` knows the name."""
    try:
        zone(name)
    except UnknownZone:
        return False
    return True


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones() - _FOREIGN)


@cache
def _zone(name: str) -> Zone:
    try:
        return Zone(name, ZoneInfo(name))
    except (ZoneInfoNotFoundError, OSError, ValueError) as wrong:
        raise UnknownZone("a time zone whose file cannot be read") from wrong


# --- instants


def read_instant(text: str) -> int | Naive:
    """An absolute time in ms since 1970, or a naive one; else `BadTime`.

    The form is `YYYY-MM-DDTHH:MM[:SS[.ffffff]]`, then `Z`, `+HH:MM`, `-HH:MM` or nothing. Parts
    of a millisecond are rounded up: a clock of milliseconds reaches that instant then.
    """
    us, is_naive = _read(text)
    return Naive(us) if is_naive else _up(us)


def to_ms(read: int | Naive, where: Zone) -> int:
    """What `read_instant` read as an instant in ms; naive times are those of `where`."""
    return read if isinstance(read, int) else _up(where.instant_us(read.wall_us))


def to_us(text: str, where: Zone) -> int:
    """The exact instant of a text, in microseconds, to compare by; `BadTime` as above."""
    us, is_naive = _read(text)
    return where.instant_us(us) if is_naive else us


def write_instant(ms: int, naive: bool = False) -> str:
    """An instant in UTC, `YYYY-MM-DDTHH:MM:SSZ`, with `.mmm` only if that is not zero.

    `naive` leaves the `Z` away. Years end at 1 and 9999, and what is beyond is written as the end.
    """
    return _write(_clamped(ms * 1_000)) + ("" if naive else "Z")


def is_writable(ms: int) -> bool:
    """Whether an instant in ms lies in the years 1 to 9999."""
    return _FIRST_US <= ms * 1_000 <= _LAST_US


def canonical(text: str) -> str:
    """One text for each time: naive stays naive, absolute is in UTC with `Z`; else `BadTime`.

    A fraction has three digits, or six where microseconds need them.
    """
    us, is_naive = _read(text)
    return _write(us) + ("" if is_naive else "Z")


def _write(us: int) -> str:
    exact = "microseconds" if us % 1_000 else "milliseconds" if us % _SECOND_US else "seconds"
    return (_EPOCH + us * _TICK).isoformat(timespec=exact)


@lru_cache(maxsize=4_096)
def _read(text: str) -> tuple[int, bool]:
    """Microseconds, and whether they are those of a wall."""
    found = _INSTANT.fullmatch(text)
    if not found:
        raise BadTime(f"{text[:_CHARACTERS_SHOWN]!r} is no date and time of ISO 8601")
    *parts, fraction, offset = found.groups()
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    try:
        wall = datetime(year, month, day, hour, minute, second, int((fraction or "").ljust(6, "0")))
    except ValueError as wrong:
        raise BadTime(f"{text!r} is on no calendar") from wrong
    us = (wall - _EPOCH) // _TICK
    if offset is None:
        return us, True
    us -= _offset_us(offset)
    if not _FIRST_US <= us <= _LAST_US:
        raise BadTime(f"{text!r} is outside the years 1 to 9999")
    return us, False


def _offset_us(offset: str) -> int:
    if offset == "Z":
        return 0
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if hours > 23 or minutes > 59:
        raise BadTime(f"{offset!r} is no offset of a zone")
    distance = (hours * 60 + minutes) * 60 * _SECOND_US
    return -distance if offset[0] == "-" else distance


def _offset(moment: datetime) -> int:
    offset = moment.utcoffset() or _NONE
    return (offset.days * 86_400 + offset.seconds) * _SECOND_US  # zones have whole seconds


def _clamped(us: int) -> int:
    return min(max(us, _FIRST_US), _LAST_US)


def _up(us: int) -> int:
    return -(-us // 1_000)


# --- durations and times of day


def read_duration(text: str) -> int:
    """A duration `PnDTnHnMnS` in ms; a day has 24 hours; else `BadTime`.

    Seconds may have three decimals. Years, months, weeks, signs and an empty `P` are refused, and
    so is anything beyond a hundred years.
    """
    found = _DURATION.fullmatch(text)
    if not found:
        raise BadTime(f"{text[:_CHARACTERS_SHOWN]!r} is no duration like P1DT2H3M4.5S")
    *parts, fraction = found.groups()
    days, hours, minutes, seconds = (int(part or 0) for part in parts)
    whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    ms = whole * 1_000 + int((fraction or "").ljust(3, "0"))
    if ms > DURATION_MS_MAX:
        raise BadTime("a duration lasts at most a hundred years")
    return ms


def read_clock(text: str) -> int:
    """A time of day `HH:MM` in minutes since midnight; `24:00` is the day's end; else `BadTime`."""
    found = _CLOCK.fullmatch(text)
    minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else -1
    if not 0 <= minutes <= 24 * 60:
        raise BadTime(f"{text[:_CHARACTERS_SHOWN]!r} is no time of day like 09:00")
    return minutes
