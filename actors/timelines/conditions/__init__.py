"""Conditions: guards, link conditions and thread deliveries, compiled to ask them often.

A condition becomes a tree of leaves (`trees.py`); `not` is pushed down to the leaves, so that a
leaf about time can pass under it too. A test says whether it holds in a `World`, when time alone
will change that, and what it looks at. The search for an instant ends 366 days after the last
bound that is no daily one, or after so many looks that more would hold everybody up.

Made from documents that were judged (`publishing.py`). Rules: spec timelines 5.4, 5.5, 5.12.6,
5.12.7, 5.12.12, 5.12.17, 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

from actors.timelines import document, times
from actors.timelines.conditions import leaves, time_leaves
from actors.timelines.conditions.leaves import GaveUp, Leaf, Search
from actors.timelines.conditions.leaves import World as World
from actors.timelines.conditions.time_leaves import During, EachDay, Instant, Timed
from actors.timelines.conditions.trees import Every, Node, Some
from actors.timelines.daily import read_daily
from actors.timelines.times import DAY_MS, NEVER

DAILY_DAYS_MAX = 366
LOOKS_MAX = 50_000
"""Looks at parts of a condition in one search: tens of ms. A year of two windows that never meet
takes 8,000; what is not found by then is answered with None, and alarms do without."""
WORDS_MAX = 20  # enough to mend a refusal; a condition may have thousands of leaves


class Reads(NamedTuple):
    """What a condition looks at, by name; `is_timed`: it has leaves that the clock changes."""

    variables: frozenset[str]
    events: frozenset[str]
    links: frozenset[str]
    counted_links: frozenset[str]
    beats: frozenset[str]
    is_timed: bool


class Test:
    """A compiled condition. It keeps nothing of the worlds that it is asked about.

    `root` is its tree, for who explains it; `reads` is what it looks at.
    """

    __slots__ = ("_has_daily", "_timed", "reads", "root")

    def __init__(self, root: Node, reads: Reads, timed: tuple[Timed, ...]) -> None:
        """A tree, what it reads, and those of its leaves that the clock changes."""
        self.root = root
        self._timed = timed
        self._has_daily = any(isinstance(leaf, EachDay) for leaf in timed)
        self.reads = reads

    def holds(self, world: World) -> bool:
        """Whether the condition is true now."""
        return self.root.holds(world)

    def next_change(self, world: World) -> int | None:
        """The first instant after now at which time alone changes the truth, in ms, or None."""
        if not self._timed or world.times_disabled:
            return None
        return self._search(world, not self.root.holds(world))

    def next_true(self, world: World) -> int | None:
        """The first instant after now at which it holds, in ms; None: it does now, or never."""
        if not self._timed or world.times_disabled or self.root.holds(world):
            return None
        return self._search(world, want=True)

    def next_boundary(self, world: World, after_ms: int) -> int | None:
        """The earliest flip of any leaf about time after `after_ms`, whatever the others say."""
        if world.times_disabled:
            return None
        flips = (leaf.flip_after(world, after_ms) for leaf in self._timed)
        return min((flip for flip in flips if flip is not None), default=None)

    def why(self, world: World) -> list[str]:
        """The leaves that make it fail, in words, at most twenty; none if it holds."""
        return list(islice(self.root.failing(world), WORDS_MAX))

    def _search(self, world: World, want: bool) -> int | None:
        try:
            return self.root.first(
                Search(world, LOOKS_MAX), world.now_ms, self._horizon(world), want
            )
        except GaveUp:
            return None

    def _horizon(self, world: World) -> int:
        if not self._has_daily:
            return NEVER
        last = world.now_ms
        for leaf in self._timed:
            if isinstance(leaf, During):
                last = max(last, leaf.last_flip(world) or last)
        return last + DAILY_DAYS_MAX * DAY_MS


# --- compiling


def compile_condition(condition: document.Condition, types: Mapping[str, str]) -> Test:
    """Compile a judged condition; `types` are the declared types of variables, by name."""
    return _Compiling(types).test(condition)


class _Compiling:
    """One condition on its way to a `Test`: what it reads is gathered along the way."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self.types = types
        self.variables: set[str] = set()
        self.events: set[str] = set()
        self.links: set[str] = set()
        self.counted_links: set[str] = set()
        self.beats: set[str] = set()
        self.timed: list[Timed] = []

    def test(self, condition: document.Condition) -> Test:
        root = self.node(condition, True)
        reads = Reads(
            frozenset(self.variables),
            frozenset(self.events),
            frozenset(self.links),
            frozenset(self.counted_links),
            frozenset(self.beats),
            bool(self.timed),
        )
        return Test(root, reads, tuple(self.timed))

    def node(self, condition: document.Condition, wanted: bool) -> Node:
        """The tree of a condition, or (not `wanted`) of its negation."""
        if condition.not_ is not None:
            return self.node(condition.not_, not wanted)
        if condition.all_ is not None:
            return self.together(condition.all_, wanted, all_of=wanted)
        if condition.any_ is not None:
            return self.together(condition.any_, wanted, all_of=not wanted)
        if condition.time or condition.elapsed or condition.daily:
            leaf = self.timed_leaf(condition, wanted)
            self.timed.append(leaf)
            return leaf
        return self.leaf(condition, wanted)

    def together(
        self, conditions: tuple[document.Condition, ...], wanted: bool, *, all_of: bool
    ) -> Node:
        parts = tuple(self.node(each, wanted) for each in conditions)
        if len(parts) == 1:
            return parts[0]
        return Every(parts) if all_of else Some(parts)

    def leaf(self, condition: document.Condition, wanted: bool) -> Leaf:
        if condition.var is not None:
            return self.comparison(condition, condition.var, wanted)
        if condition.event is not None:
            self.events.add(condition.event)
            state = condition.state or ""
            words = f"{condition.event} is {state}"
            return Leaf(leaves.event_state(condition.event, state), words, wanted, condition)
        link, own, votes = condition.link or "", condition.followed, condition.followed_by_all
        if own is not None:
            self.links.add(link)
            words = f"{link} followed{_bounds(own.at_least, own.at_most)}"
            return Leaf(leaves.followed(link, own.at_least, own.at_most), words, wanted, condition)
        self.counted_links.add(link)
        at_least = votes.at_least if votes else None
        words = f"{link} followed by all{_bounds(at_least, None)}"
        return Leaf(leaves.followed_by_all(link, at_least), words, wanted, condition)

    def comparison(self, condition: document.Condition, name: str, wanted: bool) -> Leaf:
        self.variables.add(name)
        type_, op, value = self.types[name], condition.op or "", condition.value or ""
        if isinstance(value, str):
            truth = leaves.variable_and_literal(name, type_, op, value)
            return Leaf(truth, f"{name} {op} {value}", wanted, condition)
        self.variables.add(value.var)
        truth = leaves.variable_and_variable(name, type_, op, value.var)
        return Leaf(truth, f"{name} {op} {value.var}", wanted, condition)

    def timed_leaf(self, condition: document.Condition, wanted: bool) -> Timed:
        if (time := condition.time) is not None:
            bounds = time_leaves.between(self.instant(time.after), self.instant(time.before))
            words = f"time{_from_to(time.after, time.before)}"
            return During(bounds, words, wanted, condition)
        if (elapsed := condition.elapsed) is not None:
            bounds = time_leaves.elapsed(
                self.origin(elapsed.since), _duration(elapsed.at_least), _duration(elapsed.at_most)
            )
            words = f"since {elapsed.since}{_bounds(elapsed.at_least, elapsed.at_most)}"
            return During(bounds, words, wanted, condition)
        daily = condition.daily
        assert daily is not None
        words = f"daily {daily.from_} to {daily.to}"
        return EachDay(read_daily(daily.from_, daily.to, daily.days), words, wanted, condition)

    def instant(self, given: str | document.Operand | None) -> Instant | None:
        if given is None or isinstance(given, str):
            return None if given is None else time_leaves.literal(given)
        self.variables.add(given.var)
        return time_leaves.variable(given.var)

    def origin(self, since: str) -> Instant:
        """`user.created`, `event:ID.STATE` or `beat:ID`."""
        what, _, name = since.partition(":")
        if what == "beat":
            self.beats.add(name)
            return time_leaves.beat_entered(name)
        if what == "event":
            event, _, state = name.partition(".")
            self.events.add(event)
            return time_leaves.event_since(event, state)
        return time_leaves.user_created


def _duration(text: str | None) -> int | None:
    return None if text is None else times.read_duration(text)


def _bounds(at_least: object, at_most: object) -> str:
    low = "" if at_least is None else f" at least {at_least}"
    return low + ("" if at_most is None else f" at most {at_most}")


def _from_to(after: str | document.Operand | None, before: str | document.Operand | None) -> str:
    return "".join(
        f" {word} {given if isinstance(given, str) else given.var}"
        for word, given in (("from", after), ("before", before))
        if given is not None
    )
