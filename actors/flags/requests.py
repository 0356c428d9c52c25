"""Bodies of the decision routes, from bytes to values.

Keys may be written in camelCase or snake_case, null is the same as absent, and an unknown key is
an error that names it: callers learn of a misspelt `visitor_consent` before it costs them. An
absent or empty visitor id is allowed: it is answered as "", hashed as "", and keeps nothing.
The content type never matters. Rules: spec flags 0.3, 1.2, 1.7, 1.8, 1.12, 8.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from actors.flags.compiled import Request

VISITOR_CHARACTERS_MAX = 256  # code points; spec flags 10.5
CONTEXT_KEYS_MAX = 1_000  # far above any honest context; ten thousand keys are a mistake

Body = TypeVar("Body")


class RequestInvalid(Exception):
    """The body is refused with 400; the text is the `message` of the answer."""


class EvaluationInvalid(Exception):
    """An OFREP body is refused with 400: `code` is OFREP's errorCode, the text its details."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(details)
        self.code = code


class _DecisionKeys(msgspec.Struct, forbid_unknown_fields=True):
    """Every key a decision body may have, in both spellings."""

    visitorId: str | None = None
    visitor_id: str | None = None
    anonymousId: str | None = None
    anonymous_id: str | None = None
    decisionGroup: str | None = None
    decision_group: str | None = None
    context: dict[str, object] | None = None
    triggerHit: bool | None = None
    trigger_hit: bool | None = None
    activate: bool | None = None
    visitorConsent: bool | None = None
    visitor_consent: bool | None = None
    formatResponse: bool | None = None
    format_response: bool | None = None


class _EventKeys(msgspec.Struct, forbid_unknown_fields=True):
    visitorId: str | None = None
    visitor_id: str | None = None
    type: str = ""
    data: dict[str, object] | None = None


class Segment(msgspec.Struct, frozen=True):
    """One third-party segment of a visitor, as the data connector lists it (spec flags 1.8)."""

    visitor_id: str = ""
    segment: str = ""
    value: object = None
    expiration: object = None
    partner: str = ""


@dataclass(frozen=True, slots=True)
class DecisionBody:
    """A decision body with its defaults filled in (spec flags 1.2, 1.12)."""

    visitor_id: str
    anonymous_id: str
    decision_group: str
    context: dict[str, object]
    trigger_hit: bool
    consent: bool
    format_response: bool

    def request(self, campaign: str | None = None) -> Request:
        """The question for `decide`; `campaign` narrows it to one id or slug."""
        return Request(
            self.visitor_id,
            self.context,
            self.anonymous_id,
            self.decision_group,
            self.consent,
            self.trigger_hit,
            campaign,
        )


@dataclass(frozen=True, slots=True)
class VisitorEvent:
    """A context event: what is known of a visitor (spec flags 1.7)."""

    visitor_id: str
    data: dict[str, object]


_DECISION = msgspec.json.Decoder(_DecisionKeys)
_EVENT = msgspec.json.Decoder(_EventKeys)
_SEGMENTS = msgspec.json.Decoder(list[Segment])
_ANY = msgspec.json.Decoder(object)


def decision_body(body: bytes, context_keys_max: int = CONTEXT_KEYS_MAX) -> DecisionBody:
    """Parse the body of /campaigns, /campaigns/{id} or /flags; raises `RequestInvalid`."""
    keys = decoded(_DECISION, body)
    context = keys.context or {}
    _check_context(context, context_keys_max)
    return DecisionBody(
        checked_id(keys.visitorId or keys.visitor_id or "", "visitorId"),
        checked_id(keys.anonymousId or keys.anonymous_id or "", "anonymousId"),
        checked_id(keys.decisionGroup or keys.decision_group or "", "decisionGroup"),
        context,
        trigger_hit=False not in (keys.triggerHit, keys.trigger_hit, keys.activate),
        consent=False not in (keys.visitorConsent, keys.visitor_consent),
        format_response=True in (keys.formatResponse, keys.format_response),
    )


def visitor_event(body: bytes, context_keys_max: int = CONTEXT_KEYS_MAX) -> VisitorEvent:
    """Parse the body of /{env}/events, type CONTEXT; raises `RequestInvalid` (spec flags 1.7)."""
    keys = decoded(_EVENT, body)
    if keys.type.upper() != "CONTEXT":
        raise RequestInvalid(f"unknown type of event `{keys.type[:64]}`, expected `CONTEXT`")
    data = keys.data or {}
    _check_context(data, context_keys_max)
    visitor_id = checked_id(keys.visitorId or keys.visitor_id or "", "visitorId")
    return VisitorEvent(visitor_id, data)


def segments_context(body: bytes) -> dict[str, object]:
    """Segments as context keys `partner::segment` (spec flags 1.8); raises `RequestInvalid`."""
    found = decoded(_SEGMENTS, body)
    return {f"{each.partner}::{each.segment}": each.value for each in found}


def evaluation_body(body: bytes, context_keys_max: int = CONTEXT_KEYS_MAX) -> Request:
    """Parse an OFREP body into a question; raises `EvaluationInvalid` (spec flags 8.1)."""
    try:
        whole = decoded(_ANY, body)
    except RequestInvalid as error:
        raise EvaluationInvalid("PARSE_ERROR", str(error)) from None
    context = whole.get("context") if isinstance(whole, dict) else whole
    if context is not None and not (isinstance(whole, dict) and isinstance(context, dict)):
        raise EvaluationInvalid("INVALID_CONTEXT", "`context` must be an object")
    key = (context or {}).get("targetingKey")
    if key is None or key == "":
        raise EvaluationInvalid("TARGETING_KEY_MISSING", "`context.targetingKey` is missing")
    if not isinstance(key, str):
        raise EvaluationInvalid("INVALID_CONTEXT", "`context.targetingKey` must be a string")
    values = {name: value for name, value in (context or {}).items() if name != "targetingKey"}
    try:
        _check_context(values, context_keys_max)
        return Request(checked_id(key, "targetingKey"), values)
    except RequestInvalid as error:
        raise EvaluationInvalid("INVALID_CONTEXT", str(error)) from None


def decoded(decoder: msgspec.json.Decoder[Body], body: bytes) -> Body:
    """Decode JSON, or raise `RequestInvalid` with what is wrong in words."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RequestInvalid(f"json body is not valid: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RequestInvalid(f"the body must be valid json: {error}") from None


def checked_id(text: str, name: str) -> str:
    """An id of at most 256 code points, or `RequestInvalid` (spec flags 10.5)."""
    if len(text) > VISITOR_CHARACTERS_MAX:
        raise RequestInvalid(f"`{name}` is longer than {VISITOR_CHARACTERS_MAX} characters")
    return text


def _check_context(context: dict[str, object], keys_max: int) -> None:
    if len(context) > keys_max:
        raise RequestInvalid(f"the context has {len(context)} keys, at most {keys_max} are allowed")
