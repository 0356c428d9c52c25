"""OpenFeature's remote evaluation: one flag, all flags, validators, the stream of changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import trio
from asgi import Got
from flag_door import COLOURS, GREETING, OTHER, Door, file
from houses import open_caller

from api.flags import streams
from api.flags.streams import Streams

BULK = "/ofrep/v1/evaluate/flags"


def context(key: str = "v", **more: Any) -> dict[str, Any]:
    """An evaluation body."""
    return {"context": {"targetingKey": key, **more}}


async def stream_of(door: Door) -> str:
    """The path of the stream that a bulk answer names."""
    got = (await door.sdk("POST", BULK, context())).json()
    url: str = got["eventStreams"][0]["url"]
    return url.removeprefix("http://localhost")


@pytest.mark.parametrize("prefix", ["", "/flags"])
async def test_one_flag(door: Door, prefix: str) -> None:
    """Value, reason, variant and metadata, under both prefixes (spec flags 8.1)."""
    got = await door.sdk("POST", f"{prefix}{BULK}/greeting", context())
    assert got.status == 200
    assert got.headers["content-type"] == "application/json"
    shown = got.json()
    assert (shown["key"], shown["value"], shown["reason"]) == ("greeting", "hello", "STATIC")
    assert shown["metadata"]["campaignId"] == "greeting"


async def test_all_flags_with_the_key_in_either_header(door: Door) -> None:
    """A split says so; the key names the environment."""
    for headers in ({"x-api-key": door.sdk.key}, {"authorization": f"Bearer {door.sdk.key}"}):
        got = (await door.nobody("POST", BULK, context(), headers)).json()
        reasons = {each["key"]: each["reason"] for each in got["flags"]}
        assert reasons == {"colour": "SPLIT", "greeting": "STATIC", "loud": "STATIC"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "PARSE_ERROR"),
        (b"[1]", "INVALID_CONTEXT"),
        ({"context": {}}, "TARGETING_KEY_MISSING"),
        ({"context": {"targetingKey": 3}}, "INVALID_CONTEXT"),
    ],
)
async def test_bad_questions_have_openfeatures_shape(door: Door, body: Any, code: str) -> None:
    """400 with an error code, for one flag with its key."""
    bulk, one = await door.sdk("POST", BULK, body), await door.sdk("POST", f"{BULK}/k", body)
    assert (bulk.status, one.status) == (400, 400)
    assert bulk.json()["errorCode"] == one.json()["errorCode"] == code
    assert one.json()["key"] == "k"


async def test_keys_and_unknown_flags(door: Door) -> None:
    """401 without a key, 404 for a flag that the visitor does not have."""
    assert (await door.nobody("POST", BULK, context())).status == 401
    assert (await door.admin.with_key("never-heard-of")("POST", BULK, context())).status == 401
    other = await door.admin.with_key(OTHER)("POST", BULK, context())
    assert other.json()["flags"] == []
    got = await door.sdk("POST", f"{BULK}/unknown", context())
    assert (got.status, got.json()["errorCode"]) == (404, "FLAG_NOT_FOUND")


async def test_the_etag_covers_file_visitor_context_and_outcome(door: Door) -> None:
    """304 only where nothing that the client sees could be another."""
    first = await door.sdk("POST", BULK, context())
    tag = {"if-none-match": first.headers["etag"]}
    assert (await door.sdk("POST", BULK, context(), tag)).status == 304
    assert (await door.sdk("POST", BULK, context("w"), tag)).status == 200
    assert (await door.sdk("POST", BULK, context(age=3), tag)).status == 200
    await door.activate("v", "colours-group", "red")
    await door.activate("v", "colours-group", "blue")
    colour = next(each for each in first.json()["flags"] if each["key"] == "colour")
    changed = "red" if colour["value"] == "blue" else "blue"
    await door.activate("v", "colours-group", changed)
    assert (await door.sdk("POST", BULK, context(), tag)).status == 200
    await door.put(file(GREETING))
    assert (await door.sdk("POST", BULK, context(), tag)).status == 200


async def test_panic_disables_every_flag(door: Door) -> None:
    """No value, so that clients use their own defaults (spec flags 8.1)."""
    await door.panic(True)
    flags = (await door.sdk("POST", BULK, context())).json()["flags"]
    assert {each["reason"] for each in flags} == {"DISABLED"}
    assert not any("value" in each for each in flags)


# --- the stream


class Ear:
    """Listens to a stream through the front, in a nursery."""

    def __init__(self, door: Door, path: str, last: str = "") -> None:
        self.door = door
        self.path = path
        self.last = last
        self.status = 0
        self.chunks: list[bytes] = []
        self.changed = trio.Event()

    async def listen(self) -> None:
        """Until cancelled or over."""
        headers = [(b"last-event-id", self.last.encode())] if self.last else []
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "scheme": "http", "path": self.path, "raw_path": self.path.encode(),
            "query_string": b"", "root_path": "", "headers": [(b"host", b"localhost"), *headers],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "extensions": {},
        }  # fmt: skip
        await self.door.admin.app(scope, _Once(), self._take)

    async def _take(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        if message.get("body"):
            self.chunks.append(message["body"])
        self.changed.set()
        self.changed = trio.Event()

    async def until(self, chunks: int) -> None:
        """Wait until that many chunks came."""
        while len(self.chunks) < chunks:
            await self.changed.wait()

    @property
    def data(self) -> list[Any]:
        """The data of the events heard."""
        lines = b"".join(self.chunks).split(b"\n")
        return [msgspec.json.decode(each[6:]) for each in lines if each.startswith(b"data: ")]


class _Once:
    def __init__(self) -> None:
        self.asked = False

    async def __call__(self) -> Any:
        if self.asked:
            await trio.sleep_forever()
        self.asked = True
        return {"type": "http.request", "body": b"", "more_body": False}


@pytest.fixture
async def nursery() -> AsyncIterator[trio.Nursery]:
    """Where ears live."""
    async with trio.open_nursery() as opened:
        yield opened
        opened.cancel_scope.cancel()


async def test_the_stream_says_only_that_flags_should_be_fetched(
    door: Door, nursery: trio.Nursery
) -> None:
    """A change of the file and a panic are heard; nothing of them is told (engine spec 7.5)."""
    ear = Ear(door, await stream_of(door))
    nursery.start_soon(ear.listen)
    await ear.until(1)
    changed = (await door.put(file(COLOURS))).json()
    await ear.until(2)
    await door.panic(True)
    await ear.until(3)
    assert ear.status == 200
    assert [set(each) for each in ear.data] == [{"type", "etag", "lastModified"}] * 2
    assert (ear.data[0]["type"], ear.data[0]["etag"]) == ("refetchEvaluation", changed["etag"])
    assert f"id: {changed['version']}\n".encode() in ear.chunks[1]


async def test_whoever_comes_back_is_told_what_was_missed(
    door: Door, nursery: trio.Nursery
) -> None:
    """By Last-Event-ID; who saw the newest hears nothing."""
    path = await stream_of(door)
    version = door.shelf.environments.live["env_1"].version
    late, early = Ear(door, path, str(version - 1)), Ear(door, path, str(version))
    for ear in (late, early):
        nursery.start_soon(ear.listen)
    await late.until(2)
    await early.until(1)
    assert (len(late.data), len(early.data)) == (1, 0)


async def test_a_listener_that_leaves_is_forgotten(door: Door) -> None:
    """Its subscription goes with it."""
    ear = Ear(door, await stream_of(door))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.listen)
        await ear.until(1)
        assert door.shelf.streams.statistics()["open"] == 1
        nursery.cancel_scope.cancel()
    with trio.fail_after(5):
        while door.shelf.streams.statistics()["open"]:
            await trio.lowlevel.checkpoint()
    assert not door.house.hub.has_listeners(("demo", "environment/env_1"))


async def test_streams_end_when_the_house_closes(door: Door) -> None:
    """Nobody is left hanging."""
    ear = Ear(door, await stream_of(door))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ear.listen)
        await ear.until(1)
        door.shelf.streams.close()


async def test_a_guessed_address_is_404(door: Door) -> None:
    """Addresses are random, and nothing else opens a stream."""
    got: Got = await door.sdk("GET", "/ofrep/v1/events/env_1")
    assert got.status == 404
    assert got.json()["errorDetails"]


def test_addresses_live_for_a_day_and_are_renewed() -> None:
    """The same for an hour, then another; the old one goes on for the rest of its day."""
    now = [0.0]
    kept = Streams(lambda: now[0])
    first = kept.address_for("env_1")
    assert kept.address_for("env_1") == first != kept.address_for("env_2")
    now[0] = streams.RENEW_SECONDS
    second = kept.address_for("env_1")
    assert second != first
    assert kept.env_of(first) == "env_1"
    now[0] = streams.LIFE_SECONDS
    assert (kept.env_of(first), kept.env_of(second)) == (None, "env_1")


async def test_no_log_line_holds_the_address_of_a_stream(tmp_path):
    """The address is all that a listener needs, so lines show the route's path instead."""
    async with open_caller(tmp_path) as caller:
        assert (await caller("GET", "/ofrep/v1/events/of-nobody")).status == 404
        lines = b"\n".join(caller.lines)
        assert b"/ofrep/v1/events/{address}" in lines
        assert b"of-nobody" not in lines
