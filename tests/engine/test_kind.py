"""Kinds decide: the table promises, the fold delivers, and nothing is stored by deciding.

Two toys serve: a door with one machine, a lamp with two. What kinds remember is in
`test_kind_memory.py`.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from lives import after
from toy import (
    DOOR,
    LOCK,
    Break,
    Chime,
    Copy,
    Door,
    Hang,
    Jam,
    Name,
    Open,
    Opened,
    SetCode,
)
from toy_lamp import LAMP, LIGHT, Celebrate, Lamp, Rest, Smash, SwitchedOn, SwitchOff, SwitchOn

from engine.effects import Claim, Release
from engine.errors import Refused, UnknownCommand
from engine.kind import Keep, Kind, TableBroken, present_events
from engine.machine import Machine, Moment, Row
from engine.messages import (
    Address,
    Command,
    Erase,
    Erased,
    Fact,
    Snapshot,
    Stored,
)

ADDRESS = Address("project", "door", "front")
LAMP_ADDRESS = Address("project", "lamp", "desk")
NOBODY = DOOR.blank(ADDRESS)
DARK = LAMP.blank(LAMP_ADDRESS)


class Knock(Command, frozen=True):
    """A command of no table."""


# --- deciding


def test_a_step_carries_everything_of_a_decision():
    """State, phase, alarm and events of an accepted command; nothing was stored or changed."""
    step = DOOR.decide(NOBODY, Open(code="1234"), Moment(1_000))
    assert step.events == (Opened(),)
    assert (step.phase, step.state.opened) == ("open", 1)
    assert (step.since_ms, step.alarm_at_ms) == ((1_000,), 6_000)
    assert NOBODY.state is None


def test_what_rides_along_is_sorted_by_its_sort():
    """Effects, appends, claims and documents of a rule reach their place in the step."""
    jam = DOOR.decide(NOBODY, Jam(), Moment(0))
    assert [effect.sender for effect in jam.effects] == ["locksmith"]
    assert len(jam.events) == 2
    hung = DOOR.decide(NOBODY, Hang(text="closed"), Moment(5))
    assert hung.documents[0].body == b"closed"
    assert hung.appends[0].row == (hung.documents[0].hash, 5)
    assert DOOR.decide(NOBODY, Name(name="blue"), Moment(0)).claims == (Claim("name", "blue"),)
    rest = LAMP.decide(DARK, Rest(), Moment(0))
    assert (rest.claims, rest.events) == ((Release("name", "lamp"),), ())


def test_a_command_may_change_nothing():
    """Accepted without an event: nothing to store, the alarm stays as it was."""
    opened = after(DOOR, after(DOOR, NOBODY, Chime(in_ms=50)), Name(name="x"))
    step = DOOR.decide(opened, SetCode(code="1234"), Moment(2_000))
    assert step.events == ()
    assert step.state == opened.state
    assert step.alarm_at_ms == opened.alarm_at_ms == 1_050


def test_a_refusal_says_what_the_whole_kind_permits():
    """With several machines, `may` is what all of them permit, not what one of them does."""
    with pytest.raises(Refused) as caught:
        LAMP.decide(DARK, SwitchOff(), Moment(0))
    assert caught.value.why == "switchOff is not permitted while light is off"
    assert caught.value.may == ("switchOn", "celebrate")
    assert caught.value.may == LAMP.permits(Lamp(), public_only=True)


def test_a_command_of_no_table_is_refused():
    """No machine hears it: the refusal names the kind."""
    with pytest.raises(Refused, match="knock is not permitted for door") as caught:
        DOOR.decide(NOBODY, Knock(), Moment(0))
    assert caught.value.may == LOCK.permits("locked", public_only=True)


def test_a_guard_refuses_and_nothing_changed():
    """A guard's reason reaches the caller, with the permitted commands."""
    with pytest.raises(Refused, match="the code is right") as caught:
        DOOR.decide(NOBODY, Open(code="9"), Moment(0))
    assert "open" in caught.value.may


def test_needs_come_in_by_the_moment():
    """A rule sees other actors only as the engine handed them in."""
    other = Address("project", "door", "back")
    seen = {other: Snapshot(other, 1, 0, Door(code="77"), "locked")}
    assert DOOR.needs(Door(), Copy(other="back")).actors[0].id == "back"
    assert LAMP.needs(Lamp(), Rest()).actors == ()
    step = DOOR.decide(NOBODY, Copy(other="back"), Moment(0, seen=seen))
    assert step.state.code == "77"


def test_a_rule_that_breaks_is_a_bug_not_a_refusal():
    """What a rule raises comes through as it is; the actor turns it into `ActorFailed`."""
    with pytest.raises(RuntimeError, match="broken"):
        DOOR.decide(NOBODY, Break(), Moment(0))


# --- the table promises, the fold delivers


def _kind_with(*rows: Row) -> Kind:
    lock = Machine[Door]("lock", ("locked", "open", "jammed"), (*LOCK.rows, *rows))
    return replace(DOOR, machines=(lock,))


def test_a_fold_that_goes_elsewhere_is_caught():
    """An event that leads to another phase than its row promises never becomes a fact."""
    kind = _kind_with(Row("jammed", Knock, "locked", lambda *_: [Opened()]))
    jammed = after(kind, NOBODY, Jam())
    with pytest.raises(TableBroken, match=r"promised locked, folded \['Opened'\] to open"):
        kind.decide(jammed, Knock(), Moment(0))


def test_a_promise_without_an_event_is_caught():
    """A row to another phase must say what happened."""
    kind = _kind_with(Row("jammed", Knock, "locked"))
    with pytest.raises(TableBroken, match=r"promised locked, folded \[\] to jammed"):
        kind.decide(after(kind, NOBODY, Jam()), Knock(), Moment(0))


def test_a_machine_that_did_not_hear_stays_where_it_is():
    """One axis cannot move another behind its table's back."""
    light = Machine[Lamp](
        "light", ("off", "on"), (Row("off", SwitchOn, "on", lambda *_: [SwitchedOn()]),),
        phase=lambda lamp: lamp.light,
    )  # fmt: skip
    shadow = Machine[Lamp](
        "shadow", ("off", "on"), (Row("off", Rest, "on"),), phase=lambda lamp: lamp.light
    )
    kind = replace(LAMP, machines=(light, shadow))
    with pytest.raises(TableBroken, match="shadow: promised off"):
        kind.decide(DARK, SwitchOn(), Moment(0))


# --- erasing


def test_erasing_leaves_a_tombstone():
    """The last fact takes the next version; state, phases and alarm are gone."""
    opened = after(DOOR, NOBODY, Open(code="1234"))
    step = DOOR.decide(opened, Erase(privacy=True), Moment(2_000))
    assert (step.erases, step.privacy, step.state, step.alarm_at_ms) == (True, True, None, None)
    assert step.events == (Erased(privacy=True),)
    assert not step.own_only
    assert DOOR.decide(opened, Erase(privacy=True, own_only=True), Moment(2_000)).own_only
    tombstone = after(DOOR, opened, Erase())
    assert tombstone == Snapshot(ADDRESS, 2, 0, None, "erased")
    assert not tombstone.exists


@pytest.mark.parametrize("version", [0, 7])
def test_nobody_cannot_be_erased(version):
    """Neither who never was nor who was erased already."""
    with pytest.raises(Refused, match="nothing to erase"):
        DOOR.decide(DOOR.blank(ADDRESS, version), Erase(), Moment(0))


def test_a_new_life_goes_on_counting():
    """Created again an actor is new, but its version goes on and its generation tells."""
    opened = after(DOOR, NOBODY, Open(code="1234"))
    again = after(DOOR, after(DOOR, opened, Erase()), SetCode(code="9"))
    assert (again.version, again.generation) == (3, 1)
    assert again.state == Door(code="9")
    third = after(DOOR, after(DOOR, again, Erase()), SetCode(code="8"))
    assert (third.version, third.generation) == (5, 2)
    assert (opened.generation, NOBODY.generation) == (0, 0)


# --- several machines, names, what is shown


def test_a_command_that_both_axes_hear_moves_both():
    """Each machine's promise is compared; the events are stated once."""
    broken = after(LAMP, after(LAMP, DARK, Celebrate(until_ms=9)), Smash())
    assert LAMP.phases(broken.state) == {"light": "broken", "mood": "none"}
    assert LAMP.phase(broken.state) == broken.phase == "broken"
    assert LAMP.permits(broken.state) == ()


def test_permits_needs_every_machine_that_hears():
    """A command that one axis refuses is not permitted, whatever the other says."""
    half = Lamp(light="broken", mood="calm")
    assert LAMP.permits(half) == ("celebrate", "rest")
    assert LAMP.permits(half, public_only=True) == ("celebrate",)


def test_a_public_command_is_read_from_name_and_body():
    """The body holds the fields in camelCase; no body means no fields."""
    assert LAMP.parse("switchOn", b'{"lockedOn":true}') == SwitchOn(locked_on=True)
    assert LAMP.parse("switchOn", None) == SwitchOn()
    assert LAMP.parse("switchOff", b"") == SwitchOff()


@pytest.mark.parametrize("name", ["smash", "knock", "alarmDue", "erase", "SwitchOn", ""])
def test_strangers_cannot_send_what_is_not_public(name):
    """The doors' own commands, the engine's and unknown ones look alike from outside."""
    with pytest.raises(UnknownCommand) as caught:
        LAMP.parse(name, b"{}")
    assert caught.value.may == ("switchOn", "switchOff", "celebrate")


@pytest.mark.parametrize(
    "body", [b'{"extra":1}', b'{"lockedOn":1}', b'{"command":"switchOn"}', b"[]", b"null"]
)
def test_a_wrong_body_is_the_callers_fault(body):
    """Unknown fields, wrong types, the tag itself and what is no object."""
    with pytest.raises(msgspec.ValidationError):
        LAMP.parse("switchOn", body)


def test_a_body_that_is_no_json():
    """Half a document is a decode error."""
    with pytest.raises(msgspec.DecodeError):
        LAMP.parse("switchOn", b"{")


def test_facts_are_read_strictly_by_name():
    """An event that no class answers to stops the program instead of being skipped."""
    stored = Stored(1, ADDRESS, 1, "Opened", b'[{"event":"Opened"}]', 5)
    assert DOOR.fact(stored) == Fact(1, 5, (Opened(),))
    assert DOOR.decode_events(b'[{"event":"Erased"}]') == (Erased(),)
    with pytest.raises(msgspec.ValidationError):
        DOOR.decode_events(b'[{"event":"Vanished"}]')


def test_one_event_is_shown_by_its_fields():
    """A push of one event is flat, of several an ordered list with their names."""
    assert present_events((SwitchedOn(locked_on=True),)) == {"lockedOn": True}
    assert present_events((Opened(), SwitchedOn())) == {
        "transitions": [{"name": "Opened"}, {"name": "SwitchedOn", "lockedOn": False}]
    }


def test_defaults_show_everything_and_keep_for_ever():
    """A kind that says nothing else shows its state, keeps its facts, is about its id."""
    lamp = Lamp()
    assert LAMP.present(lamp) is lamp
    assert LAMP.decode_document(b"x") == b"x"
    assert (LAMP.keep, LAMP.about("desk")) == (Keep(), "desk")
    assert replace(LAMP, deadline=DOOR.deadline, machines=(LIGHT,)).name == "lamp"
    plain = Kind("k", Lamp, lambda _id: lamp, (LIGHT,), LAMP.evolve, LAMP.events)
    assert plain.deadline(lamp) is None


@pytest.mark.parametrize("every", [0, 65])
def test_a_tail_has_a_limit(every):
    """State is written at least every 64 facts."""
    with pytest.raises(ValueError, match="1 to 64"):
        replace(DOOR, state_every=every)


def test_a_kind_has_a_machine():
    """Without a table nothing would ever be permitted."""
    with pytest.raises(ValueError, match="has a machine"):
        replace(DOOR, machines=())
