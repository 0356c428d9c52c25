"""A house with the flags' door, bucketing files for it, and a caller with each sort of key.

Not a test: `open_door` declares project `demo` with environment `env_1`, and `other` with `env_2`.
`Visitors` is somebody at the routes of visitors, `socket` a live socket to the same house.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import trio
from asgi import Got
from houses import Caller, open_caller
from live_wire import Wire, upgrade_scope

from api.apply import declare
from api.flags.door import DOMAIN
from api.flags.shelf import Shelf, shelf_of
from api.live.door import live_door

KEY = "api-key-env-1"
CLIENT = "client-key-env-1"
OTHER = "api-key-env-2"
OTHER_ADMIN = "admin-key-of-other"
OTHER_PROJECT = {
    "project": "other",
    "admin_keys": [OTHER_ADMIN],
    "flags": {"env_2": {"api_key": OTHER}},
}


class Door:
    """Callers of one house: `sdk` with the server-side key, `admin`, `nobody` without a key.

    `visitors` are the visitors' routes with the server-side key, `browser` with a client key.
    """

    def __init__(self, admin: Caller) -> None:
        self.admin = admin
        self.sdk = admin.with_key(KEY)
        self.nobody = admin.with_key("")
        self.visitors = Visitors(self.sdk)
        self.browser = Visitors(admin.with_key(CLIENT))
        self.house = admin.house

    @property
    def shelf(self) -> Shelf:
        """The door's shelf."""
        return shelf_of(self.house)

    async def decide(self, visitor: str = "v", path: str = "env_1/campaigns", **body: Any) -> Got:
        """Ask for a decision as the SDK does."""
        return await self.sdk("POST", f"/flags/v2/{path}", question(visitor, **body))

    async def chosen(self, visitor: str = "v", **body: Any) -> dict[str, str]:
        """Variation by campaign of a visitor."""
        got = await self.decide(visitor, **body)
        return {each["id"]: each["variation"]["id"] for each in got.json()["campaigns"]}

    async def put(self, body: Any, **headers: str) -> Got:
        """Publish a file as an admin."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.admin("PUT", "/flags/v1/env_1/bucketing", body, named)

    async def panic(self, on: bool) -> Got:
        """Move the kill switch."""
        return await self.admin("POST", "/flags/v1/env_1/panic", {"on": on})

    async def activate(self, visitor: str, group: str, variation: str, **more: Any) -> Got:
        """Activate as SDKs do, without a key."""
        line = {"vid": visitor, "vaid": variation, "caid": group, "aid": None, "qt": 1, **more}
        return await self.nobody("POST", "/flags/v2/activate", {"cid": "env_1", "batch": [line]})

    async def hit(self, *hits: Mapping[str, Any], cid: str = "env_1") -> Got:
        """Send a batch of hits as SDKs do, without a key."""
        body = {"ds": "APP", "cid": cid, "t": "BATCH", "qt": 0, "h": list(hits)}
        return await self.nobody("POST", "/flags", body)

    async def declare_other(self) -> None:
        """Declare project `other` with environment `env_2`."""
        await declare(self.house, OTHER_PROJECT, "test")

    def with_token(self, token: str, *, alone: bool = False) -> Visitors:
        """A browser that holds a visitor's token, beside its client key or alone."""
        if alone:
            return Visitors(self.admin.with_key(token))
        return Visitors(self.admin.with_key(CLIENT), token)

    def said(self) -> list[tuple[str, str, str]]:
        """What visitors' commands had logged so far: level, tag, message."""
        lines = [msgspec.json.decode(line) for line in self.admin.lines]
        return [
            (line["sdk_level"], line["tag"], line["message"])
            for line in lines
            if line["event"] == "visitor"
        ]

    async def report(self, query: str = "") -> Any:
        """The report of the last days."""
        return (await self.admin("GET", f"/flags/v1/env_1/reports{query}")).json()


class Visitors:
    """The routes of visitors of an environment, as somebody with a key or a token calls them."""

    def __init__(self, caller: Caller, token: str = "", env: str = "env_1") -> None:
        self._caller = caller
        self._token = token
        self._env = env

    async def __call__(
        self, method: str, path: str = "", body: object = b"", **headers: str
    ) -> Got:
        """One request below `visitors`; `idempotency_key="k"` is that header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._token:
            named |= {"x-api-key": self._caller.key, "authorization": f"Bearer {self._token}"}
        target = f"/flags/v1/{self._env}/visitors{path}"
        return await self._caller(method, target, body, named)

    async def new(self, visitor: str | None = "v", **body: Any) -> Any:
        """Create a visitor who consented, or open it again; its body."""
        given = {"hasConsented": True, **body}
        if visitor is not None:
            given["visitorId"] = visitor
        got = await self("POST", "", given)
        assert got.status in (200, 201), got.body
        return got.json()

    async def do(self, command: str, visitor: str = "v", **body: Any) -> Any:
        """Carry a command out; the visitor's body."""
        got = await self("POST", f"/{quote(visitor, safe='')}/{command}", body)
        assert got.status == 200, got.body
        return got.json()

    async def refused(self, status: int, command: str, visitor: str = "v", **body: Any) -> Any:
        """A command that is not carried out, with that status; the problem."""
        got = await self("POST", f"/{quote(visitor, safe='')}/{command}", body)
        assert got.status == status, (got.status, got.body)
        assert got.headers["content-type"] == "application/problem+json"
        return got.json()

    async def get(self, path: str) -> Any:
        """Read something of a visitor."""
        got = await self("GET", path)
        assert got.status == 200, got.body
        return got.json()


@asynccontextmanager
async def socket(door: Door, key: str) -> AsyncIterator[Wire]:
    """A live socket of that key, past its welcome."""
    wire = Wire()
    async with trio.open_nursery() as nursery:
        scope = upgrade_scope({"authorization": f"Bearer {key}"})
        nursery.start_soon(live_door(door.house).run)
        nursery.start_soon(wire.serve, door.house, scope)
        assert (await wire.next())["t"] == "welcome"
        yield wire
        wire.leave()
        wire.flow()
        await wire.wait_over()
        nursery.cancel_scope.cancel()


def question(visitor: str = "v", **more: Any) -> dict[str, Any]:
    """A decision body that tracks nothing."""
    return {"visitorId": visitor, "context": {}, "trigger_hit": False, **more}


def campaign(
    name: str, *variations: tuple[str, float, Mapping[str, Any]], sort: str = "ab", **more: Any
) -> dict[str, Any]:
    """A campaign for everybody, `name`, with one group `name-group`."""
    everybody = {"operator": "EQUALS", "key": "fs_all_users", "value": ""}
    group = {
        "id": f"{name}-group",
        "name": "group",
        "targeting": {"targetingGroups": [{"targetings": [everybody]}]},
        "variations": [
            {
                "id": id_,
                "name": id_,
                "allocation": allocation,
                "reference": number == 0,
                "modifications": {"type": "FLAG", "value": dict(value)},
            }
            for number, (id_, allocation, value) in enumerate(variations)
        ],
    }
    return {
        "id": name,
        "name": f"{name} name",
        "type": sort,
        "slug": f"{name}-slug",
        "bucketRanges": [{"r": [0, 100]}],
        "variationGroups": [group],
        **more,
    }


COLOURS = campaign("colours", ("red", 50, {"colour": "red"}), ("blue", 50, {"colour": "blue"}))
GREETING = campaign("greeting", ("hello", 100, {"greeting": "hello", "loud": True}), sort="toggle")


def file(*campaigns: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A bucketing file."""
    return {"campaigns": list(campaigns), **more}


@asynccontextmanager
async def open_door(
    folder: Path, *, bucketing: Any = None, others: bool = True, **settings: Any
) -> AsyncIterator[Door]:
    """A house on that folder; `settings` of `[flags.env_1]`; `others`: with project `other`."""
    env: dict[str, Any] = {"api_key": KEY, "client_keys": [CLIENT], **settings}
    if bucketing is not None:
        env["bucketing"] = bucketing
    document = {"flags": {"env_1": env}}
    async with open_caller(folder, domains=(DOMAIN,), document=document) as caller:
        door = Door(caller)
        if others:
            await door.declare_other()
        yield door
