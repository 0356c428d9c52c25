"""Somebody on the way: a user's state while one command is decided.

A walker carries out what rules order and notes what happened, in order. It remembers who must be
looked at again because of a change; `settling` does the looking. It lives for one decision and is
handed the instant. Rules: spec timelines 5.1, 5.2, 5.7, 5.12.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.timelines import values
from actors.timelines.looker import ACTIVE, UNVISITED, Looker
from actors.timelines.moves import MOVES, Leaving, Opening
from actors.timelines.revision import NOBODY, Cell, Changes, Dependents, Revision, Way
from actors.timelines.timeline_words import Timeline
from actors.timelines.user_words import (
    Been,
    EventState,
    Followed,
    Follows,
    Move,
    Stamp,
    User,
)


class Walker(Looker):
    """A user's copy to walk with."""

    def __init__(self, revision: Revision, user: User, timeline: Timeline, now_ms: int) -> None:
        super().__init__(revision, user, timeline, now_ms)
        self.events = dict(user.events)
        self.links = dict(user.follows)
        self.beats = dict(user.beats)
        self.variables = dict(user.variables)
        self.pending = set(user.pending)
        self.fired = set(user.fired)
        self.has_fired = False
        self.moves: list[Move] = []
        self.followed: list[Followed] = []
        self.entries: list[Stamp] = []
        self.passed: list[Stamp] = []
        self.written: dict[str, str] = {}
        self.to_open: set[int] = set()
        self.to_fire: set[tuple[int, int]] = set()
        self.touched: dict[str, Way] = {}
        self.waiting = user.standing.waiting

    # --- what may happen

    def may_open(self, cell: Cell) -> bool:
        """Column reached, root or linked to, and its thread delivers (spec 5.2)."""
        if self.step is None or cell.step > self.step:
            return False
        if cell.id not in self.pending and not (cell.is_root and cell.id not in self.events):
            return False
        hold = cell.hold
        return hold is None or hold.test is None or hold.test.holds(self)

    def may_fire(self, way: Way) -> bool:
        """An automatic link whose time has come (5.12.1)."""
        return self.may_yet_fire(way) and (way.test is None or way.test.holds(self))

    def may_yet_fire(self, way: Way) -> bool:
        """Its event is ACTIVE, and it has not fired since that opened."""
        return way.id not in self.fired and self.state_of(way.source) == ACTIVE

    # --- what happens

    def enter(self, step: int) -> None:
        """Step into a column; a beat that begins there is entered first (5.12.4)."""
        self.step = step
        beat = self.revision.starts.get(step)
        if beat is not None:
            self.beats[beat] = self.now_ms
            self.entries.append(Stamp(beat, self.now_ms))
            self._mark(self.revision.by_beat.get(beat, NOBODY))
            self.run(self.revision.entering[beat])
        self.to_open.update(cell.order for cell in self.revision.columns[step])

    def open(self, cell: Cell) -> None:
        """An event becomes ACTIVE, and what it does then is done."""
        been = self.events.get(cell.id)
        state = MOVES[UNVISITED if been is None else been.state, Opening]
        visited_ms = None if been is None else been.visited_ms
        self.events[cell.id] = Been(state, self.now_ms, visited_ms)
        self.pending.discard(cell.id)
        for way in cell.ways:
            if way.auto:
                self.to_fire.add(way.number)
                if way.id in self.fired:
                    self.fired.remove(way.id)
                    self.has_fired = True
        self._moved(cell, state)
        self.run(cell.opens)

    def leave(self, cell: Cell) -> None:
        """An event becomes VISITED, and what it does then is done."""
        been = self.events[cell.id]
        state = MOVES[been.state, Leaving]
        self.events[cell.id] = Been(state, been.active_ms, self.now_ms)
        self._moved(cell, state)
        self.run(cell.leaves)

    def count(self, way: Way, *, auto: bool = False) -> None:
        """A link is followed: it counts, then its operations run."""
        self.links[way.id] = Follows(self.follows(way.id) + 1, self.now_ms)
        self.followed.append(Followed(way.id, self.now_ms, auto))
        self._mark(self.revision.by_link.get(way.id, NOBODY))
        if way.id in self.timeline.counts:
            self.add_count(way.id, 1)
        self.run(way.changes)

    def add_count(self, link: str, number: int) -> None:
        """The timeline counts these follows from now on."""
        self.counted[link] = self.counted.get(link, 0) + number
        self._mark(self.revision.by_count.get(link, NOBODY))

    def fire(self, way: Way) -> None:
        """An automatic link follows itself, once while its event is open (5.12.1)."""
        self.fired.add(way.id)
        self.has_fired = True
        self.count(way, auto=True)
        self.reach(way)

    def reach(self, way: Way) -> Cell:
        """The target of a link that was followed waits to open, unless it is open (5.12.2)."""
        cell = self.revision.by_id[way.target]
        if self.state_of(cell.id) != ACTIVE:
            self.pending.add(cell.id)
            self.to_open.add(cell.order)
        return cell

    def run(self, changes: Changes) -> None:
        """Carry out operations in order; raises `values.Overflow` (spec 5.12.9)."""
        for change in changes:
            if change.name in self.strangers:
                continue
            current = self._latest(change.name)
            operand = change.text if change.other is None else self._latest(change.other)
            new = values.apply(change.type, change.op, current, operand, self.now_ms, change.plus)
            if new != current:
                self._write(change.name, new)

    def _latest(self, name: str) -> str:
        """A value to go on from: what others have written since an earlier instant stays."""
        then_ms, self.shared_ms = self.shared_ms, None
        try:
            return self.value(name)
        finally:
            self.shared_ms = then_ms

    def _write(self, name: str, value: str) -> None:
        if name in self.variables:
            self.variables[name] = self.written[name] = value
        else:
            self.shared[name] = value
        self._mark(self.revision.by_variable.get(name, NOBODY))

    def _moved(self, cell: Cell, state: EventState) -> None:
        self.moves.append(Move(cell.id, state, self.now_ms, self.step))
        self._mark(self.revision.by_event.get(cell.id, NOBODY))

    # --- whom to look at again

    def _mark(self, dependents: Dependents) -> None:
        for hold in dependents.holds:
            self.to_open.update(cell.order for cell in hold.cells)
        for way in dependents.autos:
            self.to_fire.add(way.number)
        for way in dependents.ways:
            self.touched[way.id] = way

    def mark_timed(self) -> None:
        """Time has passed."""
        for hold in self.revision.timed_holds:
            self.to_open.update(cell.order for cell in hold.cells)
        self.to_fire.update(way.number for way in self.revision.timed_autos)

    def mark_shared(self) -> None:
        """Others have changed something."""
        for dependents in self.revision.concerned_by_others():
            self._mark(dependents)

    def is_held(self, cells: Iterable[Cell]) -> bool:
        """Whether any of a thread's events would open if the thread delivered."""
        step = -1 if self.step is None else self.step
        return any(
            cell.step <= step
            and (cell.id in self.pending or (cell.is_root and cell.id not in self.events))
            for cell in cells
        )
