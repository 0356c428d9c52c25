"""A world for conditions: one user, as plain values, at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from actors.timelines import conditions, document, times
from actors.timelines.times import Zone

TYPES = {
    "size": "number",
    "keys": "number",
    "name": "string",
    "other": "string",
    "open": "boolean",
    "tea_at": "datetime",
    "end_at": "datetime",
}
CREATED_MS = 1_675_411_200_000
"""2023-02-03T08:00:00Z, when the user of these tests was created."""
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class OneUser:
    """What a condition sees."""

    now_ms: int = CREATED_MS
    zone: Zone = field(default_factory=lambda: times.zone("Europe/London"))
    times_disabled: bool = False
    created_ms: int = CREATED_MS
    values: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    entries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    beats: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    votes: Mapping[str, int] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """A variable; unset if it is not named."""
        return self.values.get(name, "")

    def state_of(self, event: str) -> str:
        """An event's state."""
        return self.states.get(event, "UNVISITED")

    def since(self, event: str, state: str) -> int | None:
        """When it came into it."""
        return self.entries.get((event, state))

    def entered(self, beat: str) -> int | None:
        """When a beat was entered."""
        return self.beats.get(beat)

    def follows(self, link: str) -> int:
        """This user's follows."""
        return self.counts.get(link, 0)

    def follows_by_all(self, link: str) -> int:
        """Everybody's follows."""
        return self.votes.get(link, 0)

    def at(self, now_ms: int) -> OneUser:
        """The same at another instant."""
        return replace(self, now_ms=now_ms)


def compiled(form: object) -> conditions.Test:
    """A condition as authors write it, compiled with the types of these tests."""
    return conditions.compile_condition(msgspec.convert(form, document.Condition), TYPES)
