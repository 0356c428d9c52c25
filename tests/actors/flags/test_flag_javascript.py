"""How JavaScript sees values: the conversions that the SDK profile leans on."""

from __future__ import annotations

import math

import pytest

from actors.flags.javascript import is_identical, number_of, number_text, text_of, utf16_of

NUMBERS = [
    (0, "0"),
    (-0.0, "0"),
    (1, "1"),
    (-1.5, "-1.5"),
    (100, "100"),
    (123456789.125, "123456789.125"),
    (0.1, "0.1"),
    (0.000001, "0.000001"),
    (0.0000001, "1e-7"),
    (1.5e-7, "1.5e-7"),
    (1e20, "100000000000000000000"),
    (1e21, "1e+21"),
    (1.25e21, "1.25e+21"),
    (123456789012345680000, "123456789012345680000"),
    (9007199254740993, "9007199254740992"),
    (5e-324, "5e-324"),
    (10**400, "Infinity"),
    (-(10**400), "-Infinity"),
    (math.inf, "Infinity"),
    (-math.inf, "-Infinity"),
    (math.nan, "NaN"),
]


@pytest.mark.parametrize(("number", "expected"), NUMBERS)
def test_numbers_as_text(number, expected):
    """Numbers are written as `String(number)` writes them."""
    assert number_text(number) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a", "a"), (True, "true"), (False, "false"), (3.0, "3"), ({"a": 1}, "[object Object]")],
)
def test_values_as_text(value, expected):
    """Values are written as their `toString()` writes them."""
    assert text_of(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", 0),
        ("  ", 0),
        (" 12 ", 12),
        ("\ufeff\u00a012\u2003", 12),
        ("-1.5e3", -1500),
        (".5", 0.5),
        ("5.", 5),
        ("0x1F", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        (None, 0),
        (True, 1),
        (2.5, 2.5),
    ],
)
def test_values_as_numbers(value, expected):
    """Values count as `Number(value)` counts them."""
    assert number_of(value) == expected


@pytest.mark.parametrize(
    "value", ["12px", "\x1c5", "\x855", "1_000", "nan", "inf", "-0x1F", "1e", {"a": 1}]
)
def test_what_is_no_number(value):
    """What JavaScript cannot read is NaN, and so smaller and greater than nothing."""
    assert math.isnan(number_of(value))


def test_identity():
    """`===` minds the type, and two objects are never the same."""
    assert is_identical(1, 1.0)
    assert is_identical("a", "a")
    assert is_identical(True, True)
    assert not is_identical(1, True)
    assert not is_identical("1", 1)
    assert not is_identical({"a": 1}, {"a": 1})
    assert not is_identical("x", None)


def test_strings_order_by_units():
    """A character outside the basic plane sorts before the end of that plane."""
    assert "\uffee" < "😀"
    assert utf16_of("\uffee") > utf16_of("😀")
