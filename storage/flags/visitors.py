"""What the lists hold of visitors: their ids by handle, the visitor cache and the hit cache.

A visitor keeps its handle while its visitor id changes; the list of ids follows its facts. Without
consent facts name no id, so such a visitor has no row. Forgetting one takes the ids that it has
had, because rows of hits, assignments and caches stand under ids; but an id may be somebody else's
whom a browser only claims to be, so what a browser may forget is what came through its own visitor.
An environment belongs to one project: visitors that another project addresses in it leave no row
here, and take none along. Rules: spec flags 3.2, 5, 10.2, 10.5, 10.8.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence

import msgspec

from actors.flags.visitor_events import Authenticated, ConsentSet, Opened, Unauthenticated
from engine.messages import Address
from storage.flags import queries, tables, writes
from storage.flags.writes import Rows
from storage.store import Projected

KIND = "visitor"

_HAD = "UPDATE flag_alias SET is_current = 0 WHERE env = ? AND handle = ? AND is_current = 1"
_HAS = """
    INSERT INTO flag_alias (project, env, visitor, handle, is_current, seq)
    SELECT project, env, ?1, ?2, ?3, ?4 FROM flag_environment WHERE env = ?5 AND project = ?6
    ON CONFLICT (env, visitor, handle)
    DO UPDATE SET is_current = excluded.is_current, seq = excluded.seq"""
_TOO_MANY = """
    DELETE FROM flag_alias WHERE env = ?1 AND handle = ?2 AND is_current = 0 AND visitor IN (
        SELECT visitor FROM flag_alias WHERE env = ?1 AND handle = ?2 AND is_current = 0
        ORDER BY seq DESC, visitor DESC LIMIT -1 OFFSET ?3)"""
_OWN_CACHE = "DELETE FROM flag_visitor_cache WHERE env = ? AND visitor = ? AND handle = ?"
_ANY_CACHE = "DELETE FROM flag_visitor_cache WHERE env = ? AND visitor = ?"

HAD_MAX = 100
"""Ids that a handle had before, kept besides the one it has: of more, the oldest go."""


# --- ids


def follow(connection: sqlite3.Connection, projected: Projected) -> None:
    """Note the ids that a fact of a visitor names."""
    for event in projected.fact.events:
        match event:
            case Opened(person=person) | ConsentSet(person=person) if person is not None:
                _name(connection, projected, person.visitor_id, person.anonymous_id)
            case Authenticated():
                _name(connection, projected, event.visitor_id, event.anonymous_id)
            case Unauthenticated():
                _name(connection, projected, event.visitor_id, None)


def _name(
    connection: sqlite3.Connection, projected: Projected, visitor: str, anonymous: str | None
) -> None:
    """The visitor has this id from now on; the others it had. Ids that are not written are ""."""
    if not visitor:
        return
    env, handle = _split(projected.address)
    if projected.fact.version > 1:
        connection.execute(_HAD, (env, handle))
    for id_, is_current in ((anonymous, 0), (visitor, 1)):
        if id_:
            connection.execute(
                _HAS, (id_, handle, is_current, projected.seq, env, projected.address.project)
            )
    connection.execute(_TOO_MANY, (env, handle, HAD_MAX))


def _split(address: Address) -> tuple[str, str]:
    env, _, handle = address.id.partition(":")
    return env, handle


# --- the caches


class _Data(msgspec.Struct, rename="camel"):
    visitor_id: str = ""
    anonymous_id: str | None = None


class _Hit(msgspec.Struct):
    data: _Data


_read_hit = msgspec.json.Decoder(_Hit).decode


def cache_visitors(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[None]:
    """Keep visitors, (env, visitor id, JSON text, handle) each.

    A row takes the place of what was kept for the id through that handle, and of several handles
    the last counts; "" where none is known.
    """
    tables.CACHE_VISITORS.run(connection, [(project, *row, at_ms) for row in rows])
    return [None] * len(rows)


def flush_visitors(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[int]:
    """Delete kept visitors, (env, visitor id, handle) each; answered by the rows deleted.

    Only what was kept through that handle goes; with "" all that is kept for the id.
    """
    return [
        connection.execute(*((_OWN_CACHE, row) if row[2] else (_ANY_CACHE, row[:2]))).rowcount
        for row in rows
    ]


def cache_hits(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[None]:
    """Keep hits, (env, key, JSON text, handle) each; one with the same key is replaced.

    The text is a `HitCacheDTO`; its ids are written beside it, so that forgetting finds it. One
    without `data` is an error. A handle stays when the same hit comes without one ("").
    """
    found = []
    for env, key, text, handle in rows:
        whose = _read_hit(str(text)).data
        ids = (whose.visitor_id, whose.anonymous_id or "")
        found.append((project, env, key, *ids, text, handle, at_ms))
    tables.CACHE_HITS.run(connection, found)
    return [None] * len(rows)


def flush_hits(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[int]:
    """Delete kept hits, (env, key) each; answered by the rows deleted, 0 for an unknown key."""
    return [
        connection.execute("DELETE FROM flag_hit_cache WHERE env = ? AND key = ?", row).rowcount
        for row in rows
    ]


def flush_all_hits(
    connection: sqlite3.Connection, project: str, at_ms: int, rows: Rows
) -> Sequence[int]:
    """Delete all kept hits of environments, (env,) each; answered by the rows deleted."""
    return [
        connection.execute("DELETE FROM flag_hit_cache WHERE env = ?", row).rowcount for row in rows
    ]


# --- forgetting


def forget(connection: sqlite3.Connection, address: Address, own_only: bool) -> dict[str, int]:
    """Delete what any list holds of a visitor; rows deleted by list.

    That is what came through it, its names, and what stands under its handle and the ids that it
    has had; with `own_only` nothing by id, since another person may have the same.
    """
    env, handle = _split(address)
    if queries.project_of(connection, env) not in (address.project, None):
        return {}
    counts = Counter(writes.forget_own(connection, env, handle))
    ids = () if own_only else (handle, *queries.ids_of(connection, env, handle))
    for id_ in dict.fromkeys(ids):
        counts.update(writes.forget(connection, env, id_))
    counts["flag_alias"] = connection.execute(
        "DELETE FROM flag_alias WHERE env = ? AND handle = ?", (env, handle)
    ).rowcount
    return {name: count for name, count in counts.items() if count}
