"""Values of variables: their texts, how they compare, what operations leave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.timelines import times, values
from actors.timelines.values import BadValue, Overflow, apply, check, compare

UTC = times.zone("UTC")
LONDON = times.zone("Europe/London")
TOKYO = times.zone("Asia/Tokyo")
NOW = 1_675_414_920_000  # 2023-02-03T09:02:00Z

GOOD = [
    ("number", "100", "100"),
    ("number", "100.50", "100.5"),
    ("string", "", ""),
    ("string", " as it is\n\x00", " as it is\n\x00"),
    ("string", "😀" * 4_096, "😀" * 4_096),
    ("boolean", "true", "true"),
    ("boolean", "false", "false"),
    ("datetime", "", ""),
    ("datetime", "2023-03-15T10:35:26.336571", "2023-03-15T10:35:26.336571"),
    ("datetime", "2023-02-03T09:00:00", "2023-02-03T09:00:00"),
    ("datetime", "2019-08-24T14:15:22Z", "2019-08-24T14:15:22Z"),
    ("datetime", "2019-08-24T16:15:22.50+02:00", "2019-08-24T14:15:22.500Z"),
    ("datetime", "2019-08-24T14:15", "2019-08-24T14:15:00"),
]
BAD = [
    *(("number", text) for text in ("", "1e3", "one", "true")),
    *(("string", text) for text in ("x" * 4_097, "\ud800", "a\udfffb")),
    *(("boolean", text) for text in ("", "True", "1", "yes")),
    *(("datetime", text) for text in (" ", "now", "2023-02-30T00:00:00", "2023-02-03")),
]


@pytest.mark.covers("TL-108", "TL-135")
@pytest.mark.parametrize(("type_", "text", "canonical"), GOOD, ids=lambda each: each[:30])
def test_a_value_is_a_text_of_its_type(type_, text, canonical):
    """Numbers, datetimes with and without zone, texts and booleans are strings, canonical once."""
    assert check(type_, text) == canonical
    assert check(type_, canonical) == canonical


@pytest.mark.parametrize(("type_", "text"), BAD, ids=lambda each: ascii(each)[:30])
def test_a_text_of_another_type_is_refused(type_, text):
    """What does not parse as the declared type is no value of it."""
    with pytest.raises(BadValue):
        check(type_, text)


@pytest.mark.parametrize(
    ("type_", "left", "op", "right", "holds"),
    [
        ("number", "10", ">", "9", True),
        ("number", "1.0", "==", "1", True),
        ("number", "10", "<=", "9.99999999999999999999999999999999", False),
        ("number", "-1", "!=", "1", True),
        ("string", "b", "==", "b", True),
        ("string", "b", "!=", "B", True),
        ("boolean", "true", "==", "false", False),
        ("datetime", "2023-02-03T09:00:00Z", "==", "2023-02-03T10:00:00+01:00", True),
        ("datetime", "2023-02-03T09:00:00.000001Z", ">", "2023-02-03T09:00:00Z", True),
        ("datetime", "2023-02-03T09:00:00Z", "<", "2023-02-03T09:00:00Z", False),
    ],
)
def test_values_compare_as_what_they_are(type_, left, op, right, holds):
    """Numbers compare exactly, datetimes as instants to the microsecond, others as texts."""
    assert compare(type_, left, op, right, UTC) is holds


def test_a_naive_datetime_compares_in_the_users_zone():
    """09:00 without a zone is 09:00 UTC in London's winter, and midnight UTC in Tokyo."""
    naive = "2023-02-03T09:00:00"
    assert compare("datetime", naive, "==", "2023-02-03T09:00:00Z", LONDON)
    assert compare("datetime", naive, "==", "2023-02-03T00:00:00Z", TOKYO)
    assert compare("datetime", naive, "==", naive, TOKYO)


@pytest.mark.parametrize("type_", ["number", "string", "datetime", "boolean"])
@pytest.mark.parametrize("op", ["==", "!="])
def test_an_empty_operand_compares_with_nothing(type_, op):
    """An unset or empty operand makes every comparison false, on either side."""
    other = {"number": "1", "string": "a", "datetime": "2023-02-03T09:00:00Z", "boolean": "true"}
    assert not compare(type_, "", op, other[type_], UTC)
    assert not compare(type_, other[type_], op, "", UTC)
    assert not compare(type_, "", op, "", UTC)


@pytest.mark.parametrize("type_", ["string", "boolean"])
@pytest.mark.parametrize("op", ["<", "<=", ">", ">=", "=~"])
def test_texts_are_not_ordered(type_, op):
    """Only numbers and datetimes have an order, and there are six operators."""
    with pytest.raises(BadValue):
        compare(type_, "true", op, "true", UTC)


@pytest.mark.parametrize(
    ("type_", "op", "current", "operand", "after"),
    [
        ("number", "set", "5", "07.0", "7"),
        ("number", "add", "100", "200", "300"),
        ("number", "add", "0.1", "0.2", "0.3"),
        ("number", "sub", "100", "90", "10"),
        ("number", "sub", "0.5", "0.5", "0"),
        ("number", "mul", "-1.5", "0", "0"),
        ("number", "min", "9", "10", "9"),
        ("number", "max", "9", "10.0", "10"),
        ("string", "set", "a", "", ""),
        ("string", "append", "a", "b", "ab"),
        ("datetime", "set", "", "2023-02-03T10:00:00+01:00", "2023-02-03T09:00:00Z"),
        ("datetime", "set", "2023-02-03T10:00:00", "", ""),
        ("boolean", "set", "true", "false", "false"),
        ("boolean", "toggle", "true", None, "false"),
        ("boolean", "toggle", "false", None, "true"),
        ("datetime", "set_now", "", None, "2023-02-03T09:02:00Z"),
    ],
)
def test_operations(type_, op, current, operand, after):
    """Each operation leaves the canonical text of its result."""
    assert apply(type_, op, current, operand, NOW) == after


def test_set_now_adds_a_duration():
    """`plus` is added to the instant; a fraction is shown only where there is one."""
    assert apply("datetime", "set_now", "", None, NOW, "PT30S") == "2023-02-03T09:02:30Z"
    assert apply("datetime", "set_now", "", None, NOW, "P1DT0.25S") == "2023-02-04T09:02:00.250Z"


@pytest.mark.parametrize(
    ("type_", "op", "current", "operand"),
    [
        ("number", "add", "9" * 64, "1"),
        ("number", "mul", "0." + "0" * 31 + "1", "0.1"),
        ("string", "append", "x" * 4_000, "y" * 97),
        ("datetime", "set_now", "", None),
    ],
)
def test_what_does_not_fit_is_refused(type_, op, current, operand):
    """A result that the variable cannot hold overflows; nothing is rounded or cut."""
    last = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
    with pytest.raises(Overflow):
        apply(type_, op, current, operand, last, "PT0.001S")


def test_the_last_text_and_the_last_instant_fit():
    """4,096 characters and the last millisecond of the year 9999 are still held."""
    assert len(apply("string", "append", "x" * 4_000, "y" * 96, NOW)) == 4_096
    last = apply("datetime", "set_now", "", None, 253_402_300_799_999)
    assert last == "9999-12-31T23:59:59.999Z"


def test_operations_of_other_types_are_refused():
    """Every type has its own operations, and an operand must be of the type."""
    every = set().union(*values.OPERATIONS.values())
    for type_, known in values.OPERATIONS.items():
        for op in every - known:
            with pytest.raises(BadValue):
                apply(type_, op, "true", "1", NOW)
    for type_, operand in (("number", "x"), ("string", "\ud800"), ("boolean", "")):
        with pytest.raises(BadValue):
            apply(type_, "set", "1", operand, NOW)
    with pytest.raises(BadValue):
        apply("number", "add", "1", None, NOW)


@given(st.sampled_from(sorted(values.OPERATIONS)), st.text(max_size=40))
def test_any_text_is_a_value_or_is_refused(type_, text):
    """A text has a canonical form that is a value again, or is refused; nothing else happens."""
    try:
        canonical = check(type_, text)
    except BadValue:
        return
    assert check(type_, canonical) == canonical
