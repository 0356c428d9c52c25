"""Tokens: what a browser gets, how long it is good, and what strangers may use up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from flag_door import CLIENT, KEY, Door, Visitors, open_door, socket

from api.flags import tokens
from api.flags.limits import Limits
from api.limits import Buckets
from engine.messages import Address, Erase
from storage.projects import find, keys_of


async def test_a_client_key_gets_a_token(door: Door) -> None:
    """32 random bytes; only its hash is kept, with the key that it came from."""
    body = await door.browser.new()
    token = body["token"]
    assert len(token) == 43
    principal = door.house.credentials.identify(token)
    client = door.house.credentials.identify(CLIENT)
    assert principal is not None
    assert client is not None
    assert (principal.kind, principal.subject) == ("visitor", "visitor/env_1:v")
    assert principal.minted_by == client.hash
    row = door.house.tables.read_now(lambda read: find(read, principal.hash))
    assert row is not None
    assert row.expires_at is not None
    assert 0 <= row.created_at + 90 * 86_400_000 - row.expires_at < 60_000
    assert token not in str(row)
    assert "token" not in await door.visitors.new("w")
    assert not any(token.encode() in line for line in door.admin.lines)


async def test_opening_again_needs_the_token(door: Door) -> None:
    """A client key alone is 403 and changes nothing; with the token it is 200, with a new one."""
    token = (await door.browser.new(context={"age": 31}))["token"]
    got = await door.browser("POST", "", {"visitorId": "v"})
    assert (got.status, got.json()["code"]) == (403, "not_yours")
    assert (await door.visitors.get("/v"))["context"]["age"] == 31
    got = await door.with_token(token)("POST", "", {"visitorId": "v"})
    assert got.status == 200
    for good in (token, got.json()["token"]):
        assert (await door.with_token(good).get("/v"))["id"] == "v"
    alone = await door.with_token(token, alone=True)("POST", "", {"visitorId": "v"})
    assert alone.status == 200
    assert "token" not in alone.json()
    other = await door.with_token(token)("POST", "", {"visitorId": "w"})
    assert (other.status, "token" in other.json()) == (201, True)


async def test_of_two_who_create_the_same_one_is_first(door: Door) -> None:
    """Whoever is second finds that the visitor exists."""
    statuses = []

    async def create() -> None:
        statuses.append((await door.browser("POST", "", {"visitorId": "v"})).status)

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(create)
    assert sorted(statuses) == [201, 403, 403, 403, 403]
    assert door.shelf.openings.statistics()["under_way"] == 0


async def test_a_repeat_gets_a_token_too(door: Door) -> None:
    """Whose first answer was lost asks again with its key, and is let in."""
    body = {"visitorId": "v", "hasConsented": True}
    first, again = [
        (await door.browser("POST", "", body, idempotency_key="k")).json() for _ in range(2)
    ]
    assert first["token"] != again["token"]
    assert first["version"] == again["version"]
    assert (await door.with_token(again["token"]).get("/v"))["id"] == "v"
    got = await door.browser("POST", "", body, idempotency_key="guessed")
    assert got.status == 403


async def test_a_token_ends_with_its_key(door: Door) -> None:
    """Revoking the client key revokes what it minted."""
    token = (await door.browser.new())["token"]
    keys = door.house.tables.read_now(lambda read: keys_of(read, "demo", 10))
    (client,) = [each for each in keys if each.kind == "client_key"]
    got = await door.admin("DELETE", f"/v1/keys/{client.hash[:8]}")
    assert got.status in (200, 204), got.body
    assert (await door.with_token(token, alone=True)("GET", "/v")).status == 401


async def test_a_token_ends_with_its_visitor(door: Door) -> None:
    """An erased visitor's token is 401 at once, and cannot bring the visitor back."""
    token = (await door.browser.new())["token"]
    mine = door.with_token(token, alone=True)
    assert (await mine("DELETE", "/v")).status == 204
    for method, path in (("GET", "/v"), ("POST", "/v/open"), ("POST", "")):
        assert (await mine(method, path, {"visitorId": "v"})).status == 401
    await door.visitors.new()
    assert (await mine("GET", "/v")).status == 401
    assert (await door.with_token(token)("GET", "/v")).status == 401


async def test_a_token_never_outlives_an_erasure(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there before its visitor: whoever erases the visitor finds it, however soon."""
    seen: list[bool] = []
    mint = tokens.mint

    async def watched(*given: Any) -> str:
        seen.append((await door.house.directory.peek(Address("demo", "visitor", "env_1:v"))).exists)
        return await mint(*given)

    monkeypatch.setattr(tokens, "mint", watched)
    assert (await door.browser.new())["token"]
    assert seen == [False]


@pytest.mark.parametrize("who", ["alone", "beside"])
async def test_a_token_expires(tmp_path: Path, who: str) -> None:
    """After the environment's `token_days`."""
    async with open_door(tmp_path, token_days=1e-9) as door:
        token = (await door.browser.new())["token"]
        got = await door.with_token(token, alone=who == "alone")("GET", "/v")
        assert (got.status, got.json()["code"]) == (401, "unknown_key")


async def test_a_wrong_token_beside_a_client_key_is_401(door: Door) -> None:
    """It is said, instead of a 403 that leaves one guessing; another key there is none."""
    await door.visitors.new()
    assert (await door.with_token("no-such-token")("GET", "/v")).status == 401
    assert (await door.with_token(KEY)("GET", "/v")).status == 403
    assert (await door.with_token(KEY)("POST", "", {"visitorId": "w"})).status == 201


async def test_the_memory_of_tokens_is_no_way_in(door: Door) -> None:
    """Also where somebody else erased the visitor, past the door."""
    token = (await door.browser.new())["token"]
    mine = door.with_token(token, alone=True)
    assert (await mine("GET", "/v")).status == 200
    await door.house.directory.ask(Address("demo", "visitor", "env_1:v"), Erase(privacy=True))
    assert (await mine("GET", "/v")).status == 401


async def test_whoever_listens_with_an_erased_visitors_token_is_sent_away(door: Door) -> None:
    """Its socket is closed, to come back with another token; the others' stay open."""
    token = (await door.browser.new())["token"]
    async with socket(door, KEY) as other, socket(door, token) as mine:
        assert (await door.visitors("DELETE", "/v")).status == 204
        await mine.wait_over()
        assert mine.code == 4501
        other.say({"t": "sub", "id": 1, "topic": "visitor/env_1:v"})
        assert (await other.next())["t"] == "subd"


# --- limits


async def test_strangers_have_a_rate(door: Door) -> None:
    """Client keys and tokens share their address's bucket; server-side keys have none."""
    token = (await door.browser.new())["token"]
    door.shelf.limits = Limits(Buckets(lambda: 0.0, rate=1.0, burst=2.0), lambda: 0)
    mine = door.with_token(token, alone=True)
    assert (await mine("GET", "/v")).status == 200
    assert (await door.browser("POST", "", {})).status == 201
    for who in (mine, door.browser):
        got = await who("GET", "/v")
        assert (got.status, got.json()["code"]) == (429, "too_many_requests")
        assert int(got.headers["retry-after"]) >= 1
    assert (await door.visitors("GET", "/v")).status == 200
    assert (await Visitors(door.admin)("GET", "/v")).status == 200


async def test_a_batch_counts_as_many_requests_as_it_holds(door: Door) -> None:
    """Else it would be the way around the rate."""
    token = (await door.browser.new())["token"]
    door.shelf.limits = Limits(Buckets(lambda: 0.0, rate=1.0, burst=5.0), lambda: 0)
    body = {"commands": [{"name": "getFlags"}] * 4}
    mine = door.with_token(token, alone=True)
    assert (await mine("POST", "/v/batch", body)).status == 200
    assert (await mine("POST", "/v/batch", body)).status == 429


async def test_strangers_may_write_so_much_a_day(tmp_path: Path) -> None:
    """A visitor with its token counts two, a command what it brings; a server's do not."""
    async with open_door(tmp_path, daily_rows_max=5) as door:
        token = (await door.browser.new("a", fetchNow=False))["token"]
        mine = door.with_token(token, alone=True)
        await mine.do("updateContext", "a", context={"x": 1})
        got = await mine("POST", "/a/sendHits", {"hits": [{}, {}, {}]})
        assert got.status == 422, "what is refused anyway counts for nothing"
        hit = {"type": "PAGEVIEW", "documentLocation": "https://x"}
        assert (await mine("POST", "/a/sendHits", {"hits": [hit] * 3})).status == 429
        assert (await door.browser("POST", "", {"visitorId": "b"})).status == 201
        got = await door.browser("POST", "", {"visitorId": "c"})
        assert (got.status, got.json()["code"]) == (429, "too_many_requests")
        assert (await door.visitors("GET", "/c")).status == 404
        await door.visitors.new("c")


async def test_a_crowd_of_tokens_leaves_the_project_alone(door: Door) -> None:
    """They are rows: minting one is no fact of the project."""
    before = await door.house.directory.peek(Address("demo", "project", "demo"))
    await door.browser.new()
    assert await door.house.directory.peek(Address("demo", "project", "demo")) == before
