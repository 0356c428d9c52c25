"""Version numbers and their order, for the SEMVER operators.

A version may start with `v`, may leave out minor and patch (they count as 0), and orders its
prerelease as semver.org says: none is higher than any, numbers are below words, a shorter list
is below a longer one. Build metadata is ignored. Rule: spec flags 2.1.
"""

from __future__ import annotations

import re

VERSION_CHARACTERS_MAX = 256  # longer is no version, and huge integers are slow to read

_NUMBER = r"(0|[1-9][0-9]*)"
_VERSION = re.compile(
    rf"v?{_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER}(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?)?)?"
)

Precedence = tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]
"""What versions are ordered by; compare two of them with `<`, `==`, ..."""


def precedence(text: str) -> Precedence | None:
    """The order of a version, or None when the text is not one (the empty string included)."""
    found = None if len(text) > VERSION_CHARACTERS_MAX else _VERSION.fullmatch(text)
    if found is None:
        return None
    major, minor, patch, prerelease = found.groups()
    parts = prerelease.split(".") if prerelease else []
    if any(not part or _is_padded(part) for part in parts):
        return None
    order = tuple(_part(part) for part in parts)
    return (int(major), int(minor or 0), int(patch or 0), not order, order)


def _is_padded(part: str) -> bool:
    return part.isdigit() and part[0] == "0" and part != "0"


def _part(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdigit() else (True, 0, part)
