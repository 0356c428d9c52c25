"""The tables of the flags' lists, and the statements that write many rows at once.

An environment id belongs to one project only, so the environment leads every key; the project
stands beside it. Counters have one row per day and thing counted, and are added to in the commit
of what they count. Rules: spec flags 10.2, 10.6, 10.10.
"""

from __future__ import annotations

from storage.bulk import Bulk
from storage.store import Export

SCHEMA = (
    # Whose an environment is, and how many days its rows are kept (NULL: for ever).
    """CREATE TABLE flag_environment (
        env TEXT PRIMARY KEY, project TEXT NOT NULL,
        assignment_days REAL, hit_days REAL, report_days REAL) STRICT, WITHOUT ROWID""",
    # The variation a subject (a visitor, an anonymous id, a decision group) keeps of a group.
    """CREATE TABLE flag_assignment (
        project TEXT NOT NULL, env TEXT NOT NULL, subject TEXT NOT NULL, grp TEXT NOT NULL,
        variation TEXT NOT NULL, activated INTEGER NOT NULL, seen_at INTEGER NOT NULL,
        PRIMARY KEY (env, subject, grp)) STRICT, WITHOUT ROWID""",
    # `at` is when it arrived, `done_at` when it happened at the client.
    """CREATE TABLE flag_activation (
        id INTEGER PRIMARY KEY, project TEXT NOT NULL, env TEXT NOT NULL,
        visitor TEXT NOT NULL, anonymous TEXT NOT NULL, campaign TEXT NOT NULL,
        grp TEXT NOT NULL, variation TEXT NOT NULL, qa INTEGER NOT NULL,
        done_at INTEGER NOT NULL, at INTEGER NOT NULL) STRICT""",
    """CREATE TABLE flag_hit (
        id INTEGER PRIMARY KEY, project TEXT NOT NULL, env TEXT NOT NULL,
        visitor TEXT NOT NULL, anonymous TEXT NOT NULL, type TEXT NOT NULL,
        fields TEXT NOT NULL, done_at INTEGER NOT NULL, at INTEGER NOT NULL) STRICT""",
    *(
        f"CREATE INDEX {table}_{name} ON {table} {columns}"
        for table in ("flag_activation", "flag_hit")
        for name, columns in (
            ("at", "(env, at)"),
            ("visitor", "(env, visitor)"),
            ("anonymous", "(env, anonymous) WHERE anonymous <> ''"),
        )
    ),
    """CREATE TABLE flag_count (
        project TEXT NOT NULL, env TEXT NOT NULL, day TEXT NOT NULL, metric TEXT NOT NULL,
        campaign TEXT NOT NULL, grp TEXT NOT NULL, variation TEXT NOT NULL, name TEXT NOT NULL,
        count INTEGER NOT NULL, value REAL NOT NULL,
        PRIMARY KEY (env, day, metric, campaign, grp, variation, name)) STRICT, WITHOUT ROWID""",
)
TABLES = ("flag_assignment", "flag_activation", "flag_hit", "flag_count")
"""Lists with rows of environments, in the order in which an erasure empties them."""
EXPORTS = {
    "flag_environment": Export("project, env, assignment_days, hit_days, report_days", ("env",)),
    "flag_assignment": Export(
        "project, env, subject, grp, variation, activated, seen_at", ("env", "subject", "grp")
    ),
    "flag_activation": Export(
        "id, project, env, visitor, anonymous, campaign, grp, variation, qa, done_at, at", ("id",)
    ),
    "flag_hit": Export(
        "id, project, env, visitor, anonymous, type, CAST(fields AS BLOB) AS fields, done_at, at",
        ("id",),
    ),
    "flag_count": Export(
        "project, env, day, metric, campaign, grp, variation, name, count, value",
        ("env", "day", "metric", "campaign", "grp", "variation", "name"),
    ),
}
"""What an export shows of each; a hit's fields are JSON, and stand as such."""

_ASSIGNMENT = (
    "INSERT INTO flag_assignment (project, env, subject, grp, variation, activated, seen_at)"
)
KEEP_FIRST = Bulk(
    _ASSIGNMENT,
    7,
    """ON CONFLICT (env, subject, grp) DO UPDATE SET
       activated = max(activated, excluded.activated)""",
)
"""The first writer wins; later ones may only mark the assignment as activated."""
KEEP_LAST = Bulk(
    _ASSIGNMENT,
    7,
    """ON CONFLICT (env, subject, grp) DO UPDATE SET variation = excluded.variation,
       activated = 1, seen_at = excluded.seen_at""",
)
"""An activation: this is what the visitor saw."""
WINNERS = Bulk(
    "SELECT json_group_array(json_array(column1, column2, column3, variation, activated)) FROM (",
    3,
    """) CROSS JOIN flag_assignment ON env = column1 AND subject = column2 AND grp = column3""",
)
ACTIVATIONS = Bulk(
    """INSERT INTO flag_activation
       (project, env, visitor, anonymous, campaign, grp, variation, qa, done_at, at)""",
    10,
)
HITS = Bulk("INSERT INTO flag_hit (project, env, visitor, anonymous, type, fields, done_at, at)", 8)
COUNTS = Bulk(
    """INSERT INTO flag_count
       (project, env, day, metric, campaign, grp, variation, name, count, value)""",
    10,
    """ON CONFLICT (env, day, metric, campaign, grp, variation, name) DO UPDATE SET
       count = count + excluded.count, value = value + excluded.value""",
)
