"""The toy door as an aggregate of PyPI `eventsourcing`, for comparison.

It is written as that library's manual does: an aggregate whose decorated methods trigger events, an
application whose repository loads by folding the events, and `save`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


class Door(Aggregate):
    """A door with a code lock."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.phase = "locked"
        self.opened = 0

    @event("CodeSet")
    def set_code(self, code: str) -> None:
        """Choose another code."""
        self.code = code

    @event("Opened")
    def _opened(self) -> None:
        self.phase = "open"
        self.opened += 1

    def open(self, code: str) -> None:
        """Open with a code."""
        if self.phase != "locked" or code != self.code:
            raise ValueError("the code is right")
        self._opened()

    @event("Closed")
    def shut(self) -> None:
        """Shut it."""
        self.phase = "locked"


class House(Application[UUID]):
    """Doors, loaded, changed and saved."""

    def build(self, steps: int) -> UUID:
        """A new door that has carried out so many orders, saved at once."""
        door = Door(code="1234")
        for step in range(steps):
            _carry_out(door, step)
        self.save(door)
        return door.id

    def order(self, door_id: UUID, step: int) -> None:
        """Load, change, save."""
        door: Any = self.repository.get(door_id)
        _carry_out(door, step)
        self.save(door)

    def count(self) -> int:
        """Events stored."""
        return len(self.recorder.select_notifications(start=None, limit=10_000_000))

    def synchronous(self) -> int:
        """What its connections are set to: 2 is FULL."""
        recorder: Any = self.recorder
        with recorder.datastore.transaction(commit=False) as cursor:
            cursor.execute("PRAGMA synchronous")
            return int(cursor.fetchone()[0])


def _carry_out(door: Door, step: int) -> None:
    """One of three orders, in turn, as ours do."""
    if step % 3 == 0:
        door.set_code(str(1_000 + step))
    elif step % 3 == 1:
        door.open(door.code)
    else:
        door.shut()
