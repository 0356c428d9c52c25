"""Visitors over the live socket: the same commands, the same answers, and what is pushed."""

from __future__ import annotations

from typing import Any

import pytest
from flag_door import KEY, Door, socket
from live_wire import Wire

from engine.messages import Address

SCENARIO: list[tuple[str, Any]] = [
    ("open", {"hasConsented": True, "context": {"age": 31, "bad": None}}),
    ("getValue", {"key": "greeting", "defaultValue": "hi"}),
    ("getValue", {"key": "missing", "defaultValue": 5}),
    ("updateContext", {"context": {"vip": True, "": 1}}),
    ("updateContext", {"context": {"": 1}}),
    ("fetchFlags", {}),
    ("fetchFlags", {}),
    ("visitorExposed", {"key": "greeting"}),
    ("visitorExposed", {"key": "missing"}),
    ("exposeAll", {}),
    ("sendHit", {"hit": {"type": "SCREENVIEW", "documentLocation": "home"}}),
    ("sendHit", {"hit": {"type": "SMOKE"}}),
    ("sendHits", {"hits": [{"type": "SCREENVIEW", "documentLocation": "a"}, {}]}),
    ("authenticate", {"visitorId": "alice"}),
    ("authenticate", {"visitorId": "bob"}),
    ("getFlags", {}),
    ("unauthenticate", {}),
    ("unauthenticate", {}),
    ("clearContext", {}),
    ("setConsent", {"hasConsented": False}),
    ("sendHit", {"hit": {"type": "SCREENVIEW", "documentLocation": "home"}}),
    ("dance", {}),
    ("getValue", {"key": "greeting"}),
]


async def _over_http(door: Door) -> list[Any]:
    answers = []
    for name, data in SCENARIO:
        got = await door.visitors("POST", f"/v/{name}", data)
        answers.append((got.status < 300, got.json()))
    return answers


async def _over_a_socket(door: Door) -> list[Any]:
    answers = []
    async with socket(door, KEY) as wire:
        for name, data in SCENARIO:
            res = await _cmd(wire, name, data)
            answers.append((res["ok"], res["data"] if res["ok"] else res["problem"]))
            if res["ok"]:
                assert res["version"] == res["data"]["version"]
    return answers


async def _cmd(wire: Wire, name: str, data: Any = None, topic: str = "visitor/env_1:v") -> Any:
    frame = {"t": "cmd", "id": 1, "topic": topic, "name": name}
    wire.say(frame if data is None else {**frame, "data": data})
    return await wire.next_of("res")


async def test_a_command_over_the_socket_answers_as_over_http(door: Door) -> None:
    """A whole scenario: every body is the same, and so is every refusal."""
    over_http = await _over_http(door)
    await door.visitors("DELETE", "/v")
    generation = (await door.house.directory.peek(Address("demo", "visitor", "env_1:v"))).version
    over_socket = await _over_a_socket(door)
    for (name, _), (ok, body), (also_ok, data) in zip(
        SCENARIO, over_http, over_socket, strict=True
    ):
        assert ok == also_ok, name
        if "version" in data:
            data["version"] -= generation
        if data.get("code") == "unknown_command":  # the socket knows no visitor yet: it lists all
            assert set(body.pop("permitted")) < set(data.pop("permitted"))
        assert data == body, name


async def test_a_status_change_is_pushed(door: Door) -> None:
    """Whoever watches `visitor/ENV:ID` sees the fetch go by, with the state in between."""
    async with socket(door, KEY) as wire:
        wire.say({"t": "sub", "id": 1, "topic": "visitor/env_1:v"})
        assert (await wire.next_of("subd"))["state"] is None
        await door.visitors.new()
        names = []
        while "Fetched" not in names:
            event = await wire.next_of("ev")
            names.append(event["name"])
        assert names[0] == "Opened"
        await door.visitors.do("updateContext", context={"age": 1})
        assert (await wire.next_of("ev"))["name"] == "ContextUpdated"


@pytest.mark.covers("FS-059", "FS-081")
async def test_remarks_are_pushed(door: Door) -> None:
    """`onLog`: level, tag and message, as a passing thing on the visitor's topic."""
    await door.visitors.new()
    async with socket(door, KEY) as wire:
        wire.say({"t": "sub", "id": 1, "topic": "visitor/env_1:v"})
        await wire.next_of("subd")
        await door.visitors.do("getValue", key="missing", defaultValue=1)
        said = await wire.next_of("eph")
        assert (said["topic"], said["name"]) == ("visitor/env_1:v", "log")
        assert said["data"]["level"] == 5
        assert said["data"]["tag"] == "FLAG_VALUE"
        assert "missing" in said["data"]["message"]
        await door.visitors.refused(409, "unauthenticate")
        assert (await wire.next_of("eph"))["data"]["tag"] == "UNAUTHENTICATE"


async def test_a_token_over_the_socket(door: Door) -> None:
    """It commands its own visitor, and is told of it."""
    token = (await door.browser.new())["token"]
    async with socket(door, token) as wire:
        wire.say({"t": "sub", "id": 1, "topic": "visitor/env_1:v"})
        await wire.next_of("subd")
        res = await _cmd(wire, "updateContext", {"context": {"age": 5}})
        assert res["data"]["context"]["age"] == 5
        assert "token" not in res["data"]
        res = await _cmd(wire, "getFlags", topic="visitor/env_1:w")
        assert res["problem"]["status"] == 403


async def test_pushes_about_one_without_consent_carry_no_values(door: Door) -> None:
    """Neither facts nor snapshots say who it is (spec flags 10.8)."""
    async with socket(door, KEY) as wire:
        wire.say({"t": "sub", "id": 1, "topic": "visitor/env_1:v"})
        await wire.next_of("subd")
        await door.visitors.new(hasConsented=False, context={"city": "private-city"})
        await door.visitors.do("authenticate", visitorId="private-name")
        await door.visitors.do("updateContext", context={"street": "private-street"})
        await door.visitors.do("fetchFlags")
        event = await wire.next_of("ev")
        while event["version"] < (await door.visitors.get("/v"))["version"]:
            event = await wire.next_of("ev")
        wire.say({"t": "unsub", "id": 2, "topic": "visitor/env_1:v"})
        wire.say({"t": "sub", "id": 3, "topic": "visitor/env_1:v"})
        await wire.next_of("subd")
        assert "private" not in "".join(wire.texts)
