"""An erasure for privacy, as somebody sees it who holds the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import storage_worlds as worlds
import toy
import trio
from storage_worlds import ALICE, entry, erasure, stored

from engine.messages import Address
from storage.folder import DATABASE
from storage.sqlite import SqliteStore

SECRET = "a-secret-nobody-may-find"


async def _found(folder: Path) -> list[str]:
    """Files of the folder that hold the secret; another process looks, as a thief would."""
    result = await trio.run_process(
        ["grep", "-l", "-r", "-a", SECRET, str(folder)], capture_stdout=True, check=False
    )
    return sorted(Path(line).name for line in result.stdout.decode().split())


async def _confide(store: SqliteStore) -> Address:
    address = ALICE._replace(id="known")
    secret = f'{{"sign":"{SECRET}"}}'.encode()
    named = (worlds.change(address, 0, toy.Named(name=SECRET), state=secret),)
    effect = worlds.effect(SECRET, about="known")
    await stored(store, entry(*named, effects=((address, 1, effect),)))
    return address


async def test_an_erasure_for_privacy_leaves_no_bytes(sqlite: SqliteStore, tmp_path: Path) -> None:
    """When it is told, neither the database nor its log holds what was erased."""
    address = await _confide(sqlite)
    assert f"{DATABASE}-wal" in await _found(tmp_path)
    await stored(sqlite, entry(erasure(address, 1, privacy=True, about="known")))
    assert not sqlite.statistics()["is_scrubbing"]
    assert await _found(tmp_path) == []


async def test_the_log_is_emptied_once_no_reader_holds_it(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    """A reader in the middle delays it; the writer keeps trying by itself."""
    address = await _confide(sqlite)
    async with _reading(tmp_path):
        sqlite._writer._connection.execute("PRAGMA busy_timeout = 0")
        await stored(sqlite, entry(erasure(address, 1, privacy=True, about="known")))
        assert sqlite.statistics()["is_scrubbing"]
    await worlds.until(lambda: not sqlite.statistics()["is_scrubbing"])
    assert await _found(tmp_path) == []


@asynccontextmanager
async def _reading(folder: Path) -> AsyncIterator[None]:
    connection = sqlite3.connect(folder / DATABASE, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM actor").fetchone()
    try:
        yield
    finally:
        connection.close()
