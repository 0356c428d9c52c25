"""Exact decimals: the numbers of variables, read and written as text.

A number has at most 64 digits before the point and 32 behind it. Sums and products are computed
with room enough for every digit, so that nothing is ever rounded: a result that does not fit is
refused instead. What is written has no exponent, no trailing zeros and no `-0`.
Rules: spec timelines 5.12.9.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, Inexact
from functools import lru_cache

WHOLE_DIGITS_MAX = 64
FRACTION_DIGITS_MAX = 32

_FORM = re.compile(rf"-?[0-9]{{1,{WHOLE_DIGITS_MAX}}}(?:\.[0-9]{{1,{FRACTION_DIGITS_MAX}}})?")
_EXACT = Context(prec=2 * (WHOLE_DIGITS_MAX + FRACTION_DIGITS_MAX), traps=[Inexact])
_BEYOND = Decimal(10) ** WHOLE_DIGITS_MAX
_CHARACTERS_SHOWN = 40  # enough to recognise what was meant as a number


class BadNumber(ValueError):
    """A text that is no number of this form."""


class Overflow(ArithmeticError):
    """A result that its variable cannot hold; the command is refused (`variable_overflow`)."""


@lru_cache(maxsize=4_096)
def read(text: str) -> Decimal:
    """The number that `text` says, exactly; else `BadNumber`.

    The form is `-?[0-9]{1,64}(.[0-9]{1,32})?` in ASCII: no plus, no exponent, no blanks.
    """
    if not _FORM.fullmatch(text):
        raise BadNumber(f"{text[:_CHARACTERS_SHOWN]!r} is no decimal number")
    return Decimal(text)


def write(number: Decimal) -> str:
    """A finite number as canonical text: what `read` takes, and one text for each number."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def add(one: Decimal, other: Decimal) -> Decimal:
    """The exact sum, or `Overflow`."""
    return _fitting(_EXACT.add(one, other))


def sub(one: Decimal, other: Decimal) -> Decimal:
    """The exact difference, or `Overflow`."""
    return _fitting(_EXACT.subtract(one, other))


def mul(one: Decimal, other: Decimal) -> Decimal:
    """The exact product, or `Overflow`."""
    return _fitting(_EXACT.multiply(one, other))


def _fitting(number: Decimal) -> Decimal:
    exponent = _EXACT.normalize(number).as_tuple().exponent
    if (
        number.copy_abs() >= _BEYOND
        or not isinstance(exponent, int)
        or exponent < -FRACTION_DIGITS_MAX
    ):
        raise Overflow(
            f"a number has at most {WHOLE_DIGITS_MAX} digits before the point"
            f" and {FRACTION_DIGITS_MAX} behind it"
        )
    return number
