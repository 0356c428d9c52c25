"""Visitors over HTTP: the SDK's methods as routes.

`POST visitors` is `newVisitor`, each command has a route of its own, flags are read with GET, and
DELETE erases the person. `{id}` is the handle, or the visitor id that somebody has now. Browsers
call this with a client key and with the token that they got for it, from anywhere. Errors are RFC
9457. Rules: spec flags 4, 10.4, 10.5; engine spec 5.2, 7.3; ledger FS-003, FS-009, FS-114, FS-146.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import msgspec.structs

from actors.flags.names import FlagStatus, LogLevel, Tag
from actors.flags.visitor import KIND
from actors.flags.visitor_words import Fetch, FetchFlags, Open, Visitor
from api.flags import batches, entrance, visiting
from api.flags.entrance import Guest
from api.flags.requesting import BODIES, COMMANDS, command_of, prefers_not_to_wait
from api.flags.shelf import shelf_of
from api.flags.showing import (
    FlagShown,
    FlagsShown,
    SerializedFlag,
    VisitorShown,
    flag_shown,
    flags_serialized,
    flags_shown,
    visitor_shown,
)
from api.flags.visits import Visit, existing, is_ready, may
from api.flags.wire import SHARED
from api.http import Answer, Call, Handler, Problem, Route, encode, present_problem
from engine.effects import Note
from engine.messages import Address, check_id

APPLIED = ("Preference-Applied", "respond-async")
UP_TO_DATE = frozenset((Fetch.FETCHED, Fetch.FETCHING))
FILTERS = ("key", "campaignId", "status")


def shown(body: object, status: int = 200, *headers: tuple[str, str]) -> Answer:
    """A JSON answer that pages from anywhere may read."""
    return Answer(status, encode(body), headers=(*SHARED, *headers))


async def _arrive(call: Call) -> Visit:
    """Who calls, at which visitor; raises what `entrance.for_visitors` raises."""
    shelf = shelf_of(call.house)
    guest = await entrance.for_visitors(call, shelf, call.parts["env"])
    live = guest.live
    check_id(call.parts["id"], call.house.settings.limits.id_bytes_max)
    return _visit(call, guest, await shelf.aliases.find(live.project, live.env, call.parts["id"]))


def _visit(call: Call, guest: Guest, address: Address) -> Visit:
    minter = guest.key if guest.key.kind == entrance.CLIENT_KEY else None
    return Visit(shelf_of(call.house), guest.live, guest.at(address.id), address, minter)


async def _look(call: Call) -> tuple[Visit, Visitor, int]:
    """A visitor to look at, with its version; raises 403 and 404."""
    visit = await _arrive(call)
    may(visit, None)
    snapshot = await existing(visit)
    return visit, snapshot.state, snapshot.version


# --- the visitor


async def create(call: Call) -> Answer:
    """`newVisitor`: 201, or 200 for a handle that was there and is opened again.

    Without `visitorId` the handle is a new UUID; under an `Idempotency-Key` it follows from the
    key, so a repeat finds the same visitor. With a client key the answer holds a `token`. Unless
    `fetchNow` is false it answers when the fetch has ended.
    """
    guest = await entrance.for_visitors(call, shelf_of(call.house), call.parts["env"])
    key, command = call.idempotency_key, command_of("open", call.body)
    handle = command.visitor_id if isinstance(command, Open) else None
    live = guest.live
    if handle is None:
        handle = call.house.directory.new_id() if key is None else _handle(guest, key)
    address = Address(live.project, KIND, f"{live.env}:{handle}")
    visit = _visit(call, guest, address)
    carried = await visiting.do(visit, command, key)
    return shown(carried.body, 201 if carried.is_new else 200)


def _handle(guest: Guest, key: str) -> str:
    """A UUID of version 4 (FS-009), made from who asks under which key."""
    name = "\n".join((guest.live.project, guest.live.env, guest.key.name, key))
    return str(uuid.UUID(bytes=uuid.uuid5(uuid.NAMESPACE_OID, name).bytes, version=4))


async def show(call: Call) -> Answer:
    """The visitor as it is now; nobody is woken for it."""
    _, visitor, version = await _look(call)
    return shown(visitor_shown(visitor, version))


async def command(call: Call) -> Answer:
    """Carry out a command; the answer is the visitor after the commit.

    `fetchFlags` answers when the fetch has ended; with `Prefer: respond-async` at once, with 202.
    """
    visit = await _arrive(call)
    asked = await visiting.read(visit, call.parts["command"], call.body)
    wait = not prefers_not_to_wait(call)
    carried = await visiting.do(visit, asked, call.idempotency_key, wait=wait)
    if carried.is_under_way and not wait:
        return shown(carried.body, 202, APPLIED)
    return shown(carried.body)


async def batch(call: Call) -> Answer:
    """Carry out several commands in order; a refused one does not stop those behind it.

    Consecutive ones share commits. Under an `Idempotency-Key` each is carried out once.
    """
    visit = await _arrive(call)
    given = call.json(batches.Batch)
    if visit.principal.kind not in entrance.SERVER_SIDE:
        for _ in given.commands[1:]:  # the first one is counted as the request
            visit.shelf.limits.take(visit.live.env, call.client)
    return shown(await batches.carry_out(visit, given, call.idempotency_key))


async def erase(call: Call) -> Answer:
    """Erase the person: facts, kept assignments, hits, caches, tokens."""
    await visiting.erase(await _arrive(call))
    return Answer(204, headers=SHARED)


# --- flags


async def flags(call: Call) -> Answer:
    """The visitor's flags; `key`, `campaignId` and `status`, each repeatable, filter them."""
    visit, visitor, _ = await _look(call)
    keys, campaigns, statuses = (frozenset(call.query.get(name, ())) for name in FILTERS)
    if unknown := statuses - set(FlagStatus):
        raise Problem(400, "bad_query", f"there is no status {min(unknown)[:64]!r}")
    found = flags_shown(
        visitor,
        is_ready=await is_ready(visit),
        keys=keys,
        campaigns=campaigns,
        statuses=statuses,
    )
    return shown(found)


async def flag(call: Call) -> Answer:
    """One flag: value, status, metadata, and whether it exists. Reading it exposes nothing."""
    visit, visitor, _ = await _look(call)
    found = flag_shown(visitor, call.parts["key"], is_ready=await is_ready(visit))
    if visitor.status not in UP_TO_DATE:
        text = f"the flag {found.key[:64]!r} is not up to date: {visitor.status}"
        visiting.say(visit, Note(LogLevel.WARNING, Tag.GET_FLAG, text))
    return shown(found)


async def flags_json(call: Call) -> Answer:
    """The flags as `toJSON` gives them, each with `hex`; usable as `initialFlagsData`."""
    visit, visitor, _ = await _look(call)
    return shown(flags_serialized(visitor, is_ready=await is_ready(visit)))


# --- the table

CORS = (
    *SHARED,
    ("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"),
    ("Access-Control-Allow-Headers", "Content-Type, Authorization, X-Api-Key, Idempotency-Key, "
     "Prefer"),
    ("Access-Control-Max-Age", "86400"),
)  # fmt: skip
VISITORS = "/flags/v1/{env}/visitors"
ONE = f"{VISITORS}/{{id}}"
SHOWN = {200: VisitorShown}


def present(problem: Problem, call: Call | None = None) -> Answer:
    """A problem as RFC 9457, readable by pages from anywhere."""
    plain = present_problem(problem, call)
    return Answer(plain.status, plain.body, plain.content_type, (*SHARED, *plain.headers))


async def preflight(_call: Call) -> Answer:
    """A browser asks what it may send: anybody may ask, without a key."""
    return Answer(204, headers=CORS)


def _route(method: str, path: str, handler: Handler, summary: str, **more: Any) -> Route:
    """A route; where its path names a visitor, request logs do not (the id may be a person's)."""
    return Route(
        method, path, handler, "handler", summary=summary, present=present, cors=True,
        tag="visitors", private_path="{id}" in path, **more,
    )  # fmt: skip


def _bound(name: str) -> Handler:
    """The handler of one command, whose name its path holds as it is."""

    async def handler(call: Call) -> Answer:
        call.parts["command"] = name
        return await command(call)

    handler.__doc__ = COMMANDS[name].__doc__
    return handler


def _needs_body(name: str) -> bool:
    return any(field.required for field in msgspec.structs.fields(BODIES[name]))


def _commands() -> Iterator[Route]:
    """A route for each public command, with the body that it takes."""
    for name, kind in COMMANDS.items():
        answers = {200: VisitorShown, **({202: VisitorShown} if kind is FetchFlags else {})}
        yield _route(
            "POST", f"{ONE}/{name}", _bound(name), f"The command {name}", body=BODIES[name],
            body_required=_needs_body(name), answers=answers,
        )  # fmt: skip


ROUTES = (
    _route("POST", VISITORS, create, "Create a visitor, or open it again", body=BODIES["open"],
           body_required=False,
           answers={200: VisitorShown, 201: VisitorShown}),
    _route("GET", ONE, show, "Show a visitor", answers=SHOWN),
    _route("DELETE", ONE, erase, "Erase a visitor", answers={204: None}),
    _route("GET", f"{ONE}/flags", flags, "The flags of a visitor", query=FILTERS,
           answers={200: FlagsShown}),
    _route("GET", f"{ONE}/flags.json", flags_json, "The flags, serialised",
           answers={200: list[SerializedFlag]}),
    _route("GET", f"{ONE}/flags/{{key}}", flag, "One flag", answers={200: FlagShown}),
    _route("POST", f"{ONE}/batch", batch, "Several commands", body=batches.Batch,
           answers={200: batches.Results}),
    *_commands(),
    _route("POST", f"{ONE}/{{command}}", command, "A command", hidden=True),
    *(
        Route("OPTIONS", path, preflight, "open", hot=True, present=present, hidden=True)
        for path in (VISITORS, ONE, f"{ONE}/{{rest}}", f"{ONE}/flags/{{key}}")
    ),
)  # fmt: skip
