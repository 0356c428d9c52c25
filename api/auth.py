"""Who is calling: keys, tokens, and what they may do.

One credential table serves every door; only hashes are kept. A key is random, so SHA-256 is the
hash and looking it up by hash leaks nothing about it. A principal belongs to one project and
carries the door it may use; `admin` counts as the strongest key of every door of its project.
"""

from __future__ import annotations

import hashlib

import msgspec

ADMIN = "admin"
OPERATOR = "operator"
ANONYMOUS = "anonymous"


class Principal(msgspec.Struct, frozen=True):
    """Somebody with a valid credential.

    `door` is "" for admin and operator keys; `kind` is `admin`, `operator`, `anonymous` or the
    door's word (`api_key`, `client_key`, `visitor`); `subject` what it is bound to (an environment
    id, a visitor); `label` a human name; `key_id` the first 8 hex of the key's `hash`; tokens say
    by `minted_by` from which key's hash they came.
    """

    project: str
    door: str
    kind: str
    subject: str = ""
    label: str = ""
    key_id: str = ""
    expires_at_ms: int | None = None
    minted_by: str = ""
    hash: str = ""

    @property
    def who(self) -> str:
        """How facts and audits name this caller: the label, or the start of the key's hash."""
        return self.label or self.key_id or self.kind

    @property
    def name(self) -> str:
        """What idempotency keys and limits are kept under: one name per credential."""
        return f"{self.door}:{self.kind}:{self.subject}:{self.key_id}"

    @property
    def is_admin(self) -> bool:
        """True for a project's admin key."""
        return self.kind == ADMIN


def hash_key(key: str) -> str:
    """Hex of the SHA-256 of a key or token."""
    return hashlib.sha256(key.encode()).hexdigest()
