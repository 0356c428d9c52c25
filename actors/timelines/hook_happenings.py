"""What a walk led to, as webhooks are told of it.

From the user before and after a fact, and the fact's walk, to a list of events in order of
happening: guards that let pass, beats, links, states, variables, and last how far the user has
come. Pure, and nothing here knows who subscribes. Rules: spec timelines 5.4, 7, 5.12.17; ledger
TL-136, TL-137.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from actors.timelines import hook_words as words
from actors.timelines import times
from actors.timelines.answers.cards import beat, contents_by_state
from actors.timelines.answers.shapes import User as UserShown
from actors.timelines.hook_words import EventType
from actors.timelines.revision import Cell, Revision
from actors.timelines.user_words import EventState, User, Walk


class Happened(NamedTuple):
    """Something to tell: of what type, when (ms), and the `event_object` of the body."""

    type: EventType
    at_ms: int
    object: Any


def happenings(
    before: User, after: User, walk: Walk, revision: Revision, user_id: str
) -> list[Happened]:
    """All that a walk led to, by the instant at which it happened.

    A `before` without a revision is a user that begins with this walk: it is created, and that it
    stands where it does is no progress.
    """
    found = [
        *_passed(walk),
        *_beats(walk, revision),
        *_links(walk, revision),
        *_states(before, walk, revision),
        *_variables(before, walk),
    ]
    found.sort(key=lambda one: one.at_ms)
    if not before.revision:
        created = Happened(EventType.USER_CREATED, walk.at_ms, user_shown(user_id, after))
        found.insert(0, created)
    elif after.step != before.step:
        shown = user_shown(user_id, after)
        found.append(Happened(EventType.USER_PROGRESSED, walk.at_ms, shown))
    if after.standing.ended and not before.standing.ended:
        end = words.EndReached(current_step=after.step or 0, current_beat=beat(after.standing.beat))
        found.append(Happened(EventType.END_REACHED, walk.at_ms, end))
    return found


def user_shown(user_id: str, user: User) -> UserShown:
    """The user as the API shows it right after its fact (TL-109)."""
    stands = user.standing
    until_ms = stands.waiting_until_ms
    return UserShown(
        id=user_id,
        variables=user.variables,
        current_step=user.step,
        current_beat=beat(stands.beat),
        new_beat_available=beat(stands.new_beat),
        waiting_for_condition_id=stands.waiting,
        waiting_for_condition_datetime=None if until_ms is None else times.write_instant(until_ms),
        end_of_timeline_reached=stands.ended,
        datetime_guards_disabled=user.times_disabled,
        pause_at_beats=user.pauses,
        active_timeline_id=user.timeline,
    )


def _passed(walk: Walk) -> Iterator[Happened]:
    for stamp in walk.passed:
        passed = words.ConditionPassed(condition_id=stamp.id)
        yield Happened(EventType.CONDITION_PASSED, stamp.at_ms, passed)


def _beats(walk: Walk, revision: Revision) -> Iterator[Happened]:
    for stamp in walk.beats:
        entered = beat(revision.places.get(stamp.id))
        yield Happened(EventType.BEAT_ENTERED, stamp.at_ms, entered)


def _links(walk: Walk, revision: Revision) -> Iterator[Happened]:
    for one in walk.follows:
        way = revision.ways[one.link]
        followed = words.LinkTold(
            link_id=way.id,
            from_event_id=way.source,
            to_event_id=way.target,
            label=way.label,
            auto=one.auto,
        )
        yield Happened(EventType.LINK_FOLLOWED, one.at_ms, followed)


def _states(before: User, walk: Walk, revision: Revision) -> Iterator[Happened]:
    states = {id_: been.state for id_, been in before.events.items()} if walk.moves else {}
    left, reached = _led(walk, revision)
    for move in walk.moves:
        previous = states.get(move.event, EventState.UNVISITED)
        states[move.event] = move.state
        link = (reached if move.state is EventState.ACTIVE else left).get(move.event)
        changed = _state_changed(revision.by_id[move.event], move.state, previous, link)
        yield Happened(EventType.STATE_CHANGED, move.at_ms, changed)


def _led(walk: Walk, revision: Revision) -> tuple[dict[str, str], dict[str, str]]:
    """The link by which events were left, and that by which they were reached, by their ids."""
    left: dict[str, str] = {}
    reached: dict[str, str] = {}
    for one in walk.follows:
        way = revision.ways[one.link]
        reached[way.target] = way.id
        if not one.auto:
            left[way.source] = way.id
    return left, reached


def _state_changed(
    cell: Cell, state: EventState, previous: EventState, link: str | None
) -> words.StateChanged:
    narrative = cell.event.narrative_event
    return words.StateChanged(
        user_timeline_event_state=state.value,
        previous_state=previous.value,
        timeline_event_id=cell.id,
        user_timeline_event_id=cell.id,
        narrative_event_id=narrative.id,
        narrative_event_title=narrative.title,
        row_id=cell.row.id,
        thread_id=cell.event.thread,
        content=contents_by_state(narrative)[state.value],
        custom_data=narrative.custom_data,
        link_id=link,
    )


def _variables(before: User, walk: Walk) -> Iterator[Happened]:
    for name, value in walk.variables.items():
        previous = before.variables.get(name, "")
        if value != previous:
            changed = words.VariableChanged(
                name=name, scope="user", value=value, previous_value=previous
            )
            yield Happened(EventType.VARIABLE_CHANGED, walk.at_ms, changed)
