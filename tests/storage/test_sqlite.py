"""The store in a file: what only a file, a thread and a disk can do."""

from __future__ import annotations

import base64
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import storage_worlds as worlds
import toy
from storage_worlds import ALICE, BOB, NOW_MS, commit, entry, erasure, opened, stored

from engine.effects import Append, Claim, Document
from engine.errors import Unavailable
from engine.kind import Keep
from engine.limits import Limits
from engine.messages import Address, Fact
from engine.ports import Committed, Failed, Taken
from storage import export, writer
from storage.flags import FlagLists
from storage.folder import FolderInUse
from storage.sqlite import SqliteStore, open_store

CURSED = Address("house", "door", "cursed")


async def test_everything_is_there_after_reopening(tmp_path: Path) -> None:
    """A closed store comes back with its epoch, seq, rows, and outbox."""
    async with open_store(tmp_path, Limits()) as store:
        epoch = store.epoch
        await stored(store, opened(ALICE, 0), entry(effects=((ALICE, 1, worlds.effect("a")),)))
    async with open_store(tmp_path, Limits()) as store:
        assert store.epoch == epoch
        assert await store.last_seq() == 1
        assert len(await store.due(NOW_MS, 9)) == 1
        assert await stored(store, opened(ALICE, 1)) == [Committed((2,))]


async def test_a_second_daemon_is_kept_out(sqlite: SqliteStore, tmp_path: Path) -> None:
    """The folder's lock names who is in it; nothing is opened."""
    with pytest.raises(FolderInUse, match="in use by process"):
        async with open_store(tmp_path, Limits()):
            pytest.fail("two daemons in one folder")
    assert sqlite.is_writable


async def test_a_closed_store_refuses(tmp_path: Path) -> None:
    """After closing, entries and jobs are refused; those queued before were told."""
    told: list[Any] = []
    async with open_store(tmp_path, Limits()) as store:
        store.submit(opened(ALICE, 0), told.append)
    assert told == [Committed((1,))]
    with pytest.raises(Unavailable):
        store.submit(opened(BOB, 0), told.append)
    with pytest.raises(Unavailable):
        await store.run(lambda _: None)


async def test_the_settings_of_the_file(sqlite: SqliteStore) -> None:
    """What durability and erasure need is switched on where it is written."""

    def settings(connection: sqlite3.Connection) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "secure_delete", "mmap_size", "wal_autocheckpoint")
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}

    assert await sqlite.run(settings) == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "mmap_size": 0,
        "wal_autocheckpoint": 0,
    }


async def test_every_table_is_strict(sqlite: SqliteStore) -> None:
    """SQLite itself refuses a value of the wrong type in our tables."""
    rows = sqlite.read_now(lambda c: c.execute("PRAGMA table_list").fetchall())
    ours = [row for row in rows if not row[1].startswith(("sqlite_", "_sqlite"))]
    assert ours
    assert all(row[5] for row in ours), ours


async def test_readers_cannot_write(sqlite: SqliteStore) -> None:
    """Neither the connection of the loop nor those of the threads."""

    def write(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM actor")

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        sqlite.read_now(write)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await sqlite.read(write)


async def test_lists_are_filled_in_the_same_commit(sqlite: SqliteStore) -> None:
    """The view sees each fact with its state, and forgets an erased actor; both are counted."""
    await stored(sqlite, opened(ALICE, 0), opened(ALICE, 1, state=None))
    rows = await sqlite.read(lambda c: c.execute("SELECT * FROM opening").fetchall())
    assert [(id_, name, bool(state)) for id_, name, state in rows] == [
        ("alice", "Opened", True),
        ("alice", "Opened", False),
    ]
    await stored(sqlite, entry(erasure(ALICE, 2)))
    assert not await sqlite.read(lambda c: c.execute("SELECT * FROM opening").fetchall())
    (fact,) = await sqlite.facts(ALICE, 0, 9)
    assert b'"openings":2' in fact.body


async def test_only_the_last_fact_of_a_change_shows_the_state(sqlite: SqliteStore) -> None:
    """The state in a row is the one after all facts of the change."""
    facts = tuple(Fact(n, NOW_MS, (toy.Opened(),)) for n in (1, 2))
    two = msgspec.structs.replace(opened(ALICE, 0).changes[0], version=2, facts=facts)
    await stored(sqlite, entry(two))
    rows = await sqlite.read(lambda c: c.execute("SELECT state FROM opening").fetchall())
    assert [bool(state) for (state,) in rows] == [False, True]


async def test_a_broken_view_fails_only_the_guilty(sqlite: SqliteStore) -> None:
    """The batch is written again entry by entry; seqs stay dense."""
    document = Document(b"gone with the entry")
    bad = entry(*opened(CURSED, 0).changes, documents=(document,))
    outcomes = await commit(sqlite, opened(ALICE, 0), bad, opened(BOB, 0), opened(ALICE, 1))
    assert [isinstance(outcome, Committed) for outcome in outcomes] == [True, False, True, True]
    assert [fact.seq for fact in await sqlite.kind_facts("house", "door", 0, 9)] == [1, 2, 3]
    assert await sqlite.document("house", document.hash) is None
    assert await sqlite.load(CURSED) is None
    assert sqlite.statistics()["slow_batches"] == 1
    assert sqlite.is_writable


async def test_a_key_in_use_in_a_list_is_taken(sqlite: SqliteStore) -> None:
    """A view that raises `ClaimTaken` makes its entry taken, as a claim would."""
    twin = opened(ALICE._replace(id="twin"), 0)
    assert await commit(sqlite, opened(ALICE, 0), twin) == [Committed((1,)), Taken("twin", "key")]


async def test_an_export_holds_every_row(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line per row of the project, over several pages, and nothing of another project."""
    monkeypatch.setattr(export, "PAGE_ROWS", 100)
    document = Document(bytes(range(256)))
    doors = [ALICE._replace(id=f"d{number}") for number in range(250)]
    await stored(sqlite, *(opened(door, 0) for door in doors))
    await stored(
        sqlite,
        opened(ALICE._replace(project="barn"), 0),
        entry(
            documents=(document,),
            effects=((ALICE, 1, worlds.effect("a")),),
            claims=((ALICE, Claim("name", "x")),),
        ),
    )
    views = (FlagLists(),)  # its tables are not there: a folder from before there were any
    lines = [msgspec.json.decode(line) async for line in export.export(sqlite, "house", views)]
    tables = Counter(line["table"] for line in lines)
    assert tables == {"actor": 250, "fact": 250, "document": 1, "outbox": 1, "claim": 1}
    assert lines[0]["state"]["code"] == "1234"
    (body,) = [line["body"] for line in lines if line["table"] == "document"]
    assert base64.b64decode(body["base64"]) == document.body


async def test_an_unknown_list_fails_its_entry(sqlite: SqliteStore) -> None:
    """A row for a list that nobody registered is an error of that entry."""
    (outcome,) = await commit(sqlite, entry(appends=(Append("nowhere", (1,)),)))
    assert isinstance(outcome, Failed)
    assert not outcome.everything


async def test_views_are_trimmed(sqlite: SqliteStore) -> None:
    """`tidy` lets each view delete what it holds too long."""
    await stored(sqlite, *(entry(appends=(Append("sign", (str(n),)),)) for n in range(15)))
    assert await sqlite.tidy({}, NOW_MS) == 5
    assert await sqlite.tidy({}, NOW_MS) == 0


async def test_a_full_disk_fails_all_and_heals(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything fails, nothing is stored, and the writer finds out by itself when it can again."""
    monkeypatch.setattr(writer, "IDLE_SECONDS", 0.001)
    await stored(sqlite, opened(ALICE, 0))

    def limit(pages: int) -> Any:
        return lambda c: c.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    pages = sqlite.read_now(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    await sqlite.run(limit(pages))
    big = entry(documents=(Document(bytes(1_000_000)),))
    outcomes = await commit(sqlite, opened(ALICE, 1), big)
    assert all(isinstance(one, Failed) and one.everything for one in outcomes), outcomes
    assert (await sqlite.load(ALICE)).version == 1  # type: ignore[union-attr]
    assert await sqlite.last_seq() == 1
    await worlds.until(lambda: sqlite.is_writable)
    await sqlite.run(limit(1_000_000))
    assert await stored(sqlite, opened(ALICE, 1), big) == [Committed((2,)), Committed()]


async def test_a_full_disk_shows_and_the_next_commit_heals(sqlite: SqliteStore) -> None:
    """Between the failed commit and one that works the store says that it cannot write."""

    def fill(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1").fetchall()

    await sqlite.run(fill)
    await commit(sqlite, entry(documents=(Document(bytes(1_000_000)),)))
    assert not sqlite.is_writable
    assert await sqlite.run(lambda _: 1) == 1
    assert sqlite.is_writable


async def test_a_seq_is_not_used_twice_after_cutting(tmp_path: Path) -> None:
    """The floor remembers the newest number when its fact is gone, over a restart."""
    async with open_store(tmp_path, Limits()) as store:
        await stored(store, opened(ALICE, 0), opened(ALICE, 1))
        assert await store.tidy({"door": Keep(days=1)}, NOW_MS + 86_400_001) == 2
    async with open_store(tmp_path, Limits()) as store:
        assert await store.last_seq() == 2
        assert await stored(store, opened(ALICE, 2)) == [Committed((3,))]


async def test_the_log_is_moved_by_the_writer(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After enough rows the log goes into the database and is written from its start again."""
    monkeypatch.setattr(writer, "CHECKPOINT_ROWS", 10)
    for version in range(40):
        await stored(sqlite, opened(ALICE, version))
    statistics = sqlite.statistics()
    assert statistics["checkpoints"] >= 5
    assert statistics["log_bytes"] < 40 * 5 * 4_096


async def test_a_job_that_raises_leaves_nothing(sqlite: SqliteStore) -> None:
    """Maintenance is a transaction of its own, and its error reaches whoever asked."""

    def job(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM actor")
        raise LookupError("no")

    await stored(sqlite, opened(ALICE, 0))
    with pytest.raises(LookupError):
        await sqlite.run(job)
    assert await sqlite.load(ALICE) is not None


async def test_a_long_batch_is_cut_by_time(tmp_path: Path) -> None:
    """When the time is up the rest waits for the next commit, in order."""
    async with open_store(tmp_path, Limits(batch_milliseconds_max=0.001)) as store:
        addresses = [ALICE._replace(id=f"d{number}") for number in range(200)]
        outcomes = await stored(store, *(opened(address, 0) for address in addresses))
        assert [seq for one in outcomes for seq in one.seqs] == list(range(1, 201))
        assert store.statistics()["commits"] >= 2


async def test_the_switch_interval_is_given_back(tmp_path: Path) -> None:
    """The interpreter's switch interval is short only while a store is open."""
    before = sys.getswitchinterval()
    async with open_store(tmp_path, Limits()):
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before
