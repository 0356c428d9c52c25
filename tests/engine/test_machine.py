"""Tables become machines: bad tables are found when built, rows fire, refusals say why."""

from __future__ import annotations

import logging

import pytest
from toy import DOOR, LOCK, Chime, Door, Jam, Open, Phase, SetCode, Shut, right_code

from engine.errors import Refused
from engine.machine import AFTER, After, BadTable, Machine, Moment, Row, always, nothing
from engine.messages import AlarmDue, Command

MOMENT = Moment(0)


class Go(Command, frozen=True):
    """Some command."""


class Wait(Command, frozen=True):
    """Another one."""


class AfterAll(Command, frozen=True):
    """A command with a name close to a time limit's."""


def maybe(_state: object, _command: object, _moment: Moment) -> bool:
    """A guard."""
    return False


BAD = {
    "no phase": ((), (), "at least one"),
    "a phase twice": (("a", "a"), (), "named once"),
    "an unknown source": (("a",), (Row("z", Go, "a"),), "'z' is not a phase"),
    "an unknown source of several": (("a",), (Row(("a", "z"), Go, "a"),), "'z' is not a phase"),
    "an unknown target": (("a",), (Row("a", Go, "z"),), "'z' is not a phase"),
    "a second row": (
        ("a",),
        (Row("a", Go, "a"), Row("a", Go, "a", when=maybe)),
        "a second go in a never fires",
    ),
    "a second time limit": (
        ("a",),
        (Row("a", After(1), "a"), Row("a", After(1), "a")),
        "a second after a while in a never fires",
    ),
    "two time limits behind guards": (
        ("a",),
        (Row("a", After(1), "a", when=maybe), Row("a", After(2), "a")),
        "a has two time limits",
    ),
    "a negative time": (("a",), (Row("a", After(-1), "a"),), "-1 seconds is no time limit"),
    "endless time": (("a",), (Row("a", After(float("inf")), "a"),), "inf seconds"),
    "no number": (("a",), (Row("a", After(float("nan")), "a"),), "nan seconds"),
    "a phase nothing leads to": (("a", "b"), (Row("b", Go, "a"),), "nothing leads to ['b']"),
    "an island": (
        ("a", "b", "c"),
        (Row("b", Go, "c"), Row("c", Go, "b")),
        "nothing leads to ['b', 'c']",
    ),
}


@pytest.mark.parametrize(("phases", "rows", "why"), BAD.values(), ids=BAD.keys())
def test_a_bad_table_is_found_when_built(phases, rows, why):
    """A table that cannot be meant never becomes a machine, and the message names the flaw."""
    with pytest.raises(BadTable) as caught:
        Machine("bad", phases, rows)
    assert why in str(caught.value)


def test_a_guarded_row_may_be_followed_by_another():
    """Rows are tried in order; only an unguarded row closes its cell."""
    machine = Machine[Door](
        "m",
        ("locked", "open"),
        (Row("locked", Go, "open", when=maybe), Row("locked", Go, "locked")),
    )
    assert machine.fire(Door(), Go(), MOMENT).target == "locked"


def test_a_row_fires_and_is_returned():
    """The row that answers is the table's own, so that its target and consequence are known."""
    row = LOCK.fire(Door(), Open(code="1234"), MOMENT)
    assert row is LOCK.rows[0]
    assert (row.target, row.guard_name) == (Phase.OPEN, "right code")


def test_firing_leaves_no_trace_in_the_machine():
    """One compiled machine serves all actors: it holds no model and no phase of its own."""
    LOCK.fire(Door(), Open(code="1234"), MOMENT)
    assert LOCK.fire(Door(), Open(code="1234"), MOMENT) is LOCK.rows[0]
    assert LOCK._compiled.models == []


def test_a_command_without_a_row_is_refused():
    """The refusal names the command, the machine and its phase, and says what is permitted."""
    with pytest.raises(Refused) as caught:
        LOCK.fire(Door(), Shut(), MOMENT)
    assert caught.value.why == "shut is not permitted while lock is locked"
    assert caught.value.may == LOCK.permits("locked")
    assert "open" in caught.value.may
    assert "shut" not in caught.value.may


def test_a_guard_refuses_with_its_reason():
    """A refusal by guard shows the row's why, and the command stays among the permitted ones."""
    with pytest.raises(Refused) as caught:
        LOCK.fire(Door(), Open(code="0000"), MOMENT)
    assert caught.value.why == "open is not permitted now: the code is right"
    assert "open" in caught.value.may


def test_reasons_of_several_guards_are_joined():
    """Where several rows refuse, each says its own; a row without a why shows its guard's name."""
    rows = (
        Row("a", Go, "a", when=maybe, why="it is early"),
        Row("a", Go, "a", when=maybe),
        Row("b", Go, "b"),
        Row("a", Wait, "b"),
    )
    machine = Machine[Door]("m", ("a", "b"), rows, phase=lambda _door: "a")
    with pytest.raises(Refused, match=r"^go is not permitted now: it is early; or maybe$"):
        machine.fire(Door(), Go(), MOMENT)


def test_guards_see_state_command_and_moment():
    """A guard is handed everything a decision may rest on."""
    seen = []

    def looks(*handed: object) -> bool:
        seen.extend(handed)
        return True

    machine = Machine[Door]("m", ("locked",), (Row("locked", Go, "locked", when=looks),))
    door, go = Door(), Go()
    machine.fire(door, go, MOMENT)
    assert seen == [door, go, MOMENT]


def test_permits_lists_in_table_order_without_alarms():
    """Permitted commands come once each, in the table's order; time's own triggers are left out."""
    names = ("open", "setCode", "jam", "break", "hang", "name", "copy", "chime")
    assert LOCK.permits(Phase.LOCKED) == names
    assert LOCK.permits(Phase.OPEN) == ("shut", "jam")
    assert LOCK.permits(Phase.JAMMED) == ()


def test_permits_can_leave_out_the_doors_own():
    """Clients are shown public commands only."""
    assert LOCK.permits(Phase.OPEN, public_only=True) == ("shut",)


def test_hears_is_about_the_alphabet():
    """A machine hears a command that some row names, wherever the actor is."""
    assert LOCK.hears(Jam())
    assert LOCK.hears(AlarmDue(at_ms=1))
    assert not LOCK.hears(Go())


def test_time_limits_by_phase():
    """Milliseconds that may be spent in a phase, None where there is no limit."""
    assert LOCK.after_ms(Phase.OPEN) == 5_000
    assert LOCK.after_ms(Phase.LOCKED) is None
    assert After(2.5).wire_name() == "after 2.5 s"


def test_a_time_limit_fires_by_its_trigger():
    """The engine fires time limits under a name that no command can have."""
    row = LOCK.fire(Door(phase=Phase.OPEN), AlarmDue(at_ms=1), MOMENT, AFTER)
    assert isinstance(row.on, After)
    assert not AFTER.isidentifier()


def test_a_command_called_after_is_no_time_limit():
    """A command's name cannot set off a time limit, not even one named After."""
    named_after = type("After", (Command,), {"__module__": __name__}, frozen=True)
    rows = (Row("a", After(1), "b"), Row("b", named_after, "a"))
    machine = Machine[Door]("m", ("a", "b"), rows, phase=lambda _door: "a")
    with pytest.raises(Refused, match=r"^after is not permitted while m is a$"):
        machine.fire(Door(), named_after(), MOMENT)


def test_phases_are_read_as_plain_text():
    """A StrEnum and its text mean the same phase."""
    assert LOCK.phases == ("locked", "open", "jammed")
    assert LOCK.initial == "locked"
    assert all(type(phase) is str for phase in LOCK.phases)


def test_defaults_permit_and_do_nothing():
    """A row without guard always holds, a row without consequence yields nothing."""
    assert always(None, None, MOMENT) is True
    assert list(nothing(None, None, MOMENT)) == []
    assert Row("a", Go, "a").guard_name == ""
    assert Row("a", Go, "a", when=right_code).guard_name == "right code"


def test_a_moment_has_harmless_defaults():
    """Rules that need no chance, no ids and no company can be tested with the time alone."""
    assert (MOMENT.new_id(), MOMENT.chance(), MOMENT.by) == ("", 0.0, "")
    assert (dict(MOMENT.seen), dict(MOMENT.documents)) == ({}, {})


def test_the_executor_does_not_chatter():
    """Two log lines per transition would drown the log."""
    assert logging.getLogger("transitions").level == logging.WARNING


def test_commands_of_a_kind_are_those_of_its_tables():
    """Alarms and time limits are nobody's command."""
    assert DOOR.commands["setCode"] is SetCode
    assert DOOR.commands["chime"] is Chime
    assert "alarmDue" not in DOOR.commands
    assert AFTER not in DOOR.commands
