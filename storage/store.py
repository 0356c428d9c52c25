"""What a domain hands to the store: its view.

A view is the domain's lists: tables that the writer fills inside the same transaction as the facts
they come from, and rows that belong to no actor (appends). Each entry runs in its own savepoint
when something fails, so one bad entry is rejected alone. Queries live beside the view, on
read-only connections.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from engine.messages import Address, Fact

T = TypeVar("T")
Write = Callable[[sqlite3.Connection, str, int, Sequence[tuple[Any, ...]]], Sequence[Any]]
"""(connection, project, at_ms, rows) -> one answer per row, inside the transaction."""

Query = Callable[[sqlite3.Connection, str, str, str, int], Sequence[str]]
"""(connection, project, key, after, limit) -> ids of actors above `after`, in order."""


class Projected(msgspec.Struct, frozen=True):
    """A fact on its way into the lists, with the encoded state it led to (None: not written)."""

    address: Address
    seq: int
    fact: Fact
    state: bytes | None


class Export(msgspec.Struct, frozen=True):
    """What `callboard export` shows of a table that has a column `project`.

    `columns` as SQL selects them, without anything that stands for a secret; `order` are the
    columns, unique within a project, by which its pages follow each other. They are not shown.
    """

    columns: str
    order: tuple[str, ...]


class View(Protocol):
    """A domain's lists in SQLite."""

    @property
    def name(self) -> str:
        """The domain's noun; also the name of its set of migrations."""
        ...

    @property
    def kinds(self) -> frozenset[str]:
        """Kinds whose facts `project` wants to see."""
        ...

    @property
    def appends(self) -> Mapping[str, Write]:
        """Writers of append rows by the name of their list (unique over all views)."""
        ...

    @property
    def exports(self) -> Mapping[str, Export]:
        """What an export shows of the view's tables, by table."""
        ...

    def migrate(self, connection: sqlite3.Connection, version: int) -> None:
        """Create or change the view's tables, from `version` (0: none) to `version + 1`."""
        ...

    @property
    def version(self) -> int:
        """The newest version that `migrate` reaches."""
        ...

    def project(self, connection: sqlite3.Connection, projected: Projected) -> None:
        """Bring a fact into the lists."""
        ...

    def erase(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """Delete every row about an erased actor; rows deleted by list.

        `own_only`: just those that came through this actor.
        """
        ...

    def forget(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """Delete every row about the person behind an actor that goes on; rows deleted by list.

        `own_only`: just those that came through this actor.
        """
        ...

    def trim(self, connection: sqlite3.Connection, now_ms: int, rows_max: int) -> int:
        """Delete rows beyond their retention, at most `rows_max`; the number deleted."""
        ...


class Tables(Protocol):
    """Read-only ways to a store's own tables, for the queries beside a view."""

    def read_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a point query on this thread: a few rows by key, under a tenth of a millisecond."""
        ...

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a longer query in a thread with a connection of its own."""
        ...
