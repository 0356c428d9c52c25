"""The generic actor routes: every kind, one shape, admin keys only.

What HTTP, the live socket and the console may see of an actor is what its kind presents; what they
may ask of it is what its table permits and its kind calls public.
"""

from __future__ import annotations

from typing import Any

import msgspec

from api.carrying import carry_out
from api.http import Answer, Call, Problem, Route, answer
from api.presenting import encode_state, present_actor
from api.times import rfc3339
from engine.kind import Kind
from engine.messages import Address, Stored, check_id
from engine.ports import REDACTED


class ActorLine(msgspec.Struct, frozen=True):
    """One actor in a list."""

    kind: str
    id: str
    version: int
    phase: str
    alarm_at: str | None


class ActorPage(msgspec.Struct, frozen=True):
    """A page of actors in order of id; `next` is the cursor of the next one, null at the end."""

    actors: list[ActorLine]
    next: str | None


class ActorShown(msgspec.Struct, frozen=True):
    """One actor: what its kind presents, and what it permits now."""

    kind: str
    id: str
    version: int
    phase: str
    state: Any
    permitted: tuple[str, ...]


class FactShown(msgspec.Struct, frozen=True):
    """One fact, as pushes show it."""

    version: int
    name: str
    time: str
    data: Any


class FactPage(msgspec.Struct, frozen=True):
    """A page of an actor's history in order of version; `next` is a position for `after`."""

    epoch: str
    facts: list[FactShown]
    next: str | None


def _kind(call: Call, name: str) -> Kind[Any]:
    kind = call.house.directory.kinds.get(name)
    if kind is None:
        raise Problem(404, "unknown_kind", f"there is no kind {name!r}")
    return kind


def _address(call: Call) -> tuple[Kind[Any], Address]:
    kind = _kind(call, call.parts["kind"])
    actor_id = check_id(call.parts["id"], call.house.settings.limits.id_bytes_max)
    return kind, Address(call.who.project, kind.name, actor_id)


async def list_actors(call: Call) -> Answer:
    """A page of actors: of one kind, or of all kinds in order of their names.

    The cursor of one kind is an id; over all kinds it is `KIND/ID`.
    """
    limits = call.house.settings.limits
    limit = max(1, call.query_int("limit", 100, limits.actors_page_max))
    name, after = call.query_one("kind"), call.query_one("after")
    if name:
        listed = await _page(call, _kind(call, name), after, limit)
        return answer(ActorPage(listed, listed[-1].id if len(listed) == limit else None))
    first, _, after = after.partition("/")
    found: list[ActorLine] = []
    for kind in sorted(call.house.directory.kinds):
        if kind >= first and len(found) < limit:
            since = after if kind == first else ""
            found += await _page(call, _kind(call, kind), since, limit - len(found))
    following = f"{found[-1].kind}/{found[-1].id}" if len(found) == limit else None
    return answer(ActorPage(found, following))


async def _page(call: Call, kind: Kind[Any], after: str, limit: int) -> list[ActorLine]:
    phase, project = call.query_one("phase"), call.who.project
    listed = await call.house.store.actors(project, kind.name, phase, after, limit)
    return [
        ActorLine(
            kind.name,
            one.address.id,
            one.version,
            one.phase,
            None if one.alarm_at_ms is None else rfc3339(one.alarm_at_ms),
        )
        for one in listed
    ]


async def show_actor(call: Call) -> Answer:
    """One actor's committed state; asking wakes nobody."""
    kind, address = _address(call)
    snapshot = await call.house.directory.peek(address)
    if not snapshot.version:
        raise Problem(404, "no_actor", f"there is no {kind.name} {address.id!r} yet")
    encode_state(kind, snapshot.state, call.house.settings.limits.presented_bytes_max)
    return answer(present_actor(kind, snapshot))


async def list_facts(call: Call) -> Answer:
    """A page of an actor's kept facts after a position."""
    kind, address = _address(call)
    house = call.house
    snapshot = await house.directory.peek(address)
    epoch = f"{house.store.epoch}.{snapshot.generation}"
    given, _, text = call.query_one("after").rpartition(":")
    if (text and not (text.isascii() and text.isdigit() and len(text) < 16)) or (
        given and given != epoch
    ):
        raise Problem(409, "other_history", "that position is of another history: start anew")
    most = house.settings.limits.facts_page_max
    limit = max(1, call.query_int("limit", 100, most))
    stored = await house.store.facts(address, int(text or 0), limit)
    shown = [
        FactShown(one.version, one.name, rfc3339(one.at_ms), _shown(kind, one)) for one in stored
    ]
    following = f"{epoch}:{shown[-1].version}" if len(shown) == limit else None
    return answer(FactPage(epoch, shown, following))


def _shown(kind: Kind[Any], stored: Stored) -> Any:
    return None if stored.name == REDACTED else kind.present_events(kind.fact(stored).events)


async def command_actor(call: Call) -> Answer:
    """Carry out a public command; the answer is the actor after the commit."""
    kind, address = _address(call)
    try:
        command = kind.parse(call.parts["command"], call.body)
    except msgspec.MsgspecError as error:
        raise Problem(400, "bad_command", str(error)) from None
    done = await carry_out(call.house, call.who, address, command, call.idempotency_key)
    return answer(done.body)


ROUTES = (
    Route(
        "GET", "/v1/actors", list_actors, summary="List actors of a kind", tag="actors",
        query=("kind", "phase", "after", "limit"), answers={200: ActorPage},
    ),
    Route(
        "GET", "/v1/actors/{kind}/{id}", show_actor, summary="Show an actor", tag="actors",
        answers={200: ActorShown},
    ),
    Route(
        "GET", "/v1/actors/{kind}/{id}/facts", list_facts, summary="Page through its facts",
        tag="actors", query=("after", "limit"), answers={200: FactPage},
    ),
    Route(
        "POST", "/v1/actors/{kind}/{id}/{command}", command_actor, summary="Command an actor",
        tag="actors", body=dict[str, Any], answers={200: ActorShown},
    ),
)  # fmt: skip
