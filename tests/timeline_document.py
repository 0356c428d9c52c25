"""Documents for tests: the example, as JSON that may be changed at any place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from actors.timelines import document, publishing
from actors.timelines.findings import Problem

ALICE = Path(__file__).parents[1] / "examples" / "alice.json"
ABSENT = object()
"""As a value: the member goes."""


def alice() -> dict[str, Any]:
    """The example as plain values, fresh each time."""
    plain: dict[str, Any] = json.loads(ALICE.read_bytes())
    return plain


def changed(*changes: tuple[str, Any]) -> dict[str, Any]:
    """The example with other values at some pointers; `-` at the end adds to a list."""
    plain = alice()
    for pointer, value in changes:
        put(plain, pointer.split("/")[1:], value)
    return plain


def put(plain: Any, path: list[str], value: Any) -> None:
    """Set, add or remove one value."""
    for part in path[:-1]:
        plain = plain[int(part) if isinstance(plain, list) else part]
    last = path[-1]
    if last == "-":
        plain.append(value)
    elif value is ABSENT:
        del plain[int(last) if isinstance(plain, list) else last]
    else:
        plain[int(last) if isinstance(plain, list) else last] = value


def read(plain: Any) -> document.Timeline:
    """Read plain values as a document."""
    return document.read(json.dumps(plain).encode())


def report(*changes: tuple[str, Any]) -> publishing.Report:
    """What is said about the example with these changes."""
    return publishing.check(read(changed(*changes)))


def problems(*changes: tuple[str, Any]) -> list[tuple[str, str]]:
    """Pointers and codes of the problems."""
    return short(report(*changes).problems)


def warnings(*changes: tuple[str, Any]) -> list[tuple[str, str]]:
    """Pointers and codes of the warnings, where there is no problem."""
    found = report(*changes)
    assert not found.problems
    return short(found.warnings)


def short(findings: tuple[Problem, ...]) -> list[tuple[str, str]]:
    """Findings without their words."""
    return [(each.pointer, each.code) for each in findings]


def grid(*events: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A small document: events `a`, `b`, ... in column 0, changed by what is given for each."""
    usual = {"row": "r", "step": 0, "narrative_event": {"id": "n"}}
    return {
        "schema": "timeline/1",
        "id": "small",
        "title": "Small",
        "variables": [],
        "beats": [],
        "rows": [{"id": "r", "name": "Row"}],
        "events": [{"id": chr(97 + at), **usual, **each} for at, each in enumerate(events)],
        **members,
    }


def autos(*targets: str) -> dict[str, Any]:
    """An event with automatic links."""
    return {"links": [{"to": target, "auto": True} for target in targets]}
