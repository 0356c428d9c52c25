"""A project: what was declared, who holds keys, and who changed it.

The project is an actor like any other, so its facts are the audit of its administration: who
declared what, created or revoked which key, and when. Keys stand in facts by their hash; what is
shown of them is the hash's first eight digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Command, Event
from engine.step import present_events

KEY_ID_DIGITS = 8


class Phase(StrEnum):
    """Where a project is."""

    UNDECLARED = "undeclared"
    DECLARED = "declared"


class Key(msgspec.Struct, frozen=True, rename="camel"):
    """A credential to be: `hash` is the hex of the SHA-256 of the secret."""

    hash: str
    door: str
    kind: str
    subject: str = ""
    label: str = ""


class Live(msgspec.Struct, frozen=True, rename="camel"):
    """Who may listen without a key, and from which web pages (engine spec 5.4)."""

    public: bool = False
    origins: tuple[str, ...] = ()


class Project(msgspec.Struct, frozen=True, rename="camel"):
    """`applied` maps each declared item to the hash of its last applied value (engine spec 6)."""

    phase: Phase = Phase.UNDECLARED
    live: Live = Live()
    applied: dict[str, str] = {}
    keys_made: int = 0


# --- commands, all of them the administration's own


class Declare(Command, frozen=True):
    """One item of a project file has a new value. `keys`, where given, replace those it gave."""

    item: str
    digest: str
    keys: tuple[Key, ...] | None = None
    live: Live | None = None


class CreateKey(Command, frozen=True):
    """One more key; the secret was shown to whoever asked, and only there."""

    key: Key


class RevokeKey(Command, frozen=True):
    """A key is good no more."""

    hash: str


# --- events


class ItemDeclared(Event, frozen=True):
    """An item was applied; `by` whom."""

    item: str
    digest: str
    by: str


class LiveSet(Event, frozen=True):
    """Who may listen was set."""

    live: Live


class KeysReplaced(Event, frozen=True):
    """The keys that an item gives."""

    item: str
    keys: tuple[Key, ...]


class KeyCreated(Event, frozen=True):
    """A key was created; `by` whom."""

    key: Key
    by: str


class KeyRevoked(Event, frozen=True):
    """A key was revoked; `by` whom."""

    hash: str
    by: str


def declared(project: Project, command: Declare, moment: Moment) -> Iterator[Event]:
    """The same value again is nothing."""
    if project.applied.get(command.item) == command.digest:
        return
    yield ItemDeclared(item=command.item, digest=command.digest, by=moment.by)
    if command.live is not None:
        yield LiveSet(live=command.live)
    if command.keys is not None:
        yield KeysReplaced(item=command.item, keys=command.keys)


def key_created(_project: Project, command: CreateKey, moment: Moment) -> Iterator[Event]:
    """The caller is written down."""
    yield KeyCreated(key=command.key, by=moment.by)


def key_revoked(_project: Project, command: RevokeKey, moment: Moment) -> Iterator[Event]:
    """The caller is written down."""
    yield KeyRevoked(hash=command.hash, by=moment.by)


PROJECT = Machine[Project](
    "project",
    Phase,
    (
        Row(Phase.UNDECLARED, Declare, Phase.DECLARED, declared),
        Row(Phase.DECLARED, Declare, Phase.DECLARED, declared, why="only what differs is done"),
        Row(Phase.DECLARED, CreateKey, Phase.DECLARED, key_created),
        Row(Phase.DECLARED, RevokeKey, Phase.DECLARED, key_revoked),
    ),
)


def evolve(project: Project, event: Event) -> Project:
    """The fold."""
    match event:
        case ItemDeclared(item=item, digest=digest):
            applied = {**project.applied, item: digest}
            return msgspec.structs.replace(project, phase=Phase.DECLARED, applied=applied)
        case LiveSet(live=live):
            return msgspec.structs.replace(project, live=live)
        case KeyCreated():
            return msgspec.structs.replace(project, keys_made=project.keys_made + 1)
    return project


def present(project: Project) -> dict[str, object]:
    """What lists and pushes show: names of items, no digests."""
    return {
        "phase": project.phase,
        "live": project.live,
        "items": sorted(project.applied),
        "keysMade": project.keys_made,
    }


def _short(key: dict[str, object]) -> dict[str, object]:
    digits = str(key.pop("hash"))[:KEY_ID_DIGITS]
    return {"keyId": digits, **key}


def present_changes(events: tuple[Event, ...]) -> object:
    """What pushes show of a fact: keys by the first digits of their hash, no digests."""
    shown = present_events(events)
    for one in shown.get("transitions", (shown,)):
        one.pop("digest", None)
        if "keys" in one:
            one["keys"] = [_short(key) for key in one["keys"]]
        if "key" in one:
            one["key"] = _short(one["key"])
        if "hash" in one:
            one["keyId"] = str(one.pop("hash"))[:KEY_ID_DIGITS]
    return shown


KIND = Kind[Project](
    name="project",
    state=Project,
    initial=lambda _id: Project(),
    machines=(PROJECT,),
    evolve=evolve,
    events=(ItemDeclared, LiveSet, KeysReplaced, KeyCreated, KeyRevoked),
    present=present,
    present_events=present_changes,
)
