"""Times as text: zones, instants, durations, times of day; what clocks skip and repeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.timelines import times
from actors.timelines.times import BadTime, Naive, UnknownZone, read_instant, to_ms, zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["Europe/London", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia",
         "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca", "UTC"]  # fmt: skip


def shown(text: str, where: str) -> str:
    """A time as an author writes it, as the instant that it means for a user of that zone."""
    return times.write_instant(to_ms(read_instant(text), zone(where)))


# --- zones


@pytest.mark.covers("TL-055")
@pytest.mark.parametrize("name", [*ZONES, "Etc/GMT+12", "America/Argentina/Buenos_Aires"])
def test_names_of_zones_are_known(name):
    """An IANA name is a zone, the same object each time."""
    assert zone(name).name == name
    assert zone(name) is zone(name)
    assert times.is_zone(name)
    assert name in repr(zone(name))


@pytest.mark.covers("TL-055")
@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "/", "../../etc/passwd", "/etc/passwd", "Europe", "Europe/", "Europe/../UTC",
     "europe/london", "EUROPE/LONDON", " UTC", "UTC\n", "\x00", "Europe/London\x00", "\ud800",
     "localtime", "posix/Europe/London", "tzdata.zi", "Mars/Olympus", "x" * 1_000_000],
    ids=lambda name: ascii(name)[:30],
)  # fmt: skip
def test_other_names_are_unknown(name):
    """No path, no folder, no other letter case, no name that depends on the machine is a zone."""
    with pytest.raises(UnknownZone) as refused:
        zone(name)
    assert len(str(refused.value)) < 100
    assert not times.is_zone(name)


def test_a_zone_whose_file_cannot_be_read_is_unknown(monkeypatch):
    """A name that is listed and has no good file is refused like any other."""
    monkeypatch.setattr(times, "_names", lambda: frozenset({"Mars/Olympus"}))
    with pytest.raises(UnknownZone):
        zone("Mars/Olympus")


# --- instants


@pytest.mark.covers("TL-135")
@pytest.mark.parametrize(
    ("text", "where", "instant"),
    [
        ("2023-02-03T09:00:00", "Europe/London", "2023-02-03T09:00:00Z"),
        ("2023-02-03T09:00:00", "Asia/Tokyo", "2023-02-03T00:00:00Z"),
        ("2023-02-03T09:00:00", "Asia/Kathmandu", "2023-02-03T03:15:00Z"),
        ("2023-07-03T09:00:00", "Europe/London", "2023-07-03T08:00:00Z"),
        ("2019-08-24T14:15:22Z", "Asia/Tokyo", "2019-08-24T14:15:22Z"),
        ("2019-08-24T14:15:22-05:30", "Asia/Tokyo", "2019-08-24T19:45:22Z"),
        ("2023-02-03T09:00", "UTC", "2023-02-03T09:00:00Z"),
        ("2023-02-03T09:00:00.5", "UTC", "2023-02-03T09:00:00.500Z"),
        ("2023-02-03T09:00:00.000001Z", "UTC", "2023-02-03T09:00:00.001Z"),
        ("1969-12-31T23:59:59.9995Z", "UTC", "1970-01-01T00:00:00Z"),
    ],
)
def test_an_instant_of_a_user(text, where, instant):
    """Naive times are the user's, others are absolute, fractions of a ms are rounded up."""
    assert shown(text, where) == instant


@pytest.mark.parametrize(
    ("text", "where", "instant"),
    [
        # gaps: the instant at which the gap ends
        ("2023-03-26T00:59:59", "Europe/London", "2023-03-26T00:59:59Z"),
        ("2023-03-26T01:00:00", "Europe/London", "2023-03-26T01:00:00Z"),
        ("2023-03-26T01:30:00", "Europe/London", "2023-03-26T01:00:00Z"),
        ("2023-03-26T01:59:59.999", "Europe/London", "2023-03-26T01:00:00Z"),
        ("2023-03-26T02:00:00", "Europe/London", "2023-03-26T01:00:00Z"),
        ("2023-03-12T02:30:00", "America/New_York", "2023-03-12T07:00:00Z"),
        ("2023-10-01T02:15:00", "Australia/Lord_Howe", "2023-09-30T15:30:00Z"),
        ("2011-12-30T12:00:00", "Pacific/Apia", "2011-12-30T10:00:00Z"),
        # overlaps: the first
        ("2023-10-29T00:59:59", "Europe/London", "2023-10-28T23:59:59Z"),
        ("2023-10-29T01:00:00", "Europe/London", "2023-10-29T00:00:00Z"),
        ("2023-10-29T01:59:59", "Europe/London", "2023-10-29T00:59:59Z"),
        ("2023-10-29T02:00:00", "Europe/London", "2023-10-29T02:00:00Z"),
        ("2023-11-05T01:30:00", "America/New_York", "2023-11-05T05:30:00Z"),
        ("2023-04-02T01:45:00", "Australia/Lord_Howe", "2023-04-01T14:45:00Z"),
    ],
)
def test_times_that_clocks_skip_or_repeat(text, where, instant):
    """A skipped time is the end of its gap, a repeated one is the first (spec 5.12.8)."""
    assert shown(text, where) == instant


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    st.timedeltas(timedelta(0), timedelta(days=2)),
    st.sampled_from(ZONES),
)
def test_later_on_the_wall_is_never_earlier(wall, later, where):
    """Whatever clocks do, a later time on the wall is the same instant or a later one."""
    first, second = wall.isoformat(), (wall + later).isoformat()
    assert times.to_us(first, zone(where)) <= times.to_us(second, zone(where))


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    st.sampled_from(ZONES),
)
def test_a_wall_shows_what_was_written_on_it(wall, where):
    """At the instant of a naive time, clocks of the zone stand at it, or at a gap's end."""
    us = times.to_us(wall.isoformat(), zone(where))
    local = (EPOCH + timedelta(microseconds=us)).astimezone(ZoneInfo(where)).replace(tzinfo=None)
    before = (EPOCH + timedelta(microseconds=us - 1)).astimezone(ZoneInfo(where))
    assert local == wall or before.replace(tzinfo=None) < wall < local


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-1_439, 1_439))
def test_absolute_times_are_read_as_the_calendar_has_them(moment, minutes):
    """Any offset is subtracted; what falls out of the years 1 to 9999 is refused."""
    offset = timezone(timedelta(minutes=minutes))
    text = moment.replace(tzinfo=offset).isoformat()
    exact = (moment.replace(tzinfo=None) - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    exact -= minutes * 60_000_000
    inside = times.is_writable(exact // 1_000)
    if not inside:
        with pytest.raises(BadTime):
            read_instant(text)
    else:
        assert read_instant(text) == -(-exact // 1_000)
        assert times.to_us(times.canonical(text), zone("UTC")) == exact


@pytest.mark.parametrize(
    "text",
    ["", "2023", "2023-02-03", "2023-02-03 09:00:00", "2023-02-03t09:00:00", "20230203T090000Z",
     "2023-02-30T00:00:00", "2023-02-03T24:00:00", "2023-02-03T09:60:00", "2023-02-03T09:00:60",
     "2023-13-01T00:00:00", "0000-01-01T00:00:00", "2023-02-03T09:00:00z", "2023-02-03T09:00:00.",
     "2023-02-03T09:00:00.1234567", "2023-02-03T09:00:00+24:00", "2023-02-03T09:00:00+01:60",
     "2023-02-03T09:00:00+0100", "2023-02-03T09:00:00Z ", "2023-02-03T09:00:00\n", "\ud800",
     "２023-02-03T09:00:00", "9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01",
     "9" * 1_000_000],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
def test_other_texts_are_no_instants(text):
    """One form is accepted, in ASCII and on the calendar; the complaint stays short."""
    with pytest.raises(BadTime) as refused:
        read_instant(text)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("where", ZONES)
@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"])
def test_the_ends_of_the_calendar_are_instants(text, where):
    """The first and the last naive time mean an instant in every zone, and are shown."""
    assert isinstance(read_instant(text), Naive)
    assert shown(text, where)[:4] in ("0001", "9999")


@pytest.mark.covers("TL-135")
def test_instants_are_written_in_utc():
    """`Z`, a fraction only if it is not zero, no zone where naive ones are asked for."""
    assert times.write_instant(1_675_414_800_000) == "2023-02-03T09:00:00Z"
    assert times.write_instant(1_675_414_800_120) == "2023-02-03T09:00:00.120Z"
    assert times.write_instant(1_675_414_800_000, naive=True) == "2023-02-03T09:00:00"
    assert times.write_instant(-times.NEVER) == "0001-01-01T00:00:00Z"
    assert times.write_instant(times.NEVER) == "9999-12-31T23:59:59.999999Z"


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_what_is_written_is_read(ms):
    """Every instant of the calendar comes back as it was."""
    assert read_instant(times.write_instant(ms)) == ms
    assert to_ms(read_instant(times.write_instant(ms, naive=True)), zone("UTC")) == ms
    assert times.canonical(times.write_instant(ms)) == times.write_instant(ms)


# --- durations and times of day


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("PT30S", 30_000),
        ("P1D", 86_400_000),
        ("PT0S", 0),
        ("P1DT2H3M4.5S", 93_784_500),
        ("PT0.001S", 1),
        ("PT90M", 5_400_000),
        ("P36525D", times.DURATION_MS_MAX),
    ],
)
def test_durations(text, ms):
    """Days of 24 hours, hours, minutes, seconds with decimals."""
    assert times.read_duration(text) == ms


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "1D", "P1Y", "P1M", "P1W", "-PT1S", "PT-1S", "PT1.5M", "PT.5S", "PT1.S",
     "PT1,5S", "P1DT1S1H", "p1d", "PT1S ", "PT1S\n", "PT0.0001S", "P36525DT0.001S", "P٣D",
     "P999999999D", "PT" + "9" * 1_000_000 + "S"],
    ids=lambda text: ascii(text)[:30],
)  # fmt: skip
def test_other_texts_are_no_durations(text):
    """No years, months, weeks or signs, nothing empty, nothing beyond a hundred years."""
    with pytest.raises(BadTime) as refused:
        times.read_duration(text)
    assert len(str(refused.value)) < 300


def test_times_of_day():
    """Minutes since midnight, up to the end of the day."""
    assert [times.read_clock(text) for text in ("00:00", "09:05", "23:59", "24:00")] == [
        *(0, 545, 1_439, 1_440)
    ]
    for text in ("", "9:00", "09:60", "24:01", "25:00", "09:00:00", "09.00", "٠9:00", "09:00\n"):
        with pytest.raises(BadTime):
            times.read_clock(text)
