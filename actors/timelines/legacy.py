"""The names of 2022, and the rules that only clients of then need.

Completing an event is following each link that can be followed when it is asked for, in authored
order and in one fact: a link counts and its operations run, the event is left with the first of
them, the target is tried, the rest settles. An event without such a link is just left. What was
skipped, and where the reader is, is remembered for those clients alone.
Rules: spec timelines 5.2, 5.12.3, 5.12.22, 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from actors.timelines import user_fold, user_words, values
from actors.timelines.deciding import OVERFLOW, is_later, revision_of, walk_made, walker_of
from actors.timelines.hook_words import LEGACY_STATES
from actors.timelines.hooks import Stated, stated
from actors.timelines.joining import timeline_of
from actors.timelines.legacy_words import Bookmark, Bookmarked, Complete, Completed
from actors.timelines.looker import ACTIVE
from actors.timelines.revision import Cell, Revision
from actors.timelines.settling import settle
from actors.timelines.user_words import (
    BETWEEN,
    BETWEEN_OR_ENDED,
    ON_THE_WAY,
    EventState,
    Progress,
    User,
)
from actors.timelines.walker import Walker
from actors.timelines.walking import go_on
from engine.effects import Yielded
from engine.errors import Refused
from engine.machine import Moment, Row
from engine.messages import Event

HISTORY_MAX = 200
"""Earlier bookmarks that clients are shown."""


class Leaving(StrEnum):
    """The states to which a client of 2022 may change an open event."""

    COMPLETED = "COMPLETED"
    SKIPPED = "SKIPPED"


class EventType(StrEnum):
    """The old types of events; a third one, CONSUMABLE, is gone (spec 5.2)."""

    ACTIVITY = "ACTIVITY"
    SIMPLE = "SIMPLE"


# --- names


def old_state(state: str, *, is_skipped: bool = False) -> str:
    """The old name of a state: UNAVAILABLE, AVAILABLE, COMPLETED, or SKIPPED (spec 5.2)."""
    if is_skipped and state == EventState.VISITED:
        return Leaving.SKIPPED
    return LEGACY_STATES[state]


def may_become(state: str) -> tuple[Leaving, ...]:
    """What a client may change an event of this state to."""
    return tuple(Leaving) if state == EventState.ACTIVE else ()


def old_type(revision: Revision, event: str) -> EventType:
    """ACTIVITY where links lead on, else SIMPLE; also for an event that is not there (spec 11)."""
    cell = revision.by_id.get(event)
    return EventType.SIMPLE if cell is None or not cell.ways else EventType.ACTIVITY


# --- rules


def complete(walker: Walker, source: Cell) -> None:
    """Follow every link of an ACTIVE event that can be followed now; raises `values.Overflow`.

    An operation of one link takes no other link away. Where a link, or an automatic one behind it,
    has opened the event again, the next link leaves it again.
    """
    ways = [way for way in source.ways if walker.is_followable(way)]
    if not ways:
        walker.leave(source)
        _rest(walker)
    for way in ways:
        walker.count(way)
        if walker.state_of(source.id) == ACTIVE:
            walker.leave(source)
        target = walker.reach(way)
        if walker.may_open(target):
            walker.open(target)
        _rest(walker)


def _rest(walker: Walker) -> None:
    settle(walker)
    go_on(walker)


def can_complete(user: User, command: Complete, moment: Moment) -> bool:
    """There is such an event, and it is ACTIVE once the user has caught up."""
    event = command.user_timeline_event_id
    if event not in revision_of(user, moment).by_id or not is_later(user, command, moment):
        return False
    return walker_of(user, command, moment).state_of(event) == ACTIVE


def completed(user: User, command: Complete, moment: Moment) -> Iterator[Yielded]:
    """Leave an event that the guard found ACTIVE."""
    walker = walker_of(user, command, moment)
    source = command.user_timeline_event_id
    try:
        complete(walker, walker.revision.by_id[source])
    except values.Overflow:
        raise Refused(OVERFLOW) from None
    walk = walk_made(walker, timeline_of(moment)[1], command)
    event = Completed(source=source, skipped=command.skipped, walk=walk)
    yield from stated(user, moment, event)


def is_known(user: User, command: Bookmark, moment: Moment) -> bool:
    """The definition has that event."""
    return command.timeline_event_id in revision_of(user, moment).by_id


def bookmarked(user: User, command: Bookmark, _moment: Moment) -> Iterator[Bookmarked]:
    """The same place again is no news."""
    if user.bookmarks[-1:] != (command.timeline_event_id,):
        yield Bookmarked(timeline_event_id=command.timeline_event_id)


# --- the fold


def evolve(user: User, event: Event) -> User:
    """The user after any event, with what is remembered for clients of 2022."""
    after = user_fold.evolve(user, event)
    if isinstance(event, Bookmarked):
        bookmarks = (*user.bookmarks, event.timeline_event_id)[-HISTORY_MAX - 1 :]
        return msgspec.structs.replace(after, bookmarks=bookmarks)
    if isinstance(event, Completed) and event.skipped:
        skipped = {*_still_skipped(user, event), event.source}
        return msgspec.structs.replace(after, skipped=tuple(sorted(skipped)))
    if user.skipped and isinstance(event, user_words.EVENTS):
        return msgspec.structs.replace(after, skipped=_still_skipped(user, event))
    return after


def _still_skipped(user: User, event: Stated) -> tuple[str, ...]:
    """An event that was opened or left since is skipped no more."""
    moved = {move.event for move in event.walk.moves}
    return tuple(one for one in user.skipped if one not in moved)


# --- the table

OPEN = "the event is there and ACTIVE"
KNOWN = "the definition has the event"
ROWS: tuple[Row, ...] = (
    Row(BETWEEN, Complete, BETWEEN_OR_ENDED, completed, can_complete, OPEN),
    Row(Progress.ENDED, Complete, Progress.ENDED, completed, can_complete, OPEN),
    *(Row(phase, Bookmark, phase, bookmarked, is_known, KNOWN) for phase in ON_THE_WAY),
)
