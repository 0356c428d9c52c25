"""Which web pages may call our own routes: those of a project's `origins` (engine spec 7.3).

Doors that their clients call from anywhere answer for themselves. A preflight carries no key, so it
asks whether any project names the origin; the request itself is then judged by its own project.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from actors.projects import LiveSet
from api.http import Answer, Call
from engine.hub import Told
from storage.projects import projects_of

if TYPE_CHECKING:
    from api.house import House

ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, X-API-Key"
EXPOSED_HEADERS = "ETag, Last-Modified, Retry-After"
PROJECTS_MAX = 10_000


def asked_by(scope: Mapping[str, Any]) -> str:
    """The origin of a preflight; "" if the request is none."""
    headers = dict(scope["headers"])
    if b"access-control-request-method" not in headers:
        return ""
    origin: str = headers.get(b"origin", b"").decode("latin-1")
    return origin


class Origins:
    """The origins that projects name; read when first asked, then kept right by facts."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._by_project: dict[str, frozenset[str]] | None = None
        house.hub.follow("project", self._hear)

    def _hear(self, told: Told) -> None:
        if self._by_project is not None:
            for event in told.fact.events:
                if isinstance(event, LiveSet):
                    self._by_project[told.address.project] = frozenset(event.live.origins)

    async def _known(self) -> dict[str, frozenset[str]]:
        if self._by_project is None:
            names = await self._house.tables.read(lambda read: projects_of(read, PROJECTS_MAX))
            found = {}
            for name in names:
                found[name] = frozenset((await self._house.live_settings(name)).origins)
            self._by_project = found
        return self._by_project

    async def preflight(self, origin: str) -> Answer:
        """Answer a browser's question before its request."""
        known = await self._known()
        if not any(origin in origins for origins in known.values()):
            return Answer(403)
        return Answer(
            204,
            headers=(
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
                ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
                ("Access-Control-Max-Age", "600"),
                ("Vary", "Origin"),
            ),
        )

    async def stamp(self, call: Call, answer: Answer) -> Answer:
        """Let the page read the answer if the caller's project names its origin."""
        origin = call.headers.get("origin", "")
        if not origin or call.principal is None:
            return answer
        if origin not in (await self._known()).get(call.principal.project, ()):
            return answer
        headers = (
            ("Access-Control-Allow-Origin", origin),
            ("Access-Control-Expose-Headers", EXPOSED_HEADERS),
            ("Vary", "Origin"),
        )
        return msgspec.structs.replace(answer, headers=(*answer.headers, *headers))
