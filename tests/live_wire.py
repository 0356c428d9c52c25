"""Both ends of a live socket without a network.

A `Wire` stands in for the server: it hands the ASGI application what a client says and keeps what
it is sent, frame by frame. `stall` makes it a peer that does not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import trio

from api.house import House
from api.live.door import live_app


def upgrade_scope(
    headers: Mapping[str, str], subprotocols: Sequence[str] = (), path: str = "/v1/live",
    query: str = "",
) -> dict[str, Any]:  # fmt: skip
    """What a server makes of an upgrade."""
    return {
        "type": "websocket",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "subprotocols": list(subprotocols),
        "extensions": {"websocket.http.response": {}},
    }


class Wire:
    """Both ends of one connection without a network."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.code: int | None = None
        self.status: int | None = None
        self.body = b""
        self.subprotocol: str | None = None
        self._said: deque[dict[str, Any]] = deque([{"type": "websocket.connect"}])
        self._frames: deque[Any] = deque()
        self._something = trio.Event()
        self._to_read = trio.Event()
        self._to_read.set()
        self._flowing = trio.Event()
        self._flowing.set()
        self._over = trio.Event()
        self._is_gone = False

    # --- the server's side

    async def serve(self, house: House, scope: dict[str, Any]) -> None:
        """Run the application on this wire."""
        try:
            await live_app(house, scope, self._receive, self._send)
        finally:
            self._over.set()
            self._something.set()

    async def _receive(self) -> dict[str, Any]:
        while not self._said:
            self._to_read = trio.Event()
            await self._to_read.wait()
        await trio.lowlevel.checkpoint()
        if len(self._said) == 1 and self._is_gone:
            return self._said[0]
        return self._said.popleft()

    async def _send(self, message: dict[str, Any] | None) -> None:
        await trio.lowlevel.checkpoint()
        if message is None:
            return
        match message["type"]:
            case "websocket.accept":
                self.subprotocol = message.get("subprotocol")
            case "websocket.send":
                await self._flowing.wait()
                self.texts.append(str(message["text"]))
                decoded = msgspec.json.decode(str(message["text"]))
                self._frames.extend(decoded if isinstance(decoded, list) else [decoded])
            case "websocket.close":
                self.code = message["code"]
                self.leave()
            case "websocket.http.response.start":
                self.status = message["status"]
            case "websocket.http.response.body":
                self.body += message["body"]
        self._something.set()

    # --- the client's side

    def say(self, *frames: Any) -> None:
        """Send one frame, or several as an array."""
        text = msgspec.json.encode(frames[0] if len(frames) == 1 else list(frames)).decode()
        self.say_text(text)

    def say_text(self, text: str | None, data: bytes | None = None) -> None:
        """Send any text or bytes."""
        self._put({"type": "websocket.receive", "text": text, "bytes": data})

    def _put(self, message: dict[str, Any]) -> None:
        self._said.append(message)
        self._to_read.set()

    def leave(self) -> None:
        """Close from this side."""
        if not self._is_gone:
            self._is_gone = True
            self._put({"type": "websocket.disconnect", "code": 1000})

    def stall(self) -> None:
        """Stop reading."""
        if self._flowing.is_set():
            self._flowing = trio.Event()

    def flow(self) -> None:
        """Read again."""
        self._flowing.set()

    async def next(self) -> Any:
        """The next frame, within a (virtual) minute."""
        with trio.fail_after(60):
            while not self._frames:
                assert not self._over.is_set(), f"the socket ended with {self.code}"
                self._something = trio.Event()
                await self._something.wait()
        return self._frames.popleft()

    async def next_of(self, *kinds: str) -> Any:
        """The next frame of these types; others are passed over."""
        while True:
            frame = await self.next()
            if frame["t"] in kinds:
                return frame

    def waiting(self) -> list[Any]:
        """Frames that have come and were not taken."""
        taken = list(self._frames)
        self._frames.clear()
        return taken

    async def wait_over(self) -> int | None:
        """The close code, once the application has ended."""
        with trio.fail_after(60):
            await self._over.wait()
        return self.code

    @staticmethod
    def is_cloud(frame: Any) -> bool:
        """True for a CloudEvent."""
        return "specversion" in frame
