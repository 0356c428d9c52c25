"""The administration of projects: declaring them, their keys, their audit.

A secret is shown once, in the answer to whoever created it, and in the form that its door's keys
have. `PUT` takes the document that `callboard apply` makes of a project file, with file contents
inline; it may be large, and is read in a thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import msgspec
import trio

from actors.projects import KEY_ID_DIGITS, CreateKey, Key, RevokeKey
from api.actors import FactPage, list_facts
from api.apply import Report, declare, is_project_name
from api.auth import ADMIN, OPERATOR, hash_key
from api.http import Answer, Call, Problem, Route, answer
from api.times import rfc3339
from engine.messages import Address
from storage.projects import CredentialRow, keys_of

KEYS_MAX = 1_000
DOCUMENT_BYTES_MAX = 64_000_000


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key to create: an admin key, or one of a door bound to a subject (an environment id)."""

    door: str = ""
    kind: str = ADMIN
    subject: str = ""
    label: str = ""


class KeyShown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key as lists show it; `key` only in the answer to its creation."""

    key_id: str
    door: str
    kind: str
    subject: str
    label: str
    created: str
    item: str = ""
    key: str = ""


async def put_project(call: Call) -> Answer:
    """Declare a project; repeating it changes nothing."""
    project = call.parts["project"]
    if not is_project_name(project):
        raise Problem(422, "bad_document", "a project's name is 1 to 64 of A-Z a-z 0-9 _ -")
    if call.who.kind != OPERATOR and call.who.project != project:
        raise Problem(404, "no_project", "there is no such project here")
    document = await trio.to_thread.run_sync(call.json, dict[str, Any])
    if document.setdefault("project", project) != project:
        raise Problem(422, "bad_document", "`project` differs from the address")
    return answer(await declare(call.house, document, call.who.who))


async def list_keys(call: Call) -> Answer:
    """The project's keys, without their secrets."""
    project = call.who.project
    rows = await call.house.tables.read(lambda connection: keys_of(connection, project, KEYS_MAX))
    return answer([_shown(row) for row in rows])


async def create_key(call: Call) -> Answer:
    """Create a key; the answer is the only place where it is shown."""
    new = call.json(NewKey)
    doors = {"", *(domain.name for domain in call.house.domains)}
    if new.door not in doors or not new.kind or (new.door == "") != (new.kind == ADMIN):
        raise Problem(422, "bad_key", "name a door and its kind of key, or neither for an admin")
    try:
        secret = _maker(call, new.door)(new.kind)
    except ValueError as error:
        raise Problem(422, "bad_key", str(error)) from None
    key = Key(hash_key(secret), new.door, new.kind, new.subject, new.label)
    reply = await call.house.directory.ask(_project(call), CreateKey(key=key), by=call.who.who)
    at_ms = reply.fact.at_ms if reply.fact else call.house.clock.now_ms()
    shown = KeyShown(
        key.hash[:KEY_ID_DIGITS], key.door, key.kind, key.subject, key.label, rfc3339(at_ms),
        key=secret,
    )  # fmt: skip
    return answer(shown, 201)


async def revoke_key(call: Call) -> Answer:
    """Revoke a key by its id; its sockets close."""
    project, key_id = call.who.project, call.parts["key_id"]
    rows = await call.house.tables.read(lambda connection: keys_of(connection, project, KEYS_MAX))
    found = [row for row in rows if row.hash[:KEY_ID_DIGITS] == key_id]
    if not found:
        raise Problem(404, "no_key", "there is no such key")
    if [row.hash for row in rows if row.kind == ADMIN] == [found[0].hash]:
        raise Problem(409, "last_key", "this is the project's last admin key")
    await call.house.directory.ask(_project(call), RevokeKey(hash=found[0].hash), by=call.who.who)
    return Answer(204)


async def audit(call: Call) -> Answer:
    """Who changed what and when: the project's own facts."""
    call.parts = {"kind": "project", "id": call.who.project}
    return await list_facts(call)


def _secret(kind: str) -> str:
    """A fresh key of a door whose keys have no form of their own: 24 random bytes."""
    return f"{kind}_{secrets.token_urlsafe(24)}"


def _maker(call: Call, door: str) -> Callable[[str], str]:
    """How a door's keys are made from their kind; some have a form of their own."""
    for domain in call.house.domains:
        if domain.name == door and domain.new_key is not None:
            return domain.new_key
    return _secret


def _project(call: Call) -> Address:
    return Address(call.who.project, "project", call.who.project)


def _shown(row: CredentialRow) -> KeyShown:
    return KeyShown(
        row.hash[:KEY_ID_DIGITS], row.door, row.kind, row.subject, row.label,
        rfc3339(row.created_at), row.item,
    )  # fmt: skip


ROUTES = (
    Route(
        "PUT", "/v1/projects/{project}", put_project, "project", summary="Declare a project",
        tag="projects", body=dict[str, Any], answers={200: Report},
        body_bytes_max=DOCUMENT_BYTES_MAX,
    ),
    Route("GET", "/v1/keys", list_keys, summary="List keys", tag="projects",
          answers={200: list[KeyShown]}),
    Route("POST", "/v1/keys", create_key, summary="Create a key", tag="projects", body=NewKey,
          answers={201: KeyShown}),
    Route("DELETE", "/v1/keys/{key_id}", revoke_key, summary="Revoke a key", tag="projects",
          answers={204: None}),
    Route("GET", "/v1/audit", audit, summary="Who changed what, and when", tag="projects",
          query=("after", "limit"), answers={200: FactPage}),
)  # fmt: skip
