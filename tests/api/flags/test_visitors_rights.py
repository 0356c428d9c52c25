"""Who may do what with which visitor: the matrix of keys, tokens, environments and projects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from flag_door import CLIENT, OTHER, OTHER_ADMIN, Door, Visitors, file, socket
from houses import Caller, open_caller

from api.flags.door import DOMAIN

SECOND = "api-key-of-env-3"
SECOND_CLIENT = "client-key-of-env-3"
ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("GET", "/flags", None),
    ("GET", "/flags/greeting", None),
    ("GET", "/flags.json", None),
    ("POST", "/updateContext", {"context": {"a": 1}}),
    ("POST", "/clearContext", {}),
    ("POST", "/authenticate", {"visitorId": "alice"}),
    ("POST", "/fetchFlags", {}),
    ("POST", "/setConsent", {"hasConsented": True}),
    ("POST", "/getFlags", {}),
    ("POST", "/getValue", {"key": "greeting", "defaultValue": ""}),
    ("POST", "/visitorExposed", {"key": "greeting"}),
    ("POST", "/exposeAll", {}),
    ("POST", "/sendHit", {"hit": {"type": "PAGEVIEW", "documentLocation": "https://x"}}),
    ("POST", "/sendHits", {"hits": []}),
    ("POST", "/open", {}),
    ("POST", "/dance", {}),
    ("DELETE", "", None),
]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with two environments in one project, and another project's; visitor `v` is there."""
    document = {
        "flags": {
            "env_1": {"api_key": "api-key-env-1", "client_keys": [CLIENT], "bucketing": file()},
            "env_3": {"api_key": SECOND, "client_keys": [SECOND_CLIENT]},
        }
    }
    async with open_caller(tmp_path, domains=(DOMAIN,), document=document) as caller:
        door = Door(caller)
        await door.declare_other()
        await door.visitors.new()
        yield door


async def _statuses(door: Door, who: Visitors) -> set[int]:
    """What every route answers to somebody, who must not have changed anything."""
    before = await door.visitors.get("/v")
    got = {
        (await who(method, f"/v{path}", b"" if body is None else body)).status
        for method, path, body in ROUTES
    }
    assert await door.visitors.get("/v") == before
    return got


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("", 401),
        ("no-such-key-at-all", 401),
        (CLIENT, 403),
        (SECOND, 403),
        (SECOND_CLIENT, 403),
        (OTHER, 403),
        (OTHER_ADMIN, 404),
        ("operator-key-1", 403),
    ],
)
async def test_who_may_not_changes_nothing(house: Door, key: str, status: int) -> None:
    """Every route: no key 401, a valid one for something else 403, another project's 404."""
    assert await _statuses(house, Visitors(house.admin.with_key(key))) == {status}


async def test_another_visitors_token_opens_nothing(house: Door) -> None:
    """403, alone and beside a client key."""
    token = (await house.browser.new("w"))["token"]
    for alone in (True, False):
        assert await _statuses(house, house.with_token(token, alone=alone)) == {403}


@pytest.mark.parametrize("who", ["api key", "admin", "token", "client key and token"])
async def test_who_may_does_all(house: Door, who: str) -> None:
    """Each of them may call each route of that visitor."""
    token = (await house.browser.new("w"))["token"]
    callers = {
        "api key": house.visitors,
        "admin": Visitors(house.admin),
        "token": house.with_token(token, alone=True),
        "client key and token": house.with_token(token),
    }
    for method, path, body in ROUTES:
        got = await callers[who](method, f"/w{path}", b"" if body is None else body)
        expected = {"/dance": 404, "/open": 200}.get(path, 204 if method == "DELETE" else 200)
        assert got.status == expected, (path, got.body)


@pytest.mark.parametrize(
    ("key", "env", "status"),
    [
        ("", "env_1", 401),
        (CLIENT, "env_3", 403),
        (CLIENT, "nowhere", 403),
        ("api-key-env-1", "env_2", 403),
        ("api-key-env-1", "nowhere", 403),
        ("admin-key-1", "env_2", 404),
        ("admin-key-1", "nowhere", 404),
        (OTHER_ADMIN, "env_1", 404),
        (SECOND, "env_3", 201),
        ("admin-key-1", "env_3", 201),
    ],
)
async def test_who_may_create(house: Door, key: str, env: str, status: int) -> None:
    """Keys of the environment and admins of its project."""
    who = Visitors(house.admin.with_key(key), env=env)
    assert (await who("POST", "", {"visitorId": "new"})).status == status


async def test_a_handle_is_its_environments(house: Door) -> None:
    """The same id is another visitor elsewhere, and a token is good for one of them."""
    token = (await house.browser.new("same"))["token"]
    second = Visitors(house.admin.with_key(SECOND), env="env_3")
    await second.new("same", context={"here": "env_3"})
    assert "here" not in (await house.visitors.get("/same"))["context"]
    elsewhere = Visitors(house.admin.with_key(token), env="env_3")
    assert (await elsewhere("GET", "/same")).status == 403
    prefixed = Visitors(house.admin.with_key(token))
    assert (await prefixed("GET", "/same2")).status == 403


async def test_generic_routes_are_for_admins(house: Door) -> None:
    """`/v1/actors` carries a command out as the door does, for admins only."""
    target = "/v1/actors/visitor/env_1:v/updateContext"
    body = {"context": {"a": 1}}
    assert (await house.sdk("POST", target, body)).status == 403
    got = await house.admin("POST", target, body)
    assert got.json() == await house.visitors.get("/v")
    other: Caller = house.admin.with_key(OTHER_ADMIN)
    assert (await other("POST", target, body)).status == 404


# --- the live socket


@pytest.mark.parametrize(
    ("key", "topic", "may_listen", "status"),
    [
        ("api-key-env-1", "visitor/env_1:v", True, 200),
        ("api-key-env-1", "visitor/env_3:v", False, 403),
        ("api-key-env-1", "visitor/env_1", False, 403),
        ("api-key-env-1", "environment/env_1", True, 403),
        ("api-key-env-1", "environment/env_3", False, 403),
        (SECOND, "visitor/env_1:v", False, 403),
        (CLIENT, "visitor/env_1:v", False, 403),
        (OTHER_ADMIN, "visitor/env_1:v", True, 404),
        ("admin-key-1", "visitor/env_1:v", True, 200),
        ("token", "visitor/env_1:w", True, 200),
        ("token", "visitor/env_1:v", False, 403),
        ("token", "environment/env_1", False, 403),
    ],
)
async def test_topics_are_for_those_who_may(
    house: Door, key: str, topic: str, may_listen: bool, status: int
) -> None:
    """Listening and commanding; another project's topic is an empty one of one's own."""
    if key == "token":
        key = (await house.browser.new("w"))["token"]
    async with socket(house, key) as wire:
        wire.say({"t": "sub", "id": 1, "topic": topic})
        assert (await wire.next_of("subd", "err"))["t"] == ("subd" if may_listen else "err")
        wire.say({"t": "cmd", "id": 2, "topic": topic, "name": "getFlags"})
        res = await wire.next_of("res")
        assert (200 if res["ok"] else res["problem"]["status"]) == status


async def test_a_client_key_opens_over_the_socket(house: Door) -> None:
    """New visitors only; the answer holds the token."""
    async with socket(house, CLIENT) as wire:
        opening = {"t": "cmd", "id": 1, "name": "open", "data": {"hasConsented": True}}
        wire.say({**opening, "topic": "visitor/env_1:x"})
        res = await wire.next_of("res")
        assert res["data"]["visitorId"] == "x"
        assert (await house.with_token(res["data"]["token"]).get("/x"))["id"] == "x"
        wire.say({**opening, "topic": "visitor/env_1:v"})
        res = await wire.next_of("res")
        assert (res["problem"]["status"], res["problem"]["code"]) == (403, "not_yours")
