"""Cutting histories: facts beyond what their kind keeps, and kept replies that are too old.

A reader looks for actors with too much history, a page of them at a time from where the last look
ended; the writer deletes in chunks. A fact that the state row does not cover yet is never cut: row
plus tail is always enough to wake. Deleting the newest number raises the floor that the next
number is taken from.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.messages import Address
from storage.store import View
from storage.world import DAY_MS

PAGE_ACTORS = 1_000
"""Actors looked at in one read."""

Cut = tuple[Address, int]
"""An actor, and the newest version to delete."""


_FIND = """
    SELECT id, cut, EXISTS (
        SELECT 1 FROM fact AS f WHERE f.project = seen.project AND f.kind = seen.kind
            AND f.id = seen.id AND f.version <= seen.cut)
    FROM (
        SELECT project, kind, id, min(state_version, {newest}) AS cut
        FROM actor AS a INDEXED BY sqlite_autoindex_actor_1
        WHERE project = :project AND kind = :kind AND id > :after ORDER BY id LIMIT :page
    ) AS seen ORDER BY id"""
_BY_COUNT = _FIND.format(newest="version - :last")
_BY_AGE = _FIND.format(
    newest="""coalesce((
        SELECT min(f.version) - 1 FROM fact AS f WHERE f.project = a.project
            AND f.kind = a.kind AND f.id = a.id AND f.at >= :young), version)"""
)


def next_sort(connection: sqlite3.Connection, after: tuple[str, str]) -> tuple[str, str] | None:
    """The first (project, kind) above `after` that has actors."""
    row = connection.execute(
        "SELECT project, kind FROM actor WHERE (project, kind) > (?, ?) "
        "ORDER BY project, kind LIMIT 1",
        after,
    ).fetchone()
    return None if row is None else (row[0], row[1])


def find(
    connection: sqlite3.Connection, after: Address, keep: Any, now_ms: int
) -> tuple[list[Cut], str | None]:
    """Cuts among the next page of actors of a kind; the id to go on from (None: no more)."""
    values = {"project": after.project, "kind": after.kind, "after": after.id, "page": PAGE_ACTORS}
    if keep.last is not None:
        rows = connection.execute(_BY_COUNT, values | {"last": keep.last}).fetchall()
    else:
        young = now_ms - int(keep.days * DAY_MS)
        rows = connection.execute(_BY_AGE, values | {"young": young}).fetchall()
    cuts = [(after._replace(id=id_), cut) for id_, cut, has in rows if has]
    return cuts, rows[-1][0] if len(rows) == PAGE_ACTORS else None


def is_for_ever(keep: Any) -> bool:
    """True for a kind whose facts are never cut."""
    return keep is None or (keep.last is None and keep.days is None)


def cut_job(cuts: Sequence[Cut]) -> Callable[[sqlite3.Connection], int]:
    """A job that deletes the facts up to each cut; the number deleted."""

    def cut(connection: sqlite3.Connection) -> int:
        raise_floor(connection)
        return connection.executemany(
            "DELETE FROM fact WHERE project = ? AND kind = ? AND id = ? AND version <= ?",
            [(*address, version) for address, version in cuts],
        ).rowcount

    return cut


def raise_floor(connection: sqlite3.Connection) -> None:
    """Remember the newest seq, so that no later fact takes a number again."""
    connection.execute(
        """UPDATE meta SET value = CAST(
               max(CAST(value AS INTEGER), (SELECT coalesce(max(seq), 0) FROM fact)) AS TEXT)
           WHERE key = 'seq_floor'"""
    )


def newest_seq(connection: sqlite3.Connection) -> int:
    """The newest seq ever given out."""
    (seq,) = connection.execute(
        """SELECT max((SELECT coalesce(max(seq), 0) FROM fact),
               (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'seq_floor'))"""
    ).fetchone()
    return int(seq)


def prune_job(
    views: Sequence[View], older_ms: int, now_ms: int, rows_max: int
) -> Callable[[sqlite3.Connection], int]:
    """A job that deletes old kept replies and whatever views hold too long, oldest first."""

    def prune(connection: sqlite3.Connection) -> int:
        deleted = connection.execute(
            """DELETE FROM idempotency WHERE at <= ? AND number IN (
                   SELECT number FROM idempotency ORDER BY number LIMIT ?)""",
            (older_ms, rows_max),
        ).rowcount
        for view in views:
            if deleted < rows_max:
                deleted += view.trim(connection, now_ms, rows_max - deleted)
        return deleted

    return prune


class Walk:
    """Where the search for long histories stands; a round visits every actor once."""

    def __init__(self) -> None:
        self._place: Address | None = None

    def look(
        self, connection: sqlite3.Connection, keeps: Mapping[str, Any], now_ms: int
    ) -> tuple[list[Cut], bool]:
        """Cuts found from here on in one page, and whether the round ended with it."""
        place = self._place or self._first(connection, ("", ""), keeps)
        if place is None:
            return [], True
        cuts, last = find(connection, place, keeps[place.kind], now_ms)
        if last is not None:
            self._place = place._replace(id=last)
        else:
            self._place = self._first(connection, (place.project, place.kind), keeps)
        return cuts, self._place is None

    @staticmethod
    def _first(
        connection: sqlite3.Connection, after: tuple[str, str], keeps: Mapping[str, Any]
    ) -> Address | None:
        sort = next_sort(connection, after)
        while sort is not None and is_for_ever(keeps.get(sort[1])):
            sort = next_sort(connection, sort)
        return None if sort is None else Address(*sort, "")
