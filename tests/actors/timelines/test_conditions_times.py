"""When conditions change by time alone: found exactly, by leaps, within bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest
from condition_world import CREATED_MS, HOUR_MS, OneUser, compiled
from hypothesis import given
from hypothesis import strategies as st

from actors.timelines import conditions, times
from actors.timelines.times import DAY_MS, write_instant

ZONES = ["Europe/London", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe"]
VALUES = {"size": "10", "tea_at": "2023-02-05T11:00:00", "end_at": ""}


def shown(ms: int | None) -> str | None:
    return None if ms is None else write_instant(ms)


def after(text: str) -> dict[str, object]:
    return {"time": {"after": text}}


def before(text: str) -> dict[str, object]:
    return {"time": {"before": text}}


def daily(from_: str, to: str, *days: str) -> dict[str, object]:
    return {"daily": {"from": from_, "to": to, **({"days": list(days)} if days else {})}}


def still(holds: bool) -> dict[str, object]:
    return {"var": "size", "op": "==", "value": "10" if holds else "9"}


TIMES = st.integers(-5 * 24, 20 * 24).map(lambda hours: write_instant(CREATED_MS + hours * HOUR_MS))
CLOCKS = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")
DAYS = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), max_size=3)
LEAF = st.one_of(
    st.builds(after, TIMES),
    st.builds(before, TIMES),
    st.builds(lambda a, b: {"time": {"after": a, "before": b}}, TIMES, TIMES),
    st.builds(lambda a: {"time": {"after": {"var": a}}}, st.sampled_from(["tea_at", "end_at"])),
    st.builds(
        lambda since, hours, more: {
            "elapsed": {"since": since, "at_least": f"PT{hours}H", "at_most": f"PT{hours + more}H"}
        },
        st.sampled_from(["user.created", "beat:beatTea", "beat:beatCourt"]),
        st.integers(0, 200),
        st.integers(0, 200),
    ),
    st.builds(lambda a, b, days: daily(a, b, *days), CLOCKS, CLOCKS, DAYS),
    st.builds(still, st.booleans()),
)
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=5,
)
WORLDS = st.builds(
    lambda hours, where: OneUser(
        now_ms=CREATED_MS + hours * HOUR_MS,
        zone=times.zone(where),
        values=VALUES,
        beats={"beatTea": CREATED_MS},
    ),
    st.integers(-6 * 24, 21 * 24),
    st.sampled_from(ZONES),
)


def boundaries(test: conditions.Test, world: OneUser, until_ms: int) -> list[int]:
    """Every flip of a leaf after now and up to an instant."""
    found, at = [], world.now_ms
    while (flip := test.next_boundary(world, at)) is not None and flip <= until_ms:
        assert flip > at
        found.append(flip)
        at = flip
    return found


@given(TREE, WORLDS)
def test_the_next_change_is_the_first_and_is_one(form, world):
    """Looking at every flip of every leaf finds the same instant, and no change before it."""
    test = compiled(form)
    now = test.holds(world)
    change = test.next_change(world)
    until = world.now_ms + 30 * DAY_MS if change is None else change
    flips = boundaries(test, world, until)
    changes = [flip for flip in flips if test.holds(world.at(flip)) != now]
    if change is None:
        assert not changes
        assert test.next_true(world) is None
        return
    assert change == changes[0]
    assert test.holds(world.at(change - 1)) is now
    assert test.next_true(world) == (None if now else change)
    boundary = test.next_boundary(world, world.now_ms)
    assert boundary is not None
    assert boundary <= change


@given(TREE, WORLDS)
def test_between_flips_nothing_changes(form, world):
    """The truth at a flip is the truth until the next one."""
    test = compiled(form)
    flips = [world.now_ms, *boundaries(test, world, world.now_ms + 5 * DAY_MS)]
    for start, end in pairwise(flips):
        here = test.holds(world.at(start))
        assert test.holds(world.at((start + end) // 2)) is here
        assert test.holds(world.at(end - 1)) is here


@given(TREE, WORLDS)
def test_what_a_condition_and_its_negation_wait_for(form, world):
    """A condition and its negation change at the same instants."""
    assert compiled(form).next_change(world) == compiled({"not": form}).next_change(world)


FRIDAY = OneUser(now_ms=CREATED_MS, values=VALUES)  # 2023-02-03T08:00:00Z


@pytest.mark.parametrize(
    ("form", "change", "true"),
    [
        (after("2023-02-03T09:00:00"), "2023-02-03T09:00:00Z", True),
        (after("2023-02-03T08:00:00Z"), None, False),
        (before("2023-02-03T09:00:00Z"), "2023-02-03T09:00:00Z", False),
        (before("2023-02-03T08:00:00Z"), None, False),
        ({"time": {"after": {"var": "tea_at"}}}, "2023-02-05T11:00:00Z", True),
        ({"time": {"after": {"var": "end_at"}}}, None, False),
        ({"all": [after("2023-02-03T09:00:00Z"), still(False)]}, None, False),
        ({"any": [after("2023-02-03T09:00:00Z"), still(True)]}, None, False),
        ({"all": [after("2023-02-03T09:00:00Z"), still(True)]}, "2023-02-03T09:00:00Z", True),
        ({"all": [daily("09:00", "17:00", "mon"), after("2023-02-06T12:00:00Z")]},
         "2023-02-06T12:00:00Z", True),
        ({"all": [daily("09:00", "17:00", "mon"), after("2023-02-06T17:00:00Z")]},
         "2023-02-13T09:00:00Z", True),
        ({"all": [daily("09:00", "10:00"), daily("09:30", "17:00", "sat")]},
         "2023-02-04T09:30:00Z", True),
        ({"all": [daily("09:00", "10:00"), daily("10:00", "11:00")]}, None, False),
        ({"elapsed": {"since": "user.created", "at_least": "P1D"}}, "2023-02-04T08:00:00Z", True),
        ({"elapsed": {"since": "user.created", "at_most": "P1D"}},
         "2023-02-04T08:00:00.001Z", False),
        ({"all": [before("2023-02-01T00:00:00Z"), daily("09:00", "17:00")]}, None, False),
        ({"any": [after("2023-03-01T00:00:00Z"), after("2023-02-10T00:00:00Z")]},
         "2023-02-10T00:00:00Z", True),
        ({"any": [after("2023-02-10T00:00:00Z"), after("2023-03-01T00:00:00Z")]},
         "2023-02-10T00:00:00Z", True),
    ],
    ids=str,
)  # fmt: skip
def test_worked_examples(form, change, true):
    """The instant at which a condition opens or closes, and None where time alone does neither."""
    test = compiled(form)
    assert shown(test.next_change(FRIDAY)) == change
    assert shown(test.next_true(FRIDAY)) == (change if true else None)


def test_a_daily_window_far_away_is_found_at_once():
    """The search leaps over years of windows to the bound that matters."""
    test = compiled({"all": [daily("09:00", "17:00"), after("9000-06-01T18:00:00Z")]})
    assert shown(test.next_true(FRIDAY)) == "9000-06-02T08:00:00Z"  # nine in summer


def test_the_search_ends_a_year_after_the_last_bound():
    """A window of a Friday the clocks never open is not looked for beyond 366 days."""
    never = [daily("09:00", "10:00", "fri"), daily("09:00", "10:00", "sat")]
    for bound in ("2023-02-03T09:00:00Z", "2053-02-03T09:00:00Z"):
        test = compiled({"all": [*never, after(bound)]})
        assert test.next_true(FRIDAY) is None
        assert test.next_change(FRIDAY) is None


def test_the_next_boundary_asks_every_leaf():
    """A boundary counts whatever the rest says, strictly after the instant given."""
    test = compiled(
        {"all": [still(False), {"not": after("2023-02-03T09:00:00Z")}, daily("08:30", "10:00")]}
    )
    found = boundaries(test, FRIDAY, CREATED_MS + 3 * HOUR_MS)
    assert [write_instant(ms)[11:16] for ms in found] == ["08:30", "09:00", "10:00"]
    assert test.next_change(FRIDAY) is None


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_that_ends_as_it_starts_has_no_boundary(zone):
    """Nothing flips where nothing is ever true."""
    bounds = {"after": "2023-02-10T09:00:00", "before": "2023-02-10T09:00:00"}
    world = OneUser(now_ms=CREATED_MS, zone=times.zone(zone))
    for form in ({"time": bounds}, daily("09:00", "09:00")):
        assert compiled(form).next_boundary(world, CREATED_MS) is None
        assert not compiled(form).holds(world)


def test_a_search_that_would_not_end_gives_up():
    """Windows that never meet, nested, would be tried for ages: then no instant is known."""
    form: dict[str, object] = daily("00:00", "00:01")
    for minute in range(1, 8):
        window = daily(f"00:{minute:02}", f"00:{minute + 1:02}")
        form = {"all": [form, {"any": [window, {"all": [window, form]}]}]}
    test = compiled({"any": [form, after("2099-01-01T00:00:00Z")]})
    assert test.next_true(FRIDAY) is None  # it would be, in 2099
    assert shown(test.next_boundary(FRIDAY, CREATED_MS)) == "2023-02-04T00:00:00Z"
