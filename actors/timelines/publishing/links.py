"""Links of a document as a graph: where walks begin, how far they come, what goes round.

An event is a root when nothing links to it; others open only when a link to them was followed, so
without any root nothing would ever open (spec 5.12.5). Automatic links that lead back to where they
began are a problem whatever their conditions (spec 8). Nothing here is recursive, for chains are as
long as they like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from actors.timelines.document import Timeline
from actors.timelines.findings import Findings, quoted

SHOWN_MAX = 8  # events of a cycle that a message names

Cycle = tuple[int, int, list[int], int]
"""An event's position and the number of its link that closes the cycle; the positions of the
cycle's first events, from that link's target on; how many events it has."""


def check(document: Timeline, problems: Findings) -> None:
    """Note a document in which no event could ever open, and each cycle of automatic links."""
    if not roots(document):
        reason = "no event could ever open: every one waits for a link to it"
        problems.note("/events", "no_entry", reason if document.events else "there is no event")
    places = {event.id: at for at, event in enumerate(document.events)}
    for source, number, cycle, length in auto_cycles(document, places):
        names = [quoted(document.events[at].id) for at in cycle]
        rest = length - len(names)
        names += [f"({rest} more)"] if rest else []
        reason = f"automatic links go round: {' -> '.join([*names, names[0]])}"
        problems.note(f"/events/{source}/links/{number}/auto", "auto_cycle", reason)


def roots(document: Timeline) -> list[str]:
    """The events that nothing links to, not even themselves (spec 5.12.5)."""
    targets = {link.to for event in document.events for link in event.links}
    return [event.id for event in document.events if event.id not in targets]


def reached(document: Timeline) -> set[str]:
    """The events that links lead to from the roots, these included."""
    links = {event.id: event.links for event in document.events}
    waiting = roots(document)
    found = set(waiting)
    while waiting:
        for link in links.get(waiting.pop(), ()):
            if link.to not in found:
                found.add(link.to)
                waiting.append(link.to)
    return found


def auto_cycles(document: Timeline, places: Mapping[str, int]) -> Iterator[Cycle]:
    """Each automatic link that closes a cycle; `places` gives an event's position by its id."""
    ways = {
        at: [
            (number, places[link.to])
            for number, link in enumerate(event.links)
            if link.auto and link.to in places
        ]
        for at, event in enumerate(document.events)
        if any(link.auto for link in event.links)
    }
    done: set[int] = set()
    for start in ways:
        if start not in done:
            yield from _closing(start, ways, done)


def _closing(
    start: int, ways: Mapping[int, list[tuple[int, int]]], done: set[int]
) -> Iterator[Cycle]:
    """Walk depth first from `start`; what was left behind for good goes to `done`."""
    path, depths = [start], {start: 0}
    ahead = [iter(ways[start])]
    while path:
        for number, target in ahead[-1]:
            if target in depths:
                first = depths[target]
                yield path[-1], number, path[first : first + SHOWN_MAX], len(path) - first
            elif target not in done:
                depths[target] = len(path)
                path.append(target)
                ahead.append(iter(ways.get(target, ())))
                break
        else:
            ahead.pop()
            done.add(path[-1])
            del depths[path.pop()]
