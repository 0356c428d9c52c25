"""Is everything as it must be? What an operator runs on a data folder, in use or not.

SQLite's own check of the file; versions dense and ending at the row's; the state row equal to the
fold of the facts wherever the history of the present life is kept whole; every order of the outbox
with its one head. Reads only, and row by row.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from engine.kind import Kind
from engine.messages import Address, Erased, Stored
from engine.ports import REDACTED
from storage import codec
from storage.codec import ACTOR, FACT
from storage.connections import connect_reader

PROBLEMS_MAX = 100
"""Problems named in one report; more are counted."""
_HASH = re.compile(rb"[0-9a-f]{64}")
_OF = "project = ? AND kind = ? AND id = ?"


class Report(msgspec.Struct, kw_only=True):
    """What was found. `compared`: actors whose state equals their fold; `dense`: actors of which
    only the density of versions could be checked; `orphans`: documents that nothing names."""

    actors: int = 0
    facts: int = 0
    compared: int = 0
    dense: int = 0
    documents: int = 0
    orphans: int = 0
    deliveries: int = 0
    problems_found: int = 0
    problems: list[str] = []

    @property
    def is_sound(self) -> bool:
        """No problem was found; orphans are waste, not a problem."""
        return not self.problems_found

    def blame(self, problem: str) -> None:
        """Count a problem and name it while there is room."""
        self.problems_found += 1
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(problem)


def check(database: Path, kinds: Mapping[str, Kind[Any]]) -> Report:
    """Check a database file; `kinds` by name (facts of other kinds are only counted)."""
    report = Report()
    connection = connect_reader(database)
    try:
        _file(connection, report)
        _histories(connection, kinds, report)
        _strays(connection, report)
        _documents(connection, report)
        _outbox(connection, report)
    finally:
        connection.close()
    return report


def _file(connection: sqlite3.Connection, report: Report) -> None:
    for (line,) in connection.execute("PRAGMA integrity_check(20)").fetchall():
        if line != "ok":
            report.blame(f"file: {line}")


def _histories(
    connection: sqlite3.Connection, kinds: Mapping[str, Kind[Any]], report: Report
) -> None:
    facts = connection.execute(f"SELECT {FACT} FROM fact ORDER BY project, kind, id, version")
    for address, rows in groupby(map(codec.stored, facts), key=lambda stored: stored.address):
        history = list(rows)
        report.facts += len(history)
        _density(connection, address, history, report)
    actors = connection.execute(f"SELECT project, kind, id, {ACTOR} FROM actor")
    for project, kind_name, id_, *row in actors:
        report.actors += 1
        address = Address(project, kind_name, id_)
        if (kind := kinds.get(kind_name)) is not None:
            _fold(connection, kind, (address, row), report)


def _density(
    connection: sqlite3.Connection, address: Address, history: Sequence[Stored], report: Report
) -> None:
    versions = [stored.version for stored in history]
    if versions != list(range(versions[0], versions[0] + len(versions))):
        report.blame(f"{address}: versions are not dense")
    row = connection.execute(f"SELECT version FROM actor WHERE {_OF}", address).fetchone()
    if row is None or row[0] != versions[-1]:
        report.blame(f"{address}: the newest fact is {versions[-1]}, the row says {row}")


def _fold(
    connection: sqlite3.Connection, kind: Kind[Any], actor: tuple[Address, Any], report: Report
) -> None:
    address, row = actor
    facts = connection.execute(f"SELECT {FACT} FROM fact WHERE {_OF} ORDER BY version", address)
    life = _life([codec.stored(fact) for fact in facts.fetchall()])
    tail = tuple(one for one in life if one.version > row[4]) if row[3] is not None else ()
    if row[3] is not None and len(tail) != row[0] - row[4]:
        report.blame(f"{address}: facts after the state are missing")
        return
    try:
        awake = kind.read(address, codec.loaded(tuple(row), tail))
        if not life or (life[0].version > 1 and life[0].name != Erased.wire_name()):
            report.dense += 1
            return
        start = kind.blank(address)
        if life[0].name == Erased.wire_name():
            generation = row[1] - (row[3] is not None)
            start, life = kind.blank(address, life[0].version, generation), life[1:]
        folded = kind.fold(start, [kind.fact(one) for one in life])
    except Exception as error:
        report.blame(f"{address}: cannot be folded: {error!r}")
        return
    report.compared += 1
    for name in ("version", "generation", "phase", "state"):
        if getattr(folded, name) != getattr(awake, name):
            report.blame(f"{address}: {name} of the row is not what the facts fold to")


def _life(history: list[Stored]) -> list[Stored]:
    """The facts since the last erasure, that one included."""
    erased = [place for place, one in enumerate(history) if one.name == Erased.wire_name()]
    return history[erased[-1] :] if erased else [one for one in history if one.name != REDACTED]


def _strays(connection: sqlite3.Connection, report: Report) -> None:
    strays = connection.execute(
        """SELECT count(*) FROM claim WHERE NOT EXISTS (
               SELECT 1 FROM actor WHERE project = owner_project AND kind = owner_kind
                   AND actor.id = owner_id AND state IS NOT NULL)"""
    ).fetchone()[0]
    if strays:
        report.blame(f"{strays} claims are held by actors that do not exist")


def _documents(connection: sqlite3.Connection, report: Report) -> None:
    hashes = {row[0].encode() for row in connection.execute("SELECT hash FROM document")}
    report.documents = len(hashes)
    if hashes:
        for body in _bodies(connection):
            hashes.difference_update(_HASH.findall(body))
    report.orphans = len(hashes)


def _bodies(connection: sqlite3.Connection) -> Iterator[bytes]:
    for query in (
        "SELECT state FROM actor WHERE state IS NOT NULL",
        "SELECT body FROM fact",
        "SELECT body FROM outbox",
        "SELECT body FROM document",
    ):
        for (body,) in connection.execute(query):
            yield body


def _outbox(connection: sqlite3.Connection, report: Report) -> None:
    report.deliveries = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
    wrong = connection.execute(
        """SELECT count(*) FROM outbox AS o WHERE head <> (parked = 0 AND NOT EXISTS (
               SELECT 1 FROM outbox AS p WHERE p.project = o.project AND p.parked = 0
                   AND p.subscription = o.subscription AND p.subject = o.subject
                   AND p.id < o.id))"""
    ).fetchone()[0]
    if wrong:
        report.blame(f"outbox: {wrong} rows are not in their place")
    early = connection.execute(
        """SELECT count(*) FROM outbox AS o JOIN actor AS a
               ON a.project = o.project AND a.kind = o.kind AND a.id = o.actor
           WHERE o.version > a.version"""
    ).fetchone()[0]
    if early:
        report.blame(f"outbox: {early} rows come from commits that are not stored")
