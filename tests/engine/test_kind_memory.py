"""Kinds remember: alarms and waking are pure functions of what was stored.

The properties run random commands and times against both toys. Whatever happened, an actor woken
from any stored row and the facts after it is the one that never slept.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lives import after, check_every_split, live, loaded
from toy import (
    DOOR,
    Chime,
    Hang,
    Name,
    Open,
    SetCode,
    Shut,
)
from toy_lamp import LAMP, LIGHT, Celebrate, Lamp, Rest, Smash, SwitchedOn, SwitchOff, SwitchOn

from engine.errors import Refused
from engine.machine import Machine, Moment, Row
from engine.messages import (
    Address,
    AlarmDue,
    Erase,
    Snapshot,
)
from engine.ports import Loaded

ADDRESS = Address("project", "door", "front")
LAMP_ADDRESS = Address("project", "lamp", "desk")
NOBODY = DOOR.blank(ADDRESS)
DARK = LAMP.blank(LAMP_ADDRESS)


# --- alarms


def test_the_alarm_is_the_earliest_of_all_deadlines():
    """Time limits of phases and deadlines of the state share one alarm."""
    chiming = after(DOOR, NOBODY, Chime(in_ms=2_000))
    assert chiming.alarm_at_ms == 3_000
    opened = after(DOOR, chiming, Open(code="1234"), 1_500)
    assert opened.alarm_at_ms == 3_000
    chimed = after(DOOR, opened, AlarmDue(at_ms=3_000), 3_000)
    assert (chimed.phase, chimed.alarm_at_ms) == ("open", 6_500)
    closed = after(DOOR, chimed, AlarmDue(at_ms=6_500), 6_500)
    assert (closed.phase, closed.alarm_at_ms) == ("locked", None)


def test_a_phase_is_timed_from_when_it_was_entered():
    """Facts that leave the phase as it is do not make it younger."""
    lit = after(LAMP, DARK, SwitchOn(), 1_000)
    party = after(LAMP, lit, Celebrate(until_ms=999_000), 30_000)
    assert party.since_ms == (1_000, 30_000)
    assert party.alarm_at_ms == 61_000


def test_an_alarm_that_comes_early_is_refused():
    """Before its time a limit does not fire."""
    lit = after(LAMP, DARK, SwitchOn(), 1_000)
    with pytest.raises(Refused):
        LAMP.decide(lit, AlarmDue(at_ms=60_999), Moment(60_999))
    assert after(LAMP, lit, AlarmDue(at_ms=61_000), 61_000).state.light == "off"


def test_one_axis_does_not_keep_the_other_from_its_alarm():
    """Of an alarm it is enough that one machine wants it: the other's guard refuses in vain."""
    both = after(LAMP, after(LAMP, DARK, SwitchOn()), Celebrate(until_ms=900_000))
    dark = after(LAMP, both, AlarmDue(at_ms=61_000), 61_000)
    assert dark.state == Lamp(mood="party", calm_at_ms=900_000)
    assert dark.alarm_at_ms == 900_000
    assert after(LAMP, dark, AlarmDue(at_ms=900_000), 900_000).state == Lamp()


def test_alarms_of_both_axes_make_one_fact():
    """Due at the same time, both fire: one command, one fact, two events."""
    both = after(LAMP, after(LAMP, DARK, SwitchOn()), Celebrate(until_ms=61_000))
    step = LAMP.decide(both, AlarmDue(at_ms=61_000), Moment(61_000))
    assert [event.wire_name() for event in step.events] == ["SwitchedOff", "Calmed"]


def test_a_refused_time_limit_gives_way_to_a_deadline():
    """When the guard of a time limit refuses, the same machine's deadline still rings."""
    rows = (*LIGHT.rows, Row("on", AlarmDue, "on", lambda *_: [SwitchedOn()]))
    both = Machine[Lamp]("light", LIGHT.phases, rows, LIGHT.phase)
    locked = after(LAMP, DARK, SwitchOn(locked_on=True))
    with pytest.raises(Refused, match="not permitted"):
        LAMP.decide(locked, AlarmDue(at_ms=61_000), Moment(61_000))
    step = replace(LAMP, machines=(both,)).decide(
        msgspec.structs.replace(locked, since_ms=locked.since_ms[:1]),
        AlarmDue(at_ms=61_000),
        Moment(61_000),
    )
    assert step.events == (SwitchedOn(),)


def test_an_alarm_that_changes_nothing_rings_once():
    """Accepted without an event: the next alarm is a later one, else it would ring for ever."""
    quiet = Machine[Lamp]("mood", ("calm",), (Row("calm", AlarmDue, "calm"),), lambda _lamp: "calm")
    kind = replace(LAMP, machines=(LIGHT, quiet))
    lit = after(kind, DARK, SwitchOn())
    before = msgspec.structs.replace(
        lit, state=msgspec.structs.replace(lit.state, calm_at_ms=2_000), alarm_at_ms=2_000
    )
    step = kind.decide(before, AlarmDue(at_ms=2_000), Moment(2_000))
    assert (step.events, step.alarm_at_ms) == ((), 61_000)


def test_the_next_alarm_leaves_out_what_has_rung():
    """After a refused alarm the later deadline is still known."""
    state = Lamp(light="on", calm_at_ms=2_000)
    assert LAMP.alarm(state, (1_000, 1_000)) == 2_000
    assert LAMP.alarm(state, (1_000, 1_000), later_than_ms=2_000) == 61_000
    assert LAMP.alarm(state, (1_000, 1_000), later_than_ms=61_000) is None
    assert LAMP.alarm(Lamp(), (0, 0)) is None


# --- waking


def test_waking_nobody():
    """No row: version 0; a tombstone: its version and generation, and no state."""
    assert DOOR.wake(ADDRESS, None) == NOBODY
    assert (NOBODY.version, NOBODY.phase) == (0, "")
    tombstone = DOOR.wake(ADDRESS, Loaded(4, 1, "erased", None, (), None))
    assert tombstone == Snapshot(ADDRESS, 4, 1, None, "erased")


def test_the_stored_alarm_counts():
    """An alarm that was cleared in the store stays cleared: it is not computed anew."""
    opened = after(DOOR, NOBODY, Open(code="1234"))
    row = msgspec.structs.replace(loaded(DOOR, opened, [], opened), alarm_at_ms=None)
    assert opened.alarm_at_ms == 6_000
    assert DOOR.wake(ADDRESS, row).alarm_at_ms is None


DOOR_COMMANDS = st.sampled_from(
    [
        Open(code="1234"),
        Open(code="1"),
        Shut(),
        SetCode(code="1"),
        SetCode(code="1234"),
        Hang(text="gone fishing"),
        Name(name="blue"),
        Chime(in_ms=300),
        Chime(in_ms=9_000),
        Erase(),
        Erase(privacy=True),
    ]
)
LAMP_COMMANDS = st.sampled_from(
    [
        SwitchOn(),
        SwitchOn(locked_on=True),
        SwitchOff(),
        Celebrate(until_ms=70_000),
        Celebrate(until_ms=5_000),
        Rest(),
        Smash(),
        Erase(),
    ]
)


@given(st.lists(st.tuples(DOOR_COMMANDS, st.integers(0, 6_000)), max_size=25))
def test_a_door_wakes_as_it_fell_asleep(commands):
    """Deciding, folding and waking at any split of the history give the same door."""
    check_every_split(DOOR, NOBODY, live(DOOR, NOBODY, commands))


@given(st.lists(st.tuples(LAMP_COMMANDS, st.integers(0, 40_000)), max_size=25))
def test_a_lamp_wakes_as_it_fell_asleep(commands):
    """The same with two machines, each with its own clock."""
    check_every_split(LAMP, DARK, live(LAMP, DARK, commands))


@given(st.lists(st.tuples(DOOR_COMMANDS, st.integers(0, 6_000)), max_size=15))
def test_the_alarm_is_a_pure_function_of_what_is_remembered(commands):
    """Nothing but state and times of entry decides when an actor wants to be woken."""
    for snapshot, _ in live(DOOR, NOBODY, commands):
        if snapshot.exists:
            again = DOOR.decode_state(msgspec.json.encode(snapshot.state))
            assert DOOR.alarm(again, snapshot.since_ms) == snapshot.alarm_at_ms
