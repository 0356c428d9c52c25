"""The tables of the flags' lists, and the statements that write many rows at once.

An environment id belongs to one project only, so the environment leads every key; the project
stands beside it. Counters have one row per day and thing counted, and are added to in the commit
of what they count. `handle` is the visitor actor through which a row came, "" for any other way.
Rules: spec flags 10.2, 10.6, 10.8, 10.10.
"""

from __future__ import annotations

from storage.bulk import Bulk
from storage.store import Export

_FLAGS = (
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
BY_HANDLE = (
    "flag_assignment",
    "flag_activation",
    "flag_hit",
    "flag_visitor_cache",
    "flag_hit_cache",
)
"""Lists whose rows say through which visitor they came."""
_VISITORS = (
    # Ids that a visitor has had; `is_current`: the one it has now; `seq`: the fact that said so.
    """CREATE TABLE flag_alias (
        project TEXT NOT NULL, env TEXT NOT NULL, visitor TEXT NOT NULL, handle TEXT NOT NULL,
        is_current INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (env, visitor, handle)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX flag_alias_handle ON flag_alias (env, handle, seq)",
    "CREATE INDEX flag_alias_current ON flag_alias (env, visitor, seq) WHERE is_current = 1",
    # The visitor cache: `body` is a VisitorCacheDTO. The row of an id that was written last counts.
    """CREATE TABLE flag_visitor_cache (
        project TEXT NOT NULL, env TEXT NOT NULL, visitor TEXT NOT NULL, body TEXT NOT NULL,
        at INTEGER NOT NULL, handle TEXT NOT NULL DEFAULT '',
        UNIQUE (env, visitor, handle)) STRICT""",
    # The hit cache: `body` is a HitCacheDTO, with its ids beside it.
    """CREATE TABLE flag_hit_cache (
        project TEXT NOT NULL, env TEXT NOT NULL, key TEXT NOT NULL,
        visitor TEXT NOT NULL, anonymous TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL,
        handle TEXT NOT NULL DEFAULT '', UNIQUE (env, key)) STRICT""",
    "CREATE INDEX flag_visitor_cache_at ON flag_visitor_cache (env, at)",
    "CREATE INDEX flag_hit_cache_at ON flag_hit_cache (env, at)",
    "CREATE INDEX flag_hit_cache_visitor ON flag_hit_cache (env, visitor)",
    """CREATE INDEX flag_hit_cache_anonymous ON flag_hit_cache (env, anonymous)
        WHERE anonymous <> ''""",
    *(
        f"ALTER TABLE {table} ADD COLUMN handle TEXT NOT NULL DEFAULT ''"
        for table in ("flag_assignment", "flag_activation", "flag_hit")
    ),
    *(
        f"CREATE INDEX {table}_handle ON {table} (env, handle) WHERE handle <> ''"
        for table in BY_HANDLE
    ),
)
SCHEMAS = (_FLAGS, _VISITORS)
"""The statements of each version; a new one goes to the end."""
TABLES = (
    "flag_assignment",
    "flag_activation",
    "flag_hit",
    "flag_count",
    "flag_alias",
    "flag_visitor_cache",
    "flag_hit_cache",
)
"""Lists with rows of environments, in the order in which an erasure empties them."""
EXPORTS = {
    "flag_environment": Export("project, env, assignment_days, hit_days, report_days", ("env",)),
    "flag_assignment": Export(
        "project, env, subject, grp, variation, activated, seen_at, handle",
        ("env", "subject", "grp"),
    ),
    "flag_activation": Export(
        "id, project, env, visitor, anonymous, campaign, grp, variation, qa, done_at, at, handle",
        ("id",),
    ),
    "flag_hit": Export(
        "id, project, env, visitor, anonymous, type, CAST(fields AS BLOB) AS fields, done_at, at,"
        " handle",
        ("id",),
    ),
    "flag_count": Export(
        "project, env, day, metric, campaign, grp, variation, name, count, value",
        ("env", "day", "metric", "campaign", "grp", "variation", "name"),
    ),
    "flag_alias": Export(
        "project, env, visitor, handle, is_current, seq", ("env", "visitor", "handle")
    ),
    "flag_visitor_cache": Export(
        "project, env, visitor, CAST(body AS BLOB) AS body, at, handle",
        ("env", "visitor", "handle"),
    ),
    "flag_hit_cache": Export(
        "project, env, key, visitor, anonymous, CAST(body AS BLOB) AS body, at, handle",
        ("env", "key"),
    ),
}
"""What an export shows of each; a hit's fields and what is cached are JSON, and stand as such."""

_ASSIGNMENT = """INSERT INTO flag_assignment
    (project, env, subject, grp, variation, activated, seen_at, handle)"""
KEEP_FIRST = Bulk(
    _ASSIGNMENT,
    8,
    """ON CONFLICT (env, subject, grp) DO UPDATE SET
       activated = max(activated, excluded.activated)""",
)
"""The first writer wins; later ones may only mark the assignment as activated."""
KEEP_LAST = Bulk(
    _ASSIGNMENT,
    8,
    """ON CONFLICT (env, subject, grp) DO UPDATE SET variation = excluded.variation,
       activated = 1, seen_at = excluded.seen_at""",
)
"""An activation: this is what the visitor saw. The row stays whose it was."""
WINNERS = Bulk(
    "SELECT json_group_array(json_array(column1, column2, column3, variation, activated)) FROM (",
    3,
    """) CROSS JOIN flag_assignment ON env = column1 AND subject = column2 AND grp = column3""",
)
ACTIVATIONS = Bulk(
    """INSERT INTO flag_activation
       (project, env, visitor, anonymous, campaign, grp, variation, qa, done_at, at, handle)""",
    11,
)
HITS = Bulk(
    """INSERT INTO flag_hit
       (project, env, visitor, anonymous, type, fields, done_at, at, handle)""",
    9,
)
COUNTS = Bulk(
    """INSERT INTO flag_count
       (project, env, day, metric, campaign, grp, variation, name, count, value)""",
    10,
    """ON CONFLICT (env, day, metric, campaign, grp, variation, name) DO UPDATE SET
       count = count + excluded.count, value = value + excluded.value""",
)
CACHE_VISITORS = Bulk(
    "INSERT OR REPLACE INTO flag_visitor_cache (project, env, visitor, body, handle, at)", 6
)
"""A row that replaces another is the newest: `rowid` is the order of writing."""
CACHE_HITS = Bulk(
    "INSERT INTO flag_hit_cache (project, env, key, visitor, anonymous, body, handle, at)",
    8,
    """ON CONFLICT (env, key) DO UPDATE SET visitor = excluded.visitor,
       anonymous = excluded.anonymous, body = excluded.body, at = excluded.at,
       handle = CASE excluded.handle WHEN '' THEN handle ELSE excluded.handle END""",
)
