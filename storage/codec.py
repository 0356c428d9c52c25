"""Values of the port as rows, and back.

The shapes of the tables stand in `storage/migrations.py`; this file is the only one that knows
which column holds what. A tombstone is a row without state whose phase is empty, so that lists by
phase never meet it.
"""

from __future__ import annotations

from typing import Any

from engine.effects import Effect
from engine.messages import Address, Fact, Stored
from engine.ports import Change, Delivery, Entry, Kept, Listed, Loaded

Row = tuple[Any, ...]

ERASED = "erased"
"""The phase that `load` shows for a tombstone."""

ACTOR = "version, generation, phase, state, state_version, since, alarm_at"
FACT = "seq, project, kind, id, version, name, body, at"
DELIVERY = (
    "id, project, kind, actor, version, sender, subject, subscription, about, body, "
    "due_at, attempts, parked, error, cursor"
)
KEPT = "project, principal, key, fingerprint, kind, id, version, generation, state, at"


def since_text(since_ms: tuple[int, ...]) -> str:
    """When each machine entered its phase, as stored: milliseconds joined by commas."""
    return ",".join(map(str, since_ms))


def since_of(text: str) -> tuple[int, ...]:
    """Read what `since_text` wrote."""
    return tuple(map(int, text.split(","))) if text else ()


def actor_row(change: Change) -> Row:
    """A change as the row it leaves: address, then the columns of `ACTOR`."""
    erased = change.erases
    return (
        *change.address,
        change.version,
        change.generation,
        "" if erased else change.phase,
        None if erased else change.state,
        change.version,
        "" if erased else since_text(change.since_ms),
        None if erased else change.alarm_at_ms,
    )


def merged_row(earlier: Row, later: Row) -> Row:
    """The row after two changes of one commit: a state that is not written again stays."""
    if later[6] is not None:
        return later
    return (*later[:6], earlier[6], earlier[7], *later[8:])


def fact_row(seq: int, address: Address, fact: Fact) -> Row:
    """A fact as a row: the columns of `FACT`."""
    return (seq, *address, fact.version, fact.name, fact.body, fact.at_ms)


def stored(row: Row) -> Stored:
    """Read the columns of `FACT`."""
    return Stored(row[0], Address(row[1], row[2], row[3]), *row[4:])


def loaded(row: Row, tail: tuple[Stored, ...] = ()) -> Loaded:
    """Read the columns of `ACTOR`."""
    version, generation, phase, state, _, since, alarm_at = row
    if state is None:
        return Loaded(version, generation, ERASED, None, (), None)
    return Loaded(version, generation, phase, state, since_of(since), alarm_at, tail)


def listed(row: Row) -> Listed:
    """Read project, kind, id, version, phase, alarm_at."""
    return Listed(Address(*row[:3]), *row[3:])


def effect_row(entry: Entry, cause: Address, version: int, effect: Effect) -> Row:
    """An effect as an outbox row, without id and order."""
    return (
        entry.project,
        cause.kind,
        cause.id,
        version,
        effect.sender,
        effect.subject,
        effect.subscription,
        effect.about,
        effect.body,
        entry.at_ms + effect.due_in_ms,
    )


def delivery(row: Row) -> Delivery:
    """Read the columns of `DELIVERY`; the effect's delay is spent, its cause is of its project."""
    id_, project, kind, actor, version, sender, subject, subscription, about, body = row[:10]
    effect = Effect(
        sender=sender, subject=subject, body=body, subscription=subscription, about=about
    )
    return Delivery(
        id=id_,
        project=project,
        cause=Address(project, kind, actor),
        version=version,
        effect=effect,
        due_at_ms=row[10],
        attempts=row[11],
        parked=bool(row[12]),
        error=row[13],
        cursor=row[14],
    )


def kept_row(kept: Kept) -> Row:
    """A kept answer as a row: the columns of `KEPT`."""
    return (
        kept.project,
        kept.principal,
        kept.key,
        kept.fingerprint,
        kept.address.kind,
        kept.address.id,
        kept.version,
        kept.generation,
        kept.state,
        kept.at_ms,
    )


def kept_of(row: Row) -> Kept:
    """Read the columns of `KEPT`."""
    project, principal, key, fingerprint, kind, id_, version, generation, state, at_ms = row
    return Kept(
        project=project,
        principal=principal,
        key=key,
        fingerprint=fingerprint,
        address=Address(project, kind, id_),
        version=version,
        generation=generation,
        state=state,
        at_ms=at_ms,
    )
