"""Applying a project document: do what differs from last time, and only that.

The project remembers the hash of the last applied value of each item. An item whose value differs
is carried out first and remembered afterwards, so a crash in between repeats it, and repeating
changes nothing. What operators changed at run time stands; items no longer named are reported.
Judging a large document takes seconds, so documents are read in a thread: nobody else waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import trio

from actors.projects import Declare, Key, Live
from api.auth import ADMIN, hash_key
from api.domain import Item
from api.house import House
from api.http import Problem
from engine.errors import ClaimTaken, Refused
from engine.messages import Address

KEY_CHARACTERS_MIN = 8


class Report(msgspec.Struct, frozen=True):
    """What applying did, by item name."""

    project: str
    applied: tuple[str, ...]
    unchanged: tuple[str, ...]
    not_named: tuple[str, ...]


class BadDocument(Problem):
    """A document that cannot be meant; nothing of it was applied."""

    def __init__(self, detail: str) -> None:
        super().__init__(422, "bad_document", detail)


class Declared(NamedTuple):
    """An item, the SHA-256 of its value in hex, and who may listen if the item says that."""

    item: Item
    digest: str
    live: Live | None = None


async def declare(house: House, document: Mapping[str, Any], who: str) -> Report:
    """Apply a project document. Raises `BadDocument`, or an engine error half-way: repeat it."""
    project, items = await trio.to_thread.run_sync(read_items, house, document)
    address = Address(project, "project", project)
    snapshot = await house.directory.peek(address)
    before: Mapping[str, str] = snapshot.state.applied if snapshot.exists else {}
    applied, unchanged = [], []
    for item, digest, live in items:
        is_usable = item.sealed is None or house.seal.has_key  # a lost key file: sealed anew
        if before.get(item.name) == digest and is_usable:
            unchanged.append(item.name)
            continue
        await _carry_out(house, address, item, live, digest, who)
        applied.append(item.name)
    named = {each.item.name for each in items}
    gone = sorted(set(before) - named)
    return Report(project, tuple(applied), tuple(unchanged), tuple(gone))


async def _carry_out(
    house: House, project: Address, item: Item, live: Live | None, digest: str, who: str
) -> None:
    try:
        commands = item.commands if item.sealed is None else item.sealed(house.seal)
        for kind, actor_id, command in commands:
            address = Address(project.project, kind, actor_id)
            await house.directory.ask(address, command, by=who)
        declaration = Declare(item=item.name, digest=digest, keys=item.keys, live=live)
        await house.directory.ask(project, declaration, by=who)
    except ClaimTaken as taken:
        raise BadDocument(f"{item.name}: {taken} by another project or item") from taken
    except Refused as refused:
        raise BadDocument(f"{item.name}: {refused}") from refused


def read_items(house: House, document: Mapping[str, Any]) -> tuple[str, list[Declared]]:
    """Read a whole document before anything of it is done: the project's name, and its items.

    In any thread: nothing is touched but the document. Raises `BadDocument`.
    """
    project = document.get("project")
    if not isinstance(project, str) or not is_project_name(project):
        raise BadDocument("`project` is 1 to 64 of A-Z a-z 0-9 _ -")
    known = {"project", "admin_keys", "live", *(domain.name for domain in house.domains)}
    if unknown := sorted(set(document) - known):
        raise BadDocument(f"unknown table or key {unknown[0]!r}")
    try:
        items = list(_own_items(document))
        for domain in house.domains:
            table = document.get(domain.name)
            if table is None:
                continue
            if not isinstance(table, Mapping):
                raise BadDocument(f"[{domain.name}] is a table")
            items.extend(map(_declared, domain.items(project, table)))
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise BadDocument(str(error)) from None
    return project, items


def _declared(item: Item, live: Live | None = None) -> Declared:
    return Declared(item, hashlib.sha256(item.value).hexdigest(), live)


def _own_items(document: Mapping[str, Any]) -> Iterator[Declared]:
    if "admin_keys" in document:
        keys = read_keys(document["admin_keys"], "admin_keys")
        admins = tuple(
            Key(hash_key(key), "", ADMIN, label=f"admin_{place}")
            for place, key in enumerate(keys, 1)
        )
        item = Item("admin_keys", "\n".join(map(hash_key, keys)).encode(), (), admins)
        yield _declared(item)
    if "live" in document:
        live = msgspec.convert(document["live"], Live)
        if unknown := set(document["live"]) - {"public", "origins"}:
            raise ValueError(f"unknown key live.{min(unknown)}")
        yield _declared(Item("live", msgspec.json.encode(live)), live)


def read_keys(value: object, name: str) -> tuple[str, ...]:
    """A key, or a list of keys, of at least 8 printable characters. Raises `ValueError`."""
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} is a key or a list of keys")
    for text in texts:
        if len(text) < KEY_CHARACTERS_MIN or not text.isprintable() or not text.isascii():
            raise ValueError(f"{name}: a key has {KEY_CHARACTERS_MIN} or more ASCII characters")
    if len(set(texts)) != len(texts):
        raise ValueError(f"{name}: the same key twice")
    return tuple(texts)


def is_project_name(text: str) -> bool:
    """1 to 64 characters of A-Z a-z 0-9 _ and -."""
    plain = text.replace("_", "").replace("-", "")
    return 1 <= len(text) <= 64 and text.isascii() and (plain == "" or plain.isalnum())
