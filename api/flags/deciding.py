"""From a question to a decision: what is kept is read, what is new is committed before the answer.

Known visitors cost no commit. First-time ones wait for the commit of their assignments; where
another request was first, the decision is made again with what that one kept. Exposures of a
decision that tracks go into the tally. Visitors who decide by the SDK's rules keep their variations
in the same list. Rules: spec flags 1.12, 3.1, 3.2, 10.2, 10.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from actors.flags.compiled import Compiled, Request, matching
from actors.flags.decision import (
    NOTHING_KEPT,
    Assignment,
    Decision,
    Kept,
    KeptFor,
    Matched,
    settle,
    subjects,
)
from api.flags.environments import Live, local_soon
from storage.flags.writes import AssignmentRow

if TYPE_CHECKING:
    from api.flags.shelf import Shelf

Count = Callable[[int], None]
"""Hears how many new rows a decision is about to write; may refuse them by raising."""
AGAIN_MAX = 3
"""Decisions made again because another request kept something first; then its word stands."""


async def decide(
    shelf: Shelf, live: Live, request: Request, count: Count | None = None, handle: str = ""
) -> Decision:
    """The decision, with everything it depends on committed.

    `count` is told of new rows before they are written (`entrance.count_rows`: the day's cap of
    strangers); None: a visitor of ours asks, and they count for nothing. Then `handle` is that
    visitor's, and what is kept goes when it goes.
    """
    compiled = live.compiled
    matched = matching(compiled, request)
    if matched.reads_kept:
        kept = shelf.assignments.of(live, subjects(compiled, request))
        decision = settle(compiled, request, matched, kept)
        if decision.assignments:
            if count is not None:
                count(len(decision.assignments))
            decision = await _keep(shelf, live, matched, decision, handle)
    else:
        decision = settle(compiled, request, matched, NOTHING_KEPT)
    if request.trigger_hit and decision.choices:
        shelf.tally.add(live, decision.choices)
        await shelf.tally.settled(live.project)
    return decision


async def _keep(
    shelf: Shelf, live: Live, matched: Matched, decision: Decision, handle: str
) -> Decision:
    request = decision.request
    for _ in range(AGAIN_MAX):
        rows = _rows(live, decision.assignments, handle)
        if await shelf.assignments.keep(live.project, rows):
            break
        kept = shelf.assignments.of(live, subjects(live.compiled, request))
        decision = settle(live.compiled, request, matched, kept)
        if not decision.assignments:
            break
    return decision


def _rows(live: Live, assignments: tuple[Assignment, ...], handle: str) -> list[AssignmentRow]:
    return [AssignmentRow(live.env, *each, handle) for each in assignments]


# --- by the SDK's rules


async def decide_locally(shelf: Shelf, live: Live, request: Request, handle: str = "") -> Decision:
    """As the SDK decides from the environment's own file, with what it keeps committed.

    What a visitor keeps is looked up by visitor id, else by anonymous id. New assignments are kept
    for both, as long as the anonymous visitor keeps nothing (spec flags 3.2). Ranges, XPC and 1V1T
    count for nothing here.
    """
    compiled = await local_soon(live.prepared)
    matched = matching(compiled, request)
    if not matched.reads_kept:
        return settle(compiled, request, matched, NOTHING_KEPT)
    decision, new = _local(shelf, live, compiled, matched, request)
    for _ in range(AGAIN_MAX):
        if not new or await shelf.assignments.keep(live.project, _rows(live, new, handle)):
            break
        decision, new = _local(shelf, live, compiled, matched, request)
    return decision


def _local(
    shelf: Shelf, live: Live, compiled: Compiled, matched: Matched, request: Request
) -> tuple[Decision, tuple[Assignment, ...]]:
    """The decision, and what is to be kept because of it."""
    own = shelf.assignments.kept(live, request.visitor_id)
    earlier = shelf.assignments.kept(live, request.anonymous_id) if request.anonymous_id else {}
    decision = settle(compiled, request, matched, KeptFor(own or earlier))
    return decision, tuple(_new(decision, own, earlier))


def _new(
    decision: Decision, own: Mapping[str, Kept], earlier: Mapping[str, Kept]
) -> Iterator[Assignment]:
    request = decision.request
    for choice in decision.choices:
        group, variation = choice.group.id, choice.variation.id
        if group not in own:
            yield Assignment(request.visitor_id, group, variation, False)
        if request.anonymous_id and not earlier:
            yield Assignment(request.anonymous_id, group, variation, False)
