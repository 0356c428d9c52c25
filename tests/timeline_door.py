"""A house with the timelines' door, the Alice timeline, and a caller with each sort of key.

Not a test: `open_door` declares project `demo` with the timeline, and `other` with keys alone.
`Door.user` is somebody with an access token, `socket` a live socket to the same house.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio
from asgi import Got
from houses import Caller, open_caller
from live_wire import Wire, upgrade_scope

from api.apply import declare
from api.domain import Domain
from api.http import Route
from api.live.door import live_door
from api.timelines.door import DOMAIN
from api.timelines.shelf import Shelf, shelf_of

ALICE = (Path(__file__).parents[1] / "examples" / "alice.json").read_text(encoding="utf-8")
TIMELINE_ID = "AliceTimeline00000001"
SECRET = "s_3852a7882e93c230." + "s" * 43
VISIBLE = "v_1f0e2d3c4b5a6978." + "v" * 43
OTHER_SECRET = "s_00000000000000aa." + "o" * 43
OTHER_VISIBLE = "v_00000000000000aa." + "o" * 43
OTHER_ADMIN = "admin-key-of-other"
OTHER_PROJECT = {
    "project": "other",
    "admin_keys": [OTHER_ADMIN],
    "timelines": {"secret_keys": [OTHER_SECRET], "visible_keys": [OTHER_VISIBLE]},
}
V1 = "/timelines/v1"
USER_HEADER, CLOCK_HEADER = "fictioneers-user-id", "callboard-now"


class Door:
    """Callers of one house by what they hold: a key's own name, `nobody` holds none."""

    def __init__(self, admin: Caller) -> None:
        self.admin = admin
        self.secret = admin.with_key(SECRET)
        self.visible = admin.with_key(VISIBLE)
        self.nobody = admin.with_key("")
        self.house = admin.house

    @property
    def shelf(self) -> Shelf:
        """The door's shelf."""
        return shelf_of(self.house)

    async def declare(self, **table: Any) -> None:
        """Apply a project file of `demo` whose `[timelines]` has the keys and these settings."""
        await declare(self.house, {"project": "demo", "timelines": with_keys(**table)}, "test")

    async def mint(self, user: str = "alice-1", key: str = VISIBLE) -> Got:
        """Ask for an access token of that user."""
        return await self.admin.with_key(key)("POST", f"{V1}/auth/token", {"user_id": user})

    async def token(self, user: str = "alice-1", key: str = VISIBLE) -> str:
        """An access token of that user."""
        got = await self.mint(user, key)
        assert got.status == 200, got.body
        token: str = got.json()["access_token"]
        return token

    async def user(self, user: str = "alice-1") -> Caller:
        """Whoever holds an access token of that user."""
        return self.admin.with_key(await self.token(user))

    async def inspect(self, token: str, key: str = SECRET) -> Any:
        """What introspection says of a token; its body."""
        path, body = f"{V1}/auth/introspect-token", {"access_token": token}
        got = await self.admin.with_key(key)("POST", path, body)
        assert got.status == 200, got.body
        return got.json()

    async def as_user(
        self, method: str, path: str, body: object = b"", user: str = "alice-1", **headers: str
    ) -> Got:
        """One Audience request below `/timelines/v1` with the secret key, as that user.

        `callboard_now="2023-02-03T09:00:00Z"` is that header.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.secret(method, f"{V1}{path}", body, {USER_HEADER: user, **named})


def with_keys(**table: Any) -> dict[str, Any]:
    """A `[timelines]` table that has keys."""
    return {"secret_keys": [SECRET], "visible_keys": [VISIBLE], **table}


@asynccontextmanager
async def socket(door: Door, key: str) -> AsyncIterator[Wire]:
    """A live socket of that key or token, past its welcome."""
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


def domain(*routes: Route) -> Domain:
    """The timelines' domain with more routes than it has."""
    return replace(DOMAIN, routes=(*DOMAIN.routes, *routes))


@asynccontextmanager
async def open_door(
    folder: Path,
    *,
    routes: tuple[Route, ...] = (),
    publish: tuple[str, ...] = (ALICE,),
    others: bool = True,
    **settings: Any,
) -> AsyncIterator[Door]:
    """A house on that folder; `settings` of `[timelines]`, by default with a test clock.

    `publish` are documents' texts; `others`: with project `other`.
    """
    table = with_keys(publish=list(publish), **{"test_clock": True, **settings})
    document = {"timelines": table}
    async with open_caller(folder, domains=(domain(*routes),), document=document) as caller:
        door = Door(caller)
        if others:
            await declare(door.house, OTHER_PROJECT, "test")
        yield door
