"""A project's rows as NDJSON, for those who take their data elsewhere.

One JSON object per line: `table`, then the columns. Bodies that are JSON stand as JSON, other bytes
as base64 under `base64`. Pages are read one after the other, so nothing pins the log and a
moving store may be a little ahead in later tables than in earlier ones.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec

from storage.codec import ACTOR, DELIVERY, FACT
from storage.store import Tables

PAGE_ROWS = 1_000

TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "actor": (f"project, kind, id, {ACTOR}", ("kind", "id")),
    "fact": (FACT, ("kind", "seq")),
    "claim": ("project, space, key, owner_kind, owner_id", ("space", "key")),
    "document": ("project, hash, body", ("hash",)),
    "outbox": (DELIVERY, ("id",)),
}
"""Columns of each table, and the order of its pages. Kept replies and keys stay at home."""


async def export(store: Tables, project: str) -> AsyncIterator[bytes]:
    """Lines (with their newline) of everything the project holds."""
    for table in TABLES:
        after: tuple[Any, ...] | None = None
        size = PAGE_ROWS
        while size == PAGE_ROWS:
            page = await store.read(partial(_page, table=table, project=project, after=after))
            for line, place in page:
                after = place
                yield line
            size = len(page)


def _page(
    connection: sqlite3.Connection, table: str, project: str, after: tuple[Any, ...] | None
) -> list[tuple[bytes, tuple[Any, ...]]]:
    """Lines of a page, each with its place in the order."""
    columns, order = TABLES[table]
    place = ", ".join(order)
    beyond = "" if after is None else f"AND ({place}) > ({', '.join('?' * len(order))})"
    cursor = connection.execute(
        f"SELECT {columns} FROM {table} WHERE project = ? {beyond} ORDER BY {place} LIMIT ?",
        (project, *(after or ()), PAGE_ROWS),
    )
    names = [column[0] for column in cursor.description]
    found = []
    for values in cursor.fetchall():
        row = dict(zip(names, values, strict=True))
        found.append((_line(table, row), tuple(row[name] for name in order)))
    return found


def _line(table: str, row: dict[str, Any]) -> bytes:
    shown = {name: _shown(value) for name, value in row.items()}
    return msgspec.json.encode({"table": table, **shown}) + b"\n"


def _shown(value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"base64": base64.b64encode(value).decode()}
    return msgspec.Raw(value)
