"""What listeners see of a user's facts, migrations among them.

A migration is shown as the walk that it is, with what the user caught up with before it, and says
what was lost. Rules: spec timelines 5.12.19; live spec.
"""

from __future__ import annotations

from typing import Any

from actors.timelines import user_shown
from actors.timelines.user_words import Dropped, Migrated, Settled
from engine.messages import Event

JOINED = ("state_changes", "conditions_passed", "beats_entered")
"""Members of a shown walk that go on where the walk before ended."""


def present_events(events: tuple[Event, ...]) -> dict[str, Any]:
    """A fact as pushed: each change of state in order, and how the user stands after them.

    Of variables a migration tells those that began anew, or that its walk wrote.
    """
    last = events[-1]
    if not isinstance(last, Migrated):
        return user_shown.present_events(events)
    walks = [event.walk for event in events if isinstance(event, Settled | Migrated)]
    shown = [user_shown.present_events((Settled(walk=walk),)) for walk in walks]
    return {
        "revision": last.revision,
        "dropped": dropped(last.dropped),
        **shown[-1],
        **{member: [one for each in shown for one in each[member]] for member in JOINED},
        "variables": {**last.variables, **last.walk.variables},
    }


def dropped(lost: Dropped) -> dict[str, Any]:
    """What a user lost: ids by sort, and where it stood if there is no such column any more."""
    return {
        "step": lost.step,
        "events": lost.events,
        "pending": lost.pending,
        "links": lost.links,
        "beats": lost.beats,
        "variables": lost.variables,
    }
