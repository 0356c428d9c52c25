"""Credentials: who may come in.

One table serves all doors. Keys enter it with the facts of their project; short-lived tokens are
appended, because a crowd of visitors must not make the project a hot actor. Only hashes are here.
A token is never without its key: both go in one commit, and no token is written for a key that went
before it. So a key that is declared again brings none of them back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
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
BY_WHAT_ENDS_THEM = (
    # Tokens that outlived their key before they went with it.
    """DELETE FROM credential
       WHERE minted_by <> '' AND minted_by NOT IN (SELECT hash FROM credential)""",
    "DROP INDEX credential_subject",
    "CREATE INDEX credential_subject ON credential (project, kind, subject)",
    "CREATE INDEX credential_minted ON credential (minted_by) WHERE minted_by <> ''",
)
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
    version = 2
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
        """Version 1: the credential table; 2: tokens are found by their key and their actor."""
        for statement in SCHEMA.split(";") if version == 0 else BY_WHAT_ENDS_THEM:
            connection.execute(statement)

    def project(self, connection: sqlite3.Connection, projected: Projected) -> None:
        """Bring keys in and out with the facts of their project; tokens go with their key."""
        project, at_ms = projected.address.project, projected.fact.at_ms
        for event in projected.fact.events:
            match event:
                case KeysReplaced(item=item, keys=keys):
                    _replace(connection, project, item, keys, at_ms)
                case KeyCreated(key=key):
                    _insert(connection, project, key, "", at_ms)
                case KeyRevoked(hash=hash_):
                    connection.execute(
                        "DELETE FROM credential WHERE project = ? AND hash = ?", (project, hash_)
                    )
                    _end_tokens(connection, [hash_])

    def erase(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """Tokens of an erased actor go with it: those that have its kind, and its topic as subject.

        Other tokens are bound to a name that may be taken again, and outlive whoever had it: a
        timeline's user may be created again (spec timelines 5.12.16).
        """
        gone = connection.execute(
            "DELETE FROM credential"
            " WHERE project = ? AND kind = ? AND subject = ? AND expires_at IS NOT NULL",
            (address.project, address.kind, address.topic),
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


def _replace(
    connection: sqlite3.Connection, project: str, item: str, keys: Sequence[Key], at_ms: int
) -> None:
    """Let an item give these keys; tokens of those that it gives no more end."""
    before = connection.execute(
        "SELECT hash FROM credential WHERE project = ? AND item = ?", (project, item)
    ).fetchall()
    connection.execute("DELETE FROM credential WHERE project = ? AND item = ?", (project, item))
    for key in keys:
        _insert(connection, project, key, item, at_ms)
    _end_tokens(connection, {hash_ for (hash_,) in before} - {key.hash for key in keys})


def _end_tokens(connection: sqlite3.Connection, minters: Iterable[str]) -> None:
    """Delete what keys with these hashes have minted."""
    connection.executemany(
        "DELETE FROM credential WHERE minted_by = ? AND minted_by <> ''",
        [(hash_,) for hash_ in minters],
    )


def append_credentials(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Sequence[tuple[Any, ...]]
) -> Sequence[Any]:
    """Write tokens; one whose key went meanwhile is not written, and so is good for nothing."""
    connection.executemany(
        f"""INSERT INTO credential ({COLUMNS}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, '', ?7, ?8, ?9
            WHERE ?7 = '' OR EXISTS (SELECT 1 FROM credential WHERE hash = ?7)""",
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
