"""Alarms ring at least once, not early, not late, whatever fails or steps."""

from __future__ import annotations

import pytest
import trio
from stage import PROJECT, START_MS, Stage, TrioClock, door, entry_of, open_stage
from toy import DOOR, LOCK, Break, Chime, Door, Open, SetCode, evolve

from engine.kind import Kind
from engine.limits import Limits
from engine.machine import Machine, Row
from engine.messages import Address, AlarmDue, Erase
from storage.shelf import Shelf


async def ring_times(stage: Stage, address: Address | None = None) -> list[int]:
    """When it chimed or closed by itself, in milliseconds since the start."""
    facts = stage.store.shelf.facts.get(address or door(), [])
    return [fact.at_ms - START_MS for fact in facts if fact.name in ("Chimed", "Closed")]


async def test_an_alarm_rings_on_time(autojump_clock):
    """At its time, not before, waking its actor."""
    async with open_stage() as stage:
        await stage.ask(Chime(in_ms=60_000))
        await stage.put_all_to_sleep()
        await trio.sleep(59.9)
        assert await ring_times(stage) == []
        await trio.sleep(0.2)
        assert await ring_times(stage) == [60_000]
        assert stage.alarms.statistics() == {"held": 0, "ringing": 0, "parked": 0, "rung": 1}


async def test_an_earlier_alarm_wakes_the_sleeper(autojump_clock):
    """Each commit that sets one is noted; the nearest rings first, moved ones at their new time."""
    async with open_stage() as stage:
        await stage.ask(Chime(in_ms=20_000), door("a"))
        await stage.ask(Chime(in_ms=3_000), door("b"))
        await stage.ask(Chime(in_ms=1_000), door("c"))
        await stage.ask(Chime(in_ms=9_000), door("c"))
        await stage.ask(Chime(in_ms=9_000), door("d"))
        await stage.ask(Erase(), door("d"))
        await trio.sleep(21.0)
        times = [await ring_times(stage, door(name)) for name in "abcd"]
        assert times == [[20_000], [3_000], [9_000], []]


async def test_alarms_due_while_down_ring_at_the_start(autojump_clock):
    """The store is the truth: a crash loses none."""
    async with open_stage() as stage:
        await stage.ask(Chime(in_ms=1_000), door("a"))
        await stage.ask(Chime(in_ms=90_000), door("b"))
    await trio.sleep(30.0)
    async with open_stage(shelf=stage.store.shelf) as stage:
        await trio.sleep(0.1)
        assert await ring_times(stage, door("a")) == [30_000]
        await trio.sleep(60.0)
        assert await ring_times(stage, door("b")) == [90_000]


async def test_a_stale_alarm_is_nothing(autojump_clock):
    """`AlarmDue` counts only at the stored time."""
    async with open_stage(runs=()) as stage:
        await stage.ask(Chime(in_ms=5_000))
        reply = await stage.ask(AlarmDue(at_ms=START_MS + 4_000))
        assert (reply.fact, reply.version) == (None, 1)
        assert (await stage.directory.peek(door())).alarm_at_ms == START_MS + 5_000


async def test_two_deadlines_at_one_time_both_ring(autojump_clock):
    """The alarm's commit may leave another deadline at the same time: it rings at once."""
    async with open_stage() as stage:
        await stage.ask(Chime(in_ms=5_000))
        await stage.ask(Open(code="1234"))
        await stage.ask(Chime(in_ms=3_600_000), door("far"))
        await trio.sleep(5.5)
        assert [name for _, name in stage.stored()] == ["ChimeSet", "Opened", "Closed", "Chimed"]


async def test_a_refused_alarm_is_cleared(autojump_clock):
    """A write without a fact: it does not ring for ever, nor after a restart."""
    rows = tuple(row for row in LOCK.rows if row.on is not AlarmDue)
    deaf = Kind(
        name="door",
        state=Door,
        initial=lambda _id: Door(),
        machines=(Machine("lock", LOCK.phases, rows),),
        evolve=evolve,
        events=DOOR.events,
        deadline=DOOR.deadline,
    )
    async with open_stage(kinds=(deaf,)) as stage:
        await stage.ask(Chime(in_ms=1_000))
        await trio.sleep(1.5)
        assert stage.store.shelf.actors[door()].alarm_at_ms is None
        assert len(stage.stored()) == 1
        assert stage.alarms.statistics()["rung"] == 1


def broken_kind() -> Kind[Door]:
    """A door whose alarm breaks."""
    rows = [row for row in LOCK.rows if row.on is not AlarmDue]
    then = next(row.then for row in rows if row.on is Break)
    rows.append(Row("locked", AlarmDue, "locked", then))
    return Kind(
        name="door",
        state=Door,
        initial=lambda _id: Door(),
        machines=(Machine("lock", LOCK.phases, rows),),
        evolve=evolve,
        events=DOOR.events,
        deadline=DOOR.deadline,
    )


async def test_a_broken_alarm_backs_off_and_is_parked(autojump_clock):
    """Eight tries, each wait twice the last; then not before the next start or another alarm."""
    async with open_stage(kinds=(broken_kind(),), runs=("alarms",)) as stage:
        await stage.ask(Chime(in_ms=1_000))
        await trio.sleep(2.5)
        assert stage.notes.broken.count("alarm") == 2
        await trio.sleep(300.0)
        assert stage.notes.broken.count("alarm") == 8
        assert stage.alarms.statistics()["parked"] == 1
        await stage.ask(Chime(in_ms=1_000))
        await trio.sleep(1.5)
        assert stage.notes.broken.count("alarm") == 9


async def test_a_backing_off_alarm_that_is_moved_rings_then(autojump_clock):
    """Another commit's alarm takes the place of the one that failed."""
    async with open_stage(kinds=(broken_kind(),)) as stage:
        await stage.ask(Chime(in_ms=1_000))
        await trio.sleep(4.5)  # failed at 1 s, 2 s, 4 s; would try again at 8 s
        assert stage.notes.broken.count("alarm") == 3
        await stage.ask(Chime(in_ms=60_000))
        await trio.sleep(30.0)
        assert stage.notes.broken.count("alarm") == 3
        await trio.sleep(31.0)
        assert stage.notes.broken.count("alarm") > 3


async def test_a_full_disk_parks_no_alarm(autojump_clock):
    """What is not the actor's fault is tried until it works."""
    async with open_stage(runs=("alarms",)) as stage:
        await stage.ask(Chime(in_ms=1_000))
        stage.store.faults.fail_next(1_000)
        await trio.sleep(900.0)
        assert stage.alarms.statistics()["parked"] == 0
        stage.store.faults.waiting.clear()
        await trio.sleep(150.0)
        assert len(await ring_times(stage)) == 1


async def test_failing_alarms_hold_up_no_others(autojump_clock):
    """Whoever backs off gives its place back meanwhile."""
    async with open_stage(Limits(alarms_running_max=1), kinds=(broken_kind(), DOOR_TOO)) as stage:
        await stage.ask(Chime(in_ms=1_000))
        good = Address(PROJECT, "good", "1")
        await stage.ask(Chime(in_ms=2_500), good)
        await trio.sleep(3.0)
        assert await ring_times(stage, good) == [2_500]


DOOR_TOO = Kind(
    name="good",
    state=Door,
    initial=lambda _id: Door(),
    machines=DOOR.machines,
    evolve=evolve,
    events=DOOR.events,
    deadline=DOOR.deadline,
)


def crowd(count: int, at_ms: int) -> Shelf:
    """A shelf with many chimes due one after the other."""
    shelf = Shelf()
    for number in range(count):
        before = DOOR.blank(door(f"d{number}"))
        shelf.apply([entry_of(DOOR, before, Chime(in_ms=at_ms + number), START_MS)], 0)
    return shelf


@pytest.mark.slow
async def test_ten_thousand_overdue_alarms_are_paced(autojump_clock):
    """All ring, at most 64 at a time, with a page of them in memory."""
    shelf = crowd(10_000, 0)
    await trio.sleep(60.0)
    async with open_stage(shelf=shelf) as stage:
        most = dict.fromkeys(("ringing", "held"), 0.0)
        stage.store.faults.delay_seconds = 0.01
        while stage.alarms.statistics()["rung"] < 10_000:
            for name, value in stage.alarms.statistics().items():
                if name in most:
                    most[name] = max(most[name], value)
            await trio.sleep(0.01)
        assert most["held"] <= 256
        assert most["ringing"] <= 256 + 64  # those at work, and a page that waits for a place
        assert max(len(entry.changes) for entry in stage.store.submitted) == 1
        assert stage.store.statistics()["commits"] >= 10_000 / 64 / 2
        assert all(row.alarm_at_ms is None for row in shelf.actors.values())


async def test_memory_holds_only_the_next_alarms(autojump_clock):
    """Whatever is beyond the horizon stays in the store and is read in time."""
    async with open_stage(Limits(alarms_held_max=4)) as stage:
        for number in range(40):  # nearer each time, so that all are held at first
            await stage.ask(Chime(in_ms=80_000 - number * 1_000), door(f"d{number}"))
        assert stage.alarms.statistics()["held"] <= 16
        await stage.ask(Chime(in_ms=500_000), door("far"))
        await stage.ask(Chime(in_ms=400_000), door("d3"))  # beyond the horizon now
        await trio.sleep(90.0)
        for number in range(40):
            wanted = [] if number == 3 else [80_000 - number * 1_000]
            assert await ring_times(stage, door(f"d{number}")) == wanted
        await trio.sleep(420.0)
        assert await ring_times(stage, door("d3")) == [400_000]
        assert await ring_times(stage, door("far")) == [500_000]


async def test_an_alarm_moved_often_keeps_memory_small(autojump_clock):
    """Forgotten places of one that moves are swept away; it rings at its last time."""
    async with open_stage(Limits(alarms_held_max=4)) as stage:
        for number in range(40):
            await stage.ask(Chime(in_ms=5_000 + number))
        assert len(stage.alarms._heap) <= 17
        await trio.sleep(10.0)
        assert await ring_times(stage) == [5_039]


async def test_many_alarms_at_one_instant_all_ring(autojump_clock):
    """More at the same millisecond than memory holds: none is forgotten."""
    async with open_stage(Limits(alarms_held_max=4)) as stage:
        for number in range(30):
            await stage.ask(Chime(in_ms=9_000), door(f"d{number}"))
        await trio.sleep(10.0)
        for number in range(30):
            assert await ring_times(stage, door(f"d{number}")) == [9_000]


@pytest.mark.parametrize("step_ms", [600_000, -600_000])
async def test_the_wall_clock_may_step(autojump_clock, step_ms):
    """A step is noticed within half a minute; nothing rings before its wall time."""
    clock = TrioClock()
    async with open_stage(clock=clock, runs=("alarms",)) as stage:
        await stage.ask(Chime(in_ms=300_000))
        clock.offset_ms = step_ms
        await trio.sleep(31.0)
        assert len(await ring_times(stage)) == (step_ms > 0)
        await trio.sleep(300.0 - 31.0 - min(0, step_ms) / 1000 + 1)
        assert len(await ring_times(stage)) == 1


async def test_a_commit_while_an_alarm_rings_is_not_lost(autojump_clock):
    """Set again during its own ringing, to a time that passes meanwhile: it rings again."""
    async with open_stage() as stage:
        await stage.ask(Chime(in_ms=1_000))
        stage.store.faults.delay_seconds = 0.5
        await trio.sleep(1.2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.ask, SetCode(code="1"))
            nursery.start_soon(stage.ask, Chime(in_ms=100))
        await trio.sleep(3.0)
        assert len(await ring_times(stage)) == 2


async def test_alarms_that_cannot_be_read_are_read_again(autojump_clock, monkeypatch):
    """A store that breaks at the start costs a second, not an alarm."""
    async with open_stage() as stage:
        await stage.ask(Chime(in_ms=5_000))
    async with open_stage(shelf=stage.store.shelf, runs=()) as stage:
        alarms, failures = stage.store.alarms, [OSError("no"), OSError("no")]

        async def unreadable(limit):
            if failures:
                raise failures.pop()
            return await alarms(limit)

        monkeypatch.setattr(stage.store, "alarms", unreadable)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.alarms.run)
            await trio.sleep(10.0)
            nursery.cancel_scope.cancel()
        assert stage.notes.broken == ["alarms", "alarms"]
        assert await ring_times(stage) == [5_000]
