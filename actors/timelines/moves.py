"""The machine of an event, for one user: closed, open, left, and open again through a loop.

It is drawn and tested like any machine. Walks make thousands of moves in one command, so they look
them up in the same literal table. Rule: spec timelines 5.2.
"""

from __future__ import annotations

import msgspec

from actors.timelines.user_words import EventState
from engine.machine import Machine, Row
from engine.messages import Command


class Opening(Command, frozen=True):
    """Its column is reached, a link to it was followed if any leads there, its thread delivers."""


class Leaving(Command, frozen=True):
    """The user followed one of its links."""


class EventSeen(msgspec.Struct, frozen=True):
    """An event as its machine sees it."""

    phase: EventState = EventState.UNVISITED


EVENT = Machine[EventSeen](
    "event",
    (EventState.UNVISITED, EventState.ACTIVE, EventState.VISITED),
    (
        Row(EventState.UNVISITED, Opening, EventState.ACTIVE),
        Row(EventState.ACTIVE, Leaving, EventState.VISITED),
        Row(EventState.VISITED, Opening, EventState.ACTIVE),
    ),
)
MOVES: dict[tuple[EventState, type[Command]], EventState] = {
    (EventState(source), row.on): EventState(target)
    for row in EVENT.rows
    for source in row.sources
    for target in row.targets
    if isinstance(row.on, type)
}
"""The table, looked up: where an event goes; a pair that is missing is not permitted."""
