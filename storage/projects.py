"""Credentials: who may come in.

One table serves all doors. Keys enter it with the facts of their project; short-lived tokens are
appended, because a crowd of visitors must not make the project a hot actor. Only hashes are here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from actors.projects import KEY_ID_DIGITS, Key, KeyCreated, KeyRevoked, KeysReplaced
from engine.errors import ClaimTaken
from engine.messages import Address
from storage.store import Export, Projected, Write

SCHEMA = """
CREATE TABLE credential (
    hash TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    door TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    label TEXT NOT NULL,
    item TEXT NOT NULL,
    minted_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_project ON credential (project, kind, created_at);
CREATE INDEX credential_subject ON credential (project, door, subject);
CREATE INDEX credential_expires ON credential (expires_at) WHERE expires_at IS NOT NULL;
"""
COLUMNS = "hash, project, door, kind, subject, label, item, minted_by, created_at, expires_at"


class CredentialRow(NamedTuple):
    """A row of the table; `item` is the project file's item that gave it, or ""."""

    hash: str
    project: str
    door: str
    kind: str
    subject: str
    label: str
    item: str
    minted_by: str
    created_at: int
    expires_at: int | None


class ProjectsView:
    """The projects' lists in SQLite."""

    name = "projects"
    kinds = frozenset({"project"})
    version = 1
    exports = MappingProxyType(
        {
            "credential": Export(
                f"project, substr(hash, 1, {KEY_ID_DIGITS}) AS id, door, kind, subject, label, "
                "item, created_at, expires_at",
                ("hash",),
            )
        }
    )

    @property
    def appends(self) -> Mapping[str, Write]:
        """`credential`: (hash, door, kind, subject, label, minted_by, expires_at_ms)."""
        return {"credential": append_credentials}

    def migrate(self, connection: sqlite3.Connection, version: int) -> None:
        """Version 1: the credential table."""
        if version == 0:
            for statement in SCHEMA.split(";"):
                connection.execute(statement)

    def project(self, connection: sqlite3.Connection, projected: Projected) -> None:
        """Bring keys in and out with the facts of their project."""
        project, at_ms = projected.address.project, projected.fact.at_ms
        for event in projected.fact.events:
            match event:
                case KeysReplaced(item=item, keys=keys):
                    connection.execute(
                        "DELETE FROM credential WHERE project = ? AND item = ?", (project, item)
                    )
                    for key in keys:
                        _insert(connection, project, key, item, at_ms)
                case KeyCreated(key=key):
                    _insert(connection, project, key, "", at_ms)
                case KeyRevoked(hash=hash_):
                    connection.execute(
                        "DELETE FROM credential WHERE project = ? AND (hash = ? OR minted_by = ?)",
                        (project, hash_, hash_),
                    )

    def erase(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """Tokens of an erased actor go with it."""
        gone = connection.execute(
            "DELETE FROM credential WHERE project = ? AND subject = ? AND expires_at IS NOT NULL",
            (address.project, address.topic),
        )
        return {"credential": gone.rowcount} if gone.rowcount else {}

    def forget(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """Whoever goes on keeps the tokens."""
        return {}

    def trim(self, connection: sqlite3.Connection, now_ms: int, rows_max: int) -> int:
        """Expired tokens go."""
        return connection.execute(
            "DELETE FROM credential WHERE hash IN (SELECT hash FROM credential"
            " WHERE expires_at IS NOT NULL AND expires_at < ? LIMIT ?)",
            (now_ms, rows_max),
        ).rowcount


def _insert(connection: sqlite3.Connection, project: str, key: Key, item: str, at_ms: int) -> None:
    """Insert a key; one that another project or item holds is taken (engine spec, names)."""
    try:
        connection.execute(
            f"INSERT INTO credential ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, '', ?, NULL)",
            (key.hash, project, key.door, key.kind, key.subject, key.label, item, at_ms),
        )
    except sqlite3.IntegrityError:
        raise ClaimTaken("key", key.hash[:8]) from None


def append_credentials(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Sequence[tuple[Any, ...]]
) -> Sequence[Any]:
    """Write tokens."""
    connection.executemany(
        f"INSERT INTO credential ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?)",
        [(row[0], project, *row[1:6], at_ms, row[6]) for row in rows],
    )
    return [None] * len(rows)


def without_hashes(body: bytes) -> bytes:
    """A state or a fact of a project as JSON, with keys by their first digits only."""
    return msgspec.json.encode(_shortened(msgspec.json.decode(body)))


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: inner[:KEY_ID_DIGITS] if name == "hash" else _shortened(inner)
        for name, inner in value.items()
    }


def find(connection: sqlite3.Connection, hash_: str) -> CredentialRow | None:
    """The credential of a hash."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM credential WHERE hash = ?", (hash_,)
    ).fetchone()
    return None if row is None else CredentialRow(*row)


def keys_of(connection: sqlite3.Connection, project: str, limit: int) -> list[CredentialRow]:
    """A project's keys (not its tokens), oldest first."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM credential WHERE project = ? AND expires_at IS NULL"
        " ORDER BY created_at, hash LIMIT ?",
        (project, limit),
    )
    return [CredentialRow(*row) for row in rows]


def projects_of(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Names of the projects that hold a key."""
    rows = connection.execute("SELECT DISTINCT project FROM credential LIMIT ?", (limit,))
    return [name for (name,) in rows]
