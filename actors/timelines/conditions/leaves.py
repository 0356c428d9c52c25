"""Leaves of conditions that no clock changes: variables, event states, follows.

A leaf looks at one thing of the world and says true or false. Whoever stands under `not` wants the
contrary. Literals are parsed once, when a revision is compiled. An empty operand makes a leaf
false, whatever the operator, and its negation true. Rules: spec timelines 5.12.7, 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from actors.timelines import decimals, values
from actors.timelines.document import Condition
from actors.timelines.times import Zone


class World(Protocol):
    """What a condition may look at: one user, the shared variables, the instant.

    All instants are ms since 1970 in UTC. Names and ids are those of the definition.
    """

    @property
    def now_ms(self) -> int:
        """The instant that is decided at."""

    @property
    def zone(self) -> Zone:
        """The user's time zone: times without a zone are meant there."""

    @property
    def times_disabled(self) -> bool:
        """Every leaf about time passes for this user (spec timelines 5.12.6)."""

    @property
    def created_ms(self) -> int:
        """When the user was created."""

    def value(self, name: str) -> str:
        """The value of a variable, of either scope; empty if it is unset."""

    def state_of(self, event: str) -> str:
        """The state of an event: `UNVISITED`, `ACTIVE` or `VISITED`."""

    def since(self, event: str, state: str) -> int | None:
        """When the event came into that state the last time, if it ever did."""

    def entered(self, beat: str) -> int | None:
        """When the user entered a beat, if ever."""

    def follows(self, link: str) -> int:
        """How often this user followed a link."""

    def follows_by_all(self, link: str) -> int:
        """How often all users of the timeline together did."""


Truth = Callable[[World], bool]


class GaveUp(Exception):
    """A search looked at as much as it may."""


class Search:
    """A search for an instant: the world that it is about, and how many looks are left."""

    __slots__ = ("left", "world")

    def __init__(self, world: World, looks_max: int) -> None:
        """A search in that world, with so many looks."""
        self.world = world
        self.left = looks_max

    def look(self, looks: int = 1) -> None:
        """Note a look, or what takes as long as several; raise `GaveUp` when none is left."""
        self.left -= looks
        if self.left < 0:
            raise GaveUp


@dataclass(frozen=True, slots=True)
class Leaf:
    """A question whose answer time alone does not change. `wanted` is False under `not`.

    `form` is the condition as it was authored.
    """

    truth: Truth
    words: str
    wanted: bool
    form: Condition

    def holds(self, world: World) -> bool:
        """Whether the leaf passes, as it stands."""
        return self.truth(world) is self.wanted

    def first(self, search: Search, start: int, _until: int, want: bool) -> int | None:
        """`start` if the leaf is what is wanted; else it never is."""
        return start if self.holds(search.world) is want else None

    def failing(self, world: World) -> Iterator[str]:
        """What does not pass, in words."""
        return failing(self.holds(world), self.words, self.wanted)


def failing(passes: bool, words: str, wanted: bool) -> Iterator[str]:
    """The words of a leaf if it does not pass, with `not` where it stands so."""
    if not passes:
        yield words if wanted else f"not {words}"


def variable_and_literal(name: str, type_: str, op: str, literal: str) -> Truth:
    """`name op literal`; the literal is a value of that type."""
    comparing = values.comparison(type_, op)
    if not literal:
        return _is_never
    if type_ == "datetime":
        return lambda world: values.compare(type_, world.value(name), op, literal, world.zone)
    if type_ != "number":
        return lambda world: bool(left := world.value(name)) and comparing(left, literal)
    number = decimals.read(literal)

    def truth(world: World) -> bool:
        left = world.value(name)
        return left != "" and comparing(decimals.read(left), number)

    return truth


def variable_and_variable(name: str, type_: str, op: str, other: str) -> Truth:
    """`name op other`, two variables of that type."""
    return lambda world: values.compare(
        type_, world.value(name), op, world.value(other), world.zone
    )


def event_state(event: str, state: str) -> Truth:
    """The user's event is in that state."""
    return lambda world: world.state_of(event) == state


def followed(link: str, at_least: int | None, at_most: int | None) -> Truth:
    """This user followed the link so often; both bounds are inclusive."""
    low, high = at_least or 0, at_most
    if high is None:
        return lambda world: world.follows(link) >= low
    return lambda world: low <= world.follows(link) <= high


def followed_by_all(link: str, at_least: int | None) -> Truth:
    """All users together followed the link at least so often."""
    low = at_least or 0
    return lambda world: world.follows_by_all(link) >= low


def _is_never(_world: World) -> bool:
    return False
