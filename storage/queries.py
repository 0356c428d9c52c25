"""What is read from SQLite, as plain functions over a read-only connection.

Each fetches everything it wants before it returns, so no cursor outlives its connection's turn.
What is asked often goes along an index: heads that are due, orders, alarms, facts by version.
Row shapes: `storage/codec.py`.
"""

from __future__ import annotations

import sqlite3

from engine.messages import Address, Stored
from engine.ports import Delivery, Kept, Listed, Loaded
from storage import codec
from storage.codec import ACTOR, DELIVERY, FACT, KEPT

_OF = "project = ? AND kind = ? AND id = ?"
_LOAD = f"SELECT {ACTOR} FROM actor WHERE {_OF}"
ORDER = (
    f"SELECT {DELIVERY} FROM outbox INDEXED BY outbox_order "
    "WHERE project = ? AND subscription = ? AND subject = ? AND parked = 0 ORDER BY id LIMIT ?"
)
"""The first rows of an order: project, subscription, subject, how many."""
NEXT_LINE = (
    "SELECT project, subscription FROM outbox INDEXED BY outbox_line "
    "WHERE head = 1 AND (project, subscription) > (?, ?) ORDER BY project, subscription LIMIT 1"
)
"""The next (project, subscription) that has a head."""
LINE = (
    f"SELECT {DELIVERY} FROM outbox INDEXED BY outbox_line "
    "WHERE head = 1 AND project = ? AND subscription = ? ORDER BY due_at, id LIMIT ?"
)
"""The first heads of a line: project, subscription, how many."""
_FACTS = f"SELECT {FACT} FROM fact WHERE {_OF} AND version > ? ORDER BY version LIMIT ?"


def load(connection: sqlite3.Connection, address: Address) -> Loaded | None:
    """The actor's row, with the facts after its state where the state is older."""
    row = connection.execute(_LOAD, address).fetchone()
    if row is None:
        return None
    return codec.loaded(row) if row[4] == row[0] else _load_with_tail(connection, address)


def _load_with_tail(connection: sqlite3.Connection, address: Address) -> Loaded | None:
    connection.execute("BEGIN")
    try:
        row = connection.execute(_LOAD, address).fetchone()
        if row is None:
            return None
        tail = connection.execute(_FACTS, (*address, row[4], row[0] - row[4])).fetchall()
        return codec.loaded(row, tuple(map(codec.stored, tail)))
    finally:
        connection.execute("COMMIT")


def facts(connection: sqlite3.Connection, address: Address, after: int, limit: int) -> list[Stored]:
    """Kept facts of an actor after a version."""
    rows = connection.execute(_FACTS, (*address, after, limit)).fetchall()
    return list(map(codec.stored, rows))


def kind_facts(
    connection: sqlite3.Connection, project: str, kind: str, after_seq: int, limit: int
) -> list[Stored]:
    """Kept facts of a kind after a seq."""
    rows = connection.execute(
        f"SELECT {FACT} FROM fact INDEXED BY fact_kind "
        "WHERE project = ? AND kind = ? AND seq > ? ORDER BY seq LIMIT ?",
        (project, kind, after_seq, limit),
    ).fetchall()
    return list(map(codec.stored, rows))


def actors(
    connection: sqlite3.Connection, of: tuple[str, str, str], after: str, limit: int
) -> list[Listed]:
    """Actors of (project, kind, phase) in order of id; phase '' is any."""
    project, kind, phase = of
    where = "AND phase = ?" if phase else "AND phase <> ?"
    index = "actor_phase" if phase else "sqlite_autoindex_actor_1"
    rows = connection.execute(
        f"SELECT project, kind, id, version, phase, alarm_at FROM actor INDEXED BY {index} "
        f"WHERE project = ? AND kind = ? {where} AND id > ? ORDER BY id LIMIT ?",
        (project, kind, phase, after, limit),
    ).fetchall()
    return list(map(codec.listed, rows))


def count(connection: sqlite3.Connection, project: str, kind: str) -> dict[str, int]:
    """Number of actors by phase."""
    return dict(
        connection.execute(
            "SELECT phase, count(*) FROM actor INDEXED BY actor_phase "
            "WHERE project = ? AND kind = ? AND phase > '' GROUP BY phase",
            (project, kind),
        ).fetchall()
    )


def alarms(connection: sqlite3.Connection, limit: int) -> list[tuple[Address, int]]:
    """The next alarms."""
    rows = connection.execute(
        "SELECT project, kind, id, alarm_at FROM actor INDEXED BY actor_alarm "
        "WHERE alarm_at IS NOT NULL ORDER BY alarm_at LIMIT ?",
        (limit,),
    ).fetchall()
    return [(Address(project, kind, id_), at_ms) for project, kind, id_, at_ms in rows]


def document(connection: sqlite3.Connection, project: str, hash_: str) -> bytes | None:
    """A document's body."""
    row = connection.execute(
        "SELECT body FROM document WHERE project = ? AND hash = ?", (project, hash_)
    ).fetchone()
    return None if row is None else bytes(row[0])


def kept(connection: sqlite3.Connection, key: tuple[str, str, str], younger_ms: int) -> Kept | None:
    """The answer under (project, principal, key), if kept after `younger_ms`."""
    row = connection.execute(
        f"SELECT {KEPT} FROM idempotency "
        "WHERE project = ? AND principal = ? AND key = ? AND at > ?",
        (*key, younger_ms),
    ).fetchone()
    return None if row is None else codec.kept_of(row)


def due(connection: sqlite3.Connection, now_ms: int, limit: int) -> list[Delivery]:
    """Heads that are due."""
    rows = connection.execute(
        f"SELECT {DELIVERY} FROM outbox INDEXED BY outbox_due "
        "WHERE head = 1 AND due_at <= ? ORDER BY due_at, id LIMIT ?",
        (now_ms, limit),
    ).fetchall()
    return list(map(codec.delivery, rows))


def next_due(connection: sqlite3.Connection) -> int | None:
    """When the next head falls due."""
    (at_ms,) = connection.execute(
        "SELECT min(due_at) FROM outbox INDEXED BY outbox_due WHERE head = 1"
    ).fetchone()
    return None if at_ms is None else int(at_ms)


def lines(connection: sqlite3.Connection, each: int) -> list[Delivery]:
    """The first heads of every line, the earliest due first."""
    found = []
    line = connection.execute(NEXT_LINE, ("", "")).fetchone()
    while line is not None:
        found += connection.execute(LINE, (*line, each)).fetchall()
        line = connection.execute(NEXT_LINE, line).fetchone()
    return sorted(map(codec.delivery, found), key=lambda head: (head.due_at_ms, head.id))


def order(connection: sqlite3.Connection, of: tuple[str, str, str], limit: int) -> list[Delivery]:
    """The first rows of the order (project, subscription, subject) that are not parked."""
    rows = connection.execute(ORDER, (*of, limit)).fetchall()
    return list(map(codec.delivery, rows))


def deliveries(
    connection: sqlite3.Connection, project: str, after: int, limit: int
) -> list[Delivery]:
    """Outbox rows of a project."""
    rows = connection.execute(
        f"SELECT {DELIVERY} FROM outbox WHERE project = ? AND parked IN (0, 1) AND id > ? "
        "ORDER BY id LIMIT ?",
        (project, after, limit),
    ).fetchall()
    return list(map(codec.delivery, rows))


def parked(connection: sqlite3.Connection, project: str, after: int, limit: int) -> list[Delivery]:
    """Parked outbox rows of a project."""
    rows = connection.execute(
        f"SELECT {DELIVERY} FROM outbox WHERE project = ? AND parked = 1 AND id > ? "
        "ORDER BY id LIMIT ?",
        (project, after, limit),
    ).fetchall()
    return list(map(codec.delivery, rows))
