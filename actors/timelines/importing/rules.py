"""Rules of a story in the words of a document: terms become conditions, assignments operations.

What a name means is known here: a constant, a variable with its type, or a place of the story,
whose visits count. Both sides of a comparison must be single things, and a sum must be one that can
be done step by step in its own variable; the rest is said to be unsayable. An empty text compares
as false in a document (spec timelines 5.12.7), so comparisons of texts are put so that they mean
what they meant. Rules: spec timelines 5.7, 5.12.9 and 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from actors.timelines import decimals, values
from actors.timelines.document import Condition, Count, Operand, Operation, OperationName, Variable
from actors.timelines.importing.terms import (
    COMPARISONS,
    ZERO,
    CannotSay,
    Junction,
    Literal,
    Name,
    Opposite,
    Pair,
    Term,
    Visits,
)

ALWAYS = Condition(all_=())
NEVER = Condition(any_=())
ZEROS: Mapping[str, str] = {"number": "0", "string": "", "boolean": "false"}
"""By type: the value of a variable that nothing has set yet."""
_SOME_TEXT = "-"  # any text that is not empty would do
_TURNED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_SUMS: Mapping[str, OperationName] = {"+": "add", "-": "sub", "*": "mul"}


class Places(Protocol):
    """Finds the event that a name of a place means, where it is written."""

    def __call__(self, name: str, where: str, /) -> str | None:
        """Its id; "" for a place that never opens; None if there is no such place."""


@dataclass(slots=True)
class Scope:
    """What names mean. Counters of visits are made when they are asked for first."""

    variables: Mapping[str, Variable]
    constants: Mapping[str, Literal]
    place: Places
    counters: dict[str, str] = field(default_factory=dict)

    def counter(self, event: str) -> str:
        """The variable that counts how often an event opened."""
        return self.counters.setdefault(event, f"visits-{event}")


@dataclass(frozen=True, slots=True)
class _Thing:
    """One side of a comparison: a literal (`text`) or a variable (`name`)."""

    type: str
    text: str = ""
    name: str | None = None

    @property
    def value(self) -> str | Operand:
        return self.text if self.name is None else Operand(self.name)


# --- conditions


def opened(event: str) -> Condition:
    """The event has been open at least once."""
    return negated(Condition(event=event, state="UNVISITED"))


def followed(link: str) -> Condition:
    """This user has followed the link."""
    return Condition(link=link, followed=Count(at_least=1))


def negated(condition: Condition) -> Condition:
    """The contrary; twice `not` is nothing."""
    return Condition(not_=condition) if condition.not_ is None else condition.not_


def together(conditions: list[Condition]) -> Condition | None:
    """All of them as one; None for none."""
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return Condition(all_=tuple(conditions))


def condition(term: Term, scope: Scope, where: str) -> Condition:
    """The condition that a term is, written at `where`. Raises `CannotSay`."""
    if isinstance(term, Opposite):
        return negated(condition(term.part, scope, where))
    if isinstance(term, Junction):
        parts = tuple(condition(part, scope, where) for part in term.parts)
        return Condition(all_=parts) if term.is_every else Condition(any_=parts)
    if isinstance(term, Pair):
        if term.sign not in COMPARISONS:
            return condition(Pair("!=", term, ZERO), scope, where)
        visits = _asked_visits(term, scope, where)
        return _comparison(term, scope, where) if visits is None else visits
    event = _event(term, scope, where)
    if event is not None:
        return opened(event) if event else NEVER
    return _truth(_thing(term, scope, where))


def _truth(thing: _Thing) -> Condition:
    """A thing that stands alone as a condition."""
    if thing.name is None:
        return ALWAYS if thing.text not in ("", "0", "false") else NEVER
    if thing.type == "number":
        return Condition(var=thing.name, op="!=", value="0")
    if thing.type == "boolean":
        return Condition(var=thing.name, op="==", value="true")
    return _filled(thing.name)


def _filled(name: str) -> Condition:
    """A text variable that is not empty: equal to some text, or different from it."""
    equal = Condition(var=name, op="==", value=_SOME_TEXT)
    return Condition(any_=(equal, Condition(var=name, op="!=", value=_SOME_TEXT)))


def _asked_visits(term: Pair, scope: Scope, where: str) -> Condition | None:
    """Whether a place was come to at all, asked by number; None if it is not that."""
    for place, sign, number in (
        (term.left, term.sign, term.right),
        (term.right, _TURNED[term.sign], term.left),
    ):
        event = _event(place, scope, where)
        if event is None or not isinstance(number, Literal) or number.type != "number":
            continue
        if not event:
            return _fixed(sign, checked(number))
        asked = (sign, number.text)
        if asked in ((">", "0"), (">=", "1"), ("!=", "0")):
            return opened(event)
        if asked in (("==", "0"), ("<", "1"), ("<=", "0")):
            return negated(opened(event))
    return None


def _fixed(sign: str, number: str) -> Condition:
    """What is so of a place that nobody ever comes to."""
    return ALWAYS if values.COMPARISONS[sign](0, decimals.read(number)) else NEVER


def _comparison(term: Pair, scope: Scope, where: str) -> Condition:
    left, right = _thing(term.left, scope, where), _thing(term.right, scope, where)
    sign = term.sign
    if left.name is None:
        left, right, sign = right, left, _TURNED[sign]
    if left.name is None:
        raise CannotSay("it compares two fixed values")
    right = _as_type(right, left.type)
    if left.type == "number":
        return Condition(var=left.name, op=sign, value=right.value)  # type: ignore[arg-type]
    if sign not in ("==", "!="):
        raise CannotSay(f"`{sign}` does not compare values of type {left.type}")
    equal = Condition(var=left.name, op="==", value=right.value)
    if left.type == "string":
        equal = _equal_texts(left.name, right, equal)
    return equal if sign == "==" else negated(equal)


def _equal_texts(name: str, right: _Thing, equal: Condition) -> Condition:
    """Texts are equal when they are both empty, too."""
    if right.name is not None:
        both = (negated(_filled(name)), negated(_filled(right.name)))
        return Condition(any_=(equal, Condition(all_=both)))
    return equal if right.text else negated(_filled(name))


# --- single things


def _event(term: Term, scope: Scope, where: str) -> str | None:
    """The event whose visits a term asks for; None if it asks for no place."""
    if isinstance(term, Visits):
        event = scope.place(term.place, where)
        if event is None:
            raise CannotSay(f"there is no passage `{term.place}`")
        return event
    if not isinstance(term, Name) or term.name in scope.variables or term.name in scope.constants:
        return None
    return scope.place(term.name, where)


def _thing(term: Term, scope: Scope, where: str) -> _Thing:
    if isinstance(term, Name) and term.name in scope.constants:
        term = scope.constants[term.name]
    if isinstance(term, Literal):
        return _Thing(term.type, checked(term))
    event = _event(term, scope, where)
    if event is not None:
        return _Thing("number", name=scope.counter(event)) if event else _Thing("number", "0")
    if isinstance(term, Name):
        variable = scope.variables.get(term.name)
        if variable is None:
            raise CannotSay(f"nothing sets `{term.name}`")
        return _Thing(variable.type, name=variable.name)
    raise CannotSay("sums and conditions inside of it have no form in a timeline")


def checked(literal: Literal) -> str:
    """The text of a literal as a variable holds it. Raises `CannotSay`."""
    try:
        return values.check(literal.type, literal.text)
    except ValueError as error:
        raise CannotSay(str(error)) from None


def _as_type(thing: _Thing, type_: str) -> _Thing:
    """A thing where a type is needed; 1 and 0 are true and false where truth is meant."""
    if thing.type == type_:
        return thing
    if thing.name is None and (type_, thing.text) in _SAME:
        return _Thing(type_, _SAME[type_, thing.text])
    raise CannotSay(f"a {thing.type} stands where a {type_} is needed")


_SAME = {
    ("boolean", "1"): "true",
    ("boolean", "0"): "false",
    ("number", "true"): "1",
    ("number", "false"): "0",
}


# --- operations


def operations(name: str, term: Term, scope: Scope, where: str) -> list[Operation]:
    """The operations that leave a term's value in variable `name`. Raises `CannotSay`."""
    variable = scope.variables.get(name)
    if variable is None:
        raise CannotSay(f"there is no variable `{name}`")
    if variable.type == "number":
        return _sum(variable.name, term, scope, where)
    if variable.type == "boolean" and isinstance(term, Opposite):
        before = operations(name, term.part, scope, where)
        return [*before, Operation("toggle", variable.name)]
    if variable.type == "string" and isinstance(term, Pair) and term.sign == "+":
        return _appended(variable.name, term, scope, where)
    return _set(variable.name, _as_type(_thing(term, scope, where), variable.type))


def _set(name: str, thing: _Thing) -> list[Operation]:
    return [] if thing.name == name else [Operation("set", name, thing.value)]


def _appended(name: str, term: Pair, scope: Scope, where: str) -> list[Operation]:
    left = _as_type(_thing(term.left, scope, where), "string")
    right = _as_type(_thing(term.right, scope, where), "string")
    if right.name == name:
        raise CannotSay("text is put before itself")
    return [*_set(name, left), Operation("append", name, right.value)]


def _sum(name: str, term: Term, scope: Scope, where: str) -> list[Operation]:
    """A sum that is done in its own variable, step by step."""
    if not isinstance(term, Pair):
        return _set(name, _as_type(_thing(term, scope, where), "number"))
    if term.sign not in _SUMS:
        raise CannotSay(f"`{term.sign}` has no form in a timeline")
    left, right = term.left, term.right
    if _is_single(right) and not _reads(right, name, scope):
        operand = _as_type(_thing(right, scope, where), "number")
        step = Operation(_SUMS[term.sign], name, operand.value)
        return [*_sum(name, left, scope, where), step]
    if not _is_single(left) or _reads(left, name, scope):
        raise CannotSay("the sum takes more than one variable to do")
    operand = _as_type(_thing(left, scope, where), "number")
    before = _sum(name, right, scope, where)
    if term.sign == "-":  # a - b is b * -1 + a
        return [*before, Operation("mul", name, "-1"), Operation("add", name, operand.value)]
    return [*before, Operation(_SUMS[term.sign], name, operand.value)]


def _is_single(term: Term) -> bool:
    return isinstance(term, Literal | Name | Visits)


def _reads(term: Term, name: str, scope: Scope) -> bool:
    variable = scope.variables.get(term.name) if isinstance(term, Name) else None
    return variable is not None and variable.name == name
