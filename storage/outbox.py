"""The outbox in SQLite: effects in order, of which only heads may be delivered.

Rows with equal project, subscription and subject form an order. Its first row that is not parked is
its head and carries `head = 1`; so "what is due" is one short walk over a partial index, however
many rows wait behind a head that backs off. Ids are never used twice: receivers know deliveries
by them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from engine.ports import Settle
from storage.bulk import Bulk
from storage.codec import Row

_ORDER = "project = ? AND subscription = ? AND subject = ?"

_INSERT = Bulk(
    """INSERT INTO outbox (project, kind, actor, version, sender, subject, subscription,
           about, body, due_at, head)
       SELECT column1, column2, column3, column4, column5, column6, column7,
           column8, column9, column10,
           column11 AND NOT EXISTS (
               SELECT 1 FROM outbox WHERE project = column1 AND subscription = column7
                   AND subject = column6 AND parked = 0)
       FROM (""",
    11,
    ")",
)


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Add effects (`codec.effect_row`) in order."""
    seen: set[tuple[Any, ...]] = set()
    marked = []
    for row in rows:
        order = (row[0], row[6], row[5])
        marked.append((*row, int(order not in seen)))
        seen.add(order)
    _INSERT.run(connection, marked)


def settle(connection: sqlite3.Connection, settles: Sequence[Settle], project: str) -> None:
    """Delete, reschedule, park or unpark deliveries; unknown ids are nothing."""
    for one in settles:
        order = connection.execute(
            "SELECT project, subscription, subject FROM outbox WHERE id = ? AND project = ?",
            (one.id, project),
        ).fetchone()
        if order is not None:
            _settle(connection, one)
            _rehead(connection, order)


def _settle(connection: sqlite3.Connection, one: Settle) -> None:
    if one.due_at_ms is None and not one.parked:
        connection.execute("DELETE FROM outbox WHERE id = ?", (one.id,))
        return
    connection.execute(
        """UPDATE outbox SET due_at = coalesce(?, due_at), attempts = ?, parked = ?, error = ?,
           head = CASE WHEN ? THEN 0 ELSE head END WHERE id = ?""",
        (one.due_at_ms, one.attempts, one.parked, one.error, one.parked, one.id),
    )


def _rehead(connection: sqlite3.Connection, order: Row) -> None:
    """Make the first row of an order its only head. At most its first two rows are wrong."""
    first = connection.execute(
        f"SELECT id, head FROM outbox WHERE {_ORDER} AND parked = 0 ORDER BY id LIMIT 2", order
    ).fetchall()
    for (id_, head), wanted in zip(first, (1, 0), strict=False):
        if head != wanted:
            connection.execute("UPDATE outbox SET head = ? WHERE id = ?", (wanted, id_))


def drop_about(connection: sqlite3.Connection, project: str, about: str) -> int:
    """Delete pending effects about a person; the number deleted."""
    orders = connection.execute(
        """SELECT DISTINCT project, subscription, subject FROM outbox
           WHERE project = ? AND about = ? AND about <> ''""",
        (project, about),
    ).fetchall()
    deleted = connection.execute(
        "DELETE FROM outbox WHERE project = ? AND about = ? AND about <> ''", (project, about)
    ).rowcount
    for order in orders:
        _rehead(connection, order)
    return deleted
