"""Topics: who hears what.

Publishing never waits. A fact is told once per topic; what a listener does with it, and what
happens when it falls behind, is the listener's business. Topics are independent of actors: sleep
ends no subscription, a subscription wakes nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from engine.kind import Kind
from engine.messages import Address, Fact, Snapshot

Topic = tuple[str, str]
"""(project, `KIND/ID` or `kind/KIND`)."""


class Told:
    """A committed fact on its way to listeners.

    `rendered` is a cache for what listeners make of it: a fact is serialised once, whoever
    listens. `before` and `after` are the committed states around it.
    """

    __slots__ = ("address", "after", "before", "epoch", "fact", "kind", "rendered", "seq")

    def __init__(
        self, kind: Kind[Any], epoch: str, seq: int, fact: Fact, before: Snapshot, after: Snapshot
    ) -> None:
        self.kind = kind
        self.address: Address = after.address
        self.epoch = epoch
        self.seq = seq
        self.fact = fact
        self.before = before
        self.after = after
        self.rendered: dict[str, Any] = {}


class Said:
    """Something passing: no version, not stored, not replayed. `rendered` is a cache as above."""

    __slots__ = ("data", "name", "rendered", "topic")

    def __init__(self, topic: Topic, name: str, data: Any) -> None:
        self.topic = topic
        self.name = name
        self.data = data
        self.rendered: dict[str, Any] = {}


class Listener(Protocol):
    """Whoever subscribed. Every method is plain and must not raise."""

    def hear(self, topic: Topic, told: Told) -> None:
        """A fact was committed."""
        ...

    def hear_ephemeral(self, said: Said) -> None:
        """Something passing was said."""
        ...


class Hub:
    """Subscriptions by topic."""

    def __init__(self) -> None:
        self._listeners: dict[Topic, dict[Listener, None]] = {}
        self._followers: dict[str, list[Callable[[Told], None]]] = {}
        self._told = 0
        self._heard = 0
        self._said = 0

    def subscribe(self, topic: Topic, listener: Listener) -> None:
        """From now on `listener` hears `topic`; again is the same as once."""
        self._listeners.setdefault(topic, {})[listener] = None

    def unsubscribe(self, topic: Topic, listener: Listener) -> None:
        """It hears the topic no more; unknown pairs are fine."""
        listeners = self._listeners.get(topic)
        if listeners is not None:
            listeners.pop(listener, None)
            if not listeners:
                del self._listeners[topic]

    def follow(self, kind: str, follower: Callable[[Told], None]) -> None:
        """`follower` is called with every fact of a kind in any project, for good.

        For the house's own tables (keys, environments), which must be right before the reply.
        """
        self._followers.setdefault(kind, []).append(follower)

    def publish(self, told: Told) -> None:
        """Tell a committed fact to the actor's topic and to its kind's."""
        self._told += 1
        for follow in self._followers.get(told.address.kind, ()):
            follow(told)
        project = told.address.project
        for topic in ((project, told.address.topic), (project, f"kind/{told.address.kind}")):
            listeners = self._listeners.get(topic)
            if listeners:
                self._heard += len(listeners)
                for listener in tuple(listeners):
                    listener.hear(topic, told)

    def say(self, topic: Topic, name: str, data: Any) -> None:
        """Pass on something ephemeral (a viewer count, a stream's health)."""
        listeners = self._listeners.get(topic)
        if listeners:
            self._said += 1
            said = Said(topic, name, data)
            for listener in tuple(listeners):
                listener.hear_ephemeral(said)

    def has_listeners(self, topic: Topic) -> bool:
        """True if anybody hears this topic."""
        return topic in self._listeners

    def statistics(self) -> Mapping[str, float]:
        """Topics and subscriptions now; facts told, deliveries, passing things said so far."""
        return {
            "topics": len(self._listeners),
            "subscriptions": sum(map(len, self._listeners.values())),
            "facts_told": self._told,
            "deliveries": self._heard,
            "ephemeral_said": self._said,
        }
