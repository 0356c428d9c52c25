"""OpenFeature's remote evaluation (OFREP): one flag, or all flags of a visitor.

The targeting key is the visitor, the other members of the context are its context, a flag is a
modification key. A null value leaves `value` out, which tells the client to use its own default;
so does panic, with the reason DISABLED. A key of several campaigns is the first one's.
Rules: spec flags 8.1 (OFREP 0.3.0).
"""

from __future__ import annotations

import msgspec
from mmh3 import hash_bytes

from actors.flags.choices import Choice, FlagText, json
from actors.flags.compiled import Compiled
from actors.flags.decision import Decision

DISABLED = b',"reason":"DISABLED","variant":""}'
"""Nobody's variation: a client that reads `variant` without asking finds one."""


def evaluation(decision: Decision, key: str) -> tuple[int, bytes]:
    """Status and body for one flag: 200, or 404 FLAG_NOT_FOUND."""
    if decision.panic:
        return 200, b'{"key":' + json(key) + DISABLED
    for choice in decision.choices:
        text = choice.exposed.flags.get(key)
        if text is not None:
            return 200, _evaluated(choice, text)
    return 404, failure("FLAG_NOT_FOUND", f"no flag `{key}` for this visitor", key)


def evaluations(
    compiled: Compiled, decision: Decision, event_streams: tuple[bytes, ...] = ()
) -> bytes:
    """The bulk body: every flag the visitor has; in panic every flag of the file, DISABLED.

    `event_streams` are ready JSON objects (type, url, ...) a client may listen to.
    """
    entries: dict[str, bytes] = {}
    if decision.panic:
        entries = {key: b'{"key":' + json(key) + DISABLED for key in compiled.keys}
    for choice in decision.choices:
        for key, text in choice.exposed.flags.items():
            if key not in entries:
                entries[key] = _evaluated(choice, text)
    streams = b',"eventStreams":[' + b",".join(event_streams) + b"]" if event_streams else b""
    return b'{"flags":[' + b",".join(entries.values()) + b'],"metadata":{}' + streams + b"}"


def failure(code: str, details: str, key: str | None = None) -> bytes:
    """An error body: code such as PARSE_ERROR or TARGETING_KEY_MISSING, and words."""
    named = {} if key is None else {"key": key}
    return json({**named, "errorCode": code, "errorDetails": details})


def evaluations_etag(version: str, visitor_id: str, context: object) -> str:
    """A quoted ETag that changes with the file's version, the visitor and the context."""
    seen = msgspec.json.encode((version, visitor_id, context), order="sorted")
    return f'"{hash_bytes(seen).hex()}"'


def _evaluated(choice: Choice, text: FlagText) -> bytes:
    value = b"" if text.is_null else b',"value":' + text.value
    return b'{"key":' + text.key + value + choice.evaluation_tail
