"""Receivers of webhooks on loopback, and a timelines' door that tells them.

Not a test: a `Receiver` answers by the path of its URLs (`/ok` 200, `/500`, `/hang` never, `/302`
to `/ok`) and remembers every letter. `hooked` is a door whose outbox is at work and whose clock may
be set ahead, so that waiting takes no time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import trio
from timeline_door import Door, open_door

from api.times import WallClock
from engine.outbox import Outbox
from engine.ports import Delivery

SECONDS = 5.0
"""Longer than any wait here."""
SECRET_TEXT = "a shared secret, nowhere to be seen"
V1 = "/timelines/v1"


class Letter(NamedTuple):
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def type(self) -> str:
        """The event's type."""
        event_type: str = self.told["event_type"]
        return event_type


class Receiver:
    """A server that remembers. `statuses` overrides what a path is answered."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.statuses: dict[str, int] = {}
        self.port = 0
        self._came = trio.Event()

    def url(self, path: str = "/ok", host: str = "127.0.0.1") -> str:
        """Where it listens."""
        return f"http://{host}:{self.port}{path}"

    def at(self, path: str) -> list[Letter]:
        """What came to a path."""
        return [letter for letter in self.letters if letter.path == path]

    async def until(self, number: int, path: str = "/ok") -> list[Letter]:
        """The letters of a path, once there are so many; it is an error if they do not come."""
        with trio.fail_after(SECONDS):
            while len(self.at(path)) < number:
                self._came = trio.Event()
                await self._came.wait()
        return self.at(path)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """One connection."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with stream:
                data = b""
                while piece := await stream.receive_some(65_536):
                    data = await self._take(stream, data + piece)

    async def _take(self, stream: trio.abc.Stream, data: bytes) -> bytes:
        head, found, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if not found or len(rest) < length:
            return data
        path = first.split(" ")[1]
        self.letters.append(Letter(path, headers, rest[:length]))
        self._came.set()
        await self._answer(stream, path)
        return rest[length:]

    async def _answer(self, stream: trio.abc.Stream, path: str) -> None:
        name = path.strip("/")
        status = self.statuses.get(path, int(name) if name.isdigit() else 200)
        if name == "hang":
            await trio.sleep_forever()
        head = f"HTTP/1.1 {status} So\r\nLocation: {self.url('/elsewhere')}\r\n"
        await stream.send_all(f"{head}Content-Length: 0\r\n\r\n".encode())


@asynccontextmanager
async def receiving(host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A receiver on a free port of loopback."""
    receiver = Receiver()
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host=host)
        receiver.port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, receiver.serve, [listener])
        yield receiver
        nursery.cancel_scope.cancel()


class Ahead:
    """The wall's clock, set ahead."""

    def __init__(self) -> None:
        self._wall = WallClock()
        self.ahead_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self._wall.now_ms() + self.ahead_ms


class Hooked:
    """A door, and its outbox at work."""

    def __init__(self, door: Door, clock: Ahead, nursery: trio.Nursery) -> None:
        self.door = door
        self.clock = clock
        self._nursery = nursery

    def start(self) -> None:
        """Let the outbox work."""
        self._nursery.start_soon(self.outbox.run)

    @property
    def outbox(self) -> Outbox:
        """The house's."""
        outbox: Outbox = self.door.house.shelves["outbox"]
        return outbox

    def pass_time(self, seconds: float) -> None:
        """So much later it is, and the outbox looks at once: it sleeps by another clock."""
        self.clock.ahead_ms += round(seconds * 1000)
        self.outbox._nudged.set()

    async def rows(self, *, parked: bool = False) -> list[Delivery]:
        """What is in the outbox."""
        store = self.door.house.store
        return list(await store.deliveries("demo", parked_only=parked, after=0, limit=999))

    async def rows_when(self, is_so: Callable[[list[Delivery]], bool]) -> list[Delivery]:
        """The rows as soon as they are so; every read is a turn of the store's thread."""
        with trio.fail_after(SECONDS):
            while not is_so(rows := await self.rows()):
                await trio.lowlevel.checkpoint()
        return rows

    async def wait_until_sent(self) -> None:
        """Until nothing waits."""
        await self.rows_when(lambda rows: not rows)

    async def subscribe(self, url: str, **given: Any) -> str:
        """Make a webhook by the admin route; its id."""
        body = {"url": url, "secret": SECRET_TEXT, **given}
        got = await self.door.admin("POST", f"{V1}/webhooks", body)
        assert got.status == 201, got.body
        id_: str = got.json()["id"]
        return id_


def hook(url: str, **given: Any) -> dict[str, Any]:
    """A webhook of a project file."""
    return {"url": url, "secret": SECRET_TEXT, **given}


@asynccontextmanager
async def hooked(
    folder: Path, *webhooks: Mapping[str, Any], works: bool = True, **settings: Any
) -> AsyncIterator[Hooked]:
    """A door that has these webhooks and may call loopback; `works`: its outbox is at work."""
    table = {"webhook_private": True, "webhooks": list(webhooks), **settings}
    async with open_door(folder, others=False, **table) as door, trio.open_nursery() as nursery:
        clock = Ahead()
        door.house.directory.clock = clock
        world = Hooked(door, clock, nursery)
        if works:
            world.start()
        yield world
        nursery.cancel_scope.cancel()
