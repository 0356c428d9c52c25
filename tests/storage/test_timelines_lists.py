"""The timelines' lists: what is published, who is on a timeline, what goes, and what it costs."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from timeline_lists import (
    ACTIVE,
    ANN,
    BEN,
    COURT,
    STATE,
    TEA,
    Life,
    ask,
    bare,
    counts,
    created,
    log,
    open_lists,
    project,
    published,
    walk,
)

from actors.timelines.timeline_words import Contributed, RevisionUnpublished, VariableSet
from actors.timelines.user_words import Move, Progressed, Settled, Standing, Walk
from engine.messages import Address, Forgotten
from storage import export
from storage.bulk import ROWS_MAX
from storage.sqlite import SqliteStore
from storage.timelines import TimelineLists, queries
from storage.timelines.queries import BEGIN


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store with the lists and nothing in them."""
    async with open_lists(tmp_path) as opened:
        yield opened


# --- timelines


async def test_published_timelines_are_listed(store: SqliteStore) -> None:
    """In order of id, those of the project alone; an unpublished one until it is back."""
    tea, court = Life(store, TEA), Life(store, COURT)
    await tea.states(published())
    await court.states(published())
    await Life(store, TEA._replace(project="barn", id="hay")).states(published())
    assert ask(store, queries.published) == ["court", "tea"]
    assert ask(store, queries.published, "court", 9) == ["tea"]
    assert ask(store, queries.published, "", 1) == ["court"]
    await court.states(RevisionUnpublished())
    assert ask(store, queries.published) == ["tea"]
    await court.states(published("Who stole the tarts?"))
    assert ask(store, queries.published) == ["court", "tea"]


async def test_the_list_knows_the_newest_title(store: SqliteStore) -> None:
    """A new revision renames; values of variables change nothing here."""
    tea = Life(store, TEA)
    await tea.states(published())
    await tea.states(published("A mad tea-party"))
    await tea.states(VariableSet(name="tarts", value="1", at_ms=0))
    await tea.states(Contributed(shared={"tarts": "2"}, follows={}, at_ms=0))
    rows = store.read_now(lambda read: read.execute("SELECT * FROM timeline_listed").fetchall())
    assert rows == [("house", "tea", 1, "A mad tea-party")]


async def test_an_erased_timeline_is_not_listed(store: SqliteStore) -> None:
    """Its users go on."""
    tea, ann = Life(store, TEA), Life(store, ANN)
    await tea.states(published())
    await ann.states(created(Move("bank", ACTIVE, 1, 0)))
    await tea.goes()
    left = {"timeline_listed": 0, "timeline_user": 1, "timeline_interest": 0, "timeline_log": 1}
    assert counts(store) == left


# --- users


async def test_users_are_listed_by_their_timeline(store: SqliteStore) -> None:
    """In order of id, a page at a time; ids may repeat in another project."""
    for name in ("cat", "ann", "é😀", "ben", "'; DROP TABLE timeline_user; --"):
        await Life(store, ANN._replace(id=name)).states(created())
    await Life(store, ANN._replace(id="knave")).states(created(timeline="court"))
    await Life(store, ANN._replace(project="barn")).states(created(timeline="court"))
    everybody = ["'; DROP TABLE timeline_user; --", "ann", "ben", "cat", "é😀"]
    assert ask(store, queries.users_of, "tea", "", 100) == everybody
    assert ask(store, queries.users_of, "tea", "ann", 2) == ["ben", "cat"]
    assert ask(store, queries.users_of, "court", "", 100) == ["knave"]
    assert ask(store, queries.users_of, "nowhere", "", 100) == []
    assert ask(store, queries.has_user, "court", "knave")
    assert not ask(store, queries.has_user, "tea", "knave")
    assert not ask(store, queries.has_user, "court", "ann")


@pytest.mark.parametrize("privacy", [False, True])
async def test_a_deleted_user_takes_all_rows_along(store: SqliteStore, privacy: bool) -> None:
    """Said in numbers; others keep theirs, and one who comes again begins anew."""
    ann, ben = Life(store, ANN), Life(store, BEN)
    same = Life(store, ANN._replace(project="barn"))
    for each in (ann, ben, same):
        await each.states(created(Move("bank", ACTIVE, 1, 0)))
    await ann.states(Progressed(walk=walk(Move("hole", ACTIVE, 2, 1))))
    await ann.goes(privacy)
    assert _last_counts(store, ANN) == {"facts": 2, "timeline_log": 2, "timeline_user": 1}
    left = {"timeline_listed": 0, "timeline_user": 2, "timeline_interest": 0, "timeline_log": 2}
    assert counts(store) == left
    assert ask(store, queries.users_of, "tea", "", 100) == ["ben"]
    assert log(store, ANN) == []
    assert log(store, BEN) == [(1, "bank", "ACTIVE", "r1")]
    again = created(Move("trial", ACTIVE, 5, 0), timeline="court", revision="r2")
    await ann.states(again, state=STATE, generation=1)
    assert ask(store, queries.users_of, "court", "", 100) == ["ann"]
    assert log(store, ANN) == [(5, "trial", "ACTIVE", "r2")]


def _last_counts(store: SqliteStore, address: Address) -> dict[str, int]:
    body = store.read_now(
        lambda connection: connection.execute(
            "SELECT body FROM fact WHERE project = ? AND kind = ? AND id = ? ORDER BY seq DESC",
            address,
        ).fetchone()[0]
    )
    found: dict[str, int] = msgspec.json.decode(body)[-1]["counts"]
    return found


async def test_a_user_without_a_past_stays_on_the_timeline(store: SqliteStore) -> None:
    """The log goes; what comes after is written down again. A timeline loses nothing."""
    ann, tea = Life(store, ANN), Life(store, TEA)
    await tea.states(published())
    await ann.states(created(Move("bank", ACTIVE, 1, 0)))
    for each in (ann, tea):
        await each.states(Forgotten(), privacy=True, about=each.address.topic, state=STATE)
    assert log(store, ANN) == []
    left = {"timeline_listed": 1, "timeline_user": 1, "timeline_interest": 0, "timeline_log": 0}
    assert counts(store) == left
    await ann.states(Settled(walk=walk(Move("hole", ACTIVE, 2, 1))))
    assert log(store, ANN) == [(2, "hole", "ACTIVE", "r1")]


# --- what it costs


@contextmanager
def listening(connection: sqlite3.Connection) -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    said: list[str] = []
    connection.set_trace_callback(said.append)
    yield said
    connection.set_trace_callback(None)


def test_a_walk_is_one_statement() -> None:
    """Some moves, one step of SQLite; none, nothing at all; who begins is placed as well."""
    moves = [Move("bank", ACTIVE, number, 0) for number in range(ROWS_MAX)]
    begins, goes_on, waits = created(*moves), Progressed(walk=walk(*moves)), Settled(walk=walk())
    with bare() as (connection, view):
        for seq, (event, statements) in enumerate([(begins, 2), (goes_on, 1), (waits, 0)], 1):
            with listening(connection) as said:
                project(connection, view, ANN, seq, event)
            assert len(said) == statements


def test_no_question_and_no_erasure_walks_a_table() -> None:
    """Each statement goes along a key and sorts nothing; pages begin at their place."""
    with bare() as (connection, view):
        with listening(connection) as said:
            _everything(connection, view)
        plans = {
            one: str([row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {one}")])
            for one in dict.fromkeys(said)
        }
    assert len(plans) == 13
    bad = [one for one, plan in plans.items() if "SCAN timeline_" in plan or "TEMP B-TREE" in plan]
    assert bad == []
    keys = [plan.partition(" (")[2] for one, plan in plans.items() if "SELECT" in one[:12]]
    assert keys == [
        "project=? AND timeline>?)']",
        "project=? AND timeline=? AND user>?)']",
        "project=? AND timeline=? AND user=?)']",
        "project=? AND timeline=? AND (at,seq,n)>(?,?,?))']",
        "project=? AND user=? AND (at,seq,n)>(?,?,?))']",
    ]


def _everything(connection: sqlite3.Connection, view: TimelineLists) -> None:
    """All statements of the view and its questions."""
    project(connection, view, TEA, 1, published())
    project(connection, view, TEA, 2, RevisionUnpublished())
    project(connection, view, ANN, 3, created(Move("bank", ACTIVE, 1, 0)))
    queries.published(connection, "house")
    queries.users_of(connection, "house", "tea", "", 10)
    queries.has_user(connection, "house", "tea", "ann")
    queries.log_of_timeline(connection, "house", "tea", BEGIN, 10)
    queries.log_of_user(connection, "house", "ann", BEGIN, 10)
    for address in (ANN, TEA):
        view.forget(connection, address, "", own_only=False)
        view.erase(connection, address, "", own_only=False)


def test_only_its_own_actors_are_erased() -> None:
    """An actor of another domain with the id of a user takes nothing along."""
    with bare() as (connection, view):
        project(connection, view, ANN, 1, created(Move("bank", ACTIVE, 1, 0)))
        stranger = ANN._replace(kind="visitor")
        assert view.erase(connection, stranger, "", own_only=False) == {}
        assert view.forget(connection, stranger, "", own_only=False) == {}
        assert queries.has_user(connection, "house", "tea", "ann")


# --- exports


async def test_an_export_holds_the_lists(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table, page by page, each row once; nothing of others."""
    monkeypatch.setattr(export, "PAGE_ROWS", 2)
    await Life(store, TEA).states(published())
    moves = [Move(f"e{number}", ACTIVE, 1, number) for number in range(5)]
    await Life(store, ANN).states(created(*moves))
    await Life(store, BEN._replace(project="barn")).states(created(*moves))
    found: dict[str, list[dict[str, Any]]] = {}
    async for line in export.export(store, "house", (TimelineLists(),)):
        row = msgspec.json.decode(line)
        found.setdefault(row.pop("table"), []).append(row)
    assert found["timeline_listed"] == [
        {"project": "house", "timeline": "tea", "published": 1, "title": "A tea-party"}
    ]
    assert found["timeline_user"] == [
        {"project": "house", "user": "ann", "timeline": "tea", "revision": "r1"}
    ]
    assert [row["event"] for row in found["timeline_log"]] == [move.event for move in moves]
    assert {row["user"] for row in found["timeline_log"]} == {"ann"}
    made = store.read_now(
        lambda connection: connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'timeline%'"
        ).fetchall()
    )
    assert {name for (name,) in made} == set(TimelineLists.exports)


# --- interests


async def test_who_waits_for_what(store: SqliteStore) -> None:
    """A user's interests replace the former ones, in order of id, and go with the user."""
    for name, interests in (("ann", ("s", "a:b")), ("ben", ("s",)), ("cid", ())):
        life = Life(store, ANN._replace(id=name))
        await life.states(created())
        await life.states(Settled(walk=Walk(0, Standing(), interests=interests)))
    assert _waiting(store, "tea:s") == ["ann", "ben"]
    assert _waiting(store, "tea:s", "ann") == ["ben"]
    assert _waiting(store, "tea:a:b") == ["ann"]
    assert _waiting(store, "court:s") == []
    await life.states(Settled(walk=Walk(0, Standing(), interests=("s",))))
    await life.states(Settled(walk=Walk(0, Standing())))
    assert _waiting(store, "tea:s") == ["ann", "ben", "cid"]
    await life.goes()
    assert _waiting(store, "tea:s") == ["ann", "ben"]


def _waiting(store: SqliteStore, key: str, after: str = "") -> list[str]:
    found: list[str] = store.read_now(
        lambda read: queries.waiting_for(read, ANN.project, key, after, 9)
    )
    return found
