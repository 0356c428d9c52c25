"""Hits as users of the SDK write them, shaped into what goes over the wire.

The names are the seed's; a required field that is missing or wrong refuses the hit, an optional one
of a wrong type is left out with a note and the hit is sent. What counts as wrong is what the
collector checks, so nothing is dropped there that was sent from here. A number 0 is left out too,
as the published SDK does. Rules: spec flags 1.6 and 5; ledger FS-155 to FS-172.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from actors.flags.contexts import Value, is_unicode
from actors.flags.hits import COMMON, HITS_MAX, OPTIONAL, REQUIRED, Check
from actors.flags.javascript import text_of
from actors.flags.names import EventCategory, HitType, LogLevel, Tag
from engine.effects import Note

BATCH_CHARACTERS_MAX = 2_500_000  # where the SDK stops a batch; collectors expect no more
CONSENT_ACTION = "fs_consent"
SEGMENT = "SEGMENT"
DIGEST_BYTES = 12  # equal digests lose a hit: chance does it once in 2**96

SHARED = {"userIp": "uip", "screenResolution": "sr", "locale": "ul", "sessionNumber": "sn"}
FIELDS: Mapping[HitType, Mapping[str, str]] = {
    HitType.PAGE: {"documentLocation": "dl"},
    HitType.SCREEN: {"documentLocation": "dl"},
    HitType.TRANSACTION: {
        "transactionId": "tid",
        "affiliation": "ta",
        "totalRevenue": "tr",
        "shippingCosts": "ts",
        "shippingMethod": "sm",
        "taxes": "tt",
        "currency": "tc",
        "paymentMethod": "pm",
        "itemCount": "icn",
        "couponCode": "tcc",
    },
    HitType.ITEM: {
        "transactionId": "tid",
        "productName": "in",
        "productSku": "ic",
        "itemCategory": "iv",
        "itemPrice": "ip",
        "itemQuantity": "iq",
    },
    HitType.EVENT: {"category": "ec", "action": "ea", "label": "el", "value": "ev"},
}
"""Of each type, the seed's names and those of the wire."""


class HitInvalid(Exception):
    """The hit is not sent; the text is the reason, without any value of the hit."""


class Shaped(msgspec.Struct, frozen=True):
    """A hit for the wire: its type, its fields by wire name, and what was left out of it."""

    type: str
    fields: dict[str, object]
    notes: tuple[Note, ...] = ()


class Batch(NamedTuple):
    """One body of a POST to the collector, and how many hits are in it."""

    body: bytes
    hits: int


def shape(given: object) -> Shaped:
    """The hit that a caller wrote, for the wire; names that no hit has are ignored.

    `type` is one of the five, in any letter case. Raises `HitInvalid` for another type, or when a
    required field is missing or wrong. Each optional field that is left out has an ERROR note with
    the tag `ADD HIT`; null is the same as absent.
    """
    if not isinstance(given, Mapping):
        raise HitInvalid("a hit is an object with a type")
    hit_type = _type(given.get("type"))
    required, optional = REQUIRED[hit_type], {**COMMON, **OPTIONAL.get(hit_type, {})}
    fields: dict[str, object] = {}
    notes = []
    for name, wire_name in {**FIELDS[hit_type], **SHARED}.items():
        value = given.get(name)
        if wire_name in required:
            if not _is_right(value, required[wire_name]):
                raise HitInvalid(f"`{name}` is required and must be {_wanted(wire_name)}")
            fields[wire_name] = value
        elif value is not None:
            is_right = _is_right(value, optional[wire_name])
            if is_right and value != 0:
                fields[wire_name] = value
            else:
                notes.append(_left_out(name, "0 is not sent" if is_right else "it is wrong"))
    return Shaped(hit_type.value, fields, tuple(notes))


def consent_hit(consented: bool, client: str) -> Shaped:
    """The hit that says what a visitor consented to (spec flags 1.6)."""
    label = f"{client}:{text_of(consented)}"
    fields: dict[str, object] = {
        "ec": EventCategory.USER_ENGAGEMENT.value,
        "ea": CONSENT_ACTION,
        "el": label,
    }
    return Shaped(HitType.EVENT.value, fields)


def segment_hit(context: Mapping[str, Value]) -> Shaped:
    """The hit that reports a context: values as text, `"true"`, `"31"` (spec flags 1.6)."""
    return Shaped(SEGMENT, {"s": {key: text_of(value) for key, value in context.items()}})


def wire(
    hit_type: str,
    fields: Mapping[str, object],
    visitor_id: str,
    anonymous_id: str | None,
    queued_ms: int,
    *,
    qa: bool = False,
) -> dict[str, object]:
    """A hit as it stands in `h` of a batch.

    `vid` is the visitor, or the anonymous visitor of one who is authenticated; then `cuid` is the
    visitor. `queued_ms` is the time from creation to sending.
    """
    vid, cuid = (anonymous_id, visitor_id) if anonymous_id else (visitor_id, None)
    head = {"vid": vid, "t": hit_type, "cuid": cuid, "qt": max(0, queued_ms)}
    return {**head, **({"qa": True} if qa else {}), **fields}


def batch(env: str, hits: Iterable[Mapping[str, object]]) -> bytes:
    """The body that carries those hits to the collector of the environment `env`."""
    return _body(env, [msgspec.Raw(msgspec.json.encode(each)) for each in hits])


def batches(
    env: str, hits: Iterable[Mapping[str, object]], characters_max: int = BATCH_CHARACTERS_MAX
) -> Iterator[Batch]:
    """The bodies that carry those hits, in order.

    None has more than `characters_max` characters (counted in bytes, which are at least as many),
    but a single hit that is longer goes alone; and none has more hits than a collector takes.
    """
    empty = len(_body(env, []))
    waiting: list[msgspec.Raw] = []
    size = empty
    for each in hits:
        text = msgspec.json.encode(each)
        if waiting and (size + len(text) > characters_max or len(waiting) == HITS_MAX):
            yield Batch(_body(env, waiting), len(waiting))
            waiting, size = [], empty
        waiting.append(msgspec.Raw(text))
        size += len(text) + 1
    if waiting:
        yield Batch(_body(env, waiting), len(waiting))


def digest(hit_type: str, fields: Mapping[str, object], who: str) -> str:
    """Hex that is equal for hits with equal content from the same visitor, whenever made."""
    text = msgspec.json.encode((hit_type, who, fields), order="sorted")
    return blake2b(text, digest_size=DIGEST_BYTES).hexdigest()


def _body(env: str, hits: list[msgspec.Raw]) -> bytes:
    return msgspec.json.encode({"ds": "APP", "cid": env, "t": "BATCH", "qt": 0, "h": hits})


def _type(value: object) -> HitType:
    try:
        return HitType(value.upper() if isinstance(value, str) else "")
    except ValueError:
        raise HitInvalid(f"`type` is required and must be one of {', '.join(HitType)}") from None


def _is_right(value: object, check: Check) -> bool:
    return check(value) and (not isinstance(value, str) or is_unicode(value))


def _wanted(wire_name: str) -> str:
    if wire_name == "ec":
        return " or ".join(f"`{each}`" for each in EventCategory)
    return "a text that is not empty and not too long"


def _left_out(name: str, reason: str) -> Note:
    return Note(LogLevel.ERROR, Tag.ADD_HIT, f"`{name}` is left out of the hit: {reason}")
