"""A literal table becomes a machine.

A machine is a tuple of rows: in this phase, on this command, to that phase, with these events, if
this guard holds, because of this reason. Rows are compiled once into a `transitions` machine,
which no other file imports, and are read again by diagrams, permitted commands and tests.

The table promises a phase, the fold of the row's events delivers one, and `Kind.decide` compares.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import transitions

from engine.effects import Yielded
from engine.errors import Refused
from engine.messages import Address, AlarmDue, Command, Snapshot

logging.getLogger("transitions").setLevel(logging.WARNING)  # two INFO lines per transition

S = TypeVar("S")
AFTER = "after a while"  # no command is called so: class names hold no spaces


class Moment(msgspec.Struct, frozen=True):
    """The world, handed in: the time, who asks, chance, what else the rule needed to see, and whom
    the command came to (`asked`, as it was before; in a joint step the others see it too)."""

    now_ms: int
    by: str = ""
    new_id: Callable[[], str] = lambda: ""
    chance: Callable[[], float] = lambda: 0.0
    seen: Mapping[Address, Snapshot] = {}
    documents: Mapping[str, Any] = {}
    asked: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class After:
    """A trigger: this long after the phase was entered, by the actor's one alarm."""

    seconds: float

    def wire_name(self) -> str:
        """How tables and diagrams show it."""
        return f"after {self.seconds:g} s"


Guard = Callable[[Any, Any, Moment], bool]
Then = Callable[[Any, Any, Moment], Iterable[Yielded]]


def always(_state: object, _command: object, _moment: Moment) -> bool:
    """The guard of a row that has none."""
    return True


def nothing(_state: object, _command: object, _moment: Moment) -> Iterable[Yielded]:
    """The consequence of a row that accepts and changes nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    `source` is a phase or several; `on` a command type or `After`; `target` a phase, or several
    where only `then` finds out which (a choice); `then` yields events and other values
    (`engine.effects`); `when` guards; `why` says the rule in words, shown when the guard refuses.
    """

    source: str | tuple[str, ...]
    on: type[Command] | After
    target: str | tuple[str, ...]
    then: Then = nothing
    when: Guard = always
    why: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The phases as a tuple."""
        return (self.source,) if isinstance(self.source, str) else self.source

    @property
    def targets(self) -> tuple[str, ...]:
        """The phases that it may lead to."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def trigger(self) -> str:
        """The executor's name of what sets the row off."""
        return AFTER if isinstance(self.on, After) else self.on.wire_name()

    @property
    def guard_name(self) -> str:
        """The guard in words, or nothing."""
        return "" if self.when is always else self.when.__name__.strip("_").replace("_", " ")


class BadTable(ValueError):
    """A table that cannot be meant: found when it is built, not when it is fired."""


class _Cursor:
    """A decision under way: the model that `transitions` moves. Never registered, soon gone."""

    __slots__ = ("command", "moment", "row", "state", "subject")

    def __init__(self, phase: str, subject: object, command: Command, moment: Moment) -> None:
        self.state = phase
        self.subject = subject
        self.command = command
        self.moment = moment
        self.row: Row | None = None


class Machine(Generic[S]):
    """A checked table over the phases of one axis of a state.

    `phase` reads the axis from the state (its `phase` attribute by default). The first phase of
    `phases` is where a new actor starts.
    """

    def __init__(
        self,
        name: str,
        phases: Iterable[str],
        rows: Iterable[Row],
        phase: Callable[[S], str] = lambda state: state.phase,  # type: ignore[attr-defined]
    ) -> None:
        self.name = name
        self.phases = tuple(str(phase) for phase in phases)
        self.rows = tuple(rows)
        self.phase = phase
        _check(self)
        self.alphabet = frozenset(row.trigger for row in self.rows)
        self._compiled = _compile(self)
        self._after_ms = {
            source: int(row.on.seconds * 1000)
            for row in self.rows
            if isinstance(row.on, After)
            for source in row.sources
        }

    @property
    def initial(self) -> str:
        """The phase in which every actor begins."""
        return self.phases[0]

    def hears(self, command: Command) -> bool:
        """True if some row names this type of command."""
        return command.wire_name() in self.alphabet

    def after_ms(self, phase: str) -> int | None:
        """Milliseconds that may be spent in `phase`, or None."""
        return self._after_ms.get(phase)

    def permits(self, phase: str, *, public_only: bool = False) -> tuple[str, ...]:
        """Names of the commands that have a row in `phase`, guards aside, in table order."""
        return tuple(
            dict.fromkeys(
                row.trigger
                for row in self.rows
                if phase in row.sources
                and not isinstance(row.on, After)
                and row.on is not AlarmDue
                and (row.on.public or not public_only)
            )
        )

    def fire(self, state: S, command: Command, moment: Moment, trigger: str = "") -> Row:
        """Return the row that answers `command` now; raise `Refused` if none does."""
        phase = str(self.phase(state))
        cursor = _Cursor(phase, state, command, moment)
        event = self._compiled.events.get(trigger or command.wire_name())
        if event is not None and phase in event.transitions:
            event.trigger(cursor)
        if cursor.row is None:
            raise Refused(self._reason(phase, command, trigger), self.permits(phase))
        return cursor.row

    def _reason(self, phase: str, command: Command, trigger: str) -> str:
        name = trigger or command.wire_name()
        rows = [row for row in self.rows if row.trigger == name and phase in row.sources]
        whys = dict.fromkeys(row.why or row.guard_name for row in rows)
        if whys:
            return f"{name} is not permitted now: " + "; or ".join(whys)
        return f"{name} is not permitted while {self.name} is {phase}"


class _Transition(transitions.Transition):
    """A transition of a cursor: it judges and marks, and has no callbacks to look for."""

    def execute(self, event_data: Any) -> bool:
        """Move the cursor if the guard holds."""
        if self.conditions and not self._eval_conditions(event_data):
            return False
        marks: Any = self.before
        for mark in marks:
            mark(event_data)
        event_data.model.state = self.dest
        return True


class _Trigger(transitions.Event):
    """A trigger that tries its rows in table order, without the library's queue of callbacks."""

    def trigger(self, model: Any, *args: Any, **kwargs: Any) -> bool:
        """Fire the first row whose guard holds."""
        event = transitions.EventData(None, self, self.machine, model, args, kwargs)
        return any(transition.execute(event) for transition in self.transitions[model.state])


class _Compiled(transitions.Machine):
    """The library's machine with our slim parts: a third of the time per decision."""

    transition_cls = _Transition
    event_cls = _Trigger


def _compile(machine: Machine[Any]) -> Any:
    compiled = _Compiled(
        model=None,
        states=list(machine.phases),
        initial=machine.initial,
        auto_transitions=False,
        send_event=True,
    )
    for row in machine.rows:
        for source in row.sources:
            compiled.add_transition(
                row.trigger,
                str(source),
                str(row.targets[0]),  # of a choice the fold has the last word
                conditions=[] if row.when is always else [_condition(row.when)],
                before=[_mark(row)],
            )
    return compiled


def _condition(when: Guard) -> Callable[[Any], bool]:
    def holds(event: Any) -> bool:
        cursor: _Cursor = event.model
        return when(cursor.subject, cursor.command, cursor.moment)

    return holds


def _mark(row: Row) -> Callable[[Any], None]:
    def mark(event: Any) -> None:
        event.model.row = row

    return mark


def _check(machine: Machine[Any]) -> None:
    """A table names each phase once, leads to it, and holds no row that can never fire."""
    named = [phases for row in machine.rows for phases in (row.sources, row.targets)]
    if any(not phases or len(set(phases)) < len(phases) for phases in (machine.phases, *named)):
        raise BadTable(f"{machine.name}: phases are named once, and there is at least one")
    final: set[tuple[str, str]] = set()
    for row in machine.rows:
        for phase in (*row.sources, *row.targets):
            if phase not in machine.phases:
                raise BadTable(f"{machine.name}: {phase!r} is not a phase")
        for source in row.sources:
            if (source, row.trigger) in final:
                raise BadTable(f"{machine.name}: a second {row.trigger} in {source} never fires")
            if row.when is always:
                final.add((source, row.trigger))
    _check_times(machine)
    if unreached := set(machine.phases) - _reached(machine):
        raise BadTable(f"{machine.name}: nothing leads to {sorted(unreached)}")


def _check_times(machine: Machine[Any]) -> None:
    times: dict[str, float] = {}
    for row in machine.rows:
        if isinstance(row.on, After):
            if not 0 <= row.on.seconds < float("inf"):
                raise BadTable(f"{machine.name}: {row.on.seconds!r} seconds is no time limit")
            for source in row.sources:
                if times.setdefault(source, row.on.seconds) != row.on.seconds:
                    raise BadTable(f"{machine.name}: {source} has two time limits")


def _reached(machine: Machine[Any]) -> set[str]:
    """Phases that some way of rows leads to from the first one."""
    reached: set[str] = set()
    found = {machine.initial}
    while not found <= reached:
        reached |= found
        rows = [row for row in machine.rows if reached.intersection(row.sources)]
        found = {str(target) for row in rows for target in row.targets}
    return reached
