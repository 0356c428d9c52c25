"""Copies of the data folder, and coming back from one.

A backup is a consistent copy made while the daemon works: SQLite's `VACUUM INTO` a temporary file,
synced, then renamed, so that a file under the final name is always whole. Media go into a folder
beside it and the key file too, before the rename. A restored store continues another history than
listeners knew, so it gets a new epoch.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from pathlib import Path

from engine.errors import EngineError
from storage.connections import connect_reader
from storage.folder import DATABASE, KEY, MEDIA, held, sync_file, sync_folder
from storage.migrations import APPLICATION_ID, VERSION, NewerFolder, NotOurs


class FolderNotEmpty(EngineError):
    """There is a database in the folder already; only `force` replaces it."""

    code = "folder_not_empty"


class BackupBroken(EngineError):
    """The file is no whole backup."""

    code = "backup_broken"


def backup(folder: Path, target: Path) -> None:
    """Copy the store of a data folder, in use or not, to `target` (see `write_backup`)."""
    connection = connect_reader(folder / DATABASE)
    try:
        write_backup(connection, folder, target)
    finally:
        connection.close()


def write_backup(connection: sqlite3.Connection, folder: Path, target: Path) -> None:
    """Write `target`, `target.media/` and `target.key`, the last two where the folder has them.

    The connection may be read-only. What stood under those names is replaced.
    """
    part = _beside(target, ".part")
    part.unlink(missing_ok=True)
    connection.execute("PRAGMA query_only = OFF")
    try:
        connection.execute("VACUUM INTO ?", (str(part),))
    finally:
        connection.execute("PRAGMA query_only = ON")
    part.chmod(0o600)
    sync_file(part)
    _copy_extras(folder, target)
    part.replace(target)
    sync_folder(target.parent)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _copy_extras(folder: Path, target: Path) -> None:
    if (folder / MEDIA).is_dir():
        _copy_tree(folder / MEDIA, _beside(target, ".media"))
    if (folder / KEY).is_file():
        _copy_file(folder / KEY, _beside(target, ".key"))


def _copy_tree(source: Path, target: Path) -> None:
    part = _beside(target, ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(source, part)
    for parent, _, names in os.walk(part):
        for name in names:
            sync_file(Path(parent, name))
        sync_folder(Path(parent))
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    sync_folder(target.parent)


def _copy_file(source: Path, target: Path) -> None:
    part = _beside(target, ".part")
    shutil.copyfile(source, part)
    part.chmod(0o600)
    sync_file(part)
    part.replace(target)
    sync_folder(target.parent)


def restore(source: Path, folder: Path, *, force: bool = False) -> str:
    """Make the backup `source` the store of `folder`; the new epoch.

    Raises `FolderInUse`; `FolderNotEmpty` unless `force`; `BackupBroken`, `NewerFolder`, `NotOurs`.
    """
    with held(folder):
        database = folder / DATABASE
        if database.exists() and not force:
            raise FolderNotEmpty(f"{database} exists")
        part = _beside(database, ".part")
        shutil.copyfile(source, part)
        try:
            epoch = _renew(part)
            sync_file(part)
        except BaseException:
            part.unlink()
            raise
        _bring_extras(source, folder)
        for suffix in ("-wal", "-shm"):
            _beside(database, suffix).unlink(missing_ok=True)
        part.replace(database)
        sync_folder(folder)
        return epoch


def _renew(path: Path) -> str:
    """Check a copy and give it a new epoch."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise NotOurs("the file is a database of another program")
        if version > VERSION:
            raise NewerFolder(f"the backup has version {version}, this program knows {VERSION}")
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise BackupBroken(verdict)
        epoch = secrets.token_hex(8)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
        return epoch
    except sqlite3.DatabaseError as error:
        raise BackupBroken(f"the file is no backup: {error}") from error
    finally:
        connection.close()


def _bring_extras(source: Path, folder: Path) -> None:
    if (media := _beside(source, ".media")).is_dir():
        _copy_tree(media, folder / MEDIA)
    if (key := _beside(source, ".key")).is_file():
        _copy_file(key, folder / KEY)
