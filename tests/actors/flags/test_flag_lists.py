"""Targeting by lists and by versions: the cells of the table that need several values."""

from __future__ import annotations

import pytest
from flag_targeting import SDK, SERVER, answer, matches

from actors.flags.bucketing import VERSION_OPERATORS

LISTS = [
    # operator, target, value, server, sdk
    ("EQUALS", ["a", "b"], "b", True, True),
    ("EQUALS", ["a", "B"], "b", True, False),
    ("EQUALS", ["a", "b"], "c", False, False),
    ("EQUALS", [1, "b"], "b", True, True),
    ("EQUALS", [1, 2], 2, True, True),
    ("EQUALS", [], "b", False, False),
    ("EQUALS", ["a", "b"], 1, False, False),
    ("CONTAINS", ["x", "B"], "abc", True, False),
    ("CONTAINS", ["x", "b"], "abc", True, True),
    ("CONTAINS", [], "abc", False, False),
    ("CONTAINS", ["1"], 1, False, True),
    ("STARTS_WITH", ["a"], "abc", False, True),
    ("ENDS_WITH", ["x", "c"], "abc", False, True),
    ("GREATER_THAN", [5, 50], 10, False, True),
    ("LOWER_THAN", [5, 50], 10, False, True),
    ("GREATER_THAN_OR_EQUALS", [50], 10, False, False),
    ("NOT_EQUALS", ["a", "b"], "c", True, True),
    ("NOT_EQUALS", ["a", "C"], "c", False, True),
    ("NOT_EQUALS", ["a", "c"], "c", False, False),
    ("NOT_EQUALS", ["a", 1], "c", False, True),
    ("NOT_EQUALS", [], "c", True, True),
    ("NOT_EQUALS", ["a"], 1, False, True),
    ("NOT_CONTAINS", ["x", "y"], "abc", True, True),
    ("NOT_CONTAINS", ["x", "B"], "abc", False, True),
    ("NOT_CONTAINS", ["x", "b"], "abc", False, False),
    ("NOT_CONTAINS", ["x", 1], "abc", False, True),
    ("NOT_CONTAINS", [], "abc", True, True),
    ("NOT_CONTAINS", ["x"], 1, False, True),
    ("NOT_EQUALS", [["a"], "b"], "c", True, True),
]


@pytest.mark.parametrize(("operator", "target", "value", "server", "sdk"), LISTS)
def test_lists_as_targets(operator, target, value, server, sdk):
    """A list wants any element, or all for NOT_ operators; the server knows four operators."""
    assert answer(SERVER, operator, target, value) is server
    assert answer(SDK, operator, target, value) is sdk


CONTEXT_LISTS = [
    ("EQUALS", "abc", ["x", "ABC"], True),
    ("EQUALS", "abc", ["x"], False),
    ("EQUALS", "abc", [], False),
    ("NOT_EQUALS", "abc", ["x", "y"], True),
    ("NOT_EQUALS", "abc", ["x", "abc"], False),
    ("NOT_EQUALS", "abc", [], True),
    ("CONTAINS", "b", ["xyz", "ABC"], True),
    ("NOT_CONTAINS", "b", ["xyz", "abc"], False),
    ("STARTS_WITH", "a", ["abc"], False),
    ("EQUALS", "abc", ["abc", 1], False),
    ("EQUALS", "abc", [1, "abc"], False),
    ("NOT_EQUALS", ["a"], [], True),
]


@pytest.mark.parametrize(("operator", "target", "value", "expected"), CONTEXT_LISTS)
def test_lists_in_the_context(operator, target, value, expected):
    """The server reads lists of a context element by element."""
    assert answer(SERVER, operator, target, value) is expected


def test_a_list_of_another_type_spoils_the_group():
    """A list whose first element has another type than the target is an error."""
    bad = ("EQUALS", "k", "abc")
    assert not matches(SERVER, [[bad], [("EQUALS", "ok", 1)]], k=[1], ok=1)
    assert matches(SERVER, [[bad], [("EQUALS", "ok", 1)]], k=["x"], ok=1)


VERSIONS = [
    ("EQUALS", "1.2.3", "v1.2.3", True),
    ("EQUALS", "1.2", "1.2.0", True),
    ("EQUALS", "v1", "1.0.0+build.5", True),
    ("EQUALS", "1.2.3", "1.2.4", False),
    ("NOT_EQUALS", "1.2.3", "1.2.4", True),
    ("NOT_EQUALS", "1.2.3", "1.2.3+x", False),
    ("GREATER_THAN", "1.9.0", "1.10.0", True),
    ("GREATER_THAN", "2.0.0-rc.1", "2.0.0", True),
    ("GREATER_THAN", "2.0.0-rc.2", "2.0.0-rc.10", True),
    ("GREATER_THAN", "2.0.0-rc.1", "2.0.0-rc.1.1", True),
    ("LOWER_THAN", "2.0.0-alpha", "2.0.0-1", True),
    ("LOWER_THAN", "2.0.0", "2.0.0-rc.1", True),
    ("LOWER_THAN_OR_EQUALS", "2", "2.0.0", True),
    ("GREATER_THAN_OR_EQUALS", "2", "2.0.0", True),
    ("GREATER_THAN_OR_EQUALS", "2", "1.9", False),
]


@pytest.mark.parametrize(("operator", "target", "value", "expected"), VERSIONS)
def test_versions(operator, target, value, expected):
    """SEMVER operators order versions on the server and are always false in the SDK."""
    assert answer(SERVER, f"SEMVER_{operator}", target, value) is expected
    assert answer(SDK, f"SEMVER_{operator}", target, value) is False


@pytest.mark.parametrize("operator", sorted(VERSION_OPERATORS))
@pytest.mark.parametrize(
    "text", ["", "toto", "1.2.3.4", "01.2.3", "1.2.3-", "1.2.3-01", "1.2-rc", "1.x", "9" * 300]
)
def test_what_is_no_version_is_false(operator, text):
    """An unparsable version, the empty one included, matches nothing and crashes nothing."""
    assert answer(SERVER, operator, "1.2.3", text) is False
    assert answer(SERVER, operator, text, "1.2.3") is False
    assert answer(SERVER, operator, "1.2.3", 1) is False
    assert answer(SERVER, operator, 1, "1.2.3") is False
