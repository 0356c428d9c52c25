"""What Twine's macros hold: assignments, conditions, arguments.

Harlowe writes `(set: $x to it + 1)`, SugarCube `<<set $x += 1>>`; what stands inside is read here,
for both. Whatever is not plainly one of these is refused with a reason, and the caller notes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from actors.timelines.importing.story import Assignment, Rule
from actors.timelines.importing.terms import (
    CannotSay,
    Junction,
    Literal,
    Name,
    Opposite,
    Pair,
    Term,
    read_term,
)

_NAME = r"(?P<name>[$_][^\W\d][\w.]*)"
_SET = re.compile(
    _NAME + r"\s*(?:(?P<op>[-+*/%]?=(?!=)|to\b)(?P<term>.*)|(?P<step>\+\+|--))", re.DOTALL
)
_PUT = re.compile(r"(?P<term>.*)\binto\s+" + _NAME, re.DOTALL)
_HISTORY = re.compile(r"\(history:\s*\)\s*contains\s*(\"[^\"]*+\"|'[^']*+')")
_VISITED = re.compile(r"\bvisited\(\s*\)")
_ARGUMENT = re.compile(r"\"([^\"]*+)\"|'([^']*+)'|\[\[([^\]]*+)\]\]")
_PARTS = re.compile(r"\"[^\"]*+\"|'[^']*+'|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<end>[,;])")


def closing(text: str, start: int) -> int:
    """Where the round bracket is closed that is open at `start`; -1 if it never is."""
    depth = 1
    for match in re.compile(r"\"[^\"]*+\"|'[^'\n]*+'|[()]").finditer(text, start):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return match.start()
    return -1


def assignments(source: str, line: int) -> Iterator[Assignment]:
    """What `$x to 1, $y += 2` or `1 into $x` sets. Raises `CannotSay` at what is neither."""
    for part in _parted(source):
        shown = " ".join(part.split())
        match = _SET.fullmatch(part) or _PUT.fullmatch(part)
        if match is None:
            raise CannotSay(f"`{shown[:40]}` is not understood")
        given, name = match.groupdict(), match["name"]
        if given.get("step"):
            term: Term = Pair(given["step"][0], Name(name), Literal("1", "number"))
        else:
            term = _it(read_term(given["term"]), name)
            op = given.get("op") or "="
            if op not in ("=", "to"):
                term = Pair(op[0], Name(name), term)
        yield Assignment(line, shown, name, term)


def rule(source: str, line: int, passage: str) -> Rule:
    """The condition of an `if` in a passage. Raises `CannotSay`."""
    asked = _HISTORY.sub(r"visited(\1)", source)
    quote = "'" if '"' in passage else '"'
    asked = _VISITED.sub(lambda _: f"visited({quote}{passage}{quote})", asked)
    return Rule(line, " ".join(source.split()), read_term(asked))


def contrary(rules: tuple[Rule, ...]) -> Rule:
    """A rule that holds when not all of these do; there is at least one."""
    if len(rules) == 1:
        return replace(rules[0], is_negated=not rules[0].is_negated)
    parts = tuple(Opposite(each.term) if each.is_negated else each.term for each in rules)
    return Rule(rules[0].line, rules[0].source, Junction(True, parts), is_negated=True)


def arguments(source: str) -> list[str]:
    """The texts and links that are handed to a macro, as far as they are fixed."""
    return ["".join(each) for each in _ARGUMENT.findall(source)]


def _parted(source: str) -> list[str]:
    """Parts between commas or semicolons that stand in no bracket and no text."""
    depth, start, found = 0, 0, []
    for match in _PARTS.finditer(source):
        depth += 1 if match["open"] else -1 if match["close"] else 0
        if match["end"] and depth == 0:
            found.append(source[start : match.start()])
            start = match.end()
    found.append(source[start:])
    return [part.strip() for part in found if part.strip()]


def _it(term: Term, name: str) -> Term:
    """The term with the variable in place of `it`, Harlowe's word for what is set."""
    match term:
        case Name("it"):
            return Name(name)
        case Pair(sign, left, right):
            return Pair(sign, _it(left, name), _it(right, name))
        case Opposite(part):
            return Opposite(_it(part, name))
        case _:
            return term
