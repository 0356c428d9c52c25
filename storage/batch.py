"""Entries into rows: read what they touch, judge them in order, write the accepted ones in bulk.

It works inside a transaction that the writer has opened and knows nothing of commits. Nobody else
writes, so the versions it has read or written hold until the writer lets it forget. An entry that
misses its fence or finds a claim taken costs the others nothing. An entry that erases is a batch of
its own, since it deletes what those before it wrote. Whatever raises here leaves the transaction
to the writer, which rolls back and tries the entries one by one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.messages import Address, Fact
from engine.ports import Change, Committed, Entry, Outcome
from storage import erasure, judge, outbox
from storage.bulk import Bulk
from storage.codec import (
    ACTOR,
    FACT,
    KEPT,
    Row,
    actor_row,
    effect_row,
    fact_row,
    kept_row,
    merged_row,
)
from storage.store import Projected, View, Write

VERSIONS_MAX = 16_384
"""Actors whose version is remembered from one batch to the next: more than are usually awake."""

_VERSIONS = Bulk(
    """SELECT json_group_array(json_array(column1, column2, column3, version, state IS NOT NULL))
       FROM (""",
    3,
    """) CROSS JOIN actor ON project = column1 AND kind = column2 AND id = column3""",
)
_CLAIMS = Bulk(
    """SELECT json_group_array(json_array(
           column1, column2, column3, owner_project, owner_kind, owner_id))
       FROM (""",
    3,
    """) CROSS JOIN claim ON project = column1 AND space = column2 AND key = column3""",
)
_KEPT = Bulk(
    "SELECT json_group_array(json_array(column1, column2, column3, at, kind, id)) FROM (",
    3,
    """) CROSS JOIN idempotency
       ON project = column1 AND principal = column2 AND key = column3""",
)
_ACTORS = Bulk(
    f"INSERT INTO actor (project, kind, id, {ACTOR})",
    10,
    """ON CONFLICT (project, kind, id) DO UPDATE SET
       version = excluded.version, generation = excluded.generation, phase = excluded.phase,
       state = coalesce(excluded.state, state),
       state_version = CASE WHEN excluded.state IS NULL THEN state_version
                       ELSE excluded.state_version END,
       since = excluded.since, alarm_at = excluded.alarm_at""",
)
_TOMBSTONES = Bulk(f"INSERT OR REPLACE INTO actor (project, kind, id, {ACTOR})", 10)
_FACTS = Bulk(f"INSERT INTO fact ({FACT})", 8)
_DOCUMENTS = Bulk("INSERT OR IGNORE INTO document (project, hash, body)", 3)
_KEEP = Bulk(f"INSERT OR REPLACE INTO idempotency ({KEPT})", 10)
_CLAIM = Bulk(
    "INSERT OR REPLACE INTO claim (project, space, key, owner_project, owner_kind, owner_id)", 6
)
_RELEASE = "DELETE FROM claim WHERE project = ? AND space = ? AND key = ?"


@dataclass(slots=True)
class _Rows:
    """What accepted entries write, gathered so that each table is written in few statements."""

    actors: dict[Address, Row] = field(default_factory=dict)
    facts: list[Row] = field(default_factory=list)
    projected: list[Projected] = field(default_factory=list)
    appends: dict[tuple[str, str, int], list[tuple[int, int, Row]]] = field(default_factory=dict)


class Batch:
    """Writes entries into one open transaction. `seq` is the newest number given out.

    `erased_for_privacy` tells the writer that the log must be emptied after the commit.
    """

    def __init__(
        self, connection: sqlite3.Connection, views: Sequence[View], kept_ms: int, seq: int
    ) -> None:
        self._connection = connection
        self._views = views
        self._kept_ms = kept_ms
        self._lists: dict[str, Write] = {
            name: write for view in views for name, write in view.appends.items()
        }
        self._projections: dict[str, list[View]] = {}
        for view in views:
            for kind in view.kinds:
                self._projections.setdefault(kind, []).append(view)
        self._versions: dict[Address, tuple[int, bool]] = {}
        self.seq = seq
        self.erased_for_privacy = False

    def forget(self, seq: int) -> None:
        """Go on from `seq` and read versions anew: later work was taken back, or a job has run."""
        self._versions.clear()
        self.seq = seq

    def apply(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Write what is accepted; one outcome per entry. Raises what SQLite or a view raises."""
        known = self._read(entries)
        outcomes: list[Outcome] = []
        accepted: list[tuple[int, Entry]] = []
        for index, entry in enumerate(entries):
            alone = any(change.erases or change.privacy for change in entry.changes)
            if alone:
                self._write(accepted, known, outcomes)
                accepted = []
            refusal = judge.judge(entry, known, self._kept_ms)
            outcomes.append(refusal or Committed())
            if refusal is None:
                accepted.append((index, entry))
            if alone:
                self._write(accepted, known, outcomes)
                accepted = []
        self._write(accepted, known, outcomes)
        return outcomes

    def _read(self, entries: Sequence[Entry]) -> judge.Known:
        if len(self._versions) > VERSIONS_MAX:
            self._versions.clear()
        known, connection = judge.Known(self._versions), self._connection
        cold = [one for one in judge.addresses(entries) if one not in known.versions]
        for project, kind, id_, version, has_state in _VERSIONS.ask(connection, cold):
            known.versions[Address(project, kind, id_)] = (version, bool(has_state))
        for project, space, key, *owner in _CLAIMS.ask(connection, list(judge.claim_keys(entries))):
            known.claims[project, space, key] = Address(*owner)
        for project, who, key, at_ms, *giver in _KEPT.ask(
            connection, list(judge.kept_keys(entries))
        ):
            known.kept[project, who, key] = (at_ms, Address(project, *giver))
        return known

    # --- writing

    def _write(
        self, accepted: Sequence[tuple[int, Entry]], known: judge.Known, outcomes: list[Outcome]
    ) -> None:
        if not accepted:
            return
        rows = _Rows()
        answers: dict[int, tuple[tuple[int, ...], list[Any]]] = {}
        for index, entry in accepted:
            answers[index] = (self._gather(rows, entry), [None] * len(entry.appends))
            for place, append in enumerate(entry.appends):
                key = (append.list, entry.project, entry.at_ms)
                rows.appends.setdefault(key, []).append((index, place, append.row))
        self._flush(rows, [entry for _, entry in accepted], known)
        for (list_, project, at_ms), group in rows.appends.items():
            given = self._lists[list_](self._connection, project, at_ms, [row for *_, row in group])
            for (index, place, _), answer in zip(group, given, strict=True):
                answers[index][1][place] = answer
        for index, (seqs, answer_rows) in answers.items():
            if seqs or answer_rows:
                outcomes[index] = Committed(seqs, tuple(answer_rows))

    def _gather(self, rows: _Rows, entry: Entry) -> tuple[int, ...]:
        first = self.seq + 1
        for change in entry.changes:
            if change.erases or change.privacy:
                self._erase(rows, change)
            else:
                self._change(rows, change)
        if entry.settles:
            outbox.settle(self._connection, entry)
        return tuple(range(first, self.seq + 1))

    def _change(self, rows: _Rows, change: Change) -> None:
        address = change.address
        self._facts(rows, change, change.facts)
        if change.version:
            row = actor_row(change)
            earlier = rows.actors.get(address)
            rows.actors[address] = row if earlier is None else merged_row(earlier, row)

    def _facts(self, rows: _Rows, change: Change, facts: Sequence[Fact]) -> None:
        seen = change.address.kind in self._projections
        for fact in facts:
            self.seq += 1
            rows.facts.append(fact_row(self.seq, change.address, fact))
            if seen:
                state = change.state if fact is facts[-1] else None
                rows.projected.append(Projected(change.address, self.seq, fact, state))

    def _erase(self, rows: _Rows, change: Change) -> None:
        """Erase at once: what the entry wrote so far must be in the tables before."""
        self._facts(rows, change, change.facts[:-1])
        _FACTS.run(self._connection, rows.facts)
        rows.facts.clear()
        rows.projected = [p for p in rows.projected if p.address != change.address]
        rows.actors.pop(change.address, None)
        counts = erasure.erase(self._connection, change, self._views)
        self.seq += 1
        last = erasure.counted(change.facts[-1], counts)
        _FACTS.run(self._connection, [fact_row(self.seq, change.address, last)])
        _TOMBSTONES.run(self._connection, [actor_row(change)])
        if not change.erases and change.address.kind in self._projections:
            rows.projected.append(Projected(change.address, self.seq, last, change.state))
        self.erased_for_privacy |= change.privacy

    def _flush(self, rows: _Rows, entries: Sequence[Entry], known: judge.Known) -> None:
        connection = self._connection
        _ACTORS.run(connection, list(rows.actors.values()))
        _FACTS.run(connection, rows.facts)
        _DOCUMENTS.run(
            connection, [(e.project, d.hash, d.body) for e in entries for d in e.documents]
        )
        outbox.insert(connection, [effect_row(e, *effect) for e in entries for effect in e.effects])
        _KEEP.run(connection, [kept_row(kept) for e in entries for kept in e.kept])
        self._settle_claims(judge.claim_keys(entries), known)
        for projected in rows.projected:
            for view in self._projections[projected.address.kind]:
                view.project(connection, projected)

    def _settle_claims(self, keys: set[judge.Key], known: judge.Known) -> None:
        """Bring the table to what `known` holds of these keys."""
        held = [(*key, *known.claims[key]) for key in keys if key in known.claims]
        _CLAIM.run(self._connection, held)
        if free := [key for key in keys if key not in known.claims]:
            self._connection.executemany(_RELEASE, free)
