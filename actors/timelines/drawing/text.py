"""Text in a drawing: made harmless, measured, cut, escaped.

Whatever an author wrote must stay inside its box and may do nothing. Characters that XML cannot
hold, that control a terminal or that turn the direction of others are shown as U+FFFD. Widths are
those of DejaVu Sans, one of the widest fonts that readers have; boxes clip what is wider yet.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

ELLIPSIS = "…"
UNKNOWN = "\ufffd"
JOINERS = "\u200c\u200d"  # part of how some scripts and emoji are written
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn")  # control, format, surrogates, private, unassigned
MARKS_MAX = 4  # signs above and below one letter

CLASSES = (
    (0.28, 0.35, "ijl'"),
    (0.34, 0.40, " ,.IJ/\\|:;’‘"),
    (0.42, 0.50, "f-()[]t!r·"),
    (0.53, 0.60, '"*_`szc?–'),
    (0.60, 0.69, "LFkvxy“”"),
    (0.64, 0.72, "PTYaeoE$0123456789Sbdghnpqu{}"),
    (0.72, 0.78, "KABVXZCR"),
    (0.84, 0.88, "UNHDGOQ#+<=>^~&×→◆"),
    (0.88, 1.00, "wM"),
    (1.00, 1.11, "%mW@—…"),
)
"""Widths of regular and of bold letters in their heights (em), and what is not wider."""
NOTHING, OTHER_SMALL, OTHER = (0.0, 0.0), (0.9, 1.0), (1.3, 1.3)
KNOWN = {character: widths for *widths, characters in CLASSES for character in characters}


def clean(text: str) -> str:
    """One line of text that any XML reader takes and that moves nothing around it."""
    line = " ".join(text.split())
    if line.isascii() and line.isprintable():
        return line
    return "".join(map(_harmless, line))


def _harmless(character: str) -> str:
    if character in JOINERS or unicodedata.category(character) not in UNSEEN:
        return character
    return UNKNOWN


def shown(text: str) -> str:
    """A text for a tooltip: clean, whole, escaped."""
    return escape(clean(text))


def attribute(text: str) -> str:
    """A text as the value of an attribute, with its quotes: clean, whole, escaped."""
    return quoteattr(clean(text))


def cut(text: str, width: float, size: float, *, bold: bool = False) -> str:
    """As much of a text as fits into `width` pixels at `size` pixels, escaped.

    What is left out is replaced by an ellipsis.
    """
    return escape(_fitting(clean(text), width / size, bold)[0])


def wrapped(
    text: str, width: float, size: float, lines_max: int, *, bold: bool = False
) -> tuple[str, ...]:
    """A text as up to `lines_max` escaped lines, broken at spaces where there are any."""
    rest = clean(text)
    lines: list[str] = []
    while rest and len(lines) < lines_max - 1:
        line, taken = _fitting(rest, width / size, bold)
        if taken < len(rest):
            space = rest.rfind(" ", 0, taken + 1)
            taken = space if space > 0 else max(taken, 1)
            line = rest[:taken]
        lines.append(escape(line))
        rest = rest[taken:].lstrip()
    if rest:
        lines.append(cut(rest, width, size, bold=bold))
    return tuple(lines)


def measure(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a clean text is at most, in pixels."""
    return sum(_widths(character)[bold] for character in text) * size


def _fitting(text: str, room: float, bold: bool) -> tuple[str, int]:
    """The text, or its beginning with an ellipsis; and how many characters fit without one."""
    used, marks, fits = 0.0, 0, 0
    ellipsis = KNOWN[ELLIPSIS][bold]
    for at, character in enumerate(text):
        width = _widths(character)[bold]
        marks = 0 if width else marks + 1
        used += width
        if used > room or marks > MARKS_MAX:
            return text[:fits].rstrip() + ELLIPSIS, at
        if used + ellipsis <= room:
            fits = at + 1
    return text, len(text)


@lru_cache(maxsize=4_096)
def _widths(character: str) -> Sequence[float]:
    """Of a regular and of a bold letter."""
    if character in KNOWN:
        return KNOWN[character]
    if character in JOINERS or unicodedata.category(character) in ("Mn", "Me"):
        return NOTHING
    plain = unicodedata.normalize("NFD", character)[0]
    if plain in KNOWN:
        return KNOWN[plain]
    return OTHER_SMALL if unicodedata.category(character) == "Ll" else OTHER
