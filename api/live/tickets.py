"""Who may come through the live door, and from which page.

A browser cannot set headers on a WebSocket, and a secret never stands in a URL: so it fetches a
one-use ticket with its key and shows that in the first frame. The origin of a web page is judged
once authentication has named the project.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import urlsplit

import trio

from actors.projects import Live
from api.auth import Principal
from engine.errors import Overloaded

TICKETS_MAX = 100_000
"""Tickets waiting to be shown; each lives half a minute."""


class Tickets:
    """One-use passes in memory; a restart forgets them, and clients fetch another."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._waiting: OrderedDict[str, tuple[float, Principal]] = OrderedDict()

    def issue(self, principal: Principal) -> str:
        """A pass for whoever holds `principal`'s key."""
        now = trio.current_time()
        self._forget_old(now)
        if len(self._waiting) >= TICKETS_MAX:
            raise Overloaded("tickets")
        ticket = "t_" + secrets.token_urlsafe(24)
        self._waiting[ticket] = (now + self.seconds, principal)
        return ticket

    def redeem(self, ticket: str) -> Principal | None:
        """Who holds `ticket`; it is good once, and not for long."""
        self._forget_old(trio.current_time())
        _, principal = self._waiting.pop(ticket, (0.0, None))
        return principal

    def _forget_old(self, now: float) -> None:
        while self._waiting and next(iter(self._waiting.values()))[0] <= now:
            self._waiting.popitem(last=False)


def may_come_from(headers: Mapping[str, str], live: Live) -> bool:
    """May a page of this origin use the project? No origin: no browser. Our own pages may."""
    origin = headers.get("origin", "")
    if not origin or "*" in live.origins:
        return True
    given = origin.lower().rstrip("/")
    if any(given == allowed.lower().rstrip("/") for allowed in live.origins):
        return True
    return (
        bool(urlsplit(given).netloc) and urlsplit(given).netloc == headers.get("host", "").lower()
    )
