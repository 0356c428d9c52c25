"""What the Admin API says: a timeline, its grid, its variables, everybody's log.

Bare objects without an envelope (TL-090), pure functions of what is handed in.
Rules: spec timelines 4, 5.12.22; ledger TL-104, TL-105, TL-125 to TL-127.
"""

from __future__ import annotations

from actors.timelines import timeline_words, times
from actors.timelines.answers import shapes
from actors.timelines.answers.cards import contents_by_state
from actors.timelines.answers.shapes import TimelineEvent, Variable, VariableScope
from actors.timelines.revision import Cell, Revision
from actors.timelines.timeline_words import Declared


def timeline_answer(timeline_id: str, timeline: timeline_words.Timeline) -> shapes.Timeline:
    """A timeline as its newest revision calls it (TL-127)."""
    return shapes.Timeline(id=timeline_id, title=timeline.title, description=timeline.description)


def timeline_events(revision: Revision) -> list[TimelineEvent]:
    """All events of a definition in (step, row) order; one without a title has an empty one."""
    return [_timeline_event(cell) for cell in revision.cells]


def _timeline_event(cell: Cell) -> TimelineEvent:
    narrative = cell.event.narrative_event
    return TimelineEvent(
        id=cell.id,
        title=narrative.title or "",
        description=narrative.description,
        step=cell.step,
        content_integrations=contents_by_state(narrative),
        narrative_event_id=narrative.id,
        narrative_event_custom_data=narrative.custom_data,
    )


def variables(timeline: timeline_words.Timeline) -> list[Variable]:
    """The variables of the newest revision, in authored order, with their values now (TL-100)."""
    return [_variable(one, timeline) for one in timeline.declared]


def variable(timeline: timeline_words.Timeline, name: str) -> Variable | None:
    """One variable of the newest revision, or None (TL-101)."""
    for one in timeline.declared:
        if one.name == name:
            return _variable(one, timeline)
    return None


def _variable(declared: Declared, timeline: timeline_words.Timeline) -> Variable:
    scope, value = VariableScope(declared.scope), None
    if scope is VariableScope.SHARED:
        timed = timeline.shared.get(declared.name)
        value = declared.default if timed is None else timed.value
    return Variable(name=declared.name, scope=scope, default_value=declared.default, value=value)


def event_state_change(
    cell: Cell,
    *,
    project: str,
    timeline_id: str,
    user_id: str,
    state: str,
    at_ms: int,
    step: int | None,
    naive: bool = False,
) -> shapes.EventStateChange:
    """One entry of everybody's log (TL-126).

    `cell` is the event in the revision that was in force, `state` the new state, `at_ms` the
    instant in ms, `step` where the user was then (None: as far as the event).
    """
    return shapes.EventStateChange(
        esc_type=state,
        narrative_event_id=cell.event.narrative_event.id,
        timeline_event_id=cell.id,
        thread_id=cell.event.thread,
        beat_id=None if cell.beat is None else cell.beat.id,
        available_step_index=cell.step,
        processed_step_index=cell.step if step is None else step,
        workspace_id=project,
        project_id=project,
        timeline_id=timeline_id,
        user_id=user_id,
        created_at=times.write_instant(at_ms, naive),
    )
