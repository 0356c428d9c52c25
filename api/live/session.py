"""One socket: what it may say, in which order, and what it is answered.

Two tasks: the reader takes frames in and never waits once the caller is known; the writer sends
what waits. A refused frame is answered; only what is no frame at all ends the socket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import trio
from msgspec import UNSET

from api.auth import ANONYMOUS, OPERATOR, Principal
from api.http import Problem
from api.live.cloud import cloud_text
from api.live.connection import NEVER, Connection, problem_for
from api.live.frames import (
    Auth,
    BadFrame,
    ClientFrame,
    Cmd,
    Err,
    Hello,
    Id,
    Misshapen,
    Pong,
    Res,
    Sub,
    Unsub,
    Unsubd,
    Welcome,
    parse,
)
from api.live.orders import Orders
from api.live.rendering import line, wire
from api.live.tickets import may_come_from
from engine.messages import BadAddress

if TYPE_CHECKING:
    from api.live.door import LiveDoor

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


class Session(Connection):
    """A WebSocket, from the upgrade to its close code."""

    __slots__ = (
        "_headers",
        "_numbered",
        "_nursery",
        "_opened",
        "_orders",
        "_pinged_at",
        "_refilled_at",
        "_tokens",
        "is_cloud",
        "is_gone",
        "send_frame",
    )

    def __init__(self, door: LiveDoor, headers: Mapping[str, str], is_cloud: bool) -> None:
        super().__init__(door, door.limits)
        self.is_cloud = is_cloud
        self.is_gone = False
        self.send_frame: Callable[[bytes], Awaitable[None]] | None = None
        self._headers = {name: headers[name] for name in ("origin", "host") if name in headers}
        self._orders: Orders | None = None
        self._nursery: trio.Nursery | None = None
        self._numbered = 0
        self._opened = self._refilled_at = trio.current_time()
        self._pinged_at = NEVER
        self._tokens = float(door.limits.frames_per_second_max)

    async def run(self, receive: Receive, send: Send) -> None:
        """Read and write until either side ends it."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._write, send)
                await self._read(receive)
                nursery.cancel_scope.cancel()
        finally:
            self.closing = self.closing or 1000
            self._nursery = None
            self.leave_topics()

    # --- writing

    async def _write(self, send: Send) -> None:
        backlog = self.backlog
        while self.closing is None:
            if backlog or self.ping_due:
                await self._send_waiting(send)
            if backlog.behind:
                await self.read_one()
            if not (backlog or self.ping_due or backlog.behind) and self.closing is None:
                await backlog.wait()
        if self.farewell is not None:
            await self._send_lines(send, [self.farewell])
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    async def _send_waiting(self, send: Send) -> None:
        lines: list[Any] = self.backlog.take()
        if self.ping_due and not self.backlog:
            self.ping_due = False
            lines.append(self.ping())
            if not self.is_cloud:
                self._pinged_at = trio.current_time()
        if lines:
            await self._send_lines(send, lines)

    async def _send_lines(self, send: Send, lines: list[Any]) -> None:
        self.sending_since = trio.current_time()
        if self.is_cloud:
            for one in lines:
                self._numbered += 1
                text = cloud_text(one, self.id, self._numbered)
                await send({"type": "websocket.send", "text": text})
        elif self.send_frame is not None and not self.is_gone:
            await self.send_frame(wire(lines))
        else:
            text = lines[0] if len(lines) == 1 else "[" + ",".join(lines) + "]"
            await send({"type": "websocket.send", "text": text})
        self.sending_since = NEVER

    # --- reading

    async def _read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.is_gone = True
                return
            if self.closing is None:
                for frame in self._take_in(message):
                    if self.principal is None:
                        await self._greet(frame)
                    else:
                        self._handle(frame)
                    if self.closing is not None:
                        break

    def _take_in(self, message: Mapping[str, Any]) -> list[ClientFrame | Misshapen]:
        """The frames of a message; none if the socket has to end because of it."""
        text = message.get("text")
        most = self.door.limits.frame_bytes_max
        if text is None:
            size = len(message.get("bytes") or b"")
            self.close(4413 if size > most else 4400)
            return []
        if len(text) > most or (not text.isascii() and len(text.encode()) > most):
            self.close(4413)
            return []
        try:
            frames = parse(text)
        except BadFrame:
            self.close(4400)
            return []
        return frames if self._may_take(len(frames)) else []

    def _may_take(self, frames: int) -> bool:
        """A bucket of 200 frames that fills at 200 a second."""
        most, now = self.door.limits.frames_per_second_max, trio.current_time()
        self._tokens = min(most, self._tokens + (now - self._refilled_at) * most) - max(1, frames)
        self._refilled_at = now
        if self._tokens < 0:
            self.close(4529)
        return self._tokens >= 0

    # --- before the caller is known

    async def _greet(self, frame: ClientFrame | Misshapen) -> None:
        match frame:
            case Hello(project=project) if project:
                live = await self.door.house.live_settings(project)
                if not live.public:
                    self._refuse(frame.id, Problem(401, "not_public", "this needs a key"))
                elif not may_come_from(self._headers, live):
                    self.close(4403)
                else:
                    self.welcome(Principal(project, "", ANONYMOUS), frame.id)
            case Auth():
                await self.admit(self._identify(frame), frame.id)
            case Hello() | Pong():
                pass
            case _:
                self._refuse_any(frame, Problem(401, "not_authenticated", "authenticate first"))

    def _identify(self, frame: Auth) -> Principal | None:
        if frame.ticket:
            return self.door.tickets.redeem(frame.ticket)
        return self.door.house.credentials.identify(frame.token)

    async def admit(self, principal: Principal | None, id_: Id = UNSET) -> None:
        """Let a caller in, or end the socket."""
        if principal is None or not self.door.house.credentials.is_good(principal):
            self.close(4401)
        elif principal.kind == OPERATOR or not may_come_from(
            self._headers, await self.door.house.live_settings(principal.project)
        ):
            self.close(4403)
        else:
            self.welcome(principal, id_)

    def welcome(self, principal: Principal, id_: Id = UNSET) -> None:
        """The caller is known from here on."""
        limits = self.door.limits
        self.principal = principal
        self.next_ping = min(self.next_ping, trio.current_time() + limits.ping_seconds)
        ping_ms = int(limits.ping_seconds * 1000)
        frame = Welcome(id=id_, session=self.id, ping_ms=ping_ms, max_frame=limits.frame_bytes_max)
        self.backlog.put(line(frame))

    # --- afterwards, plain

    def _handle(self, frame: ClientFrame | Misshapen) -> None:
        match frame:
            case Pong():
                self._pinged_at = NEVER
            case Sub():
                self.listen(frame)
            case Unsub(topic=topic):
                subscription = self.backlog.subscriptions.get(topic)
                if subscription is not None:
                    subscription.end(self.door.house.hub)
                self.backlog.put(line(Unsubd(id=frame.id, topic=topic, code="asked")))
            case Cmd():
                if self._orders is None:
                    self._orders = Orders(self)
                self._orders.take(frame)
            case Auth():
                self._authenticate_again(frame)
            case Hello(id=id_) if id_ is not UNSET and self.principal is not None:
                self.welcome(self.principal, id_)
            case Misshapen(why=why):
                self._refuse_any(frame, Problem(400, "bad_frame", why))

    def listen(self, frame: Sub) -> None:
        """Subscribe; what may not be is answered with `err`."""
        try:
            self.subscribe(frame)
        except (Problem, BadAddress) as error:
            self._refuse(frame.id, problem_for(error), frame.topic)

    def _authenticate_again(self, frame: Auth) -> None:
        """A fresh token, or a key after listening without one; rights are judged anew."""
        principal = self._identify(frame)
        if principal is None or not self.door.house.credentials.is_good(principal):
            self.close(4401)
            return
        if self.principal is None or principal.project != self.principal.project:
            self._refuse(frame.id, Problem(403, "other_project", "this socket is in another one"))
            return
        self.welcome(principal, frame.id)
        for topic, subscription in list(self.backlog.subscriptions.items()):
            if not self.may_listen(principal, subscription.address):
                subscription.end(self.door.house.hub)
                self.backlog.put(line(Unsubd(topic=topic, code="forbidden")))

    def _refuse(self, id_: Id, problem: Problem, topic: str = "") -> None:
        body = {**problem.body(), "topic": topic} if topic else problem.body()
        self.backlog.put(line(Err(id=id_, problem=body)))

    def _refuse_any(self, frame: ClientFrame | Misshapen, problem: Problem) -> None:
        if isinstance(frame, Cmd) or (isinstance(frame, Misshapen) and frame.t == "cmd"):
            self.backlog.put(line(Res(id=frame.id, ok=False, problem=problem.body())))
        else:
            self._refuse(frame.id, problem, getattr(frame, "topic", ""))

    def start(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run something for as long as the socket lives."""
        if self._nursery is not None:
            self._nursery.start_soon(task, *args)

    # --- the clock, and ending

    def look(self, now: float, now_ms: int) -> None:
        """What time has brought."""
        limits = self.door.limits
        if self.principal is None and now - self._opened >= limits.auth_seconds_max:
            self.close(4401)
        elif self.sending_since == NEVER and now - self._pinged_at > limits.pong_seconds_max:
            self.close(4508)
        super().look(now, now_ms)

    def abandon(self, code: int) -> None:
        """End it although a send is under way that does not finish."""
        self.close(code)
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()
