"""Statements over many rows at once.

Each step of SQLite lets go of the interpreter lock, and a busy loop on the other thread may keep it
for a while; so the writer takes few steps: one statement for many rows, its work done without the
lock. Each number of rows up to `ROWS_MAX` has its own text, which stays prepared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

ROWS_MAX = 32
"""Rows of one statement: most commits need one, and the texts of all sizes stay a few megabytes."""

Row = tuple[Any, ...]


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), ROWS_MAX):
        yield rows[start : start + ROWS_MAX]


class Bulk:
    """A statement `head VALUES (..), (..) tail` for any number of rows of `width` columns."""

    def __init__(self, head: str, width: int, tail: str = "") -> None:
        self._head = head
        self._row = f"({', '.join('?' * width)})"
        self._tail = tail
        self._texts: dict[int, str] = {}

    def _text(self, count: int) -> str:
        text = self._texts.get(count)
        if text is None:
            rows = ", ".join([self._row] * count)
            text = self._texts[count] = f"{self._head} VALUES {rows} {self._tail}"
        return text

    def run(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """Write all rows, in order."""
        for part in _parts(rows):
            connection.execute(self._text(len(part)), tuple(chain.from_iterable(part)))

    def ask(self, connection: sqlite3.Connection, keys: Sequence[Row]) -> list[Any]:
        """Run a query that answers one JSON array per statement; all arrays joined."""
        found: list[Any] = []
        for part in _parts(keys):
            values = tuple(chain.from_iterable(part))
            (text,) = connection.execute(self._text(len(part)), values).fetchone()
            found.extend(msgspec.json.decode(text))
        return found
