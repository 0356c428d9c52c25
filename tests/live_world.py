"""A small house with a live door, and sockets without a network.

The house is real: memory store, directory, hub, credentials over a dictionary. Its sockets are
wires (`live_wire`), so time may be virtual.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import toy
import trio
from live_wire import Wire, upgrade_scope

from actors.projects import KIND as PROJECT_KIND
from actors.projects import Declare, KeyRevoked, Live
from api.auth import Principal, hash_key
from api.config import Settings
from api.credentials import Credentials
from api.domain import Domain
from api.house import House
from api.live.door import LiveDoor, open_live
from api.observer import Log
from api.outgoing import Outgoing
from api.seals import Seal
from engine.directory import Directory
from engine.hub import Hub, Listener, Told, Topic
from engine.kind import Kind
from engine.limits import Limits
from engine.messages import Address, Fact, Reply
from storage.memory import MemoryStore

T = TypeVar("T")
PROJECT = "demo"
ADMIN_KEY = "admin-key"
DOOR_KEY = "door-key"
VISITOR_TOKEN = "visitor-token"


class Row(NamedTuple):
    """A credential, as the table would hold it."""

    project: str
    door: str
    kind: str
    subject: str = ""
    label: str = ""
    minted_by: str = ""
    expires_at: int | None = None


class NoTables:
    """The memory store keeps no tables, and the live door reads none."""

    def read_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Nothing to read."""
        raise AssertionError("the live door reads no tables")

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Nothing to read."""
        raise AssertionError("the live door reads no tables")


class TrioClock:
    """A wall clock that follows trio's, so that virtual time moves both."""

    def now_ms(self) -> int:
        """Milliseconds."""
        return 1_700_000_000_000 + int(trio.current_time() * 1000)


def may_listen(principal: Principal, _kind: str, actor_id: str) -> bool:
    """Keys of the toy hear every door, visitors their own, strangers the public ones."""
    if principal.kind == "anonymous":
        return actor_id.startswith("public")
    return principal.kind == "key" or actor_id == principal.subject


def may_command(principal: Principal, _kind: str, actor_id: str) -> bool:
    """Keys command every door, visitors their own, strangers none."""
    return principal.kind == "key" or actor_id == principal.subject


class Logged:
    """A log that is kept."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Keep a line."""
        self.lines.append(line)


class WatchedHub(Hub):
    """A hub whose topics can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = trio.Event()

    def subscribe(self, topic: Topic, listener: Listener) -> None:
        """Subscribe, and wake who waits for it."""
        super().subscribe(topic, listener)
        self._changed.set()
        self._changed = trio.Event()

    async def wait_for_listeners(self, topic: Topic, count: int = 1) -> None:
        """Wait until `count` listeners hear the topic."""
        while len(self._listeners.get(topic, ())) < count:
            await self._changed.wait()


class World:
    """The house, and what tests do with it."""

    def __init__(self, nursery: trio.Nursery, kinds: Sequence[Kind[Any]], limits: Limits) -> None:
        self.clock = TrioClock()
        self.limits = limits
        self.logged = Logged()
        self.hub = WatchedHub()
        self.store = MemoryStore(limits, now_ms=self.clock.now_ms)
        self.directory = Directory(
            nursery, [*kinds, PROJECT_KIND], self.store, self.hub, self.clock, limits=limits
        )
        self.rows: dict[str, Row] = {
            hash_key(ADMIN_KEY): Row(PROJECT, "", "admin"),
            hash_key("other-key"): Row("other", "", "admin"),
            hash_key(DOOR_KEY): Row(PROJECT, "toy", "key"),
            hash_key(VISITOR_TOKEN): Row(PROJECT, "toy", "visitor", "mine", minted_by="minter"),
            "minter": Row(PROJECT, "toy", "key"),
        }
        self.credentials = Credentials(self.rows.get, self.hub, self.clock, "operator-key")
        domain = Domain("toy", tuple(kinds), None, (), (), may_listen, may_command)
        self.house = House(
            outgoing=Outgoing(),
            seal=Seal(Path("callboard.key")),
            settings=Settings(limits=limits),
            store=self.store,
            directory=self.directory,
            hub=self.hub,
            clock=self.clock,
            credentials=self.credentials,
            log=Log(self.logged),
            domains=(domain,),
            tables=NoTables(),
        )
        self.live: LiveDoor = open_live(self.house)
        self.nursery = nursery

    @staticmethod
    def address(door: str, kind: str = "door") -> Address:
        """A door of ours."""
        return Address(PROJECT, kind, door)

    async def set_code(self, code: str, door: str = "1", kind: str = "door") -> Reply:
        """One more fact."""
        return await self.directory.ask(
            Address(PROJECT, kind, door), toy.SetCode(code=code), by="test"
        )

    async def set_codes(self, first: int, last: int, door: str = "1", kind: str = "door") -> None:
        """Facts with the numbers from `first` to `last` as codes."""
        for number in range(first, last + 1):
            await self.set_code(f"code {number}", door, kind)

    async def declare_live(self, *, public: bool, origins: tuple[str, ...] = ()) -> None:
        """Say who may listen without a key."""
        live = Live(public=public, origins=origins)
        command = Declare(item="live", digest=str((public, origins)), live=live)
        await self.directory.ask(Address(PROJECT, "project", PROJECT), command)

    async def revoke(self, key_hash: str) -> None:
        """Take a key away, as the administration does."""
        del self.rows[key_hash]
        kind = self.directory.kinds["project"]
        address = Address(PROJECT, "project", PROJECT)
        fact = Fact(1, self.clock.now_ms(), (KeyRevoked(hash=key_hash, by="test"),))
        blank = kind.blank(address)
        self.hub.publish(Told(kind, "e.0", 0, fact, blank, kind.blank(address, 1)))

    @asynccontextmanager
    async def socket(
        self,
        key: str = "",
        *,
        subprotocols: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        query: str = "",
    ) -> AsyncIterator[Wire]:
        """An upgraded socket, gone at the end of the block. With a key, past its `welcome`."""
        wire = Wire()
        said = dict(headers or {})
        if key:
            said["authorization"] = f"Bearer {key}"
        async with trio.open_nursery() as nursery:
            scope = upgrade_scope(said, subprotocols, query=query)
            nursery.start_soon(wire.serve, self.house, scope)
            if key:
                welcome = await wire.next()
                assert wire.is_cloud(welcome) or welcome["t"] == "welcome"
            yield wire
            wire.leave()
            wire.flow()
            with trio.fail_after(60):
                await wire.wait_over()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_world(
    kinds: Sequence[Kind[Any]] = (toy.DOOR,), limits: Limits | None = None
) -> AsyncIterator[World]:
    """A house, with the watch over its connections running."""
    async with trio.open_nursery() as nursery:
        world = World(nursery, kinds, limits or Limits())
        nursery.start_soon(world.live.run)
        yield world
        nursery.cancel_scope.cancel()
