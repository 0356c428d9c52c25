"""Importing: what a story of another format yields, and what could not come along.

A story becomes a timeline document or none, never half of one. Whatever the document cannot say is
listed by its line in plain words, so that an author can mend it by hand; nothing is dropped in
silence. Readers never raise, whatever the text. Rules: spec timelines 8 and 5.12.15.
"""

from __future__ import annotations

import re
import unicodedata

import msgspec

from actors.timelines.document import Timeline

NOTES_MAX = 1_000
"""Notes that are kept; more are only counted. Nobody mends more than that by hand."""
NAME_CHARACTERS_MAX = 100
"""Of an id made from a name; room is left for a number behind it (spec 5.12.15: 128)."""
WHOLE = 0
"""The line of a note that concerns the whole file; lines count from 1."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class BadText(ValueError):
    """Bytes that are no text in UTF-8; the message says where."""


class NotCarried(msgspec.Struct, frozen=True):
    """Something that did not come along: at which line, and what happens instead."""

    line: int
    what: str


class Imported(msgspec.Struct, frozen=True):
    """What a story became. Without a document, the notes say why.

    `notes` are ordered by line, at most a thousand; `note_count` counts all.
    """

    document: Timeline | None
    notes: tuple[NotCarried, ...]
    note_count: int


class Notes:
    """Gathers what does not come along; the same of a line is said once."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, str], None] = {}

    def note(self, line: int, what: str) -> None:
        """Remember a note at a line of the file."""
        self._found.setdefault((line, what))

    def yielding(self, document: Timeline | None) -> Imported:
        """The result of an import with these notes."""
        ordered = sorted(self._found, key=lambda found: found[0])
        kept = tuple(NotCarried(line, what) for line, what in ordered[:NOTES_MAX])
        return Imported(document, kept, len(ordered))


def text_of(body: bytes) -> str:
    """The text of a file: UTF-8, with or without a byte order mark. Raises `BadText`."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        byte = f"0x{body[error.start]:02x}"
        raise BadText(f"line {line}: byte {byte} is not UTF-8; save the file as UTF-8") from None


def whole(text: str) -> str:
    """The text with line feeds between lines; halves of characters become `?`."""
    one = text.encode("utf-8", "replace").decode("utf-8").removeprefix("\ufeff")
    return one.replace("\r\n", "\n").replace("\r", "\n")


def safe(name: str, otherwise: str) -> str:
    """A name as an id: ASCII letters, digits, `_` and `-`; `otherwise` if none of it is left."""
    plain = unicodedata.normalize("NFKD", name[:1_000]).encode("ascii", "ignore").decode()
    return _UNSAFE.sub("-", plain).strip("-")[:NAME_CHARACTERS_MAX] or otherwise


class Ids:
    """Gives out ids, each once: a name that was there already gets a number."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._next: dict[str, int] = {}

    def take(self, name: str, otherwise: str) -> str:
        """An id for a name, not taken yet."""
        wish = safe(name, otherwise)
        found = wish
        number = self._next.get(wish, 2)
        while found in self._used:
            found = f"{wish}-{number}"
            number += 1
        self._next[wish] = number
        self._used.add(found)
        return found
