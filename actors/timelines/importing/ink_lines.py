"""Ink by lines: comments taken out, braces kept together, marks within a line found.

In Ink a line is a statement, but for what stands in braces: that may go on over several lines and
is one statement with what is around it. Every line keeps its number in the file. All of it takes
one pass over the text, whatever stands there. Source: "Writing with ink" by inkle.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_COMMENT = re.compile(r"//[^\n]*|/\*(?:.*?\*/|.*\Z)", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_SIGNS = re.compile(r"\\.|[{}]|->|\|\||[:|#\[\]]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SEQUENCES = ("stopping", "cycle", "shuffle", "once", "shuffle once", "shuffle stopping")
_BRANCH = re.compile(r"-(?!>)\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """A statement and the number of its first line; it has line feeds only within braces."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of a conditional: its condition as it is written (None for `else`), and its lines."""

    number: int
    condition: str | None
    body: list[Line]


@dataclass(frozen=True, slots=True)
class Unclosed:
    """A line on which a brace opens that is never closed."""

    number: int


def lines_of(text: str) -> list[Line]:
    """The lines of a file without comments; those keep their line feeds."""
    bare = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    return [Line(number, line.strip()) for number, line in enumerate(bare.split("\n"), 1)]


def statements(lines: list[Line]) -> tuple[list[Line], list[Unclosed]]:
    """Lines with everything in braces put together; and where braces are never closed."""
    ends, unclosed = _ends(lines)
    found, at = [], 0
    while at < len(lines):
        last = at
        while ends.get(last, last) > last:
            last = ends[last]
        text = "\n".join(line.text for line in lines[at : last + 1])
        if text:
            found.append(Line(lines[at].number, text))
        at = last + 1
    return found, unclosed


def _ends(lines: list[Line]) -> tuple[dict[int, int], list[Unclosed]]:
    """By the position of a line on which a brace opens: where the last of these is closed."""
    opened: list[int] = []
    ends: dict[int, int] = {}
    for at, line in enumerate(lines):
        for match in _BRACE.finditer(line.text):
            if match[0] == "{":
                opened.append(at)
            elif match[0] == "}" and opened:
                start = opened.pop()
                ends[start] = max(at, ends.get(start, start))
    return ends, [Unclosed(lines[at].number) for at in dict.fromkeys(opened)]


# --- within a line


def brace_end(text: str, start: int) -> int:
    """Where the brace is closed that opens at `start`; -1 if it never is."""
    depth = 0
    for match in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.start()
    return -1


def split(text: str, sign: str) -> tuple[str, str | None]:
    """What is before and after a sign that stands in no brace; None if there is none."""
    depth = 0
    for match in _SIGNS.finditer(text):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if match[0] == sign and depth <= 0:
            return text[: match.start()], text[match.end() :]
    return text, None


def split_all(text: str, sign: str) -> list[str]:
    """The parts between signs that stand in no brace."""
    depth, start, found = 0, 0, []
    for match in _SIGNS.finditer(text):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if match[0] == sign and depth <= 0:
            found.append(text[start : match.start()])
            start = match.end()
    return [*found, text[start:]]


def is_varying(text: str) -> bool:
    """Whether something in a text stands in braces."""
    return "{" in _BRACE.findall(text)


def unescaped(text: str) -> str:
    """Text without the backslashes that protect signs in it."""
    return _ESCAPED.sub(r"\1", text)


# --- conditionals


def branches(line: Line) -> list[Branch] | None:
    """The branches of a statement that is one pair of braces; None if it is no conditional."""
    inside = line.text[1:-1]
    if "\n" in inside:
        return _upright(line.number, inside)
    condition, rest = split(inside, ":")
    if rest is None:
        return None
    bodies = split_all(rest, "|")
    if len(bodies) > 2:
        return None
    conditions = (condition.strip(), None)
    return [
        Branch(line.number, condition, [Line(line.number, body.strip())])
        for condition, body in zip(conditions, bodies, strict=False)
    ]


def _upright(number: int, inside: str) -> list[Branch] | None:
    """A conditional over several lines: an if with else, a chain of them, or a choice by value."""
    numbered = [Line(number + at, text.strip()) for at, text in enumerate(inside.split("\n"))]
    head, rest = split(numbered[0].text, ":")
    head = head.strip()
    if head in _SEQUENCES or (rest is None and head and not _BRANCH.match(head)):
        return None
    found: list[Branch] = []
    if rest is not None and not _BRANCH.match(head):
        found.append(Branch(number, head, [Line(number, rest.strip())]))
        numbered = numbered[1:]
    depth = 0
    for line in numbered:
        branch = _BRANCH.match(line.text) if depth <= 0 else None
        if branch is not None:
            condition, rest = split(line.text[branch.end() :], ":")
            if rest is None:
                return None
            condition = condition.strip()
            own = None if condition == "else" else condition
            found.append(Branch(line.number, own, [Line(line.number, rest.strip())]))
        elif found:
            found[-1].body.append(line)
        elif line.text:
            return None
        depth += _depth(line.text)
    return _by_value(found)


def _depth(text: str) -> int:
    signs = _BRACE.findall(text)
    return signs.count("{") - signs.count("}")


def _by_value(found: list[Branch]) -> list[Branch]:
    """`{ x: - 1: ... - 2: ... }` asks for values: the same with comparisons."""
    first = found[0] if found else None
    is_choice = first is not None and len(found) > 1 and found[1].condition is not None
    if first is None or not is_choice or not _is_empty(first.body):
        return found
    return [
        Branch(each.number, each.condition and f"{first.condition} == {each.condition}", each.body)
        for each in found[1:]
    ]


def _is_empty(body: Iterable[Line]) -> bool:
    return not any(line.text for line in body)
