"""One targeting rule as the decision server reads it.

Strings are compared without letter case; a value of another type than the target is an *error*
(None), which spoils the whole variation group. Lists: a positive operator wants any element, a
NOT_ operator wants all, other operators never match a list. A visitor without the key is simply
not targeted. Where the original crashes, ours says no. Rules: spec flags 2.1.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from actors.flags.bucketing import VERSION_OPERATORS, Rule
from actors.flags.members import kind_of
from actors.flags.versions import precedence

Test = Callable[[Mapping[str, object], Mapping[str, Mapping[str, object]]], bool | None]
"""Whether a rule holds; None is an error of type."""

Answer = Callable[[object], bool | None]
"""What a rule says about a value that is there."""


Compare = Callable[..., bool]
"""A comparison of a visitor's value (first) with a target of the same type."""

ANY_OF = frozenset(("EQUALS", "CONTAINS"))
ALL_OF = frozenset(("NOT_EQUALS", "NOT_CONTAINS"))
MISSING = object()


SAME: dict[str, Compare] = {"EQUALS": operator.eq, "NOT_EQUALS": operator.ne}
ORDER: dict[str, Compare] = {
    "GREATER_THAN": operator.gt,
    "LOWER_THAN": operator.lt,
    "GREATER_THAN_OR_EQUALS": operator.ge,
    "LOWER_THAN_OR_EQUALS": operator.le,
}
PARTS: dict[str, Compare] = {
    "CONTAINS": str.__contains__,
    "NOT_CONTAINS": lambda value, target: target not in value,
    "STARTS_WITH": str.startswith,
    "ENDS_WITH": str.endswith,
}
COMPARE: dict[str, dict[str, Compare]] = {
    "string": {**SAME, **ORDER, **PARTS},
    "number": {**SAME, **ORDER},
    "boolean": SAME,
}


def compile_rule(rule: Rule) -> Test:
    """One rule as a function. `fs_all_users` must be handled by the caller (always true)."""
    if rule.operator in ("EXISTS", "NOT_EXISTS"):
        return _existence(rule)
    return _looked_up(rule, _answer(rule))


def _existence(rule: Rule) -> Test:
    wanted = (rule.target is True) == (rule.operator == "EXISTS")
    key, provider = rule.key, _provider(rule)

    def test(
        values: Mapping[str, object], integrations: Mapping[str, Mapping[str, object]]
    ) -> bool:
        seen = integrations.get(provider, {}) if provider else values
        return (key in seen) == wanted

    return test


def _looked_up(rule: Rule, answer: Answer) -> Test:
    key, provider = rule.key, _provider(rule)

    def test(
        values: Mapping[str, object], integrations: Mapping[str, Mapping[str, object]]
    ) -> bool | None:
        value = values.get(key, MISSING)
        return False if value is MISSING else answer(value)

    def test_of_provider(
        values: Mapping[str, object], integrations: Mapping[str, Mapping[str, object]]
    ) -> bool | None:
        return test(integrations.get(provider, {}), integrations)

    return test_of_provider if provider else test


def _provider(rule: Rule) -> str:
    return "" if rule.key == "fs_users" else rule.provider


def _answer(rule: Rule) -> Answer:
    """The quickest function for this operator and this type of target."""
    name, target = rule.operator, rule.target
    if name in VERSION_OPERATORS:
        return _version(name, target)
    if isinstance(target, str) and name in COMPARE["string"]:
        return _text(name, target)
    if kind_of(target) == "number" and name in COMPARE["number"]:
        return _number(name, target)
    if isinstance(target, list) and all(isinstance(each, str) for each in target):
        texts = frozenset(str(each).lower() for each in target)
        if name in SAME:
            return _same_as_any(name, target, texts)
        if name in ("CONTAINS", "NOT_CONTAINS"):
            return _contains_any(name, target, texts)
    return lambda value: holds(name, target, value)


def _text(name: str, target: str) -> Answer:
    compare, lowered = COMPARE["string"][name], target.lower()

    def answer(value: object) -> bool | None:
        if isinstance(value, str):
            return compare(value.lower(), lowered)
        return holds(name, target, value)

    return answer


def _number(name: str, target: object) -> Answer:
    compare = COMPARE["number"][name]

    def answer(value: object) -> bool | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return compare(value, target)
        return holds(name, target, value)

    return answer


def _same_as_any(name: str, target: list[object], texts: frozenset[str]) -> Answer:
    positive = name == "EQUALS"

    def answer(value: object) -> bool | None:
        if isinstance(value, str):
            return (value.lower() in texts) == positive
        return holds(name, target, value)

    return answer


def _contains_any(name: str, target: list[object], texts: frozenset[str]) -> Answer:
    positive = name == "CONTAINS"

    def answer(value: object) -> bool | None:
        if isinstance(value, str):
            lowered = value.lower()
            return any(text in lowered for text in texts) == positive
        return holds(name, target, value)

    return answer


def _version(name: str, target: object) -> Answer:
    compare = COMPARE["number"][name.removeprefix("SEMVER_")]
    wanted = precedence(target) if isinstance(target, str) else None

    def answer(value: object) -> bool:
        found = precedence(value) if isinstance(value, str) else None
        return wanted is not None and found is not None and compare(found, wanted)

    return answer


def holds(name: str, target: object, value: object) -> bool | None:
    """Whether `value` passes that operator, for every type of JSON; None is an error of type."""
    if isinstance(value, list):
        return _holds_for_list(name, target, value)
    if isinstance(target, list):
        return _combined(name, [holds(name, each, value) for each in target])
    kind = kind_of(target)
    if kind != kind_of(value):
        return None
    if kind not in COMPARE:
        return False
    compare = COMPARE[kind].get(name)
    if compare is None:
        return None
    if isinstance(target, str) and isinstance(value, str):
        return compare(value.lower(), target.lower())
    return compare(value, target)


def _holds_for_list(name: str, target: object, values: list[object]) -> bool | None:
    if values and kind_of(values[0]) != kind_of(target):
        return None
    answers = [holds(name, target, each) for each in values]
    return False if None in answers else _combined(name, answers)


def _combined(name: str, answers: list[bool | None]) -> bool:
    if name in ALL_OF:
        return all(answers)
    return name in ANY_OF and any(answers)
