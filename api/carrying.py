"""Carrying out a command: one way for HTTP, the live socket and the generic actor routes.

A domain may have something to do around a command of its kinds: judge the caller more finely, wait
for what the command started, answer in its own shape. It says so in `Domain.carry_out`. Everything
else is asked as it is and shown as its kind presents itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from api.presenting import encode_state, present_actor
from engine.messages import Address, Command

if TYPE_CHECKING:
    from api.auth import Principal
    from api.house import House


class Done(msgspec.Struct, frozen=True):
    """An accepted command: the version it led to, and the body that HTTP and sockets answer."""

    version: int
    body: Any


CarryOut = Callable[["House", "Principal", Address, Command, str | None], Awaitable[Done]]
"""(house, who asks, whom, what, idempotency key). Raises `Problem` or an engine error."""


async def carry_out(
    house: House, principal: Principal, address: Address, command: Command, key: str | None
) -> Done:
    """Have a command carried out as its domain does it. Rights on the address are judged before."""
    domain = house.domain_of(address.kind)
    special = None if domain is None else domain.carry_out.get(address.kind)
    if special is not None:
        return await special(house, principal, address, command, key)
    reply = await house.directory.ask(
        address, command, by=principal.who, principal=principal.name, key=key
    )
    kind = house.directory.kind_of(address)
    encode_state(kind, reply.state, house.settings.limits.presented_bytes_max)
    return Done(reply.version, present_actor(kind, reply))
