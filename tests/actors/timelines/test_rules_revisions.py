"""Revisions: what a new definition changes, for whom, and what lives on.

Each test is a sentence of spec timelines 5.12.10 or 5.12.19 with the smallest timeline for it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from timeline_small import Small, moves, small

from actors.timelines.timeline import TIMELINE
from actors.timelines.timeline_words import Publish, Published, RevisionPublished, Unpublish
from engine.errors import Refused
from engine.machine import Moment


def value(world: Small) -> str:
    """The shared value `s` as it is."""
    return world.shared.shared["s"].value


def test_the_same_definition_again_publishes_nothing() -> None:
    """The same hash."""
    plain = small("a b", "a:b")
    world = Small(plain)
    before = world.timeline
    world.republish(plain)
    assert world.timeline == before


def test_users_stay_on_their_revision() -> None:
    """New ones begin on the newest."""
    world = Small(small("a b", "a:b"))
    world.republish(small("x"))
    world.create("v")
    assert (world.states("u"), world.states("v")) == ("a", "x")
    assert moves(world.follow("a:b")) == "-a +b"
    assert world.user("u").revision != world.user("v").revision == world.shared.revision


def test_shared_values_live_on_where_name_and_type_match() -> None:
    """A new definition does not set them back, even with another default."""
    plain = small("a b", "a:b", do={"a:b": "add s 1"})
    world = Small(plain)
    world.set("s", "4")
    world.republish(changed(plain, default="9"))
    assert value(world) == "4"
    world.create("v")
    world.follow("a:b", "v")
    assert value(world) == "5"


def test_a_shared_value_of_another_type_begins_with_its_default() -> None:
    """The old value is none of the new type."""
    world = Small(small("a b", "a:b", do={"a:b": "add s 1"}))
    world.set("s", "4")
    world.republish(as_text())
    assert value(world) == "abc"


@pytest.mark.parametrize("place", ["guard", "thread", "link", "automatic link"])
def test_who_is_behind_is_not_broken_by_a_value_of_another_type(place: str) -> None:
    """A condition of the former definition says something, whatever it is that it reads."""
    when = "s >= 1"
    plain = {
        "guard": lambda: small("a | b", guards={"g1": when}),
        "thread": lambda: small("a b", threads={"b": when}),
        "link": lambda: small("a b", "a:b", when={"a:b": when}),
        "automatic link": lambda: small("a b", "a>b", when={"a:b": when}),
    }[place]()
    world = Small(plain)
    world.republish(as_text())
    assert moves(world.settle()) == ""
    assert moves(world.follow("a:b")) == ""


def test_who_is_behind_writes_no_value_of_another_type() -> None:
    """It goes on, and what others share keeps its type."""
    world = Small(small("a b", "a:b", do={"a:b": "add s 1"}))
    world.republish(as_text())
    assert moves(world.follow("a:b")) == "-a +b"
    assert value(world) == "abc"


def changed(plain: dict[str, Any], **variable: str) -> dict[str, Any]:
    """A document with another declaration of its one variable."""
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(plain))
    copy["variables"][0].update(variable)
    return copy


def as_text() -> dict[str, Any]:
    """A document whose `s` is a text."""
    plain = small("a b", "a:b", do={"a:b": "set s 1"})
    return changed(plain, type="string", default="abc")


def test_a_variable_that_is_gone_stays_for_who_is_behind() -> None:
    """Its users still write it, and it is shown no more."""
    world = Small(small("a b", "a:b", do={"a:b": "add s 1"}))
    world.republish(small("x"))
    world.follow("a:b")
    assert value(world) == "1"
    with pytest.raises(Refused):
        world.set("s", "2")


@pytest.mark.covers("TL-054")
def test_nobody_begins_on_an_unpublished_timeline_and_users_go_on() -> None:
    """Until it is published again."""
    plain = small("a b", "a:b")
    world = Small(plain)
    world.tell(Unpublish())
    assert world.shared.published is Published.UNPUBLISHED
    with pytest.raises(Refused):
        world.create("v")
    assert moves(world.follow("a:b")) == "-a +b"
    world.republish(plain)
    world.create("v")
    assert world.states("v") == "a"


def test_nobody_begins_on_a_timeline_that_is_not_there() -> None:
    """Unknown is refused."""
    world = Small(small("a"), begin=False)
    world.timeline = TIMELINE.blank(world.timeline.address)
    with pytest.raises(Refused):
        world.create()


def test_unpublished_values_can_still_be_set() -> None:
    """Users that go on may wait for them."""
    world = Small(small("a | b", guards={"g1": "s >= 1"}))
    world.tell(Unpublish())
    world.set("s", "1")
    assert moves(world.progress()) == "+b"


def test_an_unknown_or_a_users_own_variable_is_not_set_from_outside() -> None:
    """Only shared ones of the newest definition."""
    world = Small(small("a b", "a:b", do={"a:b": "add s 1; add n 1"}))
    for name in ("n", "x"):
        with pytest.raises(Refused, match="shared"):
            world.set(name, "1")
    assert world.timeline.version == 1


def test_setting_what_is_already_so_states_nothing() -> None:
    """No user is reconsidered for it."""
    world = Small(small("a b", "a:b", do={"a:b": "add s 1"}))
    world.set("s", "0")
    assert world.timeline.version == 1


def test_publishing_says_what_is_declared() -> None:
    """Defaults begin in canonical form, shared ones as values."""
    world = Small(changed(small("a b", "a:b", do={"a:b": "add s 1"}), default="01.50"))
    (declared,) = world.shared.declared
    assert (declared.name, declared.scope, declared.default) == ("s", "shared", "1.5")
    assert value(world) == "1.5"


def test_a_published_definition_is_a_document_of_its_hash() -> None:
    """It is stored with the fact that names it."""
    world = Small(small("a"))
    command = Publish(body=b"{}", title="Other", description="Words")
    step = TIMELINE.decide(world.timeline, command, Moment(7))
    (event,) = step.events
    assert isinstance(event, RevisionPublished)
    assert [document.hash for document in step.documents] == [event.revision]
    assert (event.title, event.description, event.at_ms) == ("Other", "Words", 7)


def test_votes_are_those_of_all_revisions() -> None:
    """Users of an earlier definition count, also where only the new one asks: once they settle."""
    world = Small(small("a b", "a:b b:b"))
    world.follow("a:b")
    world.follow("b:b")
    counting = {"c:b": "a:b followed_by_all 1", "a:b": "b:b followed_by_all 2"}
    world.republish(small("a b c", "a:b c:b b:b", when=counting))
    world.create("v")
    world.settle("u")
    assert world.votes() == {"a:b": 1, "b:b": 1}
    assert world.settle("u") is None
    world.follow("b:b", "u")
    world.settle("u")
    assert world.votes() == {"a:b": 1, "b:b": 2}
    assert moves(world.follow("c:b", "v")) == "-c +b"
    world.erase("u")
    assert world.votes() == {}


def test_follows_behind_count_as_soon_as_somebody_asks() -> None:
    """A user whose own definition shares nothing hears of it by the sweep of the publishing."""
    world = Small(small("a b c", "a:b b:c c:b"))
    counting = {"c:b": "b:c followed_by_all 2"}
    world.republish(small("a b c", "a:b b:c c:b", when=counting))
    assert not world.user().shares
    world.settle()
    assert world.user().shares
    for link in ("a:b", "b:c", "c:b", "b:c"):
        world.follow(link)
    assert world.votes() == {"b:c": 2}
