"""Which visitor is meant, how a fetch is joined, how one is erased, and pages of anywhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
import trio
import trio.testing
from asgi import Got
from flag_door import CLIENT, COLOURS, GREETING, KEY, OTHER, OTHER_ADMIN, Door, file, open_door

# --- who is meant


async def test_the_current_id_finds_the_visitor(door: Door) -> None:
    """By handle and by the id it has now; the last log-in wins; a handle beats an alias."""
    await door.visitors.new("v")
    await door.visitors.new("w")
    await door.visitors.do("authenticate", visitorId="alice")
    assert (await door.visitors.get("/alice"))["id"] == "v"
    assert (await door.visitors.do("updateContext", "alice", context={"a": 1}))["id"] == "v"
    await door.visitors.do("authenticate", "w", visitorId="alice")
    assert (await door.visitors.get("/alice"))["id"] == "w"
    await door.visitors.do("unauthenticate", "alice")
    assert (await door.visitors.get("/alice"))["id"] == "v"
    await door.visitors.new("alice")
    assert (await door.visitors.get("/alice"))["id"] == "alice"


async def test_ids_without_consent_are_found_while_awake(door: Door) -> None:
    """They stand in memory only: asleep, the visitor is found by its handle alone."""
    await door.visitors.new(hasConsented=False)
    await door.visitors.do("authenticate", visitorId="alice")
    assert (await door.visitors.get("/alice"))["id"] == "v"
    door.house.directory.put_idle_to_sleep(trio.current_time() + 1e6)
    assert (await door.visitors("GET", "/alice")).status == 404
    body = await door.visitors.get("/v")
    assert (body["visitorId"], body["isAuthenticated"]) == ("v", False)
    assert door.shelf.aliases.statistics()["remembered"] == 0


async def test_the_memory_of_ids_is_bounded(door: Door) -> None:
    """The one remembered longest ago is forgotten first."""
    door.shelf.aliases._most = 2
    for number in range(3):
        await door.visitors.new(f"v{number}", hasConsented=False, fetchNow=False)
        await door.visitors.do("authenticate", f"v{number}", visitorId=f"alice{number}")
    assert door.shelf.aliases.statistics()["remembered"] == 2
    assert (await door.visitors("GET", "/alice0")).status == 404
    assert (await door.visitors.get("/alice2"))["id"] == "v2"


async def test_consent_moves_an_id_from_memory_to_the_store(door: Door) -> None:
    """And back: whoever withdraws is found through memory."""
    await door.visitors.new(hasConsented=False)
    await door.visitors.do("authenticate", visitorId="alice")
    for given, remembered in ((True, 0), (False, 1)):
        await door.visitors.do("setConsent", "alice", hasConsented=given)
        assert (await door.visitors.get("/alice"))["id"] == "v"
        assert door.shelf.aliases.statistics()["remembered"] == remembered


@pytest.mark.parametrize("id_", ["a/b", "a:b", "ü", "a b", "100%", "é" * 256, ".."])
async def test_any_text_is_an_id(door: Door, id_: str) -> None:
    """Escaped as one part of the path."""
    await door.visitors.new(id_)
    body = await door.visitors.get("/" + quote(id_, safe=""))
    assert body["id"] == id_
    assert (await door.visitors.do("fetchFlags", id_))["visitorId"] == id_


# --- fetching


async def test_whoever_asks_while_a_fetch_is_under_way_joins_it(door: Door) -> None:
    """Many ask at once: one fetch, and all answers have its flags (spec flags 4.3)."""
    body = await door.visitors.new(fetchNow=False)
    answers = []

    async def ask() -> None:
        answers.append(await door.visitors.do("fetchFlags"))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask)
    assert {each["flagsStatus"]["status"] for each in answers} == {"FETCHED"}
    assert max(each["version"] for each in answers) == body["version"] + 2


class Slow:
    """An upstream that answers, with no campaigns, when it is told to."""

    def __init__(self) -> None:
        self.go_on = trio.Event()

    async def request(self, *_asked: object, **_how: object) -> Got:
        """One decision."""
        await self.go_on.wait()
        return Got(200, {"content-type": "application/json"}, b'{"campaigns":[]}')

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_a_caller_may_not_want_to_wait(tmp_path: Path) -> None:
    """`Prefer: respond-async`: 202 with FETCHING, and the flags come later; else it is waited."""
    async with (
        open_door(tmp_path, decision_api_url="https://upstream.example/v2/") as door,
        trio.open_nursery() as nursery,
    ):
        door.house.outgoing = upstream = Slow()  # type: ignore[assignment]
        door.shelf.nursery = nursery
        await door.visitors.new(fetchNow=False)
        for _ in range(2):  # the second one joins
            got = await door.visitors("POST", "/v/fetchFlags", prefer="respond-async, wait=5")
            assert (got.status, got.headers["preference-applied"]) == (202, "respond-async")
            assert got.json()["flagsStatus"] == {"status": "FETCHING", "reason": "NONE"}
        upstream.go_on.set()
        body = await door.visitors.do("fetchFlags")
        assert body["flagsStatus"] == {"status": "FETCHED", "reason": "NONE"}
        got = await door.visitors("POST", "/v/fetchFlags", prefer="respond-async")
        assert got.status == 200, "nothing is under way any more"


async def test_whoever_is_erased_during_a_fetch_is_gone(tmp_path: Path) -> None:
    """Those who wait for the flags are told so."""
    async with (
        open_door(tmp_path, decision_api_url="https://upstream.example/v2/") as door,
        trio.open_nursery() as nursery,
    ):
        door.house.outgoing = upstream = Slow()  # type: ignore[assignment]
        door.shelf.nursery = nursery
        await door.visitors.new(fetchNow=False)
        await door.visitors("POST", "/v/fetchFlags", prefer="respond-async")

        async def join() -> None:
            assert (await door.visitors.refused(404, "fetchFlags"))["code"] == "no_visitor"

        nursery.start_soon(join)
        await trio.testing.wait_all_tasks_blocked()
        assert (await door.visitors("DELETE", "/v")).status == 204
        upstream.go_on.set()


# --- erasing


async def test_an_erased_visitor_is_gone(door: Door) -> None:
    """204, then 404 for everything, and the id may be used again."""
    await door.visitors.new()
    await door.visitors.do("authenticate", visitorId="alice")
    assert (await door.visitors("DELETE", "/alice")).status == 204
    for id_ in ("v", "alice"):
        assert (await door.visitors("GET", f"/{id_}")).status == 404
    problem = await door.visitors.refused(404, "fetchFlags")
    assert (problem["code"], problem["permitted"]) == ("no_visitor", ["open"])
    assert (await door.visitors("DELETE", "/v")).status == 404
    assert (await door.visitors("POST", "", {"visitorId": "v"})).status == 201


# --- pages of anywhere


@pytest.mark.parametrize("path", ["", "/v", "/v/updateContext", "/v/flags", "/v/flags/key"])
async def test_pages_may_ask(door: Door, path: str) -> None:
    """A preflight is answered to anybody, with DELETE and the headers that are used here."""
    headers = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    got = await door.nobody("OPTIONS", f"/flags/v1/env_1/visitors{path}", b"", headers)
    assert got.status == 204
    assert got.headers["access-control-allow-origin"] == "*"
    assert "DELETE" in got.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in got.headers["access-control-allow-headers"]


async def test_answers_and_errors_may_be_read_by_pages(door: Door) -> None:
    """Both carry the header, whoever asks."""
    origin = {"origin": "https://shop.example", "x-api-key": KEY}
    for method, status in (("GET", 404), ("POST", 201)):
        target = f"/flags/v1/env_1/visitors{'/nobody' * (method == 'GET')}"
        got = await door.nobody(method, target, b"", origin)
        assert (got.status, got.headers["access-control-allow-origin"]) == (status, "*")


async def test_files_of_campaigns_are_shared_with_decisions(tmp_path: Path) -> None:
    """A visitor and a decision of the same id have the same variation."""
    async with open_door(tmp_path, bucketing=file(COLOURS, GREETING)) as door:
        for number in range(5):
            await door.visitors.new(f"v{number}")
            flag = await door.visitors.get(f"/v{number}/flags/colour")
            chosen = await door.chosen(f"v{number}")
            assert flag["metadata"]["variationId"] == chosen["colours"]


# --- close


@pytest.mark.covers("FS-008")
async def test_what_is_pooled_is_sent_on_demand(door: Door) -> None:
    """`close`: 204 when all is delivered; for server-side keys of the environment."""
    await door.visitors.new()
    path = "/flags/v1/env_1/flush"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(door.house.shelves["outbox"].run)
        assert (await door.sdk("POST", path)).status == 204
        nursery.cancel_scope.cancel()
    assert {each["type"] for each in (await door.report())["hits"]} == {"EVENT"}
    for key, status in ((CLIENT, 403), (OTHER, 403), (OTHER_ADMIN, 404), ("", 401)):
        assert (await door.admin.with_key(key)("POST", path)).status == status
