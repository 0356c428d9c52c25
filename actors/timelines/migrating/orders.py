"""Orders to migrate the users of a timeline, an actor: who was to go over to what, and since when.

Its id is the timeline's. The users go over one by one by a sweep, which a crash neither repeats nor
cuts short. An order is no fact of the timeline, so nobody's walk is decided again for it. Rules:
spec timelines 5.12.19; DESIGN 2, Sweeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from actors.timelines.user_words import KIND as USER
from actors.timelines.user_words import Migrate
from engine.effects import Effect, sweep
from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Command, Event

BEHIND = "timeline_behind"
"""The list of users who are on another definition than one; `sweep_key` says than which."""


class Orders(StrEnum):
    """Whether users of the timeline were ever to be migrated."""

    NONE = "none"
    SOME = "some"


class Migration(msgspec.Struct, frozen=True, omit_defaults=True):
    """The last order for a timeline: to `revision`, for users on `only` or, if None, on any."""

    timeline: str = ""
    revision: str = ""
    only: str | None = None
    at_ms: int = 0
    who: str = ""


class MigrateUsers(Command, frozen=True):
    """Have users walk on by the definition `revision`: those on `only`, or on any other."""

    revision: str
    only: str | None = None


class MigrationOrdered(Event, frozen=True):
    """Users go over to another definition, one by one from now on; `who` ordered it."""

    revision: str
    only: str | None
    at_ms: int
    who: str


def sweep_key(timeline: str, revision: str, only: str | None) -> str:
    """The key of an order's sweep: sweeps with equal keys are joined, so each order has its own."""
    return f"{timeline}:{revision}:{only or ''}"


def ordered(
    migration: Migration, command: MigrateUsers, moment: Moment
) -> Iterator[Event | Effect]:
    """Ask everybody whom it means. Whoever is there already states nothing."""
    revision, only = command.revision, command.only
    yield MigrationOrdered(revision=revision, only=only, at_ms=moment.now_ms, who=moment.by)
    key = sweep_key(migration.timeline, revision, only)
    yield sweep(BEHIND, key, USER, Migrate(revision=revision, only=only))


def evolve(migration: Migration, event: Event) -> Migration:
    """The last order counts."""
    match event:
        case MigrationOrdered(revision=revision, only=only, at_ms=at_ms, who=who):
            return Migration(migration.timeline, revision, only, at_ms, who)
    return migration


ORDERS = Machine[Migration](
    "orders",
    tuple(Orders),
    (Row(tuple(Orders), MigrateUsers, Orders.SOME, ordered),),
    lambda migration: Orders.SOME if migration.revision else Orders.NONE,
)

MIGRATION = Kind[Migration](
    name="migration",
    state=Migration,
    initial=lambda id_: Migration(timeline=id_),
    machines=(ORDERS,),
    evolve=evolve,
    events=(MigrationOrdered,),
)
