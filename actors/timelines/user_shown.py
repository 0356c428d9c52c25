"""What listeners see of a timeline user: its events' states and how it stands.

The state is as of the last fact; times are UTC. The HTTP answers, which also say what follows from
the definition, are made in `answers`. Rules: spec timelines 4, 5.4; live spec.
"""

from __future__ import annotations

from typing import Any

from actors.timelines import times
from actors.timelines.user_words import (
    Follows,
    LinkFollowed,
    Progressed,
    Settled,
    Standing,
    User,
    UserCreated,
    Walk,
)
from engine.messages import Erased, Event

EVENTS_MAX = 2_000
"""Events shown in a pushed state; a bigger walk is asked for over HTTP."""
Shown = UserCreated | Progressed | LinkFollowed | Settled


def present(user: User) -> dict[str, Any]:
    """The user as pushed: no definition is looked at."""
    few = len(user.events) <= EVENTS_MAX
    return {
        "active_timeline_id": user.timeline,
        "revision": user.revision,
        "timezone": user.zone,
        "datetime_guards_disabled": user.times_disabled,
        "pause_at_beats": user.pauses,
        "variables": user.variables,
        **_standing(user.standing, user.step),
        "events": {id_: been.state for id_, been in user.events.items()} if few else None,
        "follows": {link: _count(one) for link, one in user.follows.items()} if few else None,
    }


def _standing(standing: Standing, step: int | None) -> dict[str, Any]:
    until_ms = standing.waiting_until_ms
    return {
        "progress": standing.progress,
        "current_step": step,
        "current_beat": standing.beat,
        "new_beat_available": standing.new_beat,
        "waiting_for_condition_id": standing.waiting,
        "waiting_for_condition_datetime": None if until_ms is None else _time(until_ms),
        "end_of_timeline_reached": standing.ended,
    }


def _count(follows: Follows) -> int:
    return follows.count


def _time(ms: int) -> str:
    return times.write_instant(ms)


def present_events(events: tuple[Event, ...]) -> dict[str, Any]:
    """A fact as pushed: each change of state in order, and how the user stands after them."""
    (event,) = events
    if isinstance(event, Shown):
        shown = _walk(event.walk)
        if isinstance(event, LinkFollowed):
            return {"link_id": event.link, **shown}
        if isinstance(event, UserCreated):
            return {**shown, "variables": {**event.variables, **event.walk.variables}}
        return shown
    return {"counts": event.counts} if isinstance(event, Erased) else {}


def _walk(walk: Walk) -> dict[str, Any]:
    return {
        "at": _time(walk.at_ms),
        "state_changes": [
            {
                "timeline_event_id": move.event,
                "state": move.state,
                "state_changed_at": _time(move.at_ms),
            }
            for move in walk.moves
        ],
        "conditions_passed": [stamp.id for stamp in walk.passed],
        "beats_entered": [stamp.id for stamp in walk.beats],
        "variables": walk.variables,
        **_standing(walk.standing, walk.step),
    }
