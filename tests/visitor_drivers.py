"""Visitors over HTTP and over the live socket: two ways with one interface.

Not a test. Both refuse with a status, and both are watched over a live socket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import msgspec
import trio
from flag_client import Served
from flag_door import KEY, Door, socket
from live_wire import Wire
from visitor_driver import Answered, Driver, Exposure, FlagLooks, Looks, looks

from actors.flags.names import SdkStatus

# --- watching


class Watcher:
    """Somebody on a live socket who hears what visitors' topics say."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._versions: dict[str, int] = {}
        self._statuses: dict[str, list[str]] = defaultdict(list)
        self._exposures: dict[str, list[Exposure]] = defaultdict(list)

    async def watch(self, who: str) -> None:
        """Hear that visitor, from before it is there."""
        topic = f"visitor/env_1:{who}"
        if topic not in self._versions:
            self._versions[topic] = 0
            self._wire.say({"t": "sub", "id": 1, "topic": topic})
            while await self._next() != "subd":
                pass

    async def heard(self, who: str, version: int) -> tuple[list[str], list[Exposure]]:
        """What that visitor's topic said up to that version."""
        topic = f"visitor/env_1:{who}"
        while self._versions[topic] < version:
            await self._next()
        return self._statuses[topic], self._exposures[topic]

    async def _next(self) -> str:
        """Hear one more frame; its type."""
        frame = await self._wire.next_of("ev", "subd")
        if frame["t"] == "ev":
            self._versions[frame["topic"]] = frame["version"]
            self._hear(frame["topic"], frame["name"], frame["data"])
        return str(frame["t"])

    def _hear(self, topic: str, name: str, data: Any) -> None:
        for each in data.get("transitions", [{"name": name, **data}]):
            if status := each.get("flagsStatus"):
                self._statuses[topic].append(f"{status['status']} {status['reason']}")
            if flag := each.get("fromFlag"):
                seen = (flag["key"], flag["value"], flag["defaultValue"])
                self._exposures[topic].append(seen)


class _Outside:
    """What HTTP and the live socket have in common: the log of the house, and a watcher."""

    refuses = True

    def __init__(self, door: Door, watcher: Watcher) -> None:
        self._door = door
        self._watcher = watcher

    async def sdk_status(self) -> str:
        """As the environment shows it."""
        shown = await self._door.admin("GET", "/v1/actors/environment/env_1")
        return SdkStatus(shown.json()["state"]["sdkStatus"]).name

    def logs(self) -> list[str]:
        """Lines about visitors in the log of the house."""
        return [f"{level} {tag}" for level, tag, _ in self._door.said()]

    async def heard(self, who: str) -> tuple[list[str], list[Exposure]]:
        """What the watcher heard, up to now."""
        version = (await self._door.visitors.get(f"/{quote(who, safe='')}"))["version"]
        return await self._watcher.heard(who, version)

    async def close(self) -> None:
        """Flush the environment's pools."""
        assert (await self._door.sdk("POST", "/flags/v1/env_1/flush")).status < 300


# --- HTTP


class Http(_Outside):
    """Each method is a request."""

    asks_for_a_flag = True

    async def do(self, who: str, method: str, data: Mapping[str, Any]) -> Answered:
        """POST; opening is the route of its own that creates visitors."""
        await self._watcher.watch(who)
        if method == "open":
            got = await self._door.visitors("POST", "", {"visitorId": who, **data})
        else:
            got = await self._door.visitors("POST", f"/{quote(who, safe='')}/{method}", data)
        if got.status >= 300:
            return Answered(got.status)
        return Answered(0, got.json().get("value"))

    begin = do

    async def look(self, who: str) -> Looks:
        """GET the visitor."""
        return looks(await self._door.visitors.get(f"/{quote(who, safe='')}"))

    async def flag(self, who: str, key: str) -> FlagLooks:
        """GET the flag."""
        shown = await self._door.visitors.get(f"/{quote(who, safe='')}/flags/{key}")
        variation = shown["metadata"]["variationId"]
        return FlagLooks(shown["status"], shown["value"], variation, shown["exists"])

    async def flags(self, who: str) -> list[dict[str, Any]]:
        """GET the collection."""
        found: list[dict[str, Any]] = await self._door.visitors.get(f"/{who}/flags.json")
        return found


# --- the live socket


class Commands:
    """A socket that says commands and gives each its answer; several may wait for theirs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._answers: dict[int, Any] = {}
        self._said = 0
        self._turn = trio.Lock()

    async def ask(self, who: str, method: str, data: Mapping[str, Any]) -> Any:
        """The `res` of a command."""
        self._said += 1
        number, topic = self._said, f"visitor/env_1:{who}"
        frame = {"t": "cmd", "id": number, "topic": topic, "name": method, "data": dict(data)}
        self._wire.say(frame)
        while number not in self._answers:
            async with self._turn:  # one reads for all who wait
                if number not in self._answers:
                    answer = await self._wire.next_of("res")
                    self._answers[answer["id"]] = answer
        return self._answers.pop(number)


class Live(_Outside):
    """Each method is a `cmd`. Commands of one socket are carried out in their order.

    So what is done while a fetch is under way comes over another one: `fetching` fetches.
    """

    asks_for_a_flag = False

    def __init__(self, door: Door, watcher: Watcher, wire: Wire, fetching: Wire) -> None:
        super().__init__(door, watcher)
        self._commands = Commands(wire)
        self._fetching = Commands(fetching)

    async def _ask(self, who: str, method: str, data: Mapping[str, Any]) -> Any:
        commands = self._fetching if method == "fetchFlags" else self._commands
        return await commands.ask(who, method, data)

    async def do(self, who: str, method: str, data: Mapping[str, Any]) -> Answered:
        """Say it, and wait for its answer."""
        await self._watcher.watch(who)
        answer = await self._ask(who, method, data)
        if not answer["ok"]:
            return Answered(answer["problem"]["status"])
        return Answered(0, answer["data"].get("value"))

    begin = do

    async def look(self, who: str) -> Looks:
        """The body that each answer brings."""
        return looks((await self._ask(who, "getFlags", {}))["data"])

    async def flag(self, who: str, key: str) -> FlagLooks:
        """One of all flags; its status follows from the visitor's (spec flags 4.4)."""
        body = (await self._ask(who, "getFlags", {}))["data"]
        found = {each["key"]: each for each in body["flags"]}.get(key)
        where = body["flagsStatus"]["status"]
        if found is None:
            return FlagLooks("PANIC" if where == "PANIC" else "NOT_FOUND", None, "", False)
        value = msgspec.json.decode(bytes.fromhex(found["hex"]))["v"]
        status = "FETCHED" if where == "FETCHED" else "FETCH_REQUIRED"
        return FlagLooks(status, value, found["variationId"], True)

    async def flags(self, who: str) -> list[dict[str, Any]]:
        """All flags."""
        found: list[dict[str, Any]] = (await self._ask(who, "getFlags", {}))["data"]["flags"]
        return found


# --- the ways


@asynccontextmanager
async def over_http(served: Served, _settings: Mapping[str, Any]) -> AsyncIterator[Driver]:
    """Requests, and a watcher."""
    async with socket(served.door, KEY) as wire:
        yield Http(served.door, Watcher(wire))


@asynccontextmanager
async def over_a_socket(served: Served, _settings: Mapping[str, Any]) -> AsyncIterator[Driver]:
    """A socket for commands, one for fetches, and a watcher on a third."""
    async with (
        socket(served.door, KEY) as wire,
        socket(served.door, KEY) as fetching,
        socket(served.door, KEY) as watching,
    ):
        yield Live(served.door, Watcher(watching), wire, fetching)
