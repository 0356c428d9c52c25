"""The timelines' view: lists that follow the facts of timelines and of their users.

Everything here follows facts; nothing is appended, and nothing grows old: the log is kept until the
user is deleted. Rules: spec timelines 5.10, 5.12.16, 5.12.19, 5.12.20.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType

from actors.timelines import timeline_words, user_words
from actors.timelines.timeline_words import RevisionPublished, RevisionUnpublished
from actors.timelines.user_words import Migrated, UserCreated, Walk
from engine.messages import Address
from storage.store import Projected, Write
from storage.timelines import tables


class TimelineLists:
    """`storage.store.View` of the timelines."""

    name = "timelines"
    kinds = frozenset({timeline_words.KIND, user_words.KIND})
    version = len(tables.SCHEMAS)
    exports = tables.EXPORTS
    appends: Mapping[str, Write] = MappingProxyType({})

    def migrate(self, connection: sqlite3.Connection, version: int) -> None:
        """Version 1: the lists."""
        for statement in tables.SCHEMAS[version]:
            connection.execute(statement)

    def project(self, connection: sqlite3.Connection, projected: Projected) -> None:
        """Follow what a timeline publishes; place a user, and write down what its walk changed."""
        if projected.address.kind == timeline_words.KIND:
            _follow(connection, projected)
            return
        project, _, user = projected.address
        logged = 0
        for event in projected.fact.events:
            if not isinstance(event, user_words.EVENTS):
                continue
            match event:
                case UserCreated(timeline=timeline, revision=revision):
                    connection.execute(tables.PLACE, (project, user, timeline, revision))
                case Migrated(revision=revision):
                    connection.execute(tables.MOVE, (revision, project, user))
            _log(connection, projected, event.walk, logged)
            logged += len(event.walk.moves)
            _wait(connection, projected, event.walk, is_new=isinstance(event, UserCreated))

    def erase(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """A user takes all its rows along; a timeline just its own, since its users go on."""
        if address.kind == user_words.KIND:
            return _delete(connection, address, "user", tables.BY_USER)
        if address.kind == timeline_words.KIND:
            return _delete(connection, address, "timeline", ("timeline_listed",))
        return {}

    def forget(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """A user that goes on without its past loses its log, and stays on its timeline."""
        if address.kind != user_words.KIND:
            return {}
        return _delete(connection, address, "user", ("timeline_log",))

    def trim(self, connection: sqlite3.Connection, now_ms: int, rows_max: int) -> int:
        """Nothing is too old."""
        return 0


def _follow(connection: sqlite3.Connection, projected: Projected) -> None:
    project, _, timeline = projected.address
    for event in projected.fact.events:
        match event:
            case RevisionPublished(title=title):
                connection.execute(tables.PUBLISH, (project, timeline, title))
            case RevisionUnpublished():
                connection.execute(tables.UNPUBLISH, (project, timeline))


def _log(connection: sqlite3.Connection, projected: Projected, walk: Walk, first: int) -> None:
    """Write down a walk's changes; `first` is the number of the first one in its fact."""
    project, _, user = projected.address
    tables.LOG.run(
        connection,
        [
            (project, user, move.at_ms, projected.seq, n, move.event, move.state, move.step)
            for n, move in enumerate(walk.moves, first)
        ],
    )


def _wait(
    connection: sqlite3.Connection, projected: Projected, walk: Walk, *, is_new: bool
) -> None:
    """Write down what a user waits for from others, where that has changed."""
    if walk.interests is None:
        return
    project, _, user = projected.address
    if not is_new:
        connection.execute(tables.NO_INTERESTS, (project, user))
    tables.INTERESTS.run(connection, [(project, user, name) for name in walk.interests])


def _delete(
    connection: sqlite3.Connection, address: Address, column: str, names: tuple[str, ...]
) -> dict[str, int]:
    """Delete an actor's rows from some lists; rows deleted by list, without zeros."""
    counts = {
        table: connection.execute(
            f"DELETE FROM {table} WHERE project = ? AND {column} = ?", (address.project, address.id)
        ).rowcount
        for table in names
    }
    return {name: count for name, count in counts.items() if count}
