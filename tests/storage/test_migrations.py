"""Opening files written by others: newer, older, foreign."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from storage_worlds import ALICE, DoorView, opened, stored

from engine.limits import Limits
from storage.folder import DATABASE
from storage.migrations import NewerFolder, NotOurs
from storage.sqlite import open_store


class NextView(DoorView):
    """The toy's lists in their second version, which may be broken."""

    version = 2
    is_broken = False

    def migrate(self, connection: sqlite3.Connection, version: int) -> None:
        """Add a column in the second version."""
        if version == 0:
            super().migrate(connection, version)
            return
        connection.execute("ALTER TABLE sign ADD COLUMN seen INTEGER NOT NULL DEFAULT 0")
        if self.is_broken:
            raise RuntimeError("the migration is broken")


def _copies(folder: Path) -> list[Path]:
    return list(folder.glob("*before*"))


def _alter(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / DATABASE, isolation_level=None)
    connection.execute(statement)
    connection.close()


async def test_a_folder_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """The core's version is in the header of the file."""
    async with open_store(tmp_path, Limits()):
        pass
    _alter(tmp_path, "PRAGMA user_version = 99")
    with pytest.raises(NewerFolder, match="99"):
        async with open_store(tmp_path, Limits()):
            pytest.fail("opened")


async def test_newer_lists_are_refused(tmp_path: Path) -> None:
    """A view that went further than this program knows is not touched."""
    async with open_store(tmp_path, Limits(), (NextView(),)):
        pass
    with pytest.raises(NewerFolder, match="lists of door"):
        async with open_store(tmp_path, Limits(), (DoorView(),)):
            pytest.fail("opened")


async def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    """A file of another program is left alone."""
    _alter(tmp_path, "CREATE TABLE theirs (a)")
    with pytest.raises(NotOurs):
        async with open_store(tmp_path, Limits()):
            pytest.fail("opened")


async def test_a_copy_is_made_before_a_migration(tmp_path: Path) -> None:
    """A new folder needs none; an older one is copied as it was, and once."""
    async with open_store(tmp_path, Limits(), (DoorView(),)) as store:
        await stored(store, opened(ALICE, 0))
    assert not _copies(tmp_path)
    for _ in range(2):
        async with open_store(tmp_path, Limits(), (NextView(),)) as store:
            store.read_now(lambda c: c.execute("SELECT seen FROM sign").fetchall())
    (copy,) = _copies(tmp_path)
    connection = sqlite3.connect(copy)
    assert connection.execute("SELECT id FROM actor").fetchall() == [("alice",)]
    assert "seen" not in connection.execute("SELECT sql FROM sqlite_master").fetchall()[0][0]
    connection.close()


async def test_a_migration_that_breaks_changes_nothing(tmp_path: Path) -> None:
    """Its transaction is rolled back, the lock is free, the old program still opens."""
    async with open_store(tmp_path, Limits(), (DoorView(),)):
        pass
    broken = NextView()
    broken.is_broken = True
    with pytest.raises(RuntimeError):
        async with open_store(tmp_path, Limits(), (broken,)):
            pytest.fail("opened")
    async with open_store(tmp_path, Limits(), (DoorView(),)) as store:
        assert store.is_writable
