"""Terms: the conditions and sums of Ink, Harlowe and SugarCube as one small tree.

The three languages write them almost alike, with words or with signs, so one reader takes all. It
looks at form only: what names mean is found out in `importing_rules.py`, when the whole story is
known. A term has at most two hundred words and brackets nest at most sixteen deep, so that nothing
that walks over one can run out of stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal as OneOf

WORDS_MAX = 200
DEPTH_MAX = 16

Type = OneOf["number", "string", "boolean"]

_WORD = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?![\w.]))
    |"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'
    |(?P<name>[$_]?[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    |(?P<sign>===|!==|==|!=|>=|<=|&&|\|\||\+\+|--|[-+*/%()<>!=,?^]))""",
    re.VERBOSE,
)
_SPOKEN = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "is": "==",
    "eq": "==",
    "===": "==",
    "isnot": "!=",
    "neq": "!=",
    "!==": "!=",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "mod": "%",
    "has": "?",
}
_BINDING = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", ">", "<=", ">=", "?", "^"), 3),
    **dict.fromkeys("+-", 4),
    **dict.fromkeys("*/%", 5),
}
COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")


class CannotSay(Exception):
    """A term that a document has no words for; the message says what in it."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands there."""

    text: str
    type: Type


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, a constant or a place of the story; which, is known later."""

    name: str


@dataclass(frozen=True, slots=True)
class Visits:
    """How often a passage was come to, asked by its name."""

    place: str


@dataclass(frozen=True, slots=True)
class Opposite:
    """True when its part is not."""

    part: Term


@dataclass(frozen=True, slots=True)
class Junction:
    """Every part (`is_every`), or some."""

    is_every: bool
    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two terms and a sign between them: a sum or a comparison."""

    sign: str
    left: Term
    right: Term


Term = Literal | Name | Visits | Opposite | Junction | Pair

ZERO = Literal("0", "number")
VISITING = ("visited", "hasvisited")


def read_term(text: str) -> Term:
    """Read one term. Raises `CannotSay` for anything else."""
    reader = _Reader(_words(text))
    found = reader.term(0)
    reader.done()
    return found


def _words(text: str) -> list[tuple[str, str]]:
    """The words of a term, each with its kind: number, string, name or sign."""
    found: list[tuple[str, str]] = []
    at, text = 0, text.rstrip()
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise CannotSay(f"`{text[at : at + 20].strip()}` is not understood")
        if len(found) == WORDS_MAX:
            raise CannotSay(f"it has more than {WORDS_MAX} words")
        kind, word = match.lastgroup or "", match[match.lastgroup or 0]
        kind = "string" if kind in ("double", "single") else kind
        if kind in ("name", "sign") and word in _SPOKEN:
            kind, word = "sign", _SPOKEN[word]
        if found and found[-1] == ("sign", "==") and (kind, word) == ("sign", "!"):
            found[-1] = ("sign", "!=")  # `is not`
        else:
            found.append((kind, word))
        at = match.end()
    return found


class _Reader:
    """Reads words by how tightly their signs bind."""

    def __init__(self, words: list[tuple[str, str]]) -> None:
        self._words = words
        self._at = 0
        self._depth = 0

    def done(self) -> None:
        if self._at < len(self._words):
            raise CannotSay(f"`{self._words[self._at][1]}` is not expected there")

    def term(self, binding: int) -> Term:
        left = self._one()
        while (sign := self._sign()) in _BINDING and _BINDING[sign] > binding:
            self._at += 1
            right = self.term(_BINDING[sign])
            left = _joined(sign, left, right)
        return left

    def _sign(self) -> str:
        if self._at < len(self._words) and self._words[self._at][0] == "sign":
            return self._words[self._at][1]
        return ""

    def _one(self) -> Term:
        if self._at == len(self._words):
            raise CannotSay("something is missing in it")
        kind, word = self._words[self._at]
        self._at += 1
        if kind == "number":
            return Literal(word, "number")
        if kind == "string":
            return Literal(word, "string")
        if kind == "name":
            return self._named(word)
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise CannotSay(f"it nests deeper than {DEPTH_MAX}")
        found = self._signed(word)
        self._depth -= 1
        return found

    def _signed(self, sign: str) -> Term:
        if sign == "!":
            return Opposite(self._one())
        if sign == "-":
            return _negated(self._one())
        if sign != "(":
            raise CannotSay(f"`{sign}` is not expected there")
        found = self.term(0)
        self._close()
        return found

    def _named(self, word: str) -> Term:
        if word in ("true", "false"):
            return Literal(word, "boolean")
        if self._sign() != "(":
            return Name(word)
        self._at += 1
        if word.lower() not in VISITING or self._at == len(self._words):
            raise CannotSay(f"the function `{word}` is not known")
        kind, place = self._words[self._at]
        if kind != "string":
            raise CannotSay(f"`{word}` needs the name of a passage")
        self._at += 1
        self._close()
        return Visits(place)

    def _close(self) -> None:
        if self._sign() != ")":
            raise CannotSay("a bracket is not closed")
        self._at += 1


def _joined(sign: str, left: Term, right: Term) -> Term:
    """Two terms as one; parts of the same kind of junction stand side by side."""
    if sign not in ("&&", "||"):
        return Pair(sign, left, right)
    is_every = sign == "&&"
    parts: tuple[Term, ...] = ()
    for each in (left, right):
        is_same = isinstance(each, Junction) and each.is_every is is_every
        parts += each.parts if is_same and isinstance(each, Junction) else (each,)
    return Junction(is_every, parts)


def _negated(term: Term) -> Term:
    if isinstance(term, Literal) and term.type == "number":
        text = term.text
        return Literal(text.removeprefix("-") if text.startswith("-") else f"-{text}", "number")
    return Pair("*", term, Literal("-1", "number"))
