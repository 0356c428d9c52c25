"""Conditions that never hold, as far as a document alone can tell.

A condition is looked at with `not` pushed down to its leaves. Each leaf always holds, never holds
or may do either; and of leaves that must hold together some exclude each other, as `x == 1` and
`x == 2`. What is missed is not reported: users' values, operators and clocks decide the rest.
Rules: spec timelines 5.12.6, 5.12.7 and 8.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from actors.timelines import decimals, times, values
from actors.timelines.document import Condition, Count, Elapsed, Time, Timeline
from actors.timelines.publishing import parts

OPPOSITE = {"==": "!=", "!=": "==", ">": "<=", ">=": "<", "<": ">=", "<=": ">"}
EXACT = ("number", "string", "boolean")
"""Types whose values are the same in every time zone."""

Bound = tuple[str, Decimal | str]


class Never:
    """Judges conditions of one document, which has no problem."""

    def __init__(self, document: Timeline) -> None:
        self._variables = {one.name: one for one in document.variables}
        self._changed = {one.var for _, listed in parts.operations(document) for one in listed}
        self._left = {event.id for event in document.events if event.links}

    def holds(self, condition: Condition) -> bool:
        """Whether this condition never holds. (The name reads with the object: `never.holds`.)"""
        return self._verdict(condition, False, True) is False

    def _verdict(self, one: Condition, negated: bool, is_outermost: bool) -> bool | None:
        """True: always; False: never; None: it depends. At most 64 deep, or it has a problem."""
        if one.not_ is not None:
            return self._verdict(one.not_, not negated, is_outermost)
        listed = one.all_ if one.all_ is not None else one.any_
        if listed is None:
            verdict = self._leaf(one)
            return verdict if verdict is None else verdict is not negated
        is_every = (one.all_ is not None) is not negated
        verdicts = {self._verdict(each, negated, not is_every) for each in listed}
        if (not is_every) in verdicts:
            return not is_every
        if None not in verdicts:
            return is_every
        if is_every and is_outermost and self._exclude(together(one, negated)):
            return False
        return None

    # --- leaves

    def _leaf(self, one: Condition) -> bool | None:
        if one.var is not None:
            return self._comparison(one, one.var)
        if one.state == "VISITED" and one.event not in self._left:
            return False  # an event is left by following one of its links
        if one.followed is not None:
            return _count(one.followed)
        if one.followed_by_all is not None:
            return True if not one.followed_by_all.at_least else None
        if one.time is not None and _is_empty_time(one.time):
            return False
        if one.elapsed is not None and _is_empty_span(one.elapsed):
            return False
        return None

    def _comparison(self, one: Condition, name: str) -> bool | None:
        """An empty operand is never equal to anything; a value that nothing changes is known."""
        variable = self._variables[name]
        if one.value == "":
            return False
        is_fixed = variable.scope == "user" and name not in self._changed
        if not is_fixed or variable.type not in EXACT or not isinstance(one.value, str):
            return None
        if not variable.default:
            return False
        return _compare(variable.type, variable.default, one.op or "", one.value)

    # --- leaves that must hold together

    def _exclude(self, leaves: Iterable[tuple[Condition, bool]]) -> bool:
        """Whether some of these leaves exclude each other."""
        bounds: dict[str, list[Bound]] = defaultdict(list)
        states: dict[str, set[str]] = defaultdict(set)
        for one, negated in leaves:
            if one.event is not None and not negated:
                states[one.event].add(one.state or "")
            elif one.var is not None and one.op is not None and isinstance(one.value, str):
                type_ = self._variables[one.var].type
                is_exact = type_ in EXACT and not (type_ == "string" and negated)
                if is_exact and one.value:  # the negation also holds for a string that is empty
                    op = OPPOSITE[one.op] if negated else one.op
                    bounds[one.var].append((op, _value(type_, one.value)))
        return any(len(known) > 1 for known in states.values()) or any(
            map(_is_nothing_left, bounds.values())
        )


def together(condition: Condition, negated: bool) -> Iterable[tuple[Condition, bool]]:
    """The leaves that must all hold for a condition to hold, and whether each is negated."""
    waiting = [(condition, negated)]
    while waiting:
        one, is_not = waiting.pop()
        if one.not_ is not None:
            waiting.append((one.not_, not is_not))
        elif one.all_ is None and one.any_ is None:
            yield one, is_not
        else:
            waiting += [(each, is_not) for each in ((one.any_ if is_not else one.all_) or ())]


def _is_nothing_left(bounds: list[Bound]) -> bool:
    """Whether no value meets all of these bounds. Numbers are dense, texts have no order."""
    equal = {value for op, value in bounds if op == "=="}
    if equal:
        return len(equal) > 1 or any(
            not values.COMPARISONS[op](value, bound) for value in equal for op, bound in bounds
        )
    numbers = [(op, bound) for op, bound in bounds if isinstance(bound, Decimal)]
    lows = [(bound, op == ">") for op, bound in numbers if op in (">", ">=")]
    highs = [(bound, op == "<=") for op, bound in numbers if op in ("<", "<=")]
    if not lows or not highs:
        return False
    (low, is_beyond), (high, is_included) = max(lows), min(highs)
    return low > high or (low == high and (is_beyond or not is_included))


def _compare(type_: str, left: str, op: str, right: str) -> bool:
    return values.COMPARISONS[op](_value(type_, left), _value(type_, right))


def _value(type_: str, text: str) -> Decimal | str:
    return decimals.read(text) if type_ == "number" else text


def _count(count: Count) -> bool | None:
    least, most = count.at_least or 0, count.at_most
    if most is None:
        return True if least == 0 else None
    return False if least > most else None


def _is_empty_time(time: Time) -> bool:
    """Whether `after` is not before `before`, where both are literals in the same zone."""
    if not isinstance(time.after, str) or not isinstance(time.before, str):
        return False
    after, before = times.read_instant(time.after), times.read_instant(time.before)
    if isinstance(after, times.Naive) and isinstance(before, times.Naive):
        return after.wall_us >= before.wall_us
    return isinstance(after, int) and isinstance(before, int) and after >= before


def _is_empty_span(elapsed: Elapsed) -> bool:
    if elapsed.at_least is None or elapsed.at_most is None:
        return False
    return times.read_duration(elapsed.at_least) > times.read_duration(elapsed.at_most)
