"""Every cell of every table: machine x phase x command, of any kind.

`every_cell(kind, examples)` walks from a new actor through the given example commands (and through
its alarms) until every phase was seen, and makes one test case per cell. `check_cell` then says
what must hold: a permitted command moves to a phase the table promises or is refused by its guard;
any other is refused, changes nothing and says what is permitted. `unfired` names rows that no
example sets off: examples are complete when it is empty. A kind whose rules look at other actors
gets a moment that holds them, one whose ids have a form an `actor_id`.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from engine.errors import Refused
from engine.kind import Kind, Step
from engine.machine import After, Machine, Moment, Row
from engine.messages import Address, AlarmDue, Command, Fact, Snapshot

Examples = Mapping[str, Sequence[Command]]
ALARM = AlarmDue.wire_name()
ACTOR_ID = "1"
SNAPSHOTS_MAX = 400
MOMENT = Moment(1_000_000, by="tester", new_id=lambda: "new-id", chance=lambda: 0.25)


@dataclass(frozen=True)
class Cell:
    """One machine in one phase, hearing one command. `before` None: no example leads there."""

    kind: Kind[Any]
    machine: Machine[Any]
    phase: str
    command: Command | None
    before: Snapshot | None
    moment: Moment


def every_cell(
    kind: Kind[Any],
    examples: Examples,
    moment: Moment = MOMENT,
    without: Collection[str] = (),
    actor_id: str = ACTOR_ID,
) -> list[Any]:
    """One `pytest.param(cell)` for each machine, phase and example; `without` leaves names out."""
    found = _first_by_phase(kind, examples, moment, actor_id)
    params = []
    for machine in kind.machines:
        for phase in machine.phases:
            before = found.get((machine.name, phase))
            for name in _names(kind):
                if name not in without:
                    for number, command in enumerate(_examples(examples, name, before) or [None]):
                        cell = Cell(kind, machine, phase, command, before, moment)
                        label = f"{machine.name}-{phase}-{name}" + f"-{number}" * bool(number)
                        params.append(pytest.param(cell, id=label))
    return params


def check_cell(cell: Cell) -> None:
    """Assert what the table promises for this cell; plain asserts, no test of its own."""
    assert cell.before is not None, f"no example leads to {cell.phase}"
    assert cell.command is not None, "a command without an example"
    before, untouched = cell.before, msgspec.json.encode(cell.before)
    moment = at(cell.moment, cell.command)
    try:
        step = cell.kind.decide(before, cell.command, moment)
    except Refused as refusal:
        _check_refusal(cell, refusal, moment)
    else:
        _check_move(cell, step)
        _check_fold(cell, step, moment)
    assert msgspec.json.encode(before) == untouched, "deciding changed the actor"


def unfired(
    kind: Kind[Any],
    examples: Examples,
    moment: Moment = MOMENT,
    without: Collection[str] = (),
    actor_id: str = ACTOR_ID,
) -> list[str]:
    """Rows that no example sets off in any phase reached, as `machine: source + command`."""
    missing = {
        id(row): f"{machine.name}: {'/'.join(row.sources)} + {_shown(row)}"
        for machine in kind.machines
        for row in machine.rows
        if row.trigger not in without
    }
    for before in reach(kind, examples, moment, actor_id):
        for command in _commands(kind, examples, before):
            with contextlib.suppress(Refused):
                for row in kind.rows(before, command, at(moment, command)):
                    missing.pop(id(row), None)
        if not missing:
            break
    return list(missing.values())


def reach(
    kind: Kind[Any], examples: Examples, moment: Moment = MOMENT, actor_id: str = ACTOR_ID
) -> Iterator[Snapshot]:
    """Walk the snapshots that the examples lead to, nearest first, at most `SNAPSHOTS_MAX`."""
    first = kind.blank(Address("project", kind.name, actor_id))
    waiting, known = deque([first]), {_key(first)}
    while waiting:
        before = waiting.popleft()
        yield before
        for after in _steps(kind, examples, before, moment):
            if _key(after) not in known and len(known) < SNAPSHOTS_MAX:
                known.add(_key(after))
                waiting.append(after)


def at(moment: Moment, command: Command) -> Moment:
    """The moment a command is decided in: an alarm rings when it is due."""
    due = command.at_ms if isinstance(command, AlarmDue) else moment.now_ms
    return msgspec.structs.replace(moment, now_ms=max(due, moment.now_ms))


def after(kind: Kind[Any], before: Snapshot, step: Step, now_ms: int) -> Snapshot:
    """The snapshot that a step leads to, by the fold of its fact."""
    if not step.events:
        return before
    return kind.fold(before, [Fact(before.version + 1, now_ms, step.events)])


# --- the walk


def _first_by_phase(
    kind: Kind[Any], examples: Examples, moment: Moment, actor_id: str
) -> dict[tuple[str, str], Snapshot]:
    """The nearest snapshot of every phase of every machine, as far as there is one."""
    found: dict[tuple[str, str], Snapshot] = {}
    wanted = sum(len(machine.phases) for machine in kind.machines)
    with contextlib.suppress(Exception):  # a broken rule fails its own cell, not the collection
        for snapshot in reach(kind, examples, moment, actor_id):
            for machine in kind.machines:
                found.setdefault((machine.name, _phase(machine, kind, snapshot)), snapshot)
            if len(found) == wanted:
                break
    return found


def _steps(
    kind: Kind[Any], examples: Examples, before: Snapshot, moment: Moment
) -> Iterator[Snapshot]:
    for command in _commands(kind, examples, before):
        now = at(moment, command)
        try:
            step = kind.decide(before, command, now)
        except Refused:
            continue
        yield after(kind, before, step, now.now_ms)


def _commands(kind: Kind[Any], examples: Examples, before: Snapshot) -> Iterable[Command]:
    return [command for name in _names(kind) for command in _examples(examples, name, before)]


def _names(kind: Kind[Any]) -> list[str]:
    alarms = any(_is_alarm(row) for machine in kind.machines for row in machine.rows)
    return [*kind.commands, *[ALARM] * alarms]


def _examples(examples: Examples, name: str, before: Snapshot | None) -> Sequence[Command]:
    if name != ALARM:
        return examples.get(name, ())
    due = before.alarm_at_ms if before is not None else None
    return [AlarmDue(at_ms=MOMENT.now_ms if due is None else due)]


def _key(snapshot: Snapshot) -> bytes:
    """Versions and times aside, so that going in a circle ends."""
    return msgspec.json.encode((snapshot.exists, snapshot.state, snapshot.alarm_at_ms is None))


def _phase(machine: Machine[Any], kind: Kind[Any], snapshot: Snapshot) -> str:
    state = snapshot.state if snapshot.exists else kind.initial(snapshot.address.id)
    return str(machine.phase(state))


def _is_alarm(row: Row) -> bool:
    return isinstance(row.on, After) or row.on is AlarmDue


def _shown(row: Row) -> str:
    return row.on.wire_name() + f" [{row.guard_name}]" * bool(row.guard_name)


# --- what must hold


def _candidates(cell: Cell, machine: Machine[Any]) -> list[Row]:
    """Rows of `machine` that name the cell's command in the phase it is in."""
    phase = _phase(machine, cell.kind, cell.before)
    alarm = isinstance(cell.command, AlarmDue)
    return [
        row
        for row in machine.rows
        if phase in row.sources and (_is_alarm(row) if alarm else row.on is type(cell.command))
    ]


def _blank(cell: Cell) -> Any:
    """The state of the cell's actor before it has any history."""
    return cell.kind.initial(cell.before.address.id)


def _hears(machine: Machine[Any], command: Command) -> bool:
    return any(row.on is type(command) for row in machine.rows)


def _check_refusal(cell: Cell, refusal: Refused, moment: Moment) -> None:
    state = cell.before.state if cell.before.exists else _blank(cell)
    assert refusal.why, "a refusal says why"
    assert refusal.may == cell.kind.permits(state, public_only=True), (
        "a refusal says what is permitted"
    )
    deaf = [m for m in cell.kind.machines if _hears(m, cell.command) and not _candidates(cell, m)]
    if deaf and not isinstance(cell.command, AlarmDue):
        assert cell.command.wire_name() not in refusal.may
        return
    kept_by_guard = [
        not any(row.when(state, cell.command, moment) for row in _candidates(cell, machine))
        for machine in cell.kind.machines
        if _candidates(cell, machine)
    ]
    alarm = isinstance(cell.command, AlarmDue)
    assert (all if alarm else any)(kept_by_guard) or _too_early(cell), "refused without a guard"


def _too_early(cell: Cell) -> bool:
    """A time limit that has not passed refuses like a guard."""
    return isinstance(cell.command, AlarmDue) and cell.before.alarm_at_ms is None


def _check_move(cell: Cell, step: Step) -> None:
    state = _blank(cell) if step.state is None else step.state
    phase = str(cell.machine.phase(state))
    candidates = _candidates(cell, cell.machine)
    targets = {str(target) for row in candidates for target in row.targets}
    if isinstance(cell.command, AlarmDue):
        targets.add(cell.phase)
    elif not _hears(cell.machine, cell.command):
        targets = {cell.phase}
    assert targets, f"{cell.command.wire_name()} has no row in {cell.phase} but was accepted"
    assert phase in targets, f"the table promises {targets}, the fold delivers {phase}"


def _check_fold(cell: Cell, step: Step, moment: Moment) -> None:
    """What was decided is what a reader of the stored bytes will see."""
    kind, before = cell.kind, cell.before
    if not step.events:
        return
    fact = Fact(before.version + 1, moment.now_ms, step.events)
    assert kind.decode_events(fact.body) == step.events, "an event is not what is stored of it"
    folded = kind.fold(before, [fact])
    assert folded.state == step.state
    assert (folded.phase, folded.since_ms) == (step.phase, step.since_ms)
    assert folded.alarm_at_ms == step.alarm_at_ms
    assert kind.decode_state(msgspec.json.encode(step.state)) == step.state
