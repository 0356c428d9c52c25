"""What is said of a migration: of each user what it lost and what opened, and of all how many.

The numbers stand for everybody who was looked at; users by name are those that were asked for, or
the first ones that lose something. Rule: spec timelines 5.12.19.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from actors.timelines.looker import ACTIVE
from actors.timelines.user_words import Dropped, Migrated, Settled
from engine.messages import Event

USERS_MAX = 1_000
"""Users that one report names."""
LOSSES = ("events", "pending", "links", "beats", "variables")


class Outcome(StrEnum):
    """What became of a user, or would.

    `unchanged`: it is on that definition already, or not on the one that was named; `not_found`: no
    user of this timeline; `refused`: a variable would overflow; `busy`: others kept coming first.
    """

    MIGRATED = "migrated"
    UNCHANGED = "unchanged"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    BUSY = "busy"


class DroppedIds(msgspec.Struct, frozen=True):
    """What a user had and the definition does not have, by id, sorted.

    `step`: where the user stood, behind the last column; null where it still stands there.
    """

    step: int | None
    events: tuple[str, ...]
    pending: tuple[str, ...]
    links: tuple[str, ...]
    beats: tuple[str, ...]
    variables: tuple[str, ...]


class UserMigration(msgspec.Struct, frozen=True, rename={"former": "from"}):
    """One user; all but the first two members are null for whoever is not migrated.

    `former` is the hash of the definition it was on, `step` where it stands then, `opened` are the
    events that the new definition opened for it.
    """

    user_id: str
    outcome: Outcome
    former: str | None = None
    step: int | None = None
    dropped: DroppedIds | None = None
    opened: tuple[str, ...] | None = None


class Migration(msgspec.Struct, frozen=True):
    """What a migration led to, or with `dry_run` would lead to.

    `revision` is the hash of the definition; `outcomes` are users by outcome, `losing` how many
    lose anything, `dropped` how many lose what: users by id, for each sort of loss.
    """

    timeline_id: str
    revision: str
    dry_run: bool
    outcomes: dict[str, int]
    losing: int
    dropped: dict[str, dict[str, int]]
    users: list[UserMigration]


def user_migration(user_id: str, events: Iterable[Event]) -> UserMigration:
    """What a decision says of a user; without a `Migrated` nothing has changed."""
    caught: list[Settled] = []
    for event in events:
        if isinstance(event, Settled):
            caught.append(event)
        if isinstance(event, Migrated):
            return UserMigration(
                user_id,
                Outcome.MIGRATED,
                event.former,
                event.walk.step,
                _ids(event.dropped),
                _opened([*caught, event]),
            )
    return UserMigration(user_id, Outcome.UNCHANGED)


def _opened(events: Iterable[Settled | Migrated]) -> tuple[str, ...]:
    moves = [move for event in events for move in event.walk.moves]
    return tuple(dict.fromkeys(move.event for move in moves if move.state == ACTIVE))


def _ids(dropped: Dropped) -> DroppedIds:
    return msgspec.convert(dropped, DroppedIds, from_attributes=True)


class Tally:
    """Users of a migration, counted one by one. `names_all`: not just who loses something."""

    def __init__(self, *, names_all: bool) -> None:
        self._names_all = names_all
        self._outcomes = dict.fromkeys(Outcome, 0)
        self._losing = 0
        self._dropped: dict[str, Counter[str]] = {sort: Counter() for sort in LOSSES}
        self._users: list[UserMigration] = []

    def add(self, one: UserMigration) -> None:
        """Count a user."""
        self._outcomes[one.outcome] += 1
        is_losing = one.dropped is not None and self._lose(one.dropped)
        self._losing += is_losing
        if (self._names_all or is_losing) and len(self._users) < USERS_MAX:
            self._users.append(one)

    def _lose(self, dropped: DroppedIds) -> bool:
        lost = [(sort, getattr(dropped, sort)) for sort in LOSSES]
        for sort, ids in lost:
            self._dropped[sort].update(ids)
        return dropped.step is not None or any(ids for _, ids in lost)

    def report(self, timeline_id: str, revision: str, *, dry_run: bool) -> Migration:
        """All of it."""
        return Migration(
            timeline_id,
            revision,
            dry_run,
            {outcome.value: number for outcome, number in self._outcomes.items()},
            self._losing,
            {sort: dict(sorted(ids.items())) for sort, ids in self._dropped.items()},
            self._users,
        )
