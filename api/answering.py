"""From an ASGI request to an answer, by way of a route.

`respond` is the one place where a caller is let in and an error gets the shape of its door. The
front uses it for hot routes, Quart's views use it for the others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import aclosing
from time import perf_counter
from typing import Any

import trio

from api.auth import OPERATOR, Principal
from api.http import Answer, Call, Problem, problem_of
from engine.messages import Address

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
SEND_FRAME = "send_frame"
"""Where a socket's scope offers, in its `state`, to send the bytes of finished frames."""
JUDGED_BY_HANDLERS = frozenset({"open", "handler"})
ASK_FOR_KEY = (("WWW-Authenticate", "Bearer"),)


class TooBig(Problem):
    """The body is larger than its route takes."""

    def __init__(self, most: int) -> None:
        super().__init__(413, "too_big", f"a body here has at most {most} bytes")


async def read_body(receive: Receive, most: int) -> bytes:
    """Read a request's body; raises `TooBig` before more than `most` bytes are kept."""
    message = await receive()
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        if len(body) > most:
            raise TooBig(most)
        return body
    chunks = [message["body"]]
    size = len(chunks[0])
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "left", "the caller left in the middle of the body")
        size += len(message.get("body", b""))
        if size > most:
            raise TooBig(most)
        chunks.append(message.get("body", b""))
    return b"".join(chunks)


async def respond(call: Call) -> Answer:
    """Let the caller in, ask the handler, and give whatever goes wrong the door's shape."""
    route = call.route
    try:
        if route.access not in JUDGED_BY_HANDLERS:
            admit(call)
        made = await route.handler(call)
    except Exception as error:
        problem = problem_of(error)
        if problem.status == 500:
            where = Address("", "route", route.path)
            call.house.log.failed(where, f"{route.method} {route.path}", error)
        made = route.present(problem, call)
    if not route.cors and "origin" in call.headers and call.house.origins is not None:
        return await call.house.origins.stamp(call, made)
    return made


def admit(call: Call) -> None:
    """Find out who calls and whether the route lets them in (engine spec 5)."""
    key = bearer(call.headers) or call.headers.get("x-api-key", "")
    if not key:
        raise Problem(401, "no_key", "this needs a key", headers=ASK_FOR_KEY)
    principal = call.house.credentials.identify(key)
    if principal is None:
        raise Problem(401, "unknown_key", "this key is unknown", headers=ASK_FOR_KEY)
    call.principal = principal
    if not _lets_in(call.route.access, principal):
        raise Problem(403, "wrong_key", "this key is valid, but not for this")


def _lets_in(access: str, principal: Principal) -> bool:
    match access:
        case "key":
            return principal.kind != OPERATOR
        case "admin":
            return principal.is_admin
        case "operator":
            return principal.kind == OPERATOR
        case "project":
            return principal.is_admin or principal.kind == OPERATOR
    return False


def bearer(headers: Mapping[str, str]) -> str:
    """The key in `Authorization: Bearer`, or ""."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


async def send_answer(answer: Answer, receive: Receive, send: Send) -> None:
    """Send an answer; a stream is sent until it ends or the listener leaves."""
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    if answer.stream is None:
        if answer.status not in {204, 304}:
            headers.append((b"content-type", answer.content_type.encode()))
            headers.append((b"content-length", b"%d" % len(answer.body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body, "more_body": False})
        return
    headers.append((b"content-type", answer.content_type.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async with aclosing(answer.stream) as stream, trio.open_nursery() as nursery:
        nursery.start_soon(_watch_for_leaving, receive, nursery.cancel_scope)
        async for chunk in stream:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        nursery.cancel_scope.cancel()


async def _watch_for_leaving(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def serve_hot(call: Call, receive: Receive, send: Send) -> None:
    """Answer a hot route in front of Quart."""
    started = perf_counter()
    try:
        call.body = await read_body(receive, call.route.body_bytes_max)
    except Problem as problem:
        answer = call.route.present(problem, call)
    else:
        answer = await respond(call)
    await send_answer(answer, receive, send)
    note_request(call, answer.status, perf_counter() - started)


def note_request(call: Call, status: int, seconds: float) -> None:
    """One log line and one count per request."""
    name = call.principal.name if call.principal is not None else ""
    path = call.route.path if call.route.private_path else call.path
    call.house.log.request(call.method, path, status, seconds, name)
