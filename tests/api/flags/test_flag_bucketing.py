"""The bucketing file: polled, published, reverted, stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from flag_door import COLOURS, GREETING, OTHER_ADMIN, Door, file, open_door

POLL = "/flags/env_1/bucketing.json"
MANAGED = "/flags/v1/env_1/bucketing"


# --- polling


@pytest.mark.covers("FS-072")
async def test_an_unchanged_poll_is_304_without_a_body(door: Door) -> None:
    """By date as SDKs do, or by tag; every answer has both validators (spec flags 0.4)."""
    first = await door.nobody("GET", POLL)
    assert first.status == 200
    assert first.headers["content-type"] == "application/json"
    for header, name in (("if-modified-since", "last-modified"), ("if-none-match", "etag")):
        again = await door.nobody("GET", POLL, headers={header: first.headers[name]})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["last-modified"] == first.headers["last-modified"]


@pytest.mark.parametrize(
    "headers",
    [
        {"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"if-none-match": '"other"'},
        {"if-none-match": '"other"', "if-modified-since": "{date}"},
    ],
)
async def test_only_the_exact_validator_is_304(door: Door, headers: dict[str, str]) -> None:
    """A later date is not ours, and a tag counts before a date (engine spec 7.4)."""
    date = (await door.nobody("GET", POLL)).headers["last-modified"]
    given = {name: value.format(date=date) for name, value in headers.items()}
    assert (await door.nobody("GET", POLL, headers=given)).status == 200


async def test_the_file_is_served_as_it_was_put(door: Door) -> None:
    """Unknown members and formatting stay (spec flags 10.0)."""
    body = b'{ "campaigns": [], "generatedAt": "today",  "more": {"x": 1.0} }'
    assert (await door.put(body)).status == 200
    assert (await door.nobody("GET", POLL)).body == body
    assert (await door.admin("GET", MANAGED)).body == body
    head = await door.nobody("HEAD", POLL)
    assert (head.status, head.body) == (200, b"")


async def test_an_empty_environment_has_no_file(tmp_path: Path) -> None:
    """404 until one is put; in panic there is a file that says so (spec flags 10.3)."""
    async with open_door(tmp_path) as door:
        assert (await door.nobody("GET", POLL)).status == 404
        assert (await door.nobody("GET", "/flags/env_9/bucketing.json")).status == 404
        await door.panic(True)
        assert (await door.nobody("GET", POLL)).json() == {"panic": True}
        await door.panic(False)
        assert (await door.nobody("GET", POLL)).status == 404


async def test_account_settings_come_from_the_file(door: Door) -> None:
    """The JS SDK asks for them when it starts (spec flags 1.5)."""
    await door.put(file(accountSettings={"enabledXPC": True, "eaiCollectEnabled": True}))
    got = await door.nobody("GET", "/env_1/accountSettings.json", host="cdn.flagship.io")
    assert got.json()["accountSettings"] == {
        "enabledXPC": True,
        "enabled1V1T": False,
        "eaiCollectEnabled": True,
        "eaiActivationEnabled": False,
    }


# --- publishing


async def test_publishing_answers_version_and_validators(door: Door) -> None:
    """The answer of the change is what the next poll shows (spec flags 10.3)."""
    got = await door.put(file(COLOURS))
    assert set(got.json()) == {"version", "etag", "lastModified", "campaigns"}
    assert got.json()["campaigns"] == 1
    polled = await door.nobody("GET", POLL)
    assert polled.headers["etag"] == got.json()["etag"] == got.headers["etag"]
    assert polled.headers["last-modified"] == got.headers["last-modified"]
    again = await door.put(file(COLOURS))
    assert again.json() == got.json()


async def test_a_change_shows_in_the_very_next_decision(door: Door) -> None:
    """The live table is swapped before the change is answered."""
    assert set(await door.chosen()) == {"colours", "greeting"}
    await door.put(file(GREETING))
    assert set(await door.chosen()) == {"greeting"}


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (b"{", 400, "$"),
        (b'{"campaigns":[{"x":NaN}]}', 400, "$"),
        (b'{"campaigns":{}}', 422, "$.campaigns"),
        (b'{"campaigns":[{"id":"a"},{"id":7}]}', 422, "$.campaigns[1].id"),
    ],
)
async def test_a_bad_file_names_the_place_and_changes_nothing(
    door: Door, body: bytes, status: int, path: str
) -> None:
    """Malformed is 400, a wrong member 422, as a problem document (spec flags 10.0)."""
    before = await door.nobody("GET", POLL)
    got = await door.put(body)
    assert got.status == status
    assert got.headers["content-type"] == "application/problem+json"
    assert got.json()["path"] == path
    assert (await door.nobody("GET", POLL)) == before


async def test_an_unknown_operator_is_refused(door: Door) -> None:
    """Every SDK would read it otherwise (spec flags 2.1)."""
    bad = msgspec.json.decode(msgspec.json.encode(COLOURS))
    groups = bad["variationGroups"][0]["targeting"]["targetingGroups"]
    groups[0]["targetings"][0]["operator"] = "RHYMES_WITH"
    got = await door.put(file(bad))
    assert got.status == 422
    assert got.json()["path"].endswith(".targetings[0].operator")


async def test_if_match_guards_what_is_replaced(door: Door) -> None:
    """Somebody else's file is not overwritten: 412; quotes may be left out."""
    tag = (await door.nobody("GET", POLL)).headers["etag"]
    assert (await door.put(file(COLOURS), if_match='"other"')).status == 412
    assert (await door.put(file(COLOURS), if_match=tag)).status == 200
    assert (await door.put(file(GREETING), if_match=tag)).status == 412
    now = (await door.nobody("GET", POLL)).headers["etag"]
    assert (await door.put(file(GREETING), if_match=f'"x", {now}')).status == 200
    assert (await door.put(file(), if_match=now.strip('"'))).status == 412
    assert (await door.put(file(), if_match="*")).status == 200


@pytest.mark.parametrize("path", ["bucketing", "bucketing/history", "reports"])
async def test_managing_is_for_admins_of_the_project(door: Door, path: str) -> None:
    """Nobody 401, a flags key 403, another project's admin sees nothing (engine spec 5)."""
    for key, status in (("", 401), (door.sdk.key, 403), (OTHER_ADMIN, 404)):
        got = await door.admin.with_key(key)("GET", f"/flags/v1/env_1/{path}")
        assert got.status == status
        assert got.headers["content-type"] == "application/problem+json"


async def test_a_repeated_change_is_carried_out_once(door: Door) -> None:
    """An idempotency key answers the same again, another body under it is 422."""
    first = await door.put(file(COLOURS), idempotency_key="once")
    await door.put(file(GREETING))
    again = await door.put(file(COLOURS), idempotency_key="once")
    assert again.json() == first.json()
    assert set(await door.chosen()) == {"greeting"}
    assert (await door.put(file(), idempotency_key="once")).status == 422


# --- history


async def test_history_says_who_when_before_and_after(door: Door) -> None:
    """Newest first, pages backwards, and a file of each version."""
    await door.put(file(COLOURS))
    await door.panic(True)
    got = (await door.admin("GET", f"{MANAGED}/history")).json()
    newest, change, first = got["history"]
    assert [each["event"] for each in got["history"]] == [
        "PanicSet",
        "BucketingChanged",
        "BucketingChanged",
    ]
    assert change["who"] == "admin_1"
    assert (change["removed"], change["changed"]) == (["greeting"], [])
    assert (change["before"]["campaigns"], change["after"]["campaigns"]) == (2, 1)
    assert change["before"]["etag"] == first["after"]["etag"]
    assert (newest["on"], newest["before"]["panic"], newest["after"]["panic"]) == (
        True,
        False,
        True,
    )
    page = (await door.admin("GET", f"{MANAGED}/history?limit=1")).json()
    assert page["history"] == [newest]
    page = (await door.admin("GET", f"{MANAGED}/history?limit=1&before={page['next']}")).json()
    assert page["history"] == [change]


async def test_reverting_publishes_an_earlier_file_again(door: Door) -> None:
    """The file in force at a version comes back, under new validators; history grows."""
    first = await door.nobody("GET", POLL)
    changed = (await door.put(file(COLOURS))).json()
    got = await door.admin("POST", f"{MANAGED}/revert", {"version": changed["version"] - 1})
    assert got.status == 200
    assert got.json()["version"] == changed["version"] + 1
    now = await door.nobody("GET", POLL)
    assert now.body == first.body
    assert now.headers["last-modified"] != first.headers["last-modified"]
    assert set(await door.chosen()) == {"colours", "greeting"}
    old = await door.admin("GET", f"{MANAGED}?version={changed['version']}")
    assert old.json() == file(COLOURS)


@pytest.mark.parametrize("body", [b"", {}])
async def test_reverting_without_a_version_goes_back_and_forth(door: Door, body: Any) -> None:
    """To the file before the present one, whatever the switch did meanwhile; twice is undone."""
    await door.put(file(COLOURS))
    await door.panic(True)
    await door.panic(False)
    for names in ({"colours", "greeting"}, {"colours"}, {"colours", "greeting"}):
        got = await door.admin("POST", f"{MANAGED}/revert", body)
        assert got.status == 200
        assert set(await door.chosen()) == names
    newest = (await door.admin("GET", f"{MANAGED}/history?limit=1")).json()["history"][0]
    assert newest["version"] == got.json()["version"]
    assert newest["revertedTo"] == newest["version"] - 2


async def test_a_revert_that_is_repeated_is_carried_out_once(door: Door) -> None:
    """Under its key it means the file it meant the first time, and guards that one's ETag."""
    tag = (await door.put(file(COLOURS))).headers["etag"]
    for more in ({}, {"if-match": tag}):
        headers = {"idempotency-key": f"once{len(more)}", **more}
        first = await door.admin("POST", f"{MANAGED}/revert", headers=headers)
        assert first.status == 200
        again = await door.admin("POST", f"{MANAGED}/revert", headers=headers)
        assert (again.status, again.json()) == (200, first.json())
        assert set(await door.chosen()) == {"colours", "greeting"}
        await door.admin("POST", f"{MANAGED}/revert")
        tag = (await door.admin("GET", MANAGED)).headers["etag"]


async def test_a_revert_to_the_file_before_is_guarded(door: Door) -> None:
    """Another file that comes in between is not lost: the one who reverts had not seen it."""
    await door.put(file(COLOURS))
    table = door.shelf.environments
    look_up = table.prepared

    async def slowly(project: str, hash_: str) -> Any:
        await door.put(file(GREETING))
        return await look_up(project, hash_)

    table.prepared = slowly  # type: ignore[method-assign]
    assert (await door.admin("POST", f"{MANAGED}/revert")).status == 412
    assert set(await door.chosen()) == {"greeting"}


async def test_there_may_be_no_file_before(door: Door) -> None:
    """The first file has none before it: 404."""
    assert (await door.admin("POST", f"{MANAGED}/revert")).status == 404


@pytest.mark.parametrize("body", [{"version": 99}, {"version": 1}, {"version": 0}])
async def test_reverting_to_nothing_is_404(door: Door, body: Any) -> None:
    """A version that is not there yet, or that had no file."""
    assert (await door.admin("POST", f"{MANAGED}/revert", body)).status == 404


@pytest.mark.parametrize(
    "body", [b"x", {"version": None}, {"version": "1"}, {"vers": 1}, {"version": 1, "x": 2}]
)
async def test_a_bad_revert_is_400(door: Door, body: Any) -> None:
    """Unknown members and wrong types are said."""
    assert (await door.admin("POST", f"{MANAGED}/revert", body)).status == 400


# --- panic


async def test_panic_shows_in_every_door(door: Door) -> None:
    """Decisions, files and OpenFeature stop at once, and go on at once (spec flags 10.3)."""
    first = await door.nobody("GET", POLL)
    got = await door.panic(True)
    assert (got.status, got.json()["panic"]) == (200, True)
    for path in ("env_1/campaigns", "flags", "campaigns/colours"):
        answer = await door.decide(path=path)
        assert answer.json() == {"visitorId": "v", "campaigns": [], "panic": True}
        assert answer.headers["content-type"] == "application/json"
    polled = await door.nobody("GET", POLL, headers={"if-none-match": first.headers["etag"]})
    assert (polled.status, polled.json()["panic"]) == (200, True)
    await door.panic(False)
    assert len(await door.chosen()) == 2
    assert (await door.nobody("GET", POLL)).headers["etag"] == first.headers["etag"]


async def test_a_files_own_panic_stops_everything(door: Door) -> None:
    """A panic file may be just that; the operator's switch does not undo it."""
    await door.put(b'{"panic":true}')
    await door.panic(False)
    assert (await door.decide()).json()["panic"] is True
    await door.put(file(GREETING))
    assert "panic" not in (await door.decide()).json()
