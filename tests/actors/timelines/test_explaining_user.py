"""Explained users: links, the guard before the next column, threads, and events in reach."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from timeline_dice import MINUTE, PLAYS, start_ms, timelines
from timeline_journeys import Play, Told
from timeline_small import Small, small

from actors.timelines.explaining import user as explaining_user
from actors.timelines.explaining.user import ExplainedUser, explain_link, explain_user, reckon
from actors.timelines.looker import Looker
from actors.timelines.timeline_words import Timeline
from actors.timelines.user_words import User


def reckoned(on: Small, name: str = "u") -> Looker:
    """Who looks at a user that has caught up."""
    user, timeline = reckoned_parts(on, name)
    return Looker(on.definitions[user.revision], user, timeline, on.now_ms)


def reckoned_parts(on: Small, name: str = "u") -> tuple[User, Timeline]:
    """A user and its timeline, caught up."""
    user = on.user(name)
    revision = on.definitions[user.revision]
    return reckon(revision, user, on.shared, on.timeline.version, on.now_ms)


def explained(on: Small) -> ExplainedUser:
    """The user explained."""
    return explain_user(reckoned(on))


def reasons(on: Small) -> dict[str, tuple[str, ...]]:
    """Why events in reach are not open."""
    return {one.id: one.reasons for one in explained(on).events}


# --- links


@given(timelines(), PLAYS)
def test_a_link_explained_as_followable_is_followable(plain: dict[str, Any], plays: Play) -> None:
    """And no other is: whatever was due first, by time or by others. Explaining changes nothing."""
    on = Told(plain, begin=False)
    on.now_ms = start_ms()
    on.play(plays, rings=False)
    on.now_ms += 7 * MINUTE
    before = msgspec.json.encode((on.user(), on.shared))
    seen = reckoned(on)
    told = {id_: explain_link(seen, way) for id_, way in on.revision.ways.items()}
    explain_user(seen)
    assert msgspec.json.encode((on.user(), on.shared)) == before
    users, timeline = dict(on.users), on.timeline
    for link, one in told.items():
        on.users, on.timeline = dict(users), timeline
        assert one.followable is not bool(one.reasons)
        assert (on.follow(link) is not None) is one.followable


@given(timelines(), PLAYS)
def test_who_is_reckoned_stands_as_after_a_settle(plain: dict[str, Any], plays: Play) -> None:
    """The user and the shared values are those that a settle would store."""
    on = Told(plain, begin=False)
    on.now_ms = start_ms()
    on.play(plays, rings=False)
    on.now_ms += 7 * MINUTE
    user, timeline = reckoned_parts(on)
    on.settle()
    same = {"settled_ms": 0, "seen": 0}
    assert msgspec.structs.replace(user, **same) == msgspec.structs.replace(on.user(), **same)
    assert (timeline.shared, timeline.follows) == (on.shared.shared, on.shared.follows)


def test_a_link_says_all_its_reasons() -> None:
    """Not open, condition not met, both, or none; how often it was followed, and when last."""
    when = {"a:b": "n == 0", "b:c": "n == 1"}
    on = Small(small("a | b c", "a:b b:c", when=when, do={"a:b": "add n 2"}))
    ways = on.revision.ways
    found = [explain_link(reckoned(on), ways[one]) for one in ("a:b", "b:c")]
    assert [one.reasons for one in found] == [(), ("not_active", "condition_not_met")]
    assert (found[0].followable, found[0].followed, found[0].last_followed_at) == (True, 0, None)
    on.at("08:05").follow("a:b")
    again = explain_link(reckoned(on), ways["a:b"])
    assert again.reasons == ("not_active", "condition_not_met")
    assert (again.followed, again.last_followed_at) == (1, "2023-02-03T08:05:00Z")
    assert (again.timeline_event_state, again.to_event_id) == ("VISITED", "b")
    assert explain_link(reckoned(on), ways["b:c"]).reasons == ("condition_not_met",)


def test_a_link_without_condition_has_none_explained() -> None:
    """It is followable while its event is open."""
    on = Small(small("a | b", "a:b"))
    assert explain_link(reckoned(on), on.revision.ways["a:b"]).condition is None


# --- users


def test_the_guard_that_blocks() -> None:
    """The first that fails before the next column, with its condition; none at the end."""
    on = Small(small("a | b", guards={"g1": "n == 0", "g1x": "n == 1 and after 09:00"}))
    guard = explained(on).guard
    assert guard is not None
    assert (guard.id, guard.before_step) == ("g1x", 1)
    assert guard.condition.failing == ("n == 1", "time from 2023-02-03T09:00:00Z")
    over = Small(small("a", guards={}))
    assert explained(over).guard is None


def test_what_is_due_is_not_held_against_anybody() -> None:
    """A guard whose time has come does not block, though nothing was stored since."""
    on = Small(small("a | b", guards={"g1": "after 09:00"}))
    assert explained(on).guard is not None
    assert explained(on.at("09:00")).guard is None
    assert len(on.walks()) == 1


def test_a_thread_holds_events_that_would_be_open() -> None:
    """Those that are reached and entered, and no others; one that delivers is not told of."""
    held = {"b c d": "n == 1", "e": "n == 0"}
    on = Small(small("a b c e | d", "a:c", threads=held, guards={"g1": "n == 9"}))
    (thread,) = explained(on).threads
    assert (thread.id, thread.timeline_event_ids) == ("t0", ("b",))
    assert thread.condition.failing == ("n == 1",)
    on.follow("a:c")
    (thread,) = explained(on).threads
    assert thread.timeline_event_ids == ("b", "c")


def test_events_in_reach_say_why_they_are_not_open() -> None:
    """Column, link, thread; what was open is not told of, nor what is columns away."""
    held = {"c e": "n == 1"}
    on = Small(small("a b c | d e f | g", "a:b a:e a:g", threads=held, guards={"g1": "n == 1"}))
    column, link, thread = "step_not_reached", "no_link_followed", "thread_not_delivered"
    assert reasons(on) == {
        "b": (link,),
        "c": (thread,),
        "d": (column,),
        "e": (column, link, thread),
        "f": (column,),
    }
    (b,) = [one for one in explained(on).events if one.id == "b"]
    assert [(way.id, way.followable) for way in b.links] == [("a:b", True)]
    on.follow("a:g")
    assert reasons(on)["g"] == (column,)
    assert "a" not in reasons(on)
    (b,) = [one for one in explained(on).events if one.id == "b"]
    assert [(way.id, way.followable) for way in b.links] == [("a:b", False)]


def test_before_the_first_step_the_first_column_is_in_reach() -> None:
    """Nothing else is, and no guard stands before it."""
    on = Small(small("a b | c", "a:b"), max_steps=0)
    found = explained(on)
    assert (found.current_step, found.guard) == (None, None)
    assert reasons(on) == {
        "a": ("step_not_reached",),
        "b": ("step_not_reached", "no_link_followed"),
    }


def test_long_lists_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events and threads beyond the limits are left out, and how many is said."""
    monkeypatch.setattr(explaining_user, "EVENTS_MAX", 2)
    monkeypatch.setattr(explaining_user, "THREADS_MAX", 1)
    on = Small(small("a b c d", threads={"a b c": "n == 1", "d": "n == 2"}))
    found = explained(on)
    assert [one.id for one in found.events] == ["a", "b"]
    assert [one.timeline_event_ids for one in found.threads] == [("a", "b")]
    assert (found.events_left_out, found.threads_left_out) == (2, 1)


def test_who_cannot_catch_up_stays_as_it_is() -> None:
    """A variable would overflow: what is due is not reckoned, and nothing is raised."""
    large = "9" * 60
    do = {"b.ACTIVE": f"mul n {large}", "a:b": f"set n {large}"}
    on = Small(small("a b", "a:b", threads={"b": "after 09:00"}, do=do))
    on.follow("a:b")
    assert reasons(on.at("09:30")) == {"b": ()}
