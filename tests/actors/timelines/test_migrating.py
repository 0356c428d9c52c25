"""Migration: what a user takes along to another definition, what it loses, and what opens.

Each test is a sentence of spec timelines 5.12.19 with the smallest timelines for it.
"""

from __future__ import annotations

from typing import Any

import pytest
from timeline_small import Small, instant, moves, small

from actors.timelines.user_words import (
    Dropped,
    EventState,
    Migrate,
    Migrated,
    Progress,
    Settled,
    Walk,
)
from engine.errors import Refused


def migrate(world: Small, plain: dict[str, Any] | None = None, name: str = "u") -> Migrated:
    """Put a definition in force and have a user go over to the newest; the fact's last event."""
    if plain is not None:
        world.republish(plain)
    *_, migrated = world.do(Migrate(revision=world.shared.revision), name)
    assert isinstance(migrated, Migrated)
    return migrated


def walk(world: Small, plain: dict[str, Any] | None = None) -> Walk:
    """What opened by a migration."""
    return migrate(world, plain).walk


# --- what is kept


def test_states_and_follows_are_kept_by_id() -> None:
    """Wherever the event stands now; when it became so, too."""
    world = Small(small("a b", "a:b"))
    world.at("08:10").follow("a:b")
    before = world.user()
    migrated = migrate(world.at("08:20"), small("x b | a", "a:b"))
    assert migrated.dropped == Dropped()
    assert world.states() == "x b (a)"
    assert {id_: world.user().events[id_] for id_ in "ab"} == dict(before.events)
    assert (world.user().follows, world.user().beats) == (before.follows, before.beats)


def test_variables_of_the_same_type_are_kept_and_new_ones_begin() -> None:
    """With their defaults."""
    world = Small(small("a b", "a:b", do={"a:b": "add n 5"}))
    world.follow("a:b")
    migrated = migrate(world, small("a b", "a:b", do={"a:b": "add n 1; add m 1"}))
    assert (migrated.variables, world.user().variables) == ({"m": "7"}, {"n": "5", "m": "7"})


@pytest.mark.parametrize(
    ("declared", "left"),
    [({"type": "string", "default": "abc"}, "abc"), ({"scope": "shared"}, None)],
)
def test_a_variable_of_another_type_or_scope_is_dropped(
    declared: dict[str, str], left: str | None
) -> None:
    """A user's own one begins with its default."""
    world = Small(small("a b", "a:b", do={"a:b": "add n 5"}))
    world.follow("a:b")
    plain = small("a b", "a:b", do={"a:b": "set n 1"})
    plain["variables"][0].update(declared)
    assert migrate(world, plain).dropped == Dropped(variables=("n",))
    assert world.user().variables.get("n") == left


def test_what_waits_to_open_still_does() -> None:
    """A target whose column was not reached; it opens where the new definition puts it."""
    plain = small("a | b", "a:b", guards={"g1": "n >= 1"})
    world = Small(plain)
    world.follow("a:b")
    assert world.user().pending == ("b",)
    assert moves(walk(world, {**plain, "title": "Other"})) == ""
    assert world.user().pending == ("b",)
    assert moves(walk(world, small("a b", "a:b"))) == "+b"


def test_an_automatic_link_does_not_fire_again() -> None:
    """It has since its event opened."""
    plain = small("a b", "a>b", do={"a:b": "add n 1"})
    world = Small(plain)
    migrate(world, {**plain, "title": "Other"})
    assert (world.count("a:b"), world.user().fired) == (1, ("a:b",))


# --- what is lost


def test_what_the_definition_does_not_have_is_dropped_and_told() -> None:
    """Events, links, beats, variables, and what waited to open."""
    world = Small(
        small("a | b | c", "a:b a:c", beats="0 1", guards={"g2": "n >= 9"}, do={"a:c": "add n 1"})
    )
    world.follow("a:c")
    assert world.user().pending == ("c",)
    former = world.user().revision
    migrated = migrate(world, small("x y", "x:y"))
    assert migrated.former == former
    assert migrated.dropped == Dropped(
        step=1, events=("a",), pending=("c",), links=("a:c",), beats=("b1",), variables=("n",)
    )
    user = world.user()
    assert (world.states(), user.step, user.pending, user.follows) == ("x", 0, (), {})
    assert (list(user.beats), user.variables, user.revision) == (["b0"], {}, migrated.revision)


def test_who_stood_behind_the_last_column_stands_in_it() -> None:
    """And is at the end; one who stood before goes on from there."""
    world = Small(small("a | b | c"))
    assert migrate(world, small("a | b")).walk.standing.ended
    assert migrate(world, small("a | b | c")).walk.standing.progress is Progress.WALKING
    assert moves(world.progress()) == "+c"


def test_who_has_not_begun_has_not_begun() -> None:
    """Nothing opens before the first step."""
    world = Small(small("a"), max_steps=0)
    assert moves(walk(world, small("x"))) == ""
    assert world.user().standing.progress is Progress.NOT_STARTED
    assert moves(world.progress()) == "+x"


# --- what opens


def test_new_columns_up_to_the_users_open() -> None:
    """In (step, row) order; what lies ahead does not."""
    world = Small(small("a | b | c", guards={"g2": "n >= 1"}))
    assert moves(walk(world, small("x a | b y | c z", guards={"g2": "n >= 1"}))) == "+x +y"
    assert world.user().step == 1


def test_what_held_an_event_back_may_be_gone() -> None:
    """A thread that delivers, a link that leads there no more, an automatic link that is new."""
    world = Small(small("a b", threads={"b": "n >= 1"}))
    assert moves(walk(world, small("a b"))) == "+b"
    world = Small(small("a b", "a:b"))
    assert moves(walk(world, small("a b", "a>b"))) == "+b"


def test_a_beat_that_is_new_is_not_entered() -> None:
    """The user is in it all the same; what its entering does is not done."""
    world = Small(small("a | b"))
    entered = walk(world, small("a | b", beats="0 1", do={"b1": "add n 1"}))
    assert entered.beats == ()
    assert entered.standing.beat is not None
    assert (entered.standing.beat.id, world.user().variables) == ("b1", {"n": "0"})


# --- guards


def test_a_guard_that_is_gone_is_not_waited_for() -> None:
    """The user may go on, and does so when it asks."""
    world = Small(small("a | b", guards={"g1": "n >= 1"}))
    gone = walk(world, small("a | b"))
    assert (gone.standing.waiting, gone.passed, gone.step) == (None, (), 0)
    assert moves(world.progress()) == "+b"


@pytest.mark.parametrize("guards", [{}, {"g1": "n == 0"}, {"g2": "n >= 1"}])
def test_with_auto_progress_who_is_let_through_goes_on(guards: dict[str, str]) -> None:
    """A guard that is gone, that passes now, or that stands elsewhere now; pauses are kept."""
    world = Small(
        small("a | b | c", guards={"g1": "n >= 1"}, auto_progress=True), pause_at_beats=True
    )
    plain = small("a | b | c", guards=guards, beats="0 2", auto_progress=True)
    assert moves(walk(world, plain)) == "+b"
    assert world.user().step == 1


def test_with_auto_progress_who_waited_for_nothing_stays() -> None:
    """Whoever was at the end is not moved into columns that are new."""
    world = Small(small("a", auto_progress=True))
    assert moves(walk(world, small("a | b", auto_progress=True))) == ""


# --- before, and when


def test_a_user_first_catches_up_by_the_former_definition() -> None:
    """Its past is as it would have been; the fact states both."""
    plain = small("a b", "a:b", threads={"b": "after 09:00"}, do={"a.ACTIVE": "add n 1"})
    plain["events"][1]["on"]["ACTIVE"] = [{"op": "add", "var": "n", "value": "1"}]
    plain["events"][1]["links"] = []
    del plain["events"][0]["links"]
    world = Small(plain)
    world.republish(small("a c", do={"a.ACTIVE": "add n 5"}))
    caught, migrated = world.at("10:00").do(Migrate(revision=world.shared.revision))
    assert isinstance(caught, Settled)
    assert isinstance(migrated, Migrated)
    assert [(move.event, move.at_ms) for move in caught.walk.moves] == [("b", instant("09:00"))]
    assert migrated.dropped == Dropped(events=("b",))
    assert (moves(migrated.walk), world.user().variables) == ("+c", {"n": "2"})


def test_a_user_of_a_test_clock_goes_at_its_own_instant() -> None:
    """Its clock is not moved, and no alarm rings for it."""
    plain = small("a | b", guards={"g1": "after 12:00"})
    world = Small(plain, at_ms=instant("08:30"))
    migrated = migrate(world.at("13:00"), {**plain, "title": "Other"})
    assert migrated.walk.at_ms == instant("08:30")
    assert world.user().is_virtual
    assert (world.user().standing.waiting, world.waits_until()) == ("g1", None)


def test_the_alarm_is_that_of_the_new_definition() -> None:
    """The former one rings no more."""
    world = Small(small("a | b", guards={"g1": "after 12:00"}))
    migrate(world, small("a | b", guards={"g1": "after 10:00"}))
    assert world.waits_until() == "10:00"


# --- whom it means


def test_who_is_on_it_already_states_nothing() -> None:
    """So a sweep that asks twice leads to one fact."""
    world = Small(small("a"))
    migrate(world, small("a x"))
    before = world.users["u"]
    assert world.do(Migrate(revision=world.shared.revision)) == ()
    assert world.users["u"] == before


def test_only_those_who_are_on_the_named_definition() -> None:
    """Others stay."""
    world = Small(small("a"))
    former = world.user().revision
    world.republish(small("x"))
    newest = world.shared.revision
    assert world.do(Migrate(revision=newest, only="0" * 64)) == ()
    assert len(world.do(Migrate(revision=newest, only=former))) == 1


def test_a_definition_of_another_timeline_is_refused() -> None:
    """Whatever the order says."""
    world = Small(small("a"))
    other = Small({**small("a"), "id": "U"}, begin=False)
    world.definitions |= other.definitions
    with pytest.raises(Refused, match="timeline"):
        world.do(Migrate(revision=other.shared.revision))


def test_nobody_is_migrated_into_an_overflow() -> None:
    """It is refused, and the user stays as it was."""
    world = Small(small("a b", "a:b", do={"a:b": f"add n {'9' * 64}"}))
    world.follow("a:b")
    before = world.users["u"]
    world.republish(small("a b x", "a:b", do={"a:b": "add n 1", "x.ACTIVE": f"mul n {'9' * 64}"}))
    with pytest.raises(Refused, match="variable_overflow"):
        world.do(Migrate(revision=world.shared.revision))
    assert world.users["u"] == before


def test_an_overflow_of_the_former_definition_holds_nobody_back() -> None:
    """What cannot be caught up with is left."""
    big = "9" * 64
    plain = small(
        "a b", "a>b", when={"a:b": "after 09:00"}, do={"a.ACTIVE": f"set n {big}", "a:b": "mul n 9"}
    )
    world = Small(plain).at("10:00")
    assert moves(walk(world, small("a c", do={"a:c": "add n 1"}))) == "+c"


# --- what all share


def test_follows_of_links_that_are_gone_do_not_count_any_more() -> None:
    """Those of links that stay do; the user's part in both is known."""
    plain = small(
        "a b c", "a:b c:b", when={"a:b": "a:b followed_by_all 0", "c:b": "c:b followed_by_all 0"}
    )
    world = Small(plain)
    world.follow("a:b")
    world.follow("c:b")
    assert world.votes() == {"a:b": 1, "c:b": 1}
    migrate(world, small("a b c", "a:b", when={"a:b": "a:b followed_by_all 1"}))
    assert (world.votes(), world.user().counted) == ({"a:b": 1}, {"a:b": 1})
    world.erase()
    assert world.votes() == {}


def test_follows_count_where_only_the_new_definition_counts() -> None:
    """Without another settle."""
    world = Small(small("a b", "a:b"))
    world.follow("a:b")
    migrate(world, small("a b c", "a:b", threads={"c": "a:b followed_by_all 1"}))
    assert (world.votes(), world.states()) == ({"a:b": 1}, "(a) b c")


def test_what_a_migration_opens_may_write_shared_values() -> None:
    """What was caught up with counts too; in one commit, each part once."""
    plain = small("a b", threads={"b": "after 09:00"}, do={"b.ACTIVE": "add s 1"})
    world = Small(plain)
    world.republish(small("a b c", threads={"b": "after 09:00"}, do={"c.ACTIVE": "add s 10"}))
    world.at("10:00").do(Migrate(revision=world.shared.revision))
    assert world.shared.shared["s"].value == "11"
    assert world.user().seen == world.timeline.version
    assert world.settle() is None


def test_interests_are_those_of_the_new_definition() -> None:
    """A sweep finds the user under what it waits for now."""
    world = Small(small("a | b", guards={"g1": "s >= 1"}))
    assert world.user().interests == ("s",)
    migrate(world, small("a | b", "a:b", guards={"g1": "n >= 1"}))
    assert (world.user().interests, world.user().shares) == ((), False)


def test_there_and_back_again() -> None:
    """What both have is as it was; what one lacks begins anew."""
    plain = small("a b | c", "a:b", do={"a:b": "add n 5"})
    world = Small(plain)
    world.follow("a:b")
    migrate(world, small("b | c"))
    back = migrate(world, plain)
    assert back.variables == {"n": "0"}
    assert (moves(back.walk), world.states(), world.count("a:b")) == ("+a", "a b c", 0)
    assert world.user().events["b"].state is EventState.ACTIVE
