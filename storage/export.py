"""A project's rows as NDJSON, for those who take their data elsewhere: ours, then the views'.

One JSON object per line: `table`, then the columns. Bodies that are JSON stand as JSON, other bytes
as base64 under `base64`. Pages are read one after the other, so nothing pins the log and a
moving store may be a little ahead in later tables than in earlier ones.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any

import msgspec

from storage.codec import ACTOR, DELIVERY, FACT
from storage.projects import without_hashes
from storage.store import Export, Tables, View

PAGE_ROWS = 1_000
PROJECT = "project"

TABLES = {
    "actor": Export(f"project, kind, id, {ACTOR}", ("kind", "id")),
    "fact": Export(FACT, ("kind", "seq")),
    "claim": Export("project, space, key, owner_kind, owner_id", ("space", "key")),
    "document": Export("project, hash, body", ("hash",)),
    "outbox": Export(DELIVERY, ("id",)),
}
"""The core's tables. Kept replies stay at home, and so does what stands for keys."""


async def export(store: Tables, project: str, views: Iterable[View] = ()) -> AsyncIterator[bytes]:
    """Lines (with their newline) of everything the project holds, in the core and the views."""
    own = (TABLES, *(view.exports for view in views))
    for table, shown in (item for tables in own for item in tables.items()):
        if not await store.read(partial(_has_table, table=table)):
            continue  # a folder that an older program left, and no daemon has opened since
        after: tuple[Any, ...] | None = None
        size = PAGE_ROWS
        while size == PAGE_ROWS:
            page = await store.read(partial(_page, table, shown, project, after))
            for line, place in page:
                after = place
                yield line
            size = len(page)


def _has_table(connection: sqlite3.Connection, table: str) -> bool:
    known = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(known, (table,)).fetchone() is not None


def _page(
    table: str,
    shown: Export,
    project: str,
    after: tuple[Any, ...] | None,
    connection: sqlite3.Connection,
) -> list[tuple[bytes, tuple[Any, ...]]]:
    """Lines of a page, each with its place in the order."""
    size = len(shown.order)
    place = ", ".join(f"{table}.{column}" for column in shown.order)
    beyond = "" if after is None else f"AND ({place}) > ({', '.join('?' * size)})"
    cursor = connection.execute(
        f"SELECT {place}, {shown.columns} FROM {table} WHERE project = ? {beyond}"
        f" ORDER BY {place} LIMIT ?",
        (project, *(after or ()), PAGE_ROWS),
    )
    names = [column[0] for column in cursor.description[size:]]
    return [
        (_line(table, dict(zip(names, values[size:], strict=True))), values[:size])
        for values in cursor.fetchall()
    ]


def _line(table: str, row: dict[str, Any]) -> bytes:
    if table in ("actor", "fact") and row["kind"] == PROJECT:
        row = {name: _masked(value) for name, value in row.items()}
    shown = {name: _shown(value) for name, value in row.items()}
    return msgspec.json.encode({"table": table, **shown}) + b"\n"


def _masked(value: Any) -> Any:
    """States and facts of the project itself name keys by their hashes."""
    return without_hashes(value) if isinstance(value, bytes) else value


def _shown(value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"base64": base64.b64encode(value).decode()}
    return msgspec.Raw(value)
