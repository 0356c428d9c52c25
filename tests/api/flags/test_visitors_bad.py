"""What cannot be meant, and what may not be done now: said in words, with nothing changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from flag_door import KEY, Door, open_door, socket
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.environment_words import PollFailed
from actors.flags.flag_values import value_of
from actors.flags.names import LogLevel, Tag
from actors.flags.visitor import VISITOR
from actors.flags.visitor_tracking import HITS_MAX
from actors.flags.visitor_words import ExposeAll, FetchFlags, Open, SendHits, UpdateContext
from api.flags import given as judged
from api.flags.given import Unusable
from api.flags.showing import LINES_MAX, LogLine, lines_of
from engine.effects import Note
from engine.messages import Address, Command

HIT = {"type": "EVENT", "category": "User Engagement", "action": "click"}


async def _unchanged(door: Door, before: Any) -> None:
    after = await door.visitors.get("/v")
    assert after == {name: value for name, value in before.items() if name in after}


# --- 422: nothing of it can be used


@pytest.mark.covers("FS-109", "FS-016", "FS-155", "FS-170", "FS-171")
@pytest.mark.parametrize(
    ("command", "body", "tag", "words"),
    [
        ("updateContext", {"context": {"a": None}}, "UPDATE CONTEXT", "'a' is skipped"),
        ("updateContext", {"context": {"": 1}}, "UPDATE CONTEXT", "not empty"),
        ("updateContext", {"context": {"a": [1], "b": {}}}, "UPDATE CONTEXT", "'a' is skipped"),
        ("updateContext", {"context": {"sdk_city": 5}}, "UPDATE CONTEXT", "takes a string"),
        ("authenticate", {"visitorId": ""}, "AUTHENTICATE", "not empty"),
        ("sendHit", {"hit": {}}, "ADD HIT", "`type` is required"),
        ("sendHit", {"hit": {"type": "SMOKE"}}, "ADD HIT", "`type` is required"),
        ("sendHit", {"hit": {**HIT, "action": ""}}, "ADD HIT", "`action` is required"),
        ("sendHit", {"hit": {**HIT, "category": "Fun"}}, "ADD HIT", "`category` is required"),
        ("sendHits", {"hits": [{}, 5, {"type": "PAGEVIEW"}]}, "ADD HIT", "`type` is required"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    door: Door, command: str, body: Any, tag: str, words: str
) -> None:
    """422 with the reason, an ERROR line with the SDK's tag, and the visitor as it was."""
    before = await door.visitors.new(context={"age": 31})
    problem = await door.visitors.refused(422, command, **body)
    assert problem["code"] == "unusable"
    assert words in problem["detail"]
    assert {(log["level"], log["tag"]) for log in problem["logs"]} == {(4, tag)}
    assert [line[:2] for line in door.said()] == [("ERROR", tag)] * len(problem["logs"])
    await _unchanged(door, before)


async def test_an_empty_id_creates_nobody(door: Door) -> None:
    """422 with the SDK's tag for visitor ids."""
    got = await door.visitors("POST", "", {"visitorId": ""})
    assert (got.status, got.json()["logs"][0]["tag"]) == (422, "VISITOR ID")
    assert door.said() == [("ERROR", "VISITOR ID", got.json()["detail"])]


@pytest.mark.covers("FS-014", "FS-109", "FS-195")
async def test_the_good_part_of_mixed_input_is_used(door: Door) -> None:
    """Bad entries are skipped with a remark, the SDK's own keys without one."""
    body = await door.visitors.new(context={"age": 31, "bad": None, "fs_users": "x"})
    assert body["context"]["age"] == 31
    assert body["context"]["fs_users"] == "v"
    assert [(log["level"], log["tag"]) for log in body["logs"]] == [(4, "UPDATE CONTEXT")]
    body = await door.visitors.do("updateContext", context={"vip": True, "": 1, "fs_client": "x"})
    assert body["context"]["vip"] is True
    assert body["context"]["fs_client"] != "x"
    assert len(body["logs"]) == 1
    body = await door.visitors.do("sendHits", hits=[HIT, {"type": "SMOKE"}])
    assert [(log["level"], log["tag"]) for log in body["logs"]] == [(4, "ADD HIT")]
    body = await door.visitors.do("updateContext", context={"fs_users": "x"})
    assert "logs" not in body


async def test_values_stand_in_no_log(door: Door) -> None:
    """Remarks name keys and fields; what was given for them is nobody's business."""
    await door.visitors.new(context={"a": ["private-1"], "b": 1})
    await door.visitors.refused(422, "updateContext", context={"a": ["private-2"]})
    await door.visitors.refused(422, "sendHit", hit={**HIT, "action": ["private-3"]})
    await door.visitors.do("sendHit", hit={**HIT, "label": ["private-4"]})
    await door.visitors.refused(400, "authenticate", visitorId="private-5" * 99)
    await door.visitors.refused(400, "setConsent", hasConsented="private-6")
    assert len(door.said()) == 5
    assert not any(b"private" in line for line in door.admin.lines)


# --- 400: not of the shape


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("updateContext", {"context": [1]}),
        ("updateContext", {}),
        ("updateContext", {"context": {}, "more": 1}),
        ("authenticate", {"visitorId": 5}),
        ("authenticate", {"visitorId": "x" * 257}),
        ("setConsent", {"hasConsented": 1}),
        ("setConsent", {}),
        ("getValue", {"key": "greeting"}),
        ("getValue", {"key": 5, "defaultValue": 1}),
        ("visitorExposed", {}),
        ("exposeAll", {"keys": "greeting"}),
        ("sendHit", {"hit": "EVENT"}),
        ("sendHits", {"hits": {}}),
        ("fetchFlags", {"now": True}),
        ("updateContext", b"{"),
        ("updateContext", b"[]"),
        ("updateContext", b'{"context": {"a": NaN}}'),
        ("updateContext", b'{"context": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"),
        ("updateContext", b"\xff"),
        ("batch", {}),
        ("batch", {"commands": [{"data": {}}]}),
        ("batch", {"commands": [{"name": "getFlags", "data": 5}]}),
        ("batch", {"commands": [{"name": "getFlags"}] * 101}),
    ],
)
async def test_a_body_of_another_shape_is_400(door: Door, command: str, body: Any) -> None:
    """RFC 9457, and the visitor as it was."""
    before = await door.visitors.new()
    got = await door.visitors("POST", f"/v/{command}", body)
    assert got.status == 400, got.body
    assert got.headers["content-type"] == "application/problem+json"
    await _unchanged(door, before)


@pytest.mark.parametrize(
    "body",
    [
        {"visitorId": 5},
        {"visitorId": "x" * 257},
        {"visitorId": "a\u0000b"},
        {"hasConsented": "yes"},
        {"context": "age"},
        {"unknown": 1},
        b"{",
        b"[]",
    ],
)
async def test_creating_with_a_body_of_another_shape_is_400(door: Door, body: Any) -> None:
    """Nobody is created."""
    got = await door.visitors("POST", "", body)
    assert got.status == 400, got.body
    listed = await door.admin("GET", "/v1/actors?kind=visitor")
    assert listed.json()["actors"] == []


async def test_a_body_that_is_too_big_is_413(door: Door) -> None:
    """A megabyte is the limit of our own routes."""
    got = await door.visitors("POST", "", b" " * 1_000_001)
    assert got.status == 413


@pytest.mark.parametrize("size", [1, 8_000])
async def test_a_visitor_stays_small(door: Door, size: int) -> None:
    """What a context may hold in all is bounded: the rest is skipped, with a remark."""
    await door.visitors.new(fetchNow=False)
    for start in range(0, 100, 10):
        keys = range(start, start + 10)
        await door.visitors.do("updateContext", context={f"k{key}": "x" * size for key in keys})
    shown = (await door.visitors("GET", "/v")).json()
    assert len([key for key in shown["context"] if key.startswith("k")]) == (
        100 if size == 1 else 7
    )


async def test_initial_flags_stay_small(door: Door) -> None:
    """What a caller brings along is bounded as well."""
    flag = {"campaignId": "c", "variationGroupId": "g", "variationId": "v", "hex": "7b7d"}
    many = [{"key": f"key-{number}", **flag} for number in range(2_000)]
    got = await door.visitors("POST", "", {"visitorId": "v", "initialFlagsData": many})
    assert (got.status, got.json()["code"]) == (422, "unusable")


async def test_opening_at_an_address_obeys_the_same_rules(door: Door) -> None:
    """The handle is judged however it came, and `visitorId` can be no other."""
    long = "x" * 257
    assert (await door.visitors.refused(400, "open", long))["code"] == "bad_id"
    assert (await door.visitors.refused(400, "open", visitorId="w"))["code"] == "bad_id"
    assert (await door.visitors.do("open", visitorId="v", fetchNow=False))["id"] == "v"
    async with socket(door, KEY) as wire:
        for topic, status in ((f"visitor/env_1:{long}", 400), ("visitor/env_1:", 422)):
            wire.say({"t": "cmd", "id": 1, "topic": topic, "name": "open"})
            assert (await wire.next_of("res"))["problem"]["status"] == status


# --- 404: unknown


async def test_an_unknown_command_is_404_with_the_permitted_ones(door: Door) -> None:
    """Those that are permitted now, and an ERROR line; the door's own commands are unknown too."""
    await door.visitors.new()
    for command in ("dance", "endFetch", "flags", "erase"):
        problem = await door.visitors.refused(404, command)
        assert problem["code"] == "unknown_command"
        assert "updateContext" in problem["permitted"]
        assert "unauthenticate" not in problem["permitted"]
    assert [line[0] for line in door.said()] == ["ERROR"] * 4
    problem = await door.visitors.refused(404, "dance", "nobody")
    assert problem["permitted"] == ["open"]


@pytest.mark.parametrize("command", [name for name in VISITOR.commands if name != "open"])
async def test_a_visitor_that_is_not_there_is_404(door: Door, command: str) -> None:
    """Every command but `open`, and nobody is created by it."""
    bodies: dict[str, Any] = {
        "updateContext": {"context": {"a": 1}},
        "authenticate": {"visitorId": "x"},
        "setConsent": {"hasConsented": True},
        "getValue": {"key": "k", "defaultValue": 1},
        "visitorExposed": {"key": "k"},
        "sendHit": {"hit": HIT},
        "sendHits": {"hits": [HIT]},
    }
    problem = await door.visitors.refused(404, command, "nobody", **bodies.get(command, {}))
    assert problem["permitted"] == ["open"]
    assert (await door.visitors("GET", "/nobody")).status == 404


@pytest.mark.parametrize("path", ["/nobody", "/nobody/flags", "/nobody/flags.json"])
async def test_looking_at_nobody_is_404(door: Door, path: str) -> None:
    """In the shape of our own routes."""
    got = await door.visitors("GET", path)
    assert (got.status, got.json()["code"]) == (404, "no_visitor")


# --- 409: refused by the tables


@pytest.mark.covers("FS-105")
@pytest.mark.parametrize(
    ("consented", "command", "body", "level", "tag"),
    [
        (True, "unauthenticate", {}, "ERROR", "UNAUTHENTICATE"),
        (False, "sendHit", {"hit": HIT}, "INFO", "sendHit"),
        (False, "sendHits", {"hits": [HIT]}, "INFO", "sendHits"),
        (False, "visitorExposed", {"key": "greeting"}, "INFO", "FLAG_VISITOR_EXPOSED"),
        (False, "exposeAll", {}, "INFO", "FLAG_VISITOR_EXPOSED"),
    ],
)
async def test_what_is_not_permitted_now_is_409(
    door: Door, consented: bool, command: str, body: Any, level: str, tag: str
) -> None:
    """With what is permitted, and the level and tag that the SDK has for it (spec flags 4.6)."""
    before = await door.visitors.new(hasConsented=consented)
    problem = await door.visitors.refused(409, command, **body)
    assert problem["code"] == "refused"
    assert command not in problem["permitted"]
    assert "getValue" in problem["permitted"]
    assert [line[:2] for line in door.said()] == [(level, tag)]
    await _unchanged(door, before)


async def test_logging_in_twice_is_409(door: Door) -> None:
    """A WARNING, as in the SDK (spec flags 4.7)."""
    await door.visitors.new()
    await door.visitors.do("authenticate", visitorId="alice")
    await door.visitors.refused(409, "authenticate", visitorId="bob")
    assert [line[:2] for line in door.said()] == [("WARNING", "AUTHENTICATE")]
    assert (await door.visitors.get("/v"))["visitorId"] == "alice"


@pytest.mark.covers("FS-085", "FS-131")
async def test_in_panic_little_is_permitted(door: Door) -> None:
    """A fetch finds the panic; then flags are empty, values defaults, and sending is INFO."""
    await door.visitors.new(fetchNow=False)
    await door.panic(True)
    body = await door.visitors.do("fetchFlags")
    assert body["flagsStatus"] == {"status": "PANIC", "reason": "NONE"}
    body = await door.visitors.do("getValue", key="greeting", defaultValue="hi")
    assert body["value"] == "hi"
    assert [(log["level"], log["tag"]) for log in body["logs"]] == [(7, "Flag.value")]
    flag = await door.visitors.get("/v/flags/greeting")
    assert (flag["status"], flag["value"], flag["metadata"]["campaignId"]) == ("PANIC", None, "")
    for command, sent, tag in (
        ("sendHit", {"hit": HIT}, "sendHit"),
        ("updateContext", {"context": {"a": 1}}, "UPDATE CONTEXT"),
        ("clearContext", {}, "CLEAR_CONTEXT"),
        ("visitorExposed", {"key": "greeting"}, "FLAG_VISITOR_EXPOSED"),
    ):
        await door.visitors.refused(409, command, **sent)
        assert door.said()[-1][:2] == ("INFO", tag)
    await door.visitors.do("authenticate", visitorId="alice")
    await door.panic(False)
    assert (await door.visitors.do("fetchFlags"))["flagsStatus"]["status"] == "FETCHED"


@pytest.mark.covers("FS-004", "FS-083")
async def test_before_the_start_little_is_permitted(tmp_path: Path) -> None:
    """Defaults are given, flags given at creation are not read, and refusals are ERRORs."""
    url = "https://cdn.example/env_1/bucketing.json"
    async with open_door(tmp_path, decision_mode="BUCKETING", bucketing_url=url) as door:
        failed = PollFailed(url=url, error="it is down")
        await door.house.directory.ask(Address("demo", "environment", "env_1"), failed)
        given = [{"key": "greeting", "campaignId": "c", "variationGroupId": "g",
                  "variationId": "v", "hex": b'{"v":"hello"}'.hex()}]  # fmt: skip
        await door.visitors.new(initialFlagsData=given)
        body = await door.visitors.do("getValue", key="greeting", defaultValue="hi")
        assert body["value"] == "hi"
        assert [(log["level"], log["tag"]) for log in body["logs"]] == [(4, "Flag.value")]
        assert (await door.visitors.do("getFlags"))["flags"] == []
        assert (await door.visitors.get("/v/flags/greeting"))["value"] is None
        for command, sent in (("fetchFlags", {}), ("sendHit", {"hit": HIT})):
            await door.visitors.refused(409, command, **sent)
            assert door.said()[-1][:2] == ("ERROR", command)


# --- for any input


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(context=st.dictionaries(st.text(), JSON, max_size=4), hits=st.lists(JSON, max_size=3))
def test_judging_raises_nothing_but_its_own(context: Any, hits: Any) -> None:
    """Whatever is given is usable, or refused with at least one reason for everything."""
    for command in (UpdateContext(context=context), SendHits(hits=tuple(hits))):
        refused = _refusal(command)
        if refused is not None:
            assert refused.status == 422
            assert refused.notes
            msgspec.json.encode(refused.body())
        assert judged.rows_of(command) >= 1


def test_noise_fills_no_log() -> None:
    """However much is wrong: some remarks, and one that counts the rest at its highest level."""
    notes = [Note(LogLevel.DEBUG, Tag.ADD_HIT, "again")] * LINES_MAX
    rest = [Note(LogLevel.ERROR, Tag.CACHE, "bad"), *notes, Note(LogLevel.ALL, Tag.CACHE, "no")]
    assert len(lines_of(notes, LogLevel.DEBUG)) == LINES_MAX
    shown = lines_of([*notes, *rest], LogLevel.DEBUG)
    assert len(shown) == LINES_MAX + 1
    assert shown[-1] == LogLine(LogLevel.ERROR, Tag.CACHE, "51 more remarks are left out")
    _, note = value_of(None, 1, "k" * 1_000)
    assert note is not None
    assert len(note.text) < 200


def test_no_more_hits_are_judged_than_may_come() -> None:
    """The rules take none of a longer list, so looking at all of it would be for nothing."""
    judged.check(SendHits(hits=(HIT, *[{}] * HITS_MAX)))
    with pytest.raises(Unusable):
        judged.check(SendHits(hits=(*[{}] * HITS_MAX, HIT)))


@pytest.mark.parametrize(
    ("command", "rows"),
    [
        (Open(), 2),
        (FetchFlags(), 1),
        (SendHits(hits=()), 1),
        (SendHits(hits=(HIT, HIT)), 2),
        (ExposeAll(), 1),
        (ExposeAll(keys=("a", "b", "c")), 3),
    ],
)
def test_what_a_command_counts_for(command: Command, rows: int) -> None:
    """One for each thing that it brings, for the daily cap of strangers."""
    assert judged.rows_of(command) == rows


def _refusal(command: Command) -> Unusable | None:
    try:
        judged.check(command)
    except Unusable as refused:
        return refused
    return None
