"""An in-process caller of an ASGI application: one request, one answer, no sockets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import trio


class Got(NamedTuple):
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


async def call(
    app: Any,
    method: str,
    target: str,
    body: object = b"",
    headers: Mapping[str, str] | None = None,
    *,
    host: str = "localhost",
    client: str = "127.0.0.1",
) -> Got:
    """Send one request; `body` is bytes, or a value sent as JSON."""
    sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
    scope = _scope(method, target, {"host": host, **(headers or {})}, client)
    scope["headers"].append((b"content-length", str(len(sent)).encode()))
    messages = [{"type": "http.request", "body": sent, "more_body": False}]
    got: list[Any] = []

    async def receive() -> Any:
        if not messages:
            await trio.sleep_forever()
        return messages.pop()

    async def send(message: Any) -> None:
        got.append(message)

    await app(scope, receive, send)
    start = got[0]
    body_bytes = b"".join(one.get("body", b"") for one in got[1:])
    return Got(
        start["status"],
        {name.decode().lower(): value.decode() for name, value in start["headers"]},
        body_bytes,
    )


def _scope(method: str, target: str, headers: Mapping[str, str], client: str) -> dict[str, Any]:
    raw_path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw_path,
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (client, 40_000),
        "server": ("127.0.0.1", 80),
        "extensions": {},
    }
