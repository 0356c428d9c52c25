"""A whole house in the test's own process: real store, real front, no sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import toy
from asgi import Got, call

from api import app as front
from api import routes
from api.apply import declare
from api.config import Settings
from api.daemon import open_house
from api.domain import Domain
from api.domains import DOMAINS
from api.house import House
from api.metrics import Metrics
from api.observer import Log

ADMIN_KEY = "admin-key-1"
OPERATOR_KEY = "operator-key-1"
TOY = Domain("toy", (toy.DOOR, toy.SPARSE_DOOR), None, ())


class Sink(list[bytes]):
    """Log lines, kept."""

    def write(self, line: bytes) -> None:
        """Keep a line."""
        self.append(line)


class Caller:
    """Somebody who sends requests with a key."""

    def __init__(self, app: Any, house: House, lines: Sink, key: str = ADMIN_KEY) -> None:
        self.app = app
        self.house = house
        self.lines = lines
        self.key = key

    def with_key(self, key: str) -> Caller:
        """The same house, another key; "" for none."""
        return Caller(self.app, self.house, self.lines, key)

    async def __call__(
        self,
        method: str,
        target: str,
        body: object = b"",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Got:
        """Send one request."""
        given = {"authorization": f"Bearer {self.key}"} if self.key else {}
        return await call(self.app, method, target, body, {**given, **(headers or {})}, **more)


@asynccontextmanager
async def open_caller(
    folder: Path,
    *,
    domains: tuple[Domain, ...] = (*DOMAINS, TOY),
    document: Mapping[str, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[Caller]:
    """A house on a folder with project `demo` declared, and an admin of it at the front."""
    lines, metrics = Sink(), Metrics()
    log = Log(lines, counts=metrics)
    wanted = Settings(data=str(folder), operator_key=OPERATOR_KEY, **settings)
    async with open_house(wanted, log, metrics, domains) as house:
        await declare(
            house, {"project": "demo", "admin_keys": [ADMIN_KEY], **(document or {})}, "test"
        )
        house.is_ready = True
        app = front.build(house, routes.table(house.domains))
        yield Caller(app, house, lines)
