"""Daily windows: in the user's zone, over midnight, on days when clocks jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.timelines import times
from actors.timelines.daily import DAYS, Daily, read_daily
from actors.timelines.times import BadTime, read_instant, zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["Europe/London", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
         "Asia/Kathmandu", "America/St_Johns", "America/Havana"]  # fmt: skip
MOMENTS = st.integers(1_300_000_000_000, 1_700_000_000_000)
MINUTES = st.integers(0, 1_439)
WINDOWS = st.builds(
    Daily, MINUTES, st.integers(0, 1_440), st.frozensets(st.integers(0, 6), min_size=1)
)


def ms(text: str) -> int:
    """An absolute time."""
    read = read_instant(text)
    assert isinstance(read, int)
    return read


def flips(daily: Daily, where: str, since: str, count: int) -> list[str]:
    """The next instants at which a window opens or closes."""
    at, found = ms(since), []
    for _ in range(count):
        flip = daily.next_flip(at, zone(where))
        assert flip is not None
        at = flip
        found.append(times.write_instant(at))
    return found


def test_a_window_is_open_at_its_start_and_closed_at_its_end():
    """Half-open, in the user's zone."""
    office = read_daily("09:00", "17:00")
    for where, start, end in (
        ("Europe/London", "2023-02-03T09:00:00Z", "2023-02-03T17:00:00Z"),
        ("Asia/Tokyo", "2023-02-03T00:00:00Z", "2023-02-03T08:00:00Z"),
        ("Asia/Kathmandu", "2023-02-03T03:15:00Z", "2023-02-03T11:15:00Z"),
    ):
        there = zone(where)
        expected = [
            (ms(start) - 1, False),
            (ms(start), True),
            (ms(end) - 1, True),
            (ms(end), False),
        ]
        assert [office.contains(at, there) for at, _ in expected] == [
            is_open for _, is_open in expected
        ]
        assert office.next_flip(ms(start) - 1, there) == ms(start)
        assert office.next_flip(ms(start), there) == ms(end)


def test_a_window_over_midnight_belongs_to_the_day_it_starts_on():
    """From 22:00 on Friday to 02:00 on Saturday; Friday's first hours are Thursday's."""
    night = read_daily("22:00", "02:00", ["fri"])
    london = zone("Europe/London")
    assert flips(night, "Europe/London", "2023-02-03T00:00:00Z", 3) == [
        *("2023-02-03T22:00:00Z", "2023-02-04T02:00:00Z", "2023-02-10T22:00:00Z")
    ]
    assert not night.contains(ms("2023-02-03T01:00:00Z"), london)
    assert night.contains(ms("2023-02-04T01:00:00Z"), london)
    assert not night.contains(ms("2023-02-04T23:00:00Z"), london)


@pytest.mark.parametrize(
    ("window", "where", "since", "expected"),
    [
        # a gap: shorter, or from its end on, or not at all
        (("00:30", "03:00"), "Europe/London", "2023-03-26T00:00:00Z", "00:30-02:00"),
        (("01:30", "03:00"), "Europe/London", "2023-03-26T00:00:00Z", "01:00-02:00"),
        (("00:30", "01:30"), "Europe/London", "2023-03-26T00:00:00Z", "00:30-01:00"),
        # an overlap: from the first, once, and longer
        (("00:30", "03:00"), "Europe/London", "2023-10-28T23:00:00Z", "23:30-03:00"),
        (("01:30", "01:45"), "Europe/London", "2023-10-28T23:00:00Z", "00:30-00:45"),
        (("01:30", "03:00"), "Europe/London", "2023-10-28T23:00:00Z", "00:30-03:00"),
        (("22:00", "02:00"), "America/New_York", "2023-11-04T12:00:00Z", "02:00-07:00"),
        (("01:00", "02:15"), "Australia/Lord_Howe", "2023-09-30T14:00:00Z", "14:30-15:30"),
        (
            ("01:30", "01:45"),
            "Europe/London",
            "2023-10-29T01:10:00Z",
            "01:30-01:45",
        ),  # the next day
        # a day that came twice: its windows belong to the first, a night lasts over the second
        (("09:00", "17:00", ["tue"]), "Pacific/Kwajalein", "1969-09-29T12:00:00Z", "22:00-06:00"),
        (("22:00", "02:00", ["tue"]), "Pacific/Kwajalein", "1969-09-30T02:00:00Z", "11:00-14:00"),
        (("22:00", "02:00", ["tue"]), "Pacific/Kwajalein", "1969-09-30T14:00:00Z", "14:00-10:00"),
        # a day that was skipped: Thursday's night ends as Saturday begins
        (("22:00", "06:00", ["thu"]), "Pacific/Apia", "2011-12-29T12:00:00Z", "08:00-10:00"),
    ],
)
def test_windows_on_days_when_clocks_jump(window, where, since, expected):
    """One window a day, its ends found like any other time without a zone."""
    found = flips(read_daily(*window), where, since, 2)
    assert "-".join(flip[11:16] for flip in found) == expected


def test_a_window_inside_a_gap_does_not_happen():
    """On the day that skips it, the next is the one of the following day."""
    lost = read_daily("01:10", "01:50")
    assert flips(lost, "Europe/London", "2023-03-25T12:00:00Z", 1) == ["2023-03-27T00:10:00Z"]
    skipped = read_daily("09:00", "17:00", ["fri"])  # Apia had no 2011-12-30
    assert flips(skipped, "Pacific/Apia", "2011-12-29T00:00:00Z", 1) == ["2012-01-05T19:00:00Z"]


def test_windows_that_touch_are_one():
    """Whole days in a row close only at the end of the last; all of the week never close."""
    weekend = read_daily("00:00", "24:00", ["sat", "sun"])
    assert flips(weekend, "UTC", "2023-02-03T00:00:00Z", 3) == [
        *("2023-02-04T00:00:00Z", "2023-02-06T00:00:00Z", "2023-02-11T00:00:00Z")
    ]
    always = read_daily("00:00", "24:00")
    assert always.contains(ms("2023-02-03T00:00:00Z"), zone("Europe/London"))
    assert always.next_flip(ms("2023-02-03T00:00:00Z"), zone("Europe/London")) is None


def test_an_empty_window_is_never_open():
    """A window that ends when it starts does not happen, and nothing is waited for."""
    empty = read_daily("09:00", "09:00")
    assert not empty.contains(ms("2023-02-03T09:00:00Z"), zone("UTC"))
    assert empty.next_flip(ms("2023-02-03T09:00:00Z"), zone("UTC")) is None


@pytest.mark.parametrize(
    "at", [-times.NEVER, times.NEVER, -62_135_596_800_000, 253_402_300_799_999]
)
def test_beyond_the_calendar_no_window_opens(at):
    """Outside the years of the calendar nothing is open and nothing raises."""
    office = read_daily("09:00", "17:00")
    for where in ZONES:
        assert not office.contains(at, zone(where))
        assert office.next_flip(at, zone(where)) is None


@given(WINDOWS, MOMENTS, st.sampled_from(ZONES))
def test_nothing_flips_before_the_next_flip(daily, at, where):
    """The answer is the same until the next flip, and the other one there; memory plays no part."""
    there = zone(where)
    flip = daily.next_flip(at, there)
    is_open = daily.contains(at, there)
    fresh = Daily(daily.from_, daily.to, daily.days)
    if flip is None:
        assert fresh.contains(at + 300 * times.DAY_MS, there) == is_open
        return
    assert flip > at
    for share in range(4):
        assert fresh.contains(at + (flip - 1 - at) * share // 3, there) == is_open
    assert fresh.contains(flip, there) != is_open
    assert Daily(daily.from_, daily.to, daily.days).next_flip(flip - 1, there) == flip


@given(WINDOWS, MOMENTS, st.sampled_from(ZONES))
def test_on_quiet_days_the_wall_clock_decides(daily, at, where):
    """Where no clock jumps around, a window is open when the wall says so."""
    local = (EPOCH + timedelta(milliseconds=at)).astimezone(ZoneInfo(where))
    around = [local + timedelta(days=days) for days in (-2, -1, 1, 2)]
    offsets = {each.utcoffset() for each in (local, *around)}
    if len(offsets) > 1:
        return
    minute, today = local.hour * 60 + local.minute, local.weekday()
    if daily.from_ <= daily.to:
        expected = daily.from_ <= minute < daily.to and today in daily.days
    else:
        expected = (minute >= daily.from_ and today in daily.days) or (
            minute < daily.to and (today - 1) % 7 in daily.days
        )
    assert daily.contains(at, zone(where)) == expected


def test_days_are_named():
    """Seven names from Monday on; none given means every day."""
    assert read_daily("09:00", "17:00", ["mon", "sun"]).days == {0, 6}
    assert read_daily("09:00", "17:00", DAYS) == read_daily("09:00", "17:00")
    assert read_daily("09:00", "24:00", []).days == set(range(7))


@pytest.mark.parametrize(
    "given_",
    [("24:00", "09:00"), ("9:00", "17:00"), ("09:00", "24:01"), ("09:00", "17:00", ["monday"])],
)
def test_other_windows_are_refused(given_):
    """A window starts within the day, and its days have names."""
    with pytest.raises(BadTime):
        read_daily(*given_)
