"""Changing an environment: a new file, an earlier one again, the kill switch.

Every change is validated and compiled before it is asked for, answered after its commit, and shows
at once in every door. Admin keys only. Rules: spec flags 10.0, 10.3; engine spec 4.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from actors.flags.bucketing import BucketingInvalid
from actors.flags.environment import KIND
from actors.flags.environment_words import (
    BucketingChanged,
    Environment,
    PutBucketing,
    Revert,
    SetPanic,
)
from api.flags import entrance
from api.flags.bucketing import etags
from api.flags.environments import Live, Prepared, prepare_soon
from api.flags.shelf import Shelf, shelf_of
from api.http import Answer, Call, Problem, answer
from api.times import http_date, rfc3339
from engine.errors import Refused
from engine.messages import Address, Reply

PAGE = 500


class RevertBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Back to the file that was in force at this version; without it, to the file before."""

    version: int | UnsetType = UNSET


class PanicBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The kill switch: true stops everything."""

    on: bool


class Changed(msgspec.Struct, frozen=True, rename="camel"):
    """The environment after a change of its file."""

    version: int
    etag: str
    last_modified: str
    campaigns: int


class Switched(msgspec.Struct, frozen=True, rename="camel"):
    """The environment after the switch moved; `panic` also counts the file's own."""

    version: int
    on: bool
    panic: bool
    etag: str
    last_modified: str


class Invalid(Problem):
    """The file is refused; `path` is the first wrong place, `problems` up to twenty."""

    def __init__(self, invalid: BucketingInvalid) -> None:
        malformed = invalid.path == "$" and len(invalid.problems) == 1
        super().__init__(
            400 if malformed else 422,
            "bad_bucketing",
            f"{invalid.path}: {invalid.reason}",
            extra={
                "path": invalid.path,
                "problems": [{"path": path, "reason": reason} for path, reason in invalid.problems],
            },
        )


async def read_file(body: bytes) -> tuple[str, Prepared]:
    """The hash (hex of SHA-256) of a file that may be published, and the file compiled.

    Raises `BucketingInvalid`.
    """
    prepared = await prepare_soon(body)
    return hashlib.sha256(body).hexdigest(), prepared


async def put(call: Call) -> Answer:
    """Publish a file. The same file again changes nothing; `If-Match` guards what is replaced."""
    shelf = shelf_of(call.house)
    live = await entrance.for_admin(call, shelf, call.parts["env"])
    try:
        hash_, prepared = await read_file(call.body)
    except BucketingInvalid as invalid:
        raise Invalid(invalid) from None
    command = PutBucketing(body=call.body, summary=prepared.summary, expected=_expected(call, live))
    return await _change(call, shelf, live, (command, hash_, prepared))


async def revert(call: Call) -> Answer:
    """Publish an earlier file again; history is added to, never cut.

    With `version` the file that was in force then. Without it, or without a body, the file before
    the present one; so two reverts in a row go back and forth.
    """
    shelf = shelf_of(call.house)
    live = await entrance.for_admin(call, shelf, call.parts["env"])
    version = call.json(RevertBody).version if call.body else UNSET
    expected = _expected(call, live)
    if isinstance(version, UnsetType):
        published, seen = await _file_before(call, shelf, live)
        to, expected = published.version, seen if expected is None else expected
    else:
        published = await file_at(shelf, Address(live.project, KIND, live.env), version)
        to = version
    file = published.change
    prepared = await shelf.environments.prepared(live.project, file.hash)
    command = Revert(
        to=to, hash=file.hash, bytes=file.bytes, summary=prepared.summary, expected=expected
    )
    return await _change(call, shelf, live, (command, file.hash, prepared))


async def _file_before(call: Call, shelf: Shelf, live: Live) -> tuple[Published, str]:
    """The file before the present one, and the ETag in force: if that moves, nothing is done.

    A request repeated under its key means what it meant the first time.
    """
    address = Address(live.project, KIND, live.env)
    if (key := call.idempotency_key) is not None:
        kept = await shelf.directory.store.kept(live.project, call.who.name, key)
        if kept is not None and kept.address == address:
            first = (await file_at(shelf, address, kept.version)).change
            if first.reverted_to is not None:
                return await file_at(shelf, address, first.reverted_to), first.before.etag
    present = await file_at(shelf, address, live.version)
    return await file_at(shelf, address, present.version - 1), live.etag


async def panic(call: Call) -> Answer:
    """Stop everything, or go on: decisions, files and OpenFeature show it at once."""
    shelf = shelf_of(call.house)
    live = await entrance.for_admin(call, shelf, call.parts["env"])
    body = call.json(PanicBody)
    reply = await _ask(call, shelf, live, SetPanic(on=body.on))
    state: Environment = reply.state
    return answer(
        Switched(
            reply.version,
            state.operator_panic,
            state.panic,
            state.etag,
            rfc3339(state.last_modified_ms),
        )
    )


class Published(NamedTuple):
    """A change of the file, and the version it led to."""

    version: int
    change: BucketingChanged


async def file_at(shelf: Shelf, address: Address, version: int) -> Published:
    """The change whose file was in force at a version; 404 if there was none."""
    kind = shelf.directory.kind_of(address)
    current = (await shelf.directory.peek(address)).version
    upto = version if version <= current else 0
    while upto > 0:
        after = max(0, upto - PAGE)
        for stored in reversed(await shelf.directory.store.facts(address, after, upto - after)):
            event = kind.fact(stored).events[0]
            if isinstance(event, BucketingChanged):
                return Published(stored.version, event)
        upto = after
    raise Problem(404, "no_file", f"no bucketing file was in force at version {version}")


def _expected(call: Call, live: Live) -> str | None:
    """The ETag that the caller insists on; of several, the one in force if it is among them."""
    header = call.headers.get("if-match")
    if header is None:
        return None
    tags = etags(header)
    return live.etag if live.etag in tags else tags[0] if tags else '""'


async def _change(
    call: Call, shelf: Shelf, live: Live, change: tuple[PutBucketing | Revert, str, Prepared]
) -> Answer:
    command, hash_, prepared = change
    with shelf.environments.expecting(hash_, prepared):
        try:
            reply = await _ask(call, shelf, live, command)
        except Refused as refused:
            raise Problem(
                412,
                "precondition_failed",
                "another file is in force than If-Match names, or it has just changed",
                extra={"etag": live.etag},
            ) from refused
    state: Environment = reply.state
    changed = Changed(
        reply.version, state.etag, rfc3339(state.last_modified_ms), len(state.digests)
    )
    modified = http_date(state.last_modified_ms)
    return answer(changed, headers=(("ETag", state.etag), ("Last-Modified", modified)))


async def _ask(
    call: Call, shelf: Shelf, live: Live, command: PutBucketing | Revert | SetPanic
) -> Reply:
    return await shelf.directory.ask(
        Address(live.project, KIND, live.env),
        command,
        by=call.who.who,
        principal=call.who.name,
        key=call.idempotency_key,
    )
