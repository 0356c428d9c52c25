"""Topics: who hears what, and what it costs nobody."""

from __future__ import annotations

from typing import Any

import toy

from engine.hub import Hub, Said, Told, Topic
from engine.messages import Address, Fact


class Ear:
    """A listener that remembers, and may do something when it hears."""

    def __init__(self, then: Any = None) -> None:
        self.heard: list[tuple[Topic, int]] = []
        self.said: list[Said] = []
        self.then = then

    def hear(self, topic: Topic, told: Told) -> None:
        """Remember."""
        self.heard.append((topic, told.fact.version))
        if self.then is not None:
            self.then()

    def hear_ephemeral(self, said: Said) -> None:
        """Remember."""
        self.said.append(said)


ADDRESS = Address("demo", "door", "1")


def told(version: int, address: Address = ADDRESS) -> Told:
    """A fact."""
    before = toy.DOOR.blank(address)
    fact = Fact(version, 0, (toy.Opened(),))
    return Told(toy.DOOR, "e.0", version, fact, before, toy.DOOR.fold(before, [fact]))


def test_a_fact_reaches_its_actor_and_its_kind_once_each() -> None:
    """Both topics hear it, in one project only."""
    hub, own, kind, other = Hub(), Ear(), Ear(), Ear()
    hub.subscribe(("demo", "door/1"), own)
    hub.subscribe(("demo", "door/1"), own)
    hub.subscribe(("demo", "kind/door"), kind)
    hub.subscribe(("else", "door/1"), other)
    hub.publish(told(1))
    assert own.heard == [(("demo", "door/1"), 1)]
    assert kind.heard == [(("demo", "kind/door"), 1)]
    assert other.heard == []
    assert hub.statistics()["deliveries"] == 2
    assert hub.statistics()["facts_told"] == 1


def test_leaving_while_a_fact_is_told_is_safe() -> None:
    """A listener may leave, and send others away, in the middle of a telling."""
    hub, late = Hub(), Ear()
    topic = ("demo", "door/1")

    def leave() -> None:
        hub.unsubscribe(topic, first)

    first = Ear(leave)
    hub.subscribe(topic, first)
    hub.subscribe(topic, late)
    hub.publish(told(1))
    hub.publish(told(2))
    assert len(first.heard) == 1
    assert len(late.heard) == 2


def test_topics_vanish_with_their_last_listener() -> None:
    """Nothing is kept for topics that nobody hears; unknown pairs are fine."""
    hub, ear = Hub(), Ear()
    hub.unsubscribe(("demo", "door/1"), ear)
    hub.subscribe(("demo", "door/1"), ear)
    assert hub.has_listeners(("demo", "door/1"))
    hub.unsubscribe(("demo", "door/1"), ear)
    hub.unsubscribe(("demo", "door/1"), ear)
    assert not hub.has_listeners(("demo", "door/1"))
    assert hub.statistics()["topics"] == 0


def test_passing_things_reach_listeners_as_one_value() -> None:
    """Everybody hears the same object, so that it is rendered once; nobody: nothing is made."""
    hub, one, two = Hub(), Ear(), Ear()
    hub.say(("demo", "door/1"), "viewers", 1)
    hub.subscribe(("demo", "door/1"), one)
    hub.subscribe(("demo", "door/1"), two)
    hub.say(("demo", "door/1"), "viewers", 2)
    assert one.said[0] is two.said[0]
    assert (one.said[0].name, one.said[0].data) == ("viewers", 2)
    assert hub.statistics()["ephemeral_said"] == 1


def test_followers_hear_every_project_before_listeners() -> None:
    """The house's own tables are right before anybody is told."""
    hub, order = Hub(), []
    hub.follow("door", lambda heard: order.append(("follower", heard.address.project)))
    hub.subscribe(("demo", "door/1"), Ear(lambda: order.append(("listener", "demo"))))
    hub.publish(told(1))
    hub.publish(told(1, Address("else", "door", "1")))
    assert order == [("follower", "demo"), ("listener", "demo"), ("follower", "else")]
