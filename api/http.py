"""One request, whatever carried it; one table of routes, whoever reads it.

A `Route` says method, path, who may come in, what the body and the answers look like. The front
(`api.app`), the OpenAPI document and the docs page read the same table. Handlers take a `Call` and
return an `Answer`; they raise `Problem` or an engine error, and the route's presenter gives that
the shape of its door.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from engine.errors import (
    ActorFailed,
    Busy,
    ClaimTaken,
    EngineError,
    KeyReused,
    Overloaded,
    Refused,
    Unavailable,
    UnknownCommand,
    UnknownKind,
)
from engine.messages import BadAddress

if TYPE_CHECKING:
    from api.auth import Principal
    from api.house import House

T = TypeVar("T")
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
KEY_CHARACTERS_MAX = 255
"""Of an idempotency key (engine spec 4)."""


class Problem(Exception):
    """An answer that is not what was asked for: RFC 9457, or the door's own shape of it.

    `code` is a stable word for programs, `detail` a sentence for people, `extra` members beside
    them, `headers` such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str = "",
        *,
        extra: Mapping[str, Any] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail or code)
        self.status = status
        self.code = code
        self.detail = detail or HTTPStatus(status).phrase
        self.extra = dict(extra or {})
        self.headers = headers

    def body(self) -> dict[str, Any]:
        """The members of the problem document."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            **self.extra,
        }


STATUS: dict[type[EngineError], int] = {
    Refused: 409,
    UnknownCommand: 404,
    UnknownKind: 404,
    BadAddress: 400,
    KeyReused: 422,
    ClaimTaken: 409,
    Busy: 409,
    Overloaded: 503,
    Unavailable: 503,
    ActorFailed: 500,
}


def problem_of(error: Exception) -> Problem:
    """Translate any error, in the one place where this is done. Unknown ones become a bare 500."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, msgspec.MsgspecError):
        return Problem(400, "bad_request", str(error))
    if not isinstance(error, EngineError):
        return Problem(500, "internal_error", "something broke here; it has been noted")
    status = STATUS.get(type(error), 500)
    extra = {"permitted": list(error.may)} if isinstance(error, Refused | UnknownCommand) else {}
    headers: tuple[tuple[str, str], ...] = ()
    if error.retry_ms is not None:
        headers = (("Retry-After", str(max(1, error.retry_ms // 1000))),)
    return Problem(status, error.code, str(error), extra=extra, headers=headers)


class Chunks(Protocol):
    """A body that goes on; closed when the listener leaves."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its chunks, as they come."""
        ...

    async def aclose(self) -> None:
        """Nobody listens any more."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """A finished response. `stream`, where given, is sent instead of `body`, with no time limit."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    stream: Chunks | None = None


NO_CONTENT = Answer(204)
encode = msgspec.json.Encoder(enc_hook=str).encode


def answer(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """A JSON answer, of exactly `application/json`."""
    return Answer(status, encode(value), JSON, headers)


def present_problem(problem: Problem, _call: Call | None = None) -> Answer:
    """The RFC 9457 presenter of our own routes."""
    return Answer(problem.status, encode(problem.body()), PROBLEM_JSON, problem.headers)


class Call:
    """One request. `parts` are the decoded path parts, `headers` lower-case latin-1 text."""

    __slots__ = (
        "_query",
        "body",
        "client",
        "headers",
        "house",
        "method",
        "parts",
        "path",
        "principal",
        "query_string",
        "route",
        "scheme",
    )

    def __init__(self, house: House, route: Route, scope: Mapping[str, Any], body: bytes) -> None:
        self.house = house
        self.route = route
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.scheme: str = scope.get("scheme", "http")
        self.query_string: bytes = scope["query_string"]
        self.headers: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        client = scope.get("client")
        self.client: str = client[0] if client else ""
        self.parts: dict[str, str] = {}
        self.body = body
        self.principal: Principal | None = None
        self._query: dict[str, list[str]] | None = None

    @property
    def query(self) -> dict[str, list[str]]:
        """Query parameters; `extras[]` counts as `extras`."""
        if self._query is None:
            self._query = {}
            pairs = parse_qsl(
                self.query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=100
            )
            for name, value in pairs:
                self._query.setdefault(name.removesuffix("[]"), []).append(value)
        return self._query

    def query_one(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        values = self.query.get(name)
        return values[-1] if values else default

    def query_int(self, name: str, default: int, most: int) -> int:
        """A query parameter as a whole number from 0 to `most`; 400 otherwise."""
        text = self.query_one(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise Problem(400, "bad_query", f"{name} is a whole number")
        return min(int(text), most)

    def json(self, kind: type[T]) -> T:
        """The body as `kind`, whatever the content type says; 400 with the JSON path if not."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except msgspec.MsgspecError as error:
            raise Problem(400, "bad_body", str(error)) from None
        except (RecursionError, UnicodeDecodeError):
            raise Problem(400, "bad_body", "the body is not usable JSON") from None

    @property
    def idempotency_key(self) -> str | None:
        """The `Idempotency-Key`, if there is one; 400 for one that is none."""
        key = self.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= KEY_CHARACTERS_MAX:
            detail = f"an idempotency key has 1 to {KEY_CHARACTERS_MAX} characters"
            raise Problem(400, "bad_key", detail)
        return key

    @property
    def who(self) -> Principal:
        """The caller of a route that lets nobody in without a key."""
        if self.principal is None:
            raise Problem(401, "no_key", "this needs a key")
        return self.principal


Handler = Callable[[Call], Awaitable[Answer]]
Presenter = Callable[[Problem, "Call | None"], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table of routes.

    `path` holds `{name}` parts, and `{name...}` for all the rest (`api.paths`). `access`: `open`,
    `handler` (which judges keys itself), `key` (any but the operator's), `admin`, `project` (admin
    or operator), `operator`. `hot` routes are answered in front of Quart. `method` "*" hears every
    method. Without `body_required` the body may be left out. A `private_path` holds a capability:
    logs show the route's path instead.
    """

    method: str
    path: str
    handler: Handler
    access: str = "admin"
    hot: bool = False
    summary: str = ""
    body: Any = None
    body_required: bool = True
    answers: Mapping[int, Any] = field(default_factory=dict)
    query: tuple[str, ...] = ()
    body_bytes_max: int = 1_000_000
    present: Presenter = present_problem
    cors: bool = False
    tag: str = ""
    hidden: bool = False
    private_path: bool = False
