"""How JavaScript sees JSON values: identity, text, numbers and the order of strings.

The SDK profile of targeting must answer as the published SDK does, so the four conversions it
leans on are written out here: `===`, `toString()`, `Number()` and the comparison of strings by
UTF-16 units. Nothing else of the language is needed.
"""

from __future__ import annotations

import math
import re

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BLANK = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")


def is_identical(one: object, other: object) -> bool:
    """`one === other` for JSON values: same type and same value; two objects are never it."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict | list):
        return False
    return one == other


def text_of(value: object) -> str:
    """`value.toString()` of a string, number, boolean or object (`[object Object]`)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    return value if isinstance(value, str) else "[object Object]"


def number_text(number: float) -> str:
    """A number as JavaScript writes it: shortest digits, no exponent from 1e-6 to 1e21."""
    number = _double(number)
    if number == 0:
        return "0"
    if not math.isfinite(number):
        return str(number).replace("inf", "Infinity").replace("nan", "NaN")
    sign, (digits, point) = "-" * (number < 0), _digits(repr(abs(number)))
    if 0 < point <= 21:
        whole, rest = digits[:point].ljust(point, "0"), digits[point:]
        return sign + whole + ("." + rest if rest else "")
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
    return f"{sign}{mantissa}e{point - 1:+d}"


def _double(number: float) -> float:
    """The number as JavaScript holds it; integers beyond its range are infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _digits(text: str) -> tuple[str, int]:
    """The significant digits of a positive number, and where its decimal point stands."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    stripped = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(stripped)
    return stripped.rstrip("0"), len(whole) - leading + int(exponent or 0)


def primitive_of(value: object) -> object:
    """An object as the text it compares by; other values as they are."""
    return text_of(value) if isinstance(value, dict) else value


def number_of(value: object) -> float:
    """`Number(value)` of a string, number, boolean or null; NaN when it is none."""
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return _double(value)
    text = value.strip(_BLANK) if isinstance(value, str) else "?"
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _RADIX.fullmatch(text):
        return float(int(text, 0))
    infinities = {"": 0.0, "Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}
    return infinities.get(text, math.nan)


def utf16_of(text: str) -> bytes:
    """What JavaScript orders strings by: their UTF-16 units."""
    return text.encode("utf-16-be", "surrogatepass")
