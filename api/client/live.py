"""The live socket for Python programs: it comes back by itself and goes on where it was.

    async with open_live("ws://127.0.0.1:8080/v1/live", key=KEY) as live:
        async with live.subscribe("door/1") as door:
            async for update in door:
                ...
        shown = await live.command("door/1", "open", {"code": "1234"})

A lost connection is made again with jitter; every topic is resumed at its last version, and
commands without an answer are sent again under the same key, so they are carried out once.
"""

from __future__ import annotations

import random
import ssl
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)

from api.client.stream import CONNECT_SECONDS_MAX, Stream, open_stream
from api.client.updates import LiveClosed, Lost, Order, Refused, Subscription, joined

E = TypeVar("E", bound=Exception)
PROTOCOL = "callboard.v1.json"
BACK_SECONDS_MIN = 0.25
BACK_SECONDS_MAX = 20.0
CLOSE_SECONDS_MAX = 1.0
COME_BACK = frozenset({1000, 1001, 1005, 1006, 1009, 1011, 1012, 1013})


class LiveClient:
    """One connection, made again as often as needed. Make it with `open_live`."""

    def __init__(
        self, url: str, key: str, project: str, client: str, trust: ssl.SSLContext | None = None
    ) -> None:
        self._url = url
        self._trust = trust
        self._key = key
        self._hello = {"t": "hello", "client": client, "project": project}
        self._subscriptions: dict[str, Subscription] = {}
        self._orders: dict[str, Order] = {}
        self._socket: WebSocketConnection | None = None
        self._over: LiveClosed | None = None
        self._leaving: trio.Event | None = None
        self._back_seconds = 0.0
        self._outgoing: list[dict[str, Any]] = []
        self._something = trio.Event()
        self.connections = 0
        """How often a connection was made."""

    # --- what programs use

    def subscribe(self, topic: str, *, mode: str = "snapshot", delta: bool = True) -> Subscription:
        """Listen to a topic. With `delta` its updates carry the folded state."""
        if self._over is not None:
            raise self._over
        if topic in self._subscriptions:
            raise ValueError(f"{topic} is already heard here")
        subscription = Subscription(self, topic, mode, delta)
        self._subscriptions[topic] = subscription
        self._say(subscription.frame())
        return subscription

    async def command(
        self,
        topic: str,
        name: str,
        data: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
    ) -> dict[str, Any]:
        """Have an actor carry out a command, once; what it shows afterwards. Raises `Refused`."""
        if self._over is not None:
            raise self._over
        key = key or str(uuid.uuid4())
        id_ = str(uuid.uuid4())
        order = Order({
            "t": "cmd", "id": id_, "topic": topic, "name": name, "data": dict(data or {}),
            "key": key,
        })  # fmt: skip
        self._orders[id_] = order
        self._say(order.frame)
        try:
            await order.done.wait()
        finally:
            self._orders.pop(id_, None)
        if order.answer is None:
            raise self._over or LiveClosed(1000, "the client was closed")
        if not order.answer["ok"]:
            raise Refused(order.answer["problem"])
        shown: dict[str, Any] = order.answer["data"]
        return shown

    def forget(self, subscription: Subscription) -> None:
        """Leave a topic; subscriptions call this."""
        if self._subscriptions.get(subscription.topic) is subscription:
            del self._subscriptions[subscription.topic]
            self._say({"t": "unsub", "topic": subscription.topic})

    async def aclose(self) -> None:
        """Say good-bye to the server; `run` returns. Nothing can be asked afterwards."""
        self._over = self._over or LiveClosed(1000, "the client was closed")
        if self._socket is not None:
            self._leaving = trio.Event()
            with trio.move_on_after(CLOSE_SECONDS_MAX):
                await self._socket.aclose()
            self._leaving.set()

    # --- the connection

    async def run(self) -> None:
        """Connect, and come back, until the server wants us no more."""
        try:
            while self._over is None:
                try:
                    await self._connect()
                except* ConnectionRejected as group:
                    for rejected in _leaves(group):
                        self._judge(rejected.status_code)
                except* (ConnectionClosed, HandshakeError, OSError, trio.TooSlowError):
                    pass  # whatever the network does, we come back
                except* LiveClosed as group:
                    self._over = next(_leaves(group))
                if self._over is None:
                    await self._wait_a_while()
        finally:
            self._finish(self._over)

    async def _connect(self) -> None:
        stream = await open_stream(self._url, self._trust)
        try:
            async with trio.open_nursery() as nursery:
                await self._talk(nursery, stream)
                nursery.cancel_scope.cancel()
        finally:
            await trio.aclose_forcefully(stream)

    async def _talk(self, nursery: trio.Nursery, stream: Stream) -> None:
        headers = [(b"Authorization", f"Bearer {self._key}".encode())] if self._key else []
        parts = urlsplit(self._url)
        with trio.fail_after(CONNECT_SECONDS_MAX):
            socket = await wrap_client_stream(
                nursery,
                stream,
                parts.netloc.rpartition("@")[2],
                f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}",
                subprotocols=[PROTOCOL],
                extra_headers=headers,
            )
        self.connections += 1
        self._socket = socket
        nursery.start_soon(self._write, socket)
        try:
            await self._read(socket)
        except ConnectionClosed:
            if self._leaving is not None:
                await self._leaving.wait()  # the server's good-bye is heard by the same tasks
            if socket.closed is not None:
                self._judge(socket.closed.code)
        finally:
            self._socket = None
            with trio.move_on_after(CLOSE_SECONDS_MAX, shield=True):
                await socket.aclose()

    async def _read(self, socket: WebSocketConnection) -> None:
        while True:
            decoded = msgspec.json.decode(await socket.get_message())
            for frame in decoded if isinstance(decoded, list) else [decoded]:
                await self._hear(frame)

    async def _write(self, socket: WebSocketConnection) -> None:
        self._outgoing = []
        if not self._key:
            self._outgoing.append(self._hello)
        self._outgoing += [one.frame() for one in self._subscriptions.values()]
        self._outgoing += [one.frame for one in self._orders.values()]
        while True:
            if self._outgoing:
                await socket.send_message(joined(self._outgoing))
            else:
                self._something = trio.Event()
                await self._something.wait()

    def _say(self, frame: dict[str, Any]) -> None:
        if self._socket is not None:
            self._outgoing.append(frame)
            self._something.set()

    async def _hear(self, frame: dict[str, Any]) -> None:
        match frame["t"]:
            case "welcome":
                self._back_seconds = 0.0
            case "ping":
                self._say({"t": "pong"})
                for topic, version in frame.get("at", {}).items():
                    self._compare(topic, version)
            case "res":
                order = self._orders.get(frame.get("id", ""))
                if order is not None:
                    order.answer = frame
                    order.done.set()
            case "bye":
                self._back_seconds = frame["retry_ms"] / 1000
            case "err" | "unsubd":
                self._refused(frame)
            case "subd" | "ev" | "eph":
                await self._pass_on(frame)

    async def _pass_on(self, frame: dict[str, Any]) -> None:
        subscription = self._subscriptions.get(frame["topic"])
        if subscription is not None:
            try:
                await subscription.hear(frame)
            except Lost:
                if frame["t"] == "ev" and "patch" in frame:
                    subscription.start_over()
                self._say(subscription.frame())

    def _compare(self, topic: str, version: int) -> None:
        """Silent loss shows here: resume where we are."""
        subscription = self._subscriptions.get(topic)
        if subscription is not None and 0 <= subscription.version < version:
            self._say(subscription.frame())

    def _refused(self, frame: dict[str, Any]) -> None:
        topic = frame.get("topic") or frame.get("problem", {}).get("topic", "")
        subscription = self._subscriptions.get(topic)
        if subscription is None or frame.get("code") == "asked":
            return
        del self._subscriptions[topic]
        problem = frame.get("problem") or {"code": frame["code"], "title": frame["code"]}
        subscription.end(Refused(problem))

    # --- coming back

    def _judge(self, code: int) -> None:
        """Codes below 4500 are final, unless the whole server goes or the caller may retry."""
        if code in COME_BACK or 4500 <= code < 4600 or code in {429, 500, 502, 503, 504}:
            return
        self._over = LiveClosed(code)

    async def _wait_a_while(self) -> None:
        seconds = self._back_seconds or BACK_SECONDS_MIN
        self._back_seconds = min(BACK_SECONDS_MAX, seconds * 2)
        await trio.sleep(seconds * random.uniform(0.5, 1.0))

    def _finish(self, error: Exception | None) -> None:
        for subscription in list(self._subscriptions.values()):
            subscription.end(error)
        self._subscriptions.clear()
        for order in self._orders.values():
            order.done.set()


def _leaves(group: BaseExceptionGroup[E]) -> Iterator[E]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


@asynccontextmanager
async def open_live(
    url: str,
    *,
    key: str = "",
    project: str = "",
    client: str = "callboard-python",
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[LiveClient]:
    """A live client for the length of the block.

    `key` is any key or token; without one `project` listens to what that project shows everybody.
    `trust` is for `wss://` with a certificate of one's own: whom to believe in place of the usual.
    """
    live = LiveClient(url, key, project, client, trust)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live.run)
            yield live
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:  # the block's own: it reads better without our nursery
            raise group.exceptions[0] from None
        raise
