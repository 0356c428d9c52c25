"""Every cell of the toy tables, and that the check of a cell finds planted faults.

The toys are also the first to keep golden files: their pictures and a sample of each event. What
is done here for them, every domain does for its own kinds with a list of example commands.
"""

from __future__ import annotations

from dataclasses import replace

import cells
import golden
import msgspec
import pytest
import toy
import toy_lamp
from cells import check_cell, every_cell, unfired

from engine.machine import Machine, Row
from engine.messages import Address, Snapshot

OTHER = Address("project", "door", "back")
SEEN = {OTHER: Snapshot(OTHER, 1, 0, toy.Door(code="77"), "locked")}
MOMENT = msgspec.structs.replace(cells.MOMENT, seen=SEEN)

DOOR_EXAMPLES = {
    "open": [toy.Open(code="1234"), toy.Open(code="77"), toy.Open(code="wrong")],
    "shut": [toy.Shut()],
    "setCode": [toy.SetCode(code="1234"), toy.SetCode(code="9")],
    "jam": [toy.Jam()],
    "hang": [toy.Hang(text="closed")],
    "name": [toy.Name(name="blue")],
    "copy": [toy.Copy(other="back"), toy.Copy(other="nowhere")],
    "chime": [toy.Chime(in_ms=1_000)],
}
LAMP_EXAMPLES = {
    "switchOn": [toy_lamp.SwitchOn(), toy_lamp.SwitchOn(locked_on=True)],
    "switchOff": [toy_lamp.SwitchOff()],
    "celebrate": [toy_lamp.Celebrate(until_ms=1_500_000), toy_lamp.Celebrate(until_ms=5)],
    "smash": [toy_lamp.Smash()],
    "rest": [toy_lamp.Rest()],
}
EVENTS = {
    "door": [
        toy.Opened(),
        toy.Closed(by_itself=True),
        toy.CodeSet(code="1234"),
        toy.Jammed(),
        toy.Hung(sign="0" * 64),
        toy.Named(name="blue"),
        toy.ChimeSet(at_ms=1_000),
        toy.Chimed(),
    ],
    "lamp": [
        toy_lamp.SwitchedOn(locked_on=True),
        toy_lamp.SwitchedOff(),
        toy_lamp.Celebrated(until_ms=5),
        toy_lamp.Calmed(),
        toy_lamp.Smashed(),
    ],
}
BROKEN = ("break",)


@pytest.mark.parametrize("cell", every_cell(toy.DOOR, DOOR_EXAMPLES, MOMENT, without=BROKEN))
def test_every_cell_of_a_door(cell):
    """A permitted command moves or meets its guard; any other is refused and changes nothing."""
    check_cell(cell)


@pytest.mark.parametrize("cell", every_cell(toy_lamp.LAMP, LAMP_EXAMPLES))
def test_every_cell_of_a_lamp(cell):
    """The same with two machines that hear each other's alarms."""
    check_cell(cell)


def test_every_row_fires():
    """The examples set off every row: no cell is proved by a refusal alone."""
    assert unfired(toy.DOOR, DOOR_EXAMPLES, MOMENT, without=BROKEN) == []
    assert unfired(toy_lamp.LAMP, LAMP_EXAMPLES) == []


def test_rows_that_no_example_fires_are_named():
    """Poor examples are found out."""
    poor = {**DOOR_EXAMPLES, "open": [toy.Open(code="wrong")]}
    missing = unfired(toy.DOOR, poor, MOMENT, without=BROKEN)
    assert "lock: locked + open [right code]" in missing
    assert "lock: open + after 5 s" in missing


def first_failure(kind, examples=DOOR_EXAMPLES) -> str:
    """What the first cell that fails says."""
    for param in every_cell(kind, examples, MOMENT, without=BROKEN):
        try:
            check_cell(param.values[0])
        except AssertionError as failure:
            return str(failure)
    return ""


def door_with(**changes):
    """A door with a planted fault."""
    return replace(toy.DOOR, **changes)


def test_a_missing_example_is_a_failure():
    """Neither a phase that was not reached nor a command without example passes in silence."""
    without_jam = {k: v for k, v in DOOR_EXAMPLES.items() if k != "jam"}
    assert "a command without an example" in first_failure(toy.DOOR, without_jam)
    only_locked = {k: v for k, v in DOOR_EXAMPLES.items() if k != "open"}
    params = every_cell(toy.DOOR, only_locked, MOMENT, without=BROKEN)
    unreached = next(p.values[0] for p in params if p.values[0].phase == "open")
    with pytest.raises(AssertionError, match="no example leads to open"):
        check_cell(unreached)


def test_a_rule_that_refuses_by_itself_is_found_out():
    """Only guards refuse: a consequence that raises would be a rule the table does not show."""

    def moody(_door, _command, _moment):
        raise cells.Refused("not today", toy.DOOR.permits(toy.Door(), public_only=True))

    rows = tuple(replace(row, then=moody) if row.on is toy.Hang else row for row in toy.LOCK.rows)
    kind = door_with(machines=(Machine("lock", toy.Phase, rows),))
    assert "refused without a guard" in first_failure(kind)


def test_an_event_that_is_not_stored_whole_is_found_out():
    """What a reader of the stored bytes will fold is compared with what was decided."""

    def forgetful(_door, _command, _moment):
        yield toy.ChimeSet(at_ms=1.5)  # type: ignore[arg-type]

    rows = tuple(
        replace(row, then=forgetful) if row.on is toy.Chime else row for row in toy.LOCK.rows
    )
    kind = door_with(machines=(Machine("lock", toy.Phase, rows),))
    with pytest.raises(msgspec.ValidationError):
        first_failure(kind)


def test_a_fold_that_disagrees_with_the_table_is_found_out():
    """The engine's own assertion fails the cell, and the walk over all rows."""
    rows = (*toy.LOCK.rows, Row("jammed", toy.Open, "locked", lambda *_: [toy.Opened()]))
    kind = door_with(machines=(Machine("lock", toy.Phase, rows),))
    assert "promised locked" in first_failure(kind)
    with pytest.raises(AssertionError, match="promised locked"):
        unfired(kind, DOOR_EXAMPLES, MOMENT, without=BROKEN)


@pytest.mark.parametrize("kind", [toy.DOOR, toy_lamp.LAMP], ids=lambda kind: kind.name)
def test_golden_events_stay_readable(kind):
    """One sample of each stored event is kept for ever; today's code still folds all of them."""
    golden.check_events(kind, EVENTS[kind.name])


# --- the golden files themselves


def test_a_changed_golden_file_is_noticed(tmp_path, monkeypatch):
    """Comparing fails on a difference and on a missing file; rewriting writes."""
    monkeypatch.delenv("GOLDEN", raising=False)
    with pytest.raises(AssertionError, match="is missing"):
        golden.check("a/b.txt", "one", tmp_path)
    monkeypatch.setenv("GOLDEN", "1")
    golden.check("a/b.txt", "one", tmp_path)
    monkeypatch.delenv("GOLDEN")
    golden.check("a/b.txt", "one", tmp_path)
    with pytest.raises(AssertionError, match="has changed"):
        golden.check("a/b.txt", "two", tmp_path)


def test_samples_are_added_and_never_rewritten(tmp_path, monkeypatch):
    """A new form of an event gets a second sample; the first must stay readable."""
    monkeypatch.setenv("GOLDEN", "1")
    golden.check_events(toy.DOOR, EVENTS["door"], tmp_path)
    golden.check_events(toy.DOOR, [toy.CodeSet(code="other")], tmp_path)
    kept = sorted(path.name for path in tmp_path.rglob("CodeSet*"))
    assert kept == ["CodeSet.1.json", "CodeSet.2.json"]
    monkeypatch.delenv("GOLDEN")
    with pytest.raises(AssertionError, match="has another form"):
        golden.check_events(toy.DOOR, [toy.CodeSet(code="third")], tmp_path)
    (tmp_path / "events/door/Opened.1.json").unlink()
    with pytest.raises(AssertionError, match="no sample of"):
        golden.check_events(toy.DOOR, [], tmp_path)
    (tmp_path / "events/door/Gone.1.json").write_text('[{"event":"Gone"}]')
    with pytest.raises(msgspec.ValidationError):
        golden.check_events(toy.DOOR, [], tmp_path)
