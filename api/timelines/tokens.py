"""Access tokens: one user's way into the Audience API, for an hour.

A token is 32 random bytes; only its hash is kept, in the house's table of credentials, bound to the
user's id and to the key that it came from: when that key goes, so does the token, for good. The
user need not exist, and a token outlives its user, who may be created again. Time is real time,
whatever a test clock says; rows of tokens that have expired are trimmed by the store. Rules: spec
timelines 2, 5.12.16, 5.12.23; ledger TL-012, TL-030, TL-034.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from api.auth import Principal, hash_key
from api.timelines.shelf import NAME, shelf_of
from engine.effects import Append

if TYPE_CHECKING:
    from api.house import House

KIND = "token"
"""The kind of a principal that holds a token; its subject is the user id."""
TOKEN_BYTES = 32
SECONDS = 3_600
"""How long a token is good (TL-012)."""


class Inspected(NamedTuple):
    """A token that is good: whose it is, and for how many seconds more, at least one."""

    user_id: str
    seconds_left: int


async def mint(house: House, minter: Principal, user_id: str) -> str:
    """A new token of the user, on disk before it is returned; `minter` holds the key."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_ms = house.clock.now_ms() + SECONDS * 1_000
    row = (hash_key(token), NAME, KIND, user_id, "", minter.hash, expires_ms)
    await house.directory.append(minter.project, [Append("credential", row)])
    shelf_of(house).tokens_minted += 1
    return token


def inspect(house: House, project: str, token: str) -> Inspected | None:
    """What there is to say of a token of that project; None if it is none, or no good any more."""
    principal = house.credentials.identify(token)
    if principal is None or (principal.door, principal.kind) != (NAME, KIND):
        return None
    if principal.project != project or principal.expires_at_ms is None:
        return None
    left_ms = principal.expires_at_ms - house.clock.now_ms()
    return Inspected(principal.subject, -(-left_ms // 1_000))
