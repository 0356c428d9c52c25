"""What clients of 2022 ask of a user: completing, bookmarks, and the names of then.

Rules: spec timelines 5.2, 5.12.3, 11.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_dice import timelines
from timeline_small import Small, moves, small

from actors.timelines import legacy
from actors.timelines.legacy_words import Bookmark, Bookmarked, Complete, Completed
from actors.timelines.user import OVERFLOW
from actors.timelines.user_fold import walked
from actors.timelines.user_words import EventState, Walk
from actors.timelines.walker import Walker
from actors.timelines.walking import follow, walk_of
from engine.errors import Refused
from engine.messages import Event

HUGE = "1" + "0" * 63


def leave(world: Small, event: str, **given: Any) -> Walk:
    """Complete an event; its walk."""
    (fact,) = world.do(Complete(user_timeline_event_id=event, **given))
    assert isinstance(fact, Completed)
    assert fact.source == event
    return fact.walk


def mark(world: Small, event: str) -> tuple[Event, ...]:
    """The reader is at that event."""
    return world.do(Bookmark(timeline_event_id=event))


# --- completing


def test_completing_follows_every_link_in_one_fact() -> None:
    """In authored order; the event is left with the first one."""
    world = Small(small("a b c d", "a:c a:b a:d"))
    walk = leave(world, "a")
    assert moves(walk) == "-a +c +b +d"
    assert [one.link for one in walk.follows] == ["a:c", "a:b", "a:d"]
    assert len(world.walks()) == 2


def test_a_link_whose_condition_fails_is_not_followed() -> None:
    """The others are."""
    world = Small(small("a b c", "a:b a:c", when={"a:b": "n >= 1"}))
    assert moves(leave(world, "a")) == "-a +c"
    assert (world.count("a:b"), world.count("a:c")) == (0, 1)


def test_an_operation_of_one_link_takes_no_other_away_and_opens_none() -> None:
    """What can be followed is judged once, when it is asked for."""
    plain = small(
        "a b c d",
        "a:b a:c a:d",
        when={"a:c": "n == 0", "a:d": "n >= 1"},
        do={"a:b": "add n 1"},
    )
    world = Small(plain)
    assert moves(leave(world, "a")) == "-a +b +c"


def test_operations_run_in_the_order_of_follows() -> None:
    """The link's, the event's once, the target's; then those of the next link (5.12.3)."""
    texts = {"a:b": "1", "a.VISITED": "2", "b.ACTIVE": "3", "a:c": "4", "c.ACTIVE": "5"}
    do = {name: f"append w {text}" for name, text in texts.items()}
    world = Small(small("a b c", "a:b a:c", do=do))
    leave(world, "a")
    assert world.user().variables["w"] == "12345"


def test_an_event_without_links_is_left_all_the_same() -> None:
    """A client may complete what leads nowhere; so may one whose links are all closed."""
    world = Small(small("a b c | d", "b:d", when={"b:d": "n >= 1"}, do={"a.VISITED": "add n 1"}))
    assert moves(leave(world, "b")) == "-b"
    assert moves(leave(world, "a")) == "-a"
    assert world.states() == "(a) (b) c"


def test_a_target_whose_column_is_ahead_waits() -> None:
    """As with any follow."""
    world = Small(small("a b | c", "a:b a:c", guards={"g1": "n >= 1"}))
    assert moves(leave(world, "a")) == "-a +b"
    assert world.user().pending == ("c",)


def test_an_event_that_a_link_opens_again_is_left_again_by_the_next() -> None:
    """Each link is followed as if the one before had been a command of its own."""
    for links, expected in (
        ("a:a a:b", "-a +a -a +b"),
        ("a:b a:a", "-a +b +a"),
        ("a:b a:c b>a", "-a +b +a -a +c"),
    ):
        world = Small(small("r a b c", f"r:a r:c {links}", when={"r:c": "n >= 1"}))
        leave(world, "r")
        assert moves(leave(world, "a")) == expected


def test_completing_goes_on_where_the_story_does() -> None:
    """A guard that an operation opens is passed, and an automatic story walks on."""
    given = {"do": {"a:b": "add n 1"}, "guards": {"g1": "n >= 1"}, "auto_progress": True}
    world = Small(small("a b | c", "a:b", **given))  # type: ignore[arg-type]
    assert moves(leave(world, "a")) == "-a +b +c"
    assert world.passed() == ["08:00 g1"]


def test_follows_are_counted_for_all() -> None:
    """A vote by completing is a vote, and shared values are written with it."""
    plain = small(
        "a b c d", "a:b a:c", when={"a:c": "a:b followed_by_all 0"}, do={"a:b": "add s 1"}
    )
    world = Small(plain)
    leave(world, "a")
    assert (world.votes(), world.shared.shared["s"].value) == ({"a:b": 1}, "1")


@pytest.mark.parametrize("event", ["b", "x", ""])
def test_what_is_not_open_cannot_be_completed(event: str) -> None:
    """Closed, or not there: refused, and nothing changed."""
    world = Small(small("a b c", "a:b"))
    before = msgspec.json.encode(world.users["u"])
    with pytest.raises(Refused, match="complete is not permitted now"):
        world.do(Complete(user_timeline_event_id=event))
    assert msgspec.json.encode(world.users["u"]) == before


def test_an_event_is_completed_once() -> None:
    """Then it is not open, until a link opens it again."""
    world = Small(small("r a b", "r:a a:b b:a"))
    leave(world, "r")
    leave(world, "a")
    with pytest.raises(Refused):
        world.do(Complete(user_timeline_event_id="a"))
    leave(world, "b")
    leave(world, "a")


def test_no_instant_before_the_last_one() -> None:
    """A test clock does not go back."""
    world = Small(small("a b", "a:b"))
    with pytest.raises(Refused):
        world.do(Complete(user_timeline_event_id="a", at_ms=world.now_ms - 1))
    assert leave(world, "a", at_ms=world.now_ms + 1).is_virtual


def test_what_overflows_is_refused() -> None:
    """With the reason that the door shows."""
    world = Small(small("a b", "a:b", do={"a:b": f"set m {HUGE}; mul m 10"}))
    with pytest.raises(Refused) as refused:
        world.do(Complete(user_timeline_event_id="a"))
    assert refused.value.why == OVERFLOW


# --- the same as following


def followed(world: Small, event: str) -> Walker:
    """Each link that can be followed now, in authored order; the event is open for all of them."""
    walker = Walker(world.revision, world.user(), world.shared, world.now_ms)
    cell, been = world.revision.by_id[event], walker.events[event]
    for way in [way for way in cell.ways if walker.is_followable(way)]:
        if walker.state_of(event) != EventState.ACTIVE:
            visited_ms = walker.events[event].visited_ms
            walker.events[event] = msgspec.structs.replace(been, visited_ms=visited_ms)
        follow(walker, cell, way)
    return walker


@st.composite
def stories(draw: st.DrawFn) -> dict[str, Any]:
    """A document in which `e0` is open from the start, with a link to each other event.

    Nothing happens when events are left: that is once in one case, and once a link in the other.
    """
    plain = draw(timelines())
    first, *others = plain["events"]
    for event in plain["events"]:
        event["on"] = {"ACTIVE": event["on"]["ACTIVE"]}
        event["links"] = [link for link in event["links"] if link["to"] != "e0"]
    linked = {link["to"] for link in first["links"]}
    first["links"] += [{"to": one["id"]} for one in others if one["id"] not in linked]
    first["links"][0].pop("when", None)
    first["step"] = 0
    first.pop("thread", None)
    return plain


@given(stories())
def test_completing_is_following_each_link(plain: dict[str, Any]) -> None:
    """The user, and what it adds to what all share, are as after one follow for each link."""
    world = Small(plain)
    walker, before, facts = followed(world, "e0"), world.user(), len(world.facts["u"])
    walk = leave(world, "e0")
    assert len(world.facts["u"]) == facts + 1
    assert walk.shared == walker.shared
    assert walk.counted == walker.counted
    expected = walked(before, walk_of(walker, before.seen))
    assert world.user() == msgspec.structs.replace(expected, seen=world.user().seen)


# --- what is remembered


def test_what_was_skipped_is_remembered_until_it_opens() -> None:
    """Completing it later, or following a link, is no skip."""
    world = Small(small("r a b", "r:a a:b b:a"))
    leave(world, "r")
    leave(world, "a", skipped=True)
    assert world.user().skipped == ("a",)
    world.follow("b:a")
    assert world.user().skipped == ()
    world.follow("a:b")
    leave(world, "b", skipped=True)
    leave(world, "a")
    assert world.user().skipped == ()
    leave(world, "b", skipped=True)
    leave(world, "a", skipped=True)
    assert world.user().skipped == ("a",)


def test_skips_are_sorted_and_survive_other_facts() -> None:
    """A settle or a step leaves them."""
    world = Small(small("b a | c", guards={"g1": "after 09:00"}))
    leave(world, "b", skipped=True)
    leave(world, "a", skipped=True)
    world.at("09:30").settle()
    world.progress()
    assert world.user().skipped == ("a", "b")


def test_bookmarks_are_the_last_ones() -> None:
    """The newest is where the reader is, two hundred are its history."""
    world = Small(small("a b c"), max_steps=0)
    for number in range(300):
        (fact,) = mark(world, "abc"[number % 3])
        assert isinstance(fact, Bookmarked)
    bookmarks = world.user().bookmarks
    assert (len(bookmarks), bookmarks[-3:]) == (legacy.HISTORY_MAX + 1, ("a", "b", "c"))


def test_a_bookmark_is_an_event_of_the_story() -> None:
    """Open or not; another is refused, and the same again states nothing."""
    world = Small(small("a b | c", "a:b"), max_steps=1)
    assert mark(world, "c")
    assert mark(world, "c") == ()
    with pytest.raises(Refused, match="bookmark is not permitted now"):
        mark(world, "x")
    assert world.user().bookmarks == ("c",)


def test_a_bookmark_is_no_walk() -> None:
    """Where the user stands, and when it will next be woken, stays."""
    world = Small(small("a | c", guards={"g1": "after 09:00"}))
    before = world.user()
    mark(world.at("08:30"), "a")
    assert msgspec.structs.replace(world.user(), bookmarks=()) == before
    assert world.waits_until() == "09:00"


# --- names


def test_old_names_of_states() -> None:
    """One for each, and SKIPPED for what was left by skipping."""
    names = [legacy.old_state(state) for state in EventState]
    assert names == ["UNAVAILABLE", "AVAILABLE", "COMPLETED"]
    skipped = [legacy.old_state(state, is_skipped=True) for state in EventState]
    assert skipped == ["UNAVAILABLE", "AVAILABLE", "SKIPPED"]


def test_what_a_client_may_change_an_event_to() -> None:
    """An open one only."""
    assert [legacy.may_become(state) for state in EventState] == [(), ("COMPLETED", "SKIPPED"), ()]


def test_old_types() -> None:
    """ACTIVITY where links lead on; what is not there is SIMPLE."""
    revision = Small(small("a b", "a:b")).revision
    assert [legacy.old_type(revision, id_) for id_ in "abx"] == ["ACTIVITY", "SIMPLE", "SIMPLE"]
