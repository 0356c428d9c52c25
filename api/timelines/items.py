"""`[timelines]` of a project file: keys, settings, webhooks, and the documents to publish.

Each part is an item of its own, and so is each document, by the id of its timeline: changing a key
publishes nothing again. A document is judged when it is read, and whatever keeps it from being
published is said with its place in the list and the JSON pointer. The switch of the service is
never touched by a project file. Rules: spec timelines 2, 5.11, 5.12.21, 5.12.23, 8; engine spec 6;
ledger TL-018.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from actors.projects import Key
from actors.timelines.document import BadDocument
from actors.timelines.findings import Problem
from actors.timelines.settings import ID, KIND, Configure, Settings
from actors.timelines.timeline import TIMELINE, publication
from api.auth import hash_key
from api.domain import Item
from api.timelines.entrance import LETTERS, SECRET, VISIBLE
from api.timelines.publishing import judged
from api.timelines.shelf import NAME
from api.timelines.webhooks import declared_item

KEYS = {"secret_keys": SECRET, "visible_keys": VISIBLE}
"""Lists of keys: the kind of each key."""
SWITCHES = ("test_clock", "naive_datetimes", "visible_read", "legacy", "webhook_private")
MISSING_USER = (404, 403, "null")
KNOWN = (*KEYS, "publish", *SWITCHES, "missing_user", "cors_origins", "webhooks")
KEY_FORM = r"_[0-9a-f]{16}\.[A-Za-z0-9_-]{43}"
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+")
PROBLEMS_SHOWN_MAX = 3
"""Of one document; `callboard timeline check` lists all."""


def items(_project: str, table: Mapping[str, Any]) -> Iterable[Item]:
    """What the table declares. Raises `ValueError` with a sentence."""
    for key in table:
        if key not in KNOWN:
            known = ", ".join(KNOWN)
            raise ValueError(f"{NAME}.{key}: unknown key; there are {known}")
    yield _settings(table)
    keys = tuple(_keys(table))
    if len({key.hash for key in keys}) != len(keys):
        raise ValueError(f"{NAME}: the same key twice")
    yield Item(f"{NAME}.keys", msgspec.json.encode(keys), (), keys)
    if "webhooks" in table:
        yield declared_item(table["webhooks"])
    yield from _published(table.get("publish", []))


# --- keys


def _keys(table: Mapping[str, Any]) -> Iterator[Key]:
    for name, kind in KEYS.items():
        letter = LETTERS[kind]
        form = re.compile(letter + KEY_FORM)
        for text in _texts(f"{NAME}.{name}", table.get(name, []), "a key or a list of keys"):
            if not form.fullmatch(text):
                reason = f"a key here is {letter}_, 16 hex digits, a dot and 43 of A-Z a-z 0-9 _ -"
                raise ValueError(f"{NAME}.{name}: {reason}")
            yield Key(hash_key(text), NAME, kind)


def _texts(name: str, value: object, what: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} is {what}")
    return tuple(texts)


# --- settings


def _settings(table: Mapping[str, Any]) -> Item:
    given: dict[str, Any] = {key: _switch(key, table[key]) for key in SWITCHES if key in table}
    if "missing_user" in table:
        given["missing_user"] = _missing_user(table["missing_user"])
    if "cors_origins" in table:
        given["cors_origins"] = _origins(table["cors_origins"])
    settings = Settings(**given)
    command = Configure(settings=settings)
    return Item(f"{NAME}.settings", msgspec.json.encode(settings), ((KIND, ID, command),))


def _switch(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{NAME}.{key} is true or false")
    return value


def _missing_user(value: object) -> object:
    if type(value) not in (int, str) or value not in MISSING_USER:
        raise ValueError(f'{NAME}.missing_user is 404, 403 or "null"')
    return value


def _origins(value: object) -> tuple[str, ...]:
    """Origins as browsers send them; compared to the letter."""
    name = f"{NAME}.cors_origins"
    if isinstance(value, str):
        raise ValueError(f"{name} is a list of origins")
    origins = _texts(name, value, "a list of origins")
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{name}: {origin!r} is no origin like https://app.example")
    return origins


# --- documents


def _published(value: object) -> Iterator[Item]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{NAME}.publish is a list of files")
    seen: set[str] = set()
    for number, each in enumerate(value):
        name = f"{NAME}.publish.{number}"
        item, timeline = _publish(name, each)
        if timeline in seen:
            raise ValueError(f"{name}: /id: an earlier file is the timeline {timeline!r} already")
        seen.add(timeline)
        yield item


def _publish(name: str, value: object) -> tuple[Item, str]:
    """A file's text, or a JSON value; and the id of its timeline."""
    if not isinstance(value, str | dict):
        raise ValueError(f"{name} is the file of a timeline")
    try:
        made = judged(value.encode() if isinstance(value, str) else msgspec.json.encode(value))
    except BadDocument as bad:
        raise ValueError(_said(name, bad.problems)) from None
    timeline = made.revision.id
    order = (TIMELINE.name, timeline, publication(made.revision, made.body))
    return Item(f"{NAME}.publish.{timeline}", made.body, (order,)), timeline


def _said(name: str, problems: Sequence[Problem]) -> str:
    """One line: the first problems with their pointers, and that there are more."""
    shown = [f"{each.pointer or 'the document'}: {each.message}" for each in problems]
    more = len(shown) - PROBLEMS_SHOWN_MAX
    tail = f"; and {more} more" if more > 0 else ""
    line = "; ".join(shown[:PROBLEMS_SHOWN_MAX]) + tail
    printable = "".join(each if each.isprintable() else repr(each)[1:-1] for each in line)
    return f"{name}: {printable}"
