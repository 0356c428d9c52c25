"""Connections: Hypercorn's protocols on our sockets, with our way of leaving.

Hypercorn parses and frames; this file runs the connections, because two things must be ours: one
that breaks ends alone, and new ones stop before old ones are told to go. On the way some of the
stack's traps are closed: compression offers are dropped before the handshake (100 kB a socket),
head and body of an answer leave in one write, and the last write of an answer cannot be cancelled
by the end of its own request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, cast

import h11
import trio
import wsproto.utilities
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol import ProtocolWrapper
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import EventWrapper, WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from api.answering import SEND_FRAME
from api.observer import Log
from api.sockets import AnyListener

LAST_SEND_SECONDS_MAX = 5.0
"""For the end of an answer whose connection closes after it."""
KEEP_ALIVE_SECONDS = 75.0
"""An idle connection; longer than the usual proxy's minute."""
KEEP_ALIVE_REQUESTS_MAX = 10_000_000
WEBSOCKET_MESSAGE_BYTES_MAX = 2 * 1024 * 1024
HEAD_BYTES_MAX = 32 * 1024

PEERS_FAULTS = (
    OSError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.TooSlowError,
    h11.ProtocolError,
    wsproto.utilities.ProtocolError,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def guarded(app: App, log: Log) -> App:
    """The app; its errors noted, the last write of each answer safe from the end of its request.

    Closing a connection tells the app that its client left, which cancels the very task that is
    closing it; without the shield, `Connection: close` and HTTP/1.0 clients wait for ever.
    """

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_whole(message: Message) -> None:
            if message["type"] != "http.response.body" or message.get("more_body", False):
                await send(message)
                return
            with trio.move_on_after(LAST_SEND_SECONDS_MAX, shield=True):
                await send(message)

        try:
            await app(scope, receive, send_whole if scope["type"] == "http" else send)
        except Exception as error:
            note(error, log)
            raise

    return front


class Gate(EventWrapper):
    """Where the reader waits with a next request in hand; opens with an error once all is over.

    Hypercorn leaves a reader waiting here for ever if its connection ended in the meantime.
    """

    is_over = False

    async def clear(self) -> None:
        """Shut it, unless all is over."""
        if not self.is_over:
            await super().clear()

    async def wait(self) -> None:
        """Wait for the next request's turn."""
        await super().wait()
        if self.is_over:
            raise trio.ClosedResourceError("the connection ended")


class Http11(H11Protocol):
    """Hypercorn's HTTP/1.1, never anything newer, with fewer and larger writes."""

    def __init__(self, given: H11Protocol) -> None:
        super().__init__(
            given.app,
            given.config,
            given.context,
            given.task_group,
            given.connection_state,
            given.ssl,
            given.client,
            given.server,
            given.send,
        )
        self._gate = self.can_read = Gate()
        self._held = b""

    async def handle(self, event: Event) -> None:
        """Take bytes, or the end of the connection."""
        if isinstance(event, Closed):  # first, since the app may cancel us when it hears of it
            self._gate.is_over = True
            await self._gate.set()
        await super().handle(event)

    async def _check_protocol(self, event: h11.Request) -> None:
        """No change of protocol: HTTP/2 is a proxy's business."""

    async def _create_stream(self, request: h11.Request) -> None:
        if any(name == b"sec-websocket-extensions" for name, _value in request.headers):
            kept = [pair for pair in request.headers if pair[0] != b"sec-websocket-extensions"]
            request = h11.Request(
                method=request.method,
                target=request.target,
                headers=kept,
                http_version=request.http_version,
            )
        await super()._create_stream(request)

    async def _send_h11_event(self, event: Any) -> None:
        """Hold a head whose body is announced, so that both leave in one write."""
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        if isinstance(event, h11.Response) and _announces_body(event):
            self._held = data
            return
        if self._held:
            data, self._held = self._held + data, b""
        if data:
            await self.send(RawData(data=data))


def _announces_body(response: h11.Response) -> bool:
    return any(name == b"content-length" and value != b"0" for name, value in response.headers)


class NoTask:
    """Stands where the timer of an idle connection stood, once nothing is read any more."""

    async def restart(self, _group: object, _action: object) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""


class Connection(TCPServer):
    """One accepted connection: Hypercorn's loop around our HTTP/1.1."""

    async def run(self) -> None:
        """Serve until either side closes."""
        self.state[SEND_FRAME] = self.send_frame
        try:
            await super().run()
        finally:
            await trio.aclose_forcefully(self.stream)  # also where a TLS handshake failed

    async def send_frame(self, frame: bytes) -> None:
        """Send a finished WebSocket frame: made once for all who get it, encoded by nobody else.

        The protocol above knows nothing of it, and need not: a text frame changes no state there.
        """
        await self.protocol_send(RawData(data=frame))

    async def _read_data(self) -> None:
        """Read until the end; then no idle timer may keep what is left of the connection."""
        await super()._read_data()
        timer, self.idle_task = self.idle_task, cast(Any, NoTask())
        await timer.stop()

    @property
    def protocol(self) -> ProtocolWrapper:
        """What reads and writes this connection."""
        return self._protocol

    @protocol.setter
    def protocol(self, wrapper: ProtocolWrapper) -> None:
        wrapper.protocol = Http11(cast(H11Protocol, wrapper.protocol))
        self._protocol = wrapper


class Server:
    """Everything that serves. `stop_accepting`, `let_go` and `run` happen in that order."""

    def __init__(self, app: App, listeners: Sequence[AnyListener], log: Log) -> None:
        self._config = http_config()
        self._app = wrap_app(cast(Any, guarded(app, log)), 0, "asgi")
        self._listeners = listeners
        self._log = log
        self._context = WorkerContext(None)
        self._accepting = trio.CancelScope()
        self._serving = trio.CancelScope()
        self._ended = trio.Event()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve; returns when accepting has stopped and every connection has ended or was cut."""
        lifespan = Lifespan(self._app, self._config, {})
        try:
            await self._run(lifespan, task_status)
        finally:
            self._ended.set()

    async def _run(self, lifespan: Lifespan, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as outer:
            await outer.start(lifespan.handle_lifespan)
            await lifespan.wait_for_startup()
            async with trio.open_nursery() as connections:
                self._serving = connections.cancel_scope
                task_status.started()
                with self._accepting:
                    await trio.serve_listeners(
                        self._serve_one, cast(Any, self._listeners), handler_nursery=connections
                    )
            await lifespan.wait_for_shutdown()
            outer.cancel_scope.cancel()

    async def _serve_one(self, stream: Any) -> None:
        """What breaks here ends this connection only; a peer's nonsense gets no traceback."""
        try:
            await Connection(self._app, self._config, self._context, ConnectionState({}), stream)
        except Exception as error:
            note(error, self._log)

    def stop_accepting(self) -> None:
        """Close the listeners; connections go on."""
        self._accepting.cancel()

    async def let_go(self, seconds_max: float) -> None:
        """Close idle connections, let requests under way end, cut what is left after the limit."""
        await self._context.terminated.set()
        self._serving.deadline = trio.current_time() + seconds_max
        await self._ended.wait()


def note(error: Exception, log: Log) -> None:
    """Write down what is our fault in an error; peers may break as much as they like."""
    ours: Exception | None = None if isinstance(error, PEERS_FAULTS) else error
    if isinstance(error, ExceptionGroup):
        _, ours = error.split(PEERS_FAULTS)
    if ours is not None:
        log.broke("connection_broke", ours)


def http_config() -> Config:
    """What Hypercorn is told."""
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = KEEP_ALIVE_REQUESTS_MAX
    config.websocket_max_message_size = WEBSOCKET_MESSAGE_BYTES_MAX
    config.h11_max_incomplete_size = HEAD_BYTES_MAX
    config.ssl_handshake_timeout = 10.0
    config.shutdown_timeout = 1.0
    config.read_timeout = None
    return config
