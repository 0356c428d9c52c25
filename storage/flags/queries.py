"""Questions to the flags' lists. Point queries are for the loop's connection, reports for a thread.

Rules: spec flags 3.2, 10.2, 10.6, 10.10.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

_PROJECT = "SELECT project FROM flag_environment WHERE env = ?"
_ENVIRONMENTS = "SELECT project, env FROM flag_environment ORDER BY env"
_TWO = "SELECT env FROM flag_environment LIMIT 2"
_KEPT = """
    SELECT json_group_array(json_array(grp, variation, activated)) FROM flag_assignment
    WHERE env = ? AND subject = ? AND seen_at >= ?"""
_REPORT = """
    SELECT day, metric, campaign, grp, variation, name, count, value FROM flag_count
    WHERE env = ? AND day BETWEEN ? AND ?
    ORDER BY day, metric, campaign, grp, variation, name LIMIT ?"""
_HANDLE = """
    SELECT handle FROM flag_alias WHERE env = ? AND visitor = ? AND is_current = 1
    ORDER BY seq DESC LIMIT 1"""
_IDS = "SELECT visitor FROM flag_alias WHERE env = ? AND handle = ? ORDER BY seq, visitor"
_CACHED = """
    SELECT CAST(body AS BLOB) FROM flag_visitor_cache WHERE rowid = (
        SELECT max(rowid) FROM flag_visitor_cache WHERE env = ? AND visitor = ?)"""
_CACHED_HITS = "SELECT key, CAST(body AS BLOB) FROM flag_hit_cache WHERE env = ? ORDER BY at, rowid"
_DECODE = msgspec.json.Decoder(list[tuple[str, str, int]]).decode


class Counted(NamedTuple):
    """A counter of a report."""

    day: str
    metric: str
    campaign: str
    grp: str
    variation: str
    name: str
    number: int
    value: float


def project_of(connection: sqlite3.Connection, env: str) -> str | None:
    """The project that has the environment."""
    row = connection.execute(_PROJECT, (env,)).fetchone()
    return None if row is None else str(row[0])


def only_environment(connection: sqlite3.Connection) -> str | None:
    """The one environment of the whole daemon, if it has exactly one."""
    rows = connection.execute(_TWO).fetchall()
    return str(rows[0][0]) if len(rows) == 1 else None


def environments(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every environment of the daemon as (project, env), by env."""
    return [(project, env) for project, env in connection.execute(_ENVIRONMENTS)]


def kept(
    connection: sqlite3.Connection, env: str, subject: str, younger_ms: int
) -> Mapping[str, tuple[str, bool]]:
    """Variation and activated by group, of what a subject keeps since `younger_ms`.

    Ids are interned: a crowd of visitors shares few of them.
    """
    (text,) = connection.execute(_KEPT, (env, subject, younger_ms)).fetchone()
    return {
        sys.intern(grp): (sys.intern(variation), activated == 1)
        for grp, variation, activated in _DECODE(text)
    }


def report(
    connection: sqlite3.Connection, env: str, first: str, last: str, limit: int
) -> Sequence[Counted]:
    """Counters of the days `first` to `last`, both included."""
    return [Counted(*row) for row in connection.execute(_REPORT, (env, first, last, limit))]


# --- visitors


def handle_of(connection: sqlite3.Connection, env: str, visitor: str) -> str | None:
    """The handle of whoever has this visitor id now; the last who took it wins (spec 10.5)."""
    row = connection.execute(_HANDLE, (env, visitor)).fetchone()
    return None if row is None else str(row[0])


def ids_of(connection: sqlite3.Connection, env: str, handle: str) -> list[str]:
    """The visitor ids that a handle has had while it consented, the newest last."""
    return [id_ for (id_,) in connection.execute(_IDS, (env, handle))]


def cached(connection: sqlite3.Connection, env: str, visitor: str) -> bytes | None:
    """What the visitor cache keeps of a visitor id: JSON of a `VisitorCacheDTO` (FS-179).

    Several visitors may have had the id: the one that was cached last counts.
    """
    row = connection.execute(_CACHED, (env, visitor)).fetchone()
    return None if row is None else bytes(row[0])


def cached_hits(connection: sqlite3.Connection, env: str) -> dict[str, bytes]:
    """All that the hit cache keeps, by key: JSON of a `HitCacheDTO`, oldest first (FS-186)."""
    return dict(connection.execute(_CACHED_HITS, (env,)).fetchall())
