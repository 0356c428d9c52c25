"""The house: what every handler may reach, built once by the daemon.

Clock, store, directory, hub and settings arrive here as values; nothing is a module's global.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from actors.projects import Live
from api.auth import Principal
from api.config import Settings
from api.cors import Origins
from api.credentials import Credentials
from api.domain import Domain
from api.observer import Log
from api.outgoing import Outgoing
from api.seals import Seal
from engine.directory import Directory
from engine.hub import Hub
from engine.messages import Address
from engine.ports import Clock, Store
from storage.connections import shrink
from storage.sqlite import SqliteStore
from storage.store import Tables


@dataclass(slots=True)
class House:
    """Everything that stands for as long as the daemon runs."""

    settings: Settings
    store: Store
    tables: Tables
    directory: Directory
    hub: Hub
    clock: Clock
    credentials: Credentials
    log: Log
    outgoing: Outgoing
    seal: Seal
    domains: tuple[Domain, ...]
    shelves: dict[str, Any] = field(default_factory=dict)
    """A door's own long-lived things (compiled files, queries, limiters), by the door's name."""
    origins: Origins | None = None
    """Web pages that may call our own routes; there once the front is built."""
    is_ready: bool = False
    is_draining: bool = False

    def close_shelves(self) -> None:
        """The house is leaving: whatever goes on for as long as it stands ends now."""
        for thing in self.shelves.values():
            close = getattr(thing, "close", None)
            if close is not None:
                close()

    async def give_back(self) -> None:
        """A wave has passed: caches that fill again by themselves are let go."""
        for thing in (self.directory, *self.shelves.values()):
            release = getattr(thing, "give_back", None)
            if release is not None:
                release()
        if isinstance(self.store, SqliteStore):
            await shrink(self.store)

    async def live_settings(self, project: str) -> Live:
        """Who may listen to a project without a key, and from which web pages."""
        snapshot = await self.directory.peek(Address(project, "project", project))
        live: Live = snapshot.state.live if snapshot.exists else Live()
        return live

    def domain_of(self, kind: str) -> Domain | None:
        """The domain that owns a kind of actor."""
        for domain in self.domains:
            if any(kind == owned.name for owned in domain.kinds):
                return domain
        return None

    def may_listen(self, principal: Principal, kind: str, actor_id: str) -> bool:
        """May this caller subscribe to `kind/actor_id` of its project?"""
        if principal.is_admin:
            return True
        domain = self.domain_of(kind)
        return domain is not None and domain.may_listen(principal, kind, actor_id)

    def may_command(self, principal: Principal, kind: str, actor_id: str) -> bool:
        """May this caller send commands to `kind/actor_id` of its project over the socket?"""
        if principal.is_admin:
            return True
        domain = self.domain_of(kind)
        return domain is not None and domain.may_command(principal, kind, actor_id)
