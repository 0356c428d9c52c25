"""A data folder, looked at beside the daemon that may be at work in it.

For operators' commands only: which version it has, which projects, one actor, all rows. Read-only,
and without the folder's lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import trio

from engine.messages import Address
from engine.ports import Loaded
from storage import queries
from storage.connections import connect_reader
from storage.migrations import APPLICATION_ID, VERSION, NewerFolder, NotOurs

T = TypeVar("T")


class Beside:
    """A database file, read by one connection; it serves as the store's `Tables`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def read_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on this thread."""
        return work(self._connection)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query; a command has nobody else to serve meanwhile."""
        await trio.lowlevel.checkpoint()
        return work(self._connection)

    def load(self, address: Address) -> Loaded | None:
        """One actor as the file holds it."""
        return queries.load(self._connection, address)

    def projects(self) -> list[str]:
        """Names of all projects."""
        rows = self._connection.execute("SELECT id FROM actor WHERE kind = 'project' ORDER BY id")
        return [name for (name,) in rows.fetchall()]


@contextmanager
def open_beside(database: Path) -> Iterator[Beside]:
    """Look at a database file for the length of the block."""
    connection = connect_reader(database)
    try:
        yield Beside(connection)
    finally:
        connection.close()


def check_version(database: Path) -> int:
    """The version of a database file; raises `NotOurs`, `NewerFolder`."""
    connection = connect_reader(database)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise NotOurs(f"{database}: {error}") from None
    finally:
        connection.close()
    if application != APPLICATION_ID:
        raise NotOurs(f"{database} is a database of another program")
    if version > VERSION:
        raise NewerFolder(f"{database} has version {version}; this program knows {VERSION}")
    return int(version)
