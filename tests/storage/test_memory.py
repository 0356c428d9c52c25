"""The memory store's own part: virtual time and bad luck."""

from __future__ import annotations

import trio
from storage_worlds import ALICE, BOB, commit, opened, stored

from engine.messages import Address
from engine.ports import Committed, Failed
from storage.memory import Faults, MemoryStore


async def test_a_tick_is_one_commit() -> None:
    """Entries submitted in one tick are one commit."""
    store = MemoryStore()
    await stored(store, *(opened(Address("house", "door", f"d{n}"), 0) for n in range(9)))
    assert store.statistics()["commits"] == 1


async def test_a_commit_takes_virtual_time(autojump_clock: trio.testing.MockClock) -> None:
    """With a delay nobody is told before it passed, and no real time is spent."""
    store = MemoryStore(faults=Faults(delay_seconds=60))
    started = trio.current_time()
    await stored(store, opened(ALICE, 0))
    assert trio.current_time() - started == 60


async def test_a_lost_commit_stores_nothing_and_heals(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """All fail, the store says it cannot write, and finds out by itself that it can again."""
    faults = Faults()
    faults.fail_next(2)
    store = MemoryStore(faults=faults)
    outcomes = await commit(store, opened(ALICE, 0), opened(BOB, 0))
    assert all(isinstance(one, Failed) and one.everything for one in outcomes)
    assert not store.is_writable
    assert await store.load(ALICE) is None
    await trio.sleep(1.5)
    assert not store.is_writable
    await trio.sleep(1)
    assert store.is_writable
    assert await stored(store, opened(ALICE, 0)) == [Committed((1,))]


async def test_a_commit_may_succeed_and_report_failure() -> None:
    """What is told as failed is stored nevertheless: whoever rereads finds it."""
    faults = Faults()
    faults.fail_next(kind="kept")
    store = MemoryStore(faults=faults)
    (outcome,) = await commit(store, opened(ALICE, 0))
    assert isinstance(outcome, Failed)
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert loaded.version == 1


async def test_a_crash_loses_only_what_was_not_told() -> None:
    """A successor over the same shelf finds every acknowledged entry."""
    store = MemoryStore()
    await stored(store, opened(ALICE, 0))
    told: list[object] = []
    store.submit(opened(BOB, 0), told.append)
    store.crash()
    await trio.testing.wait_all_tasks_blocked()
    successor = MemoryStore(shelf=store.shelf)
    assert told == []
    assert await successor.load(ALICE) is not None
    assert await successor.load(BOB) is None
    assert await successor.last_seq() == 1
