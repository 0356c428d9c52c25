"""The two ends of a socket: the upgrade, accepted or refused, and the close.

Refusals are HTTP answers made before accepting. A close is said once, and then we read on until the
other side has closed as well, for a second at most.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import trio

from api.http import Problem, present_problem
from api.live.frames import CLOUD_EVENTS, PROTOCOL, SUBPROTOCOLS, Sub

if TYPE_CHECKING:
    from api.live.session import Session

PATH = "/v1/live"
CLOSE_SECONDS_MAX = 1.0
"""For the close frame, and for the other side's."""

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


def choose_subprotocol(scope: Mapping[str, Any]) -> str | None:
    """The first offered one that we speak, None if none was asked for; raises `Problem`."""
    if scope["path"].rstrip("/") != PATH:
        raise Problem(404, "not_found", f"the live socket is at {PATH}")
    offered = scope.get("subprotocols") or []
    for name in offered:
        if name in SUBPROTOCOLS:
            return str(name)
    if offered:
        raise Problem(400, "unknown_subprotocol", f"offer {PROTOCOL} or {CLOUD_EVENTS}")
    return None


def subscribe_from_query(session: Session, scope: Mapping[str, Any]) -> None:
    """A pure consumer names its topics in the address, since it says nothing."""
    if session.is_cloud:
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), max_num_fields=100)
        for name, topic in query:
            if name == "topic":
                session.listen(Sub(topic=topic, mode="events"))


async def reject(problem: Problem, scope: Mapping[str, Any], send: Send) -> None:
    """Answer with HTTP before accepting; where that cannot be, accept and close."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.accept"})
        code = {401: 4401, 503: 1013}.get(problem.status, 4403)
        await send({"type": "websocket.close", "code": code, "reason": problem.code})
        return
    said = present_problem(problem)
    headers = [
        (b"content-type", said.content_type.encode()),
        (b"content-length", b"%d" % len(said.body)),
        *((name.lower().encode(), value.encode()) for name, value in said.headers),
    ]
    start = {"type": "websocket.http.response.start", "status": said.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": said.body, "more_body": False})


async def say_goodbye(code: int, receive: Receive, send: Send) -> None:
    """Send the close code, then read on until the other side has closed too.

    Somebody who sends and never listens would fill the server's own queue, and the server's last
    word to us would wait there for ever: so its end is begun while we still read.
    """
    with trio.move_on_after(CLOSE_SECONDS_MAX, shield=True):
        await send({"type": "websocket.close", "code": code, "reason": ""})
    with trio.move_on_after(CLOSE_SECONDS_MAX):
        await _read_on(receive)
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read_on, receive)
        with trio.move_on_after(CLOSE_SECONDS_MAX, shield=True):
            await send(None)
        nursery.cancel_scope.cancel()


async def _read_on(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
