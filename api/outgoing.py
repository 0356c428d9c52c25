"""Calling others: the one way in which the daemon makes an HTTP request of its own.

The host's name is resolved once, every address that it stands for is judged, and the connection
goes to one that was judged: a name that changes its mind in between gains nothing. Addresses that
are not public are refused unless the caller says that its project allows them; redirects are
answers like others and are never followed. TLS checks the name in the URL (DESIGN 2, "Effects").

A call ends within its seconds, body and waiting for a place included, and ends in an answer or in
`Unreachable`. Its words name the host; they never quote the rest of the URL, a header or a body.
A host that hangs holds only some of the places (`api/places.py`): the others are called meanwhile.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import h11
import httpcore
import msgspec
import trio

from api.addresses import Lookup, NameUnknown, NotPublic, Resolve
from api.outgoing_pools import OutgoingPools
from api.places import Places

PIECE_BYTES = 64 * 1024
"""Of a body, in one write."""

OURS = frozenset(
    {"accept-encoding", "connection", "content-length", "expect", "host", "te"}
    | {"trailer", "transfer-encoding", "upgrade"}
)
"""Headers that frame a message; nobody else sets them."""
METHODS_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
PORTS = {"http": 80, "https": 443}

FAULTS = (NameUnknown, NotPublic, httpcore.NetworkError, httpcore.ProtocolError)


class Unreachable(Exception):
    """No answer: no such name, refused, reset, TLS, not HTTP, too big. The words hold no secret."""


class TimedOut(Unreachable):
    """No whole answer within the caller's seconds."""


class Forbidden(Unreachable):
    """Nobody was called: the address is not public, or the URL is none that we call."""


class Got(msgspec.Struct, frozen=True):
    """An answer: its status, headers by lower-case name (repeated ones joined by ", "), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outgoing:
    """Calls to others, at most `connections_max` at once; more wait for their turn.

    At most `origin_max` of them are for one scheme, host and port. `trust` checks certificates: by
    default the system's authorities and certifi's. `resolve` gives the addresses of a name.
    """

    def __init__(
        self,
        *,
        connections_max: int = 100,
        origin_max: int = 20,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._pools = OutgoingPools(connections_max, trust, resolve or Lookup())
        # Callers wait for a place here: a pool loses one for good when its waiter is cancelled.
        self._places = Places(connections_max, origin_max)
        self._under_way: set[trio.CancelScope] = set()
        self._counts = {"calls": 0, "failures": 0}
        self._is_closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        seconds: float,
        private: bool = False,
        body_bytes_max: int = 10_000_000,
    ) -> Got:
        """Ask once and give the answer, whatever its status.

        `headers` beside those that frame the message; `private` also calls addresses that are not
        public. Raises `TimedOut` after `seconds`, `Forbidden`, or `Unreachable`, also when the
        answer's body is beyond `body_bytes_max` bytes or compressed (we ask for `identity`).
        """
        self._counts["calls"] += 1
        try:
            request = _request(method, _target(url), headers, body)
            return await self._call(private, request, seconds, body_bytes_max)
        except Unreachable:
            self._counts["failures"] += 1
            raise

    async def _call(
        self, private: bool, request: httpcore.Request, seconds: float, body_bytes_max: int
    ) -> Got:
        host, origin = request.url.host.decode(), str(request.url.origin)
        trouble = Unreachable(f"{host}: we are leaving")
        with trio.move_on_after(max(0.0, seconds)) as scope:
            self._under_way.add(scope)
            try:
                async with self._places.one(origin):
                    if not self._is_closed:
                        pool = await self._pools.pool(private=private)
                        return await _exchange(pool, request, body_bytes_max)
            except FAULTS as error:
                trouble = _in_words(host, error)
            finally:
                self._under_way.discard(scope)
        if scope.cancelled_caught and not self._is_closed:
            trouble = TimedOut(f"{host}: no whole answer within {seconds:g} s")
        raise trouble  # out here it has no inner error, which might quote a header

    async def aclose(self) -> None:
        """End the calls under way (`Unreachable`), hang up everywhere, make no more calls."""
        self._is_closed = True
        for scope in self._under_way:
            scope.cancel()
        await self._pools.aclose()

    def statistics(self) -> Mapping[str, float]:
        """Calls under way, and since the start: calls, and those of them that got no answer."""
        return {"under_way": len(self._under_way), **self._counts}


async def _exchange(
    pool: httpcore.AsyncConnectionPool, request: httpcore.Request, body_bytes_max: int
) -> Got:
    response = await pool.handle_async_request(request)
    try:
        body = await _read(response, body_bytes_max)
    finally:
        await response.aclose()
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    host = request.url.host.decode()
    if len(body) > body_bytes_max:
        raise Unreachable(f"{host}: the answer has more than {body_bytes_max} bytes")
    if body and headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Unreachable(f"{host}: the answer is compressed, which was not asked for")
    return Got(response.status, headers, body)


async def _read(response: httpcore.Response, most: int) -> bytes:
    """The body, or a little more than `most` of it.

    Generators inside generators give the body. Leaving them by cancelling ends each of them at its
    own `await`; leaving the loop would leave them to the garbage collector.
    """
    body = bytearray()
    with trio.CancelScope() as scope:
        async for piece in response.aiter_stream():
            body += piece
            if len(body) > most:
                scope.cancel()
    return bytes(body)


# --- what is sent


def _target(url: str) -> SplitResult:
    """The parts of a URL that we call; raises `Forbidden`."""
    if not all("!" <= character <= "~" for character in url):
        raise Forbidden("the URL holds something else than printable ASCII")
    try:
        target = urlsplit(url)
        (target.hostname or "").encode("idna")
        port = target.port
    except ValueError:
        raise Forbidden("the URL cannot be read") from None
    if target.scheme not in PORTS:
        raise Forbidden("the URL is neither http nor https")
    if "@" in target.netloc:
        raise Forbidden("the URL holds a user or a password")
    if not target.hostname or port == 0:
        raise Forbidden("the URL names no host, or no port")
    return target


def _request(
    method: str, target: SplitResult, headers: Mapping[str, str], body: bytes
) -> httpcore.Request:
    """One reading of the URL serves the connection, the `Host` header and the request line.

    Raises `Unreachable` for a method or a header that HTTP does not allow: found later, it would
    stand in the library's log.
    """
    host, port = str(target.hostname), target.port or PORTS[target.scheme]
    sent = {name.lower(): value for name, value in headers.items()}
    sent = {"host": _host(target), **{n: v for n, v in sent.items() if n not in OURS}}
    sent["accept-encoding"] = "identity"
    if body or method.upper() in METHODS_WITH_BODY:
        sent["content-length"] = str(len(body))
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    fields = [(_bytes(name), _bytes(value)) for name, value in sent.items()]
    if not _is_allowed(_bytes(method), fields):
        raise Unreachable(f"{host}: the method or a header is none that HTTP allows")
    return httpcore.Request(
        _bytes(method),
        httpcore.URL(scheme=target.scheme, host=host, port=port, target=path),
        headers=fields,
        content=_Pieces(body),
    )


def _is_allowed(method: bytes, fields: list[tuple[bytes, bytes]]) -> bool:
    try:
        h11.Request(method=method, target=b"/", headers=fields)
    except h11.LocalProtocolError:
        return False
    return True


def _host(target: SplitResult) -> str:
    host = f"[{target.hostname}]" if ":" in str(target.hostname) else str(target.hostname)
    return host if target.port in (None, PORTS[target.scheme]) else f"{host}:{target.port}"


def _bytes(text: str) -> bytes:
    """UTF-8, whatever the text holds; `_is_allowed` judges it."""
    return text.encode("utf-8", "surrogatepass")


class _Pieces:
    """A body in pieces. No generator: a broken write would leave that to the garbage collector."""

    def __init__(self, body: bytes) -> None:
        self._starts = iter(range(0, len(body), PIECE_BYTES))
        self._body = body

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> bytes:
        for start in self._starts:
            return self._body[start : start + PIECE_BYTES]
        raise StopAsyncIteration


def _in_words(host: str, error: BaseException) -> Unreachable:
    """What went wrong, in our own words; the library's may quote what was sent."""
    match error:
        case NotPublic():
            return Forbidden(f"{host}: its address is not public")
        case NameUnknown():
            words = "nobody knows the name"
        case httpcore.ConnectError():
            words = _tls_trouble(error) or "no connection could be made"
        case httpcore.ProtocolError():
            words = "it broke off or does not speak HTTP"
        case _:
            words = "the connection broke"
    return Unreachable(f"{host}: {words}")


def _tls_trouble(error: BaseException) -> str:
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"its certificate is not good: {inner.verify_message}"
        if isinstance(inner, ssl.SSLError):
            return "it does not speak TLS as we do"
        inner = inner.__context__
    return ""
