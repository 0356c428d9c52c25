"""Warnings: a document that works, and holds something that its author hardly meant.

Events that no link leads to, links back behind a guard that may have closed by then, conditions
that never hold, things that are declared and not used. Looked for only in documents without
problems. Rules: spec timelines 8.
"""

from __future__ import annotations

from bisect import bisect_right

from actors.timelines.document import Condition, Operand, Timeline
from actors.timelines.findings import Findings, quoted
from actors.timelines.publishing import links as publishing_links
from actors.timelines.publishing import parts
from actors.timelines.publishing.never import Never

WHAT = {
    "threads": "its events never open",
    "guards": "nobody comes past it",
    "events": "a dead end",
}
"""By the list in which a condition stands: what follows if it never holds."""


def look(document: Timeline, warnings: Findings) -> None:
    """Note everything odd about a document that has no problem."""
    _look_for_unreachable(document, warnings)
    _look_for_closing(document, warnings)
    never = Never(document)
    for pointer, condition in parts.conditions(document):
        if never.holds(condition):
            what = WHAT[pointer.split("/")[1]]
            warnings.note(pointer, "never", f"this condition never holds: {what}")
    _look_for_unused(document, warnings)


def _look_for_unreachable(document: Timeline, warnings: Findings) -> None:
    reached = publishing_links.reached(document)
    for at, event in enumerate(document.events):
        if event.id not in reached:
            reason = f"no links lead from the start to {quoted(event.id)}: it never opens"
            warnings.note(f"/events/{at}", "unreachable", reason)


def _look_for_closing(document: Timeline, warnings: Findings) -> None:
    """Links that lead back over a guard which time can close."""
    closing = sorted(
        (guard.before_step, guard.id) for guard in document.guards if closes(guard.when)
    )
    columns = [step for step, _ in closing]
    steps = {event.id: event.step for event in document.events}
    for at, event in enumerate(document.events):
        for number, link in enumerate(event.links):
            next_ = bisect_right(columns, steps[link.to])
            if next_ < len(closing) and columns[next_] <= event.step:
                reason = (
                    f"{quoted(link.to)} lies before the guard {quoted(closing[next_][1])}, which"
                    " may have closed by then"
                )
                warnings.note(f"/events/{at}/links/{number}/to", "closed_behind", reason)


def closes(condition: Condition) -> bool:
    """Whether a condition that holds may cease to, by time alone."""
    for leaf, negated in parts.leaves(condition):
        if leaf.time is not None:
            bound = leaf.time.after if negated else leaf.time.before
        elif leaf.elapsed is not None:
            bound = leaf.elapsed.at_least if negated else leaf.elapsed.at_most
        else:
            bound = None
        if bound is not None or leaf.daily is not None:
            return True
    return False


def _look_for_unused(document: Timeline, warnings: Findings) -> None:
    """Rows and threads without events, variables that nothing reads or changes."""
    used: dict[str, set[str | None]] = {
        "variables": set(_variables(document)),
        "rows": {event.row for event in document.events},
        "threads": {event.thread for event in document.events},
    }
    for name, known in used.items():
        for at, one in enumerate(getattr(document, name)):
            id_ = one.name if name == "variables" else one.id
            if id_ not in known:
                reason = f"{quoted(id_)} is declared and not used"
                warnings.note(f"/{name}/{at}", "unused", reason)


def _variables(document: Timeline) -> set[str]:
    found = {one.var for _, listed in parts.operations(document) for one in listed}
    operands = [one.value for _, listed in parts.operations(document) for one in listed]
    for _, condition in parts.conditions(document):
        for leaf, _ in parts.leaves(condition):
            found |= set() if leaf.var is None else {leaf.var}
            operands.append(leaf.value)
            operands += [] if leaf.time is None else [leaf.time.after, leaf.time.before]
    return found | {one.var for one in operands if isinstance(one, Operand)}
