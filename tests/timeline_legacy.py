"""A client of 2022 at the timelines' door, in the words of its tests. Not a test."""

from __future__ import annotations

from typing import Any

from asgi import Got
from timeline_door import TIMELINE_ID, USER_HEADER, Door

from api.timelines.legacy import PREFIX

STORY, EVENTS = "/user-story-state", "/user-timeline-events"
LOG = "/user-timeline-event-state-changes"
WANTED = {"published_timeline_id": TIMELINE_ID, "timezone": "UTC"}


class Client:
    """A client of 2022: the user `alice-1`, below a prefix."""

    def __init__(self, door: Door, prefix: str = PREFIX, user: str = "alice-1") -> None:
        self.door = door
        self.prefix = prefix
        self.user = user
        self.at = "08:00:00"

    async def __call__(self, method: str, path: str, body: object = b"", **headers: str) -> Got:
        """One request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {USER_HEADER: self.user, "callboard-now": f"2023-02-03T{self.at}Z"}
        return await self.door.secret(method, self.prefix + path, body, named)

    async def ok(self, method: str, path: str, body: object = b"", **headers: str) -> Any:
        """A request that is answered 200; the body."""
        got = await self(method, path, body, **headers)
        assert got.status == 200, got.body
        return got.json()

    async def begin(self) -> Any:
        """Create the user and go as far as possible, as clients of then do."""
        await self.ok("POST", "/users", WANTED)
        return await self.ok("POST", f"{STORY}/progress-events", {"max_steps": None})

    async def leave(self, event: str, state: str = "COMPLETED", **headers: str) -> Any:
        """Complete an event, or skip it."""
        return await self.ok("PATCH", f"{EVENTS}/{event}", {"state": state}, **headers)

    async def states(self) -> dict[str, str]:
        """States of all events that are not UNAVAILABLE."""
        events = (await self.ok("GET", EVENTS))["data"]
        return {one["id"]: one["state"] for one in events if one["state"] != "UNAVAILABLE"}
