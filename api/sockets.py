"""Where the daemon listens, and how long it waits for a peer that does not read.

A peer that stops reading would hold the server for ever: the layers above shield their writes from
cancellation. So every accepted stream carries its own limit: a write that makes no end in time
resets the connection (no lingering) and reports it broken, which those layers do understand. All
streams share one `Patience`; when the daemon drains it gets short, also for writes under way.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import trio

from api.config import BadSettings, Listen, Settings, parse_listen

SEND_SECONDS_MAX = 10.0
"""For one write to a peer: longer than any honest stall."""
DRAINING_SEND_SECONDS_MAX = 1.0
"""The same on the way out: the whole exit stays below ten seconds."""
BACKLOG = 2_048
"""Connections waiting to be accepted: a wave of clients that come back."""
ACTIVATED_FD_FIRST = 3
RESET = struct.pack("ii", 1, 0)
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Patience:
    """How long a write may take, and the count of those who did not read."""

    def __init__(self, seconds: float = SEND_SECONDS_MAX) -> None:
        self._seconds = seconds
        self._under_way: set[trio.CancelScope] = set()
        self._open = 0
        self._accepted = 0
        self._cut = 0

    def shorten(self, seconds: float = DRAINING_SEND_SECONDS_MAX) -> None:
        """From now on wait less, also for what is being written."""
        self._seconds = seconds
        deadline = trio.current_time() + seconds
        for scope in self._under_way:
            scope.deadline = min(scope.deadline, deadline)

    def begin(self) -> trio.CancelScope:
        """The scope of one write."""
        scope = trio.CancelScope(deadline=trio.current_time() + self._seconds)
        self._under_way.add(scope)
        return scope

    def end(self, scope: trio.CancelScope) -> None:
        """That write is over."""
        self._under_way.discard(scope)

    def accepted(self) -> None:
        """A connection came."""
        self._open += 1
        self._accepted += 1

    def left(self) -> None:
        """A connection ended."""
        self._open -= 1

    def cut(self) -> None:
        """A connection was reset because its peer did not read."""
        self._cut += 1

    def statistics(self) -> Mapping[str, float]:
        """Connections open, accepted and cut."""
        return {"open": self._open, "accepted": self._accepted, "cut": self._cut}


class GuardedStream(trio.abc.HalfCloseableStream):
    """An accepted connection whose writes end: sent, or cut off."""

    def __init__(self, stream: trio.SocketStream, patience: Patience) -> None:
        self._stream = stream
        self._patience = patience
        self._is_closed = False
        self.socket = stream.socket
        patience.accepted()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything within the limit; otherwise reset the connection and say it broke.

        What the system takes at once is sent at once: no limit to set, no turn to wait for.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        sent = self._send_now(data)
        if sent < len(data):
            await self._send_slowly(memoryview(data)[sent:])

    def _send_now(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return os.write(self.socket.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            if self.socket.fileno() < 0:
                raise trio.ClosedResourceError("this connection was closed") from None
            raise trio.BrokenResourceError(str(error)) from error

    async def _send_slowly(self, data: memoryview) -> None:
        scope = self._patience.begin()
        try:
            with scope:
                await self._stream.send_all(data)
        finally:
            self._patience.end(scope)
        if scope.cancelled_caught:
            self._patience.cut()
            self.reset()
            raise trio.BrokenResourceError("the peer did not read in time")

    def reset(self) -> None:
        """Close at once; what was not sent is thrown away. A reader of this stream is woken."""
        with suppress(OSError):  # gone already
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until a write would make progress."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Bytes from the peer; empty at its end."""
        return await self._stream.receive_some(max_bytes)

    async def send_eof(self) -> None:
        """Say that no more comes."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close; again is nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._patience.left()
        await self._stream.aclose()


class GuardedListener(trio.abc.Listener[GuardedStream]):
    """Accepts connections and gives each its guard."""

    def __init__(self, listening: socket.socket, patience: Patience) -> None:
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(listening))
        self._patience = patience

    async def accept(self) -> GuardedStream:
        """The next connection."""
        return GuardedStream(await self._listener.accept(), self._patience)

    async def aclose(self) -> None:
        """Listen no more."""
        await self._listener.aclose()


AnyListener = GuardedListener | trio.SSLListener[GuardedStream]


class Doorway:
    """Every listening socket of this daemon: opened before anything else, closed first."""

    def __init__(self, settings: Settings, patience: Patience) -> None:
        self._patience = patience
        self._tls = tls_context(settings)
        self._unix_paths: list[Path] = []
        self._sockets: list[socket.socket] = []
        try:
            for text in settings.listen:
                self._sockets += self._open(parse_listen(text), text)
        except BaseException:
            self.close()
            raise

    def _open(self, listen: Listen, text: str) -> Iterable[socket.socket]:
        try:
            match listen.how:
                case "tcp":
                    return _open_tcp(listen)
                case "unix":
                    self._unix_paths.append(Path(listen.path))
                    return [_open_unix(listen.path)]
                case _:
                    return [_adopt(listen.fd)]
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadSettings(f"cannot listen on {text}: {reason}") from None

    @property
    def addresses(self) -> list[str]:
        """Where clients find us, as URLs or `unix:PATH`."""
        scheme = "https" if self._tls else "http"
        return [_shown(scheme, one) for one in self._sockets]

    def listeners(self) -> list[AnyListener]:
        """Listeners to serve; from here on trio owns the sockets."""
        guarded = [GuardedListener(one, self._patience) for one in self._sockets]
        if self._tls is None:
            return [*guarded]
        return [trio.SSLListener(one, self._tls, https_compatible=True) for one in guarded]

    def close(self) -> None:
        """Stop listening and take unix sockets away."""
        for one in self._sockets:
            one.close()
        for path in self._unix_paths:
            path.unlink(missing_ok=True)


def _open_tcp(listen: Listen) -> list[socket.socket]:
    found = socket.getaddrinfo(
        listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    opened: list[socket.socket] = []
    for family, kind, protocol, _name, address in dict.fromkeys(found):
        one = socket.socket(family, kind, protocol)
        opened.append(one)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            one.bind(address)
        except OSError:
            for each in opened:
                each.close()
            raise
        one.listen(BACKLOG)
        if listen.port == 0:
            break  # a port of the system's choice is one port
    return opened


def _open_unix(path: str) -> socket.socket:
    """Take over the path if nobody listens there any more."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(path) == 0:
                    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
            os.unlink(path)
        one.bind(path)
        one.listen(BACKLOG)
    except BaseException:
        one.close()
        raise
    return one


def _adopt(descriptor: int) -> socket.socket:
    """A socket that the service manager opened for us."""
    count = int(os.environ.get("LISTEN_FDS", "0") or 0)
    is_ours = os.environ.get("LISTEN_PID", str(os.getpid())) == str(os.getpid())
    if count and not (is_ours and 0 <= descriptor - ACTIVATED_FD_FIRST < count):
        raise OSError(errno.EBADF, f"the service manager passed {count} sockets to this process")
    one = socket.socket(fileno=descriptor)
    if one.type != socket.SOCK_STREAM:
        one.detach()
        raise OSError(errno.EINVAL, "it is not a stream socket")
    one.listen(BACKLOG)
    return one


def _shown(scheme: str, one: socket.socket) -> str:
    name = one.getsockname()
    if one.family == socket.AF_UNIX:
        return f"unix:{name}"
    host = f"[{name[0]}]" if one.family == socket.AF_INET6 else name[0]
    return f"{scheme}://{host}:{name[1]}"


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS side of the settings; one clear error if the files do not work."""
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise BadSettings(f"tls_cert, tls_key: they do not work together: {reason}") from None
    return context
