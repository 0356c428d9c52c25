"""The ways of arrows through a drawing: level and upright, between the cards and never across.

An arrow leaves its card at its own line, on the side where its target is: to the right for later
columns and its own, to the left for earlier ones. Where nothing stands in between it goes straight
there; else it takes a track above or below the cards of its lane. Arrows that leave and arrows that
arrive end at different heights (the raster of `drawing_grid`), and each stretch has a track of its
own, so no two lie on each other as long as there are tracks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from actors.timelines.drawing.grid import (
    AFTER,
    BEFORE,
    PORT,
    TRACK,
    Card,
    Choice,
    Column,
    Grid,
    Lane,
)
from actors.timelines.drawing.tracks import Tracks

LEVEL = 12  # first track above and below cards
IN_LEFT, IN_RIGHT, IN_STEP = 16, 24, 16  # where arrows arrive, from the top of a card

Point = tuple[int, int]


@dataclass(slots=True, eq=False)
class Arrow:
    """A link's arrow.

    `level` is the lane whose track it takes, and whether above its cards; None: it goes straight.
    `arrives` is the height at which it does.
    """

    choice: Choice
    source: Card
    target: Card
    level: tuple[Lane, bool] | None = None
    track: int = 0
    arrives: int = 0
    points: tuple[Point, ...] = ()

    @property
    def is_back(self) -> bool:
        """Whether it points to the left."""
        return self.target.column < self.source.column

    @property
    def is_beside(self) -> bool:
        """Whether it stays in its column."""
        return self.target.column == self.source.column

    @property
    def leaves(self) -> int:
        """The height at which it leaves its card."""
        return self.source.y + self.choice.top + PORT

    @property
    def gutters(self) -> tuple[int, int]:
        """The numbers of the columns after which it leaves and after which it arrives."""
        source, target = self.source.column, self.target.column
        if self.is_back:
            return source - 1, target
        return source, source if self.is_beside else target - 1


@dataclass(slots=True, eq=False)
class Upright:
    """An upright stretch of an arrow, after a column; `near`: on the side of that column's cards.

    `held` is its end at a card, `loose` the other one.
    """

    column: Column
    near: bool
    held: int
    loose: int
    track: int = 0

    @property
    def tracks(self) -> Tracks:
        """Where it finds its track."""
        return self.column.near if self.near else self.column.far

    @property
    def x(self) -> int:
        """Where it runs, once the columns have their places."""
        if self.near:
            return self.column.right + AFTER + TRACK * self.track
        return self.column.right + self.column.gutter - BEFORE - TRACK * self.track

    def order(self) -> tuple[int, int]:
        """Which comes first, nearest to the cards: so few cross."""
        return (-self.held if self.loose > self.held else self.held, self.loose)


def find_ways(grid: Grid, top: int, *, has_arrows: bool = True) -> list[Arrow]:
    """Place all of a grid below `top` and find the way of every link, or of none."""
    cards = {card.cell.id: card for card in grid.cards}
    arrows = [
        Arrow(choice, card, cards[choice.way.target])
        for card in grid.cards
        for choice in (card.choices if has_arrows else ())
    ]
    _take_levels(grid, arrows)
    grid.place_lanes(top)
    _arrive(arrows)
    stretches = [_uprights(grid, arrow) for arrow in arrows]
    _take_uprights(stretches)
    grid.place_columns()
    for arrow, uprights in zip(arrows, stretches, strict=True):
        arrow.points = _points(arrow, uprights)
    return arrows


# --- level


def _take_levels(grid: Grid, arrows: list[Arrow]) -> None:
    """Let arrows that cannot go straight take a track, the short ones next to the cards."""
    passing = _Passing(grid)
    around = [arrow for arrow in arrows if not passing.let(arrow)]
    around.sort(key=lambda arrow: abs(arrow.gutters[0] - arrow.gutters[1]))
    for arrow in around:
        lane, is_above = arrow.level = _level(grid, arrow)
        low, high = sorted(arrow.gutters)
        arrow.track = (lane.above if is_above else lane.below).take(low, high)


def _level(grid: Grid, arrow: Arrow) -> tuple[Lane, bool]:
    """The source's lane, on the side of the target's; in one lane the shorter way round."""
    source, target = arrow.source, arrow.target
    lane = grid.lanes[source.lane]
    if source.lane != target.lane:
        return lane, target.lane < source.lane
    return lane, arrow.leaves + target.y < lane.height


class _Passing:
    """Who may go straight through cells of its lane in which nothing stands."""

    def __init__(self, grid: Grid) -> None:
        self._full: dict[int, list[int]] = defaultdict(list)
        self._taken: dict[tuple[int, int], Tracks] = defaultdict(Tracks)
        for card in grid.cards:
            self._full[card.lane].append(card.column)

    def let(self, arrow: Arrow) -> bool:
        """Whether the arrow may; if so, nobody else may on the same line."""
        if arrow.is_beside:
            return True
        low, high = sorted((arrow.source.column, arrow.target.column))
        full = self._full[arrow.source.lane]
        at = bisect_right(full, low)
        if at < len(full) and full[at] < high:
            return False
        if high - low == 1:
            return True
        line = self._taken[arrow.source.lane, arrow.leaves]
        return line.take(*sorted(arrow.gutters)) == 0


# --- upright


def _arrive(arrows: list[Arrow]) -> None:
    """Spread the arrows that arrive at a side of a card over it, those from above first."""
    sides: dict[tuple[int, bool], list[Arrow]] = defaultdict(list)
    for arrow in arrows:
        sides[arrow.target.cell.order, arrow.is_back or arrow.is_beside].append(arrow)
    for (_, at_right), arriving in sides.items():
        card = arriving[0].target
        first = IN_RIGHT if at_right else IN_LEFT
        places = range(first, card.head, IN_STEP)
        if len(arriving) > len(places):
            places = range(first, card.height - TRACK + 1, IN_STEP)
        arriving.sort(key=_comes_from)
        for number, arrow in enumerate(arriving):
            at = number if len(arriving) <= len(places) else number * len(places) // len(arriving)
            arrow.arrives = card.y + places[at]


def _comes_from(arrow: Arrow) -> int:
    return arrow.leaves if arrow.level is None else _height(arrow)


def _height(arrow: Arrow) -> int:
    """Of its level stretch."""
    if arrow.level is None:
        return arrow.leaves
    lane, is_above = arrow.level
    offset = LEVEL + TRACK * arrow.track
    return lane.y - offset if is_above else lane.y + lane.height + offset


def _uprights(grid: Grid, arrow: Arrow) -> list[Upright]:
    leaving, arriving = (grid.columns[number] for number in arrow.gutters)
    near = not arrow.is_back
    if arrow.level is None:
        return [Upright(arriving, near, arrow.leaves, arrow.arrives)]
    height = _height(arrow)
    return [
        Upright(leaving, near, arrow.leaves, height),
        Upright(arriving, not near, arrow.arrives, height),
    ]


def _take_uprights(stretches: list[list[Upright]]) -> None:
    for upright in sorted((one for both in stretches for one in both), key=Upright.order):
        low, high = sorted((upright.held, upright.loose))
        upright.track = upright.tracks.take(low, high)


def _points(arrow: Arrow, uprights: list[Upright]) -> tuple[Point, ...]:
    """The corners of a way, from its card's side to its target's."""
    begins = arrow.source.x if arrow.is_back else arrow.source.right
    ends = arrow.target.right if arrow.is_back or arrow.is_beside else arrow.target.x
    heights = (arrow.leaves, _height(arrow), arrow.arrives)
    levels = heights if len(uprights) > 1 else heights[::2]
    corners = [(begins, arrow.leaves)]
    for one, (before, after) in zip(uprights, pairwise(levels), strict=True):
        corners += [(one.x, before), (one.x, after)]
    return (*corners, (ends, arrow.arrives))
