"""RFC 6902: what `diff` says, `apply` does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.patch import BadPatch, apply, diff

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~", max_size=2), inner),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: `true` is not 1."""
    return repr(one) == repr(other) or (
        type(one) is type(other) is dict
        and one.keys() == other.keys()
        and all(same(one[name], other[name]) for name in one)
    ) or (
        type(one) is type(other) is list
        and len(one) == len(other)
        and all(map(same, one, other))
    )  # fmt: skip


@pytest.mark.slow
@given(VALUES, VALUES)
def test_a_diff_applied_gives_the_other_value(before: Any, after: Any) -> None:
    """For any two JSON values, and the first one is left as it was."""
    kept = repr(before)
    assert same(apply(before, diff(before, after)), after)
    assert repr(before) == kept


@pytest.mark.slow
@given(VALUES)
def test_equal_values_differ_in_nothing(value: Any) -> None:
    """No operation at all."""
    assert diff(value, value) == []


def test_a_change_in_one_place_is_one_operation() -> None:
    """Additions and removals in the middle of a list do not rewrite it."""
    before = {"list": [1, 2, 3, 4], "name": "a"}
    assert diff(before, {"list": [1, 2, 9, 3, 4], "name": "a"}) == [
        {"op": "add", "path": "/list/2", "value": 9}
    ]
    assert diff(before, {"list": [1, 3, 4], "name": "a"}) == [{"op": "remove", "path": "/list/1"}]
    assert diff({"a/b": {"~": 1}}, {"a/b": {"~": True}}) == [
        {"op": "replace", "path": "/a~1b/~0", "value": True}
    ]


@pytest.mark.parametrize(
    ("value", "patch", "result"),
    [
        ({"a": 1}, [{"op": "move", "from": "/a", "path": "/b"}], {"b": 1}),
        ({"a": [1]}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": [1], "b": [1]}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
        ([1], [{"op": "add", "path": "/-", "value": 2}], [1, 2]),
        ({"a": 1}, [{"op": "replace", "path": "", "value": 5}], 5),
        ([1, 2], [{"op": "move", "from": "/0", "path": "/1"}], [2, 1]),
    ],
)
def test_apply_knows_the_other_operations(value: Any, patch: Any, result: Any) -> None:
    """`move`, `copy`, `test`, the end of a list, the whole document."""
    assert apply(value, patch) == result


@pytest.mark.parametrize(
    ("value", "operation"),
    [
        ({}, {"op": "remove", "path": "/a"}),
        ({}, {"op": "replace", "path": "/a", "value": 1}),
        ([1], {"op": "add", "path": "/5", "value": 1}),
        ([1], {"op": "add", "path": "/01", "value": 1}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": True}),
        ({"a": {}}, {"op": "move", "from": "/a", "path": "/a/b"}),
        ({"a": 1}, {"op": "add", "path": "/a/b", "value": 1}),
        ({}, {"op": "add", "path": "a", "value": 1}),
        ({}, {"op": "invent", "path": "/a"}),
    ],
)
def test_what_cannot_be_applied_is_named(value: Any, operation: Any) -> None:
    """A patch that does not fit raises, and changes nothing."""
    kept = repr(value)
    with pytest.raises(BadPatch):
        apply(value, [operation])
    assert repr(value) == kept
