"""Whose fault an error of SQLite is: the disk's, or the statement's.

Trouble of the world fails the whole commit; anything else only the entry that caused it.
"""

from __future__ import annotations

import sqlite3

_WORLD = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def is_of_the_world(error: BaseException) -> bool:
    """The disk's fault (or memory's), not an entry's."""
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, OSError | MemoryError)
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _WORLD
