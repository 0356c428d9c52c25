"""Which entries of a batch may be written: the fence, as one plain function.

A store reads what the batch touches (versions, claims, kept keys) into `Known`, then judges the
entries in order. An accepted entry moves `Known` forward, so the next one is judged on what it will
leave behind. Both stores share this page; neither writes anything before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.effects import Claim
from engine.errors import KeyReused
from engine.messages import Address
from engine.ports import Change, Entry, Failed, Kept, Missed, Taken

Key = tuple[str, str, str]
"""(project, space, key) of a claim; (project, principal, key) of a kept answer."""

Refusal = Missed | Taken | Failed


@dataclass(slots=True)
class Known:
    """What the store holds of the things a batch touches; what is absent is not there.

    `versions`: version and whether there is a state; `kept`: when the answer was kept (ms),
    and the actor that gave it.
    """

    versions: dict[Address, tuple[int, bool]] = field(default_factory=dict)
    claims: dict[Key, Address] = field(default_factory=dict)
    kept: dict[Key, tuple[int, Address]] = field(default_factory=dict)

    def version(self, address: Address) -> int:
        """The actor's version; 0: it has no row."""
        return self.versions.get(address, (0, False))[0]


def addresses(entries: Iterable[Entry]) -> set[Address]:
    """Whose versions a batch is fenced on."""
    found = {change.address for entry in entries for change in entry.changes}
    found.update(address for entry in entries for address, _ in entry.reads)
    return found


def claim_keys(entries: Iterable[Entry]) -> set[Key]:
    """Claims that a batch takes or gives back."""
    return {(entry.project, c.space, c.key) for entry in entries for _, c in entry.claims}


def kept_keys(entries: Iterable[Entry]) -> set[Key]:
    """Idempotency keys that a batch keeps answers under."""
    return {kept_key(kept) for entry in entries for kept in entry.kept}


def kept_key(kept: Kept) -> Key:
    """What must be unique of a kept answer."""
    return (kept.project, kept.principal, kept.key)


def judge(entry: Entry, known: Known, kept_ms: int) -> Refusal | None:
    """None: accepted, and `known` holds what the entry leaves; else why it is rejected.

    `kept_ms` is how long kept answers count, in milliseconds.
    """
    versions: dict[Address, tuple[int, bool]] = {}
    claims: dict[Key, Address | None] = {}
    refusal = (
        _reads(entry, known)
        or _changes(entry, known, versions)
        or _claims(entry, known, claims)
        or _kept(entry, known, kept_ms)
    )
    if refusal is None:
        _accept(entry, known, versions, claims)
    return refusal


def _reads(entry: Entry, known: Known) -> Refusal | None:
    for address, version in entry.reads:
        if known.version(address) != version:
            return Missed(address)
    return None


def _changes(
    entry: Entry, known: Known, versions: dict[Address, tuple[int, bool]]
) -> Refusal | None:
    for change in entry.changes:
        before = versions.get(change.address) or known.versions.get(change.address, (0, False))
        if before[0] != change.expected:
            return Missed(change.address)
        if (wrong := _is_wrong(change, has_state=before[1])) is not None:
            return Failed(ValueError(f"{change.address}: {wrong}"))
        writes_state = change.version > 0 and change.state is not None  # at 0 there is no row
        has_state = not change.erases and (before[1] or writes_state)
        versions[change.address] = (change.version, has_state)
    return None


def _is_wrong(change: Change, *, has_state: bool) -> str | None:
    if change.version != change.expected + len(change.facts):
        return "versions are not dense"
    if change.erases:
        return None if change.facts else "an erasure is a fact"
    if change.privacy and not (change.facts and change.state is not None):
        return "who goes on without a past states a fact and its state"
    if change.facts and change.state is None and not has_state:
        return "the first commit of an actor carries its state"
    return None


def _claims(entry: Entry, known: Known, claims: dict[Key, Address | None]) -> Refusal | None:
    gone = {change.address for change in entry.changes if change.erases}
    for owner, claim in entry.claims:
        if owner in gone:
            continue  # an erased actor holds nothing, whatever it asked for before
        key = (entry.project, claim.space, claim.key)
        holder = claims[key] if key in claims else known.claims.get(key)
        free = holder is None or holder == owner or holder in gone
        if isinstance(claim, Claim):
            if not free:
                return Taken(claim.space, claim.key)
            claims[key] = owner
        elif holder == owner:
            claims[key] = None
    return None


def _kept(entry: Entry, known: Known, kept_ms: int) -> Refusal | None:
    for kept in entry.kept:
        before = known.kept.get(kept_key(kept))
        if before is not None and before[0] > kept.at_ms - kept_ms:
            return Failed(KeyReused("an answer is kept under this key already"))
    return None


def _accept(
    entry: Entry,
    known: Known,
    versions: dict[Address, tuple[int, bool]],
    claims: dict[Key, Address | None],
) -> None:
    gone = {change.address for change in entry.changes if change.erases}
    forgets = {change.address for change in entry.changes if change.erases or change.privacy}
    if forgets:
        known.claims = {key: who for key, who in known.claims.items() if who not in gone}
        known.kept = {key: one for key, one in known.kept.items() if one[1] not in forgets}
    known.versions.update(versions)
    for key, owner in claims.items():
        if owner is None:
            known.claims.pop(key, None)
        else:
            known.claims[key] = owner
    known.kept.update((kept_key(kept), (kept.at_ms, kept.address)) for kept in entry.kept)
