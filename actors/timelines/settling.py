"""Settling: everything that may open opens, and automatic links fire, until nothing changes.

Openings go over the cells in (step, row) order, again and again; then the automatic links of open
events in that order, once; then openings again. Only what a change touched is looked at, which
leads to the same as looking at everything. Rules: spec timelines 5.3, 5.12.1.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from actors.timelines.walker import Walker


def settle(walker: Walker) -> None:
    """Bring a walker to rest at its instant. Raises `values.Overflow`."""
    while True:
        while walker.to_open:
            _open_once(walker)
        if not _fire_once(walker):
            return


def _open_once(walker: Walker) -> None:
    """One pass over the cells. What a change touches further on joins it; the rest waits."""
    cells = walker.revision.cells
    waiting, walker.to_open = list(walker.to_open), set()
    heapify(waiting)
    at = -1
    while waiting:
        order = heappop(waiting)
        if order == at:
            continue
        at = order
        if walker.may_open(cells[order]):
            walker.open(cells[order])
            for later in [other for other in walker.to_open if other > order]:
                walker.to_open.discard(later)
                heappush(waiting, later)


def _fire_once(walker: Walker) -> bool:
    """One pass over automatic links; whether any fired."""
    cells = walker.revision.cells
    waiting, walker.to_fire = list(walker.to_fire), set()
    heapify(waiting)
    fired, at = False, (-1, -1)
    while waiting:
        number = heappop(waiting)
        if number == at:
            continue
        at = number
        way = cells[number[0]].ways[number[1]]
        if way.auto and walker.may_fire(way):
            walker.fire(way)
            fired = True
            for later in [other for other in walker.to_fire if other > number]:
                walker.to_fire.discard(later)
                heappush(waiting, later)
    return fired
