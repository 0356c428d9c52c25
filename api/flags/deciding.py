"""From a question to a decision: what is kept is read, what is new is committed before the answer.

Known visitors cost no commit. First-time ones wait for the commit of their assignments; where
another request was first, the decision is made again with what that one kept. Exposures of a
decision that tracks go into the tally. Rules: spec flags 1.12, 3.1, 3.2, 10.2.
"""

from __future__ import annotations

from actors.flags.compiled import Request, matching
from actors.flags.decision import NOTHING_KEPT, Decision, Matched, settle, subjects
from api.flags import entrance
from api.flags.environments import Live
from api.flags.shelf import Shelf
from api.http import Call
from storage.flags.writes import AssignmentRow

AGAIN_MAX = 3
"""Decisions made again because another request kept something first; then its word stands."""


async def decide(call: Call, shelf: Shelf, live: Live, request: Request) -> Decision:
    """The decision, with everything it depends on committed."""
    compiled = live.compiled
    matched = matching(compiled, request)
    if matched.reads_kept:
        kept = shelf.assignments.of(live, subjects(compiled, request))
        decision = settle(compiled, request, matched, kept)
        if decision.assignments:
            decision = await _keep(call, shelf, live, (request, matched, decision))
    else:
        decision = settle(compiled, request, matched, NOTHING_KEPT)
    if request.trigger_hit and decision.choices:
        shelf.tally.add(live, decision.choices)
        await shelf.tally.settled(live.project)
    return decision


async def _keep(
    call: Call, shelf: Shelf, live: Live, asked: tuple[Request, Matched, Decision]
) -> Decision:
    request, matched, decision = asked
    entrance.count_rows(call, shelf, live, len(decision.assignments))
    for _ in range(AGAIN_MAX):
        rows = [
            AssignmentRow(live.env, each.subject, each.group_id, each.variation_id, each.activated)
            for each in decision.assignments
        ]
        if await shelf.assignments.keep(live.project, rows):
            break
        kept = shelf.assignments.of(live, subjects(live.compiled, request))
        decision = settle(live.compiled, request, matched, kept)
        if not decision.assignments:
            break
    return decision
