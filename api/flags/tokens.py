"""Tokens of visitors: what a browser gets for having opened a visitor with a client key.

A token is 32 random bytes; only its hash is kept, in the house's table of credentials, bound to the
topic of one visitor and to the client key that it came from: removing that key, or erasing the
visitor, ends it. Rules: spec flags 10.5; engine spec 5.2.
"""

from __future__ import annotations

import secrets

from api.auth import Principal, hash_key
from api.flags.entrance import TOKEN
from api.flags.environments import Live
from api.flags.shelf import NAME, Shelf
from engine.effects import Append
from engine.messages import Address

TOKEN_BYTES = 32
DAY_MS = 86_400_000


async def mint(shelf: Shelf, live: Live, address: Address, minter: Principal) -> str:
    """A new token of the visitor, on disk before it is returned.

    `minter` holds the client key; the token is good for the environment's `token_days`.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_ms = shelf.clock.now_ms() + int(live.settings.token_days * DAY_MS)
    row = (hash_key(token), NAME, TOKEN, address.topic, "", minter.hash, expires_ms)
    await shelf.directory.append(live.project, [Append("credential", row)])
    return token
