"""A way to a visitor: what a driver does, and what it tells of what its user would know.

Not a test. Scenarios (`visitor_steps`) are driven through each of them with the same result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

RESERVED = ("fs_client", "fs_version", "fs_users")
Exposure = tuple[str, Any, Any]
"""Key, value, default."""


class Answered(NamedTuple):
    """What a method came to: the status of a refusal, or 0; the value, if it gives one."""

    refused: int = 0
    value: Any = None


class Looks(NamedTuple):
    """A visitor, as its user knows it."""

    status: str
    visitor: str
    anonymous: str | None
    consented: bool
    authenticated: bool
    context: dict[str, Any]
    reserved: dict[str, Any]


class FlagLooks(NamedTuple):
    """A flag, as its user knows it."""

    status: str
    value: Any
    variation: str
    exists: bool


class Driver(Protocol):
    """One way to visitors. `refuses`: with a status; `asks_for_a_flag`: for one of many."""

    refuses: bool
    asks_for_a_flag: bool

    async def do(self, who: str, method: str, data: Mapping[str, Any]) -> Answered:
        """Carry a method out, and wait until it has had its effect."""

    async def begin(self, who: str, method: str, data: Mapping[str, Any]) -> Answered:
        """Carry a method out while a fetch is under way, which it may have to wait for."""

    async def look(self, who: str) -> Looks:
        """The visitor now."""

    async def flag(self, who: str, key: str) -> FlagLooks:
        """One flag now."""

    async def flags(self, who: str) -> list[dict[str, Any]]:
        """The collection as JSON."""

    async def sdk_status(self) -> str:
        """The SDK status now, by name."""

    def logs(self) -> list[str]:
        """Every line so far, as `LEVEL tag`."""

    async def heard(self, who: str) -> tuple[list[str], list[Exposure]]:
        """What the visitor's watcher was told: statuses, and exposures."""

    async def close(self) -> None:
        """The end: everything that waits is sent."""


def looks(body: Mapping[str, Any]) -> Looks:
    """A visitor's body."""
    context = dict(body["context"])
    reserved = {key: context.pop(key) for key in RESERVED if key in context}
    status = body["flagsStatus"]
    return Looks(
        f"{status['status']} {status['reason']}",
        body["visitorId"],
        body["anonymousId"],
        body["hasConsented"],
        body["isAuthenticated"],
        context,
        reserved,
    )
