"""`[flags.ENV]` of a project file: keys, settings, the bucketing file.

Each part is an item of its own, so changing a key does not publish the file again. Whatever cannot
be meant is said with the environment and the key. Panic is never touched by a project file.
Rules: spec flags 10.5; engine spec 5.2, 6; DESIGN 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from actors.flags.bucketing import BucketingInvalid, parse
from actors.flags.digests import summary_of
from actors.flags.environment import KIND
from actors.flags.environment_words import Configure, PutBucketing
from actors.flags.settings import Settings
from actors.projects import Key
from actors.secrets import Secret
from api.auth import hash_key
from api.domain import Item, Order
from api.flags import declared
from api.flags.declared import SETTINGS
from api.flags.entrance import API_KEY, CLIENT_KEY
from api.flags.shelf import NAME
from api.seals import Seal

ENVIRONMENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
RESERVED = frozenset(
    (
        *("campaigns", "flags", "activate", "metrics", "swagger", "v1", "v2", "ofrep"),
        *("segments", "accounts", "troubleshooting", "analytics", "emotionsai"),
        *("live", "tickets", "healthz", "readyz"),
    )
)
KEY_CHARACTERS_MIN = 8
API_KEYS_MAX = 2  # two may live at once, for rotation


def items(_project: str, table: Mapping[str, Any]) -> Iterable[Item]:
    """What the table declares. Raises `ValueError` with a sentence."""
    for env, inner in table.items():
        name = f"{NAME}.{env}"
        if not is_environment_id(env):
            raise ValueError(f"{name}: {env!r} cannot be the id of an environment")
        if not isinstance(inner, Mapping):
            raise ValueError(f"{name} is a table")
        yield from _environment(name, env, inner)


def is_environment_id(text: str) -> bool:
    """1 to 64 of A-Z a-z 0-9 _ and -, and no word that is part of a path (spec flags 10.5)."""
    return ENVIRONMENT_ID.fullmatch(text) is not None and text not in RESERVED


def _environment(name: str, env: str, table: Mapping[str, Any]) -> Iterator[Item]:
    known = {"api_key", "client_keys", "bucketing", *SETTINGS}
    for key in table:
        if key not in known:
            there_are = f"unknown key; there are {', '.join(sorted(known))}"
            raise ValueError(f"{name}.{key}: {declared.elsewhere(key) or there_are}")
    yield _settings(name, env, {key: table[key] for key in SETTINGS if key in table})
    keys = (
        *_keys(f"{name}.api_key", env, API_KEY, table.get("api_key", []), API_KEYS_MAX),
        *_keys(f"{name}.client_keys", env, CLIENT_KEY, table.get("client_keys", []), None),
    )
    if len({key.hash for key in keys}) != len(keys):
        raise ValueError(f"{name}: the same key twice")
    yield Item(f"{name}.keys", msgspec.json.encode(keys), (), keys)
    if "bucketing" in table:
        yield _bucketing(f"{name}.bucketing", env, table["bucketing"])


def _settings(name: str, env: str, given: Mapping[str, Any]) -> Item:
    """The settings; a secret among them is compared by its hash, and sealed when it is applied.

    Each sealing gives another text, so the same document would never be the same again.
    """
    settings, secret = declared.read(name, given)
    if not secret:
        commands = (_configure(env, settings),)
        return Item(f"{name}.settings", msgspec.json.encode(settings), commands)
    compared = msgspec.json.encode((settings, hash_key(secret)))
    return Item(f"{name}.settings", compared, sealed=partial(_sealed, env, settings, secret))


def _sealed(env: str, settings: Settings, secret: str, seal: Seal) -> tuple[Order, ...]:
    key = Secret(sealed=seal.seal(secret))
    return (_configure(env, msgspec.structs.replace(settings, upstream_key=key)),)


def _configure(env: str, settings: Settings) -> Order:
    return KIND, env, Configure(settings=settings)


def _keys(name: str, env: str, kind: str, value: object, most: int | None) -> tuple[Key, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} is a key or a list of keys")
    if most is not None and len(texts) > most:
        raise ValueError(f"{name}: at most {most} keys live at once")
    for text in texts:
        if len(text) < KEY_CHARACTERS_MIN or not (text.isascii() and text.isprintable()):
            raise ValueError(f"{name}: a key has {KEY_CHARACTERS_MIN} or more ASCII characters")
    return tuple(Key(hash_key(text), NAME, kind, subject=env) for text in texts)


def _bucketing(name: str, env: str, value: object) -> Item:
    """The file's text, so that putting the same file changes nothing; or a JSON value."""
    body = value.encode() if isinstance(value, str) else msgspec.json.encode(value)
    try:
        file = parse(body)
    except BucketingInvalid as invalid:
        raise ValueError(f"{name}: {invalid.path}: {invalid.reason}") from None
    command = PutBucketing(body=body, summary=summary_of(file, body))
    return Item(name, body, ((KIND, env, command),))
