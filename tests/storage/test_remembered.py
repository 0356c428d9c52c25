"""Versions that the writer remembers from one batch to the next: never other than the table's."""

from __future__ import annotations

import msgspec
import pytest
import toy
from storage_worlds import ALICE, BOB, change, commit, entry, opened, stored

from engine.messages import Address
from engine.ports import Committed, Failed, Missed, Store
from storage import batch
from storage.sqlite import SqliteStore

CURSED = Address("house", "door", "cursed")


async def test_what_was_taken_back_is_forgotten(sqlite: SqliteStore) -> None:
    """An entry that fails leaves no version behind, neither its own nor a neighbour's."""
    await stored(sqlite, opened(ALICE, 0))
    for version in (1, 2):
        told = await commit(sqlite, opened(ALICE, version), opened(CURSED, 0))
        assert isinstance(told[0], Committed)
        assert isinstance(told[1], Failed)
        assert str(told[1].error) == "the view is broken"


async def test_a_commit_that_failed_is_forgotten(sqlite: SqliteStore) -> None:
    """After the disk refused a commit the versions are those before it."""
    await stored(sqlite, opened(ALICE, 0))
    await sqlite.run(lambda c: c.execute("PRAGMA max_page_count = 200").fetchall())
    big = msgspec.json.encode(toy.Door(sign="x" * 10_000_000))
    (told,) = await commit(sqlite, opened(ALICE, 1, state=big))
    assert isinstance(told, Failed)
    assert told.everything
    await stored(sqlite, opened(ALICE, 1))


async def test_a_job_may_write_versions(sqlite: SqliteStore) -> None:
    """What maintenance wrote is read again."""
    await stored(sqlite, opened(ALICE, 0))
    await sqlite.run(lambda c: c.execute("UPDATE actor SET version = 7").rowcount)
    assert await commit(sqlite, opened(ALICE, 1)) == [Missed(ALICE)]
    await stored(sqlite, opened(ALICE, 7))


async def test_memory_is_bounded(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """More actors than are remembered are fenced all the same."""
    monkeypatch.setattr(batch, "VERSIONS_MAX", 1)
    for version in range(3):
        await stored(sqlite, opened(ALICE, version), opened(BOB, version))
    assert await commit(sqlite, opened(ALICE, 2), opened(BOB, 3)) == [
        Missed(ALICE),
        Committed((7,)),
    ]


async def test_nothing_at_version_zero_is_remembered(store: Store) -> None:
    """A write without a fact makes no actor: the first fact must still bring a state."""
    await stored(store, entry(change(ALICE, 0)))
    assert await store.load(ALICE) is None
    (told,) = await commit(store, opened(ALICE, 0, state=None))
    assert isinstance(told, Failed)
