"""Time: what it opens and closes, and until when a user waits.

Each test is a sentence of spec timelines 5.4, 5.8, 5.12.6, 5.12.7 or 5.12.12 with the smallest
timeline that shows it. All times are of 2023-02-03, a Friday, in UTC.
"""

from __future__ import annotations

from typing import Any

import pytest
from timeline_small import Small, condition, instant, moves, small


def guarded(when: str, **given: Any) -> Small:
    """A user before a column with that guard."""
    return Small(small("a | b", guards={"g1": when}), **given)


# --- leaves, as users meet them (5.8, 5.12.7)


@pytest.mark.covers("TL-065", "TL-115")
def test_a_time_guard_opens_at_its_instant() -> None:
    """`after` is true at the instant, and until then it is what is waited for."""
    world = guarded("after 09:00")
    assert world.waits_for() == ("g1", "09:00")
    assert world.at("08:59:59").progress() is None
    assert moves(world.at("09:00").progress()) == "+b"


def test_before_is_false_at_its_instant() -> None:
    """Half-open; what is over is not waited for by time."""
    world = guarded("before 09:00", max_steps=1)
    world.at("09:00").progress()
    assert world.user().step == 0
    assert world.waits_for() == ("g1", None)
    assert world.waits_until() is None


@pytest.mark.covers("TL-055")
def test_times_without_a_zone_are_those_of_the_user() -> None:
    """09:00 in Tokyo is midnight in UTC; in London, in winter, it is 09:00."""
    plain = small("a | b", guards={"g1": "after 2023-02-03T09:00:00"})
    assert Small(plain, timezone="Asia/Tokyo").user().step == 1
    world = Small(plain, timezone="Europe/London")
    assert world.waits_for() == ("g1", "09:00")


def test_elapsed_counts_from_the_creation() -> None:
    """`at_least`, to the second."""
    world = guarded("since user.created at_least PT1H30M")
    assert world.waits_for() == ("g1", "09:30")
    assert world.at("09:29:59").progress() is None
    assert moves(world.at("09:30").progress()) == "+b"


def test_elapsed_counts_from_the_latest_opening() -> None:
    """A loop begins the time anew."""
    when = {"b:x": "since event:b.ACTIVE at_least PT10M"}
    world = Small(small("a b x", "a:b b:x b:b", when=when))
    world.follow("a:b")
    world.at("08:09").follow("b:b")
    assert world.at("08:18:59").follow("b:x") is None
    assert moves(world.at("08:19").follow("b:x")) == "-b +x"


def test_elapsed_counts_from_the_latest_leaving() -> None:
    """Of an event that was not left yet, the leaf is false, and its negation true."""
    since = "since event:a.VISITED at_least PT1S"
    world = Small(small("a b | c", "a:b", guards={"g1x": f"not {since}"}), max_steps=1)
    assert world.waits_for() == (None, None)
    world.follow("a:b")
    world.at("08:00:01").progress()
    assert (world.user().step, world.waits_for()) == (0, ("g1x", None))


def test_elapsed_counts_from_the_entering_of_a_beat() -> None:
    """A beat that was not entered yet: false."""
    plain = small("a x y | b", "x:y", beats="0 1", when={"x:y": "since beat:b1 at_least PT1M"})
    world = Small(plain, max_steps=1)
    assert world.at("08:30").follow("x:y") is None
    world.progress()
    assert world.at("08:30:59").follow("x:y") is None
    assert moves(world.at("08:31").follow("x:y")) == "-x +y"


def test_elapsed_at_most_closes() -> None:
    """Both bounds are inclusive."""
    plain = small("a b", "a:b", when={"a:b": "since user.created at_most PT1M"})
    assert moves(Small(plain).at("08:01").follow("a:b")) == "-a +b"
    late = Small(plain)
    late.now_ms = instant("08:01") + 1
    assert late.follow("a:b") is None


def test_a_daily_window_is_half_open() -> None:
    """Open at its start, closed at its end, open again the next day."""
    world = guarded("daily 09:00 17:00")
    assert world.waits_for() == ("g1", "09:00")
    assert world.at("17:00").progress() is not None
    assert world.user().step == 0
    assert world.waits_for() == ("g1", "2023-02-04T09:00")
    assert moves(world.at("2023-02-04T09:00:00").progress()) == "+b"


def test_a_daily_window_names_the_day_on_which_it_starts() -> None:
    """Over midnight it lasts into the next day; Thursday's is over by Friday morning."""
    plain = small("a | b", guards={"g1": "daily 22:00 09:00 thu"})
    assert Small(plain).user().step == 1
    assert guarded("daily 22:00 08:00 thu").waits_for() == ("g1", "2023-02-09T22:00")


def test_set_now_writes_the_instant_in_utc() -> None:
    """Later by the duration, with `Z`; a link waits for it."""
    plain = small("a b c", "a:b b:c", do={"a:b": "set_now d PT30S"}, when={"b:c": "after $d"})
    world = Small(plain, timezone="Asia/Tokyo")
    world.at("08:10").follow("a:b")
    assert world.user().variables["d"] == "2023-02-03T08:10:30Z"
    assert world.at("08:10:29").follow("b:c") is None
    assert moves(world.at("08:10:30").follow("b:c")) == "-b +c"


@pytest.mark.parametrize(("when", "passes"), [("after $d", False), ("not after $d", True)])
def test_an_unset_time_is_false_and_its_negation_true(when: str, passes: bool) -> None:
    """An empty operand."""
    world = Small(small("a b", "a:b", when={"a:b": when}))
    assert (world.follow("a:b") is not None) is passes


# --- without time guards (5.12.6)

TIMED = ("after 23:00", "before 07:00", "since user.created at_least P1D", "daily 01:00 02:00")


@pytest.mark.covers("TL-056", "TL-117")
@pytest.mark.parametrize("leaf", [*TIMED, "after $d"])
@pytest.mark.parametrize("sign", ["", "not "])
@pytest.mark.parametrize("place", ["guard", "link", "thread"])
def test_with_times_disabled_every_leaf_of_time_passes(leaf: str, sign: str, place: str) -> None:
    """In guards, links and threads; under `not` too."""
    when = sign + leaf
    plain = {
        "guard": lambda: small("a | b", guards={"g1": when}),
        "link": lambda: small("a b", "a>b", when={"a:b": when}),
        "thread": lambda: small("a b", threads={"b": when}),
    }[place]()
    assert Small(plain, disable_time_guards=True).states() == "a b"


def test_with_times_disabled_only_time_passes() -> None:
    """Other leaves hold as ever, and `not` stands at the leaves."""
    plain = small("a | b", guards={"g1": "after 23:00 and n >= 1"})
    assert Small(plain, disable_time_guards=True).waits_for() == ("g1", None)
    neither = {"not": condition("after 23:00 or n == 0")}
    plain["guards"][0]["when"] = neither
    assert Small(plain, disable_time_guards=True).states() == "a"
    assert Small(plain, disable_time_guards=True, variables={"n": "1"}).states() == "a b"


def test_with_times_disabled_nobody_is_woken() -> None:
    """Time changes nothing for such a user."""
    plain = small("a | b", guards={"g1": "after 09:00 and n >= 1"})
    assert Small(plain, disable_time_guards=True).waits_until() is None
    assert Small(plain).waits_until() == "09:00"


# --- what is waited for, and until when (5.4, 5.12.12)


@pytest.mark.covers("TL-115")
@pytest.mark.parametrize(
    ("when", "until"),
    [
        ("after 09:00", "09:00"),
        ("after 09:00 and after 10:00", "10:00"),
        ("after 10:00 or after 09:00", "09:00"),
        ("after 09:00 and n >= 1", None),
        ("after 09:00 or n >= 1", "09:00"),
        ("not before 09:00", "09:00"),
        ("after 10:00 and before 09:00", None),
        ("daily 09:00 11:00 and after 11:30", "2023-02-04T09:00"),
        ("daily 09:00 11:00 and before 08:30", None),
        ("since user.created at_least PT2H", "10:00"),
        ("n >= 1", None),
    ],
)
def test_until_when_is_the_first_instant_at_which_time_alone_opens(
    when: str, until: str | None
) -> None:
    """Of a condition of several leaves; None if time alone cannot."""
    assert guarded(when).waits_for() == ("g1", until)
