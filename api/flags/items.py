"""`[flags.ENV]` of a project file: keys, settings, the bucketing file.

Each part is an item of its own, so changing a key does not publish the file again. Whatever cannot
be meant is said with the environment and the key. Panic is never touched by a project file.
Rules: spec flags 10.5; engine spec 5.2, 6; DESIGN 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from actors.flags.bucketing import BucketingInvalid, parse
from actors.flags.digests import summary_of
from actors.flags.environment import KIND
from actors.flags.environment_words import Configure, PutBucketing, Settings
from actors.projects import Key
from api.auth import hash_key
from api.domain import Item
from api.flags.entrance import API_KEY, CLIENT_KEY
from api.flags.shelf import NAME

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
SETTINGS = {field.name: field.type for field in msgspec.structs.fields(Settings)}


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
            raise ValueError(f"{name}.{key}: unknown key; there are {', '.join(sorted(known))}")
    settings = _settings(name, {key: table[key] for key in SETTINGS if key in table})
    configure = (KIND, env, Configure(settings=settings))
    yield Item(f"{name}.settings", msgspec.json.encode(settings), (configure,))
    keys = (
        *_keys(f"{name}.api_key", env, API_KEY, table.get("api_key", []), API_KEYS_MAX),
        *_keys(f"{name}.client_keys", env, CLIENT_KEY, table.get("client_keys", []), None),
    )
    if len({key.hash for key in keys}) != len(keys):
        raise ValueError(f"{name}: the same key twice")
    yield Item(f"{name}.keys", msgspec.json.encode(keys), (), keys)
    if "bucketing" in table:
        yield _bucketing(f"{name}.bucketing", env, table["bucketing"])


def _settings(name: str, given: Mapping[str, Any]) -> Settings:
    values: dict[str, Any] = {}
    for key, value in given.items():
        try:
            values[key] = msgspec.convert(value, SETTINGS[key])
        except msgspec.ValidationError as error:
            raise ValueError(f"{name}.{key}: {error}") from None
    settings = Settings(**values)
    for key in ("assignment_days", "hit_days", "report_days", "daily_rows_max"):
        value = getattr(settings, key)
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name}.{key} is above 0")
    return settings


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
