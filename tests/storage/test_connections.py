"""What connections keep in memory, and give back."""

from __future__ import annotations

import _sqlite3
import ctypes

import msgspec
import pytest
import toy
from storage_worlds import ALICE, change, entry, stored

from storage.connections import READER_CACHE_KIB, WRITER_CACHE_KIB, shrink
from storage.sqlite import SqliteStore

ACTORS = 200


def _used() -> int:
    """Bytes that SQLite has taken in this process."""
    try:
        used = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
    except AttributeError:
        pytest.skip("this Python hides its SQLite")
    used.restype = ctypes.c_int64
    return int(used())


async def test_the_caches_are_given_back(sqlite: SqliteStore) -> None:
    """Pages of many large states fill them; afterwards most of it is gone, and all is readable."""
    state = msgspec.json.encode(toy.Door(sign="x" * 20_000))
    addresses = [ALICE._replace(id=f"door-{number}") for number in range(ACTORS)]
    opened = (entry(change(address, 0, toy.Opened(), state=state)) for address in addresses)
    await stored(sqlite, *opened)
    for address in addresses:
        await sqlite.load(address)
    full = _used()
    assert full > 4_000_000
    await shrink(sqlite)
    assert _used() < full / 2
    for address in addresses:
        loaded = await sqlite.load(address)
        assert loaded is not None
        assert loaded.state == state


async def test_caches_are_small(sqlite: SqliteStore) -> None:
    """The system keeps the file's pages too."""
    sizes = [
        await sqlite.run(lambda c: c.execute("PRAGMA cache_size").fetchone()[0]),
        sqlite.read_now(lambda c: c.execute("PRAGMA cache_size").fetchone()[0]),
    ]
    assert sizes == [-WRITER_CACHE_KIB, -READER_CACHE_KIB]
