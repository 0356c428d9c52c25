"""Recording: a user's facts become the steps of a journey.

A fact says what happened and which version of the timeline it saw. What others had changed by then
is the difference between two foldings of the timeline's own facts; whoever records hands those in,
up to the version that a step asks for. Only what a decision may have looked at is kept: the value
of then, and those before it back to the step before. Rules: spec timelines 5.12.13, 5.12.14.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from actors.timelines import timeline, times, user_fold
from actors.timelines.journeys import (
    Did,
    JourneyBegin,
    JourneyStep,
    Others,
    Since,
    StateChange,
)
from actors.timelines.legacy_words import Completed
from actors.timelines.timeline_words import Timed, Timeline
from actors.timelines.user_words import (
    LinkFollowed,
    Migrated,
    Progressed,
    Settled,
    User,
    UserCreated,
    Walk,
)
from engine.messages import Erased, Event

Recorded = UserCreated | Progressed | LinkFollowed | Settled | Migrated
"""The facts that are steps of a journey; `Completed` is a `Settled`."""


def begin_of(created: UserCreated, defaults: Mapping[str, str]) -> JourneyBegin:
    """How a journey begins; `defaults` are the user variables of the definition."""
    given = [name for name, value in created.variables.items() if defaults.get(name) != value]
    return JourneyBegin(
        timeline_id=created.timeline,
        revision=created.revision,
        timezone=created.zone,
        datetime_guards_disabled=created.times_disabled,
        pause_at_beats=created.pauses,
        variables=created.variables,
        variables_given=tuple(sorted(given)),
    )


class Recorder:
    """Makes steps from the facts of one user, in order.

    Before a step, the timeline's facts up to `version_wanted` are handed to `hear`.
    """

    def __init__(self, timeline_id: str) -> None:
        self.version = 0
        self._timeline = Timeline(id=timeline_id)
        self._known = self._timeline
        self._user = User()

    def hear(self, version: int, event: Event) -> None:
        """A fact of the timeline, at its version."""
        self.version = version
        if isinstance(event, Erased):
            self._timeline = Timeline(id=self._timeline.id)
        else:
            self._timeline = timeline.evolve(self._timeline, event)
        if self._user.shares and version <= self._user.seen:  # the user's own part at the latest
            self._known = self._timeline

    def version_wanted(self, event: Recorded) -> int:
        """The timeline's version that the fact was decided on; 0 where nothing looked at it."""
        walk = event.walk
        looked = event.shares if isinstance(event, UserCreated | Migrated) else self._user.shares
        return walk.seen - bool(walk.shared or walk.counted) if looked else 0

    def step(self, event: Recorded) -> JourneyStep:
        """The step that a fact is."""
        version, before = self.version_wanted(event), self._user
        others = None
        if version and version != before.seen:
            is_first = isinstance(event, UserCreated)
            others = self._others(event.walk.at_ms if is_first else before.settled_ms)
        self._user = user_fold.evolve(before, event)
        if version:
            self._known = self._timeline
        return step_of(event, others)

    def _others(self, floor_ms: int) -> Others:
        was, now = self._known, self._timeline
        types = {name: type_ for name, type_ in now.types.items() if was.types.get(name) != type_}
        return Others(
            variables=_changed(was.shared, now.shared, floor_ms),
            follows=_changed(was.follows, now.follows, floor_ms),
            types=types,
            counts=None if was.counts == now.counts else now.counts,
        )


def _changed(
    was: Mapping[str, Timed], now: Mapping[str, Timed], floor_ms: int
) -> dict[str, tuple[Since, ...]]:
    return {
        name: _looked_at(timed, floor_ms) for name, timed in now.items() if was.get(name) != timed
    }


def _looked_at(timed: Timed, floor_ms: int) -> tuple[Since, ...]:
    """The value of now, and those before it that looks since `floor_ms` may meet."""
    found = []
    for since_ms, value in ((timed.since_ms, timed.value), *timed.past):
        found.append(Since(times.write_instant(since_ms), value))
        if since_ms <= floor_ms:
            break
    return tuple(found)


# --- steps


def step_of(event: Recorded, others: Others | None = None) -> JourneyStep:
    """A fact as a step; `others`: what others had changed by then."""
    walk = event.walk
    changed = JourneyStep(
        at=times.write_instant(walk.at_ms),
        did=Did.SETTLED,
        test_clock=walk.is_virtual,
        others=others,
        current_step=walk.step,
        state_changes=_changes(walk),
        links_followed=tuple(one.link for one in walk.follows),
        beats_entered=tuple(stamp.id for stamp in walk.beats),
        conditions_passed=tuple(stamp.id for stamp in walk.passed),
        variables=walk.variables,
        shared=walk.shared,
        waiting_for_condition_id=walk.standing.waiting,
        end_of_timeline_reached=walk.standing.ended,
    )
    return msgspec.structs.replace(changed, **_asked(event))


def _asked(event: Recorded) -> dict[str, Any]:
    match event:
        case UserCreated(max_steps=most, pauses=pauses):
            return {"did": Did.CREATED, "max_steps": most, "pause_at_beats": pauses}
        case Progressed(max_steps=most, pauses=pauses):
            return {"did": Did.PROGRESSED, "max_steps": most, "pause_at_beats": pauses}
        case LinkFollowed(link=link):
            return {"did": Did.FOLLOWED, "link_id": link}
        case Completed(source=source):  # a settle to others, so it goes before
            return {"did": Did.COMPLETED, "timeline_event_id": source}
        case Migrated(revision=revision):
            return {"did": Did.MIGRATED, "revision": revision}
    return {"did": Did.SETTLED}


def _changes(walk: Walk) -> tuple[StateChange, ...]:
    return tuple(
        StateChange(
            timeline_event_id=move.event,
            state=move.state,
            state_changed_at=times.write_instant(move.at_ms),
        )
        for move in walk.moves
    )
