"""Migrations between random timelines, amid random walks: what holds whatever the author wrote."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from timeline_dice import MINUTE, PLAYS, timelines
from timeline_small import Small

from actors.timelines.answers import View
from actors.timelines.answers.shapes import User as ShownUser
from actors.timelines.revision import Revision
from actors.timelines.user import USER
from actors.timelines.user_words import Dropped, EventState, Migrate, Migrated, Settled, User
from actors.timelines.walking import is_due
from engine.messages import Event

Plays = list[tuple[int, tuple[str, Any]]]


def played(plain: dict[str, Any], plays: Plays) -> Small:
    """A user, and another one, after a random walk."""
    world = Small(plain, begin=False)
    world.create()
    world.create("other")
    go_on(world, plays)
    return world


def go_on(world: Small, plays: Plays) -> None:
    """Walk by the definition that each is on."""
    for minutes, (what, with_what) in plays:
        world.now_ms += minutes * MINUTE
        name = "other" if what == "other" else "u"
        links = sorted(revision_of(world, name).ways)
        if what in ("follow", "other") and links:
            world.follow(links[with_what % len(links)], name)
        elif what in ("progress", "pause"):
            world.progress(with_what, what == "pause")
        elif what == "set":
            world.set("s", with_what)


def revision_of(world: Small, name: str = "u") -> Revision:
    """The definition that a user is on."""
    revision: Revision = world.definitions[world.user(name).revision]
    return revision


def published(world: Small, plain: dict[str, Any]) -> str:
    """Put another definition in force; its hash."""
    world.republish(plain)
    revision: str = world.shared.revision
    return revision


def migrate(world: Small, revision: str, name: str = "u") -> list[Event]:
    """Have a user go over; what the fact states."""
    return list(world.do(Migrate(revision=revision), name))


@pytest.mark.slow  # documents are compiled
@given(timelines(), PLAYS)
def test_the_same_definition_under_another_hash_loses_nothing(
    plain: dict[str, Any], plays: Plays
) -> None:
    """The user is as after a settle, and there is nothing to settle."""
    world = played(plain, plays)
    world.settle()
    before = world.user()
    revision = published(world, {**plain, "title": "Another"})
    (migrated,) = migrate(world, revision)
    assert isinstance(migrated, Migrated)
    assert (migrated.dropped, migrated.variables) == (Dropped(), {})
    assert (migrated.walk.moves, migrated.walk.follows, migrated.walk.passed) == ((), (), ())
    asked = {"revision": revision, "seen": world.timeline.version, "settled_ms": world.now_ms}
    assert world.user() == msgspec.structs.replace(before, **asked)
    assert world.settle() is None


@pytest.mark.slow  # documents are compiled
@given(timelines(), timelines(), PLAYS)
def test_a_migrated_user_is_at_rest_and_can_be_shown(
    plain: dict[str, Any], other: dict[str, Any], plays: Plays
) -> None:
    """Whatever the definitions are: nothing is due, and every answer has its shape."""
    world = played(plain, plays)
    revision = published(world, {**other, "title": "Another"})
    for name in ("u", "other"):
        *_, migrated = migrate(world, revision, name)
        assert isinstance(migrated, Migrated)
    world.settle()  # the other one's migration may have changed what they share
    assert world.settle() is None
    user, new = world.user(), revision_of(world)
    assert not is_due(new, user, world.shared, world.timeline.version, world.now_ms)
    assert set(user.events) | set(user.pending) <= set(new.by_id)
    assert set(user.follows) | set(user.fired) <= set(new.ways)
    assert set(user.beats) <= set(new.places)
    assert set(user.variables) == set(new.defaults)
    shown(world, new, user)


def shown(world: Small, new: Revision, user: User) -> None:
    """What the API says is of the shapes that it documents."""
    view = View(new, user, world.shared, "u", world.now_ms)
    body = msgspec.json.encode(view.user())
    assert msgspec.json.decode(body, type=ShownUser).current_step == user.step
    events = {
        event["id"]: event["state"] for event in json.loads(msgspec.json.encode(view.events()))
    }
    kept = {id_: been.state.value for id_, been in user.events.items()}
    assert events == {id_: kept.get(id_, "UNVISITED") for id_ in new.by_id}


@pytest.mark.slow  # documents are compiled
@given(timelines(), timelines(), PLAYS)
def test_there_and_back_keeps_what_both_have(
    plain: dict[str, Any], other: dict[str, Any], plays: Plays
) -> None:
    """States, follows and beats are as they were, or as the walks of the migrations made them."""
    world = played(plain, plays)
    former, before = world.user().revision, world.user()
    there = migrate(world, published(world, {**other, "title": "Another"}))
    both = revision_of(world)
    back = migrate(world, former)
    assert isinstance(back[-1], Migrated)
    walks = [event.walk for event in (*there, *back) if isinstance(event, Settled | Migrated)]
    after = world.user()
    moved = {move.event for walk in walks for move in walk.moves}
    for id_, been in before.events.items():
        if id_ in both.by_id and id_ not in moved:
            assert after.events[id_] == been
        elif id_ not in moved:
            assert id_ not in after.events
    for link, follows in before.follows.items():
        again = sum(one.link == link for walk in walks for one in walk.follows)
        if link in both.ways:
            assert after.follows[link].count == follows.count + again
    entered = {stamp.id for walk in walks for stamp in walk.beats}
    for beat, at_ms in before.beats.items():
        if beat in both.places and beat not in entered:
            assert after.beats[beat] == at_ms
    assert after.variables.keys() == before.variables.keys()


@pytest.mark.slow  # documents are compiled
@given(timelines(), timelines(), PLAYS, PLAYS)
def test_counts_by_all_are_the_sum_of_what_users_did(
    plain: dict[str, Any], other: dict[str, Any], plays: Plays, later: Plays
) -> None:
    """Before and after migrations; and every fact read again leads to the same user."""
    world = played(plain, plays)
    revision = published(world, {**other, "title": "Another"})
    for name in ("u", "other"):
        migrate(world, revision, name)
    go_on(world, later)
    for name in ("u", "other"):
        world.settle(name)
    users = [world.user(name) for name in ("u", "other")]
    for link in world.shared.counts:
        followed = [user.follows[link].count for user in users if link in user.follows]
        assert world.votes().get(link, 0) == sum(followed)
        assert sum(user.counted.get(link, 0) for user in users) == sum(followed)
    state = User()
    for event in world.facts["u"]:
        (read,) = USER.decode_events(msgspec.json.encode((event,)))
        state = USER.evolve(state, read)
    assert state == world.user()
    assert all(been.state is not EventState.UNVISITED for been in state.events.values())
