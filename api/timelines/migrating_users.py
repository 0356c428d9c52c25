"""Users of a migration, one by one: rehearsed, or asked to go over.

A rehearsal decides as the user itself would and leaves it at that. Rule: spec timelines 5.12.19.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import trio

from actors.timelines.migrating.orders import sweep_key
from actors.timelines.user import USER
from actors.timelines.user_words import Migrate
from api.timelines.looking import Desk
from api.timelines.migration_report import (
    Migration,
    Outcome,
    Tally,
    UserMigration,
    user_migration,
)
from engine.envelope import Envelope
from engine.errors import Busy, Refused
from engine.messages import Address
from engine.sight import moment_for
from storage.timelines.queries import behind

PAGE = 500
"""Users that a dry run reads at a time."""
AT_ONCE = 16
"""Users that go over side by side: their commits become few."""


class Wanted(NamedTuple):
    """A migration as it was asked for."""

    timeline: Address
    order: Migrate
    users: Sequence[str] | None

    @property
    def key(self) -> str:
        """The key of its sweep, and of the list of the users that it is about."""
        return sweep_key(self.timeline.id, self.order.revision, self.order.only)


# --- without storing


async def rehearsed(desk: Desk, wanted: Wanted) -> Migration:
    """What would become of everybody: decided as it would be, and left."""
    tally = Tally(names_all=wanted.users is not None)
    if wanted.users is not None:
        await _rehearse(desk, wanted, wanted.users, tally)
    else:
        after = ""
        while page := await _behind(desk, wanted, after):
            await _rehearse(desk, wanted, page, tally)
            after = page[-1]
    return tally.report(wanted.timeline.id, wanted.order.revision, dry_run=True)


async def _behind(desk: Desk, wanted: Wanted, after: str) -> list[str]:
    query = partial(
        behind, project=wanted.timeline.project, key=wanted.key, after=after, limit=PAGE
    )
    return await desk.house.tables.read(query)


async def _rehearse(desk: Desk, wanted: Wanted, users: Iterable[str], tally: Tally) -> None:
    for user_id in users:
        tally.add(await _would_be(desk, wanted, user_id))
        await trio.lowlevel.checkpoint()


async def _would_be(desk: Desk, wanted: Wanted, user_id: str) -> UserMigration:
    directory = desk.house.directory
    snapshot = await directory.peek(desk.user(user_id))
    if not snapshot.exists or snapshot.state.timeline != wanted.timeline.id:
        return UserMigration(user_id, Outcome.NOT_FOUND)
    envelope = Envelope(wanted.order, desk.principal.who)
    moment = await moment_for(directory, USER, snapshot, envelope, fresh=False)
    try:
        step = USER.decide(snapshot, wanted.order, moment)
    except Refused:
        return UserMigration(user_id, Outcome.REFUSED)
    return user_migration(user_id, step.events)


# --- for a few


async def carried_out(desk: Desk, wanted: Wanted, users: Sequence[str]) -> Migration:
    """Ask each of them; who was too busy beside others is asked once more, alone."""
    done: dict[str, UserMigration] = {}
    left = iter(users)
    async with trio.open_nursery() as nursery:
        for _ in range(min(AT_ONCE, len(users))):
            nursery.start_soon(_ask_each, desk, wanted, left, done)
    tally = Tally(names_all=True)
    for user_id in users:
        if done[user_id].outcome == Outcome.BUSY:
            done[user_id] = await _ask(desk, wanted, user_id)
        tally.add(done[user_id])
    return tally.report(wanted.timeline.id, wanted.order.revision, dry_run=False)


async def _ask_each(
    desk: Desk, wanted: Wanted, left: Iterable[str], done: dict[str, UserMigration]
) -> None:
    for user_id in left:
        done[user_id] = await _ask(desk, wanted, user_id)


async def _ask(desk: Desk, wanted: Wanted, user_id: str) -> UserMigration:
    directory, address = desk.house.directory, desk.user(user_id)
    snapshot = await directory.peek(address)
    if not snapshot.exists or snapshot.state.timeline != wanted.timeline.id:
        return UserMigration(user_id, Outcome.NOT_FOUND)
    try:
        reply = await directory.ask(address, wanted.order, by=desk.principal.who)
    except Refused:
        return UserMigration(user_id, Outcome.REFUSED)
    except Busy:
        return UserMigration(user_id, Outcome.BUSY)
    return user_migration(user_id, () if reply.fact is None else reply.fact.events)
