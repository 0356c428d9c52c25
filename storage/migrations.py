"""The shape of the database file, and how an older one becomes today's.

The core's tables and each view's are sets of numbered migrations, recorded in the file by
sqlite-utils; each runs in a transaction with its record. A file written by a newer program is
refused; before an existing one is changed, a copy of it is put beside it. Nothing here reads a
table of the domain, so a start takes the same time however much is stored.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from engine.errors import EngineError
from storage.folder import sync_file, sync_folder
from storage.store import View

APPLICATION_ID = 0x43425244
"""`CBRD` in the header of the file."""

CORE = Migrations("core")


class NewerFolder(EngineError):
    """The database was written by a newer program; this one must not touch it."""

    code = "newer_folder"


class NotOurs(EngineError):
    """The file is a database of some other program."""

    code = "not_ours"


@CORE(name="1")
def _tables(database: Any) -> None:
    for statement in TABLES:
        database.conn.execute(statement)
    database.conn.execute(
        "INSERT INTO meta (key, value) VALUES ('epoch', ?), ('seq_floor', '0')",
        (secrets.token_hex(8),),
    )


@CORE(name="2")
def _cursors(database: Any) -> None:
    for statement in CURSORS:
        database.conn.execute(statement)


@CORE(name="3")
def _lines(database: Any) -> None:
    for statement in LINES:
        database.conn.execute(statement)


TABLES = (
    # Small facts about the store: its epoch, the lowest number the next fact may take.
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    # One row per actor. A tombstone has phase '' and no state.
    """CREATE TABLE actor (
        project TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
        version INTEGER NOT NULL, generation INTEGER NOT NULL, phase TEXT NOT NULL,
        state BLOB, state_version INTEGER NOT NULL, since TEXT NOT NULL, alarm_at INTEGER,
        PRIMARY KEY (project, kind, id)) STRICT""",
    "CREATE INDEX actor_phase ON actor (project, kind, phase, id)",
    "CREATE INDEX actor_alarm ON actor (alarm_at) WHERE alarm_at IS NOT NULL",
    # Appended in order of seq, which is the rowid: an index on (project, kind) is in commit order.
    """CREATE TABLE fact (
        seq INTEGER PRIMARY KEY, project TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
        version INTEGER NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL)
        STRICT""",
    "CREATE UNIQUE INDEX fact_actor ON fact (project, kind, id, version)",
    "CREATE INDEX fact_kind ON fact (project, kind)",
    """CREATE TABLE document (
        project TEXT NOT NULL, hash TEXT NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (project, hash)) STRICT""",
    # `head`: first of its order that is not parked, the only one that may be delivered.
    """CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL,
        kind TEXT NOT NULL, actor TEXT NOT NULL, version INTEGER NOT NULL,
        sender TEXT NOT NULL, subject TEXT NOT NULL, subscription TEXT NOT NULL,
        about TEXT NOT NULL, body BLOB NOT NULL, due_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, parked INTEGER NOT NULL DEFAULT 0,
        head INTEGER NOT NULL, error TEXT NOT NULL DEFAULT '') STRICT""",
    "CREATE INDEX outbox_due ON outbox (due_at) WHERE head = 1",
    "CREATE INDEX outbox_order ON outbox (project, subscription, subject, id) WHERE parked = 0",
    "CREATE INDEX outbox_project ON outbox (project, parked)",
    "CREATE INDEX outbox_about ON outbox (project, about) WHERE about <> ''",
    """CREATE TABLE idempotency (
        number INTEGER PRIMARY KEY, project TEXT NOT NULL, principal TEXT NOT NULL,
        key TEXT NOT NULL, fingerprint BLOB NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
        version INTEGER NOT NULL, generation INTEGER NOT NULL, state BLOB, at INTEGER NOT NULL,
        UNIQUE (project, principal, key)) STRICT""",
    "CREATE INDEX idempotency_actor ON idempotency (project, kind, id)",
    """CREATE TABLE claim (
        project TEXT NOT NULL, space TEXT NOT NULL, key TEXT NOT NULL,
        owner_project TEXT NOT NULL, owner_kind TEXT NOT NULL, owner_id TEXT NOT NULL,
        PRIMARY KEY (project, space, key)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX claim_owner ON claim (owner_project, owner_kind, owner_id)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    "PRAGMA user_version = 1",
)
CURSORS = (
    # How far the sender of a delivery is that takes several attempts.
    "ALTER TABLE outbox ADD COLUMN cursor TEXT NOT NULL DEFAULT ''",
    "PRAGMA user_version = 2",
)
LINES = (
    # The heads of each subscription by time: one that hangs hides nobody else's.
    "CREATE INDEX outbox_line ON outbox (project, subscription, due_at) WHERE head = 1",
    "PRAGMA user_version = 3",
)
VERSION = 3
"""The newest `user_version`: number of core migrations."""


def migrate(connection: sqlite3.Connection, path: Path, views: Sequence[View]) -> Path | None:
    """Bring the database at `path` up to date; the path of the copy if one was made.

    Raises `NewerFolder`, `NotOurs`; whatever a view's migration raises, with the copy kept.
    """
    database = Database(connection)
    exists = bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    if exists:
        _refuse_strangers(connection)
    sets = [CORE, *(_migrations_of(view) for view in views)]
    for migrations, view in zip(sets[1:], views, strict=True):
        _refuse_newer(database, migrations, view)
    copy = None
    if exists and any(migrations.pending(database) for migrations in sets):
        copy = _copy(connection, path)
    for migrations in sets:
        migrations.apply(database)
    return copy


def _refuse_strangers(connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise NotOurs("the file is a database of another program")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise NewerFolder(f"the data folder has version {version}, this program knows {VERSION}")


def _refuse_newer(database: Any, migrations: Migrations, view: View) -> None:
    applied = len(migrations.applied(database))
    if applied > view.version:
        raise NewerFolder(
            f"the lists of {view.name} have version {applied}, this program knows {view.version}"
        )


def _migrations_of(view: View) -> Migrations:
    migrations = Migrations(f"view {view.name}")
    for version in range(view.version):
        migrations(name=str(version + 1))(_step(view, version))
    return migrations


def _step(view: View, version: int) -> Any:
    def step(database: Any) -> None:
        view.migrate(database.conn, version)

    return step


def _copy(connection: sqlite3.Connection, path: Path) -> Path:
    """Copy the database as it is to a new file beside it."""
    number = 1
    while (copy := path.with_name(f"{path.stem}-before-migration-{number}.db")).exists():
        number += 1
    part = copy.with_suffix(".part")
    part.unlink(missing_ok=True)
    connection.execute("VACUUM INTO ?", (str(part),))
    sync_file(part)
    part.rename(copy)
    sync_folder(path.parent)
    return copy
