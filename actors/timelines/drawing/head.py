"""The head of a drawing: beats as spans over the columns, guards as flags, the columns' numbers.

A guard's flag stands at the boundary before its column, and its line goes down through the grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from actors.timelines.document import Beat, Guard
from actors.timelines.drawing.cards import box, text, title
from actors.timelines.drawing.grid import BOUNDARY, CARD_PAD, LABEL_SIZE, SMALL_SIZE, Column, Grid
from actors.timelines.drawing.text import attribute, clean, cut, measure
from actors.timelines.drawing.user import Seen
from actors.timelines.drawing.words import condition_words, operation_words
from actors.timelines.revision import Revision

BEAT_HEIGHT, FLAG_HEIGHT, STEP_HEIGHT, GAP = 28, 40, 30, 4
NAME_SIZE = 13
STATE_WIDTH = 48  # room for how a guard is, beside its id
HOLDING = ("waits", "shut")


class Head:
    """Everything above the grid that stands over columns. It begins at `top` and ends at `bottom`,
    where the grid begins."""

    def __init__(self, revision: Revision, top: int) -> None:
        self._revision = revision
        self._top = top
        self._guards: dict[int, list[Guard]] = {}
        for guard in revision.document.guards:
            self._guards.setdefault(guard.before_step, []).append(guard)
        self._flags = top + BEAT_HEIGHT + GAP
        most = max(map(len, self._guards.values()), default=0)
        self._steps = self._flags + most * (FLAG_HEIGHT + GAP) + STEP_HEIGHT // 2
        self.bottom = self._steps + STEP_HEIGHT // 2

    def svg(self, grid: Grid, seen: Seen | None) -> Iterator[str]:
        """The head over a grid whose columns have their places."""
        yield from self._beats(grid, seen)
        yield from self._columns(grid, seen)
        steps = sorted(self._guards)
        places = [grid.columns[grid.at(step)].boundary for step in steps]
        for step, (left, right) in zip(steps, pairwise([*places, grid.right]), strict=True):
            yield from self._boundary(step, left, right - left, grid, seen)

    def _beats(self, grid: Grid, seen: Seen | None) -> Iterator[str]:
        beats = self._revision.document.beats
        starts = [grid.columns[grid.at(beat.start_step)].boundary for beat in beats]
        place = None
        if seen is not None and seen.step is not None:
            place = self._revision.beat_at(seen.step)
        for beat, (left, right) in zip(beats, pairwise([*starts, grid.right]), strict=True):
            kind = "beat here" if place is not None and place.id == beat.id else "beat"
            yield _beat(beat, kind, left, right - left - GAP, self._top)

    def _columns(self, grid: Grid, seen: Seen | None) -> Iterator[str]:
        reached = -1 if seen is None or seen.step is None else seen.step
        for column in grid.columns:
            is_here = column.first <= reached <= column.last
            kind = "step here" if is_here else "step"
            middle = column.x + column.width // 2
            if is_here:
                yield (
                    f'<rect class="reached" x="{column.x - BOUNDARY // 2}" y="{self.bottom}" '
                    f'width="{column.width + BOUNDARY}" height="{grid.bottom - self.bottom}"/>'
                    f'<rect class="mark" x="{column.x}" y="{self._steps - 11}" '
                    f'width="{column.width}" height="22" rx="11"/>'
                )
            yield text(kind, middle, self._steps, _steps(column, reached if is_here else -1))

    def _boundary(
        self, step: int, x: int, width: int, grid: Grid, seen: Seen | None
    ) -> Iterator[str]:
        """All guards before a column; their line shows one that holds the user back."""
        gates = {gate.id: gate for gate in self._revision.gates[step]}
        y, line = self._flags, ""
        for guard in self._guards[step]:
            state = "" if seen is None else seen.gate(step, gates[guard.id])
            line = line if line in HOLDING else state
            yield _flag(guard, state, x, y, width - CARD_PAD)
            y += FLAG_HEIGHT + GAP
        yield f'<path class="gate {line}" d="M{x} {self._flags}V{grid.bottom}"/>'


def _beat(beat: Beat, kind: str, x: int, width: int, y: int) -> str:
    entering = f"on entering: {operation_words(beat.on_enter)}" if beat.on_enter else ""
    inside = (
        title(beat.name, f"{beat.id}, from column {beat.start_step}", entering),
        f'<rect width="{width}" height="{BEAT_HEIGHT}" rx="5"/>',
        text(
            "name",
            10,
            BEAT_HEIGHT // 2,
            cut(beat.name or beat.id, width - 20, NAME_SIZE, bold=True),
        ),
    )
    named = f'"{kind}" data-id={attribute(beat.id)}'
    return box(x, y, width, BEAT_HEIGHT, named, inside)


def _steps(column: Column, reached: int) -> str:
    if column.first == column.last:
        return str(column.first)
    if reached >= 0:
        return f"{reached}"
    return f"{column.first}–{column.last}"


def _flag(guard: Guard, state: str, x: int, y: int, width_max: int) -> str:
    """A guard's id, how it is for a user, and its condition; as wide as they need."""
    words = f"if {condition_words(guard.when)}"
    room = STATE_WIDTH if state else 0
    named = measure(clean(guard.id), LABEL_SIZE, bold=True) + room
    needed = max(named, measure(clean(words), SMALL_SIZE)) + 2 * CARD_PAD
    width = min(width_max, int(needed) + 1)
    room = width - 2 * CARD_PAD - room
    inside = [
        title(guard.id, f"before column {guard.before_step}", words),
        f'<rect width="{width}" height="{FLAG_HEIGHT}"/>',
        text("name", CARD_PAD, 13, cut(guard.id, room, LABEL_SIZE, bold=True)),
        text("if", CARD_PAD, 28, cut(words, width - 2 * CARD_PAD, SMALL_SIZE)),
    ]
    if state:
        inside.append(text("state", width - CARD_PAD, 13, state))
    kind = f'"guard {state}" data-id={attribute(guard.id)}'
    return box(x, y, width, FLAG_HEIGHT, kind, inside)
