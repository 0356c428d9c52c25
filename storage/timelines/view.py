"""The timelines' view: lists that follow the facts of timelines and of their users.

Everything here follows facts; nothing is appended, and nothing grows old: the log is kept until the
user is deleted. Rules: spec timelines 5.10, 5.12.16, 5.12.19, 5.12.20.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from actors.timelines import timeline_words, user_words
from actors.timelines.timeline_words import RevisionPublished, RevisionUnpublished
from actors.timelines.user_words import Move, UserCreated
from engine.messages import Address, Fact
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
        for event in projected.fact.events:
            if isinstance(event, UserCreated):
                project, _, user = projected.address
                connection.execute(tables.PLACE, (project, user, event.timeline, event.revision))
        _log(connection, projected)
        _wait(connection, projected)

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


def _log(connection: sqlite3.Connection, projected: Projected) -> None:
    project, _, user = projected.address
    tables.LOG.run(
        connection,
        [
            (project, user, move.at_ms, projected.seq, n, move.event, move.state, move.step)
            for n, move in enumerate(_moves(projected.fact))
        ],
    )


def _wait(connection: sqlite3.Connection, projected: Projected) -> None:
    """Write down what a user waits for from others, where that has changed."""
    project, _, user = projected.address
    for event in projected.fact.events:
        if isinstance(event, user_words.EVENTS) and event.walk.interests is not None:
            if not isinstance(event, UserCreated):
                connection.execute(tables.NO_INTERESTS, (project, user))
            rows = [(project, user, name) for name in event.walk.interests]
            tables.INTERESTS.run(connection, rows)


def _moves(fact: Fact) -> Iterator[Move]:
    for event in fact.events:
        if isinstance(event, user_words.EVENTS):
            yield from event.walk.moves


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
