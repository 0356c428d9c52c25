"""Questions to the timelines' lists. All but `has_user` are pages, for a thread.

A page goes on after the place where the one before ended, along a key; it is short when it is the
last. Rows that a test clock dates before that place while somebody pages are not met.
Rules: spec timelines 5.10, 5.12.15, 5.12.19; TL-026, TL-092, TL-095, TL-099.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

Place = tuple[int, int, int]
"""Where a row of the log stands: `at` in ms, `seq` of its fact, and its number there."""

BEGIN: Place = (-(2**63), 0, 0)
"""Before every row of a log."""

_COLUMNS = "at, seq, n, timeline, user, event, state, step, revision"
_AFTER = "(at, seq, n) > (?, ?, ?) ORDER BY at, seq, n LIMIT ?"
PUBLISHED = """
    SELECT timeline FROM timeline_listed
    WHERE project = ? AND timeline > ? AND published = 1 ORDER BY timeline LIMIT ?"""
USERS = """
    SELECT user FROM timeline_user
    WHERE project = ? AND timeline = ? AND user > ? ORDER BY user LIMIT ?"""
WAITING = """
    SELECT user FROM timeline_interest
    WHERE project = ? AND timeline = ? AND name = ? AND user > ? ORDER BY user LIMIT ?"""
BEHIND = """
    SELECT user FROM timeline_user
    WHERE project = ? AND timeline = ? AND revision <> ? AND ? IN ('', revision) AND user > ?
    ORDER BY user LIMIT ?"""
COUNT_BEHIND = """
    SELECT count(*) FROM timeline_user
    WHERE project = ? AND timeline = ? AND revision <> ? AND ? IN ('', revision)"""
ON_REVISIONS = """
    SELECT revision, count(*) FROM timeline_user
    WHERE project = ? AND timeline = ? GROUP BY revision ORDER BY revision"""
SWEEPS = """
    SELECT DISTINCT subject, parked FROM outbox WHERE project = ? AND subscription = ?
    AND subject > ? AND subject < ? AND parked = ? ORDER BY subject"""
HAS_USER = "SELECT 1 FROM timeline_user WHERE project = ? AND timeline = ? AND user = ?"
LOG_OF_TIMELINE = f"""
    SELECT {_COLUMNS} FROM timeline_log WHERE project = ? AND timeline = ? AND {_AFTER}"""
LOG_OF_USER = f"""
    SELECT {_COLUMNS} FROM timeline_log INDEXED BY timeline_log_user
    WHERE project = ? AND user = ? AND {_AFTER}"""


class LogRow(NamedTuple):
    """A change of an event's state for one user.

    `at_ms` is when it happened, `seq` the fact in commit order, `n` the place in its fact; `state`
    an `EventState`'s name; `step` the column where the user was; `revision` the hash of the
    definition that the event stands in.
    """

    at_ms: int
    seq: int
    n: int
    timeline: str
    user: str
    event: str
    state: str
    step: int | None
    revision: str

    @property
    def place(self) -> Place:
        """What the next page goes on after."""
        return self[:3]


def published(
    connection: sqlite3.Connection, project: str, after: str = "", limit: int = -1
) -> list[str]:
    """Ids of the timelines on which users may be placed, in order of id (TL-092).

    All of them, or at most `limit` whose id comes after `after`.
    """
    return [timeline for (timeline,) in connection.execute(PUBLISHED, (project, after, limit))]


def users_of(
    connection: sqlite3.Connection, project: str, timeline: str, after: str, limit: int
) -> list[str]:
    """Ids of the users on a timeline after id `after` ("": from the first), in order of id."""
    return [user for (user,) in connection.execute(USERS, (project, timeline, after, limit))]


def waiting_for(
    connection: sqlite3.Connection, project: str, key: str, after: str, limit: int
) -> list[str]:
    """Users above `after` who wait for `TIMELINE:NAME`, a shared variable or a counted link."""
    timeline, _, name = key.partition(":")
    rows = connection.execute(WAITING, (project, timeline, name, after, limit))
    return [user for (user,) in rows]


def behind(
    connection: sqlite3.Connection, project: str, key: str, after: str, limit: int
) -> list[str]:
    """Users above `after` whom `TIMELINE:TO:FROM` means: not on TO, and on FROM unless it is ""."""
    timeline, revision, only = key.split(":")
    rows = connection.execute(BEHIND, (project, timeline, revision, only, after, limit))
    return [user for (user,) in rows]


def count_behind(connection: sqlite3.Connection, project: str, key: str) -> int:
    """How many users `behind` finds in all."""
    values = (project, *key.split(":"))
    count: int = connection.execute(COUNT_BEHIND, values).fetchone()[0]
    return count


def on_revisions(connection: sqlite3.Connection, project: str, timeline: str) -> dict[str, int]:
    """How many users of a timeline are on which definition, by its hash."""
    return dict(connection.execute(ON_REVISIONS, (project, timeline)).fetchall())


def sweeps(
    connection: sqlite3.Connection, project: str, list_: str, timeline: str
) -> list[tuple[str, bool]]:
    """Sweeps over a list that are not at their end: what stands behind `TIMELINE:`, and whether
    it was given up."""
    values = (project, f"sweep:{list_}", f"{timeline}:", f"{timeline};")
    rows = [row for parked in (0, 1) for row in connection.execute(SWEEPS, (*values, parked))]
    return [(subject.partition(":")[2], bool(parked)) for subject, parked in rows]


def has_user(connection: sqlite3.Connection, project: str, timeline: str, user: str) -> bool:
    """Whether a user is on this timeline; a point query."""
    return connection.execute(HAS_USER, (project, timeline, user)).fetchone() is not None


def log_of_timeline(
    connection: sqlite3.Connection, project: str, timeline: str, after: Place, limit: int
) -> list[LogRow]:
    """State changes of all users of a timeline after a place (`BEGIN`: all), ascending (TL-099)."""
    rows = connection.execute(LOG_OF_TIMELINE, (project, timeline, *after, limit))
    return [LogRow(*row) for row in rows]


def log_of_user(
    connection: sqlite3.Connection, project: str, user: str, after: Place, limit: int
) -> list[LogRow]:
    """State changes of one user after a place (`BEGIN`: all), ascending (TL-026)."""
    rows = connection.execute(LOG_OF_USER, (project, user, *after, limit))
    return [LogRow(*row) for row in rows]
