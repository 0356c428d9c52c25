"""What clients of 2022 tell a user, and the facts that this leads to.

They did not follow links: they completed or skipped an event, which follows every link that can be
followed. And they noted where the reader is, which the walk does not look at. A completion is a
walk like any other; whoever reads facts need not know it. Rules: spec timelines 5.2, 11.
"""

from __future__ import annotations

from actors.timelines.user_words import Settled
from engine.messages import Command, Event


class Complete(Command, frozen=True):
    """Leave an ACTIVE event by all of its links that can be followed now.

    `skipped`: the client will be shown SKIPPED and not COMPLETED; to the walk it is the same.
    `at_ms`: the instant of a test clock.
    """

    user_timeline_event_id: str
    skipped: bool = False
    at_ms: int | None = None


class Bookmark(Command, frozen=True):
    """Note the event at which the reader is; any of the definition, open or not."""

    timeline_event_id: str


class Completed(Settled, frozen=True, omit_defaults=True):
    """The user left the event `source`; its walk has the links that were followed."""

    source: str
    skipped: bool = False


class Bookmarked(Event, frozen=True):
    """The reader is at this event."""

    timeline_event_id: str


EVENTS = (Completed, Bookmarked)
