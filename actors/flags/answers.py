"""Answers of the decision routes: a decision as the bytes that go over the wire.

A hot answer joins the pieces that every choice carries. The bodies are those of the decision
API: campaigns in three modes, one campaign at top level, flags by key, and the two files of the
CDN. The content type belongs to the door, except for bare values (`format_response`).
Rules: spec flags 0.2, 1.2, 1.4, 1.5, 1.12.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from actors.flags.bucketing import BucketingFile
from actors.flags.choices import Choice, json
from actors.flags.compiled import Compiled
from actors.flags.decision import Decision

SETTINGS_TYPE = "type.googleapis.com/flagship.protobuf.AccountSettings"
APPLICATION_JSON = "application/json"
BARE_TYPES = {"HTML": "text/html", "TEXT": "text/plain", "IMAGE": "image"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer of the single-campaign route: status, body and content type."""

    status: int
    body: bytes
    content_type: str = APPLICATION_JSON


def campaigns(
    compiled: Compiled,
    decision: Decision,
    mode: str = "normal",
    *,
    expose_all_keys: bool = False,
    extras: bool = False,
) -> bytes:
    """The body of `/campaigns`: mode normal, simple or full; any other is `{}` (spec 1.12).

    `extras` adds the account settings (spec 1.2). In panic the body is the panic body.
    """
    if decision.panic:
        return panic(decision.request.visitor_id)
    if mode not in ("normal", "simple", "full"):
        return b"{}"
    parts = []
    if mode != "simple":
        listed = b",".join([each.written(expose_all_keys).campaign for each in decision.choices])
        parts = [
            b'"visitorId":' + json(decision.request.visitor_id),
            b'"campaigns":[' + listed + b"]",
        ]
    if mode != "normal":
        parts += _aggregates(decision, expose_all_keys)
    if extras:
        parts.append(b'"extras":' + extra_settings(compiled.file))
    return b"{" + b",".join(parts) + b"}"


def _aggregates(decision: Decision, expose_all_keys: bool) -> list[bytes]:
    """Pairs of ids, and all modifications in one object, where the last campaign wins."""
    merged: dict[str, bytes] = {}
    for choice in decision.choices:
        for key, text in choice.written(expose_all_keys).flags.items():
            merged[key] = text.key + b":" + text.value
    pairs = b",".join([each.pair for each in decision.choices])
    return [
        b'"campaignsVariation":[' + pairs + b"]",
        b'"mergedModifications":{' + b",".join(merged.values()) + b"}",
    ]


def panic(visitor_id: str) -> bytes:
    """What every decision route answers in panic (spec 1.12)."""
    return b'{"visitorId":' + json(visitor_id) + b',"campaigns":[],"panic":true}'


def extra_settings(file: BucketingFile) -> bytes:
    """`extras` with the account settings, exactly the four members of spec 1.2."""
    settings = {
        "@type": SETTINGS_TYPE,
        "enabledXPC": file.xpc,
        "enabled1V1T": file.one_visitor_one_test,
        "troubleshooting": file.account_settings.troubleshooting,
    }
    return json({"accountSettings": settings})


def single_campaign(
    decision: Decision, *, expose_all_keys: bool = False, format_response: bool = False
) -> Answer:
    """The answer for one campaign, decided with `Request(campaign=...)` (spec 1.12).

    200 the campaign, 204 not targeted or out of range, 400 unknown or untracked.
    """
    if decision.panic:
        return Answer(200, panic(decision.request.visitor_id))
    if decision.unknown:
        name = decision.request.campaign
        return _refusal(f"The campaign {name} is paused or does not exist. Verify its id or slug.")
    if decision.untracked:
        return _refusal("Visitor untracked")
    if not decision.choices:
        return Answer(204, b"")
    choice = decision.choices[0]
    bare = _bare(choice, expose_all_keys) if format_response else None
    return bare or Answer(200, choice.written(expose_all_keys).campaign)


def _refusal(message: str) -> Answer:
    return Answer(400, json({"message": message}))


def _bare(choice: Choice, expose_all_keys: bool) -> Answer | None:
    """The first value without its JSON, for types that a browser shows; else None."""
    content_type = BARE_TYPES.get(choice.variation.modifications_type)
    first = next(iter(choice.written(expose_all_keys).flags.values()), None)
    if content_type is None or first is None:
        return None
    if first.is_null:
        return Answer(200, b"", content_type)
    is_text = first.value.startswith(b'"')
    body = msgspec.json.decode(first.value, type=str).encode() if is_text else first.value
    return Answer(200, body, content_type)


def flags(decision: Decision, *, expose_all_keys: bool = True) -> bytes:
    """The body of `/flags`: value and metadata by key; the first campaign with a key wins."""
    if decision.panic:
        return panic(decision.request.visitor_id)
    entries: dict[str, bytes] = {}
    for choice in decision.choices:
        for key, text in choice.written(expose_all_keys).flags.items():
            if key not in entries:
                entries[key] = b'%b:{"value":%b,"metadata":%b}' % (
                    text.key,
                    text.value,
                    choice.flag_metadata,
                )
    return b"{" + b",".join(entries.values()) + b"}"


def bucketing_document(file: BucketingFile, document: bytes, panic: bool) -> bytes:
    """The body of `bucketing.json` (spec 1.4): the document as it came, with the panic in force.

    `panic` is the file's or the operator's; only when it differs from the file's is the
    document written anew, every other member untouched.
    """
    if panic == file.panic:
        return document
    members = msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    members["panic"] = msgspec.Raw(b"true" if panic else b"false")
    return json(members)


def account_settings(file: BucketingFile) -> bytes:
    """The body of `accountSettings.json` (spec 1.5); no troubleshooting is no member."""
    settings = file.account_settings
    body: dict[str, object] = {"enabledXPC": file.xpc, "enabled1V1T": settings.enabled_1v1t}
    if settings.troubleshooting is not None:
        body["troubleshooting"] = settings.troubleshooting
    body["eaiCollectEnabled"] = settings.eai_collect_enabled
    body["eaiActivationEnabled"] = settings.eai_activation_enabled
    return json({"accountSettings": body})
