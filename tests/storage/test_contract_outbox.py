"""The contract of the store's port, third part: whole orders of the outbox, and how they settle."""

from __future__ import annotations

import sqlite3

import pytest
import storage_worlds as worlds
from hypothesis import given
from hypothesis import strategies as st
from storage_worlds import ALICE, NOW_MS, commit, entry, erasure, opened, stored

from engine.effects import Append
from engine.errors import DeliveryGone
from engine.ports import Committed, Entry, Failed, Settle, Store
from storage import outbox, queries
from storage.codec import effect_row
from storage.migrations import CURSORS, LINES, TABLES
from storage.shelf import Shelf
from storage.sqlite import SqliteStore

HOUSE = ("house", "", "a")


def effects(*subjects: str, **other: object) -> Entry:
    """An entry of one effect for each subject."""
    return entry(effects=tuple((ALICE, 1, worlds.effect(one, **other)) for one in subjects))


def signs(*rows: str, settles: tuple[int, ...]) -> Entry:
    """An entry that settles deliveries by appending rows."""
    return entry(
        settles=tuple(Settle(id=id_) for id_ in settles),
        appends=tuple(Append("sign", (row,)) for row in rows),
    )


# --- reading an order


async def test_an_order_is_read_from_its_head_on(store: Store) -> None:
    """Due or not, in order of id, no more than asked for; parked rows and others are left out."""
    await stored(store, effects("a", "b", "a"), effects("a", due_in_ms=5_000), effects("a"))
    await stored(store, effects("a", subscription="other"))
    assert [one.id for one in await store.order(*HOUSE, 9)] == [1, 3, 4, 5]
    assert [one.id for one in await store.order(*HOUSE, 2)] == [1, 3]
    await stored(store, entry(settles=(Settle(id=3, parked=True), Settle(id=1))))
    head, last = await store.order(*HOUSE, 9)
    assert (head.id, head.due_at_ms, last.id) == (4, NOW_MS + 5_000, 5)
    assert head.effect == worlds.effect("a")
    assert [one.id for one in await store.order("house", "other", "a", 9)] == [6]
    assert await store.order("barn", "", "a", 9) == []


async def test_the_first_heads_of_every_line_are_read(store: Store) -> None:
    """A line is a project's subscription; its heads by time, due or not, no more than asked for."""
    await stored(store, effects("a", "b", "a", subscription="x"))
    await stored(store, effects("c", due_in_ms=5_000, subscription="x"))
    await stored(store, effects("d", due_in_ms=9_000, subscription="y"), effects("e"))
    assert [one.id for one in await store.lines(9)] == [1, 2, 6, 4, 5]
    assert [one.id for one in await store.lines(2)] == [1, 2, 6, 5]
    assert [one.id for one in await store.lines(1)] == [1, 6, 5]
    await stored(store, entry(settles=(Settle(id=1, parked=True), Settle(id=2))))
    assert [one.id for one in await store.lines(9)] == [3, 6, 4, 5]


async def test_lines_are_read_along_an_index(sqlite: SqliteStore) -> None:
    """However many rows a line holds, nothing is sorted or looked through."""
    for statement, values in ((queries.NEXT_LINE, ("", "")), (queries.LINE, ("p", "s", 9))):
        plan = sqlite.read_now(
            lambda connection, statement=statement, values=values: connection.execute(
                f"EXPLAIN QUERY PLAN {statement}", values
            ).fetchall()
        )
        assert [("outbox_line" in row[3], "TEMP" in row[3]) for row in plan] == [(True, False)]


async def test_an_order_is_read_along_an_index(sqlite: SqliteStore) -> None:
    """However many rows other orders hold, nothing is sorted or looked through."""
    plan = sqlite.read_now(
        lambda connection: connection.execute(
            f"EXPLAIN QUERY PLAN {queries.ORDER}", (*HOUSE, 9)
        ).fetchall()
    )
    assert [row[3] for row in plan] == [
        "SEARCH outbox USING INDEX outbox_order (project=? AND subscription=? AND subject=?)"
    ]


# --- settling many at once


async def test_many_deliveries_settle_in_one_entry(store: Store) -> None:
    """Some go, one is tried later, one is parked: each order has its next head."""
    await stored(store, effects(*"aaabbbcc"))
    mixed = (
        Settle(id=1),
        Settle(id=2),
        Settle(id=4, parked=True, attempts=3, error="no"),
        Settle(id=7, due_at_ms=NOW_MS + 9, attempts=1, error="later"),
        Settle(id=99),
    )
    await stored(store, entry(settles=mixed))
    assert [one.id for one in await store.due(NOW_MS, 9)] == [3, 5]
    assert [one.id for one in await store.due(NOW_MS + 9, 9)] == [3, 5, 7]
    (parked,) = await store.deliveries("house", parked_only=True, after=0, limit=9)
    assert (parked.id, parked.attempts, parked.error) == (4, 3, "no")


async def test_several_parked_ones_come_back_at_once(store: Store) -> None:
    """Before the present head: the first of them is the only head."""
    await stored(store, effects(*"aaaa"))
    await stored(store, entry(settles=tuple(Settle(id=id_, parked=True) for id_ in (1, 2, 3))))
    assert [one.id for one in await store.due(NOW_MS, 9)] == [4]
    await stored(store, entry(settles=tuple(Settle(id=id_, due_at_ms=NOW_MS) for id_ in (3, 1, 2))))
    assert [one.id for one in await store.due(NOW_MS, 9)] == [1]
    assert [one.id for one in await store.order(*HOUSE, 9)] == [1, 2, 3, 4]


# --- settling by appending


async def test_rows_are_appended_for_deliveries_that_are_there(store: Store) -> None:
    """Once: the same again finds them gone, stores nothing, and spoils no neighbour."""
    await stored(store, effects("a", "a", "b"))
    again = signs("x", "y", settles=(1, 2))
    first, second, other = await commit(store, again, again, signs("z", settles=(3,)))
    assert (first, other) == (Committed((), (1, 2)), Committed((), (3,)))
    assert isinstance(second, Failed)
    assert isinstance(second.error, DeliveryGone)
    assert not second.everything
    assert await store.next_due() is None


async def test_an_erasure_takes_the_deliveries_of_its_batch_along(store: Store) -> None:
    """Rows about a person are not appended once the erasure was committed, were it just before."""
    await stored(store, opened(ALICE, 0), effects("a", about="alice"), effects("a", about="bob"))
    gone = entry(erasure(ALICE, 1, privacy=True, about="alice"))
    _, both, left = await commit(
        store, gone, signs("x", "y", settles=(1, 2)), signs("y", settles=(2,))
    )
    assert isinstance(both, Failed)
    assert isinstance(both.error, DeliveryGone)
    assert left == Committed((), (1,))
    assert await store.order(*HOUSE, 9) == []


async def test_deliveries_of_another_project_are_not_there(store: Store) -> None:
    """Whoever settles them from outside appends nothing for them."""
    await stored(store, effects("a"))
    foreign = Entry(
        project="barn",
        at_ms=NOW_MS,
        settles=(Settle(id=1),),
        appends=(Append("sign", ("x",)),),
    )
    (outcome,) = await commit(store, foreign)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, DeliveryGone)
    assert [one.id for one in await store.order(*HOUSE, 9)] == [1]


# --- the tables alone


def tables() -> sqlite3.Connection:
    """An empty outbox."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in (*TABLES, *CURSORS, *LINES):
        connection.execute(statement)
    return connection


def fill(connection: sqlite3.Connection, one: Entry) -> None:
    """Add an entry's effects."""
    outbox.insert(connection, [effect_row(one, *effect) for effect in one.effects])


@pytest.mark.parametrize("count", [1, 1_000])
def test_a_batch_settles_in_few_statements(count: int) -> None:
    """A thousand rows of an order cost as many statements as one."""
    connection = tables()
    fill(connection, effects(*("a" * (count + 1))))
    seen: list[str] = []
    connection.set_trace_callback(seen.append)
    gone = entry(settles=tuple(Settle(id=id_) for id_ in range(1, count + 1)))
    outbox.settle(connection, gone)
    connection.set_trace_callback(None)
    assert len(seen) <= 5
    (head,) = queries.due(connection, NOW_MS, 9)
    assert head.id == count + 1
    connection.close()


SETTLES = st.builds(
    Settle,
    id=st.integers(1, 9),
    due_at_ms=st.sampled_from([None, NOW_MS, NOW_MS + 5]),
    attempts=st.integers(0, 3),
    parked=st.booleans(),
)


@pytest.mark.slow
@given(st.lists(st.lists(SETTLES, max_size=6), max_size=8), st.text("ab", min_size=9, max_size=9))
def test_whatever_is_settled_every_order_has_one_head(
    rounds: list[list[Settle]], subjects: str
) -> None:
    """Both stores agree on heads, orders and rows after any entries of any settles."""
    connection, shelf = tables(), Shelf()
    for one in (effects(*subjects), *(entry(settles=tuple(settles)) for settles in rounds)):
        fill(connection, one)
        outbox.settle(connection, one)
        shelf.apply([one], 0)
        heads = sorted(shelf.heads(), key=lambda head: (head.due_at_ms, head.id))
        assert queries.due(connection, NOW_MS + 9, 99) == heads
        for subject in "ab":
            of = ("house", "", subject)
            assert queries.order(connection, of, 99) == list(shelf.order(*of))
        assert queries.deliveries(connection, "house", 0, 99) == list(shelf.outbox.values())
    connection.close()
