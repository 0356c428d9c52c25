"""The AsyncAPI document against the frames that really travel."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import toy
import trio
from live_world import DOOR_KEY, PROJECT, open_world
from trio.testing import MockClock, wait_all_tasks_blocked

from api.live.asyncapi import asyncapi_document
from api.live.frames import CLIENT_FRAMES, SERVER_FRAMES
from engine.limits import Limits


async def test_real_frames_are_as_the_document_says(autojump_clock: MockClock) -> None:
    """Every frame of a busy session validates against its AsyncAPI schema."""
    document = asyncapi_document("1.0")
    heard: list[Any] = []
    limits = Limits(listener_frames_max=50)
    async with open_world((toy.DOOR, toy.SPARSE_DOOR), limits) as world:
        async with world.socket("admin-key") as wire:
            wire.say(
                {"t": "sub", "id": 1, "topic": "door/1"},
                {"t": "sub", "id": "two", "topic": "door/2", "delta": ["jsonpatch", "data"]},
                {"t": "sub", "topic": "door/3", "mode": "latest"},
                {"t": "sub", "topic": "kind/door"},
                {"t": "sub", "topic": "window/1"},
                {"t": "cmd", "topic": "door/1", "name": "setCode", "data": {"code": "x"}},
                {"t": "cmd", "topic": "door/1", "name": "shut"},
                {"t": "unsub", "topic": "door/4"},
            )
            await wait_all_tasks_blocked()
            for door in "123":
                await world.set_codes(1, 2, door)
            world.hub.say((PROJECT, "door/1"), "viewers", 5)
            await wait_all_tasks_blocked()
            wire.stall()
            await world.set_codes(3, 99)
            wire.flow()
            await trio.sleep(26)
            await world.live.drain()
            heard = wire.waiting()
        async with world.socket() as wire:
            wire.say({"t": "auth", "token": DOOR_KEY})
            heard.append(await wire.next())
    kinds = {frame["t"] for frame in heard}
    assert kinds == {str(frame.__struct_config__.tag) for frame in SERVER_FRAMES}
    for frame in heard:
        validate(document, frame)


def validate(document: dict[str, Any], frame: Any) -> None:
    """Check a frame against the schema of its type."""
    name = document["components"]["messages"][frame["t"]]["payload"]["$ref"].rpartition("/")[2]
    schema = {**document["components"]["schemas"][name], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(frame)


def test_the_document_refers_only_to_what_it_holds() -> None:
    """Every reference resolves, both directions are whole, and every message has a sentence."""
    document = asyncapi_document("1.0")

    def references(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    for reference in references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    assert document["asyncapi"].startswith("3.1")
    assert len(document["operations"]["say"]["messages"]) == len(CLIENT_FRAMES)
    assert len(document["operations"]["hear"]["messages"]) == len(SERVER_FRAMES)
    assert all(message["summary"] for message in document["components"]["messages"].values())
    jsonschema.Draft202012Validator.check_schema(document["components"]["schemas"]["Sub"])
    validate(document, {"t": "sub", "topic": "door/1", "at": {"epoch": "e", "version": 1}})
    with pytest.raises(jsonschema.ValidationError):
        validate(document, {"t": "sub", "topic": "door/1", "mode": "loud"})
