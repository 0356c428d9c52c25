"""Cards, lanes and arrows as SVG text.

Each box is an `svg` of its own, which clips: whatever font a reader has, no text leaves its box.
The whole text of what is cut, and what has no room at all, shows when the pointer rests on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from actors.timelines.drawing.grid import (
    CARD_PAD,
    CARD_WIDTH,
    COUNT_WIDTH,
    LABEL_SIZE,
    LINE,
    LINES_MAX,
    NAMES_WIDTH,
    PORT,
    RASTER,
    SMALL_SIZE,
    TEXT_WIDTH,
    TITLE_LINE,
    Card,
    Choice,
    Lane,
)
from actors.timelines.drawing.text import attribute, cut, shown, wrapped
from actors.timelines.drawing.user import Seen
from actors.timelines.drawing.ways import Arrow, Point
from actors.timelines.drawing.words import condition_words, operation_words

LANE_SIZE = 14
STATE_WIDTH = 78  # room for a state's name beside the id
COLOURS = 6  # of threads
TIP, BEND = 9, 6


def box(x: int, y: int, width: int, height: int, kind: str, inside: Iterable[str]) -> str:
    """Something that stands alone and clips what it holds; `kind` are classes and attributes."""
    return (
        f'<svg class={kind} x="{x}" y="{y}" width="{width}" height="{height}">'
        f"{''.join(inside)}</svg>"
    )


def text(kind: str, x: int, y: int, escaped: str) -> str:
    """A line of text that begins at `x`, its middle at `y`."""
    return f'<text class="{kind}" x="{x}" y="{y}">{escaped}</text>'


def title(*lines: str) -> str:
    """What shows when the pointer rests: the lines that are not empty, raw texts."""
    return f"<title>{chr(10).join(map(shown, filter(None, lines)))}</title>"


# --- lanes


def lane(one: Lane, right: int) -> str:
    """A row: a line below it, its name at the left."""
    room = NAMES_WIDTH - 2 * CARD_PAD
    lines = wrapped(one.row.name, room, LANE_SIZE, LINES_MAX, bold=True)
    inside = [title(one.row.name, one.row.id, one.row.description or "")]
    inside += [text("lane", 0, 10 + 18 * at, line) for at, line in enumerate(lines)]
    inside.append(text("id", 0, 10 + 18 * len(lines), cut(one.row.id, room, SMALL_SIZE)))
    name = box(CARD_PAD, one.y, room, LINE * 3 + CARD_PAD, '"row"', inside)
    return f'<path class="rule" d="M0 {one.bottom}H{right}"/>{name}'


# --- cards


def card(one: Card, threads: Mapping[str, int], seen: Seen | None) -> str:
    """An event. `threads` are the numbers of threads by id, which give their colours."""
    cell = one.cell
    state = None if seen is None else seen.state(cell)
    kind = "card" if state is None else f"card {state}"
    if seen is not None and seen.is_awaited(cell):
        kind += " awaited"
    inside = [
        title(*_told(one, seen)),
        f'<rect x="1" y="1" width="{CARD_WIDTH - 2}" height="{one.height - 2}" rx="8"/>',
    ]
    y = RASTER
    for line in one.title:
        inside.append(text("title", CARD_PAD, y, line))
        y += TITLE_LINE
    room = TEXT_WIDTH - (0 if state is None else STATE_WIDTH)
    inside.append(text("id", CARD_PAD, y, cut(cell.id, room, SMALL_SIZE)))
    if state is not None:
        inside.append(text("state", CARD_WIDTH - CARD_PAD, y, state))
    if cell.hold is not None:
        colour = f"thread t{threads[cell.hold.id] % COLOURS}"
        name = cell.event.thread or ""
        inside.append(text(colour, CARD_PAD, y + LINE, cut(f"◆ {name}", TEXT_WIDTH, SMALL_SIZE)))
    inside += [_choice(choice, seen) for choice in one.choices]
    return box(
        one.x, one.y, CARD_WIDTH, one.height, f'"{kind}" data-id={attribute(cell.id)}', inside
    )


def _told(one: Card, seen: Seen | None) -> Iterator[str]:
    cell, narrative = one.cell, one.cell.event.narrative_event
    yield narrative.title or ""
    yield f"{cell.id} ({narrative.id})"
    yield narrative.description or ""
    if cell.hold is not None:
        yield f"thread {cell.hold.id}"
    if seen is not None and seen.is_awaited(cell):
        yield "linked to, not open yet"
    for when, operations in (("ACTIVE", cell.event.on.active), ("VISITED", cell.event.on.visited)):
        if operations:
            yield f"on {when}: {operation_words(operations)}"


def _choice(choice: Choice, seen: Seen | None) -> str:
    """A link's line, or lines; how often it was followed at the right."""
    count = 0 if seen is None else seen.count(choice.way)
    is_open = seen is not None and seen.is_open(choice.way)
    parts = [f'<g class="choice{" open" if is_open else ""}">', title(*_said(choice))]
    parts.append(f'<path class="rule" d="M1 {choice.top}H{CARD_WIDTH - 1}"/>')
    y = choice.top + PORT
    for at, (kind, line) in enumerate(choice.lines):
        parts.append(text(kind, CARD_PAD, y + LINE * at, line))
    if count:
        parts.append(
            text(
                "count",
                CARD_WIDTH - CARD_PAD,
                y,
                cut(f"×{count}", COUNT_WIDTH, LABEL_SIZE, bold=True),
            )
        )
    return "".join(parts) + "</g>"


def _said(choice: Choice) -> Iterator[str]:
    yield choice.link.label or ""
    yield choice.way.id + (" (by itself)" if choice.way.auto else "")
    if choice.link.when is not None:
        yield f"if {condition_words(choice.link.when)}"
    if choice.link.do:
        yield f"do: {operation_words(choice.link.do)}"


# --- arrows


def arrow(one: Arrow, seen: Seen | None) -> str:
    """A link's way and its point. Automatic ones are dashed, those that go back have a colour."""
    way = one.choice.way
    kinds = ["link"]
    if one.is_back or one.is_beside:
        kinds.append("back")
    if way.auto:
        kinds.append("auto")
    if seen is not None and seen.count(way):
        kinds.append("followed")
    (before, y), (x, _) = one.points[-2:]
    ahead = 1 if x > before else -1
    tip = f"M{x} {y}l{-TIP * ahead} -4v8z"
    end = (x - (TIP - 1) * ahead, y)
    return (
        f'<g class="{" ".join(kinds)}" data-id={attribute(way.id)}>{title(*_said(one.choice))}'
        f'<path class="way" d="{_rounded((*one.points[:-1], end))}"/>'
        f'<path class="tip" d="{tip}"/></g>'
    )


def _rounded(points: tuple[Point, ...]) -> str:
    """A path of level and upright stretches with round corners."""
    parts = [f"M{points[0][0]} {points[0][1]}"]
    for (before, corner), (_, after) in pairwise(pairwise(points)):
        bend = min(BEND, _length(before, corner) // 2, _length(corner, after) // 2)
        enter, leave = _towards(corner, before, bend), _towards(corner, after, bend)
        parts.append(f"L{enter[0]} {enter[1]}Q{corner[0]} {corner[1]} {leave[0]} {leave[1]}")
    parts.append(f"L{points[-1][0]} {points[-1][1]}")
    return "".join(parts)


def _length(one: Point, other: Point) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(corner: Point, other: Point, far: int) -> Point:
    """The point at `far` pixels from a corner on the way to another."""
    (x, y), (to_x, to_y) = corner, other
    return x + far * ((to_x > x) - (to_x < x)), y + far * ((to_y > y) - (to_y < y))
