"""A machine as SVG text, written by hand: no library, no script, nothing fetched.

`engine.layout` says where things are; this file says how they look. Colours follow the reader's
light or dark mode. `now` marks the phase an actor is in. All text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from engine.diagram import Edge, Label, graph
from engine.layout import (
    CHOICE_HEIGHT,
    CHOICE_PORT,
    LETTER,
    LINE,
    LOOP,
    NODE_HEIGHT,
    PORT,
    Layout,
    Place,
    Route,
    lay_out,
    words,
)
from engine.machine import Machine

TIP = 8.0  # a line ends inside its point

STYLE = """
.machine{--ink:#1c2430;--soft:#5d6b7e;--line:#8793a5;--paper:#fff;--box:#f1f4f9;--edge:#3f5f8f;
--now:#ffe9b8;font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
@media(prefers-color-scheme:dark){.machine{--ink:#e6ebf2;--soft:#9fb0c6;--line:#6d7c92;
--paper:#161b22;--box:#222b38;--edge:#86a9de;--now:#5a4512}}
.machine .paper{fill:var(--paper)}
.machine .phase{fill:var(--box);stroke:var(--edge);stroke-width:1.5}
.machine .ring{fill:none;stroke:var(--edge);stroke-width:1}
.machine .now{fill:var(--now);stroke-width:2.5}
.machine text{fill:var(--ink);text-anchor:middle;dominant-baseline:central}
.machine .name{font-weight:600;font-size:14px}
.machine .own text,.machine text.own{text-anchor:start}
.machine .if{fill:var(--soft);font-style:italic}
.machine .inside{fill:var(--soft)}
.machine .way{fill:none;stroke:var(--line);stroke-width:1.4}
.machine .tip{fill:var(--line)}
.machine .dot{fill:var(--ink)}
""".strip()


def svg(machine: Machine[Any], now: str = "") -> str:
    """Draw a machine; `now` names the phase to mark, if any."""
    drawn = graph(machine)
    page = lay_out(drawn)
    width, height = _px(page.width), _px(page.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="machine" role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f"aria-label={quoteattr(_spoken(machine))}>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}" rx="8"/>',
        *(_way(route) for route in page.routes),
        *_nodes(page, now),
        *(_words(place.edge, place.x, place.y) for place in page.places() if place.edge),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _spoken(machine: Machine[Any]) -> str:
    return f"{machine.name}: " + ", ".join(machine.phases)


def _px(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _nodes(page: Layout, now: str) -> Iterator[str]:
    for place in page.places():
        if place.node is None:
            continue
        if place.node.choice:
            yield _diamond(place)
            continue
        if place.node.initial:
            yield _beginning(place)
        if place.loop is not None:
            yield _own_way(place, place.loop)
        yield _box(place, place.node.name, final=place.node.final, now=place.node.name == now)


def _box(place: Place, name: str, *, final: bool, now: bool) -> str:
    def rectangle(kind: str, inset: float) -> str:
        x, y = place.x - place.half + inset, place.y - NODE_HEIGHT / 2 + inset
        wide, high = 2 * (place.half - inset), NODE_HEIGHT - 2 * inset
        return (
            f'<rect class="{kind}" x="{_px(x)}" y="{_px(y)}" width="{_px(wide)}" '
            f'height="{_px(high)}" rx="{_px(12 - inset)}"/>'
        )

    ring = rectangle("ring", 4) if final else ""
    text = f'<text class="name" x="{_px(place.x)}" y="{_px(place.y)}">{escape(name)}</text>'
    return rectangle("phase now" if now else "phase", 0) + ring + text


def _diamond(place: Place) -> str:
    x, y, half, high = place.x, place.y, place.half, CHOICE_HEIGHT / 2
    corners = ((x - half, y), (x, y - high), (x + half, y), (x, y + high))
    return f'<polygon class="phase" points="{_listed(corners)}"/>'


def _beginning(place: Place) -> str:
    top = place.y - NODE_HEIGHT / 2
    x = _px(place.x)
    return (
        f'<circle class="dot" cx="{x}" cy="{_px(top - 30)}" r="5"/>'
        f'<path class="way" d="M{x} {_px(top - 25)}V{_px(top - TIP)}"/>'
        f"{_tip(place.x, top, 0, 1)}"
    )


# --- arrows


def _way(route: Route) -> str:
    """A line through the places, upright inside a layer and curved between two."""
    upper, *between, lower = route.places
    first, last = _port(upper, route.places[1]), _port(lower, route.places[-2])
    start, end = upper.y + _rim(upper, first), lower.y - _rim(lower, last)
    line = [f"M{_px(first)} {_px(start + TIP * route.up)}V{_px(upper.bottom)}"]
    x, y = first, upper.bottom
    for place in (*between, lower):
        to = last if place is lower else place.x
        middle = _px((y + place.top) / 2)
        line.append(f"C{_px(x)} {middle} {_px(to)} {middle} {_px(to)} {_px(place.top)}")
        line.append(f"V{_px(end - TIP * (not route.up) if place is lower else place.bottom)}")
        x, y = to, place.bottom
    tip = _tip(first, start, 0, -1) if route.up else _tip(last, end, 0, 1)
    return f'<path class="way" d="{"".join(line)}"/>{tip}'


def _port(place: Place, other: Place) -> float:
    """Where on a node's edge the arrow to `other` ends: ports are spread in their order."""
    near = sorted(place.above if other in place.above else place.below, key=lambda near: near.x)
    widest, inset = (CHOICE_PORT, CHOICE_PORT / 2) if _is_choice(place) else (PORT, 10)
    step = min(widest, 2 * (place.half - inset) / max(1, len(near) - 1))
    return place.x + (near.index(other) - (len(near) - 1) / 2) * step


def _rim(place: Place, x: float) -> float:
    """How far above and below its middle a node ends at `x`: a box is level, a diamond is not."""
    if _is_choice(place):
        return CHOICE_HEIGHT / 2 * (1 - abs(x - place.x) / place.half)
    return NODE_HEIGHT / 2


def _is_choice(place: Place) -> bool:
    return place.node is not None and place.node.choice


def _own_way(place: Place, loop: Edge) -> str:
    """An arrow from a phase to itself, at its right side, with its words beside it."""
    right, y = place.x + place.half, place.y
    bend = _px(right + LOOP * 0.9)
    line = f"M{_px(right)} {_px(y - 8)}C{bend} {_px(y - 26)} {bend} {_px(y + 26)} "
    line += f"{_px(right + TIP)} {_px(y + 9)}"
    words_ = _words(loop, right + LOOP - 4, y, "own")
    return f'<path class="way" d="{line}"/>{_tip(right, y + 8, -1, 0.12)}{words_}'


def _tip(x: float, y: float, ahead_x: float, ahead_y: float) -> str:
    """A small triangle whose point is at (x, y) and looks ahead."""
    back_x, back_y = x - 9 * ahead_x, y - 9 * ahead_y
    side_x, side_y = 4.2 * ahead_y, -4.2 * ahead_x
    points = ((x, y), (back_x + side_x, back_y + side_y), (back_x - side_x, back_y - side_y))
    return f'<polygon class="tip" points="{_listed(points)}"/>'


def _listed(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{_px(x)},{_px(y)}" for x, y in points)


# --- words


def _words(edge: Edge, x: float, y: float, side: str = "") -> str:
    """The labels of an arrow as a block around (x, y), or to the right of it (`own`)."""
    lines = words(edge)
    top = y - len(lines) * LINE / 2
    parts = [f'<g class="{side or "words"}">']
    if not side:
        wide = max(map(len, lines)) * LETTER + 4
        parts.append(
            f'<rect class="paper" x="{_px(x - wide / 2)}" y="{_px(top)}" '
            f'width="{_px(wide)}" height="{_px(len(lines) * LINE)}"/>'
        )
    for label in edge.labels:
        parts.append(_label(label, x, top + LINE / 2))
        top += len(label.lines) * LINE
    return "".join(parts) + "</g>"


def _label(label: Label, x: float, y: float) -> str:
    """One trigger with its guard; the reason shows when the pointer rests on it."""
    kind = "" if label.public else ' class="inside"'
    why = f"<title>{escape(label.why)}</title>" if label.why else ""
    guard = ""
    if label.guard:
        below = f' x="{_px(x)}" dy="{_px(LINE)}"' if len(label.lines) > 1 else ' dx="4"'
        guard = f'<tspan class="if"{below}>{escape(f"[{label.guard}]")}</tspan>'
    return f'<text{kind} x="{_px(x)}" y="{_px(y)}">{why}{escape(label.on)}{guard}</text>'
