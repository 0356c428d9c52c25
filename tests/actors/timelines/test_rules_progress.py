"""Going on: columns, guards, beats, limits, and what a user then says of itself.

Each test is a sentence of spec timelines 5.3 or 5.4 with the smallest timeline that shows it.
"""

from __future__ import annotations

from typing import Any

import pytest
from timeline_small import Small, instant, moves, small

from actors.timelines.user_words import CreateUser, Place, Progress
from engine.errors import Refused

FOUR = small("a | b | c | d")
BEATS = small("a | b | c | d | e", beats="0 2 3")

# --- max_steps (5.3)


@pytest.mark.covers("TL-058", "TL-062", "TL-063")
@pytest.mark.parametrize(
    ("most", "step"), [(None, 3), (0, None), (1, 0), (3, 2), (4, 3), (99, 3)], ids=str
)
def test_creation_takes_at_most_so_many_columns(most: int | None, step: int | None) -> None:
    """None: until blocked or the end; 0: none, and no column is reached yet."""
    assert Small(FOUR, max_steps=most).user().step == step


@pytest.mark.covers("TL-062", "TL-063")
@pytest.mark.parametrize(("most", "step"), [(None, 3), (0, 0), (1, 1), (2, 2), (99, 3)], ids=str)
def test_progress_takes_at_most_so_many_columns(most: int | None, step: int) -> None:
    """The same when the user asks to go on."""
    world = Small(FOUR, max_steps=1)
    world.progress(most)
    assert world.user().step == step


def test_no_steps_still_settle() -> None:
    """A call for none finds what others have changed."""
    world = Small(small("a b | c", threads={"b": "s >= 1"}), max_steps=1)
    world.set("s", "1")
    assert moves(world.progress(0)) == "+b"
    assert world.user().step == 0


def test_without_change_nothing_is_stated() -> None:
    """At the end, or with no steps to take, a call leaves no fact."""
    world = Small(FOUR)
    assert world.progress() is None
    assert world.progress(0) is None
    assert len(world.walks()) == 1


# --- guards (5.3, 5.4)


@pytest.mark.covers("TL-021", "TL-065", "TL-114")
def test_a_failing_guard_stops_before_its_column() -> None:
    """`waiting` names it, and asking again changes nothing."""
    world = Small(small("a | b | c", guards={"g2": "n >= 1"}))
    assert world.user().step == 1
    assert world.waits_for() == ("g2", None)
    assert world.user().standing.progress is Progress.WAITING
    assert world.progress() is None


def test_guards_of_a_column_are_asked_as_authored() -> None:
    """The first that fails is named."""
    plain = small("a b | c", "a:b", guards={"g1x": "s >= 1", "g1y": "s >= 2", "g1z": "s >= 1"})
    world = Small(plain)
    assert world.waits_for() == ("g1x", None)
    world.set("s", "1")
    world.settle()
    assert world.waits_for() == ("g1y", None)
    assert world.progress() is None
    world.set("s", "2")
    assert moves(world.progress()) == "+c"


def test_a_guard_that_was_passed_is_asked_no_more() -> None:
    """It stands before its column only."""
    world = Small(small("a | b | c", guards={"g1": "s == 0"}), max_steps=2)
    world.set("s", "1")
    assert moves(world.progress()) == "+c"


def test_guards_see_what_the_steps_before_them_did() -> None:
    """A beat's operation opens the next guard in the same call."""
    world = Small(small("a | b", do={"b0": "add n 1"}, guards={"g1": "n >= 1"}))
    assert world.user().step == 1


def test_what_waits_is_always_the_next_boundary() -> None:
    """A guard further on is not waited for."""
    world = Small(small("a | b | c", guards={"g2": "n >= 1"}), max_steps=1)
    assert world.waits_for() == (None, None)
    assert world.user().standing.progress is Progress.WALKING


def test_before_the_first_step_nothing_is_waited_for() -> None:
    """No guard stands before column 0."""
    world = Small(small("a | b", guards={"g1": "n >= 1"}), max_steps=0)
    assert world.waits_for() == (None, None)
    assert world.user().standing.progress is Progress.NOT_STARTED


def test_at_the_end_nothing_is_waited_for() -> None:
    """There is no next boundary."""
    world = Small(small("a | b", guards={"g1": "after 07:00"}))
    assert world.waits_for() == (None, None)
    assert world.user().standing.progress is Progress.ENDED


# --- beats (5.3, 5.4)


@pytest.mark.covers("TL-064")
def test_with_pause_a_beat_stops_and_the_next_call_goes_on() -> None:
    """A marker never stops the first step of a call."""
    world = Small(BEATS, pause_at_beats=True)
    steps = [world.user().step]
    for _ in range(2):
        world.progress()
        steps.append(world.user().step)
    assert steps == [1, 2, 4]


def test_the_first_step_of_a_creation_enters_the_first_beat() -> None:
    """The beat at column 0 begins there, and does not stop."""
    assert Small(small("a | b"), pause_at_beats=True).user().step == 1


def test_without_pause_beats_are_passed() -> None:
    """They only name spans of columns."""
    assert Small(BEATS).user().step == 4


@pytest.mark.covers("TL-057", "TL-118")
@pytest.mark.parametrize(
    ("flag", "asked", "step"),
    [(True, None, 1), (True, True, 1), (True, False, 4), (False, True, 1), (False, None, 4)],
)
def test_what_is_asked_overrides_the_users_flag(flag: bool, asked: bool | None, step: int) -> None:
    """The request's value, else the user's own."""
    world = Small(BEATS, pause_at_beats=flag, max_steps=0)
    world.progress(pause=asked)
    assert world.user().step == step
    assert world.user().pauses is flag


def test_a_user_at_a_boundary_is_not_stuck() -> None:
    """However few steps a call takes, and although each begins a beat."""
    world = Small(small("a | b | c", beats="0 1 2"), pause_at_beats=True, max_steps=1)
    for step in (1, 2):
        world.progress(1)
        assert world.user().step == step


@pytest.mark.covers("TL-112")
def test_the_current_beat_is_that_of_the_column() -> None:
    """None before the first step, and the same until the next begins."""
    world = Small(BEATS, max_steps=0)
    beats: list[Any] = [world.user().standing.beat]
    for _ in range(5):
        world.progress(1)
        beats.append(world.user().standing.beat)
    zero, two, three = (Place(f"b{step}", f"Beat {step}") for step in (0, 2, 3))
    assert beats == [None, zero, zero, two, three, three]


@pytest.mark.covers("TL-113")
def test_a_new_beat_is_available_at_its_boundary_only() -> None:
    """When the next column begins it: after a pause, or where `max_steps` ran out."""
    world = Small(BEATS, max_steps=0)
    beats = [world.user().standing.new_beat]
    for _ in range(5):
        world.progress(1)
        beats.append(world.user().standing.new_beat)
    two, three = (Place(f"b{step}", f"Beat {step}") for step in (2, 3))
    assert beats == [None, None, two, three, None, None]
    assert world.user().standing.progress is Progress.ENDED


def test_a_new_beat_behind_a_guard_is_not_available() -> None:
    """Only if its guards pass now."""
    world = Small(small("a | b", beats="0 1", guards={"g1": "s >= 1"}))
    assert world.user().standing.new_beat is None
    world.set("s", "1")
    world.settle()
    assert world.user().standing.new_beat == Place("b1", "Beat 1")
    assert world.user().standing.progress is Progress.PAUSED
    assert world.user().step == 0


def test_the_first_beat_is_never_new() -> None:
    """The user has not started."""
    assert Small(small("a"), max_steps=0).user().standing.new_beat is None


def test_a_guard_and_a_beat_at_one_boundary() -> None:
    """The guard is asked first, then the marker stops."""
    world = Small(
        small("a b | c", beats="0 1", guards={"g1": "s >= 1"}), pause_at_beats=True, max_steps=1
    )
    assert world.waits_for() == ("g1", None)
    world.set("s", "1")
    assert moves(world.progress()) == "+c"


# --- creating (5.7, 5.8)


def create(world: Small, **given: Any) -> None:
    """Ask for a user."""
    world.do(CreateUser(published_timeline_id="T", **{"timezone": "UTC", **given}))


@pytest.mark.covers("TL-054", "TL-059", "TL-110")
def test_a_user_begins_as_it_was_asked_for() -> None:
    """On the timeline, in its zone, with its flags, with defaults where no value was given."""
    plain = small("a b", "a:b", do={"a:b": "add n 1; add m 1; add s 1"})
    world = Small(plain, begin=False)
    create(world, timezone="Asia/Tokyo", disable_time_guards=True, variables={"n": "05.50"})
    user = world.user()
    assert (user.timeline, user.zone) == ("T", "Asia/Tokyo")
    assert (user.times_disabled, user.pauses) == (True, False)
    assert user.variables == {"n": "5.5", "m": "7"}
    assert (user.created_ms, user.settled_ms) == (instant("08:00"), instant("08:00"))


def test_given_values_count_from_the_first_step() -> None:
    """They are there before anything is opened."""
    world = Small(small("a", threads={"a": "n == 3"}), variables={"n": "3"})
    assert world.states() == "a"


@pytest.mark.covers("TL-055", "TL-059")
@pytest.mark.parametrize(
    "given",
    [
        {"variables": {"s": "1"}},
        {"variables": {"x": "1"}},
        {"variables": {"n": "one"}},
        {"timezone": "Europe/Nowhere"},
        {"timezone": ""},
    ],
    ids=["shared", "unknown", "of another type", "no zone", "an empty zone"],
)
def test_a_user_that_cannot_be_is_refused(given: dict[str, Any]) -> None:
    """A shared or unknown variable, a value of another type, an unknown zone."""
    world = Small(small("a b", "a:b", do={"a:b": "add n 1; add s 1"}), begin=False)
    with pytest.raises(Refused):
        create(world, **given)
    assert not world.users


def test_who_is_there_cannot_be_created() -> None:
    """Deleting is the way to begin again; then all is as new."""
    world = Small(small("a b", "a:b", do={"a:b": "add n 1"}))
    world.follow("a:b")
    with pytest.raises(Refused, match="createUser is not permitted while"):
        create(world)
    world.erase()
    create(world)
    assert (world.states(), world.user().variables) == ("a", {"n": "0"})


def test_who_is_not_there_can_do_nothing() -> None:
    """Before creation, only that is permitted."""
    world = Small(small("a b", "a:b"), begin=False)
    for ask in (world.progress, world.settle):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.may == ("createUser",)
    assert world.follow("a:b") is None


def test_an_overflow_refuses_a_creation_and_a_progression() -> None:
    """Nobody is there after, or stands where it stood."""
    huge = {"b1": f"add n {'9' * 64}"}
    world = Small(small("a | b", beats="0 1", do=huge), begin=False)
    with pytest.raises(Refused, match="variable_overflow"):
        create(world, variables={"n": "1"})
    assert not world.users
    create(world, variables={"n": "1"}, max_steps=1)
    before = world.users["u"]
    with pytest.raises(Refused, match="variable_overflow"):
        world.progress()
    assert world.users["u"] == before


@pytest.mark.covers("TL-107")
def test_a_users_values_are_its_own() -> None:
    """What one user does to them, the other does not see."""
    world = Small(small("a b", "a:b", do={"a:b": "add n 1"}))
    world.create("v")
    world.follow("a:b")
    assert (world.user("u").variables, world.user("v").variables) == ({"n": "1"}, {"n": "0"})


# --- the log (5.1, 5.12.20)


@pytest.mark.covers("TL-022", "TL-025", "TL-026")
def test_each_change_of_state_is_one_entry_for_good() -> None:
    """In order of happening, both hops of an event that moved twice, with the user's step."""
    world = Small(small("a | b c", "a:b b:b b>c"), max_steps=1)
    world.at("08:01").progress()
    world.at("08:02").follow("a:b")
    before = world.log()
    world.at("08:03").follow("b:b")
    assert before == ["08:00 +a", "08:02 -a", "08:02 +b", "08:02 +c"]
    assert world.log() == [*before, "08:03 -b", "08:03 +b"]
    assert [move.step for walk in world.walks() for move in walk.moves] == [0, 1, 1, 1, 1, 1]


def test_one_command_is_one_fact() -> None:
    """However much it leads to."""
    world = Small(small("a b | c | d", "a>b", beats="0 1"))
    assert len(world.facts["u"]) == 1
    assert len(world.walks()[0].moves) == 4
