"""Carrying out a visitor's command: one way for HTTP, batches, the live socket and `/v1/actors`.

Who asks is judged first, then what was given: where nothing of it can be used, nothing is asked.
The actor decides; a fetch that it started is carried to its end before the answer, and whoever asks
for flags while they are fetched waits for the same fetch. What the SDK would log is said on the
way, also about refusals. Whoever has no key of the server side may speak for the visitor only, not
for everybody with its id: what an erasure of theirs takes along came through that visitor.
Rules: spec flags 4.3, 4.6, 10.4, 10.5, 10.8; engine spec 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from actors.flags.flag_values import serialized
from actors.flags.names import LogLevel, Tag
from actors.flags.visitor_exposures import value_for
from actors.flags.visitor_words import (
    FetchFlags,
    GetFlags,
    GetValue,
    Open,
    SetConsent,
    Visitor,
)
from api.auth import Principal
from api.carrying import Done
from api.flags import entrance, given, remarks, tokens
from api.flags.requesting import command_of
from api.flags.shelf import shelf_of
from api.flags.showing import VisitorShown, permitted, visitor_shown
from api.flags.visits import Visit, existing, is_ready, may, sdk_status
from api.http import Problem, encode
from engine.effects import Note
from engine.errors import Refused, UnknownCommand
from engine.messages import Address, Command, Erase, Reply

if TYPE_CHECKING:
    from api.house import House

UNKNOWN = "COMMAND"
"""The tag of remarks about commands that there are not; no SDK has one for it."""


class Carried(NamedTuple):
    """An accepted command: the version it led to, the body, and what HTTP makes of it.

    `is_new`: it created the visitor; `is_under_way`: a fetch goes on that was not waited for.
    """

    version: int
    body: VisitorShown
    is_new: bool = False
    is_under_way: bool = False


async def carry_out(
    house: House, principal: Principal, address: Address, command: Command, key: str | None
) -> Done:
    """The visitor's `Domain.carry_out`; `address.id` is `ENV:HANDLE`.

    Raises `Problem` (401 and 403 by rights, 404 no visitor, 422 nothing usable, 429) or an engine
    error (`Refused` by the tables).
    """
    shelf = shelf_of(house)
    env = address.id.partition(":")[0]
    live = shelf.environments.live.get(env) or await shelf.environments.find(env)
    if live is None or live.project != address.project:
        raise Problem(404, "no_environment", "there is no such environment")
    minter = principal if principal.kind == entrance.CLIENT_KEY else None
    carried = await do(Visit(shelf, live, principal, address, minter), command, key)
    return Done(carried.version, carried.body)


async def do(
    visit: Visit, command: Command, key: str | None = None, *, wait: bool = True
) -> Carried:
    """Have one command carried out. Without `wait` a fetch that it starts goes on behind it."""
    try:
        judge(visit, command)
        if isinstance(command, Open | SetConsent) and not _is_trusted(visit):
            command = msgspec.structs.replace(command, own_only=True)
        if isinstance(command, Open):
            return await _open(visit, command, key, wait)
        await existing(visit)
        reply = await _ask(visit, command, key)
        return await finish(visit, command, reply, wait=wait)
    except Exception as error:
        await told(visit, command, error)
        raise


def judge(visit: Visit, command: Command) -> None:
    """Rights, then what was given, then what a stranger may still write today. Plain."""
    may(visit, command)
    given.check(command)
    if not _is_trusted(visit):
        rows = given.rows_of(command)
        visit.shelf.limits.count_rows(visit.live.env, rows, visit.live.settings.daily_rows_max)


def _is_trusted(visit: Visit) -> bool:
    return visit.principal.kind in entrance.SERVER_SIDE


async def _ask(visit: Visit, command: Command, key: str | None) -> Reply:
    principal = visit.principal
    return await visit.shelf.directory.ask(
        visit.address, command, by=principal.who, principal=principal.name, key=key
    )


async def erase(visit: Visit) -> None:
    """Erase the person: facts, lists, caches, pending hits and tokens go with one fact (10.5).

    A browser takes only what came through this visitor.
    """
    may(visit, None)
    await existing(visit)
    who = visit.principal.who
    order = Erase(privacy=True, own_only=not _is_trusted(visit))
    await visit.shelf.directory.ask(visit.address, order, by=who)


# --- opening


async def _open(visit: Visit, command: Open, key: str | None, wait: bool) -> Carried:
    handle = visit.address.id.partition(":")[2]
    given.check_id(handle, Tag.VISITOR_ID)
    if command.visitor_id not in (None, handle):
        raise Problem(400, "bad_id", "`visitorId` is the visitor's handle, or absent")
    async with visit.shelf.openings.alone(visit.address):
        before = await visit.shelf.directory.peek(visit.address)
        is_known = before.exists and visit.principal.kind == entrance.CLIENT_KEY
        if is_known and not await _is_repeat(visit, key):
            raise Problem(403, "not_yours", "this visitor exists: its token must come too")
        token = None
        if visit.minter is not None:  # before the visitor is there: its erasure takes it along
            token = await tokens.mint(visit.shelf, visit.live, visit.address, visit.minter)
        reply = await _ask(visit, command, key)
    is_new = reply.version == 1 if reply.repeated else not before.exists
    carried = await finish(visit, command, reply, wait=wait, token=token)
    return carried._replace(is_new=is_new)


async def _is_repeat(visit: Visit, key: str | None) -> bool:
    """Whether this caller opened this visitor under this very key: then it may hear it again."""
    if key is None:
        return False
    address, store = visit.address, visit.shelf.directory.store
    kept = await store.kept(address.project, visit.principal.name, key)
    return kept is not None and kept.address == address


# --- after the decision


async def finish(
    visit: Visit,
    command: Command,
    reply: Reply,
    *,
    wait: bool = True,
    token: str | None = None,
) -> Carried:
    """Carry a fetch to its end, say what is to be said, and show the visitor."""
    state, version = reply.state, reply.version
    lines = remarks.tell(
        visit.shelf.house, visit.address, reply.notes, visit.live.settings.log_level
    )
    if isinstance(command, Open | FetchFlags) and state.fetch is not None:
        state, version = await _fetched(visit, reply, wait)
    elif reply.repeated and not state.consented:  # what is not written was not kept either
        snapshot = await existing(visit)
        state, version = snapshot.state, snapshot.version
    more = await _added(visit, command, state)
    if token is not None:
        more["token"] = token
    if lines:
        more["logs"] = lines
    body = visitor_shown(state, version, **more)
    most = visit.shelf.house.settings.limits.presented_bytes_max
    if isinstance(command, GetFlags) and len(encode(body)) > most:  # all else is small by its rules
        raise Problem(413, "too_big_to_show", "these flags are too big to be shown in an answer")
    is_under_way = isinstance(command, FetchFlags) and state.fetch is not None
    return Carried(version, body, is_under_way=is_under_way)


async def _fetched(visit: Visit, reply: Reply, wait: bool) -> tuple[Visitor, int]:
    """Begin the fetch if this command started it; then wait until it is over, whoever began it."""
    fetches, fetch = visit.shelf.fetches, reply.state.fetch
    if reply.fact is not None:
        await fetches.carry_out(visit.live, visit.address, reply.state, wait=wait)
    if wait:
        snapshot = await fetches.ended(visit.address, fetch.id)
    else:
        snapshot = await visit.shelf.directory.peek(visit.address)
    if not snapshot.exists:
        raise Problem(404, "no_visitor", "the visitor was erased meanwhile")
    return snapshot.state, snapshot.version


async def _added(visit: Visit, command: Command, state: Visitor) -> dict[str, Any]:
    """What a command adds to the body of its visitor."""
    if isinstance(command, GetValue):
        return {"value": value_for(state, command, is_ready=await is_ready(visit))}
    if isinstance(command, GetFlags):
        return {"flags": serialized(state.person.campaigns) if await is_ready(visit) else []}
    return {}


# --- refusals


async def read(visit: Visit, name: str, body: bytes) -> Command:
    """Read a command. Where there is none of that name: 404 with those that are permitted now."""
    try:
        return command_of(name, body)
    except UnknownCommand as error:
        may(visit, None)
        snapshot = await visit.shelf.directory.peek(visit.address)
        say(visit, Note(LogLevel.ERROR, UNKNOWN, f"there is no command {name[:64]!r}"))
        may_now = permitted(snapshot.state) if snapshot.exists else ("open",)
        raise UnknownCommand(name[:64], may_now) from error


async def told(visit: Visit, command: Command, error: Exception) -> None:
    """Say why a command was refused, with the SDK's level and tag; other errors are not its own."""
    if isinstance(error, given.Unusable):
        say(visit, *error.notes)
    elif isinstance(error, Refused):
        snapshot = await visit.shelf.directory.peek(visit.address)
        consented = snapshot.exists and snapshot.state.consented
        say(visit, remarks.refusal(command, await sdk_status(visit), consented, error.why))
    elif isinstance(error, Problem) and error.status in (400, 404):
        say(visit, Note(LogLevel.ERROR, remarks.tag_of(command), error.detail))


def say(visit: Visit, *notes: Note) -> None:
    """Say remarks that stand in no answer. Plain."""
    remarks.tell(visit.shelf.house, visit.address, notes, visit.live.settings.log_level)
