"""Where the columns, lanes and cards of a drawing go.

Columns are steps; several in a row in which nothing stands are one narrow column, so that a story
may leap. A lane is as high as its highest stack of cards. A card has a head (title, id, thread) and
below it a line for each link, from which the link's arrow leaves. Cards stand on a raster of
sixteen pixels, so that arrows that leave and arrows that arrive never run in one line. Lengths are
whole pixels; nothing here knows SVG.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from actors.timelines.document import Link, Row
from actors.timelines.drawing.text import cut, wrapped
from actors.timelines.drawing.tracks import Tracks
from actors.timelines.drawing.words import condition_words
from actors.timelines.revision import Cell, Revision, Way

RASTER, TRACK = 16, 8
CARD_WIDTH, CARD_PAD = 208, 12
TEXT_WIDTH = CARD_WIDTH - 2 * CARD_PAD
TITLE_SIZE, TITLE_LINE, LINES_MAX = 13, 18, 2
LABEL_SIZE, SMALL_SIZE = 12, 11
COUNT_WIDTH = 36  # how often a link was followed
LINE = 16  # of a card's smaller texts
PORT = 12  # below the top of its line an arrow leaves
BARE_WIDTH, LEAP_WIDTH = 120, 56  # of a column with a beat or a guard only, and of a leap
LANE_PAD, LANE_HEIGHT_MIN = 20, 48
NAMES_WIDTH = 168  # lanes' names, at the left
BEFORE, AFTER = 26, 14  # free beside the tracks: before a column, and after one
BOUNDARY = 16  # before a column its boundary is drawn


@dataclass(slots=True, eq=False)
class Choice:
    """A link in its card: `lines` are its label, where it leads, what it waits for.

    Each line has its class and is cut and escaped.
    """

    way: Way
    link: Link
    top: int
    lines: tuple[tuple[str, str], ...]

    @property
    def height(self) -> int:
        """Its share of the card."""
        return TRACK + LINE * len(self.lines)


@dataclass(slots=True, eq=False)
class Card:
    """An event: its column and lane by number, the height of its head, of it all, its corner."""

    cell: Cell
    column: int
    lane: int
    title: tuple[str, ...]
    head: int
    height: int = 0
    choices: list[Choice] = field(default_factory=list)
    x: int = 0
    y: int = 0

    @property
    def right(self) -> int:
        """Where it ends."""
        return self.x + CARD_WIDTH


@dataclass(slots=True, eq=False)
class Column:
    """The steps from `first` to `last`. Between it and the next run upright ways: `near` those of
    cards of this column, counted from the left, `far` those of the next, from the right."""

    first: int
    last: int
    width: int
    x: int = 0
    near: Tracks = field(default_factory=Tracks)
    far: Tracks = field(default_factory=Tracks)

    @property
    def right(self) -> int:
        """Where its cards end."""
        return self.x + self.width

    @property
    def boundary(self) -> int:
        """Where guards and beats before it stand."""
        return self.x - BOUNDARY

    @property
    def gutter(self) -> int:
        """How much room is between it and the next."""
        return AFTER + TRACK * (len(self.near) + len(self.far)) + BEFORE


@dataclass(slots=True, eq=False)
class Lane:
    """A row of the grid: `y` and `height` are those of its cards, `top` and `bottom` with the ways
    that run level above and below them."""

    row: Row
    height: int = LANE_HEIGHT_MIN
    y: int = 0
    top: int = 0
    bottom: int = 0
    above: Tracks = field(default_factory=Tracks)
    below: Tracks = field(default_factory=Tracks)


class Grid:
    """Columns, lanes and cards; `bottom` is where the last lane ends.

    Lanes have their places after `place_lanes`, until then a card's `y` counts from its lane's;
    columns after `place_columns`. `names_targets`: where a link leads is written at it, for a
    drawing without arrows.
    """

    def __init__(self, revision: Revision, *, names_targets: bool) -> None:
        self.columns = list(_columns(revision))
        self.lanes = [Lane(row) for row in revision.document.rows]
        self._firsts = [column.first for column in self.columns]
        numbers = {lane.row.id: number for number, lane in enumerate(self.lanes)}
        self.cards = [
            _card(cell, self.at(cell.step), numbers[cell.row.id], names_targets)
            for cell in revision.cells
        ]
        self.bottom = 0
        self._stack()

    def at(self, step: int) -> int:
        """The number of the column in which a step lies."""
        return bisect_right(self._firsts, step) - 1

    def _stack(self) -> None:
        """Put the cards of each cell below each other."""
        for (_, number), cards in groupby(self.cards, lambda card: (card.column, card.lane)):
            y = 0
            for card in cards:
                card.y = y
                lane = self.lanes[number]
                lane.height = max(lane.height, y + card.height)
                y = _up(y + card.height + RASTER, RASTER)

    def place_lanes(self, top: int) -> None:
        """Put the lanes below each other; the ways above and below their cards are known now."""
        for lane in self.lanes:
            lane.top = top
            lane.y = _up(top + LANE_PAD + TRACK * len(lane.above), RASTER)
            lane.bottom = lane.y + lane.height + LANE_PAD + TRACK * len(lane.below)
            top = lane.bottom
        self.bottom = top
        for card in self.cards:
            card.y += self.lanes[card.lane].y

    def place_columns(self) -> None:
        """Put the columns beside each other; the ways between them are known now."""
        x = NAMES_WIDTH + BEFORE
        for column in self.columns:
            column.x = x
            x = column.right + column.gutter
        for card in self.cards:
            card.x = self.columns[card.column].x

    @property
    def is_shared(self) -> bool:
        """Whether some ways had to share a track."""
        levels = (each for lane in self.lanes for each in (lane.above, lane.below))
        uprights = (each for column in self.columns for each in (column.near, column.far))
        return any(tracks.is_shared for tracks in (*levels, *uprights))

    @property
    def right(self) -> int:
        """Where the last column ends."""
        return self.columns[-1].right + self.columns[-1].gutter - BOUNDARY


def _columns(revision: Revision) -> Iterator[Column]:
    """A column for each step at which something stands, one for each leap between."""
    full = {cell.step for cell in revision.cells}
    following = 0
    for step in sorted(full | set(revision.starts) | set(revision.gates) | {revision.last}):
        if step > following:
            yield Column(following, step - 1, LEAP_WIDTH)
        yield Column(step, step, CARD_WIDTH if step in full else BARE_WIDTH)
        following = step + 1


def _card(cell: Cell, column: int, lane: int, names_targets: bool) -> Card:
    title = wrapped(
        cell.event.narrative_event.title or "", TEXT_WIDTH, TITLE_SIZE, LINES_MAX, bold=True
    )
    lines = 1 + (cell.hold is not None)
    head = _up(RASTER + TITLE_LINE * len(title) + LINE * lines, TRACK)
    card = Card(cell, column, lane, title, head)
    top = head
    for way, link in zip(cell.ways, cell.event.links, strict=True):
        choice = Choice(way, link, top, tuple(_lines(link, names_targets)))
        card.choices.append(choice)
        top += choice.height
    card.height = top + TRACK if card.choices else head
    return card


def _lines(link: Link, names_targets: bool) -> Iterable[tuple[str, str]]:
    """The lines of a link, each with its class."""
    label = wrapped(link.label or "", TEXT_WIDTH - COUNT_WIDTH, LABEL_SIZE, LINES_MAX)
    yield from (("label", line) for line in label)
    if names_targets or not label:
        yield "target", cut(f"→ {link.to}", TEXT_WIDTH - COUNT_WIDTH, SMALL_SIZE)
    if link.when is not None:
        words = wrapped(f"if {condition_words(link.when)}", TEXT_WIDTH, SMALL_SIZE, LINES_MAX)
        yield from (("if", line) for line in words)


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit
