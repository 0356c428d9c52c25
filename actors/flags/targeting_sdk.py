"""One targeting rule as the JavaScript SDK 4.0.5 reads it.

Letter case counts. EQUALS wants the same type, CONTAINS and its family compare texts, and
`< >` convert as JavaScript does. A visitor without the key is not targeted, except by
NOT_EXISTS. Any operator takes a list as target: NOT_ operators want all, others any. A null
target of the CONTAINS family makes this SDK throw; here that is the answer None.
Rules: spec flags 2.1, column JS 4.0.5.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from actors.flags.bucketing import Rule
from actors.flags.javascript import is_identical, number_of, primitive_of, text_of, utf16_of

Test = Callable[[Mapping[str, object]], bool | None]
"""Whether a rule holds; None means that this SDK throws."""

ORDER: dict[str, Callable[..., bool]] = {
    "GREATER_THAN": operator.gt,
    "LOWER_THAN": operator.lt,
    "GREATER_THAN_OR_EQUALS": operator.ge,
    "LOWER_THAN_OR_EQUALS": operator.le,
}
PARTS: dict[str, Callable[[str, str], bool]] = {
    "CONTAINS": lambda value, target: target in value,
    "NOT_CONTAINS": lambda value, target: target not in value,
    "STARTS_WITH": str.startswith,
    "ENDS_WITH": str.endswith,
}
ALL_OF = frozenset(("NOT_EQUALS", "NOT_CONTAINS"))


def compile_rule(rule: Rule) -> Test:
    """One rule as a function. `fs_all_users` must be handled by the caller (always true)."""
    key, name, target = rule.key, rule.operator, rule.target
    if name in ("EXISTS", "NOT_EXISTS"):
        wanted = name == "EXISTS"
        return lambda values: (key in values) == wanted
    return _usual_test(key, name, target) or _general_test(key, name, target)


def _general_test(key: str, name: str, target: object) -> Test:
    def test(values: Mapping[str, object]) -> bool | None:
        return holds(name, target, values[key]) if key in values else False

    return test


def _usual_test(key: str, name: str, target: object) -> Test | None:
    """The same answers sooner, for targets as most rules have them; None for any other target.

    Those are a boolean for EQUALS, a number to be compared in order, a text, a list of texts.
    """
    if isinstance(target, bool):
        return (lambda values: values.get(key) is target) if name == "EQUALS" else None
    if isinstance(target, int | float) and name in ORDER:
        return _order_test(key, ORDER[name], number_of(target))
    texts = tuple(target) if isinstance(target, list) else (target,)
    if not all(isinstance(each, str) for each in texts):
        return None
    known = frozenset(texts)  # a list of visitor ids may be long
    if name == "EQUALS":
        return lambda values: values.get(key) in known
    if name == "NOT_EQUALS":
        return lambda values: key in values and values[key] not in known
    if name in PARTS:
        return _part_test(key, PARTS[name], texts, name in ALL_OF)
    return None


def _order_test(key: str, compare: Callable[[float, float], bool], target: float) -> Test:
    def test(values: Mapping[str, object]) -> bool:
        if key not in values:
            return False
        value = values[key]
        return compare(value if type(value) is float else number_of(value), target)

    return test


def _part_test(
    key: str, part: Callable[[str, str], bool], texts: tuple[str, ...], usual: bool
) -> Test:
    def test(values: Mapping[str, object]) -> bool:
        if key not in values:
            return False
        value = values[key]
        text = value if isinstance(value, str) else text_of(value)
        for each in texts:
            if part(text, each) is not usual:
                return not usual
        return usual

    return test


def holds(name: str, target: object, value: object) -> bool | None:
    """Whether `value` (a string, number or boolean) passes; None: this SDK throws."""
    if isinstance(target, list):
        return _holds_for_list(name, target, value)
    if name in ("EQUALS", "NOT_EQUALS"):
        return is_identical(value, target) == (name == "EQUALS")
    if name in PARTS:
        return None if target is None else PARTS[name](text_of(value), text_of(target))
    if name in ORDER:
        return _in_order(name, value, primitive_of(target))
    return False


def _holds_for_list(name: str, targets: list[object], value: object) -> bool | None:
    """Elements are asked in order and the first that decides ends it, as does a throw."""
    usual = name in ALL_OF
    for target in targets:
        answer = holds(name, target, value)
        if answer is not usual:
            return answer
    return usual


def _in_order(name: str, value: object, target: object) -> bool:
    if isinstance(value, str) and isinstance(target, str):
        return ORDER[name](utf16_of(value), utf16_of(target))
    return ORDER[name](number_of(value), number_of(target))
