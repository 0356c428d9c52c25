"""Projects, keys and audit over HTTP, and applying documents."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import timeline_door
import trio
from flag_door import CLIENT, Visitors
from houses import ADMIN_KEY, OPERATOR_KEY, TOY, open_caller
from live_wire import Wire, upgrade_scope

from api.apply import declare
from api.domain import Item
from api.timelines.items import items as timeline_items


@pytest.fixture
async def admin(tmp_path):
    """An admin at a fresh house."""
    async with open_caller(tmp_path) as caller:
        yield caller


async def test_an_operator_creates_a_project_once(admin):
    """PUT applies what differs; repeating it changes nothing (engine spec 6)."""
    operator = admin.with_key(OPERATOR_KEY)
    document = {"admin_keys": ["second-admin"], "live": {"public": True}}
    first = (await operator("PUT", "/v1/projects/second", document)).json()
    assert first == {
        "project": "second",
        "applied": ["admin_keys", "live"],
        "unchanged": [],
        "not_named": [],
    }
    again = (await operator("PUT", "/v1/projects/second", document)).json()
    assert again["applied"] == []
    assert again["unchanged"] == ["admin_keys", "live"]
    fewer = (await operator("PUT", "/v1/projects/second", {"live": {"public": True}})).json()
    assert fewer["not_named"] == ["admin_keys"]
    assert (await admin.with_key("second-admin")("GET", "/v1/keys")).status == 200


@pytest.mark.parametrize(
    "document",
    [
        {"project": "other"},
        {"unheard_of": {}},
        {"admin_keys": ["short"]},
        {"admin_keys": [1]},
        {"admin_keys": ["same-key-1", "same-key-1"]},
        {"live": {"public": "yes"}},
        {"live": {"colour": "red"}},
        {"live": []},
    ],
)
async def test_a_bad_document_is_refused_whole(admin, document):
    """Nothing of a document that cannot be meant is applied."""
    got = await admin("PUT", "/v1/projects/demo", {"admin_keys": ["another-key"], **document})
    assert got.status == 422, got.body
    assert (await admin.with_key("another-key")("GET", "/v1/keys")).status == 401


async def test_a_key_of_another_project_is_taken(admin):
    """What a client names without a project is unique across projects."""
    operator = admin.with_key(OPERATOR_KEY)
    got = await operator("PUT", "/v1/projects/second", {"admin_keys": [ADMIN_KEY]})
    assert got.status == 422
    assert "taken" in got.json()["detail"]
    assert ADMIN_KEY not in got.body.decode()


async def test_keys_are_made_listed_and_revoked(admin):
    """A secret is shown once; a revoked key is dead when the answer is there."""
    made = (await admin("POST", "/v1/keys", {"label": "night shift"})).json()
    assert made["key"].startswith("admin_")
    second = admin.with_key(made["key"])
    listed = (await second("GET", "/v1/keys")).json()
    assert [one["label"] for one in listed] == ["admin_1", "night shift"]
    assert made["key"] not in (await second("GET", "/v1/keys")).body.decode()
    assert (await admin("DELETE", f"/v1/keys/{made['key_id']}")).status == 204
    assert (await second("GET", "/v1/keys")).status == 401
    assert (await admin("DELETE", f"/v1/keys/{listed[0]['key_id']}")).status == 409
    assert (await admin("DELETE", "/v1/keys/00000000")).status == 404


@pytest.mark.covers("TL-018")
@pytest.mark.parametrize(("kind", "letter"), [("secret_key", "s"), ("visible_key", "v")])
async def test_a_key_for_timelines_has_their_form(admin, kind, letter):
    """The prefix of its kind, 16 hex digits, 43 characters: what a project file would take."""
    new = {"door": "timelines", "kind": kind, "label": "app"}
    made, other = [(await admin("POST", "/v1/keys", new)).json()["key"] for _ in range(2)]
    assert re.fullmatch(letter + r"_[0-9a-f]{16}\.[A-Za-z0-9_-]{43}", made)
    assert made[:18] != other[:18]
    assert made[19:] != other[19:]
    list(timeline_items("demo", {f"{kind}s": [made, other]}))
    minted = await admin.with_key(made)("POST", "/timelines/v1/auth/token", {"user_id": "ann"})
    assert minted.status == 200


@pytest.mark.parametrize("kind", ["token", "admin_key", "secret_keys", "api_key"])
async def test_timelines_have_two_kinds_of_keys(admin, kind):
    """A key of another kind would open nothing, or never end."""
    got = await admin("POST", "/v1/keys", {"door": "timelines", "kind": kind, "subject": "ann"})
    assert (got.status, got.json()["code"]) == (422, "bad_key")
    assert got.json()["detail"] == "a key of timelines is a secret_key or a visible_key"


async def test_keys_of_other_doors_begin_with_their_kind(admin):
    """As ever."""
    new = {"door": "flags", "kind": "api_key", "subject": "env_1"}
    key = (await admin("POST", "/v1/keys", new)).json()["key"]
    assert re.fullmatch(r"api_key_[A-Za-z0-9_-]{32}", key)


async def test_an_item_that_changes_replaces_its_keys(admin):
    """Rotation by the project file: keys that the file no longer gives are dead."""
    got = await admin("PUT", "/v1/projects/demo", {"admin_keys": ["new-admin-key"]})
    assert got.status == 200
    assert (await admin("GET", "/v1/keys")).status == 401
    assert (await admin.with_key("new-admin-key")("GET", "/v1/keys")).status == 200


async def test_audit_says_who_did_what(admin):
    """The project's facts name the caller and show keys by their first digits only."""
    await admin("POST", "/v1/keys", {"label": "night shift"})
    page = await admin("GET", "/v1/audit")
    facts = page.json()["facts"]
    assert [fact["name"] for fact in facts] == ["ItemDeclared", "KeyCreated"]
    assert facts[1]["data"]["by"] == "admin_1"
    assert len(facts[1]["data"]["key"]["keyId"]) == 8
    assert "hash" not in page.body.decode()


async def test_no_secret_reaches_a_log_line(admin):
    """Keys stand in no line, whatever happens with them."""
    made = (await admin("POST", "/v1/keys", {})).json()
    await admin.with_key("wrong-key-12345")("GET", "/v1/keys")
    await admin.with_key(made["key"])("GET", f"/v1/keys?key={made['key']}")
    text = b"\n".join(admin.lines).decode()
    assert text.count('"event":"request"') >= 3
    for secret in (ADMIN_KEY, made["key"], "wrong-key-12345", OPERATOR_KEY):
        assert secret not in text


async def test_what_was_applied_survives_a_restart(tmp_path):
    """Projects and keys are durable: the same folder serves them again."""
    async with open_caller(tmp_path) as admin:
        await admin("PUT", "/v1/projects/demo", {"admin_keys": [ADMIN_KEY], "live": {}})
    async with open_caller(tmp_path) as admin:
        assert (await admin("GET", "/v1/keys")).status == 200
        report = await declare(admin.house, {"project": "demo", "live": {}}, "test")
        assert report.applied == ()


# --- tokens go with their keys


TIMELINES_KEYS = {"visible_keys": [timeline_door.VISIBLE]}
FLAGS_KEYS = {"env_1": {"client_keys": [CLIENT]}}


async def _minted(admin):
    """A token of each door."""
    body = {"visitorId": "v", "hasConsented": True, "fetchNow": False}
    visitor = (await Visitors(admin.with_key(CLIENT)).new(**body))["token"]
    return visitor, await timeline_door.Door(admin).token("ann")


async def _statuses(admin, tokens):
    paths = ("/flags/v1/env_1/visitors/v", "/timelines/v1/users/me")
    return [
        (await admin.with_key(token)("GET", path)).status
        for token, path in zip(tokens, paths, strict=True)
    ]


async def test_tokens_end_for_good_with_keys_that_a_file_gives_no_more(tmp_path):
    """At both doors; declaring the key again brings no token back."""
    both = {"flags": FLAGS_KEYS, "timelines": TIMELINES_KEYS}
    none = {"flags": {"env_1": {"client_keys": []}}, "timelines": {"visible_keys": []}}
    async with open_caller(tmp_path, document=both) as admin:
        tokens = await _minted(admin)
        assert await _statuses(admin, tokens) == [200, 404]
        for document in (none, both):
            assert (await admin("PUT", "/v1/projects/demo", document)).status == 200
            assert await _statuses(admin, tokens) == [401, 401]
        assert await _statuses(admin, await _minted_again(admin, tokens)) == [200, 404]


async def _minted_again(admin, tokens):
    """The server's side lets the visitor go, so that a browser may open it again."""
    await admin("DELETE", "/flags/v1/env_1/visitors/v")
    again = await _minted(admin)
    assert not set(again) & set(tokens)
    return again


async def test_whoever_listens_with_such_a_token_is_sent_away(tmp_path):
    """4501 at both doors, and no new socket with it; other sockets stay."""
    both = {"flags": FLAGS_KEYS, "timelines": TIMELINES_KEYS}
    async with open_caller(tmp_path, document=both) as admin:
        visitor, user = await _minted(admin)
        async with (
            timeline_door.socket(admin, visitor) as first,
            timeline_door.socket(admin, user) as second,
            timeline_door.socket(admin, ADMIN_KEY) as other,
        ):
            document = {"flags": {"env_1": {}}, "timelines": {}}
            assert (await admin("PUT", "/v1/projects/demo", document)).status == 200
            with trio.fail_after(10):
                assert [await first.wait_over(), await second.wait_over()] == [4501, 4501]
            other.say({"t": "sub", "id": 1, "topic": "user/ann"})
            assert (await other.next())["t"] == "subd"
        for token in (visitor, user):
            wire = Wire()
            with trio.fail_after(10):
                await wire.serve(admin.house, upgrade_scope({"authorization": f"Bearer {token}"}))
            assert wire.status == 401


# --- reading in a thread


@pytest.mark.parametrize("way", ["http", "file"])
async def test_the_house_answers_while_a_document_is_read(tmp_path, way):
    """A large one takes its time, and nobody else's."""
    begun, go_on = threading.Event(), threading.Event()

    def items(_project: str, _table: Mapping[str, Any]) -> Iterable[Item]:
        begun.set()
        assert go_on.wait(10), "nobody was answered meanwhile"
        return ()

    async with open_caller(tmp_path, domains=(replace(TOY, items=items),)) as admin:
        document = {"project": "demo", "toy": {}, "live": {"public": True}}

        async def apply() -> None:
            if way == "http":
                assert (await admin("PUT", "/v1/projects/demo", document)).status == 200
            else:
                assert (await declare(admin.house, document, "test")).applied == ("live",)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(apply)
            try:
                assert await trio.to_thread.run_sync(begun.wait, 10)
                assert not (await admin("GET", "/v1/keys")).json()[1:]
            finally:
                go_on.set()
        assert (await admin.house.live_settings("demo")).public
