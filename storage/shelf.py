"""What the memory store holds, and how an accepted entry changes it.

Plain dictionaries with the promises of the tables: dense versions, seqs and delivery ids never used
twice, erasures that leave a tombstone. Nothing here waits or tells anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from engine.effects import Append
from engine.errors import DeliveryGone
from engine.messages import Address, Stored
from engine.ports import (
    REDACTED,
    REDACTED_BODY,
    Change,
    Committed,
    Delivery,
    Entry,
    Failed,
    Kept,
    Loaded,
    Outcome,
    Settle,
)
from storage import judge
from storage.codec import ERASED
from storage.erasure import counted


@dataclass(slots=True)
class Row:
    """An actor. `state_version` is the version its state stands at."""

    version: int
    generation: int
    phase: str
    state: bytes | None
    state_version: int
    since_ms: tuple[int, ...]
    alarm_at_ms: int | None


@dataclass(slots=True)
class Shelf:
    """Everything stored. It survives the store that filled it, as a disk would."""

    actors: dict[Address, Row] = field(default_factory=dict)
    facts: dict[Address, list[Stored]] = field(default_factory=dict)
    documents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    outbox: dict[int, Delivery] = field(default_factory=dict)
    kept: dict[judge.Key, Kept] = field(default_factory=dict)
    claims: dict[judge.Key, Address] = field(default_factory=dict)
    lists: dict[str, list[tuple[str, int, tuple[Any, ...]]]] = field(default_factory=dict)
    seq: int = 0
    delivery_id: int = 0

    def apply(self, entries: Sequence[Entry], kept_ms: int) -> list[Outcome]:
        """Write what is accepted, in order; one outcome per entry."""
        return [self._apply(entry, kept_ms) for entry in entries]

    def _apply(self, entry: Entry, kept_ms: int) -> Outcome:
        known = self._known(entry)
        refusal = judge.judge(entry, known, kept_ms)
        if refusal is not None:
            return refusal
        try:
            for change in entry.changes:
                for fact in change.facts:
                    _ = fact.body  # whatever cannot be written fails before anything is
            if entry.appends:
                self._require(entry)
        except Exception as error:
            return Failed(error)
        first = self.seq + 1
        for change in entry.changes:
            self._change(change)
        self._extras(entry, known)
        seqs = tuple(range(first, self.seq + 1))
        return Committed(seqs, tuple(self._append(entry, append) for append in entry.appends))

    def _known(self, entry: Entry) -> judge.Known:
        known = judge.Known()
        for address in judge.addresses((entry,)):
            if (row := self.actors.get(address)) is not None:
                known.versions[address] = (row.version, row.state is not None)
        for key in judge.claim_keys((entry,)):
            if (owner := self.claims.get(key)) is not None:
                known.claims[key] = owner
        for key in judge.kept_keys((entry,)):
            if (kept := self.kept.get(key)) is not None:
                known.kept[key] = (kept.at_ms, kept.address)
        return known

    # --- actors

    def _change(self, change: Change) -> None:
        address, facts = change.address, change.facts
        forgets = change.erases or change.privacy
        for fact in facts[:-1] if forgets else facts:
            self._fact(Stored(0, address, fact.version, fact.name, fact.body, fact.at_ms))
        if forgets:
            last = counted(facts[-1], self._erase(change))
            self._fact(Stored(0, address, last.version, last.name, last.body, last.at_ms))
        row = self._row(change)
        if change.erases:
            row = Row(change.version, change.generation, ERASED, None, change.version, (), None)
        if change.version:
            self.actors[address] = row

    def _fact(self, stored: Stored) -> None:
        self.seq += 1
        numbered = msgspec.structs.replace(stored, seq=self.seq)
        self.facts.setdefault(stored.address, []).append(numbered)

    def _row(self, change: Change) -> Row:
        before = self.actors.get(change.address)
        state, state_version = change.state, change.version
        if state is None and before is not None:
            state, state_version = before.state, before.state_version
        return Row(
            change.version,
            change.generation,
            change.phase,
            state,
            state_version,
            change.since_ms,
            change.alarm_at_ms,
        )

    def load(self, address: Address) -> Loaded | None:
        """The actor's row and tail."""
        row = self.actors.get(address)
        if row is None:
            return None
        facts = self.facts.get(address, ())
        return Loaded(
            row.version,
            row.generation,
            row.phase,
            row.state,
            row.since_ms,
            row.alarm_at_ms,
            tuple(fact for fact in facts if fact.version > row.state_version),
        )

    # --- erasing

    def _erase(self, change: Change) -> dict[str, int]:
        address = change.address
        counts = {"facts": self._erase_facts(address, privacy=change.privacy)}
        claims = [key for key, owner in self.claims.items() if owner == address and change.erases]
        replies = [key for key, kept in self.kept.items() if kept.address == address]
        counts |= {"claims": _drop(self.claims, claims), "replies": _drop(self.kept, replies)}
        if change.privacy and change.about:
            about = [
                one.id
                for one in self.outbox.values()
                if one.project == address.project and one.effect.about == change.about
            ]
            counts["effects"] = _drop(self.outbox, about)
        return counts

    def _erase_facts(self, address: Address, *, privacy: bool) -> int:
        facts = self.facts.pop(address, [])
        if not privacy:
            return len(facts)
        self.facts[address] = [
            msgspec.structs.replace(fact, name=REDACTED, body=REDACTED_BODY) for fact in facts
        ]
        return sum(fact.name != REDACTED for fact in facts)

    # --- the rest of an entry

    def _extras(self, entry: Entry, known: judge.Known) -> None:
        for document in entry.documents:
            self.documents.setdefault((entry.project, document.hash), document.body)
        for settle in entry.settles:
            self._settle(settle, entry.project)
        for cause, version, effect in entry.effects:
            self.delivery_id += 1
            self.outbox[self.delivery_id] = Delivery(
                id=self.delivery_id,
                project=entry.project,
                cause=cause,
                version=version,
                effect=msgspec.structs.replace(effect, due_in_ms=0),
                due_at_ms=entry.at_ms + effect.due_in_ms,
            )
        for kept in entry.kept:
            self.kept[judge.kept_key(kept)] = kept
        for key in judge.claim_keys((entry,)):
            self.claims.pop(key, None)
            if key in known.claims:
                self.claims[key] = known.claims[key]

    def _settle(self, settle: Settle, project: str) -> None:
        before = self.outbox.get(settle.id)
        if before is None or before.project != project:
            return
        if settle.due_at_ms is None and not settle.parked:
            del self.outbox[settle.id]
            return
        due_at_ms = before.due_at_ms if settle.due_at_ms is None else settle.due_at_ms
        self.outbox[settle.id] = msgspec.structs.replace(
            before,
            due_at_ms=due_at_ms,
            attempts=settle.attempts,
            parked=settle.parked,
            error=settle.error,
            cursor=before.cursor if settle.cursor is None else settle.cursor,
        )

    def _require(self, entry: Entry) -> None:
        """Raise `DeliveryGone` unless every delivery that the entry settles is there."""
        for settle in entry.settles:
            delivery = self.outbox.get(settle.id)
            if delivery is None or delivery.project != entry.project:
                raise DeliveryGone("a delivery is not there any more")

    def _append(self, entry: Entry, append: Append) -> int:
        rows = self.lists.setdefault(append.list, [])
        rows.append((entry.project, entry.at_ms, append.row))
        return len(rows)

    def order(self, project: str, subscription: str, subject: str) -> Iterator[Delivery]:
        """Deliveries of an order that are not parked, in order of id."""
        for one in self.outbox.values():
            effect = one.effect
            if (one.project, effect.subscription, effect.subject) == (
                project,
                subscription,
                subject,
            ) and not one.parked:
                yield one

    def heads(self) -> Iterator[Delivery]:
        """The first delivery of each order that is not parked."""
        seen = set()
        for one in self.outbox.values():
            order = (one.project, one.effect.subscription, one.effect.subject)
            if not one.parked and order not in seen:
                seen.add(order)
                yield one


def _drop(table: dict[Any, Any], keys: Iterable[Any]) -> int:
    count = 0
    for key in keys:
        del table[key]
        count += 1
    return count
