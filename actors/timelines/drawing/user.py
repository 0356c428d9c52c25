"""What a drawing says about one user: states, follows, guards, and how the user stands.

All of it is computed for an instant from what is known; nothing is settled here. Rules: spec
timelines 5.4, 5.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actors.timelines import times
from actors.timelines.looker import Looker
from actors.timelines.revision import Cell, Gate, Hold, Revision, Way
from actors.timelines.timeline_words import Timeline
from actors.timelines.user_words import EventState, Progress, User
from actors.timelines.walking import standing

UNSET = "–"


class Seen:
    """A timeline as one user sees it at `now_ms` (ms since 1970, UTC)."""

    def __init__(self, revision: Revision, user: User, timeline: Timeline, now_ms: int) -> None:
        self._looker = Looker(revision, user, timeline, now_ms)
        self._standing = standing(self._looker)
        self._revision = revision
        self.step = user.step

    def state(self, cell: Cell) -> EventState:
        """The state of an event."""
        return EventState(self._looker.state_of(cell.id))

    def is_awaited(self, cell: Cell) -> bool:
        """Whether a link to the event was followed and it is not open yet."""
        return cell.id in self._looker.user.pending

    def count(self, way: Way) -> int:
        """How often the user followed a link."""
        return self._looker.follows(way.id)

    def is_open(self, way: Way) -> bool:
        """Whether a link may be followed now."""
        return self._looker.is_followable(way)

    def delivers(self, hold: Hold) -> bool:
        """Whether a thread delivers now."""
        return hold.test is None or hold.test.holds(self._looker)

    def gate(self, step: int, gate: Gate) -> str:
        """How a guard before column `step` is for the user: passed, waits, open or shut."""
        if self.step is not None and step <= self.step:
            return "passed"
        if gate.id == self._standing.waiting:
            return "waits"
        return "open" if gate.test.holds(self._looker) else "shut"

    def sentences(self) -> Iterator[str]:
        """How the user stands, what it waits for, what its variables are."""
        yield f"{times.write_instant(self._looker.now_ms)}, {self._where()}"
        gate = self._revision.by_gate.get(self._standing.waiting or "")
        if gate is not None:
            until_ms = self._standing.waiting_until_ms
            until = "" if until_ms is None else f", until {times.write_instant(until_ms)}"
            yield f"waits for {gate.id}: {'; '.join(gate.test.why(self._looker))}{until}"
        names = [one.name for one in self._revision.document.variables]
        if names:
            yield ", ".join(self._values(names))

    def _where(self) -> str:
        stands = self._standing
        if stands.progress is Progress.NOT_STARTED:
            return "not started"
        where = f"at column {self.step}" + (f", {stands.beat.name}" if stands.beat else "")
        if stands.ended:
            return f"{where}, the end"
        return where + (f"; may enter {stands.new_beat.name}" if stands.new_beat else "")

    def _values(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            shared = " (shared)" if name in self._revision.shared else ""
            yield f"{name} = {self._looker.value(name) or UNSET}{shared}"
