"""Erasing an actor in SQLite: what goes, what stays, and how much it was.

Plain: earlier facts, state, list rows, alarm, claims and kept replies go; a tombstone with the
version stays beside the `Erased` fact. For privacy the earlier facts keep their places (versions
stay dense) but lose their events, and pending effects about the person go too. All of it is part of
the erasing entry; the writer empties the log afterwards. An actor that goes on without its past
keeps its row and its claims.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from engine.messages import Address, Erased, Fact, Forgotten
from engine.ports import REDACTED, REDACTED_BODY, Change
from storage.outbox import drop_about
from storage.store import View

_OF = "project = ? AND kind = ? AND id = ?"


def erase(connection: sqlite3.Connection, change: Change, views: Sequence[View]) -> dict[str, int]:
    """Delete what belongs to `change.address`; numbers of facts and rows by what they were.

    Facts that the change itself states before its last are already written.
    """
    address, last = change.address, change.version
    counts = {"facts": _facts(connection, address, last, privacy=change.privacy)}
    if change.erases:
        counts["claims"] = connection.execute(
            "DELETE FROM claim WHERE owner_project = ? AND owner_kind = ? AND owner_id = ?", address
        ).rowcount
    counts["replies"] = connection.execute(f"DELETE FROM idempotency WHERE {_OF}", address).rowcount
    if change.privacy and change.about:
        counts["effects"] = drop_about(connection, address.project, change.about)
    for view in views:
        erase_rows = view.erase if change.erases else view.forget
        gone = erase_rows(connection, address, change.about, change.own_only)
        for name, rows in gone.items():
            counts[name] = counts.get(name, 0) + rows
    return counts


def _facts(connection: sqlite3.Connection, address: Address, last: int, *, privacy: bool) -> int:
    if privacy:
        return connection.execute(
            f"UPDATE fact SET name = ?, body = ? WHERE {_OF} AND version < ? AND name <> ?",
            (REDACTED, REDACTED_BODY, *address, last, REDACTED),
        ).rowcount
    return connection.execute(
        f"DELETE FROM fact WHERE {_OF} AND version < ?", (*address, last)
    ).rowcount


def counted(fact: Fact, counts: dict[str, int]) -> Fact:
    """The erasing fact with the counts in its event; zero counts are left out."""
    found = {name: count for name, count in counts.items() if count}
    events = tuple(
        msgspec.structs.replace(event, counts=found)
        if isinstance(event, Erased | Forgotten)
        else event
        for event in fact.events
    )
    return Fact(fact.version, fact.at_ms, events)
