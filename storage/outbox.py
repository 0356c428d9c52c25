"""The outbox in SQLite: effects in order, of which only heads may be delivered.

Rows with equal project, subscription and subject form an order. Its first row that is not parked is
its head and carries `head = 1`; so "what is due" is one short walk over a partial index, however
many rows wait behind a head that backs off. Ids are never used twice: receivers know deliveries
by them.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.errors import DeliveryGone
from engine.ports import Entry, Settle
from storage.bulk import Bulk
from storage.codec import Row

_ORDER = "project = ? AND subscription = ? AND subject = ?"
_AMONG = "id IN (SELECT value FROM json_each(?))"

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


def settle(connection: sqlite3.Connection, entry: Entry) -> None:
    """Delete, reschedule, park or unpark deliveries of the entry's project.

    Unknown ids are nothing, unless the entry appends rows for them: then it raises `DeliveryGone`.
    However many there are, each order finds its head once.
    """
    orders = _orders(connection, entry)
    if entry.appends and len(orders) < len({one.id for one in entry.settles}):
        raise DeliveryGone("a delivery is not there any more")
    gone = [one.id for one in entry.settles if _is_gone(one) and one.id in orders]
    if gone:
        connection.execute(f"DELETE FROM outbox WHERE {_AMONG}", (msgspec.json.encode(gone),))
    moved = [one for one in entry.settles if not _is_gone(one) and one.id in orders]
    connection.executemany(
        """UPDATE outbox SET due_at = coalesce(?, due_at), attempts = ?, parked = ?, error = ?,
           cursor = coalesce(?, cursor), head = CASE WHEN ? THEN 0 ELSE head END WHERE id = ?""",
        [(m.due_at_ms, m.attempts, m.parked, m.error, m.cursor, m.parked, m.id) for m in moved],
    )
    touched = Counter(orders[one.id] for one in moved)
    for order in dict.fromkeys(orders.values()):
        _rehead(connection, order, touched[order])


def _is_gone(one: Settle) -> bool:
    """True if the delivery leaves the outbox."""
    return one.due_at_ms is None and not one.parked


def _orders(connection: sqlite3.Connection, entry: Entry) -> dict[int, Row]:
    """The order of each delivery that an entry settles, as far as they are there."""
    ids = msgspec.json.encode([one.id for one in entry.settles])
    rows = connection.execute(
        f"""SELECT id, project, subscription, subject FROM outbox
            WHERE {_AMONG} AND project = ?""",
        (ids, entry.project),
    ).fetchall()
    return {id_: tuple(order) for id_, *order in rows}


def _rehead(connection: sqlite3.Connection, order: Row, moved: int = 0) -> None:
    """Make the first row of an order its only head.

    `moved` rows may have come back before the one that is the head now: it is among those and one
    more, so no others are looked at.
    """
    first = connection.execute(
        f"SELECT id, head FROM outbox WHERE {_ORDER} AND parked = 0 ORDER BY id LIMIT ?",
        (*order, moved + 1),
    ).fetchall()
    for index, (id_, head) in enumerate(first):
        if head != (index == 0):
            connection.execute("UPDATE outbox SET head = ? WHERE id = ?", (index == 0, id_))


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
