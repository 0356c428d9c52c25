"""Users at the timelines' door, in the words of its tests.

Not a test: a `Walker` is one user with a secret key, whose requests may be decided at an instant.
"""

from __future__ import annotations

from typing import Any

from asgi import Got
from timeline_door import TIMELINE_ID, V1, Door

from engine.messages import Address

BASE = "2023-02-03T"


class Walker:
    """One user; `at` is the time of 2023-02-03 at which its next requests are decided."""

    def __init__(self, door: Door, user: str = "alice-1", timeline: str = TIMELINE_ID) -> None:
        self.door = door
        self.user = user
        self.timeline = timeline
        self.at = ""

    async def __call__(self, method: str, path: str, body: object = b"", **headers: str) -> Got:
        """One Audience request below `/timelines/v1`."""
        if self.at:
            headers = {"callboard_now": f"{BASE}{self.at}Z", **headers}
        return await self.door.as_user(method, path, body, self.user, **headers)

    async def create(self, **given: Any) -> Any:
        """Place the user on the timeline, in UTC; the body."""
        return await self._done("POST", "/users", self.wanted(**given))

    def wanted(self, **given: Any) -> dict[str, Any]:
        """The body that creates the user."""
        return {"published_timeline_id": self.timeline, "timezone": "UTC", **given}

    async def progress(self, **given: Any) -> Any:
        """Go on; the body."""
        return await self._done("POST", "/users/me/progress-step", given)

    async def follow(self, link: str, **headers: str) -> Any:
        """Follow a link, named as `FROM:TO`; the body."""
        return await self._done("POST", *follow(link), **headers)

    async def get(self, path: str = "/users/me") -> Any:
        """Read something; the body."""
        return await self._done("GET", path)

    async def states(self) -> dict[str, str]:
        """States of all events that were ever open, by id."""
        events = (await self.get("/user-timeline-events"))["data"]
        return {each["id"]: each["state"] for each in events if each["state"] != "UNVISITED"}

    async def log(self) -> list[tuple[str, str]]:
        """The user's log: event and state."""
        return moves((await self.get("/user-timeline-event-state-changes"))["data"])

    async def version(self) -> int:
        """How many facts the user has led to."""
        return (await self.door.house.directory.peek(self.address)).version

    @property
    def address(self) -> Address:
        """The user as an actor."""
        return Address("demo", "user", self.user)

    async def _done(self, method: str, path: str, body: object = b"", **headers: str) -> Any:
        got = await self(method, path, body, **headers)
        assert got.status == 200, got.body
        return got.json()


def follow(link: str) -> tuple[str, dict[str, str]]:
    """Path and body that follow a link."""
    return f"/user-timeline-events/{link.partition(':')[0]}/follow-link", {"link_id": link}


def moves(changes: Any) -> list[tuple[str, str]]:
    """Entries of a log, or of `meta`, in short."""
    return [(each["timeline_event_id"], each["state"]) for each in changes]


def changed(body: Any) -> list[str]:
    """What an answer says that it changed, as the trace writes it: `+` ACTIVE, `-` VISITED."""
    signs = {"ACTIVE": "+", "VISITED": "-"}
    return [signs[one["state"]] + one["id"] for one in body["meta"]["changed_timeline_events"]]


def error(got: Got) -> dict[str, Any]:
    """The error of an envelope, which holds nothing else."""
    body = got.json()
    assert (body["data"], body["meta"]) == ({}, {}), body
    told: dict[str, Any] = body["error"]
    assert told["code"] == got.status
    return told


def wrong(got: Got) -> list[tuple[list[Any], str]]:
    """Place and type of everything that a 422 complains of; it has no envelope."""
    assert got.status == 422, got.body
    body = got.json()
    assert list(body) == ["detail"]
    assert all(each["msg"] for each in body["detail"])
    return [(each["loc"], each["type"]) for each in body["detail"]]


async def admin(door: Door, method: str, path: str, body: object = b"", **headers: str) -> Got:
    """One Admin request below `/timelines/v1` with the secret key."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await door.secret(method, f"{V1}{path}", body, named)


async def listed(door: Door, path: str, status: int = 200) -> Any:
    """What an Admin read answers, of that status."""
    got = await admin(door, "GET", path)
    assert got.status == status, got.body
    return got.json()


async def publish(door: Door, plain: Any, status: int = 201, **headers: str) -> Any:
    """Publish a document with the project's admin key; the body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    got = await door.admin("POST", f"{V1}/timelines", plain, named)
    assert got.status == status, got.body
    return got.json()
