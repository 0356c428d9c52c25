"""Backups and coming back from them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from storage_worlds import ALICE, opened, stored

from engine.limits import Limits
from engine.ports import Committed
from storage.backup import BackupBroken, FolderNotEmpty, backup, restore
from storage.folder import DATABASE, KEY, MEDIA, FolderInUse
from storage.migrations import NotOurs
from storage.sqlite import SqliteStore, open_store


def _furnish(folder: Path) -> None:
    (folder / MEDIA / "a").mkdir(parents=True)
    (folder / MEDIA / "a" / "one.png").write_bytes(b"picture")
    (folder / KEY).write_bytes(b"key")


async def test_a_backup_of_a_working_store_comes_back(sqlite: SqliteStore, tmp_path: Path) -> None:
    """Rows, media and key come back under a new epoch, and the seq goes on."""
    _furnish(tmp_path)
    await stored(sqlite, opened(ALICE, 0))
    target = tmp_path / "copies" / "first"
    target.parent.mkdir()
    await sqlite.backup(target)
    await stored(sqlite, opened(ALICE, 1))
    epoch = restore(target, tmp_path / "new")
    assert epoch != sqlite.epoch
    assert (tmp_path / "new" / MEDIA / "a" / "one.png").read_bytes() == b"picture"
    assert (tmp_path / "new" / KEY).read_bytes() == b"key"
    async with open_store(tmp_path / "new", Limits()) as store:
        assert store.epoch == epoch
        assert (await store.load(ALICE)).version == 1  # type: ignore[union-attr]
        assert await stored(store, opened(ALICE, 1)) == [Committed((2,))]


async def test_a_backup_replaces_the_one_before(sqlite: SqliteStore, tmp_path: Path) -> None:
    """Under the final name there is always one whole copy and no leftovers."""
    _furnish(tmp_path)
    target = tmp_path / "copies" / "same"
    target.parent.mkdir()
    for version in range(2):
        await stored(sqlite, opened(ALICE, version))
        await sqlite.backup(target)
    assert sorted(path.name for path in target.parent.iterdir()) == [
        "same",
        "same.key",
        "same.media",
    ]
    assert target.stat().st_mode & 0o077 == 0
    connection = sqlite3.connect(target)
    assert connection.execute("SELECT version FROM actor").fetchall() == [(2,)]
    connection.close()


async def test_a_folder_can_be_copied_from_outside(tmp_path: Path) -> None:
    """Without a daemon the same file is made."""
    async with open_store(tmp_path / "data", Limits()) as store:
        await stored(store, opened(ALICE, 0))
    backup(tmp_path / "data", tmp_path / "file")
    assert restore(tmp_path / "file", tmp_path / "new")


async def test_restore_never_takes_a_folder_in_use(sqlite: SqliteStore, tmp_path: Path) -> None:
    """Not even with force."""
    await sqlite.backup(tmp_path / "file")
    with pytest.raises(FolderInUse):
        restore(tmp_path / "file", tmp_path, force=True)


async def test_restore_replaces_only_when_forced(tmp_path: Path) -> None:
    """A database in the folder is kept unless `force`; then nothing of it is left."""
    async with open_store(tmp_path / "data", Limits()) as store:
        await store.backup(tmp_path / "file")
        await stored(store, opened(ALICE, 0))
    with pytest.raises(FolderNotEmpty):
        restore(tmp_path / "file", tmp_path / "data")
    restore(tmp_path / "file", tmp_path / "data", force=True)
    async with open_store(tmp_path / "data", Limits()) as store:
        assert await store.load(ALICE) is None


async def test_a_broken_file_is_not_restored(tmp_path: Path) -> None:
    """Garbage and foreign databases leave the folder as it was."""
    (tmp_path / "garbage").write_bytes(b"no database at all" * 100)
    with pytest.raises(BackupBroken):
        restore(tmp_path / "garbage", tmp_path / "new")
    connection = sqlite3.connect(tmp_path / "foreign")
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    with pytest.raises(NotOurs):
        restore(tmp_path / "foreign", tmp_path / "new")
    assert not (tmp_path / "new" / DATABASE).exists()
