"""Projects, keys and audit over HTTP, and applying documents."""

from __future__ import annotations

import pytest
from houses import ADMIN_KEY, OPERATOR_KEY, open_caller

from api.apply import declare


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
