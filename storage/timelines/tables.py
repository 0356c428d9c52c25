"""The tables of the timelines' lists, and the statements that write them.

Ids of timelines and users may repeat across projects, so the project leads every key. A user is on
one timeline at most, and its facts after the first do not repeat which: a row of the log takes the
timeline and the revision from the list of users, in the statement that writes it. The log holds
ids and moments only; what stood in the event then is looked up in its revision.
Rules: spec timelines 5.10, 5.12.15, 5.12.19, 5.12.20.
"""

from __future__ import annotations

from storage.bulk import Bulk
from storage.store import Export

_TIMELINES = (
    # `published`: 1 while users may be placed on it, 0 after.
    """CREATE TABLE timeline_listed (
        project TEXT NOT NULL, timeline TEXT NOT NULL,
        published INTEGER NOT NULL, title TEXT NOT NULL,
        PRIMARY KEY (project, timeline)) STRICT, WITHOUT ROWID""",
    # `revision`: hash of the definition that the user walks on.
    """CREATE TABLE timeline_user (
        project TEXT NOT NULL, user TEXT NOT NULL,
        timeline TEXT NOT NULL, revision TEXT NOT NULL,
        PRIMARY KEY (project, user)) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX timeline_user_timeline ON timeline_user (project, timeline, user)",
    # One row per change of an event's state. `at`: when it happened, in ms, which a test clock may
    # have set; `seq`, `n`: its fact in commit order, and its place there, from 0; `step`: where the
    # user was.
    """CREATE TABLE timeline_log (
        project TEXT NOT NULL, timeline TEXT NOT NULL, at INTEGER NOT NULL,
        seq INTEGER NOT NULL, n INTEGER NOT NULL, user TEXT NOT NULL, event TEXT NOT NULL,
        state TEXT NOT NULL, step INTEGER, revision TEXT NOT NULL,
        PRIMARY KEY (project, timeline, at, seq, n)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX timeline_log_user ON timeline_log (project, user, at, seq, n)",
    # Who waits for what others may change: a shared variable's name, or a counted link's id.
    """CREATE TABLE timeline_interest (
        project TEXT NOT NULL, timeline TEXT NOT NULL, name TEXT NOT NULL, user TEXT NOT NULL,
        PRIMARY KEY (project, timeline, name, user)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX timeline_interest_user ON timeline_interest (project, user)",
)
SCHEMAS = (_TIMELINES,)
"""The statements of each version; a new one goes to the end."""
BY_USER = ("timeline_interest", "timeline_log", "timeline_user")
"""Lists with rows of users, in the order in which an erasure empties them."""
EXPORTS = {
    "timeline_listed": Export("project, timeline, published, title", ("timeline",)),
    "timeline_user": Export("project, user, timeline, revision", ("user",)),
    "timeline_interest": Export("project, timeline, name, user", ("timeline", "name", "user")),
    "timeline_log": Export(
        "project, timeline, at, seq, n, user, event, state, step, revision",
        ("timeline", "at", "seq", "n"),
    ),
}
"""What an export shows of each: all of it."""

PUBLISH = """
    INSERT INTO timeline_listed (project, timeline, published, title) VALUES (?, ?, 1, ?)
    ON CONFLICT (project, timeline) DO UPDATE SET published = 1, title = excluded.title"""
"""A revision is in force: project, timeline, title."""
NO_INTERESTS = "DELETE FROM timeline_interest WHERE project = ? AND user = ?"
"""A user waits for nothing: project, user."""
INTERESTS = Bulk(
    """INSERT INTO timeline_interest (project, timeline, name, user)
       SELECT column1, timeline, column3, user FROM (""",
    3,
    ") CROSS JOIN timeline_user ON project = column1 AND user = column2",
)
"""What users wait for: project, user, name."""
UNPUBLISH = "UPDATE timeline_listed SET published = 0 WHERE project = ? AND timeline = ?"
"""Nobody begins any more: project, timeline."""
PLACE = """
    INSERT OR REPLACE INTO timeline_user (project, user, timeline, revision)
    VALUES (?, ?, ?, ?)"""
"""A user begins: project, user, timeline, revision."""
MOVE = "UPDATE timeline_user SET revision = ? WHERE project = ? AND user = ?"
"""A user walks on by another definition: revision, project, user."""
LOG = Bulk(
    """INSERT INTO timeline_log
       (project, timeline, at, seq, n, user, event, state, step, revision)
       SELECT column1, timeline, column3, column4, column5, user, column6, column7, column8,
              revision FROM (""",
    8,
    ") CROSS JOIN timeline_user ON project = column1 AND user = column2",
)
"""State changes of users that are listed: project, user, at, seq, n, event, state, step."""
