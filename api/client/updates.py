"""What a listener is handed: updates of one topic, in order, with patches already applied.

A subscription knows where it stands (epoch and version) and folds what the server says: the whole
state, a patch against it, or a plain event. It drops what it already had, and says when it cannot
go on from where it is. No I/O here; `live.py` carries the frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
import trio

from api.patch import BadPatch, apply

WAITING_MAX = 1_000
"""Updates of one topic that its reader has not taken; beyond it the socket is not read."""
JOINED_FRAMES_MAX = 50
"""Frames that leave as one array."""
JOINED_BYTES_MAX = 48_000
"""Bytes that leave as one array: a daemon takes 64 kB at once, and ends the socket beyond."""


class LiveClosed(Exception):
    """The server does not want us back: `code` is the close code or HTTP status."""

    def __init__(self, code: int, why: str = "") -> None:
        super().__init__(why or f"the live socket was closed for good: {code}")
        self.code = code


class Refused(Exception):
    """A command or subscription was refused; `problem` is the RFC 9457 document."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or problem.get("title") or "refused"))
        self.problem = dict(problem)


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a topic.

    `kind` is `snapshot` (start anew from `state`), `event`, `state` (in mode `latest`) or
    `passing` (no version). `state` is None where the mode brings none, or nothing exists.
    """

    topic: str
    kind: str
    epoch: str = ""
    version: int = 0
    name: str = ""
    time: str = ""
    data: Any = None
    state: Any = None


class Lost(Exception):
    """A frame does not follow from where we stand: subscribe again."""


class Hearer(Protocol):
    """Who hears a topic in the very order of the socket, before any answer that came behind it.

    Neither method waits or raises.
    """

    def hear(self, update: Update) -> None:
        """One more update."""

    def end(self, error: Exception | None) -> None:
        """There will be no more; `error` says why, None: the topic was left."""


def joined(waiting: list[dict[str, Any]]) -> str:
    """Take frames off the front, as many as may leave together and at least one, as one text."""
    taken: list[bytes] = []
    size = 0
    while waiting and len(taken) < JOINED_FRAMES_MAX:
        text = msgspec.json.encode(waiting[0])
        size += len(text) + 1
        if taken and size > JOINED_BYTES_MAX:
            break
        taken.append(text)
        del waiting[0]
    return f"[{b','.join(taken).decode()}]"


class Order:
    """A command under way."""

    __slots__ = ("answer", "done", "frame")

    def __init__(self, frame: dict[str, Any]) -> None:
        self.frame = frame
        self.answer: dict[str, Any] | None = None
        self.done = trio.Event()


class Subscription:
    """An async iterator over a topic's updates; use it as a context manager to leave the topic.

    With `tell` the updates go to a hearer as they come, and there is nothing to iterate over.
    """

    def __init__(self, client: Any, topic: str, mode: str, delta: bool) -> None:
        self.topic = topic
        self.mode = mode
        self.delta = delta and mode == "snapshot"
        self.epoch = ""
        self.version = -1
        self.state: Any = None
        self.error: Exception | None = None
        self._client = client
        self._hearer: Hearer | None = None
        self._put, self._take = trio.open_memory_channel[Update](WAITING_MAX)

    # --- for whoever listens

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.leave()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Update:
        """The next update; raises `Refused` or `LiveClosed` when there will be none."""
        try:
            return await self._take.receive()
        except trio.EndOfChannel:
            if self.error is not None:
                raise self.error from None
            raise StopAsyncIteration from None

    def tell(self, hearer: Hearer) -> Subscription:
        """Tell this one from now on. To be called at once, before anything was heard."""
        self._hearer = hearer
        return self

    def leave(self) -> None:
        """Hear no more of this topic."""
        self._client.forget(self)
        self.end(None)

    # --- for the client

    @property
    def is_resuming(self) -> bool:
        """True once it stands somewhere."""
        return self.version >= 0

    def frame(self) -> dict[str, Any]:
        """The `sub` frame that goes on from here."""
        frame: dict[str, Any] = {"t": "sub", "id": self.topic, "topic": self.topic}
        if self.mode != "snapshot":
            frame["mode"] = self.mode
        if self.delta:
            frame["delta"] = ["jsonpatch"]
        if self.is_resuming:
            frame["at"] = {"epoch": self.epoch, "version": self.version}
        return frame

    def start_over(self) -> None:
        """Forget where we stood."""
        self.version = -1

    def end(self, error: Exception | None) -> None:
        """There will be no more updates."""
        self.error = self.error or error
        self._put.close()
        hearer, self._hearer = self._hearer, None
        if hearer is not None:
            hearer.end(self.error)

    async def hear(self, frame: Mapping[str, Any]) -> None:
        """Fold a frame and hand it on; raises `Lost` when it does not fit."""
        update = self._fold(frame)
        if update is not None and self._hearer is not None:
            self._hearer.hear(update)
        elif update is not None:
            try:
                await self._put.send(update)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    def _fold(self, frame: Mapping[str, Any]) -> Update | None:
        match frame["t"]:
            case "subd":
                return self._subscribed(frame)
            case "ev":
                return self._told(frame)
            case "eph":
                return Update(
                    topic=self.topic, kind="passing", name=frame["name"], data=frame["data"]
                )
        return None

    def _subscribed(self, frame: Mapping[str, Any]) -> Update | None:
        if frame["recovered"]:
            return None
        self.epoch, self.version = frame["epoch"], frame["version"]
        self.state = frame.get("state")
        return Update(
            topic=self.topic,
            kind="snapshot",
            epoch=self.epoch,
            version=self.version,
            state=self.state,
        )

    def _told(self, frame: Mapping[str, Any]) -> Update | None:
        version = frame["version"]
        if frame["epoch"] == self.epoch and version <= self.version:
            return None
        is_dense = self.mode != "latest" and "actor" not in frame
        if is_dense and version != self.version + 1:
            raise Lost
        if "patch" in frame:
            if frame["base"] != self.version:
                raise Lost
            try:
                self.state = apply(self.state, frame["patch"])
            except BadPatch:
                raise Lost from None
        elif "state" in frame:
            self.state = frame["state"]
        self.epoch, self.version = frame["epoch"], version
        folded = self.delta or self.mode == "latest"
        return Update(
            topic=self.topic,
            kind="state" if self.mode == "latest" else "event",
            epoch=self.epoch,
            version=version,
            name=frame["name"],
            time=frame["time"],
            data=frame.get("data"),
            state=self.state if folded else None,
        )
