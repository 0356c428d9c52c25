"""Alarms, catching up and the test clock: when a user is decided, and at which instants.

Each test is a sentence of spec timelines 5.4, 5.12.13, 5.12.17 or 5.12.18 with the smallest
timeline that shows it. All times are of 2023-02-03 in UTC.
"""

from __future__ import annotations

from typing import Any

import pytest
from timeline_small import Small, clock_of, instant, moves, small

from actors.timelines import walking
from actors.timelines.user_words import CreateUser, FollowLink, Progress, ProgressStep, Settle
from engine.errors import Refused
from engine.messages import AlarmDue


def guarded(when: str, **given: Any) -> Small:
    """A user before a column with that guard."""
    return Small(small("a | b", guards={"g1": when}), **given)


# --- alarms (5.12.17)


@pytest.mark.parametrize(
    ("plain", "at"),
    [
        (small("a | b", guards={"g1": "after 09:00"}), "09:00"),
        (small("a | b", guards={"g1": "after 09:00 and n >= 1"}), "09:00"),
        (small("a b", threads={"b": "after 09:00"}), "09:00"),
        (small("a b", "a>b", when={"a:b": "after 09:00"}), "09:00"),
        (small("a b", "a>b", when={"a:b": "daily 08:30 09:00"}), "08:30"),
        (small("a | b c", threads={"b": "after 10:00"}, guards={"g1": "after 09:00"}), "09:00"),
        (small("a b c", threads={"b": "after 10:00", "c": "after 09:00"}), "09:00"),
        (small("a b", "a:b", when={"a:b": "after 09:00"}), None),
        (small("a b c", "a:b b>c", when={"b:c": "after 09:00"}), None),
        (small("a b", "a:b", threads={"b": "after 09:00"}), None),
        (small("a | b | c", guards={"g2": "after 09:00", "g1": "n >= 1"}), None),
    ],
    ids=[
        "guard", "whatever the variables", "thread", "automatic link", "window", "both",
        "earliest", "link", "closed event", "not linked to yet", "not the next boundary",
    ],
)  # fmt: skip
def test_the_alarm_is_the_earliest_flip_of_what_is_waited_for(plain: Any, at: str | None) -> None:
    """A guard, held events, automatic links of open events; a follow is the user's own doing."""
    assert Small(plain).waits_until() == at


def test_the_alarm_of_a_window_goes_from_flip_to_flip() -> None:
    """While another part of the condition fails, both ends are looked at."""
    world = guarded("daily 09:00 10:00 and n >= 1")
    seen = []
    for _ in range(3):
        seen.append(world.waits_until())
        world.now_ms = world.users["u"].alarm_at_ms or 0
        assert world.ring()
    assert seen == ["09:00", "10:00", "2023-02-04T09:00"]


def test_a_passed_guard_is_noted_and_the_user_stays() -> None:
    """`condition_passed`, without a step: nothing advances by itself."""
    world = guarded("after 09:00")
    assert world.at("09:00").ring()
    assert world.passed() == ["09:00 g1"]
    assert (world.user().step, world.waits_for()) == (0, (None, None))
    assert world.user().standing.progress is Progress.WALKING
    assert world.waits_until() is None


def test_a_guard_that_others_open_is_noted_too() -> None:
    """Passed is passed, whatever it waited for."""
    world = guarded("s >= 1")
    world.at("08:30").set("s", "1")
    world.at("08:40").settle()
    assert world.passed() == ["08:40 g1"]


def test_a_guard_that_the_user_opens_is_noted_in_the_same_fact() -> None:
    """A follow's operation."""
    world = Small(small("a b | c", "a:b", do={"a:b": "add n 1"}, guards={"g1": "n >= 1"}))
    walk = world.at("08:30").follow("a:b")
    assert walk is not None
    assert [stamp.id for stamp in walk.passed] == ["g1"]
    assert world.user().step == 0


def test_a_guard_is_noted_once() -> None:
    """Later settles find nothing."""
    world = guarded("after 09:00")
    world.at("09:00").ring()
    assert world.at("10:00").settle() is None
    world.progress()
    assert world.passed() == ["09:00 g1"]


def test_with_auto_progress_a_user_goes_on_when_the_guard_passes() -> None:
    """Until the next guard, which is waited for in turn."""
    guards = {"g1": "after 09:00", "g3": "after 10:00"}
    world = Small(small("a | b | c | d", guards=guards, auto_progress=True))
    assert world.at("09:00").ring()
    assert (world.user().step, world.waits_for(), world.waits_until()) == (
        2, ("g3", "10:00"), "10:00",
    )  # fmt: skip
    assert world.at("10:00").ring()
    assert world.log() == ["08:00 +a", "09:00 +b", "09:00 +c", "10:00 +d"]
    assert world.passed() == ["09:00 g1", "10:00 g3"]


def test_with_auto_progress_a_beat_still_pauses_who_pauses() -> None:
    """The user's flag counts."""
    plain = small("a | b | c", beats="0 2", guards={"g1": "after 09:00"}, auto_progress=True)
    world = Small(plain, pause_at_beats=True)
    world.at("09:00").ring()
    assert (world.user().step, world.user().standing.progress) == (1, Progress.PAUSED)


def test_with_auto_progress_a_shared_value_moves_on_too() -> None:
    """The user is reconsidered, the guard passes."""
    world = Small(small("a | b", guards={"g1": "s >= 1"}, auto_progress=True))
    world.set("s", "1")
    assert moves(world.settle()) == "+b"


def test_with_auto_progress_who_waits_for_nothing_stays() -> None:
    """A user whom `max_steps` stopped is not pushed on."""
    plain = small("a | b", guards={"g1": "before 23:00"}, auto_progress=True)
    world = Small(plain, max_steps=1)
    assert world.at("09:00").settle() is None
    assert world.user().step == 0


# --- catching up (5.12.13)

THREE = small(
    "a b c d", "a>b", when={"a:b": "after 09:00"}, threads={"c": "after 10:00", "d": "b ACTIVE"}
)


def test_who_slept_catches_up_boundary_by_boundary() -> None:
    """In order, each at its own instant, and what follows from it there."""
    world = Small(THREE)
    world.at("12:00").settle()
    assert world.log() == ["08:00 +a", "09:00 +b", "09:00 +d", "10:00 +c"]
    assert len(world.facts["u"]) == 2


def test_alarms_write_the_same_log_as_a_late_read() -> None:
    """Woken in time, or found later."""
    woken, late = Small(THREE), Small(THREE)
    for clock in ("09:00", "10:00"):
        assert woken.at(clock).ring()
    late.at("12:00").settle()
    assert woken.log() == late.log()


def test_a_late_alarm_writes_the_boundaries_instants() -> None:
    """An alarm that rings after a restart."""
    world = Small(THREE)
    at_ms = world.users["u"].alarm_at_ms
    assert at_ms is not None
    world.at("12:00").do(AlarmDue(at_ms=at_ms))
    assert world.log() == ["08:00 +a", "09:00 +b", "09:00 +d", "10:00 +c"]


@pytest.mark.parametrize("asked", ["follow", "progress"])
def test_a_command_catches_up_before_it_does_what_was_asked(asked: str) -> None:
    """A follow and a progression are decided on what was due by then."""
    plain = small("a b x | c", "a>b b:x", when={"a:b": "after 09:00"}, guards={"g1": "b ACTIVE"})
    world = Small(plain)
    world.at("12:00")
    done = world.follow("b:x") if asked == "follow" else world.progress()
    assert done is not None
    rest = ["12:00 -b", "12:00 +x"] if asked == "follow" else ["12:00 +c"]
    assert world.log() == ["08:00 +a", "09:00 +b", *rest]


def test_a_refused_follow_stores_nothing_and_its_catch_up_is_found_again() -> None:
    """What was due is still due."""
    world = Small(small("a b x", "a>b a:x", when={"a:b": "after 09:00", "a:x": "n >= 1"}))
    assert world.at("12:00").follow("a:x") is None
    assert len(world.facts["u"]) == 1
    world.at("13:00").settle()
    assert world.log() == ["08:00 +a", "09:00 +b"]


def test_an_overflow_that_is_due_refuses_whatever_comes() -> None:
    """Nothing changes, the alarm as little as a command, and no read asks for it."""
    huge = {"a:b": f"add n {'9' * 64}"}
    world = Small(small("a b", "a>b", when={"a:b": "after 09:00"}, do=huge), variables={"n": "1"})
    before = world.users["u"]
    for ask in (world.at("09:00").ring, world.progress, world.settle):
        with pytest.raises(Refused, match="variable_overflow"):
            ask()
    assert world.users["u"] == before
    assert not is_due(world)


def test_what_a_boundary_opens_may_close_before_the_read() -> None:
    """A window that has come and gone has let its event open."""
    world = Small(small("a b", threads={"b": "daily 09:00 10:00"}))
    world.at("12:00").settle()
    assert world.log() == ["08:00 +a", "09:00 +b"]


def test_boundaries_that_arise_on_the_way_are_met() -> None:
    """A chain: each opening begins a time of its own."""
    when = {"a:b": "after 09:00", "b:c": "since event:b.ACTIVE at_least PT10M"}
    world = Small(small("a b c", "a>b b>c", when=when))
    world.at("12:00").settle()
    assert world.log() == ["08:00 +a", "09:00 +b", "09:10 +c"]


def test_set_now_at_a_boundary_writes_its_instant() -> None:
    """Operations see the instant of what set them off."""
    plain = small("a b", "a>b", when={"a:b": "after 09:00"}, do={"a:b": "set_now d"})
    world = Small(plain)
    world.at("12:00").settle()
    assert world.user().variables["d"] == "2023-02-03T09:00:00Z"


def test_with_auto_progress_the_way_is_caught_up_with_too() -> None:
    """Every guard at its instant."""
    guards = {"g1": "after 09:00", "g2": "after 10:00"}
    world = Small(small("a | b | c", guards=guards, auto_progress=True))
    world.at("12:00").settle()
    assert world.log() == ["08:00 +a", "09:00 +b", "10:00 +c"]
    assert world.passed() == ["09:00 g1", "10:00 g2"]


def test_a_guard_that_closed_on_the_way_is_waited_for_as_if_woken() -> None:
    """Another boundary finds it closed; when it opens again the user goes on."""
    plain = small(
        "a b | c",
        "a>b",
        when={"a:b": "after 08:15"},
        guards={"g1": "not daily 08:10 08:25"},
        auto_progress=True,
    )
    woken, late = Small(plain, max_steps=1), Small(plain, max_steps=1)
    for clock in ("08:15", "08:25"):
        assert woken.at(clock).ring()
    late.at("08:40").settle()
    assert woken.log() == ["08:00 +a", "08:15 +b", "08:25 +c"]
    assert (late.log(), late.passed()) == (woken.log(), woken.passed())


def test_a_read_asks_only_for_what_is_due() -> None:
    """`is_due` computes, and nothing wakes before there is something."""
    world = Small(THREE)
    for clock, due in (("08:59", False), ("09:00", True), ("12:00", True)):
        assert is_due(world.at(clock)) is due
    world.settle()
    assert not is_due(world)


def is_due(world: Small) -> bool:
    """Whether a read would ask for a settle."""
    version = world.timeline.version
    return walking.is_due(world.revision, world.user(), world.shared, version, world.now_ms)


# --- the test clock (5.12.18)


def test_nobody_is_woken_for_a_test_clock() -> None:
    """It catches up at its next request."""
    world = guarded("after 09:00", at_ms=instant("2023-01-01T00:00:00"))
    assert clock_of(world.user().standing.due_ms or 0) == "09:00"
    assert world.waits_until() is None
    world.do(Settle(at_ms=instant("2023-02-03T10:00:00")))
    assert world.passed() == ["09:00 g1"]


def test_a_request_without_the_clock_wakes_again() -> None:
    """The last decision counts."""
    plain = small("a b c | d", "a:b b:c", guards={"g1": "after 09:00"})
    world = Small(plain, at_ms=instant("07:00"))
    world.follow("a:b")
    assert (world.waits_until(), world.user().is_virtual) == ("09:00", False)
    world.do(FollowLink(user_timeline_event_id="b", link_id="b:c", at_ms=instant("08:30")))
    assert (world.waits_until(), world.user().is_virtual) == (None, True)


def test_instants_of_a_user_do_not_go_back() -> None:
    """An equal one is allowed, an earlier one refused, whatever is asked."""
    world = Small(small("a b | c", "a:b", guards={"g1": "n >= 1"}), at_ms=instant("10:00"))
    early = instant("10:00") - 1
    for command in (
        ProgressStep(at_ms=early),
        Settle(at_ms=early),
        FollowLink(user_timeline_event_id="a", link_id="a:b", at_ms=early),
    ):
        with pytest.raises(Refused):
            world.do(command)
    world.do(Settle(at_ms=instant("10:00")))
    same = FollowLink(user_timeline_event_id="a", link_id="a:b", at_ms=instant("10:00"))
    world.do(same)
    assert world.log() == ["10:00 +a", "10:00 -a", "10:00 +b"]


@pytest.mark.parametrize(("real", "decided"), [("09:00", "10:00"), ("11:00", "11:00")])
def test_without_the_clock_a_request_is_decided_at_the_later_of_two(
    real: str, decided: str
) -> None:
    """Now, or the user's last instant."""
    world = Small(small("a b", "a:b"), at_ms=instant("10:00"))
    world.at(real).follow("a:b")
    assert world.log() == ["10:00 +a", f"{decided} -a", f"{decided} +b"]


def test_the_clock_may_be_before_now() -> None:
    """A user may live in the past, from its creation on."""
    world = Small(small("a", do={"a.ACTIVE": "set_now d"}), begin=False)
    at_ms = instant("1999-12-31T23:59:59")
    world.do(CreateUser(published_timeline_id="T", timezone="UTC", at_ms=at_ms))
    assert world.user().variables["d"] == "1999-12-31T23:59:59Z"
    assert world.user().created_ms == at_ms


def test_deleting_forgets_the_clocks_minimum() -> None:
    """Who begins again may begin earlier."""
    world = Small(small("a"), at_ms=instant("10:00"))
    world.erase()
    assert world.create(at_ms=instant("09:00")).at_ms == instant("09:00")
