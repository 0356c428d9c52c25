"""Cards: what answers say of an event whoever asks, made once for each revision.

A revision of thousands of events is listed for many users. Titles, content, neighbours and links
that nobody has followed are the same for all of them, so a card keeps them ready by state; an
answer replaces only what is one user's own. Cards are made when they are first asked for and hang
on the cells of their revision. Rules: spec timelines 4; ledger TL-119 to TL-124, TL-129.
"""

from __future__ import annotations

import msgspec

from actors.timelines import document
from actors.timelines.answers.shapes import (
    Beat,
    ContentIntegration,
    Contents,
    NewUserTimelineEventState,
    UserTimelineEvent,
    UserTimelineEventLink,
    UserTimelineEventStateChange,
)
from actors.timelines.revision import Cell
from actors.timelines.user_words import Place

CHANGED_TO = (NewUserTimelineEventState.ACTIVE, NewUserTimelineEventState.VISITED)
"""The states that an event can change to; maps of content always have both."""


class Card:
    """An event's answers before they are somebody's.

    `events` by state, with links as nobody followed them and none followable; `closed` and `open`
    are those links, in authored order, not followable and followable; `changes` by new state,
    without an instant. Compare states by value: keys are texts.
    """

    __slots__ = ("changes", "closed", "events", "open")

    def __init__(self, cell: Cell) -> None:
        self.closed = tuple(_link(cell, number) for number in range(len(cell.ways)))
        self.open = tuple(msgspec.structs.replace(link, followable=True) for link in self.closed)
        event = _event(cell, self.closed)
        self.events: dict[str, UserTimelineEvent] = {
            state: msgspec.structs.replace(event, state=state)
            for state in NewUserTimelineEventState
        }
        self.changes: dict[str, UserTimelineEventStateChange] = {
            state: _change(cell, state, event.narrative_event_state_changes_content[state])
            for state in CHANGED_TO
        }


def card_of(cell: Cell) -> Card:
    """A cell's card, made at the first call."""
    card = cell.shown
    if not isinstance(card, Card):
        card = cell.shown = Card(cell)
    return card


def beat(place: Place | None) -> Beat | None:
    """A beat as the API shows it."""
    return None if place is None else Beat(id=place.id, name=place.name)


def contents(refs: tuple[document.Ref, ...]) -> Contents:
    """Content as the API shows it."""
    return tuple(
        ContentIntegration(
            content_id=ref.content_id, content_type=ref.content_type, provider_id=ref.provider_id
        )
        for ref in refs
    )


def contents_by_state(narrative: document.Narrative) -> dict[str, Contents]:
    """The content of each state that an event can change to, empty where there is none (TL-124)."""
    found: dict[str, Contents] = {state.value: () for state in CHANGED_TO}
    for state, refs in narrative.state_changes_content.items():
        found[state] = contents(refs)
    return found


def _link(cell: Cell, number: int) -> UserTimelineEventLink:
    way = cell.ways[number]
    return UserTimelineEventLink(
        id=way.id, to_event_id=way.target, label=way.label, followable=False
    )


def _event(cell: Cell, links: tuple[UserTimelineEventLink, ...]) -> UserTimelineEvent:
    narrative = cell.event.narrative_event
    return UserTimelineEvent(
        id=cell.id,
        state=NewUserTimelineEventState.UNVISITED,
        available_step_index=cell.step,
        available_beat=beat(cell.beat),
        links=links,
        thread_id=cell.event.thread,
        row_id=cell.row.id,
        row_name=cell.row.name,
        row_description=cell.row.description,
        previous_in_row_timeline_event_id=cell.before,
        next_in_row_timeline_event_id=cell.after,
        related_timeline_event_ids=tuple(link.to_event_id for link in links),
        narrative_event_id=narrative.id,
        narrative_event_title=narrative.title,
        narrative_event_description=narrative.description,
        narrative_event_content=contents(narrative.content),
        narrative_event_state_changes_content=contents_by_state(narrative),
        narrative_event_custom_data=narrative.custom_data,
    )


def _change(
    cell: Cell, state: NewUserTimelineEventState, content: Contents
) -> UserTimelineEventStateChange:
    narrative = cell.event.narrative_event
    return UserTimelineEventStateChange(
        state=state,
        state_change_content=content,
        timeline_event_id=cell.id,
        thread_id=cell.event.thread,
        row_id=cell.row.id,
        row_name=cell.row.name,
        narrative_event_id=narrative.id,
        narrative_event_title=narrative.title,
        narrative_event_description=narrative.description,
    )
