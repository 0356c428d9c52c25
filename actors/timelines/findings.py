"""Findings: what is wrong with an authored document, and where.

A place is a JSON pointer (RFC 6901), so that an editor can jump there. A document of noise must not
fill an answer: only the first findings are kept, the others are counted. Nothing of a document is
quoted at length. Rules: spec timelines 8 and 5.12.21.
"""

from __future__ import annotations

import msgspec

FINDINGS_MAX = 100  # enough to mend a document in one go
QUOTED_CHARACTERS_MAX = 64


class Problem(msgspec.Struct, frozen=True):
    """One finding: `pointer` is "" for the whole document; `code` is for programs, as `unknown`."""

    pointer: str
    code: str
    message: str

    @property
    def loc(self) -> list[str | int]:
        """The pointer as FastAPI writes places: members as text, positions in lists as integers."""
        return [_part(part) for part in self.pointer.split("/")[1:]]


def _part(part: str) -> str | int:
    if part.isascii() and part.isdigit():
        return int(part[:18])
    return part.replace("~1", "/").replace("~0", "~")


def member(pointer: str, name: str) -> str:
    """The pointer of an object's member, its name escaped."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def quoted(text: str) -> str:
    """Text of a document as a message shows it: in backquotes, and not too long."""
    if len(text) > QUOTED_CHARACTERS_MAX:
        text = text[:QUOTED_CHARACTERS_MAX] + "..."
    return f"`{text}`"


class Findings:
    """Gathers problems in the order in which they are found, up to a limit; counts all."""

    __slots__ = ("count", "kept")

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.count = 0

    def note(self, pointer: str, code: str, message: str) -> None:
        """Remember a finding; beyond a hundred it is only counted."""
        self.count += 1
        if len(self.kept) < FINDINGS_MAX:
            self.kept.append(Problem(pointer, code, message))
