"""What users share: variables, and votes.

Each test is a sentence of spec timelines 5.7, 5.12.10, 5.12.13, 5.12.14 or 5.12.16 with the
smallest timeline that shows it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from timeline_small import Small, instant, moves, small

from actors.timelines.timeline_words import PAST_MAX, Timed
from actors.timelines.user_words import Place
from engine.messages import AlarmDue


def value(world: Small, name: str = "s") -> str:
    """A shared value as it is."""
    return world.shared.shared[name].value


def pair(plain: dict[str, Any]) -> Small:
    """A timeline with users `u` and `v`."""
    world = Small(plain)
    world.create("v")
    return world


# --- shared variables (5.7, 5.12.14)


@pytest.mark.covers("TL-107")
def test_a_shared_value_is_one_for_all() -> None:
    """What one user writes, another adds to, in joint steps."""
    world = pair(small("a b", "a:b", do={"a:b": "add s 1"}))
    world.follow("a:b", "u")
    world.follow("a:b", "v")
    assert value(world) == "2"
    assert "s" not in world.user().variables


def test_a_walk_that_writes_nothing_shared_leaves_the_timeline_alone() -> None:
    """Only those steps are joint."""
    world = Small(small("a b c", "a:b b:c", do={"a:b": "add n 1", "b:c": "add s 0"}))
    before = world.timeline
    world.follow("a:b")
    world.follow("b:c")
    assert world.timeline == before


def test_a_definition_without_shared_things_does_not_look_at_the_timeline() -> None:
    """Its users are not concerned by changes of it."""
    assert not Small(small("a b", "a:b", do={"a:b": "add n 1"})).user().shares
    assert Small(small("a b", "a:b", do={"a:b": "add s 1"})).user().shares
    assert Small(small("a b", "a:b", when={"a:b": "a:b followed_by_all 1"})).user().shares


WAITING = {
    "guard": (small("a | b", guards={"g1": "s >= 1"}), ""),
    "thread": (small("a b", threads={"b": "s >= 1"}), "+b"),
    "automatic link": (small("a b", "a>b", when={"a:b": "s >= 1"}), "+b"),
    "window": (small("a b", threads={"b": "s >= 1 and after 07:00"}), "+b"),
    "other variable": (small("a b", "a>b", when={"a:b": "s > $n"}), "+b"),
}


@pytest.mark.parametrize("what", WAITING)
def test_what_others_write_is_found_at_the_next_settle(what: str) -> None:
    """A guard, a thread, an automatic link on a shared variable that another user changes."""
    plain, opened = WAITING[what]
    plain = msgspec.json.decode(msgspec.json.encode(plain))
    plain["events"] += small("x y", "x:y", do={"x:y": "add s 1"})["events"]
    plain["rows"] = [{"id": "r0", "name": "0"}, {"id": "r1", "name": "1"}]
    world = pair(plain)
    world.at("08:10").follow("x:y", "v")
    walk = world.at("08:20").settle()
    assert walk is not None
    assert moves(walk) == opened
    assert [stamp.id for stamp in walk.passed] == (["g1"] if what == "guard" else [])
    assert world.settle() is None


@pytest.mark.parametrize("what", WAITING)
def test_what_an_operator_sets_is_found_at_the_next_settle(what: str) -> None:
    """The same from outside."""
    plain, opened = WAITING[what]
    world = Small(plain)
    world.set("s", "1")
    walk = world.settle()
    assert walk is not None
    assert moves(walk) == opened


def test_what_others_write_is_found_by_any_command() -> None:
    """A follow sees it before it is judged, and settles it before it is done."""
    plain = small("a b x y", "a:b x>y", when={"a:b": "y ACTIVE", "x:y": "s >= 1"})
    world = Small(plain)
    assert world.follow("a:b") is None
    world.set("s", "1")
    assert moves(world.follow("a:b")) == "+y -a +b"


def test_a_shared_time_is_waited_for_once_it_is_known() -> None:
    """A date-time that an operator sets begins an alarm."""
    world = Small(small("a b", "a>b", when={"a:b": "after $sd"}))
    assert world.waits_until() is None
    world.at("08:30").set("sd", "2023-02-03T09:00:00Z")
    world.settle()
    assert world.waits_until() == "09:00"
    assert world.at("09:00").ring()
    assert world.log() == ["08:00 +a", "09:00 +b"]


def test_a_shared_value_opens_the_next_beat_without_a_call() -> None:
    """`new_beat_available` is there at the next look."""
    world = pair(
        small("a b | c", "a:b", beats="0 1", do={"a:b": "add s 1"}, guards={"g1": "s > 0"})
    )
    world.follow("a:b", "v")
    assert world.user().standing.new_beat is None
    world.settle()
    assert world.user().standing.new_beat == Place("b1", "Beat 1")


def test_a_reconsideration_without_a_change_of_view_stores_nothing() -> None:
    """Others write, and this user sees the same."""
    world = Small(small("a | b", guards={"g1": "s >= 2"}))
    world.set("s", "1")
    assert world.settle() is None
    assert len(world.facts["u"]) == 1


@pytest.mark.parametrize("clock", ["08:10", "09:10"])
def test_a_link_that_others_turned_changes_the_users_view(clock: str) -> None:
    """The event is noted as changed, and only once."""
    world = Small(small("a b", "a:b", when={"a:b": "s >= 1"}))
    world.at("08:05").set("s", "1")
    walk = world.at(clock).settle()
    assert walk is not None
    assert (walk.moves, walk.flipped) == ((), ("a",))
    assert world.settle() is None


INTERESTS = {
    "guard": (small("a | b", guards={"g1": "s >= 1"}), ("s",)),
    "open guards too": (small("a | b", guards={"g1x": "s < 1", "g1y": "after $sd"}), ("s", "sd")),
    "held thread": (small("a b", threads={"b": "after $sd"}), ("sd",)),
    "automatic link": (small("a b", "a>b", when={"a:b": "s >= 1"}), ("s",)),
    "link of an open event": (small("a b", "a:b", when={"a:b": "a:b followed_by_all 1"}), ("a:b",)),
    "several": (small("a b c", "a:b a:c", when={"a:b": "s > 0", "a:c": "after $sd"}), ("s", "sd")),
    "a later guard": (small("a | b | c", guards={"g1": "n > 0", "g2": "s > 0"}), ()),
    "a thread that holds nothing": (small("a b", "a:b", threads={"b": "s > 0"}), ()),
    "link of a closed event": (small("a b c", "a:b b:c", when={"b:c": "s > 0"}), ()),
    "its own variable": (small("a | b", guards={"g1": "n > 0"}), ()),
}


@pytest.mark.parametrize("what", INTERESTS)
def test_a_user_says_what_others_may_change_for_it(what: str) -> None:
    """Guards before the next column, held threads, automatic links, links of ACTIVE events."""
    plain, interests = INTERESTS[what]
    assert Small(plain).user().interests == interests


def test_interests_follow_the_user() -> None:
    """What is behind is of no interest any more; with a test clock nothing is."""
    plain = small("a b c", "a:b b:c", when={"a:b": "s == 0", "b:c": "after $sd"})
    world = Small(plain)
    assert world.user().interests == ("s",)
    world.follow("a:b")
    assert world.user().interests == ("sd",)
    assert Small(plain, at_ms=instant("08:00")).user().interests == ()


# --- shared changes count from their commit (5.12.13)

LATE = small("a b", "a>b", when={"a:b": "after 09:00 and s == 0"})


@pytest.mark.parametrize(("clock", "opened"), [("08:59", ""), ("09:00", ""), ("09:01", "+b")])
def test_a_boundary_sees_what_was_shared_at_its_instant(clock: str, opened: str) -> None:
    """Who catches up at 12:00 opens at 09:00 what was open then, and nothing else."""
    world = Small(LATE)
    world.at(clock).set("s", "1")
    assert moves(world.at("12:00").settle()) == opened


def test_a_change_opens_nothing_before_its_commit() -> None:
    """The boundary is passed without it; at the read it counts."""
    world = Small(small("a b", "a>b", when={"a:b": "after 09:00 and s == 1"}))
    world.at("10:00").set("s", "1")
    world.at("12:00").settle()
    assert world.log() == ["08:00 +a", "12:00 +b"]


def test_a_value_knows_what_it_was() -> None:
    """By instant, the newest first."""
    timed = Timed("0", 10).then("1", 20).then("2", 30)
    assert [timed.at(at_ms) for at_ms in (9, 10, 19, 20, 29, 30, 99)] == list("0001122")


def test_only_so_many_earlier_values_are_kept() -> None:
    """Beyond the oldest, the oldest counts."""
    timed = Timed("0", 0)
    for at_ms in range(1, PAST_MAX + 3):
        timed = timed.then(str(at_ms), at_ms)
    assert len(timed.past) == PAST_MAX
    assert timed.at(0) == timed.past[-1][1] == "2"


def test_a_time_that_others_set_is_a_boundary_from_its_commit() -> None:
    """Who slept over both opens at the time itself, as if reconsidered in between."""
    world = Small(small("a b", "a>b", when={"a:b": "after $sd"}))
    world.at("08:30").set("sd", "2023-02-03T09:00:00Z")
    world.at("11:00").settle()
    assert world.log() == ["08:00 +a", "09:00 +b"]


def test_a_time_that_others_set_too_late_opens_at_the_read() -> None:
    """At the time itself nobody knew."""
    world = Small(small("a b", "a>b", when={"a:b": "after $sd"}))
    world.at("10:00").set("sd", "2023-02-03T09:00:00Z")
    world.at("11:00").settle()
    assert world.log() == ["08:00 +a", "11:00 +b"]


ADDING = small("a b", "a>b", when={"a:b": "after 09:00"}, do={"a:b": "add s 1"})


def test_who_catches_up_adds_to_what_there_is() -> None:
    """Two users slept over the same boundary: each of them is added."""
    world = pair(ADDING)
    world.at("10:00").settle("u")
    world.at("11:00").settle("v")
    assert world.log("u") == world.log("v") == ["08:00 +a", "09:00 +b"]
    assert value(world) == "2"


def test_who_catches_up_does_not_undo_what_an_operator_set() -> None:
    """The addition comes on top, as it is committed later."""
    world = Small(ADDING)
    world.at("10:00").set("s", "5")
    world.at("11:00").settle()
    assert value(world) == "6"


def test_alarms_a_moment_late_add_up() -> None:
    """Alarms of one instant ring one after the other."""
    world = pair(ADDING)
    nine = instant("09:00")
    for late_ms, name in ((1, "u"), (2, "v")):
        assert world.users[name].alarm_at_ms == nine
        world.now_ms = nine + late_ms
        world.do(AlarmDue(at_ms=nine), name)
    assert value(world) == "2"


def test_a_vote_counts_from_its_commit() -> None:
    """At an earlier boundary nobody had followed yet."""
    when = {"a:b": "after 09:00 and a:c followed_by_all 1"}
    world = pair(small("a b c", "a>b a:c", when=when))
    world.at("10:00").follow("a:c", "v")
    world.at("11:00").settle("u")
    assert world.log("u") == ["08:00 +a", "11:00 +b"]


# --- votes (5.12.10, 5.12.16)

VOTES = small("a b c", "a:b c>b", when={"c:b": "a:b followed_by_all 2"})


def test_votes_are_the_sum_over_users() -> None:
    """Each follow is a joint step; the second is enough, for everybody."""
    world = Small(small("a b x y", "a:b x>y", when={"x:y": "a:b followed_by_all 2"}))
    world.create("v")
    world.create("w")
    assert moves(world.follow("a:b", "u")) == "-a +b"
    assert world.votes() == {"a:b": 1}
    assert moves(world.follow("a:b", "v")) == "-a +b +y"
    assert moves(world.settle("u")) == "+y"
    assert moves(world.settle("w")) == "+y"
    assert world.votes() == {"a:b": 2}


@pytest.mark.parametrize("place", ["guard", "thread", "link", "automatic link"])
def test_votes_of_others_are_found_wherever_they_are_asked(place: str) -> None:
    """A guard, a thread, links on a count by all."""
    vote = "a:b followed_by_all 1"
    plain = {
        "guard": lambda: small("a b | c", "a:b", guards={"g1": vote}),
        "thread": lambda: small("a b c", "a:b", threads={"c": vote}),
        "link": lambda: small("a b x c", "a:b x:c", when={"x:c": vote}),
        "automatic link": lambda: small("a b x c", "a:b x>c", when={"x:c": vote}),
    }[place]()
    world = pair(plain)
    assert world.follow("x:c") is None
    world.follow("a:b", "v")
    walk = {"guard": world.progress, "link": lambda: world.follow("x:c")}.get(place, world.settle)()
    assert moves(walk).endswith("+c")


def test_only_links_that_somebody_counts_are_counted() -> None:
    """Follows of others are no joint steps."""
    world = Small(small("a b c", "a:b b:c", when={"b:c": "a:b followed_by_all 1"}))
    world.follow("a:b")
    version = world.timeline.version
    world.follow("b:c")
    assert (world.votes(), world.timeline.version) == ({"a:b": 1}, version)
    assert world.user().counted == {"a:b": 1}


def test_automatic_follows_are_votes_too() -> None:
    """They count like any."""
    world = pair(small("a b x y", "a>b x>y", when={"x:y": "a:b followed_by_all 2"}))
    assert world.votes() == {"a:b": 2}
    assert "y" in world.states("v")


def test_repeated_follows_of_one_user_are_all_counted() -> None:
    """The sum of follows, not of users."""
    plain = small("a b c x", "a:b b:b c:x", when={"c:x": "b:b followed_by_all 2"})
    world = Small(plain)
    world.follow("a:b")
    world.follow("b:b")
    world.follow("b:b")
    assert world.votes() == {"b:b": 2}
    assert moves(world.follow("c:x")) == "-c +x"


def test_who_is_deleted_takes_its_votes_along() -> None:
    """The sum is over users now on the timeline, and a new beginning starts from none."""
    world = pair(VOTES)
    world.follow("a:b", "u")
    world.erase("u")
    assert world.votes() == {}
    world.create("u")
    assert world.user("u").counted == {}
    world.follow("a:b", "v")
    assert world.count("c:b", "v") == 0
    world.follow("a:b", "u")
    assert world.count("c:b", "u") == 1


def test_who_leaves_without_votes_is_no_joint_step() -> None:
    """There is nothing to take along."""
    world = pair(VOTES)
    version = world.timeline.version
    world.erase("u")
    assert world.timeline.version == version
