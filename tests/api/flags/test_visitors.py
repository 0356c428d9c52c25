"""Visitors over HTTP: created, shown, commanded, read."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from flag_door import Door, open_door

RESERVED = {"fs_client", "fs_version", "fs_users"}


# --- newVisitor


@pytest.mark.covers("FS-103", "FS-026", "FS-038")
async def test_a_new_visitor_is_shown(door: Door) -> None:
    """201 with every member of the SDK's visitor, and what is permitted next."""
    got = await door.visitors(
        "POST", "", {"visitorId": "v", "hasConsented": True, "context": {"age": 31},
                     "fetchNow": False},
    )  # fmt: skip
    assert got.status == 201
    assert got.headers["content-type"] == "application/json"
    body = got.json()
    context = body.pop("context")
    permitted = body.pop("permitted")
    assert body == {
        "id": "v",
        "visitorId": "v",
        "anonymousId": None,
        "hasConsented": True,
        "isAuthenticated": False,
        "flagsStatus": {"status": "FETCH_REQUIRED", "reason": "VISITOR_CREATED"},
        "version": 1,
    }
    assert context.pop("age") == 31
    assert set(context) == RESERVED
    assert context["fs_users"] == "v"
    assert {"fetchFlags", "authenticate", "getValue"} <= set(permitted)
    assert "unauthenticate" not in permitted
    assert "endFetch" not in permitted
    assert await door.visitors.get("/v") == got.json()


@pytest.mark.covers("FS-009")
async def test_without_an_id_one_is_made(door: Door) -> None:
    """A UUID of version 4, another each time."""
    first, second = [await door.visitors.new(None) for _ in range(2)]
    assert uuid.UUID(first["visitorId"]).version == 4
    assert first["id"] == first["visitorId"] != second["id"]


@pytest.mark.covers("FS-011")
async def test_an_empty_body_makes_a_visitor_who_did_not_consent(door: Door) -> None:
    """All of it is optional; consent that was not said counts as withheld, with a WARNING."""
    got = await door.visitors("POST")
    assert got.status == 201
    assert got.json()["hasConsented"] is False
    assert [(log["level"], log["tag"]) for log in got.json()["logs"]] == [(5, "NEW VISITOR")]


@pytest.mark.covers("FS-013")
async def test_an_authenticated_visitor_has_an_anonymous_id(door: Door) -> None:
    """Made at creation, as a UUID."""
    body = await door.visitors.new(isAuthenticated=True)
    assert body["isAuthenticated"] is True
    assert uuid.UUID(body["anonymousId"]).version == 4


@pytest.mark.covers("FS-023", "FS-040", "FS-028")
async def test_creation_answers_when_the_flags_are_there(door: Door) -> None:
    """`fetchNow` is true by default; false leaves the fetch to whoever wants it."""
    body = await door.visitors.new()
    assert body["flagsStatus"] == {"status": "FETCHED", "reason": "NONE"}
    body = await door.visitors.new("w", fetchNow=False)
    assert body["flagsStatus"]["status"] == "FETCH_REQUIRED"


async def test_a_visitor_is_opened_again(door: Door) -> None:
    """200, and as new: consent, context and identity are the body's (spec flags 10.5)."""
    await door.visitors.new(context={"age": 31}, isAuthenticated=True)
    got = await door.visitors("POST", "", {"visitorId": "v", "fetchNow": False})
    assert got.status == 200
    body = got.json()
    assert body["version"] > 1
    assert set(body["context"]) == RESERVED
    assert (body["hasConsented"], body["isAuthenticated"]) == (False, False)
    assert body["flagsStatus"]["reason"] == "VISITOR_CREATED"


@pytest.mark.covers("FS-019", "FS-020", "FS-021", "FS-149")
async def test_flags_may_be_given_at_creation(door: Door) -> None:
    """Serialised flags of one visitor are another's initial flags, and win over campaigns."""
    await door.visitors.new()
    given = await door.visitors.get("/v/flags.json")
    assert {each["key"] for each in given} == {"colour", "greeting", "loud"}
    assert all(bytes.fromhex(each["hex"]).startswith(b'{"v":') for each in given)
    answer = (await door.decide("other")).json()
    await door.visitors.new("w", initialFlagsData=given[1:], initialCampaigns=answer["campaigns"],
                            fetchNow=False)  # fmt: skip
    assert (await door.visitors.get("/w/flags"))["keys"] == [each["key"] for each in given[1:]]
    await door.visitors.new("x", initialCampaigns=answer, fetchNow=False)
    assert set((await door.visitors.get("/x/flags"))["keys"]) == {"colour", "greeting", "loud"}


# --- repeats


async def test_a_repeated_creation_finds_the_same_visitor(door: Door) -> None:
    """Under one key there is one visitor, also without an id; another key makes another."""
    body = {"hasConsented": True}
    got = [await door.visitors("POST", "", body, idempotency_key=key) for key in "kkl"]
    assert [each.status for each in got] == [201, 201, 201]
    first, again, other = [each.json() for each in got]
    assert first["id"] == again["id"] != other["id"]
    assert uuid.UUID(first["id"]).version == 4
    assert first == again
    reused = await door.visitors("POST", "", {"hasConsented": False}, idempotency_key="k")
    assert (reused.status, reused.json()["code"]) == (422, "key_reused")
    admin = await door.admin("POST", "/flags/v1/env_1/visitors", body, {"idempotency-key": "k"})
    assert admin.json()["id"] != first["id"]


async def test_a_repeated_fetch_answers_like_the_first(door: Door) -> None:
    """It is not fetched again, and the flags are there."""
    await door.visitors.new(fetchNow=False)
    got = [await door.visitors("POST", "/v/fetchFlags", idempotency_key="k") for _ in range(2)]
    first, again = [each.json() for each in got]
    assert first["flagsStatus"]["status"] == "FETCHED"
    assert first == again


async def test_a_repeated_command_of_one_without_consent_shows_all(door: Door) -> None:
    """What may not be kept was not kept with the answer either: it comes from memory."""
    await door.visitors.new(hasConsented=False, fetchNow=False)
    body = {"context": {"age": 31}}
    for _ in range(2):
        got = await door.visitors("POST", "/v/updateContext", body, idempotency_key="k")
        assert got.json()["context"]["age"] == 31


@pytest.mark.parametrize("key", ["", "k" * 256])
async def test_a_key_for_repeats_has_a_length(door: Door, key: str) -> None:
    """1 to 255 characters."""
    got = await door.visitors("POST", "", {}, idempotency_key=key)
    assert (got.status, got.json()["code"]) == (400, "bad_key")


# --- commands


@pytest.mark.covers("FS-107", "FS-108", "FS-036")
async def test_context_is_merged_and_cleared(door: Door) -> None:
    """Given keys join or replace; clearing leaves the SDK's own."""
    await door.visitors.new(context={"age": 31, "vip": True})
    body = await door.visitors.do("updateContext", context={"age": 32, "city": "Lyon"})
    assert body["flagsStatus"] == {"status": "FETCH_REQUIRED", "reason": "UPDATE_CONTEXT"}
    assert {key: body["context"][key] for key in ("age", "vip", "city")} == {
        "age": 32, "vip": True, "city": "Lyon",
    }  # fmt: skip
    assert set((await door.visitors.do("clearContext"))["context"]) == RESERVED


@pytest.mark.covers("FS-116", "FS-117", "FS-118", "FS-119", "FS-204")
async def test_a_visitor_logs_in_and_out(door: Door) -> None:
    """The handle stays; ids, reason and the reserved key follow."""
    await door.visitors.new()
    body = await door.visitors.do("authenticate", visitorId="alice")
    assert (body["id"], body["visitorId"], body["anonymousId"]) == ("v", "alice", "v")
    assert body["flagsStatus"] == {"status": "FETCH_REQUIRED", "reason": "AUTHENTICATE"}
    assert body["context"]["fs_users"] == "alice"
    body = await door.visitors.do("unauthenticate")
    assert (body["visitorId"], body["anonymousId"]) == ("v", None)
    assert body["flagsStatus"] == {"status": "FETCH_REQUIRED", "reason": "UNAUTHENTICATE"}


@pytest.mark.covers("FS-132", "FS-133", "FS-134", "FS-138")
async def test_a_value_is_answered_with_the_visitor(door: Door) -> None:
    """The flag's value if its type fits, else the default; a missing flag has a WARNING."""
    await door.visitors.new()
    body = await door.visitors.do("getValue", key="greeting", defaultValue="hi")
    assert (body["value"], body["id"]) == ("hello", "v")
    assert "logs" not in body
    assert (await door.visitors.do("getValue", key="loud", defaultValue=None))["value"] is True
    assert (await door.visitors.do("getValue", key="loud", defaultValue=1))["value"] == 1
    body = await door.visitors.do("getValue", key="nothing", defaultValue=[1])
    assert body["value"] == [1]
    assert [(log["level"], log["tag"]) for log in body["logs"]] == [(5, "FLAG_VALUE")]
    assert ("WARNING", "FLAG_VALUE") in [line[:2] for line in door.said()]


@pytest.mark.covers("FS-135", "FS-136", "FS-139", "FS-147")
async def test_exposures_are_counted(door: Door) -> None:
    """By reading a value unless told otherwise, by saying so, and of all flags."""
    await door.visitors.new()
    await door.visitors.do("getValue", key="greeting", defaultValue="", visitorExposed=False)
    assert (await door.report())["exposures"] == []
    await door.visitors.do("getValue", key="greeting", defaultValue="")
    await door.visitors.do("visitorExposed", key="colour")
    counts = {each["campaign"]: each["count"] for each in (await door.report())["exposures"]}
    assert counts == {"greeting": 1, "colours": 1}
    await door.visitors.new("w")
    await door.visitors.do("exposeAll", "w")
    assert sum(each["count"] for each in (await door.report())["exposures"]) == 5


@pytest.mark.covers("FS-120")
async def test_get_flags_adds_the_flags(door: Door) -> None:
    """The same as `flags.json`, beside the visitor."""
    await door.visitors.new()
    body = await door.visitors.do("getFlags")
    assert body["flags"] == await door.visitors.get("/v/flags.json")
    assert body["visitorId"] == "v"


@pytest.mark.covers("FS-065")
async def test_a_fetch_just_after_another_changes_nothing(door: Door) -> None:
    """The buffering time answers with the same version and says so."""
    body = await door.visitors.new()
    again = await door.visitors.do("fetchFlags")
    assert again["version"] == body["version"]
    assert [(log["level"], log["tag"]) for log in again["logs"]] == [(7, "FETCH_FLAGS")]


async def test_the_log_level_of_the_environment_counts(tmp_path: Path) -> None:
    """Remarks above it stand neither in the answer nor in the log."""
    async with open_door(tmp_path, log_level=5) as door:
        await door.visitors.new()
        assert "logs" not in await door.visitors.do("fetchFlags")
        assert door.said() == []


# --- flags


@pytest.mark.covers("FS-114", "FS-115", "FS-124", "FS-125", "FS-126", "FS-140", "FS-151")
async def test_one_flag_is_read(door: Door) -> None:
    """Value, status, metadata and existence; one that is not there is empty, no error."""
    await door.visitors.new()
    assert await door.visitors.get("/v/flags/greeting") == {
        "key": "greeting",
        "value": "hello",
        "status": "FETCHED",
        "exists": True,
        "metadata": {
            "campaignId": "greeting",
            "campaignName": "greeting name",
            "variationGroupId": "greeting-group",
            "variationGroupName": "group",
            "variationId": "hello",
            "variationName": "hello",
            "isReference": True,
            "campaignType": "toggle",
            "slug": "greeting-slug",
        },
    }
    missing = await door.visitors.get("/v/flags/missing")
    assert (missing["value"], missing["status"], missing["exists"]) == (None, "NOT_FOUND", False)
    assert set(missing["metadata"].values()) == {"", False, None}
    assert (await door.report())["exposures"] == []


@pytest.mark.covers("FS-129")
async def test_a_flag_that_is_not_up_to_date_is_still_read(door: Door) -> None:
    """FETCH_REQUIRED with its value, and a WARNING in the log (spec flags 4.4)."""
    await door.visitors.new()
    await door.visitors.do("updateContext", context={"age": 1})
    flag = await door.visitors.get("/v/flags/greeting")
    assert (flag["status"], flag["value"]) == ("FETCH_REQUIRED", "hello")
    assert ("WARNING", "GET_FLAG") in [line[:2] for line in door.said()]


@pytest.mark.covers("FS-141", "FS-145", "FS-146", "FS-148", "FS-150")
@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", {"colour", "greeting", "loud"}),
        ("?key=loud&key=colour", {"loud", "colour"}),
        ("?campaignId=greeting", {"greeting", "loud"}),
        ("?campaignId=greeting&key=colour", set()),
        ("?status=FETCHED", {"colour", "greeting", "loud"}),
        ("?status=PANIC&status=NOT_FOUND", set()),
    ],
)
async def test_flags_are_listed_and_filtered(door: Door, query: str, keys: set[str]) -> None:
    """A filter holds if one of its values does; several filters must all hold."""
    await door.visitors.new()
    listed = await door.visitors.get(f"/v/flags{query}")
    assert set(listed["keys"]) == keys
    assert listed["size"] == len(keys)
    assert [each["key"] for each in listed["flags"]] == listed["keys"]
    assert all(each["metadata"]["campaignId"] for each in listed["flags"])


async def test_an_unknown_status_is_no_filter(door: Door) -> None:
    """400: nobody means to get nothing."""
    await door.visitors.new()
    got = await door.visitors("GET", "/v/flags?status=SOON")
    assert (got.status, got.json()["code"]) == (400, "bad_query")
