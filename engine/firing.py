"""Which rows of a kind's machines a command fires, and whether they kept their word.

A kind may have several machines, one for each independent axis. Every machine that hears a command
must permit it; of an alarm it is enough that one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from engine.effects import Yielded
from engine.errors import Refused
from engine.machine import AFTER, Machine, Moment, Row
from engine.messages import AlarmDue, Command, Event
from engine.step import TableBroken

S = TypeVar("S")


def fire(
    machines: Sequence[Machine[S]],
    state: S,
    since_ms: Sequence[int],
    command: Command,
    moment: Moment,
) -> list[Row | None]:
    """Each machine's row, or None where it does not hear the command. Raises `Refused`."""
    if isinstance(command, AlarmDue):
        return _ring(machines, state, since_ms, command, moment)
    return [
        machine.fire(state, command, moment) if machine.hears(command) else None
        for machine in machines
    ]


def _ring(
    machines: Sequence[Machine[S]],
    state: S,
    since_ms: Sequence[int],
    alarm: AlarmDue,
    moment: Moment,
) -> list[Row | None]:
    """Rows of the machines that an alarm moves; raises the last refusal if it moves none."""
    rows: list[Row | None] = []
    why = ""
    for machine, entered in zip(machines, since_ms, strict=True):
        row = None
        for trigger in _triggers(machine, state, entered, alarm):
            try:
                row = machine.fire(state, alarm, moment, trigger)
                break
            except Refused as refusal:
                why = refusal.why
        rows.append(row)
    if why and not any(rows):
        raise Refused(why)
    return rows


def _triggers(machine: Machine[S], state: S, entered_ms: int, alarm: AlarmDue) -> Iterator[str]:
    after = machine.after_ms(str(machine.phase(state)))
    if after is not None and entered_ms + after <= alarm.at_ms:
        yield AFTER
    if machine.hears(alarm):
        yield alarm.wire_name()


def without_events(kind: str, yielded: Iterable[Yielded]) -> list[Yielded]:
    """What goes with an erasure. It is one fact: an event beside it would be lost in silence."""
    others = list(yielded)
    if events := [value for value in others if isinstance(value, Event)]:
        raise TableBroken(f"{kind}: a parting states no event, not {events[0].wire_name()}")
    return others


def check_promises(
    machines: Sequence[Machine[Any]],
    rows: Sequence[Row | None],
    was: object,
    state: object,
    events: Sequence[Event],
) -> None:
    """Each machine must be where its row may lead; without a row, where it was."""
    for machine, row in zip(machines, rows, strict=True):
        phase, promised = machine.phase(state), row.target if row else machine.phase(was)
        if phase != promised and (row is None or phase not in row.targets):
            names = [event.wire_name() for event in events]
            may = " or ".join(row.targets) if row else promised
            raise TableBroken(f"{machine.name}: promised {may}, folded {names} to {phase}")
