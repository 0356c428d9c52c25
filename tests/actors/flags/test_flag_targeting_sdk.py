"""The SDK's rules are compiled by what their targets are; that never changes an answer."""

from __future__ import annotations

import pytest

from actors.flags import targeting_sdk
from actors.flags.bucketing import PLAIN_OPERATORS, Rule

OPERATORS = [*sorted(PLAIN_OPERATORS - {"EXISTS", "NOT_EXISTS"}), "SEMVER_EQUALS"]
TEXTS = ["", "a", "ab", "ba", "b", "1", "1.5", "true", "True", "0x1", "é", "😀", "ｚ"]
NUMBERS = [0, -0.0, 1, 1.0, 1.5, -1, 2**53, 2**53 + 1, 2.0**53, 10**400, -(10**400)]
VALUES = [*TEXTS, *NUMBERS, True, False]
LISTS = [[], ["a"], ["b", "a"], ["1", "true"], ["a", 1], [1, 0], [True], [None, "a"], [["a"]]]
TARGETS = [*VALUES, *LISTS, None, {"a": 1}]


@pytest.mark.parametrize("target", TARGETS, ids=range(len(TARGETS)))
@pytest.mark.parametrize("operator", OPERATORS)
def test_a_compiled_rule_answers_as_the_general_one(operator, target):
    """Whatever the target and the value are, the short way says the same as the long one."""
    test = targeting_sdk.compile_rule(Rule(operator, "k", target))
    for value in VALUES:
        assert test({"k": value}) is targeting_sdk.holds(operator, target, value), value


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_compiled_rule_is_not_for_who_lacks_the_key(operator):
    """Without the key nobody is targeted, by negative rules neither, whatever the target is."""
    for target in TARGETS:
        assert targeting_sdk.compile_rule(Rule(operator, "k", target))({"other": 1}) is False
