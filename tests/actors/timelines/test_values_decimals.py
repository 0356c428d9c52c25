"""Decimals: exact against fractions, one text for each number, refused where they do not fit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.timelines import decimals

DIGITS = "0123456789"
TEXTS = st.from_regex(r"-?[0-9]{1,64}(\.[0-9]{1,32})?", fullmatch=True, alphabet=DIGITS + "-.")
SHORT = st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,15})?", fullmatch=True, alphabet=DIGITS + "-.")
BAD = [
    *("", "-", "+1", "1.", ".5", "1e3", " 1", "1 ", "1\n", "--1", "1,5", "1_0", "NaN", "Infinity"),
    *("٣", "１", "0x1", "1.2.3", "\x00", "1" * 65, "0." + "1" * 33, "9" * 1_000_000, "\ud800"),
]


@pytest.mark.parametrize("text", BAD, ids=lambda text: ascii(text)[:20])
def test_other_forms_are_refused(text):
    """Only ASCII digits of the given form are a number, and the complaint stays short."""
    with pytest.raises(decimals.BadNumber) as refused:
        decimals.read(text)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("100", "100"),
        ("007", "7"),
        ("-0", "0"),
        ("-0.000", "0"),
        ("1.50", "1.5"),
        ("100.00", "100"),
        ("-12.340", "-12.34"),
        ("0." + "0" * 31 + "1", "0." + "0" * 31 + "1"),
        ("9" * 64, "9" * 64),
        ("1" + "0" * 63, "1" + "0" * 63),
    ],
)
def test_a_number_has_one_text(text, canonical):
    """Leading and trailing zeros and `-0` go; there is no exponent, however small or large."""
    assert decimals.write(decimals.read(text)) == canonical


@given(TEXTS)
def test_writing_what_was_read_is_canonical(text):
    """What is written reads as the same number and writes as the same text."""
    number = decimals.read(text)
    again = decimals.write(number)
    assert Fraction(again) == Fraction(text)
    assert decimals.write(decimals.read(again)) == again
    assert "e" not in again.lower()


@given(SHORT, SHORT)
def test_results_are_exact(one, other):
    """Sums, differences and products are those of fractions, to the last digit."""
    left, right = decimals.read(one), decimals.read(other)
    for ours, theirs in (
        (decimals.add(left, right), Fraction(one) + Fraction(other)),
        (decimals.sub(left, right), Fraction(one) - Fraction(other)),
        (decimals.mul(left, right), Fraction(one) * Fraction(other)),
    ):
        assert Fraction(decimals.write(ours)) == theirs


@given(TEXTS, TEXTS, st.sampled_from(["add", "sub", "mul"]))
def test_a_result_fits_or_is_refused(one, other, name):
    """Exactly the results with at most 64 and 32 digits are kept; no other is rounded into one."""
    left, right = Fraction(one), Fraction(other)
    exact = {"add": left + right, "sub": left - right, "mul": left * right}[name]
    fits = abs(exact) < 10**64 and (exact * 10**32).denominator == 1
    try:
        result = getattr(decimals, name)(decimals.read(one), decimals.read(other))
    except decimals.Overflow:
        assert not fits
    else:
        assert fits
        assert Fraction(decimals.write(result)) == exact
        assert decimals.read(decimals.write(result)) == result


def test_the_edge_of_what_fits():
    """One more than 64 nines, and a 33rd place, overflow; zeros behind the last place do not."""
    most, least = Decimal("9" * 64), Decimal("0." + "0" * 31 + "1")
    with pytest.raises(decimals.Overflow):
        decimals.add(most, Decimal(1))
    with pytest.raises(decimals.Overflow):
        decimals.mul(least, Decimal("0.1"))
    assert decimals.add(most, Decimal(0)) == most
    assert decimals.sub(most, Decimal("0.5")) == Decimal("9" * 63 + "8.5")
    assert decimals.mul(least, Decimal("10.0")) == Decimal("0." + "0" * 30 + "1")
    assert decimals.write(decimals.mul(least, Decimal(0))) == "0"
    assert decimals.write(decimals.sub(most, most)) == "0"
