"""Rows that belong to no actor: assignments, activations, hits, counters, a visitor forgotten.

Each writer takes the rows of a whole batch and runs few statements. Counters of one batch are
added up before they are written. A row's `handle` is the visitor actor through which it came, so
that somebody who may speak for that actor only takes just those along; "" for any other way.
Rules: spec flags 10.2, 10.8, 10.10; engine spec 1.6.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from storage.flags import tables

Rows = Sequence[tuple[object, ...]]


class AssignmentRow(NamedTuple):
    """Keep this variation unless the subject keeps one of the group already."""

    env: str
    subject: str
    grp: str
    variation: str
    activated: bool
    handle: str = ""


class CountRow(NamedTuple):
    """Add `number` and `value` to a counter."""

    env: str
    day: str
    metric: str
    campaign: str = ""
    grp: str = ""
    variation: str = ""
    name: str = ""
    number: int = 1
    value: float = 0.0


class ActivationRow(NamedTuple):
    """An exposure that arrived. `subjects`: whose kept variation of the group it sets."""

    env: str
    visitor: str
    anonymous: str
    campaign: str
    grp: str
    variation: str
    qa: bool
    done_at_ms: int
    day: str
    subjects: tuple[str, ...]
    handle: str = ""


class HitRow(NamedTuple):
    """A hit that arrived; `fields` is its JSON, `counted` the counters it adds to."""

    env: str
    visitor: str
    anonymous: str
    type: str
    fields: str
    done_at_ms: int
    counted: tuple[CountRow, ...]
    handle: str = ""


def keep_assignments(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[tuple[str, bool]]:
    """Write `AssignmentRow`s; each is answered by the variation that is kept, and activated."""
    given = [AssignmentRow(*row) for row in rows]  # type: ignore[arg-type]
    tables.KEEP_FIRST.run(connection, [(project, *row[:5], at_ms, row.handle) for row in given])
    asked = list(dict.fromkeys(row[:3] for row in given))
    found = {
        (env, subject, grp): (str(variation), bool(activated))
        for env, subject, grp, variation, activated in tables.WINNERS.ask(connection, asked)
    }
    return [found[row[:3]] for row in given]


def write_activations(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[None]:
    """Write `ActivationRow`s, set the kept variations, and count the exposures."""
    given = [ActivationRow(*row) for row in rows]  # type: ignore[arg-type]
    tables.ACTIVATIONS.run(connection, [(project, *row[:8], at_ms, row.handle) for row in given])
    tables.KEEP_LAST.run(
        connection,
        [
            (project, row.env, subject, row.grp, row.variation, 1, at_ms, row.handle)
            for row in given
            for subject in row.subjects
        ],
    )
    _count(
        connection,
        project,
        (
            CountRow(row.env, row.day, "EXPOSURE", row.campaign, row.grp, row.variation)
            for row in given
        ),
    )
    return [None] * len(given)


def write_hits(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[None]:
    """Write `HitRow`s and count them."""
    given = [HitRow(*row) for row in rows]  # type: ignore[arg-type]
    tables.HITS.run(connection, [(project, *row[:6], at_ms, row.handle) for row in given])
    _count(connection, project, (each for row in given for each in row.counted))
    return [None] * len(given)


def add_counts(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[None]:
    """Add `CountRow`s."""
    _count(connection, project, (CountRow(*row) for row in rows))  # type: ignore[arg-type]
    return [None] * len(rows)


def forget_visitors(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[dict[str, int]]:
    """Forget visitors, (env, visitor id) each; answered by rows deleted by list."""
    return [forget(connection, str(env), str(visitor)) for env, visitor in rows]


def forget(connection: sqlite3.Connection, env: str, visitor: str) -> dict[str, int]:
    """Delete what stands under a visitor id; rows deleted by list.

    Counters name nobody and stay, and so do the names of visitors that are actors: those go with
    their actor (spec flags 10.5).
    """
    counts = {
        table: connection.execute(
            f"DELETE FROM {table} WHERE env = ? AND {column} = ?", (env, visitor)
        ).rowcount
        for table, column in (("flag_assignment", "subject"), ("flag_visitor_cache", "visitor"))
    }
    for table in ("flag_activation", "flag_hit", "flag_hit_cache"):
        counts[table] = sum(
            connection.execute(f"DELETE FROM {table} WHERE {condition}", (env, visitor)).rowcount
            for condition in (
                "env = ? AND visitor = ?",
                "env = ? AND anonymous = ? AND anonymous <> ''",
            )
        )
    return {name: count for name, count in counts.items() if count}


def forget_handles(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[dict[str, int]]:
    """Forget what came through visitors, (env, handle) each; answered by rows deleted by list."""
    return [forget_own(connection, str(env), str(handle)) for env, handle in rows]


def forget_own(connection: sqlite3.Connection, env: str, handle: str) -> dict[str, int]:
    """Delete what came through a visitor, under whatever id; rows deleted by list."""
    counts = {
        table: connection.execute(
            f"DELETE FROM {table} WHERE env = ? AND handle = ? AND handle <> ''", (env, handle)
        ).rowcount
        for table in tables.BY_HANDLE
    }
    return {name: count for name, count in counts.items() if count}


def _count(connection: sqlite3.Connection, project: str, counted: Iterable[CountRow]) -> None:
    sums: dict[tuple[str, ...], tuple[int, float]] = {}
    for row in counted:
        number, value = sums.get(row[:7], (0, 0.0))
        sums[row[:7]] = (number + row.number, value + row.value)
    tables.COUNTS.run(connection, [(project, *key, *total) for key, total in sums.items()])
