"""A house with the flags' door behind a real socket, and SDKs that are started against it.

Not a test: `serving` gives the house's door and its URL, `Heard` keeps what an SDK calls back with.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from flag_door import COLOURS, GREETING, KEY, Door, file, open_door

from api.client import Flagship, FlagshipConfig, LogLevel, Visitor
from api.config import Settings
from api.connections import Server
from api.live.door import live_door
from api.sockets import Doorway, Patience

ENV = "env_1"


class Served:
    """A house's door at an address; it can leave and come back to the same port."""

    def __init__(self, door: Door, nursery: trio.Nursery) -> None:
        self.door = door
        self._nursery = nursery
        self._listen = "127.0.0.1:0"
        self._scope = trio.CancelScope()
        self._gone = trio.Event()

    @property
    def url(self) -> str:
        """Where it serves, or served last."""
        return f"http://{self._listen}"

    async def arrive(self) -> None:
        """Serve."""
        self._scope, self._gone = trio.CancelScope(), trio.Event()
        await self._nursery.start(self._serve)

    async def _serve(self, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        doorway = Doorway(Settings(listen=(self._listen,)), Patience())
        self._listen = doorway.addresses[0].rpartition("/")[2]
        server = Server(self.door.admin.app, doorway.listeners(), self.door.house.log)
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    await nursery.start(server.run)
                    task_status.started()
                    await trio.sleep_forever()
        finally:
            doorway.close()
            self._gone.set()

    async def leave(self) -> None:
        """Serve no more; every connection is cut."""
        for connection in list(live_door(self.door.house).connections):
            connection.close(1012)
        self._scope.cancel()
        await self._gone.wait()


@asynccontextmanager
async def serving(folder: Path, *, bucketing: Any = None, **settings: Any) -> AsyncIterator[Served]:
    """A served house whose `env_1` has two campaigns, or that file; `settings` of `env_1`."""
    campaigns = file(COLOURS, GREETING) if bucketing is None else bucketing
    async with (
        open_door(folder, bucketing=campaigns, **settings) as door,
        trio.open_nursery() as nursery,
    ):
        house = door.house
        nursery.start_soon(house.shelves["outbox"].run)
        for domain in house.domains:
            if domain.work is not None:
                nursery.start_soon(domain.work, house)
        served = Served(door, nursery)
        await served.arrive()
        yield served
        nursery.cancel_scope.cancel()


class Heard:
    """What an SDK called back with, in order."""

    def __init__(self) -> None:
        self.logs: list[tuple[LogLevel, str, str]] = []
        self.sdk: list[int] = []
        self.exposures: list[Any] = []
        self.statuses: list[tuple[str, str]] = []
        self.ready: list[Any] = []

    def config(self, url: str, **options: Any) -> FlagshipConfig:
        """A configuration that calls back here."""
        given: dict[str, Any] = {
            "url": url,
            "fetch_now": False,
            "timeout": 5.0,
            "on_log": lambda *line: self.logs.append(line),
            "log_manager": Silent(),
            "on_sdk_status_changed": self.sdk.append,
            "on_visitor_exposed": self.exposures.append,
        }
        return FlagshipConfig(**{**given, **options})

    def status(self, status: Any) -> None:
        """`on_flags_status_changed`."""
        self.statuses.append((str(status.status), str(status.reason)))

    def tagged(self, tag: str) -> list[LogLevel]:
        """The levels of the lines with that tag."""
        return [level for level, each, _ in self.logs if each == tag]

    def visitor(self, sdk: Flagship, visitor_id: str | None = "v", **given: Any) -> Visitor:
        """A visitor who consented, heard here."""
        options = {"has_consented": True, "on_flags_status_changed": self.status, **given}
        made = sdk.new_visitor(visitor_id=visitor_id, **options)
        made.on("ready", self.ready.append)
        return made


class Silent:
    """A manager that drops every line."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_line: None


@asynccontextmanager
async def started(served: Served, **options: Any) -> AsyncIterator[tuple[Flagship, Heard]]:
    """An SDK that is started against it, and what it calls back with."""
    heard = Heard()
    sdk = await Flagship.start(ENV, KEY, heard.config(served.url, **options))
    try:
        yield sdk, heard
    finally:
        with trio.CancelScope(shield=True):
            await sdk.close()
