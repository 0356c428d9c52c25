"""Targeting: every cell of the table of operators, for both profiles."""

from __future__ import annotations

import pytest
from flag_targeting import SDK, SERVER, answer, matches

from actors.flags.bucketing import PLAIN_OPERATORS, VERSION_OPERATORS, Rule
from actors.flags.targeting import is_for_everyone

STRINGS = [
    # operator, target, value, server, sdk: strings ignore letter case on the server only
    ("EQUALS", "vip", "vip", True, True),
    ("EQUALS", "vip", "VIP", True, False),
    ("EQUALS", "vip", "vi", False, False),
    ("EQUALS", "", "", True, True),
    ("NOT_EQUALS", "vip", "VIP", False, True),
    ("NOT_EQUALS", "vip", "other", True, True),
    ("CONTAINS", "B", "abc", True, False),
    ("CONTAINS", "b", "abc", True, True),
    ("CONTAINS", "d", "abc", False, False),
    ("NOT_CONTAINS", "B", "abc", False, True),
    ("NOT_CONTAINS", "d", "abc", True, True),
    ("STARTS_WITH", "A", "abc", True, False),
    ("STARTS_WITH", "a", "abc", True, True),
    ("STARTS_WITH", "c", "abc", False, False),
    ("ENDS_WITH", "C", "abc", True, False),
    ("ENDS_WITH", "c", "abc", True, True),
    ("ENDS_WITH", "", "abc", True, True),
    ("GREATER_THAN", "abc", "ABD", True, False),
    ("GREATER_THAN", "abc", "abd", True, True),
    ("GREATER_THAN", "abc", "abc", False, False),
    ("LOWER_THAN", "abd", "ABC", True, True),
    ("LOWER_THAN", "ABD", "abc", True, False),
    ("GREATER_THAN_OR_EQUALS", "abc", "ABC", True, False),
    ("GREATER_THAN_OR_EQUALS", "abc", "abc", True, True),
    ("LOWER_THAN_OR_EQUALS", "ABC", "abc", True, False),
    ("LOWER_THAN_OR_EQUALS", "abc", "abc", True, True),
]


@pytest.mark.parametrize(("operator", "target", "value", "server", "sdk"), STRINGS)
def test_strings(operator, target, value, server, sdk):
    """Strings compare without letter case on the server, with it in the SDK."""
    assert answer(SERVER, operator, target, value) is server
    assert answer(SDK, operator, target, value) is sdk


@pytest.mark.covers("FS-024")
def test_the_sdk_minds_case_of_keys_and_values():
    """Context keys and values are case sensitive: `VIP` is not `vip`, `Age` is not `age`."""
    assert not answer(SDK, "EQUALS", "vip", "VIP")
    both = [[("EQUALS", "age", 1), ("EQUALS", "Age", 2)]]
    assert matches(SDK, both, age=1, Age=2)
    assert not matches(SDK, both, Age=1)


@pytest.mark.parametrize("operator", sorted(PLAIN_OPERATORS - {"EXISTS", "NOT_EXISTS"}))
def test_a_wrong_type_spoils_the_group_on_the_server(operator):
    """A value of another type is an error: no match, and alternatives before and after are void."""
    bad = (operator, "k", "text")
    for value in (1, True, None, {"a": 1}):
        assert answer(SERVER, operator, "text", value) is False
        assert not matches(SERVER, [[bad], [("EQUALS", "ok", 1)]], k=value, ok=1)
        assert not matches(SERVER, [[("EQUALS", "ok", 1)], [bad]], k=value, ok=1)
    assert matches(SERVER, [[("EQUALS", "other", 2)], [("EQUALS", "ok", 1)]], other=1, ok=1)


def test_a_missing_key_does_not_spoil_the_group_on_the_server():
    """No value is simply no match, so that another alternative may match."""
    assert matches(SERVER, [[("EQUALS", "gone", "x")], [("EQUALS", "ok", 1)]], ok=1)


SDK_MISMATCHES = [
    # EQUALS is strict, < > convert, the CONTAINS family compares texts
    ("EQUALS", "1", 1, False),
    ("EQUALS", 1, True, False),
    ("EQUALS", True, 1, False),
    ("EQUALS", 1, 1.0, True),
    ("EQUALS", None, "x", False),
    ("EQUALS", {"a": 1}, "x", False),
    ("NOT_EQUALS", "1", 1, True),
    ("NOT_EQUALS", 1, True, True),
    ("NOT_EQUALS", None, 0, True),
    ("GREATER_THAN", "5", 10, True),
    ("GREATER_THAN", 5, "10", True),
    ("GREATER_THAN", 5, "ten", False),
    ("LOWER_THAN", 5, "ten", False),
    ("LOWER_THAN", 5, "", True),
    ("LOWER_THAN", 20, "0x10", True),
    ("GREATER_THAN", None, 1, True),
    ("LOWER_THAN", None, -1, True),
    ("GREATER_THAN", False, True, True),
    ("GREATER_THAN_OR_EQUALS", True, 1, True),
    ("LOWER_THAN_OR_EQUALS", {"a": 1}, 1, False),
    ("LOWER_THAN_OR_EQUALS", {"a": 1}, "Z", True),
    ("LOWER_THAN", "Infinity", 5, True),
    ("CONTAINS", 2, 123, True),
    ("CONTAINS", "rue", True, True),
    ("CONTAINS", True, "is true", True),
    ("CONTAINS", {"a": 1}, "an [object Object]", True),
    ("NOT_CONTAINS", 2, "123", False),
    ("STARTS_WITH", 1, 123, True),
    ("ENDS_WITH", 0.5, 10.5, True),
]


@pytest.mark.parametrize(("operator", "target", "value", "expected"), SDK_MISMATCHES)
def test_a_wrong_type_is_converted_by_the_sdk(operator, target, value, expected):
    """The SDK compares values of different types as JavaScript does."""
    assert answer(SDK, operator, target, value) is expected


NUMBERS = [
    ("EQUALS", 10, 10, True),
    ("EQUALS", 10, 10.0, True),
    ("EQUALS", 10, 9, False),
    ("NOT_EQUALS", 10, 9, True),
    ("NOT_EQUALS", 10, 10, False),
    ("GREATER_THAN", 10, 11, True),
    ("GREATER_THAN", 10, 10, False),
    ("LOWER_THAN", 10, 9.5, True),
    ("LOWER_THAN", 10, 10, False),
    ("GREATER_THAN_OR_EQUALS", 10, 10, True),
    ("GREATER_THAN_OR_EQUALS", 10, 9, False),
    ("LOWER_THAN_OR_EQUALS", 10, 10, True),
    ("LOWER_THAN_OR_EQUALS", 10, 11, False),
]


@pytest.mark.parametrize("profile", [SERVER, SDK])
@pytest.mark.parametrize(("operator", "target", "value", "expected"), NUMBERS)
def test_numbers(profile, operator, target, value, expected):
    """Both profiles compare numbers alike, whole or not."""
    assert answer(profile, operator, target, value) is expected


PARTS = ["CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "ENDS_WITH"]
ORDER = ["GREATER_THAN", "LOWER_THAN", "GREATER_THAN_OR_EQUALS", "LOWER_THAN_OR_EQUALS"]


@pytest.mark.parametrize(
    ("target", "operators"), [(1, PARTS), (True, PARTS + ORDER)], ids=["number", "boolean"]
)
def test_operators_that_do_not_suit_are_errors_on_the_server(target, operators):
    """Parts of numbers and the order of booleans are errors, which spoil the group."""
    for operator in operators:
        bad = (operator, "k", target)
        assert not matches(SERVER, [[bad], [("EQUALS", "ok", 1)]], k=target, ok=1)


def test_booleans_on_the_server():
    """Booleans are equal or not, and never numbers."""
    assert answer(SERVER, "EQUALS", True, True)
    assert not answer(SERVER, "EQUALS", True, False)
    assert answer(SERVER, "NOT_EQUALS", True, False)
    assert not answer(SERVER, "EQUALS", 1, True)


def test_null_and_objects_never_match_on_the_server():
    """Null equals not even null, and an object no object, without spoiling the group."""
    for value in (None, {"a": 1}):
        assert answer(SERVER, "EQUALS", value, value) is False
        assert matches(SERVER, [[("EQUALS", "k", value)], [("EQUALS", "ok", 1)]], k=value, ok=1)


@pytest.mark.parametrize("operator", sorted(PLAIN_OPERATORS | VERSION_OPERATORS))
@pytest.mark.parametrize("target", ["x", 1, ["x"], []], ids=str)
@pytest.mark.parametrize("profile", [SERVER, SDK])
def test_a_missing_key_is_not_targeted(profile, operator, target):
    """Only EXISTS and NOT_EXISTS may be true for a visitor without the key."""
    true_when_absent = {SERVER: "EXISTS", SDK: "NOT_EXISTS"}  # on the server "x" counts as false
    assert answer(profile, operator, target) is (operator == true_when_absent[profile])


EXISTENCE = [
    # operator, target, present on server, absent on server
    ("EXISTS", True, True, False),
    ("EXISTS", False, False, True),
    ("EXISTS", "abc", False, True),
    ("EXISTS", None, False, True),
    ("EXISTS", 1, False, True),
    ("NOT_EXISTS", True, False, True),
    ("NOT_EXISTS", False, True, False),
    ("NOT_EXISTS", "abc", True, False),
]


@pytest.mark.parametrize(("operator", "target", "present", "absent"), EXISTENCE)
def test_existence(operator, target, present, absent):
    """The server honours a boolean target, the SDK ignores the target."""
    for value in ("x", 0, None, [1], {}):
        assert answer(SERVER, operator, target, value) is present
    assert answer(SERVER, operator, target) is absent
    assert answer(SDK, operator, target, 0) is (operator == "EXISTS")
    assert answer(SDK, operator, target) is (operator == "NOT_EXISTS")


@pytest.mark.parametrize("profile", [SERVER, SDK])
@pytest.mark.parametrize("operator", sorted(PLAIN_OPERATORS | VERSION_OPERATORS))
def test_everyone_is_targeted_by_fs_all_users(profile, operator):
    """`fs_all_users` is true with any operator and target, but does not excuse other rules."""
    assert answer(profile, operator, "", key="fs_all_users") is True
    assert answer(profile, operator, None, key="fs_all_users") is True
    both = [[(operator, "fs_all_users", ""), ("EQUALS", "age", 1)]]
    assert matches(profile, both, age=1)
    assert not matches(profile, both, age=2)


@pytest.mark.parametrize("profile", [SERVER, SDK])
def test_the_visitor_id_is_a_key(profile):
    """`fs_users` is the visitor id."""
    assert answer(profile, "EQUALS", ["x", "visitor_1"], key="fs_users")
    assert answer(profile, "STARTS_WITH", "visitor", key="fs_users")
    assert not answer(profile, "EQUALS", "visitor_2", key="fs_users")
    assert answer(profile, "EXISTS", True, key="fs_users")


def test_an_unknown_operator_is_false_in_the_sdk():
    """The SDK has no error for operators it does not know."""
    assert answer(SDK, "LIKE", "a", "a") is False


@pytest.mark.parametrize("operator", PARTS)
def test_a_null_target_throws_in_the_sdk(operator):
    """A null target of the CONTAINS family is the one case where this SDK throws."""
    assert answer(SDK, operator, None, "a") is None
    assert answer(SDK, operator, [None], "a") is None
    assert answer(SDK, operator, None) is False


def test_the_sdk_throws_only_where_it_looks():
    """An alternative that already matched, or a rule that already failed, hides the throw."""
    bad, good = ("CONTAINS", "k", None), ("EQUALS", "ok", 1)
    assert matches(SDK, [[good], [bad]], k="a", ok=1) is True
    assert matches(SDK, [[("EQUALS", "ok", 2), bad], [good]], k="a", ok=1) is True
    assert matches(SDK, [[bad], [good]], k="a", ok=1) is None


def test_a_rule_may_look_at_another_provider():
    """On the server `provider` names the context a key is looked up in; the SDK ignores it."""
    there = {"crm": {"k": "gold"}}
    assert answer(SERVER, "EQUALS", "gold", "iron", integrations=there, provider="crm")
    assert not answer(SERVER, "EQUALS", "gold", "gold", provider="crm")
    assert answer(SERVER, "EXISTS", True, integrations=there, provider="crm")
    assert answer(SDK, "EQUALS", "gold", "gold", integrations=there, provider="crm")
    assert answer(SERVER, "EQUALS", "visitor_1", key="fs_users", provider="crm")


@pytest.mark.parametrize("profile", [SERVER, SDK])
def test_groups_are_ored_and_rules_anded(profile):
    """One alternative must hold, with all of its rules; none or an empty one is no match."""
    first, second = ("EQUALS", "a", 1), ("EQUALS", "b", 2)
    assert matches(profile, [[first, second]], a=1, b=2)
    assert not matches(profile, [[first, second]], a=1, b=3)
    assert matches(profile, [[first], [second]], a=0, b=2)
    assert not matches(profile, [])
    assert not matches(profile, [[]])
    assert matches(profile, [[], [first]], a=1)


def test_who_is_everyone():
    """A targeting is for everyone when one alternative asks for nothing else."""
    everyone, other = Rule("EQUALS", "fs_all_users", ""), Rule("EQUALS", "a", 1)
    assert is_for_everyone(((other,), (everyone,)))
    assert not is_for_everyone(((everyone, other),))
    assert not is_for_everyone(((),))
