"""A user and what all users share: seeing the timeline, and taking part in its commit.

Rules: spec timelines 5.12.10, 5.12.14; DESIGN 2, Joint steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from actors.timelines.timeline_words import KIND as TIMELINE
from actors.timelines.timeline_words import Contribute, Published, Timeline
from actors.timelines.user_words import Walk
from engine.effects import Also
from engine.machine import Moment
from engine.messages import Address, Snapshot


def newest(seen: Mapping[Address, Snapshot]) -> tuple[str, ...]:
    """The definition on which users begin; none where nobody may."""
    return tuple(
        snapshot.state.revision
        for address, snapshot in seen.items()
        if address.kind == TIMELINE
        and snapshot.exists
        and snapshot.state.published is Published.PUBLISHED
    )


def timeline_of(moment: Moment) -> tuple[Timeline, int]:
    """The timeline and its version; an empty one where the definition does not look at it."""
    for address, snapshot in moment.seen.items():
        if address.kind == TIMELINE and snapshot.exists:
            return snapshot.state, snapshot.version
    return Timeline(), 0


def contributes(timeline: str, walk: Walk) -> Iterator[Also]:
    """The timeline's part in a user's walk, if it has one."""
    if walk.shared or walk.counted:
        order = Contribute(shared=walk.shared, follows=walk.counted, at_ms=walk.at_ms)
        yield Also(Address("", TIMELINE, timeline), order)
