"""Values of variables: four types, all of them texts on the wire.

A number is an exact decimal, a string is a text, a datetime is empty (unset) or an ISO time, a
boolean is `true` or `false`. Each value has one canonical text, so that equal texts are equal
values. Operations yield a new text or refuse; they never round and never cut.
Rules: spec timelines 5.7, 5.12.7, 5.12.9; ledger TL-108, TL-135.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal

from actors.timelines import decimals, times
from actors.timelines.decimals import Overflow as Overflow
from actors.timelines.times import Zone

Type = Literal["number", "string", "datetime", "boolean"]
"""The declared type of a variable."""

STRING_CHARACTERS_MAX = 4_096
UNSET = ""
"""The text of a datetime that nobody has set."""

Comparing = Callable[[Any, Any], bool]
"""An operator on two values of one kind: two decimals, two instants or two texts."""

ORDERINGS: Mapping[str, Comparing] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
EQUALITIES: Mapping[str, Comparing] = {"==": operator.eq, "!=": operator.ne}
COMPARISONS: Mapping[str, Comparing] = {**EQUALITIES, **ORDERINGS}
"""Operators by their sign. Orderings are for numbers and datetimes only."""

OPERATIONS: Mapping[str, frozenset[str]] = {
    "number": frozenset({"set", "add", "sub", "mul", "min", "max"}),
    "string": frozenset({"set", "append"}),
    "datetime": frozenset({"set", "set_now"}),
    "boolean": frozenset({"set", "toggle"}),
}
"""What may be done to a variable, by its type (spec timelines 5.12.9)."""


class BadValue(ValueError):
    """A text that is no value of its type, or something that this type cannot do."""


def check(type_: str, text: str) -> str:
    """The canonical text of a value, or `BadValue`.

    Strings have at most 4,096 characters and no half of a surrogate pair; they stay as they are.
    Datetimes are `""` or a time as `times.read_instant` takes it; those with a zone become UTC.
    """
    try:
        return _CHECKS[type_](text)
    except (decimals.BadNumber, times.BadTime) as wrong:
        raise BadValue(str(wrong)) from wrong


def compare(type_: str, left: str, op: str, right: str, zone: Zone) -> bool:
    """Whether `left op right` holds for two values of a type.

    An empty operand (an unset datetime, an empty string) makes it false, whatever the operator.
    Datetimes compare as instants; those without a zone are those of `zone`. `BadValue`: this type
    is not ordered, or no such operator.
    """
    comparing = comparison(type_, op)
    if not left or not right:
        return False
    if type_ == "number":
        return comparing(decimals.read(left), decimals.read(right))
    if type_ == "datetime":
        return comparing(times.to_us(left, zone), times.to_us(right, zone))
    return comparing(left, right)


def comparison(type_: str, op: str) -> Comparing:
    """The function of an operator, or `BadValue` if this type does not have it."""
    known = COMPARISONS if type_ in ("number", "datetime") else EQUALITIES
    if op not in known:
        raise BadValue(f"{op!r} does not compare values of type {type_}")
    return known[op]


def apply(
    type_: str, op: str, current: str, operand: str | None, now_ms: int, plus: str | None = None
) -> str:
    """The canonical text that an operation leaves in a variable of that type.

    `operand` counts for set, add, sub, mul, min, max and append. set_now writes `now_ms`, later by
    the duration `plus`, in UTC. `BadValue`: the operand is none of this type, or the type does not
    have the operation. `Overflow`: the variable cannot hold the result.
    """
    if op not in OPERATIONS[type_]:
        raise BadValue(f"{op!r} does not work on values of type {type_}")
    if op == "toggle":
        return "false" if current == "true" else "true"
    if op == "set_now":
        return _later(now_ms + (times.read_duration(plus) if plus else 0))
    value = check(type_, operand or "")
    if op == "set":
        return value
    if op == "append":
        return _appended(current, value)
    return decimals.write(_ARITHMETIC[op](decimals.read(current), decimals.read(value)))


def _appended(current: str, operand: str) -> str:
    text = current + operand
    if len(text) > STRING_CHARACTERS_MAX:
        raise Overflow(f"a string has at most {STRING_CHARACTERS_MAX} characters")
    return text


def _later(ms: int) -> str:
    if not times.is_writable(ms):
        raise Overflow("a datetime lies in the years 1 to 9999")
    return times.write_instant(ms)


def _checked_number(text: str) -> str:
    return decimals.write(decimals.read(text))


def _checked_string(text: str) -> str:
    if len(text) > STRING_CHARACTERS_MAX:
        raise BadValue(f"a string has at most {STRING_CHARACTERS_MAX} characters")
    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
        raise BadValue("a string holds half of a surrogate pair")
    return text


def _checked_datetime(text: str) -> str:
    return times.canonical(text) if text else UNSET


def _checked_boolean(text: str) -> str:
    if text not in ("true", "false"):
        raise BadValue("a boolean is true or false")
    return text


_CHECKS: Mapping[str, Callable[[str], str]] = {
    "number": _checked_number,
    "string": _checked_string,
    "datetime": _checked_datetime,
    "boolean": _checked_boolean,
}
_ARITHMETIC: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "add": decimals.add,
    "sub": decimals.sub,
    "mul": decimals.mul,
    "min": min,
    "max": max,
}
