"""Explanations of a user: why a link cannot be followed, what holds the user and its events up.

A user is explained as it stands once it has caught up, which is reckoned and not stored. Events in
reach are those never open so far in the columns up to the next one, and those that a followed link
leads to. Rules: spec timelines 5.2, 5.4 to 5.6, 5.12.13, 12 (row 3).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from actors.timelines import values
from actors.timelines.answers.shapes import DateTime, GeneralError, Meta
from actors.timelines.explaining import Explainer, Explanation
from actors.timelines.looker import ACTIVE, Looker
from actors.timelines.revision import Cell, Gate, Hold, Revision, Way
from actors.timelines.timeline import evolve
from actors.timelines.timeline_words import Contributed, Timeline
from actors.timelines.user_fold import walked
from actors.timelines.user_words import EventState, User
from actors.timelines.walking import begin, blocking, walk_of

EVENTS_MAX = 1_000
"""Events, and links to one of them, that one answer explains."""
THREADS_MAX = 100
"""Threads whose delivery one answer explains: each may take a long look into the future."""

NOT_ACTIVE, NOT_MET = "not_active", "condition_not_met"
STEP, NO_LINK, THREAD = "step_not_reached", "no_link_followed", "thread_not_delivered"


class ExplainedLink(msgspec.Struct, frozen=True, kw_only=True):
    """Why a link may be followed or not.

    `reasons` are `not_active` (the event that it leads from is not open) and `condition_not_met`;
    without any it is followable. `condition` is null where the link has none.
    """

    id: str
    timeline_event_id: str
    timeline_event_state: EventState
    to_event_id: str
    followable: bool
    reasons: tuple[str, ...]
    followed: int
    last_followed_at: DateTime | None = None
    condition: Explanation | None = None


class ExplainedGuard(msgspec.Struct, frozen=True, kw_only=True):
    """The guard that the user waits for, before the column `before_step`."""

    id: str
    before_step: int
    condition: Explanation


class ExplainedThread(msgspec.Struct, frozen=True, kw_only=True):
    """A thread that does not deliver, and the events that would be open if it did."""

    id: str
    timeline_event_ids: tuple[str, ...]
    condition: Explanation


class ExplainedWay(msgspec.Struct, frozen=True, kw_only=True):
    """A link that leads to an event, and whether it may be followed now."""

    id: str
    followable: bool


class ExplainedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Why an event is not open.

    `reasons` are `step_not_reached` (its column is `available_step_index`), `no_link_followed`
    (`links` lead to it), `thread_not_delivered` (`thread_id`).
    """

    id: str
    state: EventState
    available_step_index: int
    reasons: tuple[str, ...]
    links: tuple[ExplainedWay, ...] = ()
    thread_id: str | None = None


class ExplainedUser(msgspec.Struct, frozen=True, kw_only=True):
    """What holds a user up: the guard before the next column, threads, and each event in reach."""

    current_step: int | None = None
    guard: ExplainedGuard | None = None
    threads: tuple[ExplainedThread, ...] = ()
    threads_left_out: int = 0
    events: tuple[ExplainedEvent, ...] = ()
    events_left_out: int = 0


class ExplainedLinkResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope around an explained link."""

    data: ExplainedLink | None = None
    error: GeneralError | None = None
    meta: Meta | None = None


class ExplainedUserResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope around an explained user."""

    data: ExplainedUser | None = None
    error: GeneralError | None = None
    meta: Meta | None = None


# --- whom to explain


def reckon(
    revision: Revision, user: User, timeline: Timeline, version: int, now_ms: int
) -> tuple[User, Timeline]:
    """A user who has caught up to `now_ms`, and the timeline with what that wrote; nothing stored.

    `version` is the timeline's. A user who cannot catch up, since a variable would overflow, stays
    as it is.
    """
    try:
        walker = begin(revision, user, timeline, now_ms, is_news=version != user.seen)
    except values.Overflow:
        return user, timeline
    walk = walk_of(walker, version)
    if walk.shared or walk.counted:
        written = Contributed(shared=walk.shared, follows=walk.counted, at_ms=now_ms)
        timeline = evolve(timeline, written)
    return walked(user, walk), timeline


# --- links


def explain_link(looker: Looker, way: Way, *, naive: bool = False) -> ExplainedLink:
    """Why a link may be followed or not (spec 5.5)."""
    explainer = Explainer(looker, naive=naive)
    condition = None if way.test is None else explainer.explain(way.test)
    state = EventState(looker.state_of(way.source))
    reasons = [] if state == ACTIVE else [NOT_ACTIVE]
    if condition is not None and not condition.holds:
        reasons.append(NOT_MET)
    follows = looker.links.get(way.id)
    return ExplainedLink(
        id=way.id,
        timeline_event_id=way.source,
        timeline_event_state=state,
        to_event_id=way.target,
        followable=not reasons,
        reasons=tuple(reasons),
        followed=0 if follows is None else follows.count,
        last_followed_at=None if follows is None else explainer.time(follows.last_ms),
        condition=condition,
    )


# --- users


def explain_user(looker: Looker, *, naive: bool = False) -> ExplainedUser:
    """What holds a user up: guard, threads, and why each event in reach is not open."""
    explainer = Explainer(looker, naive=naive)
    gate = blocking(looker)
    held = list(_held(looker))
    in_reach = [cell for cell in looker.revision.cells if _is_in_reach(looker, cell)]
    shown = in_reach[:EVENTS_MAX]
    leading = _leading(looker.revision, [cell for cell in shown if not _is_entered(looker, cell)])
    return ExplainedUser(
        current_step=looker.step,
        guard=None if gate is None else _guard(explainer, gate),
        threads=tuple(_thread(explainer, hold) for hold in held[:THREADS_MAX]),
        threads_left_out=max(0, len(held) - THREADS_MAX),
        events=tuple(_event(looker, cell, leading.get(cell.id, [])) for cell in shown),
        events_left_out=len(in_reach) - len(shown),
    )


def _guard(explainer: Explainer, gate: Gate) -> ExplainedGuard:
    step = explainer.looker.step
    following = 0 if step is None else step + 1
    return ExplainedGuard(id=gate.id, before_step=following, condition=explainer.explain(gate.test))


def _held(looker: Looker) -> Iterable[Hold]:
    """Threads that keep back an event which would be open otherwise."""
    for hold in looker.revision.holds.values():
        waits = any(_waits_for_thread(looker, cell) for cell in hold.cells)
        if waits and hold.test is not None and not hold.test.holds(looker):
            yield hold


def _thread(explainer: Explainer, hold: Hold) -> ExplainedThread:
    looker = explainer.looker
    assert hold.test is not None
    held = [cell.id for cell in hold.cells if _waits_for_thread(looker, cell)]
    return ExplainedThread(
        id=hold.id,
        timeline_event_ids=tuple(held[:EVENTS_MAX]),
        condition=explainer.explain(hold.test),
    )


def _event(looker: Looker, cell: Cell, leading: list[Way]) -> ExplainedEvent:
    is_entered, hold = _is_entered(looker, cell), cell.hold
    is_held = hold is not None and hold.test is not None and not hold.test.holds(looker)
    found = (
        (STEP, not _is_reached(looker, cell)),
        (NO_LINK, not is_entered),
        (THREAD, is_held),
    )
    return ExplainedEvent(
        id=cell.id,
        state=EventState(looker.state_of(cell.id)),
        available_step_index=cell.step,
        reasons=tuple(reason for reason, is_so in found if is_so),
        links=tuple(
            ExplainedWay(id=way.id, followable=looker.is_followable(way))
            for way in leading[:EVENTS_MAX]
        ),
        thread_id=None if hold is None else hold.id,
    )


def _leading(revision: Revision, cells: Iterable[Cell]) -> dict[str, list[Way]]:
    """The links that lead to events, by event."""
    found: dict[str, list[Way]] = {cell.id: [] for cell in cells}
    if found:
        for way in revision.ways.values():
            if way.target in found:
                found[way.target].append(way)
    return found


def _is_reached(looker: Looker, cell: Cell) -> bool:
    return looker.step is not None and cell.step <= looker.step


def _is_entered(looker: Looker, cell: Cell) -> bool:
    """Whether a link to it was followed, or none is needed (spec 5.2)."""
    if cell.id in looker.user.pending:
        return True
    return cell.is_root and cell.id not in looker.events


def _waits_for_thread(looker: Looker, cell: Cell) -> bool:
    return _is_reached(looker, cell) and _is_entered(looker, cell)


def _is_in_reach(looker: Looker, cell: Cell) -> bool:
    if cell.id in looker.user.pending:
        return True
    following = 0 if looker.step is None else looker.step + 1
    return cell.id not in looker.events and cell.step <= following
