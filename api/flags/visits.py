"""A visit: somebody with a key at one visitor of an environment, and what they may do there.

An admin and the environment's server-side key may do everything. A client key may only open a
visitor, and whoever holds a visitor's token everything with that one. Rules: spec flags 4.6, 10.5;
engine spec 5.
"""

from __future__ import annotations

from dataclasses import dataclass

from actors.flags.environment import KIND as ENVIRONMENT
from actors.flags.names import SdkStatus
from actors.flags.visitor_words import Open
from api.auth import Principal
from api.flags import entrance
from api.flags.environments import Live
from api.flags.shelf import Shelf
from api.http import Problem
from engine.messages import Address, Command, Snapshot

NO_VISITOR = "there is no such visitor: `open` creates it"
NOT_READY = frozenset((SdkStatus.SDK_NOT_INITIALIZED, SdkStatus.SDK_PANIC))


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at a visitor: who asks, and whom. `minter` holds a client key, if one came."""

    shelf: Shelf
    live: Live
    principal: Principal
    address: Address
    minter: Principal | None = None


def may(visit: Visit, command: Command | None) -> None:
    """Raise 403 for whoever may not ask this of that visitor. None: only to look (10.5)."""
    principal, address = visit.principal, visit.address
    if principal.is_admin and principal.project == address.project:
        return
    if principal.project == address.project and entrance.reaches(principal, address.id):
        if principal.kind in (entrance.API_KEY, entrance.TOKEN):
            return
        if principal.kind == entrance.CLIENT_KEY and isinstance(command, Open):
            return
    raise Problem(403, "wrong_key", "this key is valid, but not for this")


async def existing(visit: Visit) -> Snapshot:
    """The visitor as it is committed; 404 if there is none (any more)."""
    snapshot = await visit.shelf.directory.peek(visit.address)
    if not snapshot.exists:
        raise Problem(404, "no_visitor", NO_VISITOR, extra={"permitted": ["open"]})
    return snapshot


async def sdk_status(visit: Visit) -> SdkStatus:
    """Where the visitor's environment is (spec 4.6)."""
    directory, live = visit.shelf.directory, visit.live
    address = Address(live.project, ENVIRONMENT, live.env)
    snapshot = await directory.sightings.look(directory, address)
    status: SdkStatus = SdkStatus.SDK_NOT_INITIALIZED
    return SdkStatus(snapshot.state.sdk_status) if snapshot.exists else status


async def is_ready(visit: Visit) -> bool:
    """Whether flags may be read: the SDK has started, and is not in panic."""
    return await sdk_status(visit) not in NOT_READY
