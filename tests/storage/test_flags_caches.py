"""The visitor cache and the hit cache, their age, and how the tables are looked at."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import storage_worlds as worlds
from flag_lists import ANN, ENV, STATE, append, ask, bare, count, hit, open_lists
from hypothesis import given
from hypothesis import strategies as st
from storage_worlds import change, entry, stored

from actors.flags.environment_words import Configured
from actors.flags.settings import Settings
from actors.flags.visitor_events import Opened
from actors.flags.visitor_words import Person
from engine.effects import Append
from engine.ports import Failed
from storage.flags import queries
from storage.flags.writes import AssignmentRow
from storage.sqlite import SqliteStore
from storage.store import Projected

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store with one environment."""
    async with open_lists(tmp_path) as opened:
        yield opened


# --- the caches


async def test_the_visitor_cache_keeps_the_newest(store: SqliteStore) -> None:
    """What is kept is replaced, read by environment and id, and flushed by them."""
    assert ask(store, queries.cached, "env_1", "ann") is None
    first, other = ("env_1", "ann", '{"n":1}', ""), ("env_1", "ben", "{}", "")
    await append(store, "flag_visitor_cache", first, other)
    await append(store, "flag_visitor_cache", ("env_1", "ann", '{"n":"é😀"}', ""))
    assert ask(store, queries.cached, "env_1", "ann") == '{"n":"é😀"}'.encode()
    assert ask(store, queries.cached, "env_2", "ann") is None
    gone = await append(store, "flag_visitor_flush", ("env_1", "ann", ""), ("env_1", "x", ""))
    assert gone == (1, 0)
    assert ask(store, queries.cached, "env_1", "ann") is None
    assert ask(store, queries.cached, "env_1", "ben") == b"{}"


async def test_of_visitors_with_one_id_the_last_is_cached(store: SqliteStore) -> None:
    """Each has its own; whoever flushes its own brings the other's back; without a handle, all."""
    for text, handle in (("1", "ann"), ("2", "ben"), ("3", "ann")):
        await append(store, "flag_visitor_cache", ("env_1", "customer", text, handle))
    assert ask(store, queries.cached, "env_1", "customer") == b"3"
    assert count(store, "flag_visitor_cache") == 2
    assert await append(store, "flag_visitor_flush", ("env_1", "customer", "ann")) == (1,)
    assert ask(store, queries.cached, "env_1", "customer") == b"2"
    await append(store, "flag_visitor_cache", ("env_1", "customer", "4", ""))
    assert await append(store, "flag_visitor_flush", ("env_1", "customer", "")) == (2,)
    assert ask(store, queries.cached, "env_1", "customer") is None


async def test_a_cached_hit_stays_whose_it_was(store: SqliteStore) -> None:
    """Somebody who knows no handle does not take it away."""
    for number, handle in enumerate(("ann", "", "ben", "")):
        row = ("env_1", "k", hit("customer", number=number), handle)
        await append(store, "flag_hit_cache", row)
        found = store.read_now(
            lambda read: read.execute("SELECT handle, body FROM flag_hit_cache").fetchall()
        )
        assert found == [("ann" if number < 2 else "ben", row[2])]


STEPS = st.one_of(
    st.tuples(
        st.just("flag_hit_cache"),
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.integers(0, 9))),
    ),
    st.tuples(
        st.just("flag_hit_flush"),
        st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"))),
    ),
    st.tuples(st.just("flag_hit_flush_all"), st.lists(st.tuples(st.sampled_from("ab")))),
)


@pytest.mark.slow
@pytest.mark.covers("FS-187", "FS-189")
@given(st.lists(STEPS))
def test_the_hit_cache_is_a_map_by_key(steps: list[tuple[str, list[Any]]]) -> None:
    """Keep replaces, flush deletes exactly the keys named, flush-all the environment's."""
    model: dict[str, dict[str, bytes]] = {"a": {}, "b": {}}
    with bare() as (connection, view):
        for list_, rows in steps:
            if list_ == "flag_hit_cache":
                rows = [(env, key, hit(key, number=number), "") for env, key, number in rows]
            view.appends[list_](connection, "house", 1, rows)
            for env, *row in rows:
                if list_ == "flag_hit_cache":
                    model[env][row[0]] = row[1].encode()
                elif row:
                    model[env].pop(row[0], None)
                else:
                    model[env].clear()
        assert {env: queries.cached_hits(connection, env) for env in model} == model


async def test_a_hit_of_another_shape_is_not_kept(store: SqliteStore) -> None:
    """One that could not be found again by its person's ids is an error, and nothing is stored."""
    bad = entry(appends=(Append("flag_hit_cache", ("env_1", "k", '{"version":1}', "")),))
    (outcome,) = await worlds.commit(store, bad)
    assert isinstance(outcome, Failed)
    assert count(store, "flag_hit_cache") == 0


# --- retention


@pytest.mark.parametrize(
    ("days", "list_", "row", "keeps_ms"),
    [
        (None, "flag_visitor_cache", ("env_1", "ann", "{}", ""), 400 * DAY_MS),
        (2.0, "flag_visitor_cache", ("env_1", "ann", "{}", ""), 2 * DAY_MS),
        (None, "flag_hit_cache", ("env_1", "ann:1", hit("ann"), ""), 4 * HOUR_MS),
        (2.0, "flag_hit_cache", ("env_1", "ann:1", hit("ann"), ""), 4 * HOUR_MS),
    ],
)
async def test_caches_are_trimmed_by_age(
    store: SqliteStore, days: float | None, list_: str, row: tuple[str, ...], keeps_ms: int
) -> None:
    """Visitors as long as assignments, else 400 days; hits for four hours."""
    settings = Configured(settings=Settings(assignment_days=days))
    await stored(store, entry(change(ENV, 1, settings, state=STATE)))
    await append(store, list_, row)
    keeps: dict[str, Any] = {}
    await store.tidy(keeps, worlds.NOW_MS + keeps_ms)
    assert count(store, list_) == 1
    await store.tidy(keeps, worlds.NOW_MS + keeps_ms + 1)
    assert count(store, list_) == 0


# --- the tables


def test_lists_of_version_one_become_todays() -> None:
    """What is stored stays and came through no visitor; the new tables come beside it."""
    with bare(1) as (connection, view):
        connection.execute(
            "INSERT INTO flag_assignment VALUES ('house', 'env_1', 'ann', 'g', 'a', 0, 1)"
        )
        view.migrate(connection, 1)
        rows = (AssignmentRow("env_1", "ben", "g", "b", False, "ben"),)
        view.appends["flag_assignment"](connection, "house", 1, rows)
        found = connection.execute("SELECT subject, handle FROM flag_assignment ORDER BY subject")
        assert found.fetchall() == [("ann", ""), ("ben", "ben")]
        assert queries.kept(connection, "env_1", "ann", 0) == {"g": ("a", False)}
        assert queries.cached_hits(connection, "env_1") == {}


def test_no_question_looks_at_a_whole_list() -> None:
    """Reading, forgetting and trimming find their rows by an index."""
    said: list[str] = []
    with bare() as (connection, view):
        opened = change(ANN, 1, Opened(consented=True, person=Person("ann", "other")))
        connection.execute("INSERT INTO flag_environment VALUES ('env_1', 'house', 1, 1, 1)")
        connection.set_trace_callback(said.append)
        view.project(connection, Projected(ANN, 1, opened.facts[0], STATE))
        view.erase(connection, ANN, "", own_only=False)
        for list_, row in (
            ("flag_visitor_cache", ("env_1", "ann", "{}", "ann")),
            ("flag_visitor_flush", ("env_1", "ann", "ann")),
            ("flag_visitor_flush", ("env_1", "ann", "")),
            ("flag_hit_cache", ("env_1", "k", hit("ann"), "ann")),
            ("flag_hit_flush", ("env_1", "k")),
            ("flag_hit_flush_all", ("env_1",)),
        ):
            view.appends[list_](connection, "house", 1, (row,))
        for query in (queries.handle_of, queries.ids_of, queries.cached):
            query(connection, "env_1", "ann")
        queries.cached_hits(connection, "env_1")
        view.trim(connection, worlds.NOW_MS, 10)
        connection.set_trace_callback(None)
        plans = {one: _plan(connection, one) for one in dict.fromkeys(said)}
    assert len(plans) > 20
    scans = [one for one, plan in plans.items() if "SCAN flag_" in plan or "TEMP B-TREE" in plan]
    assert [one for one in scans if "FROM flag_environment" not in one] == []


def _plan(connection: sqlite3.Connection, statement: str) -> str:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    return "\n".join(str(row[-1]) for row in rows)
