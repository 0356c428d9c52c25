"""From a key to whoever holds it, fast.

Rows are read from the store's own table and remembered for as long as no key changes anywhere; a
change is heard before its caller gets an answer, so a revoked key is dead when the revoking request
returns. Wrong keys are never remembered: they cost a look-up each, and no memory.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from actors.projects import KEY_ID_DIGITS, KeyRevoked, KeysReplaced
from api.auth import OPERATOR, Principal, hash_key
from engine.hub import Hub, Told
from engine.ports import Clock

REMEMBERED_MAX = 20_000
KEY_BYTES_MAX = 1_024


class Row(Protocol):
    """What the store's table says about a hash."""

    @property
    def project(self) -> str:
        """Whose it is."""
        ...

    @property
    def door(self) -> str:
        """Where it works; "" for admin keys."""
        ...

    @property
    def kind(self) -> str:
        """What it is."""
        ...

    @property
    def subject(self) -> str:
        """What it is bound to."""
        ...

    @property
    def label(self) -> str:
        """Its name."""
        ...

    @property
    def minted_by(self) -> str:
        """The hash of the key that a token came from."""
        ...

    @property
    def expires_at(self) -> int | None:
        """When it ends (ms)."""
        ...


class Credentials:
    """The house's doorkeeper. `find` reads a row by the hex of the key's SHA-256."""

    def __init__(
        self, find: Callable[[str], Row | None], hub: Hub, clock: Clock, operator_key: str = ""
    ) -> None:
        self._find = find
        self._clock = clock
        self._operator_hash = hash_key(operator_key) if operator_key else ""
        self._known: OrderedDict[str, Principal] = OrderedDict()
        self._on_revoked: list[Callable[[str, str], None]] = []
        hub.follow("project", self._hear)

    def identify(self, key: str) -> Principal | None:
        """Who holds `key`; None if nobody (any more)."""
        if not key or len(key) > KEY_BYTES_MAX:
            return None
        hash_ = hash_key(key)
        principal = self._known.get(hash_)
        if principal is None:
            principal = self._read(hash_)
            if principal is None:
                return None
        elif principal.expires_at_ms is not None and self._is_over(principal):
            del self._known[hash_]
            return None
        return principal

    def is_good(self, principal: Principal) -> bool:
        """Is the credential of `principal` still good?"""
        known = self._known.get(principal.hash) or self._read(principal.hash)
        return known is not None and not self._is_over(known)

    def _is_over(self, principal: Principal) -> bool:
        expires = principal.expires_at_ms
        return expires is not None and expires <= self._clock.now_ms()

    def _read(self, hash_: str) -> Principal | None:
        if self._operator_hash and hmac.compare_digest(hash_, self._operator_hash):
            return Principal(
                "", "", OPERATOR, label="operator", key_id=hash_[:KEY_ID_DIGITS], hash=hash_
            )
        row = self._find(hash_)
        if row is None:
            return None
        principal = Principal(
            row.project,
            row.door,
            row.kind,
            row.subject,
            row.label,
            hash_[:KEY_ID_DIGITS],
            row.expires_at,
            row.minted_by,
            hash_,
        )
        if self._is_over(principal):
            return None
        self._known[hash_] = principal
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return principal

    def on_revoked(self, callback: Callable[[str, str], None]) -> None:
        """`callback(project, subject)` is called when keys of a project may have gone.

        With a `subject` only those that are bound to it.
        """
        self._on_revoked.append(callback)

    def forget(self, project: str, subject: str) -> None:
        """Whoever held a token bound to `subject` holds nothing any more: its row is gone."""
        for hash_, holder in list(self._known.items()):
            if holder.project == project and holder.subject == subject:
                del self._known[hash_]
        for callback in self._on_revoked:
            callback(project, subject)

    def _hear(self, told: Told) -> None:
        if any(isinstance(event, KeyRevoked | KeysReplaced) for event in told.fact.events):
            self._known.clear()
            for callback in self._on_revoked:
                callback(told.address.project, "")
