"""`[flags.ENV]` of a project file, the limits, and who may listen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flag_door import COLOURS, Door, file

from api import project_file
from api.apply import declare
from api.auth import Principal
from api.flags import items as flag_items
from api.flags.door import DOMAIN, ROUTES, may_listen
from api.flags.items import items
from api.flags.limits import Limits
from api.limits import Buckets, TooMany
from engine.messages import Address

GOOD = {"api_key": ["key-number-1", "key-number-2"], "client_keys": ["client-key-1"]}


def names(table: dict[str, Any]) -> list[str]:
    """Names of the items of a table."""
    return [each.name for each in items("demo", table)]


def test_keys_settings_and_file_are_items_of_their_own() -> None:
    """A new key does not publish the file again (engine spec 6)."""
    table = {"env_1": {**GOOD, "bucketing": file(COLOURS), "require_key": True}}
    assert names(table) == [
        "flags.env_1.settings",
        "flags.env_1.keys",
        "flags.env_1.bucketing",
    ]
    keys = next(each.keys for each in items("demo", table) if each.keys)
    assert [(key.door, key.kind, key.subject) for key in keys] == [
        ("flags", "api_key", "env_1"),
        ("flags", "api_key", "env_1"),
        ("flags", "client_key", "env_1"),
    ]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"env 1": {}}, "flags.env 1: 'env 1' cannot be the id"),
        ({"campaigns": {}}, "flags.campaigns: 'campaigns' cannot be the id"),
        ({"x" * 65: {}}, "cannot be the id"),
        ({"env_1": 3}, "flags.env_1 is a table"),
        ({"env_1": {"apikey": "x"}}, "flags.env_1.apikey: unknown key"),
        ({"env_1": {"api_key": "short"}}, "flags.env_1.api_key: a key has 8"),
        ({"env_1": {"api_key": 7}}, "flags.env_1.api_key is a key or a list"),
        ({"env_1": {"api_key": [f"key-number-{n}" for n in range(3)]}}, "at most 2 keys"),
        ({"env_1": {"api_key": "same-key-1", "client_keys": ["same-key-1"]}}, "same key twice"),
        ({"env_1": {"require_key": "yes"}}, "flags.env_1.require_key: Expected `bool`"),
        ({"env_1": {"hit_days": 0}}, "flags.env_1.hit_days is above 0"),
        ({"env_1": {"bucketing": {"campaigns": 3}}}, "flags.env_1.bucketing: $.campaigns"),
    ],
)
def test_what_cannot_be_meant_is_said_with_its_place(table: dict[str, Any], sentence: str) -> None:
    """A sentence that names environment and key."""
    with pytest.raises(ValueError, match=r".") as error:
        names(table)
    assert sentence in str(error.value)


def test_reserved_words_are_no_environments() -> None:
    """They are parts of paths (spec flags 10.5)."""
    assert not any(map(flag_items.is_environment_id, flag_items.RESERVED))
    assert flag_items.is_environment_id("c0n48jn5thv01k0ijmo0")


async def test_applying_again_changes_nothing_and_never_touches_panic(door: Door) -> None:
    """An operator's file and switch stand; a changed item is carried out (engine spec 6)."""
    address = Address("demo", "environment", "env_1")
    await door.panic(True)
    document = {
        "project": "demo",
        "flags": {"env_1": {"api_key": door.sdk.key, "bucketing": file(COLOURS)}},
    }
    first = await declare(door.house, document, "test")
    assert "flags.env_1.bucketing" in first.applied
    version = (await door.house.directory.peek(address)).version
    again = await declare(door.house, document, "test")
    assert again.applied == ()
    snapshot = await door.house.directory.peek(address)
    assert (snapshot.version, snapshot.phase) == (version, "panic")


async def test_a_file_that_was_applied_is_the_same_when_put(door: Door, tmp_path: Path) -> None:
    """The project file gives the bucketing file to the letter, so both have one hash."""
    text = '{ "campaigns": [],  "generatedAt": 1.50 }\n'
    (tmp_path / "bucketing.json").write_text(text)
    (tmp_path / "project.toml").write_text(
        f'project = "demo"\n[flags.env_1]\napi_key = "{door.sdk.key}"\n'
        'bucketing = "bucketing.json"\n'
    )
    document = project_file.read(tmp_path / "project.toml", (DOMAIN,), {})
    sent = await door.admin("PUT", "/v1/projects/demo", document)
    assert "flags.env_1.bucketing" in sent.json()["applied"]
    assert "flags.env_1.bucketing" in (await declare(door.house, document, "test")).unchanged
    shown = (await door.admin("GET", "/v1/actors/environment/env_1")).json()
    assert (await door.put(text.encode())).json()["version"] == shown["version"]


async def test_what_is_shown_of_settings_is_in_camel_case(door: Door) -> None:
    """In the project file they are snake_case; states, facts and pushes have one spelling."""
    document = {"project": "demo", "flags": {"env_1": {"require_key": True, "hit_days": 2}}}
    await declare(door.house, document, "test")
    shown = (await door.admin("GET", "/v1/actors/environment/env_1")).json()["state"]
    facts = (await door.admin("GET", "/v1/actors/environment/env_1/facts")).json()["facts"]
    for settings in (shown["settings"], facts[-1]["data"]["settings"]):
        assert (settings["requireKey"], settings["hitDays"]) == (True, 2.0)
    assert "_" not in "".join([*shown, *shown["settings"]])
    kept = await door.house.directory.store.load(Address("demo", "environment", "env_1"))
    assert kept is not None
    assert b'"requireKey":true' in (kept.state or b"")


def test_who_may_listen() -> None:
    """Server-side keys hear their environment and its visitors, client keys nothing."""
    key = Principal("demo", "flags", "api_key", "env_1")
    assert may_listen(key, "environment", "env_1")
    assert may_listen(key, "visitor", "env_1:anybody")
    assert not may_listen(key, "environment", "env_2")
    assert not may_listen(key, "visitor", "env_10:anybody")
    assert not may_listen(Principal("demo", "flags", "client_key", "env_1"), "environment", "env_1")
    assert not DOMAIN.may_command(key, "environment", "env_1")


def test_each_route_is_written_once() -> None:
    """Method and path name one route; those with fixed parts come first."""
    seen = [(route.method, route.path) for route in ROUTES]
    assert len(set(seen)) == len(seen)
    paths = [path for _, path in seen]
    fixed, named = "/flags/v2/campaigns/{campaign}", "/flags/v2/{env}/campaigns"
    assert paths.index(fixed) < paths.index(named)


def test_the_days_rows_begin_anew_at_midnight() -> None:
    """The cap is a day's; the hint says how long the day still is."""
    now_ms = [86_400_000 - 5_000]
    limits = Limits(Buckets(lambda: 0.0, rate=200.0, burst=2_000.0), lambda: now_ms[0])
    limits.count_rows("env_1", 10, 10)
    with pytest.raises(TooMany) as refused:
        limits.count_rows("env_1", 1, 10)
    assert refused.value.headers == (("Retry-After", "5"),)
    now_ms[0] += 5_000
    limits.count_rows("env_1", 10, 10)
    assert limits.statistics() == {"buckets": 0, "refused": 1}


def test_both_reasons_to_refuse_are_counted() -> None:
    """A request too many, and a row too many; the bucket is the door's own."""
    buckets = Buckets(lambda: 0.0, rate=1.0, burst=1.0)
    limits = Limits(buckets, lambda: 0)
    buckets.take("another", "env_1", "10.0.0.1")
    limits.take("env_1", "10.0.0.1")
    with pytest.raises(TooMany):
        limits.take("env_1", "10.0.0.1")
    with pytest.raises(TooMany):
        limits.count_rows("env_1", 2, 1)
    assert limits.statistics() == {"buckets": 1, "refused": 2}
