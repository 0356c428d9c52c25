"""The flags' lists in a store of their own, or alone in memory: for the tests of the lists."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import storage_worlds as worlds
from storage_worlds import change, entry, stored

from actors.flags.environment_words import Configured
from actors.flags.settings import Settings
from engine.effects import Append
from engine.limits import Limits
from engine.messages import Address
from storage.flags import FlagLists
from storage.sqlite import SqliteStore, open_store

T = TypeVar("T")
ENV = Address("house", "environment", "env_1")
ANN = Address("house", "visitor", "env_1:ann")
BEN = Address("house", "visitor", "env_1:ben")
STATE = b"{}"


@asynccontextmanager
async def open_lists(folder: Path) -> AsyncIterator[SqliteStore]:
    """A store with one environment that nothing is set of."""
    views = (FlagLists(),)
    async with open_store(folder, Limits(), views, now_ms=lambda: worlds.NOW_MS) as opened:
        await stored(opened, entry(change(ENV, 0, Configured(settings=Settings()), state=STATE)))
        yield opened


@contextmanager
def bare(version: int = FlagLists.version) -> Iterator[tuple[sqlite3.Connection, FlagLists]]:
    """The lists alone, in memory."""
    view, connection = FlagLists(), sqlite3.connect(":memory:", isolation_level=None)
    try:
        for step in range(version):
            view.migrate(connection, step)
        yield connection, view
    finally:
        connection.close()


def ask(store: SqliteStore, query: Callable[..., T], *values: Any) -> T:
    """A point query."""
    return store.read_now(lambda connection: query(connection, *values))


async def append(store: SqliteStore, list_: str, *rows: Any) -> tuple[Any, ...]:
    """Commit rows; their answers."""
    (done,) = await stored(store, entry(appends=tuple(Append(list_, row) for row in rows)))
    answers: tuple[Any, ...] = done.rows
    return answers


def hit(visitor: str, anonymous: str | None = None, number: int = 0) -> str:
    """A cached hit."""
    other = "null" if anonymous is None else f'"{anonymous}"'
    return (
        f'{{"version":1,"data":{{"visitorId":"{visitor}","anonymousId":{other},'
        f'"type":"EVENT","content":{{"ea":"a"}},"time":{number}}}}}'
    )


def count(store: SqliteStore, table: str) -> int:
    """Rows of a table."""
    found: int = store.read_now(
        lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    )
    return found
