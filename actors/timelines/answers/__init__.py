"""What the Audience API says of one user: pure functions of four things.

The definition, the user's state, the timeline's shared values and an instant go in; objects of the
API come out. Nothing here changes anything, and the same input gives the same bytes. What the user
is due to catch up with is settled before; a `View` shows what is there. Parts that are the same
for every user come from cards. Rules: spec timelines 4, 5.4, 5.5, 5.9, 5.10, 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from actors.timelines import times, user_words
from actors.timelines.answers import shapes
from actors.timelines.answers.cards import Card, beat, card_of
from actors.timelines.answers.shapes import (
    UserTimelineEvent,
    UserTimelineEventLink,
    UserTimelineEventStateChange,
)
from actors.timelines.looker import ACTIVE, Looker
from actors.timelines.revision import Cell, Revision, Way
from actors.timelines.timeline_words import Timeline
from actors.timelines.user_words import Move, Walk
from actors.timelines.walking import standing

NO_EVENT = "User timeline event not found."
NO_LINK = "Link not found on this event."
NOT_FOLLOWABLE = "Link is not followable."


class Refusal(msgspec.Struct, frozen=True):
    """Why a link cannot be followed: a status of HTTP, and the error's `detail` and `content`."""

    status: int
    detail: str
    content: list[dict[str, Any]] = []


class View:
    """A user as the API shows it at `now_ms` (ms since 1970), by the user's own revision.

    `timeline` may be an empty one where the definition looks at nothing shared. `naive` leaves the
    `Z` of all instants away (TL-135). `looker` answers conditions.
    """

    __slots__ = ("_naive", "_times", "_user", "_user_id", "looker", "revision")

    def __init__(
        self,
        revision: Revision,
        user: user_words.User,
        timeline: Timeline,
        user_id: str,
        now_ms: int,
        *,
        naive: bool = False,
    ) -> None:
        self.revision = revision
        self._user = user
        self._user_id = user_id
        self.looker = Looker(revision, user, timeline, now_ms)
        self._naive = naive
        self._times: dict[int, str] = {}

    # --- the user

    def user(self) -> shapes.User:
        """The user; how it stands is looked up anew (spec 5.4)."""
        user, stands = self._user, standing(self.looker)
        return shapes.User(
            id=self._user_id,
            variables=user.variables,
            current_step=user.step,
            current_beat=beat(stands.beat),
            new_beat_available=beat(stands.new_beat),
            waiting_for_condition_id=stands.waiting,
            waiting_for_condition_datetime=self._time(stands.waiting_until_ms),
            end_of_timeline_reached=stands.ended,
            datetime_guards_disabled=user.times_disabled,
            pause_at_beats=user.pauses,
            active_timeline_id=user.timeline,
        )

    # --- events

    def event(self, event_id: str) -> UserTimelineEvent:
        """One event; `KeyError` if the definition has none of that id."""
        return self._event(self.revision.by_id[event_id])

    def events(self) -> list[UserTimelineEvent]:
        """All events, those not open yet too, in (step, row) order (TL-071)."""
        return [self._event(cell) for cell in self.revision.cells]

    def changed(
        self, walk: Walk, first: Sequence[str] = ()
    ) -> tuple[list[UserTimelineEvent], list[UserTimelineEventStateChange]]:
        """What a walk changed, for the answer's meta: events as they are now, and each transition.

        Events that moved: those of `first` in that order (a follow's source and target), the rest
        in (step, row) order; then those that only have a link that turned (spec 5.9, 5.12.11).
        Transitions are in order of happening, both of an event that moved twice.
        """
        by_id = self.revision.by_id
        moved = {move.event for move in walk.moves}
        others = [cell for id_ in moved.difference(first) if (cell := by_id.get(id_))]
        others.sort(key=_order)
        leading = [by_id[id_] for id_ in dict.fromkeys(first) if id_ in moved and id_ in by_id]
        turned = [by_id[id_] for id_ in walk.flipped if id_ in by_id]
        events = [self._event(cell) for cell in (*leading, *others, *turned)]
        return events, self.state_changes(walk.moves)

    def state_changes(
        self, moves: Iterable[Move], content_type: str | None = None
    ) -> list[UserTimelineEventStateChange]:
        """Transitions as entries of the log, in the order given (spec 5.10).

        With `content_type` only entries with content of that type, and of it only such content.
        Moves of events that this revision does not have are left out.
        """
        by_id = self.revision.by_id
        entries = [
            state_change(cell, move, self._time(move.at_ms))
            for move in moves
            if (cell := by_id.get(move.event))
        ]
        return entries if content_type is None else _only(entries, content_type)

    def _event(self, cell: Cell) -> UserTimelineEvent:
        card = card_of(cell)
        event = card.events[self.looker.state_of(cell.id)]
        if not cell.ways:
            return event
        links = tuple([self._link(way, card, number) for number, way in enumerate(cell.ways)])
        return msgspec.structs.replace(event, links=links)

    # --- links

    def _link(self, way: Way, card: Card, number: int) -> UserTimelineEventLink:
        link = (card.open if self.looker.is_followable(way) else card.closed)[number]
        followed = self._user.follows.get(way.id)
        if followed is None and not _is_timed(way):
            return link
        return msgspec.structs.replace(
            link,
            last_followed_at=None if followed is None else self._time(followed.last_ms),
            condition_datetime=self.change_of(way),
        )

    def change_of(self, way: Way) -> str | None:
        """When time alone changes a link's condition, whatever its event's state (spec 5.5)."""
        return None if way.test is None else self._time(way.test.next_change(self.looker))

    def _time(self, at_ms: int | None) -> str | None:
        """An instant as text, written once: what one command changed has one."""
        if at_ms is None:
            return None
        text = self._times.get(at_ms)
        if text is None:
            text = self._times[at_ms] = times.write_instant(at_ms, self._naive)
        return text


def why_not(view: View, event_id: str, link_id: str) -> Refusal | None:
    """Why the link of that event cannot be followed now, or None if it can (spec 5.5).

    404: unknown event, or the event has no such link. 403: `content` says whether the event is not
    ACTIVE or the condition fails, and when time alone changes the condition.
    """
    if event_id not in view.revision.by_id:
        return Refusal(404, NO_EVENT)
    way = view.revision.ways.get(link_id)
    if way is None or way.source != event_id:
        return Refusal(404, NO_LINK)
    if view.looker.is_followable(way):
        return None
    is_active = view.looker.state_of(event_id) == ACTIVE
    reason = "condition_not_met" if is_active else "not_active"
    content = {"reason": reason, "condition_datetime": view.change_of(way)}
    return Refusal(403, NOT_FOLLOWABLE, [content])


def state_change(cell: Cell, move: Move, at: str | None) -> UserTimelineEventStateChange:
    """One entry of the log, by the revision that was in force; `at` is the instant as text."""
    return msgspec.structs.replace(card_of(cell).changes[move.state], state_changed_at=at)


def _only(
    entries: list[UserTimelineEventStateChange], content_type: str
) -> list[UserTimelineEventStateChange]:
    kept = []
    for entry in entries:
        content = tuple(
            one for one in entry.state_change_content if one.content_type == content_type
        )
        if content:
            kept.append(msgspec.structs.replace(entry, state_change_content=content))
    return kept


def _is_timed(way: Way) -> bool:
    return way.test is not None and way.test.reads.is_timed


def _order(cell: Cell) -> int:
    return cell.order
