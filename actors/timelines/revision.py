"""A published definition, compiled: what a walk looks up, found without searching.

Cells are the events in (step, row) order; equal ones as they were authored. Each thing that a
condition reads knows who depends on it, so a command costs what it changes and not what there is.
Made from judged documents only. Rules: spec timelines 1, 5.2, 5.12.5, 5.12.12, 5.12.20.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from actors.timelines import document, values
from actors.timelines.conditions import Test, compile_condition
from actors.timelines.user_words import Place


@dataclass(frozen=True, slots=True)
class Change:
    """An operation on variable `name`: its operand is a text, or another variable's value."""

    name: str
    type: str
    op: str
    text: str = ""
    other: str | None = None
    plus: str | None = None


Changes = tuple[Change, ...]


@dataclass(slots=True, eq=False)
class Way:
    """A link. `number` orders ways by cell, then as authored."""

    id: str
    number: tuple[int, int]
    source: str
    target: str
    label: str | None
    test: Test | None
    changes: Changes
    auto: bool


@dataclass(slots=True, eq=False)
class Hold:
    """A thread: what its events wait for, and which they are."""

    id: str
    test: Test | None
    cells: list[Cell] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Gate:
    """A guard before a column."""

    id: str
    test: Test


@dataclass(slots=True, eq=False)
class Cell:
    """An event in the grid. `order` is its place among all; `entered` are the links that lead to
    it from anywhere, so a cell without them is a root."""

    id: str
    order: int
    step: int
    event: document.Event
    row: document.Row
    hold: Hold | None
    beat: Place | None
    ways: tuple[Way, ...] = ()
    is_root: bool = True
    opens: Changes = ()
    leaves: Changes = ()
    before: str | None = None
    after: str | None = None
    shown: object = None


@dataclass(slots=True, eq=False)
class Dependents:
    """Who is to be looked at again when something that conditions read has changed."""

    holds: list[Hold] = field(default_factory=list)
    autos: list[Way] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)


NOBODY = Dependents()
Index = dict[str, Dependents]


class Revision:
    """A compiled definition. Immutable once made."""

    def __init__(self, timeline: document.Timeline) -> None:
        self.document = timeline
        self.id = timeline.id
        self.auto_progress = timeline.settings.auto_progress
        self.types: Mapping[str, str] = {one.name: one.type for one in timeline.variables}
        self.defaults = {
            one.name: values.check(one.type, one.default)
            for one in timeline.variables
            if one.scope == "user"
        }
        self.shared = frozenset(one.name for one in timeline.variables if one.scope == "shared")
        self.holds = {one.id: Hold(one.id, self._test(one.delivery)) for one in timeline.threads}
        self.starts = {beat.start_step: beat.id for beat in timeline.beats}
        self.entering = {beat.id: self._changes(beat.on_enter) for beat in timeline.beats}
        self.places = {beat.id: Place(beat.id, beat.name) for beat in timeline.beats}
        self.cells = self._cells()
        self.by_id = {cell.id: cell for cell in self.cells}
        self.last = max((cell.step for cell in self.cells), default=0)
        self.columns: list[list[Cell]] = [[] for _ in range(self.last + 1)]
        for cell in self.cells:
            self.columns[cell.step].append(cell)
            if cell.hold is not None:
                cell.hold.cells.append(cell)
        self.ways = {way.id: way for cell in self.cells for way in cell.ways}
        for way in self.ways.values():
            self.by_id[way.target].is_root = False
        self._neighbours()
        self.gates: dict[int, list[Gate]] = {}
        for guard in timeline.guards:
            gate = Gate(guard.id, compile_condition(guard.when, self.types))
            self.gates.setdefault(guard.before_step, []).append(gate)
        self.by_gate = {gate.id: gate for gates in self.gates.values() for gate in gates}
        self._index()

    def _test(self, condition: document.Condition | None) -> Test | None:
        return None if condition is None else compile_condition(condition, self.types)

    def _changes(self, operations: Iterable[document.Operation]) -> Changes:
        return tuple(
            Change(
                one.var,
                self.types[one.var],
                one.op,
                one.value if isinstance(one.value, str) else "",
                one.value.var if isinstance(one.value, document.Operand) else None,
                one.plus,
            )
            for one in operations
        )

    # --- cells

    def _cells(self) -> tuple[Cell, ...]:
        lanes = {row.id: number for number, row in enumerate(self.document.rows)}
        rows = {row.id: row for row in self.document.rows}
        ordered = sorted(self.document.events, key=lambda event: (event.step, lanes[event.row]))
        cells = []
        for order, event in enumerate(ordered):
            hold = None if event.thread is None else self.holds[event.thread]
            cell = Cell(
                event.id, order, event.step, event, rows[event.row], hold, self.beat_at(event.step)
            )
            cell.ways = tuple(
                Way(
                    f"{event.id}:{link.to}",
                    (order, number),
                    event.id,
                    link.to,
                    link.label,
                    self._test(link.when),
                    self._changes(link.do),
                    link.auto,
                )
                for number, link in enumerate(event.links)
            )
            cell.opens = self._changes(event.on.active)
            cell.leaves = self._changes(event.on.visited)
            cells.append(cell)
        return tuple(cells)

    def beat_at(self, step: int) -> Place | None:
        """The beat that a column lies in."""
        found = None
        for beat in self.document.beats:  # in order, and few
            if beat.start_step > step:
                break
            found = self.places[beat.id]
        return found

    def _neighbours(self) -> None:
        """Who stands before and after in the same row (TL-123)."""
        latest: dict[str, Cell] = {}
        for cell in self.cells:
            earlier = latest.get(cell.row.id)
            if earlier is not None:
                cell.before, earlier.after = earlier.id, cell.id
            latest[cell.row.id] = cell

    # --- who depends on what

    def _index(self) -> None:
        self.by_variable: Index = {}
        self.by_event: Index = {}
        self.by_link: Index = {}
        self.by_beat: Index = {}
        self.by_count: Index = {}
        holds, ways = self.holds.values(), self.ways.values()
        for hold in holds:
            for dependents in self._note(hold.test):
                dependents.holds.append(hold)
        for way in ways:
            for dependents in self._note(way.test):
                dependents.ways.append(way)
                if way.auto:
                    dependents.autos.append(way)
        for gate in self.by_gate.values():
            self._note(gate.test)
        self.timed_holds = [hold for hold in holds if _is_timed(hold.test)]
        self.timed_autos = [way for way in ways if way.auto and _is_timed(way.test)]
        self.shared_ways = [way for way in ways if self.looks_at_others(way.test)]
        self.shares = bool(self.shared or self.by_count)
        tests = [hold.test for hold in holds] + [way.test for way in ways]
        tests += [gate.test for gate in self.by_gate.values()]
        self.others_time_it = any(_is_timed(test) and self.looks_at_others(test) for test in tests)

    def _note(self, test: Test | None) -> list[Dependents]:
        """The lists of everything that a test reads; made where there is none yet."""
        if test is None:
            return []
        reads = test.reads
        indexes = (
            (self.by_variable, reads.variables),
            (self.by_event, reads.events),
            (self.by_link, reads.links),
            (self.by_beat, reads.beats),
            (self.by_count, reads.counted_links),
        )
        return [index.setdefault(name, Dependents()) for index, names in indexes for name in names]

    def looks_at_others(self, test: Test | None) -> frozenset[str]:
        """What a condition looks at that others may change: shared variables, counted links."""
        if test is None:
            return frozenset()
        return (test.reads.variables & self.shared) | test.reads.counted_links

    def concerned_by_others(self) -> Iterable[Dependents]:
        """Who depends on what other users and operators may change."""
        for name in self.shared:
            yield self.by_variable.get(name, NOBODY)
        yield from self.by_count.values()


def _is_timed(test: Test | None) -> bool:
    return test is not None and test.reads.is_timed


def compile_revision(body: bytes) -> Revision:
    """Compile a stored document."""
    return Revision(document.read(body))
