"""A visitor and its flags as callers see them: one shape for HTTP, batches and the live socket.

The body of a visitor is the SDK's: its ids, consent, context and where its flags are. What a
command adds stands beside it. Without consent the context is shown to who asks, and written
nowhere. Rules: spec flags 4.4, 4.5, 10.5; ledger FS-026, FS-103, FS-124 to FS-153.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from actors.flags.flag_values import Flag, flags_of, metadata_of, serialized, status_of
from actors.flags.visitor import VISITOR
from actors.flags.visitor_words import Value, Visitor
from engine.effects import Note

LINES_MAX = 50
"""Remarks of one command that are shown: enough to mend it; noise must not fill a log."""


class FlagsStatus(msgspec.Struct, frozen=True):
    """Where a visitor's flags are, and why (FS-026)."""

    status: str
    reason: str


class LogLine(msgspec.Struct, frozen=True):
    """What the SDK would log: level 1 to 8, tag, sentence (FS-081)."""

    level: int
    tag: str
    message: str


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """The campaign that a flag comes from; of no flag all are empty (FS-126, FS-151)."""

    campaign_id: str
    campaign_name: str
    variation_group_id: str
    variation_group_name: str
    variation_id: str
    variation_name: str
    is_reference: bool
    campaign_type: str
    slug: str | None


class FlagShown(msgspec.Struct, frozen=True):
    """One flag: `value` is any JSON, and null where there is no flag (FS-124)."""

    key: str
    value: Any
    status: str
    exists: bool
    metadata: Metadata


class FlagsShown(msgspec.Struct, frozen=True):
    """The flags of a visitor: how many, their keys, and each (FS-141, FS-145, FS-150)."""

    size: int
    keys: list[str]
    flags: list[FlagShown]


class SerializedFlag(Metadata, frozen=True, rename="camel"):
    """A flag as `toJSON` gives it; `hex` holds its value (FS-153)."""

    key: str
    hex: str


class VisitorShown(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A visitor. `id` is its handle and stays; `version` counts its facts.

    `permitted` are the commands that its tables permit now. `token` is there when a client key
    opened it, `value` after `getValue`, `flags` after `getFlags`, `logs` when there are any.
    """

    id: str
    visitor_id: str
    anonymous_id: str | None
    has_consented: bool
    is_authenticated: bool
    context: dict[str, Value]
    flags_status: FlagsStatus
    version: int
    permitted: tuple[str, ...]
    token: str | UnsetType = UNSET
    value: Any = UNSET
    flags: list[dict[str, Any]] | UnsetType = UNSET
    logs: tuple[LogLine, ...] | UnsetType = UNSET


def visitor_shown(visitor: Visitor, version: int, **more: Any) -> VisitorShown:
    """The body of a visitor; `more` are the members that a command adds."""
    person = visitor.person
    return VisitorShown(
        id=visitor.handle,
        visitor_id=person.visitor_id,
        anonymous_id=person.anonymous_id,
        has_consented=visitor.consented,
        is_authenticated=visitor.authenticated,
        context=person.context,
        flags_status=FlagsStatus(visitor.status, visitor.reason),
        version=version,
        permitted=permitted(visitor),
        **more,
    )


def permitted(visitor: Visitor) -> tuple[str, ...]:
    """The public commands that its tables permit now."""
    return VISITOR.permits(visitor, public_only=True)


def lines_of(notes: Iterable[Note], level_max: int) -> tuple[LogLine, ...]:
    """The remarks that pass the environment's log level (FS-077).

    More than `LINES_MAX` become one that counts the rest, under the first of their tags.
    """
    lines = [
        LogLine(int(note.level), str(note.tag), note.text)
        for note in notes
        if note.level <= level_max
    ]
    shown, rest = lines[:LINES_MAX], lines[LINES_MAX:]
    if rest:
        level = min(line.level for line in rest)
        shown.append(LogLine(level, rest[0].tag, f"{len(rest)} more remarks are left out"))
    return tuple(shown)


# --- flags


def flag_shown(visitor: Visitor, key: str, *, is_ready: bool) -> FlagShown:
    """One flag, also one that is not there: then it is empty (FS-115, FS-126).

    Without `is_ready` (the SDK has not started, or is in panic) value and metadata are empty.
    """
    return _shown(visitor, key, flags_of(visitor.person.campaigns).get(key), is_ready)


def flags_shown(
    visitor: Visitor,
    *,
    is_ready: bool,
    keys: Collection[str] = (),
    campaigns: Collection[str] = (),
    statuses: Collection[str] = (),
) -> FlagsShown:
    """The flags that pass each filter given: key, campaign id, status (FS-146)."""
    found = [
        shown
        for key, flag in flags_of(visitor.person.campaigns).items()
        if (not keys or key in keys)
        and (not campaigns or flag.campaign.campaign_id in campaigns)
        and ((shown := _shown(visitor, key, flag, is_ready)).status in statuses or not statuses)
    ]
    return FlagsShown(len(found), [each.key for each in found], found)


def flags_serialized(visitor: Visitor, *, is_ready: bool) -> list[dict[str, Any]]:
    """The flags as `toJSON` gives them, usable as `initialFlagsData` (FS-149)."""
    return serialized(visitor.person.campaigns) if is_ready else []


def _shown(visitor: Visitor, key: str, flag: Flag | None, is_ready: bool) -> FlagShown:
    exists = flag is not None and flag.exists
    readable = flag if is_ready else None
    return FlagShown(
        key,
        None if readable is None else readable.value,
        status_of(visitor.status, exists),
        exists,
        msgspec.convert(metadata_of(readable), Metadata),
    )
