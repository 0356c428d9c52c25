"""The generic actor routes, over the toy door."""

from __future__ import annotations

import pytest
from houses import OPERATOR_KEY, open_caller


@pytest.fixture
async def admin(tmp_path):
    """An admin at a house with toy doors."""
    async with open_caller(tmp_path) as caller:
        yield caller


async def test_a_command_answers_the_actor_after_the_commit(admin):
    """State, phase, version and what is permitted now come back."""
    got = await admin("POST", "/v1/actors/door/front/open", {"code": "1234"})
    assert got.status == 200
    shown = got.json()
    assert (shown["phase"], shown["version"], shown["id"]) == ("open", 1, "front")
    assert "shut" in shown["permitted"]
    assert "jam" not in shown["permitted"]
    assert (await admin("GET", "/v1/actors/door/front")).json() == shown


async def test_a_refusal_is_409_with_what_is_permitted(admin):
    """A command the table does not permit changes nothing and says why (promise 5)."""
    got = await admin("POST", "/v1/actors/door/front/open", {"code": "9999"})
    assert got.status == 409
    assert got.headers["content-type"] == "application/problem+json"
    assert "the code is right" in got.json()["detail"]
    assert "open" in got.json()["permitted"]
    assert (await admin("GET", "/v1/actors/door/front")).status == 404


@pytest.mark.parametrize(
    ("command", "body", "status"),
    [
        ("jam", {}, 404),
        ("unheardOf", {}, 404),
        ("open", {"code": 1}, 400),
        ("open", {"code": "1234", "more": 1}, 400),
        ("open", {}, 400),
        ("open", b"{", 400),
        ("open", b'{"code": NaN}', 400),
        ("open", b"[]", 400),
        ("open", b"\xff", 400),
        ("open", {"command": "shut", "code": "1234"}, 400),
    ],
)
async def test_bad_commands_are_named_and_change_nothing(admin, command, body, status):
    """Commands that are not public, unknown or badly filled in are the caller's error."""
    got = await admin("POST", f"/v1/actors/door/front/{command}", body)
    assert got.status == status, got.body
    assert got.json()["detail"]
    assert (await admin("GET", "/v1/actors/door/front")).status == 404


async def test_an_idempotency_key_answers_the_same_again(admin):
    """The same key gives the same answer once; another body under it is 422 (promise 9)."""
    key = {"idempotency-key": "k1"}
    first = await admin("POST", "/v1/actors/door/front/setCode", {"code": "7"}, key)
    again = await admin("POST", "/v1/actors/door/front/setCode", {"code": "7"}, key)
    assert first.status == again.status == 200
    assert first.json() == again.json()
    other = await admin("POST", "/v1/actors/door/front/setCode", {"code": "8"}, key)
    assert other.status == 422
    assert (await admin("GET", "/v1/actors/door/front")).json()["version"] == 1


async def test_ids_are_split_raw_and_decoded_after(admin):
    """An id may hold a slash, a space or a percent sign; path tricks stay inside the id."""
    for raw, plain in (("a%2Fb", "a/b"), ("a%20b", "a b"), ("50%25", "50%"), ("..", "..")):
        got = await admin("POST", f"/v1/actors/door/{raw}/open", {"code": "1234"})
        assert got.status == 200, raw
        assert got.json()["id"] == plain
    assert (await admin("POST", "/v1/actors/door/%00/open", {"code": "1234"})).status == 400
    long = "x" * 1201
    assert (await admin("POST", f"/v1/actors/door/{long}/open", {"code": "1234"})).status == 400


async def test_lists_page_with_a_cursor(admin):
    """A kind is listed in order of id, page by page, and by phase."""
    for number in range(5):
        await admin("POST", f"/v1/actors/door/d{number}/open", {"code": "1234"})
    await admin("POST", "/v1/actors/door/d0/shut", {})
    first = (await admin("GET", "/v1/actors?kind=door&limit=2")).json()
    assert [one["id"] for one in first["actors"]] == ["d0", "d1"]
    rest = (await admin("GET", f"/v1/actors?kind=door&after={first['next']}&limit=10")).json()
    assert [one["id"] for one in rest["actors"]] == ["d2", "d3", "d4"]
    assert rest["next"] is None
    locked = (await admin("GET", "/v1/actors?kind=door&phase=locked")).json()
    assert [one["id"] for one in locked["actors"]] == ["d0"]


async def test_lists_go_over_all_kinds(admin):
    """Without a kind all of them are listed, by kind and id, with a cursor over both."""
    await admin("POST", "/v1/actors/door/b/open", {"code": "1234"})
    await admin("POST", "/v1/actors/sparse_door/a/open", {"code": "1234"})
    seen, after = [], ""
    while after is not None:
        page = (await admin("GET", f"/v1/actors?limit=1&after={after}")).json()
        seen += [(one["kind"], one["id"]) for one in page["actors"]]
        after = page["next"]
    assert seen == [("door", "b"), ("project", "demo"), ("sparse_door", "a")]
    assert (await admin("GET", "/v1/actors?kind=none")).status == 404


async def test_facts_page_by_position(admin):
    """History comes in order of version, after a position of this epoch."""
    for code in "abc":
        await admin("POST", "/v1/actors/door/front/setCode", {"code": code})
    page = (await admin("GET", "/v1/actors/door/front/facts?limit=2")).json()
    assert [fact["version"] for fact in page["facts"]] == [1, 2]
    assert page["facts"][0]["name"] == "CodeSet"
    assert page["facts"][0]["data"] == {"code": "a"}
    rest = (await admin("GET", f"/v1/actors/door/front/facts?after={page['next']}")).json()
    assert [fact["version"] for fact in rest["facts"]] == [3]
    other = await admin("GET", "/v1/actors/door/front/facts?after=elsewhere.0:1")
    assert other.status == 409


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_an_idempotency_key_has_its_length(admin, key):
    """1 to 255 characters (engine spec 4); another one is 400 and changes nothing."""
    command = ("POST", "/v1/actors/door/front/open", {"code": "1234"})
    got = await admin(*command, {"idempotency-key": key})
    assert (got.status, got.json()["code"]) == (400, "bad_key")
    assert (await admin("GET", "/v1/actors/door/front")).status == 404
    assert (await admin(*command, {"idempotency-key": "k" * 255})).status == 200


async def test_only_admin_keys_come_in(admin):
    """No key or an unknown one is 401, another valid one 403."""
    assert (await admin.with_key("")("GET", "/v1/actors?kind=door")).status == 401
    assert (await admin.with_key("unknown-key")("GET", "/v1/actors?kind=door")).status == 401
    assert (await admin.with_key(OPERATOR_KEY)("GET", "/v1/actors?kind=door")).status == 403


async def test_one_project_cannot_see_another(admin):
    """The same address under another project's key is another actor (promise 10)."""
    await admin("POST", "/v1/actors/door/front/open", {"code": "1234"})
    other = {"project": "other", "admin_keys": ["other-admin-1"]}
    made = await admin.with_key(OPERATOR_KEY)("PUT", "/v1/projects/other", other)
    assert made.status == 200, made.body
    stranger = admin.with_key("other-admin-1")
    assert (await stranger("GET", "/v1/actors/door/front")).status == 404
    assert (await stranger("GET", "/v1/actors?kind=door")).json()["actors"] == []
    assert (await stranger("PUT", "/v1/projects/demo", {"project": "demo"})).status == 404
