"""The Auth API: tokens are minted, looked at, and end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
from houses import ADMIN_KEY
from live_wire import Wire
from timeline_door import (
    OTHER_SECRET,
    OTHER_VISIBLE,
    SECRET,
    USER_HEADER,
    V1,
    VISIBLE,
    Door,
    open_door,
    socket,
)

from api.auth import hash_key
from api.limits import Buckets
from api.openapi import document
from api.timelines import tokens
from api.timelines.door import ROUTES
from engine.effects import Append
from engine.messages import Address
from storage.projects import find

INACTIVE = {"is_active": False, "user_id": None, "expires_in": None}
MINT, INTROSPECT = f"{V1}/auth/token", f"{V1}/auth/introspect-token"
SECONDS = 3_600


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house without a timeline."""
    async with open_door(tmp_path, publish=()) as opened:
        yield opened


async def get_user(door: Door, token: str, **headers: str) -> int:
    """The status of GET /users/me with that token: 404 for a good one, nobody is there."""
    got = await door.admin.with_key(token)("GET", f"{V1}/users/me", headers=headers)
    return got.status


# --- minting


@pytest.mark.covers("TL-028", "TL-030", "TL-031", "TL-012", "TL-010")
@pytest.mark.parametrize("key", [SECRET, VISIBLE, ADMIN_KEY])
@pytest.mark.parametrize("prefix", ["/timelines/v1", "/timelines"])
@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_key_mints_a_token(door: Door, key: str, prefix: str, slash: str) -> None:
    """32 random bytes for one user, bare, for an hour; the user need not exist."""
    sender = door.admin.with_key(key)
    path = f"{prefix}/auth/token{slash}"
    first, second = [await sender("POST", path, {"user_id": "alice-1"}) for _ in range(2)]
    assert first.status == 200
    assert first.headers["content-type"] == "application/json"
    body = first.json()
    assert (sorted(body), body["expires_in"]) == (["access_token", "expires_in"], SECONDS)
    assert len(body["access_token"]) == 43
    assert body["access_token"] != second.json()["access_token"]
    assert await get_user(door, body["access_token"]) == 404


async def test_a_token_is_kept_as_its_hash(door: Door) -> None:
    """With its user, the key that it came from, and its end in real time."""
    before_ms = door.house.clock.now_ms()
    token = await door.token("alice-1")
    row = door.house.tables.read_now(lambda read: find(read, hash_key(token)))
    assert row is not None
    assert (row.door, row.kind, row.subject) == ("timelines", "token", "alice-1")
    assert row.minted_by == hash_key(VISIBLE)
    assert row.expires_at is not None
    assert before_ms + 3_600_000 <= row.expires_at <= door.house.clock.now_ms() + 3_600_000
    assert door.shelf.statistics()["tokens_minted"] == 1


async def test_a_test_clock_moves_no_token(door: Door) -> None:
    """A token minted at another instant lives from now on (spec 5.12.18)."""
    headers = {"callboard-now": "1999-12-31T23:59:59Z"}
    got = await door.secret("POST", MINT, {"user_id": "a"}, headers)
    assert await get_user(door, got.json()["access_token"]) == 404


async def test_a_crowd_of_tokens_leaves_the_project_alone(door: Door) -> None:
    """They are rows: minting one is no fact of the project."""
    project = Address("demo", "project", "demo")
    before = await door.house.directory.peek(project)
    await door.token()
    assert await door.house.directory.peek(project) == before


USER_ID = "user_id"
BAD: list[tuple[Any, list[Any], str, str]] = [
    ({}, ["body", USER_ID], "field required", "value_error.missing"),
    (b"", ["body"], "field required", "value_error.missing"),
    (b"null", ["body"], "field required", "value_error.missing"),
    ([], ["body"], "value is not a valid dict", "type_error.dict"),
    ({USER_ID: 7}, ["body", USER_ID], "str type expected", "type_error.str"),
    ({USER_ID: ["a"]}, ["body", USER_ID], "str type expected", "type_error.str"),
    (
        {USER_ID: None},
        ["body", USER_ID],
        "none is not an allowed value",
        "type_error.none.not_allowed",
    ),
    (
        {USER_ID: ""},
        ["body", USER_ID],
        "ensure this value has at least 1 characters",
        "value_error.any_str.min_length",
    ),
    (
        {USER_ID: "x" * 257},
        ["body", USER_ID],
        "ensure this value has at most 256 characters",
        "value_error.any_str.max_length",
    ),
    (
        {USER_ID: "a\u0000b"},
        ["body", USER_ID],
        "control characters are not allowed",
        "value_error",
    ),
]


@pytest.mark.covers("TL-029", "TL-031")
async def test_what_cannot_be_minted_for_is_422(door: Door) -> None:
    """Each with its place; nothing is minted."""
    for body, loc, msg, type_ in BAD:
        got = await door.visible("POST", MINT, body)
        detail = [{"loc": loc, "msg": msg, "type": type_}]
        assert (got.status, got.json()) == (422, {"detail": detail}), body
    assert door.shelf.tokens_minted == 0


@pytest.mark.parametrize("user", ["x" * 256, "🦉" * 256, "Zoë", "user/bob", 'a"<b>', " "])
async def test_any_user_can_be_minted_for(door: Door, user: str) -> None:
    """1 to 256 code points (spec 5.12.15); members that nobody knows are passed over."""
    got = await door.visible("POST", MINT, {"user_id": user, "scope": [1]})
    assert got.status == 200
    assert (await door.inspect(got.json()["access_token"]))["user_id"] == user


async def test_strangers_mint_at_a_rate(door: Door) -> None:
    """A visible key has a bucket for each address; secret keys have none."""
    door.shelf.buckets = Buckets(lambda: 0.0, rate=0.1, burst=2.0)
    statuses = [(await door.mint()).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    got = await door.visible("POST", INTROSPECT, {"access_token": "x"})
    assert got.headers["retry-after"] == "10"
    error = got.json()["error"]
    assert (got.json()["data"], got.json()["meta"]) == ({}, {})
    assert (error["code"], error["message"]) == (429, "Too Many Requests.")
    elsewhere = await door.visible("POST", MINT, {"user_id": "a"}, client="10.0.0.9")
    assert elsewhere.status == 200
    for key in (SECRET, ADMIN_KEY, OTHER_VISIBLE):
        assert (await door.mint(key=key)).status == 200
    assert door.shelf.statistics()["limits_refused"] == 2


# --- looking at tokens


@pytest.mark.covers("TL-032", "TL-034", "TL-035", "TL-012")
@pytest.mark.parametrize("key", [SECRET, VISIBLE, ADMIN_KEY])
async def test_a_token_is_looked_at(door: Door, key: str) -> None:
    """A fresh one is active, with its user and about an hour left."""
    told = await door.inspect(await door.token("alice-1"), key)
    assert (told["is_active"], told["user_id"]) == (True, "alice-1")
    assert SECONDS - 60 < told["expires_in"] <= SECONDS


@pytest.mark.covers("TL-034")
async def test_a_dead_or_foreign_token_is_not_active(door: Door) -> None:
    """Unknown, expired, another project's, or no token at all: the same answer."""
    token = await door.token()
    assert await door.inspect(token, OTHER_SECRET) == INACTIVE
    for other in ("", "unknown", token[:-1], SECRET, VISIBLE, ADMIN_KEY, "x" * 9_000, "\u0000"):
        assert await door.inspect(other) == INACTIVE, other
    await expire(door, "old-token")
    assert await door.inspect("old-token") == INACTIVE


async def expire(door: Door, token: str, ago_ms: int = 0) -> None:
    """Put a token into the table whose hour is over."""
    expires_ms = door.house.clock.now_ms() - ago_ms
    row = (hash_key(token), "timelines", "token", "alice-1", "", hash_key(SECRET), expires_ms)
    await door.house.directory.append("demo", [Append("credential", row)])


@pytest.mark.covers("TL-012")
async def test_an_expired_token_is_401(door: Door) -> None:
    """As if it had never been."""
    await expire(door, "old-token")
    assert await get_user(door, "old-token") == 401
    await expire(door, "good-token", -60_000)
    assert await get_user(door, "good-token") == 404
    assert (await door.inspect("good-token"))["expires_in"] in range(55, 61)


async def test_expired_tokens_are_pruned(door: Door) -> None:
    """The store's own trimming takes their rows; good ones stay."""
    await expire(door, "old-token", 1_000)
    token = await door.token()
    now_ms = door.house.clock.now_ms()
    await door.house.store.tidy({}, now_ms)
    read_now = door.house.tables.read_now
    assert read_now(lambda read: find(read, hash_key("old-token"))) is None
    assert read_now(lambda read: find(read, hash_key(token))) is not None


@pytest.mark.covers("TL-033", "TL-035")
async def test_introspection_needs_a_token(door: Door) -> None:
    """A missing or wrong member is 422 with its place."""
    for body, msg in (({}, "field required"), ({"access_token": 1}, "str type expected")):
        got = await door.secret("POST", INTROSPECT, body)
        (detail,) = got.json()["detail"]
        assert (got.status, detail["loc"], detail["msg"]) == (422, ["body", "access_token"], msg)


# --- the end of tokens


async def test_a_token_ends_with_its_key(door: Door) -> None:
    """Removed by the administration or by a project file; others go on (spec 5.12.23)."""
    by_visible, by_secret = await door.token(key=VISIBLE), await door.token(key=SECRET)
    await door.declare(visible_keys=[])
    assert (await get_user(door, by_visible), await get_user(door, by_secret)) == (401, 404)
    assert await door.inspect(by_visible) == INACTIVE
    got = await door.admin("DELETE", f"/v1/keys/{hash_key(SECRET)[:8]}")
    assert got.status == 204
    assert await get_user(door, by_secret) == 401
    rows = door.house.tables.read_now(
        lambda read: [find(read, hash_key(token)) for token in (by_visible, by_secret)]
    )
    assert rows == [None, None]


async def test_a_key_that_comes_back_brings_no_token_back(door: Door) -> None:
    """What has ended stays ended (spec 5.12.23)."""
    token = await door.token(key=VISIBLE)
    await door.declare(visible_keys=[])
    await door.declare()
    assert await get_user(door, token) == 401
    assert await door.inspect(token) == INACTIVE
    assert await get_user(door, await door.token(key=VISIBLE)) == 404


async def test_a_key_that_stays_keeps_its_tokens(door: Door) -> None:
    """Rotation: one more key beside it ends nothing."""
    token = await door.token(key=VISIBLE)
    await door.declare(visible_keys=[VISIBLE, "v_00000000000000bb." + "n" * 43])
    assert await get_user(door, token) == 404


async def test_whoever_listens_with_a_token_is_sent_away(door: Door) -> None:
    """A live socket gets 4501 when the key that minted its token is removed (spec 5.12.23)."""
    token = await door.token("alice-1")
    async with socket(door, token) as mine:
        await door.declare(visible_keys=[])
        await over(mine)
        assert mine.code == 4501


async def over(wire: Wire) -> None:
    """Wait until the socket is closed."""
    with trio.fail_after(10):
        await wire.wait_over()


async def test_a_token_outlives_its_user(tmp_path: Path) -> None:
    """The user may be created again (spec 5.12.16)."""
    async with open_door(tmp_path) as door:
        token = await door.token("alice-1")
        mine = door.admin.with_key(token)
        body = {"published_timeline_id": "AliceTimeline00000001", "timezone": "UTC"}
        for _ in range(2):
            assert (await mine("POST", f"{V1}/users", body)).status == 200
            assert (await mine("DELETE", f"{V1}/users/me")).status == 204
        assert await get_user(door, token) == 404


@pytest.mark.covers("TL-036", "TL-012")
async def test_a_token_reaches_its_own_user_only(door: Door) -> None:
    """Whomever the header names: it stays its own, in its own project."""
    token = await door.token("alice-1")
    assert await get_user(door, token, **{USER_HEADER: "bob-2"}) == 404
    assert tokens.inspect(door.house, "demo", token) == ("alice-1", SECONDS)
    assert tokens.inspect(door.house, "other", token) is None


def test_schemas_have_their_documented_names() -> None:
    """Paths and schemas of the Auth API, as the reference has them (TL-003)."""
    made = document(ROUTES, "/timelines/v1/auth")
    assert sorted(made["paths"]) == [INTROSPECT, MINT]
    names = {"TokenRequest", "TokenResponse", "TokenIntrospectRequest", "TokenIntrospectResponse"}
    assert names <= set(made["components"]["schemas"])
    assert "HTTPValidationError" in made["components"]["schemas"]
