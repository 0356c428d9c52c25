"""The live door: upgrades, tickets, the watch over all connections, and leaving in good order.

`/v1/live` is a plain ASGI application in front of everything else. One task (`LiveDoor.run`) walks
over all connections once a second, a few hundred at a time: it pings and ends what is stuck,
silent or expired, so that no connection needs a timer. `drain` says `bye` to everybody, spread
over three seconds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec
import trio

from api.answering import SEND_FRAME, bearer
from api.auth import OPERATOR, Principal
from api.house import House
from api.http import Answer, Call, Problem, Route, answer
from api.live.catching_up import Reader
from api.live.connection import Connection
from api.live.frames import CLOUD_EVENTS
from api.live.session import Receive, Send, Session
from api.live.sse import open_stream
from api.live.tickets import Tickets, may_come_from
from api.live.upgrade import (
    CLOSE_SECONDS_MAX,
    choose_subprotocol,
    reject,
    say_goodbye,
    subscribe_from_query,
)

WALK_SECONDS = 1.0
WALK_CONNECTIONS = 500
"""Connections looked at before others get their turn."""


class LiveDoor:
    """All listeners of the house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.limits = house.settings.limits
        self.reader = Reader(house, self.limits)
        self.tickets = Tickets(self.limits.ticket_seconds)
        self.connections: dict[Connection, None] = {}
        self._opened = 0
        self._closed: dict[int, int] = {}
        self._somebody = trio.Event()
        self._nobody = trio.Event()
        house.credentials.on_revoked(self._revoked)

    # --- a connection's life

    def enter(self, connection: Connection) -> None:
        """Watch over a connection from now on."""
        self.connections[connection] = None
        self._opened += 1
        self._somebody.set()

    def leave(self, connection: Connection) -> None:
        """It has ended."""
        if self.connections.pop(connection, 0) is None:
            code = connection.closing or 1000
            self._closed[code] = self._closed.get(code, 0) + 1
        if not self.connections:
            self._nobody.set()

    def check_open(self) -> None:
        """Raise `Problem` if nobody more can be let in."""
        retry = (("Retry-After", "1"),)
        if self.house.is_draining:
            raise Problem(503, "draining", "the daemon is restarting", headers=retry)
        if len(self.connections) >= self.limits.sockets_max:
            raise Problem(503, "full", "no more listeners fit in", headers=retry)

    # --- the watch

    async def run(self) -> None:
        """Walk over all connections for as long as the daemon runs."""
        while True:
            if not self.connections:
                self._somebody = trio.Event()
                await self._somebody.wait()
            await trio.sleep(WALK_SECONDS)
            for index, connection in enumerate(list(self.connections), 1):
                connection.look(trio.current_time(), self.house.clock.now_ms())
                if index % WALK_CONNECTIONS == 0:
                    await trio.lowlevel.checkpoint()

    async def drain(self) -> None:
        """Tell everybody to come back, spread over three seconds; returns when all have left.

        Call it after `house.is_draining` is set. Bounded: it waits three seconds more at most.
        """
        spread = self.limits.drain_spread_seconds
        waiting = list(self.connections)
        step = max(1, len(waiting) // 30)
        for start in range(0, len(waiting), step):
            for connection in waiting[start : start + step]:
                connection.bye(retry_ms=random.randrange(500, 3_000))
            await trio.sleep(spread * step / len(waiting))
        with trio.move_on_after(3 * CLOSE_SECONDS_MAX):
            await self.wait_until_empty()
        for connection in list(self.connections):
            connection.abandon(1012)

    async def wait_until_empty(self) -> None:
        """Wait until nobody is connected."""
        while self.connections:
            self._nobody = trio.Event()
            await self._nobody.wait()

    def _revoked(self, project: str, subject: str) -> None:
        """Keys of a project may have gone: their sockets end, and those of tokens they minted.

        With a `subject`, tokens that were bound to it.
        """
        good: dict[str, bool] = {}
        for connection in list(self.connections):
            principal = connection.principal
            if principal is None or subject not in ("", principal.subject):
                continue
            if principal.project == project and principal.hash:
                if principal.minted_by and not self._is_good(principal, principal.minted_by, good):
                    connection.close(4501)
                elif not self._is_good(principal, principal.hash, good):
                    connection.close(4501 if principal.minted_by else 4401)

    def _is_good(self, principal: Principal, hash_: str, known: dict[str, bool]) -> bool:
        if hash_ not in known:
            holder = msgspec.structs.replace(principal, hash=hash_)
            known[hash_] = self.house.credentials.is_good(holder)
        return known[hash_]

    def statistics(self) -> Mapping[str, float]:
        """Connections now, those with something waiting, opened so far, and closed by code."""
        closed = {f"closed_{code}": count for code, count in sorted(self._closed.items())}
        waiting = sum(1 for connection in self.connections if len(connection.backlog))
        return {
            "connections": len(self.connections),
            "waiting": waiting,
            "opened": self._opened,
            **closed,
        }

    # --- the socket

    async def serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer an upgrade, and run the socket to its end."""
        await receive()
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        try:
            subprotocol = choose_subprotocol(scope)
            self.check_open()
            principal = await self.identify(headers)
        except Problem as problem:
            await reject(problem, scope, send)
            return
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
        session = Session(self, headers, subprotocol == CLOUD_EVENTS)
        session.send_frame = scope.get("state", {}).get(SEND_FRAME)
        if principal is not None:
            session.welcome(principal)
            subscribe_from_query(session, scope)
        self.enter(session)
        try:
            await session.run(receive, send)
        finally:
            self.leave(session)
        if not session.is_gone:
            await say_goodbye(session.closing or 1000, receive, send)

    async def identify(self, headers: Mapping[str, str]) -> Principal | None:
        """Who `Authorization` or `x-api-key` names; None without either; raises `Problem`."""
        key = bearer(headers) or headers.get("x-api-key", "")
        if not key and "authorization" not in headers:
            return None
        principal = self.tickets.redeem(key) or self.house.credentials.identify(key)
        if principal is None:
            ask = (("WWW-Authenticate", "Bearer"),)
            raise Problem(401, "unknown_key", "this key is unknown", headers=ask)
        if principal.kind == OPERATOR:
            raise Problem(403, "wrong_key", "this key is valid, but not for this")
        if not may_come_from(headers, await self.house.live_settings(principal.project)):
            raise Problem(403, "wrong_origin", "pages of this origin may not listen")
        return principal


# --- what the rest of the house calls


def open_live(house: House) -> LiveDoor:
    """Make the house's live door and put it on its shelf; its `run` needs a task."""
    door = LiveDoor(house)
    house.shelves["live"] = door
    return door


def live_door(house: House) -> LiveDoor:
    """The live door of a house."""
    door: LiveDoor = house.shelves["live"]
    return door


async def live_app(
    house: House, scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    """The ASGI application of every WebSocket; paths other than `/v1/live` are 404."""
    await live_door(house).serve(scope, receive, send)


class TicketShown(msgspec.Struct, frozen=True):
    """A one-use pass for the first frame of a socket."""

    ticket: str
    expires_in: int


async def create_ticket(call: Call) -> Answer:
    """A ticket for whoever holds this key or token."""
    tickets = live_door(call.house).tickets
    shown = TicketShown(tickets.issue(call.who), int(tickets.seconds))
    return answer(shown, 201, (("Cache-Control", "no-store"),))


async def listen(call: Call) -> Answer:
    """Server-sent events: the same frames, for those who only listen."""
    return await open_stream(live_door(call.house), call)


LIVE_ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/tickets",
        create_ticket,
        access="key",
        summary="A one-use ticket for the live socket",
        answers={201: TicketShown},
        tag="live",
    ),
    Route(
        "GET",
        "/v1/live/sse",
        listen,
        access="handler",
        hot=True,
        summary="Live topics as server-sent events",
        query=("topic", "mode", "project"),
        tag="live",
    ),
)
