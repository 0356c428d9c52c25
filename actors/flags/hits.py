"""Hits: what visitors did, as SDKs and collectors send it.

A body is one hit or a BATCH of them in `h`. A batch that can be read is always accepted, for a
refused one would come again for four hours: valid hits are kept, the others are counted with the
reason. An optional field of a wrong type is dropped and its hit kept. Diagnostics of SDKs
(troubleshooting, analytics) are recognised, to be counted. Rules: spec flags 1.6, 1.9, 1.10, 10.7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from actors.flags.requests import VISITOR_CHARACTERS_MAX, RequestInvalid, decoded

HITS_MAX = 10_000  # an SDK stops a batch at 2.5 million characters
QUEUE_MS_MAX = 4 * 3_600_000  # SDKs drop older hits themselves
TEXT_CHARACTERS_MAX = 8_192  # a URL with all of its parameters
AMOUNT_MAX = 2**53  # beyond it numbers of JSON are not exact, and no revenue is that high
CATEGORIES = ("Action Tracking", "User Engagement")

Check = Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= TEXT_CHARACTERS_MAX


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= AMOUNT_MAX


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= AMOUNT_MAX


def _is_currency(value: object) -> bool:
    return isinstance(value, str) and len(value) == 3


def _is_category(value: object) -> bool:
    return value in CATEGORIES


def _is_scalar(value: object) -> bool:
    return _is_text(value) or _is_number(value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


COMMON: dict[str, Check] = {
    "uip": _is_text,
    "sr": _is_text,
    "ul": _is_text,
    "sn": _is_scalar,
    "qa": _is_flag,
    "ds": _is_text,
}
REQUIRED: dict[str, dict[str, Check]] = {
    "EVENT": {"ec": _is_category, "ea": _is_text},
    "PAGEVIEW": {"dl": _is_text},
    "SCREENVIEW": {"dl": _is_text},
    "TRANSACTION": {"tid": _is_text, "ta": _is_text},
    "ITEM": {"tid": _is_text, "in": _is_text, "ic": _is_text},
    "SEGMENT": {"s": _is_object},
    "CAMPAIGN": {"caid": _is_text, "vaid": _is_text},
}
OPTIONAL: dict[str, dict[str, Check]] = {
    "EVENT": {"el": _is_text, "ev": _is_count},
    "TRANSACTION": {
        **dict.fromkeys(("tr", "ts", "tt"), _is_number),
        **dict.fromkeys(("tcc", "sm", "pm"), _is_text),
        "tc": _is_currency,
        "icn": _is_count,
    },
    "ITEM": {"ip": _is_number, "iq": _is_count, "iv": _is_text},
    "SEGMENT": {"pa": _is_text},
    "CAMPAIGN": {"persist": _is_flag},
}
DIAGNOSTICS = {"TROUBLESHOOTING": "troubleshooting", "USAGE": "analytics"}


@dataclass(frozen=True, slots=True)
class Hit:
    """One valid hit. `fields` are its checked members by wire name, the type's and common ones.

    An authenticated visitor has its earlier id in `anonymous_id`, else that is "".
    """

    type: str
    visitor_id: str
    anonymous_id: str
    queued_ms: int
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A hit that is counted only: its position in the batch, its type if any, and why."""

    position: int
    type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Hits:
    """The hits of one body, for the environment `cid`."""

    cid: str
    kept: tuple[Hit, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A troubleshooting or analytics body: only its kind and label are counted."""

    kind: str
    cid: str
    label: str


_ANY = msgspec.json.Decoder(dict[str, object])


def hits_body(body: bytes, hits_max: int = HITS_MAX) -> Hits:
    """Parse a batch or a single hit; raises `RequestInvalid` for other JSON or without `cid`."""
    whole = decoded(_ANY, body)
    cid = _cid(whole)
    if type_of(whole) != "BATCH":
        return _sorted_out(cid, [whole])
    listed = whole.get("h")
    if not isinstance(listed, list):
        raise RequestInvalid("`h` of a BATCH must be a list of hits")
    if len(listed) > hits_max:
        raise RequestInvalid(f"{len(listed)} hits, at most {hits_max} are allowed")
    return _sorted_out(cid, listed)


def diagnostic_body(body: bytes) -> Diagnostic:
    """Parse a troubleshooting or analytics body; raises `RequestInvalid` (spec flags 1.9, 1.10)."""
    whole = decoded(_ANY, body)
    kind = DIAGNOSTICS.get(type_of(whole))
    if kind is None:
        raise RequestInvalid("expected a hit of type TROUBLESHOOTING or USAGE")
    variables = whole.get("cv")
    label = variables.get("label") if isinstance(variables, dict) else None
    return Diagnostic(kind, _cid(whole), label[:64] if isinstance(label, str) else "")


def type_of(hit: dict[str, object]) -> str:
    """The type of a hit in capitals, "" without one; types ignore letter case."""
    value = hit.get("t")
    return value.upper()[:64] if isinstance(value, str) else ""


def _cid(whole: dict[str, object]) -> str:
    cid = whole.get("cid")
    if not isinstance(cid, str) or not cid:
        raise RequestInvalid("`cid` is mandatory: the environment id")
    return cid


def _sorted_out(cid: str, listed: list[object]) -> Hits:
    kept, dropped = [], []
    for position, each in enumerate(listed):
        if isinstance(each, dict):
            reason = reason_to_drop(each)
            if not reason:
                kept.append(_hit(each))
                continue
        else:
            reason = "not an object"
        dropped.append(Dropped(position, type_of(each) if isinstance(each, dict) else "", reason))
    return Hits(cid, tuple(kept), tuple(dropped))


def reason_to_drop(hit: dict[str, object]) -> str:
    """Why a hit is not kept, or "" if it is valid (spec flags 1.6: required fields)."""
    name = type_of(hit)
    if name in DIAGNOSTICS:
        return "diagnostics are not hits"
    if name not in REQUIRED:
        return "unknown type"
    if not _is_visitor(hit.get("vid")) and not _is_visitor(hit.get("cuid")):
        return "`vid` must be a visitor id"
    for field, check in REQUIRED[name].items():
        if not check(hit.get(field)):
            return f"`{field}` is missing or wrong"
    return ""


def _is_visitor(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= VISITOR_CHARACTERS_MAX


def _hit(hit: dict[str, object]) -> Hit:
    name = type_of(hit)
    checks = {**COMMON, **REQUIRED[name], **OPTIONAL.get(name, {})}
    fields = {key: hit[key] for key, check in checks.items() if key in hit and check(hit[key])}
    first, customer = hit.get("vid"), hit.get("cuid")
    known = customer if isinstance(customer, str) and _is_visitor(customer) else ""
    sent = first if isinstance(first, str) and _is_visitor(first) else ""
    queued = hit.get("qt")
    queued_ms = int(queued) if isinstance(queued, int | float) else 0
    return Hit(
        name, known or sent, sent if known else "", min(max(0, queued_ms), QUEUE_MS_MAX), fields
    )
