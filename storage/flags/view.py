"""The flags' view: lists that follow facts of environments and visitors, and rows of the latter.

The first fact of an environment enters it into the house's list; one that another project holds is
taken, and the fact is not stored. Retention is the environment's own setting. Rules: spec flags
10.2, 10.5, 10.6; DESIGN 3.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from actors.flags.caches import HIT_AGE_MS_MAX
from actors.flags.environment import KIND
from actors.flags.environment_words import Configured
from actors.flags.settings import Settings
from engine.errors import ClaimTaken
from engine.messages import Address
from storage.flags import tables, visitors, writes
from storage.store import Projected, Write

DAY_MS = 86_400_000
PAGE = 1_000  # assignments looked at in one step of retention
CACHE_DAYS = 400.0  # visitors are cached so long where assignments are kept for ever


class FlagLists:
    """`storage.store.View` of the flags."""

    name = "flags"
    kinds = frozenset({KIND, visitors.KIND})
    version = len(tables.SCHEMAS)
    exports = tables.EXPORTS

    def __init__(self) -> None:
        self._place = ("", "", "")

    @property
    def appends(self) -> Mapping[str, Write]:
        """Writers by list; rows are the named tuples of `writes`, or as `visitors` says."""
        return {
            "flag_assignment": writes.keep_assignments,
            "flag_activation": writes.write_activations,
            "flag_hit": writes.write_hits,
            "flag_count": writes.add_counts,
            "flag_forget": writes.forget_visitors,
            "flag_forget_own": writes.forget_handles,
            "flag_visitor_cache": visitors.cache_visitors,
            "flag_visitor_flush": visitors.flush_visitors,
            "flag_hit_cache": visitors.cache_hits,
            "flag_hit_flush": visitors.flush_hits,
            "flag_hit_flush_all": visitors.flush_all_hits,
        }

    def migrate(self, connection: sqlite3.Connection, version: int) -> None:
        """Version 1: the lists; version 2: visitors' names and caches, rows by handle."""
        for statement in tables.SCHEMAS[version]:
            connection.execute(statement)

    def project(self, connection: sqlite3.Connection, projected: Projected) -> None:
        """Enter an environment, and follow its settings; follow a visitor. Raises `ClaimTaken`."""
        if projected.address.kind == visitors.KIND:
            visitors.follow(connection, projected)
            return
        env, project = projected.address.id, projected.address.project
        row = connection.execute(
            "SELECT project FROM flag_environment WHERE env = ?", (env,)
        ).fetchone()
        if row is None:
            connection.execute(
                "INSERT INTO flag_environment (env, project) VALUES (?, ?)", (env, project)
            )
            self._follow(connection, env, Settings())
        elif row[0] != project:
            raise ClaimTaken("environment", env)
        for event in projected.fact.events:
            if isinstance(event, Configured):
                self._follow(connection, env, event.settings)

    @staticmethod
    def _follow(connection: sqlite3.Connection, env: str, settings: Settings) -> None:
        connection.execute(
            """UPDATE flag_environment SET assignment_days = ?, hit_days = ?, report_days = ?
               WHERE env = ?""",
            (settings.assignment_days, settings.hit_days, settings.report_days, env),
        )

    def erase(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """An environment takes all its rows along, a visitor (`ENV:HANDLE`) its own."""
        if address.kind == visitors.KIND:
            return visitors.forget(connection, address, own_only)
        if address.kind != KIND:
            return {}
        counts = {
            table: connection.execute(f"DELETE FROM {table} WHERE env = ?", (address.id,)).rowcount
            for table in (*tables.TABLES, "flag_environment")
        }
        return {name: count for name, count in counts.items() if count}

    def forget(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """A visitor who withdraws consent takes along what an erasure would."""
        is_visitor = address.kind == visitors.KIND
        return visitors.forget(connection, address, own_only) if is_visitor else {}

    # --- retention

    def trim(self, connection: sqlite3.Connection, now_ms: int, rows_max: int) -> int:
        """Delete what the environments keep no longer, oldest rows of hits first."""
        rows = connection.execute(
            "SELECT env, assignment_days, hit_days, report_days FROM flag_environment"
        ).fetchall()
        deleted = self._trim_assignments(
            connection, {env: _before(now_ms, days) for env, days, *_ in rows}, rows_max
        )
        for env, assignment_days, hit_days, report_days in rows:
            cache_days = CACHE_DAYS if assignment_days is None else assignment_days
            for table, before in (
                ("flag_hit", _before(now_ms, hit_days)),
                ("flag_activation", _before(now_ms, hit_days)),
                ("flag_visitor_cache", _before(now_ms, cache_days)),
                ("flag_hit_cache", now_ms - HIT_AGE_MS_MAX),
            ):
                deleted += _cut(connection, table, env, before, rows_max - deleted)
            before = _before(now_ms, report_days)
            deleted += _cut_counts(connection, env, before, rows_max - deleted)
        return deleted

    def _trim_assignments(
        self, connection: sqlite3.Connection, before: Mapping[str, int | None], rows_max: int
    ) -> int:
        """Walk the table a page at a time: it has no index by age, since that would cost more."""
        if not any(before.values()):
            return 0
        page = connection.execute(
            """SELECT env, subject, grp, seen_at FROM flag_assignment
               WHERE (env, subject, grp) > (?, ?, ?) ORDER BY env, subject, grp LIMIT ?""",
            (*self._place, min(PAGE, rows_max)),
        ).fetchall()
        is_last = len(page) < min(PAGE, rows_max)
        self._place = ("", "", "") if is_last else page[-1][:3]
        old = [row[:3] for row in page if row[3] < (before.get(row[0]) or 0)]
        connection.executemany(
            "DELETE FROM flag_assignment WHERE env = ? AND subject = ? AND grp = ?", old
        )
        return len(old)


def _before(now_ms: int, days: float | None) -> int | None:
    return None if days is None else now_ms - int(days * DAY_MS)


def _cut(
    connection: sqlite3.Connection, table: str, env: str, before: int | None, rows_max: int
) -> int:
    """Rows that arrived earlier, the oldest first."""
    if before is None or rows_max <= 0:
        return 0
    return connection.execute(
        f"""DELETE FROM {table} WHERE rowid IN (
                SELECT rowid FROM {table} WHERE env = ? AND at < ? ORDER BY at LIMIT ?)""",
        (env, before, rows_max),
    ).rowcount


def _cut_counts(connection: sqlite3.Connection, env: str, before: int | None, rows_max: int) -> int:
    """Whole days only, and at most about `rows_max` rows."""
    if before is None or rows_max <= 0:
        return 0
    return connection.execute(
        """DELETE FROM flag_count WHERE env = ?1 AND day < date(?2, 'unixepoch') AND day IN (
               SELECT day FROM flag_count WHERE env = ?1 ORDER BY day LIMIT ?3)""",
        (env, before // 1000, rows_max),
    ).rowcount
