"""Parts: walking over a document, without recursion.

Where conditions and operations stand, with the JSON pointer of each, and what a condition consists
of. Links may form chains of any length and conditions any depth: nothing here grows a stack.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.timelines.document import Condition, Operation, Timeline

Operations = tuple[Operation, ...]


def conditions(timeline: Timeline) -> Iterator[tuple[str, Condition]]:
    """Every outermost condition with its pointer: of threads, of guards, of links."""
    for at, thread in enumerate(timeline.threads):
        if thread.delivery is not None:
            yield f"/threads/{at}/delivery", thread.delivery
    for at, guard in enumerate(timeline.guards):
        yield f"/guards/{at}/when", guard.when
    for at, event in enumerate(timeline.events):
        for number, link in enumerate(event.links):
            if link.when is not None:
                yield f"/events/{at}/links/{number}/when", link.when


def operations(timeline: Timeline) -> Iterator[tuple[str, Operations]]:
    """Every list of operations with its pointer: of beats, of links, of events."""
    for at, beat in enumerate(timeline.beats):
        yield f"/beats/{at}/on_enter", beat.on_enter
    for at, event in enumerate(timeline.events):
        yield f"/events/{at}/on/ACTIVE", event.on.active
        yield f"/events/{at}/on/VISITED", event.on.visited
        for number, link in enumerate(event.links):
            yield f"/events/{at}/links/{number}/do", link.do


def inner(condition: Condition, pointer: str) -> list[tuple[Condition, str]]:
    """The conditions directly inside one, with their pointers."""
    found = [] if condition.not_ is None else [(condition.not_, f"{pointer}/not")]
    for name, listed in (("all", condition.all_), ("any", condition.any_)):
        if listed:
            found += [(one, f"{pointer}/{name}/{at}") for at, one in enumerate(listed)]
    return found


def leaves(condition: Condition) -> Iterator[tuple[Condition, bool]]:
    """Every condition that has none inside, and whether it stands under an odd number of `not`."""
    waiting = [(condition, False)]
    while waiting:
        one, negated = waiting.pop()
        if one.not_ is not None:
            waiting.append((one.not_, not negated))
        elif one.all_ is None and one.any_ is None:
            yield one, negated
        waiting += [(each, negated) for each in (*(one.all_ or ()), *(one.any_ or ()))]
