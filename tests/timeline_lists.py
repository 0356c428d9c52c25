"""The timelines' lists in a store of their own, or alone in memory: for the tests of the lists.

Facts are made by hand as timelines and users state them, so that the lists alone are looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import storage_worlds as worlds
from storage_worlds import change, erasure, stored

from actors.timelines.timeline_words import RevisionPublished
from actors.timelines.user_words import EventState, Move, Standing, UserCreated, Walk
from engine.limits import Limits
from engine.messages import Address, Event, Fact
from engine.ports import Change, Entry
from storage.sqlite import SqliteStore, open_store
from storage.store import Projected
from storage.timelines import TimelineLists, queries, tables

T = TypeVar("T")
STATE = b"{}"
ACTIVE, VISITED = EventState.ACTIVE, EventState.VISITED
ANN = Address("house", "user", "ann")
BEN = Address("house", "user", "ben")
TEA = Address("house", "timeline", "tea")
COURT = Address("house", "timeline", "court")


# --- where the lists are


@asynccontextmanager
async def open_lists(folder: Path) -> AsyncIterator[SqliteStore]:
    """A store with the lists and nothing in them."""
    views = (TimelineLists(),)
    async with open_store(folder, Limits(), views, now_ms=lambda: worlds.NOW_MS) as opened:
        yield opened


@contextmanager
def bare() -> Iterator[tuple[sqlite3.Connection, TimelineLists]]:
    """The lists alone, in memory."""
    view, connection = TimelineLists(), sqlite3.connect(":memory:", isolation_level=None)
    try:
        for version in range(view.version):
            view.migrate(connection, version)
        yield connection, view
    finally:
        connection.close()


def project(
    connection: sqlite3.Connection, view: TimelineLists, address: Address, seq: int, event: Event
) -> None:
    """Bring a fact of one event into the lists."""
    view.project(connection, Projected(address, seq, Fact(1, 0, (event,)), None))


# --- what actors state


def walk(*moves: Move) -> Walk:
    """A walk that led to some moves."""
    return Walk(0, Standing(), moves=moves)


def created(*moves: Move, timeline: str = "tea", revision: str = "r1") -> UserCreated:
    """A user begins."""
    return UserCreated(
        timeline=timeline,
        revision=revision,
        zone="UTC",
        times_disabled=False,
        pauses=False,
        shares=False,
        variables={},
        walk=walk(*moves),
    )


def published(title: str = "A tea-party") -> RevisionPublished:
    """A definition is in force."""
    return RevisionPublished(revision="r1", title=title, description=None, declared=(), at_ms=0)


class Life:
    """An actor's facts, one commit each."""

    def __init__(self, store: SqliteStore, address: Address) -> None:
        self.store, self.address, self.version = store, address, 0

    async def states(self, *events: Event, **more: Any) -> None:
        """One more fact; the state is written with the first only, as the kind has it."""
        values: dict[str, Any] = {"state": None if self.version else STATE}
        await self.commits(change(self.address, self.version, *events, **(values | more)))

    async def goes(self, privacy: bool = False) -> None:
        """Erased."""
        await self.commits(erasure(self.address, self.version, privacy=privacy))

    async def commits(self, one: Change) -> None:
        """An entry of the actor's own project."""
        own = Entry(project=self.address.project, at_ms=worlds.NOW_MS, changes=(one,))
        await stored(self.store, own)
        self.version += 1


# --- what the lists say


def ask(store: SqliteStore, query: Callable[..., T], *values: Any) -> T:
    """A query of the house."""
    return store.read_now(lambda connection: query(connection, "house", *values))


def log(store: SqliteStore, user: Address) -> list[tuple[int, str, str, str]]:
    """A user's log: when, what, where to, and on which definition."""
    rows = ask(store, queries.log_of_user, user.id, queries.BEGIN, 100)
    return [(row.at_ms, row.event, row.state, row.revision) for row in rows]


def counts(store: SqliteStore) -> dict[str, int]:
    """Rows by list."""
    every = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables.EXPORTS)
    found = store.read_now(lambda read: read.execute(f"SELECT {every}").fetchone())
    return dict(zip(tables.EXPORTS, found, strict=True))
