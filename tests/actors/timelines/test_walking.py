"""Walks over random timelines: what holds whatever the author wrote and the user does."""

from __future__ import annotations

from heapq import merge
from typing import Any

import msgspec
import pytest
from hypothesis import given
from timeline_dice import MINUTE, PLAYS, start_ms, timelines
from timeline_world import World

from actors.timelines import settling, walking
from actors.timelines.user_words import EventState, Walk
from actors.timelines.walker import Walker

Play = list[tuple[int, tuple[str, Any]]]


def play(world: World, plays: Play, *, rings: bool = True) -> list[Walk]:
    """Let a user walk; alarms ring in time, or never."""
    walks = [world.create()]
    world.create("other")
    links = sorted(world.revision.ways)
    for minutes, (what, with_what) in plays:
        until_ms = world.now_ms + minutes * MINUTE
        if rings:
            ring(world, until_ms)
        world.now_ms = until_ms
        walk = step(world, links, what, with_what)
        walks += [walk] if walk is not None else []
    return walks


def ring(world: World, until_ms: int) -> None:
    """Every alarm of `u` up to an instant."""
    at_ms = world.users["u"].alarm_at_ms
    while at_ms is not None and at_ms <= until_ms:
        world.now_ms = at_ms
        assert world.ring()
        at_ms = world.users["u"].alarm_at_ms


def step(world: World, links: list[str], what: str, with_what: Any) -> Walk | None:
    """One thing that somebody does."""
    match what:
        case "follow" if links:
            return world.follow(links[with_what % len(links)])
        case "other" if links:
            world.follow(links[with_what % len(links)], "other")
        case "progress":
            return world.progress(with_what)
        case "pause":
            return world.progress(pause=True)
        case "settle":
            return world.settle()
        case "set":
            world.set("s", with_what)
    return None


@given(timelines(), PLAYS)
def test_settling_is_idempotent(plain: dict[str, Any], plays: Play) -> None:
    """Whoever has settled finds nothing to do at the same instant."""
    world = World(plain, start_ms())
    play(world, plays)
    world.settle()
    assert world.settle() is None
    user, seen = world.user(), world.timeline.version
    assert not walking.is_due(world.revision, user, world.shared, seen, world.now_ms)


@given(timelines(), PLAYS)
def test_deciding_twice_is_the_same(plain: dict[str, Any], plays: Play) -> None:
    """A walk is a function of definition, state, shared values and clock."""
    first, second = World(plain, start_ms()), World(plain, start_ms())
    play(first, plays)
    play(second, plays)
    assert msgspec.json.encode(first.facts["u"]) == msgspec.json.encode(second.facts["u"])


def _settle_everything(walker: Walker) -> None:
    """Settling as the specification puts it: look at everything, again and again."""
    cells, ways = (
        walker.revision.cells,
        [way for cell in walker.revision.cells for way in cell.ways],
    )
    while True:
        opened = True
        while opened:
            opened = False
            for cell in cells:
                if walker.may_open(cell):
                    walker.open(cell)
                    opened = True
        fired = False
        for way in ways:
            if way.auto and walker.may_fire(way):
                walker.fire(way)
                fired = True
        if not fired:
            return


@given(timelines(), PLAYS)
def test_what_is_looked_at_is_enough(plain: dict[str, Any], plays: Play) -> None:
    """Looking only at what a change touched leads to the same as looking at everything."""
    world = World(plain, start_ms())
    play(world, plays)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walking, "settle", _settle_everything)
        naive = World(plain, start_ms())
        play(naive, plays)
    assert world.facts["u"] == naive.facts["u"]
    assert settling.settle is not _settle_everything


@given(timelines(), PLAYS)
def test_alarms_and_late_reads_write_the_same_log(plain: dict[str, Any], plays: Play) -> None:
    """Where nobody else changes anything, who was asleep catches up to what alarms would write."""
    alone = [(minutes, one) for minutes, one in plays if one[0] not in ("set", "other")]
    in_time, late = World(plain, start_ms()), World(plain, start_ms())
    play(in_time, alone)
    play(late, alone, rings=False)
    ring(in_time, in_time.now_ms)
    for world in (in_time, late):
        world.settle()
    assert _log(in_time) == _log(late)


def _log(world: World) -> tuple[Any, ...]:
    whole = _joined(world)
    return whole.moves, whole.follows, whole.beats, whole.passed


def _joined(world: World) -> Walk:
    """All walks of `u` as if they were one."""
    walks: list[Walk] = [event.walk for event in world.facts["u"]]  # type: ignore[attr-defined]
    joined: Walk = msgspec.structs.replace(
        walks[0],
        moves=tuple(move for walk in walks for move in walk.moves),
        follows=tuple(one for walk in walks for one in walk.follows),
        beats=tuple(one for walk in walks for one in walk.beats),
        passed=tuple(one for walk in walks for one in walk.passed),
    )
    return joined


@given(timelines(), PLAYS)
def test_the_log_is_whole(plain: dict[str, Any], plays: Play) -> None:
    """Each change of state is one entry, in order of time, and the entries lead to the states."""
    world = World(plain, start_ms())
    play(world, plays)
    states: dict[str, EventState] = {}
    last_ms = 0
    for move in _joined(world).moves:
        before = states.get(move.event, EventState.UNVISITED)
        assert (before, move.state) in {
            (EventState.UNVISITED, EventState.ACTIVE),
            (EventState.ACTIVE, EventState.VISITED),
            (EventState.VISITED, EventState.ACTIVE),
        }
        assert move.at_ms >= last_ms
        states[move.event], last_ms = move.state, move.at_ms
    assert states == {id_: been.state for id_, been in world.user().events.items()}


@given(timelines(), PLAYS)
def test_what_opens_was_reached(plain: dict[str, Any], plays: Play) -> None:
    """No event opens before its column, and none that links lead to without a follow."""
    world = World(plain, start_ms())
    play(world, plays)
    user = world.user()
    followed = {way.target for way in world.revision.ways.values() if way.id in user.follows}
    for id_ in user.events:
        cell = world.revision.by_id[id_]
        assert user.step is not None
        assert cell.step <= user.step
        assert cell.is_root or id_ in followed


@given(timelines(), PLAYS)
def test_counts_are_the_sum_of_who_is_there(plain: dict[str, Any], plays: Play) -> None:
    """Follows by all are the users' own; who is deleted takes its own along."""
    world = World(plain, start_ms())
    play(world, plays)
    counted = set(world.revision.by_count)
    for names in (("u", "other"), ("other",)):
        sums = {
            link: sum(world.user(name).follows[link].count
                      for name in names if link in world.user(name).follows)
            for link in counted
        }  # fmt: skip
        counts = {link: int(timed.value) for link, timed in world.shared.follows.items()}
        assert {link: number for link, number in counts.items() if number} == {
            link: number for link, number in sums.items() if number
        }
        world.erase(names[0])


@given(timelines(), PLAYS)
def test_an_alarm_waits_exactly_for_time(plain: dict[str, Any], plays: Play) -> None:
    """Before the alarm, time alone changes nothing of what a settle finds."""
    world = World(plain, start_ms())
    play(world, plays)
    world.settle()
    user = world.user()
    seen = user.seen  # what others changed since is found at any time
    due_ms = user.standing.due_ms
    until = [world.now_ms + minutes * MINUTE for minutes in range(1, 60, 7)]
    for at_ms in merge(until, [] if due_ms is None else [due_ms - 1]):
        if due_ms is None or at_ms < due_ms:
            assert not walking.is_due(
                world.revision, user, world.shared, seen, max(at_ms, world.now_ms)
            )
