"""Hits as callers write them: one struct for each of the five types, or a dictionary.

A dictionary has the documented names (`documentLocation`) or the same in snake_case. Required
fields are required by the structs too; whether a value is right is judged when the hit is sent:
a wrong required one refuses the hit, a wrong optional one is left out, both with an ERROR line and
the tag `ADD HIT`. Rules: ledger FS-155 to FS-172.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from actors.flags.names import EventCategory, HitType, LogLevel, Tag
from actors.flags.sdk_hits import FIELDS, SHARED, HitInvalid, Shaped, digest, shape
from api.client.logs import Logs
from api.client.mirror import Known
from api.client.pool import Entry, entry_of
from api.client.tracking import TrackingManager


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """What every hit may have (FS-158): `user_ip` like "127.0.0.1", `screen_resolution` like
    "800X600", `locale` like "fr", `session_number` like "1234". None: not sent."""

    user_ip: str | None = None
    screen_resolution: str | None = None
    locale: str | None = None
    session_number: str | None = None


class HitPage(Hit, frozen=True, kw_only=True):
    """A page was seen; `document_location` is its URL (FS-159, FS-160)."""

    document_location: str
    type: str = HitType.PAGE


class HitScreen(Hit, frozen=True, kw_only=True):
    """A screen was seen; `document_location` is its name (FS-161)."""

    document_location: str
    type: str = HitType.SCREEN


class HitTransaction(Hit, frozen=True, kw_only=True):
    """Something was bought (FS-162 to FS-165).

    `affiliation` names the KPI in reports; `total_revenue` includes shipping and taxes; `currency`
    is an ISO 4217 code of three letters; `item_count` is a whole number.
    """

    transaction_id: str
    affiliation: str
    total_revenue: float | None = None
    shipping_costs: float | None = None
    shipping_method: str | None = None
    taxes: float | None = None
    currency: str | None = None
    payment_method: str | None = None
    item_count: int | None = None
    coupon_code: str | None = None
    type: str = HitType.TRANSACTION


class HitItem(Hit, frozen=True, kw_only=True):
    """A product of a transaction; send it after the transaction of that id (FS-166 to FS-169)."""

    transaction_id: str
    product_name: str
    product_sku: str
    item_category: str | None = None
    item_price: float | None = None
    item_quantity: int | None = None
    type: str = HitType.ITEM


class HitEvent(Hit, frozen=True, kw_only=True):
    """The visitor did something (FS-170 to FS-172); `value` is a whole number, not negative."""

    category: EventCategory | str
    action: str
    label: str | None = None
    value: int | None = None
    type: str = HitType.EVENT


AnyHit = Hit | Mapping[str, Any]


def as_documented(hit: object) -> object:
    """The hit with its documented names; what is no hit is returned as it is, to be refused."""
    if isinstance(hit, Hit):
        hit = msgspec.structs.asdict(hit)
    if not isinstance(hit, Mapping):
        return hit
    return {
        _camel(name): value
        for name, value in hit.items()
        if isinstance(name, str) and value is not None
    }


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)


# --- into the pool


def entries_of(
    hits: Iterable[object], handle: str, known: Known, tracking: TrackingManager, logs: Logs
) -> Iterator[Entry]:
    """The hits that are right and not repeated, as the pool takes them; the others are logged."""
    for hit in hits:
        try:
            shaped = shape(as_documented(hit))
        except HitInvalid as invalid:
            logs.error(Tag.ADD_HIT, str(invalid))
            continue
        for note in shaped.notes:
            logs.say(note.level, note.tag, note.text)
        if tracking.is_repeated(digest(shaped.type, shaped.fields, known.visitor_id)):
            logs.say(LogLevel.DEBUG, Tag.ADD_HIT, "the same hit was just sent")
        else:
            content = _content(shaped)
            yield entry_of(handle, known.visitor_id, known.anonymous_id, shaped.type, content)


def _content(shaped: Shaped) -> dict[str, Any]:
    """The documented names of what is left of a hit: what the daemon is sent."""
    names = {wire: name for name, wire in {**FIELDS[HitType(shaped.type)], **SHARED}.items()}
    return {"type": shaped.type, **{names[wire]: each for wire, each in shaped.fields.items()}}
