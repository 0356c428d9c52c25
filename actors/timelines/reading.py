"""Reading foreign JSON into structs: what may be decoded at all, and every mistake with its place.

How deep JSON nests is looked at before anything decodes it, without recursion: decoders give up at
depths that depend on who calls them and on the version of Python. A decoder also stops at its first
mistake, so a document that is refused is looked at again, item by item. Rules: spec timelines 8 and
5.12.21; messages are those of the decoder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import msgspec

from actors.timelines.findings import Findings, Problem, member

BODY_BYTES_MAX = 10 * 1024 * 1024  # a long novel has one; the door answers 413 beyond it
JSON_DEPTH_MAX = 160  # conditions 64 deep take two each, and stand in a link of an event
NAME_CHARACTERS_MAX = 128  # a longer name of an unknown member is not quoted

STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
NESTING = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in NESTING)
STEPS = re.compile(r"\.([A-Za-z_]+)|\[(\d+)\]")
MEMBERS = re.compile(r"unknown field `(.+)`\Z|missing required field `(.+)`\Z", re.DOTALL)


class BadDocument(Exception):
    """The document is refused; `problems` says why, at least one and at most a hundred."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{each.pointer}: {each.message}" for each in problems[:3]))


class Unreadable(BadDocument):
    """It is not JSON that may be decoded: malformed, too large or nested too deep."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__((Problem("", code, message),))


def check_readable(body: bytes) -> None:
    """Raise `Unreadable` for more than 10 MiB, or for JSON that nests deeper than 160."""
    if len(body) > BODY_BYTES_MAX:
        raise Unreadable("too_large", f"{len(body)} bytes, at most {BODY_BYTES_MAX} are allowed")
    brackets = STRINGS.sub(b"", body).translate(None, NOT_BRACKETS)
    depths = accumulate(map(NESTING.__getitem__, brackets))
    if any(depth > JSON_DEPTH_MAX for depth in depths):
        raise Unreadable("too_deep", f"nested deeper than {JSON_DEPTH_MAX}")


def decode_any(body: bytes) -> Any:
    """Decode JSON as it comes; raises `Unreadable` when it is malformed."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("not_json", str(error)) from None


def problems_of(decoded: object, whole: type, parts: Mapping[str, type]) -> tuple[Problem, ...]:
    """What keeps a decoded document from being a `whole`: a problem for each bad item.

    `parts` names the members that are lists, each with the type of its items.
    """
    findings = Findings()
    top, items = decoded, []
    if isinstance(decoded, dict):
        lists = {name: decoded[name] for name in parts if isinstance(decoded.get(name), list)}
        top = {**decoded, **dict.fromkeys(lists, ())}
        items = [
            (member(f"/{name}", str(at)), item, parts[name])
            for name, listed in lists.items()
            for at, item in enumerate(listed)
        ]
    for pointer, value, type_ in [("", top, whole), *items]:
        try:
            msgspec.convert(value, type_)
        except msgspec.ValidationError as error:
            findings.note(*located(pointer, str(error)))
    return tuple(findings.kept)


def located(pointer: str, complaint: str) -> tuple[str, str, str]:
    """A decoder's complaint about the value at `pointer`, as pointer, code and message."""
    message, mark, path = complaint.rpartition(" - at `")
    if not mark:
        message, path = complaint, ""
    where = pointer
    for step in _steps(path):
        where = member(where, step)
    named = MEMBERS.search(message)
    if named is None:
        return where, "shape", message
    name = named[1] or named[2]
    if len(name) > NAME_CHARACTERS_MAX:
        return where, "shape", "Object contains an unknown field with a long name"
    return member(where, name), "missing" if named[2] else "shape", message


def _steps(path: str) -> Iterator[str]:
    """The members and positions of a decoder's path, up to the first that it leaves open."""
    known = path.removeprefix("key` in `").partition("[...]")[0]
    for found in STEPS.finditer(known):
        yield found[1] or found[2]
