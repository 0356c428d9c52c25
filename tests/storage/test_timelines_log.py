"""The log of state changes: one row per move, and pages of it by timeline and by user."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import storage_worlds as worlds
from hypothesis import given
from hypothesis import strategies as st
from storage_worlds import change, entry, stored
from timeline_lists import (
    ACTIVE,
    ANN,
    BEN,
    STATE,
    TEA,
    VISITED,
    Life,
    ask,
    bare,
    created,
    log,
    open_lists,
    project,
    published,
    walk,
)

from actors.timelines.user_words import LinkFollowed, Move, Progressed, Settled
from storage.bulk import ROWS_MAX
from storage.sqlite import SqliteStore
from storage.timelines import queries
from storage.timelines.queries import BEGIN, LogRow, Place


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store with the lists and nothing in them."""
    async with open_lists(tmp_path) as opened:
        yield opened


async def test_every_move_is_one_row(store: SqliteStore) -> None:
    """In order of happening, both hops of one event, whatever command led to them."""
    ann = Life(store, ANN)
    await ann.states(created(Move("bank", ACTIVE, 1, 0), Move("watch", ACTIVE, 1, 0)))
    hops = (Move("bank", VISITED, 7, 2), Move("hole", ACTIVE, 7, 2), Move("bank", ACTIVE, 7, 2))
    followed = LinkFollowed(link="bank:hole", source="bank", target="hole", walk=walk(*hops))
    await ann.states(followed)
    await ann.states(Settled(walk=walk()))
    await ann.states(Progressed(walk=walk(Move("drink", ACTIVE, 9, None))))
    rows = ask(store, queries.log_of_user, "ann", BEGIN, 100)
    assert [(row.at_ms, row.n, row.event, row.state, row.step) for row in rows] == [
        (1, 0, "bank", "ACTIVE", 0),
        (1, 1, "watch", "ACTIVE", 0),
        (7, 0, "bank", "VISITED", 2),
        (7, 1, "hole", "ACTIVE", 2),
        (7, 2, "bank", "ACTIVE", 2),
        (9, 0, "drink", "ACTIVE", None),
    ]
    assert {(row.timeline, row.user, row.revision) for row in rows} == {("tea", "ann", "r1")}
    assert ask(store, queries.log_of_timeline, "tea", BEGIN, 100) == rows


async def test_a_long_walk_is_written_whole(store: SqliteStore) -> None:
    """More moves than one statement takes stay in order, beside another fact of the commit."""
    ann = [Move(f"e{number}", ACTIVE, 1, 0) for number in range(2 * ROWS_MAX + 1)]
    ben = Move("bank", ACTIVE, 1, 0)
    tea = change(TEA, 0, published(), state=STATE)
    users = (change(ANN, 0, created(*ann), state=STATE), change(BEN, 0, created(ben), state=STATE))
    await stored(store, entry(tea, *users))
    rows = ask(store, queries.log_of_timeline, "tea", BEGIN, 100)
    assert [row.event for row in rows] == [*(move.event for move in ann), "bank"]
    assert [row.user for row in rows] == ["ann"] * len(ann) + ["ben"]


async def test_one_project_does_not_see_the_log_of_another(store: SqliteStore) -> None:
    """The same ids there are somebody else's."""
    await Life(store, ANN._replace(project="barn")).states(created(Move("bank", ACTIVE, 1, 0)))
    assert log(store, ANN) == []
    assert ask(store, queries.log_of_timeline, "tea", BEGIN, 100) == []


async def test_nothing_grows_too_old(store: SqliteStore) -> None:
    """The log is kept until the user is deleted."""
    await Life(store, ANN).states(created(Move("bank", ACTIVE, 1, 0)))
    assert await store.tidy({}, worlds.NOW_MS * 2) == 0
    assert log(store, ANN) == [(1, "bank", "ACTIVE", "r1")]


FACTS = st.lists(
    st.tuples(
        st.sampled_from(("ann", "ben", "cat")),
        st.lists(st.integers(-(2**53), 2**53) | st.integers(0, 2), max_size=3),
    ),
    max_size=6,
)


@given(facts=FACTS, size=st.integers(1, 5))
def test_pages_join_to_the_whole_log_in_order_of_time(
    facts: list[tuple[str, list[int]]], size: int
) -> None:
    """A test clock may set any instants: each row once, by instant, then by order of commits."""
    expected: list[tuple[int, int, int, str]] = []
    with bare() as (connection, view):
        for seq, name in enumerate(("ann", "ben", "cat"), 1):
            project(connection, view, ANN._replace(id=name), seq, created())
        for seq, (name, instants) in enumerate(facts, 10):
            moves = [Move("bank", ACTIVE, at_ms, 0) for at_ms in instants]
            project(connection, view, ANN._replace(id=name), seq, Settled(walk=walk(*moves)))
            expected += [(at_ms, seq, n, name) for n, at_ms in enumerate(instants)]

        def pages(query: Callable[..., list[LogRow]], of: str) -> list[tuple[int, int, int, str]]:
            return [(*row.place, row.user) for row in _joined(connection, query, of, size)]

        assert pages(queries.log_of_timeline, "tea") == sorted(expected)
        for name in ("ann", "ben", "cat"):
            own = sorted(row for row in expected if row[3] == name)
            assert pages(queries.log_of_user, name) == own


def _joined(
    connection: sqlite3.Connection, query: Callable[..., list[LogRow]], of: str, size: int
) -> Iterator[LogRow]:
    place: Place = BEGIN
    page: Sequence[LogRow] = [None] * size  # type: ignore[list-item]
    while len(page) == size:
        page = query(connection, "house", of, place, size)
        assert len(page) <= size
        assert all(row.place > place for row in page)
        yield from page
        place = page[-1].place if page else place
