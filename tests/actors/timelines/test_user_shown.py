"""What listeners see of a user: the state as of its last fact, and each fact as it is told.

Rules: spec timelines 4, 5.4.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from timeline_samples import USER_EVENTS
from timeline_small import Small, small

from actors.timelines.user import USER
from actors.timelines.user_shown import EVENTS_MAX, present, present_events
from actors.timelines.user_words import Been, EventState, User
from engine.messages import Erased


def plain(value: Any) -> Any:
    """A value as its JSON."""
    return msgspec.json.decode(msgspec.json.encode(value))


def waiting() -> Small:
    """A user before a guard, with a followed link and an event that is left."""
    return Small(
        small(
            "a b | c",
            "a:b",
            beats="0 1",
            do={"a:b": "add n 1"},
            guards={"g1": "after 09:00"},
        ),
        timezone="Asia/Tokyo",
        pause_at_beats=True,
    )


@pytest.mark.covers("TL-110", "TL-111", "TL-114")
def test_a_push_shows_the_user_as_of_its_last_fact() -> None:
    """Members of the User, the states of its events, its follows; times in UTC."""
    world = waiting()
    world.at("08:10").follow("a:b")
    assert plain(present(world.user())) == {
        "active_timeline_id": "T",
        "revision": world.shared.revision,
        "timezone": "Asia/Tokyo",
        "datetime_guards_disabled": False,
        "pause_at_beats": True,
        "variables": {"n": "1"},
        "progress": "waiting",
        "current_step": 0,
        "current_beat": {"id": "b0", "name": "Beat 0"},
        "new_beat_available": None,
        "waiting_for_condition_id": "g1",
        "waiting_for_condition_datetime": "2023-02-03T09:00:00Z",
        "end_of_timeline_reached": False,
        "events": {"a": "VISITED", "b": "ACTIVE"},
        "follows": {"a:b": 1},
    }


def test_a_follow_is_told_with_its_link_and_its_transitions() -> None:
    """In order of happening, and how the user stands after them."""
    world = waiting()
    world.at("08:10").follow("a:b")
    told = plain(present_events((world.facts["u"][-1],)))
    assert list(told)[:2] == ["link_id", "at"]
    assert (told["link_id"], told["at"]) == ("a:b", "2023-02-03T08:10:00Z")
    assert told["state_changes"] == [
        {"timeline_event_id": id_, "state": state, "state_changed_at": "2023-02-03T08:10:00Z"}
        for id_, state in (("a", "VISITED"), ("b", "ACTIVE"))
    ]
    assert told["variables"] == {"n": "1"}
    assert (told["progress"], told["current_step"]) == ("waiting", 0)
    assert (told["conditions_passed"], told["beats_entered"]) == ([], [])


def test_a_guard_that_passed_is_told() -> None:
    """The user is woken; the next beat may be entered."""
    world = waiting()
    world.at("09:00").ring()
    told = plain(present_events((world.facts["u"][-1],)))
    assert told["conditions_passed"] == ["g1"]
    assert told["new_beat_available"] == {"id": "b1", "name": "Beat 1"}
    assert told["waiting_for_condition_id"] is None
    assert "link_id" not in told


def test_a_progression_tells_the_beats_that_were_entered() -> None:
    """And the end."""
    world = waiting()
    world.at("09:30").progress()
    told = plain(present_events((world.facts["u"][-1],)))
    assert (told["beats_entered"], told["end_of_timeline_reached"]) == (["b1"], True)


def test_a_creation_tells_every_variable() -> None:
    """Those that the walk did not touch too."""
    plain_ = small("a b", "a:b", do={"a.ACTIVE": "add n 1", "a:b": "add m 1"})
    (created,) = Small(plain_).facts["u"]
    assert present_events((created,))["variables"] == {"n": "1", "m": "7"}


def test_what_others_share_is_not_told_of_a_user() -> None:
    """Nor what only the next decision needs."""
    shown = plain([present_events((event,)) for event in USER_EVENTS])
    for each in shown:
        assert not {"shared", "counted", "pending", "fired", "interests", "seen"} & set(each)


def test_an_erasure_tells_what_was_erased() -> None:
    """The counts of it, and no more."""
    erased = Erased(counts={"facts": 3})
    assert present_events((erased,)) == {"counts": {"facts": 3}}


@pytest.mark.parametrize("more", [0, 1])
def test_a_long_walk_is_asked_for_elsewhere(more: int) -> None:
    """So many events are shown, and with one more none."""
    events = {f"e{at}": Been(EventState.ACTIVE, 0) for at in range(EVENTS_MAX + more)}
    shown = present(User(events=events))
    assert (shown["events"] is None) is (shown["follows"] is None) is bool(more)


def test_everything_shown_is_json() -> None:
    """Each kind of fact, and nobody's state."""
    for event in USER_EVENTS:
        assert plain(USER.present_events((event,)))["state_changes"] is not None
    assert plain(USER.present(User()))["progress"] == "absent"
