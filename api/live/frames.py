"""Every frame of the live protocol, both directions, described once.

A frame is one JSON object with its type in `t`; a text frame carries one, or an array of them.
These structs parse what clients send, write what they are sent, and are what the AsyncAPI document
is made of. Whoever adds a field here has changed the protocol, its document and its test.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from api.http import encode

PROTOCOL = "callboard.v1.json"
CLOUD_EVENTS = "cloudevents.json"
SUBPROTOCOLS = (PROTOCOL, CLOUD_EVENTS)

CLOSE_CODES: dict[int, str] = {
    1011: "something broke here",
    1012: "restarting: come back",
    1013: "full: come back later",
    4400: "bad frame: do not come back",
    4401: "not authenticated: do not come back",
    4403: "forbidden: do not come back",
    4413: "frame too big: do not come back",
    4501: "the token expired or was revoked: come back with another",
    4508: "no pong: come back",
    4509: "too slow: come back",
    4529: "too many frames: come back",
}
"""What each close code means; 44xx do not come back, 45xx come back with jitter."""

Mode = Literal["snapshot", "events", "latest"]
Id = str | int | UnsetType
Code = Annotated[int, Meta(ge=1000, le=4999)]


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="t", tag=str.lower):
    """`id` is the caller's own; the answer to a frame carries the same."""

    id: Id = UNSET


# --- what a client sends


class Hello(_Frame, frozen=True):
    """Say who you are in words; with `project`, listen to its public topics without a key."""

    client: str = ""
    project: str = ""


class Auth(_Frame, frozen=True):
    """Show a one-use ticket (`POST /v1/tickets`), or a token or key."""

    ticket: str = ""
    token: str = ""


class At(msgspec.Struct, frozen=True):
    """Where a listener stands: the last version it has, in which history."""

    epoch: str
    version: Annotated[int, Meta(ge=0)]


class Sub(_Frame, frozen=True):
    """Listen to a topic; with `at`, go on from there.

    `delta: ["jsonpatch"]` asks for patches, `["jsonpatch", "data"]` for the events' data as well.
    """

    topic: str
    at: At | None = None
    mode: Mode = "snapshot"
    delta: tuple[str, ...] = ()


class Unsub(_Frame, frozen=True):
    """Listen no more."""

    topic: str


class Cmd(_Frame, frozen=True):
    """Order an actor; with `key`, at most once within 24 h."""

    topic: str
    name: str
    data: Raw | UnsetType = UNSET
    key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


class Pong(_Frame, frozen=True):
    """The answer to a `ping`, within 8 s."""


ClientFrame = Hello | Auth | Sub | Unsub | Cmd | Pong
CLIENT_FRAMES: tuple[type[msgspec.Struct], ...] = (Hello, Auth, Sub, Unsub, Cmd, Pong)


# --- what the server sends


class Welcome(_Frame, frozen=True):
    """You are in. `max_frame` is the most bytes a frame of yours may have."""

    session: str
    ping_ms: int
    max_frame: int


class Subd(_Frame, frozen=True):
    """You listen now, and stand at `version`. `recovered`: nothing was missed since your `at`."""

    topic: str
    epoch: str
    version: int
    recovered: bool
    state: Raw | UnsetType = UNSET


class Ev(_Frame, frozen=True):
    """A committed fact: its `data`, a `patch` against the state at `base`, or the whole `state`.

    With `delta: ["jsonpatch", "data"]` the `data` stands beside the other.

    On `kind/KIND` the version is the store's commit order, and `actor`, `actor_version` say whose
    fact it is.
    """

    topic: str
    epoch: str
    version: int
    time: str
    name: str
    data: Raw | UnsetType = UNSET
    patch: Raw | UnsetType = UNSET
    state: Raw | UnsetType = UNSET
    base: int | UnsetType = UNSET
    actor: str | UnsetType = UNSET
    actor_version: int | UnsetType = UNSET


class Res(_Frame, frozen=True):
    """The answer to a `cmd`, after its commit."""

    ok: bool
    version: int | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    problem: dict[str, Any] | UnsetType = UNSET


class Lag(_Frame, frozen=True):
    """You were slow: versions `from` to `to` were dropped here and now follow from the store."""

    topic: str
    from_: int = msgspec.field(name="from")
    to: int


class Eph(_Frame, frozen=True):
    """Something passing: no version, not stored, not replayed."""

    topic: str
    name: str
    data: Raw


class Unsubd(_Frame, frozen=True):
    """You listen to this topic no more; `code` says why (`asked`: you did)."""

    topic: str
    code: str


class Ping(_Frame, frozen=True):
    """Answer with `pong`. `at` is the newest version of your topics: if you have less, resume."""

    now: str
    at: dict[str, int] | UnsetType = UNSET


class Bye(_Frame, frozen=True):
    """The socket will be closed with `code`; come back in `retry_ms`."""

    code: Code
    retry_ms: int


class Err(_Frame, frozen=True):
    """What you asked for was refused (RFC 9457); the socket stays open."""

    problem: dict[str, Any]


SERVER_FRAMES: tuple[type[msgspec.Struct], ...] = (
    Welcome,
    Subd,
    Ev,
    Res,
    Lag,
    Eph,
    Unsubd,
    Ping,
    Bye,
    Err,
)


# --- reading and writing

_TAGS = frozenset(str(frame.__struct_config__.tag) for frame in CLIENT_FRAMES)
_one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ClientFrame)
_any: msgspec.json.Decoder[Any] = msgspec.json.Decoder(ClientFrame | list[ClientFrame])
_raw: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Raw | list[Raw])


class BadFrame(Exception):
    """Not a frame at all: the socket is closed with 4400."""


class Misshapen(msgspec.Struct, frozen=True):
    """A frame of a known type with a wrong field: refused, and the socket stays open."""

    t: str
    id: Id
    why: str


def parse(text: str) -> list[ClientFrame | Misshapen]:
    """Read a text frame; raises `BadFrame` if it is not JSON or holds an unknown `t`."""
    try:
        return _parse(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadFrame("not JSON") from None


def _parse(text: str) -> list[ClientFrame | Misshapen]:
    try:
        decoded = _any.decode(text)
    except msgspec.ValidationError:
        return [_parse_one(raw) for raw in _split(text)]
    return decoded if isinstance(decoded, list) else [decoded]


def _split(text: str) -> list[Raw]:
    if text.lstrip()[:1] != "[":
        return [Raw(text.encode())]
    return msgspec.json.decode(text, type=list[Raw])


def _parse_one(raw: Raw) -> ClientFrame | Misshapen:
    try:
        frame: ClientFrame = _one.decode(raw)
    except msgspec.ValidationError as error:
        fields = msgspec.json.decode(raw)
        t = fields.get("t") if isinstance(fields, dict) else None
        if not isinstance(t, str) or t not in _TAGS:
            raise BadFrame("unknown frame") from None
        own = fields.get("id")
        usable = isinstance(own, str | int) and not isinstance(own, bool)
        return Misshapen(t, own if usable else UNSET, str(error))
    return frame


def raw(value: object) -> Raw:
    """Any value as finished JSON."""
    return Raw(encode(value))
