"""A user as conditions see it: the `World` of a definition at an instant.

A looker holds the user's own dictionaries and copies nothing, so looking costs nothing, however far
the user has walked. Whoever changes something is a `Walker`. Rules: spec timelines 5.1, 5.12.13.
"""

from __future__ import annotations

from actors.timelines import times
from actors.timelines.revision import Revision, Way
from actors.timelines.timeline_words import Timeline
from actors.timelines.user_words import Been, EventState, Follows, User

UNVISITED = EventState.UNVISITED
ACTIVE = EventState.ACTIVE


class Looker:
    """Somebody who looks at a user, its definition and its timeline at `now_ms`."""

    def __init__(self, revision: Revision, user: User, timeline: Timeline, now_ms: int) -> None:
        self.revision = revision
        self.user = user
        self.timeline = timeline
        self.now_ms = now_ms
        self.shared_ms: int | None = None
        self.zone = times.zone_or_utc(user.zone)
        self.times_disabled = user.times_disabled
        self.created_ms = user.created_ms
        self.step = user.step
        self.events: dict[str, Been] = user.events
        self.links: dict[str, Follows] = user.follows
        self.beats: dict[str, int] = user.beats
        self.variables: dict[str, str] = user.variables
        self.strangers = _strangers(revision, timeline)
        self.shared: dict[str, str] = {}
        self.counted: dict[str, int] = {}

    # --- what conditions ask

    def value(self, name: str) -> str:
        """A variable's value; "" for one that nobody knows.

        A shared one has its value of today, whatever a test clock says, unless `shared_ms` is set:
        then the one that it had at that instant.
        """
        found = self.variables.get(name)
        if found is None:
            found = self.shared.get(name)
        if found is None:
            timed = self.timeline.shared.get(name)
            if timed is None or name in self.strangers:
                found = ""
            else:
                found = timed.value if self.shared_ms is None else timed.at(self.shared_ms)
        return found

    def state_of(self, event: str) -> str:
        """An event's state."""
        been = self.events.get(event)
        return UNVISITED if been is None else been.state

    def since(self, event: str, state: str) -> int | None:
        """When an event last came into a state, if it ever did."""
        been = self.events.get(event)
        if been is None or state == UNVISITED:
            return None
        return been.active_ms if state == ACTIVE else been.visited_ms

    def entered(self, beat: str) -> int | None:
        """When a beat was entered."""
        return self.beats.get(beat)

    def follows(self, link: str) -> int:
        """How often this user followed a link."""
        found = self.links.get(link)
        return 0 if found is None else found.count

    def follows_by_all(self, link: str) -> int:
        """How often all users did."""
        timed = self.timeline.follows.get(link)
        own = self.counted.get(link, 0)
        if timed is None:
            return own
        then = timed.value if self.shared_ms is None else timed.at(self.shared_ms)
        return int(then) + own

    def is_followable(self, way: Way) -> bool:
        """Whether a link may be followed now: its event is ACTIVE, its condition passes (5.5)."""
        if self.state_of(way.source) != ACTIVE:
            return False
        return way.test is None or way.test.holds(self)


NOBODY: frozenset[str] = frozenset()


def _strangers(revision: Revision, timeline: Timeline) -> frozenset[str]:
    """Shared variables that a newer revision has given another type: for this one they are unset.

    A user stays on its revision (spec 5.12.19).
    """
    types = timeline.types
    if all(types.get(name) == revision.types[name] for name in revision.shared):
        return NOBODY
    return frozenset(name for name in revision.shared if types.get(name) != revision.types[name])
