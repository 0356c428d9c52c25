"""Shapes of log lines: secrets struck out, exceptions as data, a line for people.

Everything here is a plain function from a value to a value. What is struck out goes by name (the
keys of mappings, the first of a header pair) and by shape (`Bearer ...`, `token=...`), because a
secret inside a sentence has no name of its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from traceback import TracebackException
from typing import Any

import msgspec

STARS = "********"
SECRET_NAMES = re.compile(
    r"(?i)authorization|cookie|api[_-]?key|operator_key|admin_keys|password|secret|token|ticket"
)
SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"}
)
SECRET_SHAPES = (
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[^\s\"',;]+"), r"\1\2" + STARS),
    (
        re.compile(
            r"(?i)((?:authorization|x-api-key|api[_-]?key|operator_key|password|secret|token|ticket)"
            r"[\"']?\s*[:=]\s*[\"']?)(?!\s*(?:bearer|basic)\b)[^\s\"'&,;}\]]+"
        ),
        r"\1" + STARS,
    ),
)
FRAMES_MAX = 20
MESSAGE_CHARACTERS_MAX = 500


def redact(text: str) -> str:
    """Strike out what looks like a key beside its name or after `Bearer`."""
    for shape, replacement in SECRET_SHAPES:
        text = shape.sub(replacement, text)
    return text


def redact_value(value: Any) -> Any:
    """Strike out secrets in text, lists and mappings, by name and by shape."""
    match value:
        case str():
            return redact(value)
        case bytes():
            return redact(value.decode("utf-8", "replace"))
        case Mapping():
            return {
                name: STARS if SECRET_NAMES.search(str(name)) else redact_value(inner)
                for name, inner in value.items()
            }
        case list() | tuple():
            if len(value) == 2 and str(value[0]).lower() in SECRET_HEADERS:
                return [value[0], STARS]
            return [redact_value(inner) for inner in value]
    return value


def exception_shown(error: BaseException) -> dict[str, Any]:
    """An exception as data: type, message, frames (innermost last), cause, members of a group."""
    taken = TracebackException.from_exception(error, limit=-FRAMES_MAX, compact=True)
    return _shown(taken)


def _shown(taken: TracebackException) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": _type_name(taken),
        "message": str(taken)[:MESSAGE_CHARACTERS_MAX],
        "frames": [f"{_short(f.filename)}:{f.lineno} {f.name}" for f in taken.stack],
    }
    cause = taken.__cause__ or (None if taken.__suppress_context__ else taken.__context__)
    if cause is not None:
        shown["cause"] = _shown(cause)
    if taken.exceptions:
        shown["members"] = [_shown(member) for member in taken.exceptions[:5]]
    return shown


def _type_name(taken: TracebackException) -> str:
    """The class name, by the attribute that this Python has for it."""
    if sys.version_info >= (3, 13):
        return str(taken.exc_type_str).rpartition(".")[2]
    return taken.exc_type.__name__ if taken.exc_type else ""


def _short(filename: str) -> str:
    return "/".join(filename.replace("\\", "/").split("/")[-2:])


def render_text(line: Any) -> bytes:
    """A line for people: time, level, event, then `name=value`."""
    facts = line if isinstance(line, Mapping) else msgspec.structs.asdict(line)
    rest = " ".join(
        f"{name}={_plain(value)}"
        for name, value in facts.items()
        if name not in ("time", "level", "event") and value != ""
    )
    text = f"{facts.get('time', '')} {facts.get('level', ''):7} {facts.get('event', '')} {rest}"
    return text.rstrip().replace("\n", "\\n").encode("utf-8", "replace")


def _plain(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    return msgspec.json.encode(value, enc_hook=str).decode()
