"""Ink: the plain core of its stories, read into a timeline.

Knots and stitches become events, and so does what a choice says and what gathers bring together;
choices become links with labels, diverts links without. Variables, conditions and visit counts come
along. Functions, tunnels, threads, lists, external code and text that varies do not: each is listed
by its line. The story begins at the top of the file, or at the first knot if nothing stands there.
Source: "Writing with ink" by inkle; rules of documents: spec timelines 8.
"""

from __future__ import annotations

import re

from actors.timelines.findings import quoted
from actors.timelines.importing import Imported, Notes, whole
from actors.timelines.importing.document import imported
from actors.timelines.importing.ink_lines import Line, lines_of, statements
from actors.timelines.importing.ink_statements import Statements, short
from actors.timelines.importing.rules import checked
from actors.timelines.importing.story import Story, types_of
from actors.timelines.importing.terms import CannotSay, Literal, Name, Term, read_term

_PART = re.compile(
    r"(?P<marks>={1,20})\s*(?P<function>function\s+)?(?P<name>\w+)\s*(?P<given>\(.*\))?\s*=*"
)
_GLOBAL = re.compile(r"(?P<kind>VAR|CONST)\s+(?P<name>\w+)\s*=(?P<term>.*)", re.DOTALL)
_FOREIGN = {
    "INCLUDE": "the other file is not read: put its text in its place",
    "EXTERNAL": "functions of the game are not called",
    "LIST": "lists have no form in a timeline",
}


def read_ink(text: str, *, id_: str) -> Imported:
    """Read a story in Ink as a timeline whose id is `id_`, made safe. Never raises."""
    notes = Notes()
    lines, unclosed = statements(lines_of(whole(text)))
    for each in unclosed:
        notes.note(each.number, "a brace is not closed: the line is read as text")
    reading = _Reading(notes)
    for line in lines:
        reading.declare(line)
    for line in lines:
        reading.line(line)
    return reading.imported(id_)


class _Reading:
    """Makes a story of lines; what is declared anywhere holds everywhere."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._story = Story("ink", "knot")
        self._read = Statements(self._story, notes)
        self._is_skipping = False
        self._knot = ""

    def imported(self, id_: str) -> Imported:
        """Find the start, give temporary variables their types, and make the document."""
        story, begins = self._story, self._read.weave.begin_at
        if isinstance(begins.to, str):
            first = story.find(begins.to, "")
            if first is None:
                what = f"there is no knot {quoted(begins.to)} to begin with: the first knot does"
                self._notes.note(begins.line, what)
            begins.to = first
        story.start = begins.to if begins.to is not None else next(iter(story.scenes), None)
        assigned = self._read.temporary
        for name, type_ in types_of(assigned, story.variables).items():
            story.declare(name, type_)
        return imported(story, id_, self._notes)

    # --- declarations

    def declare(self, line: Line) -> None:
        """`VAR` and `CONST`, wherever they stand."""
        match = _GLOBAL.fullmatch(line.text)
        if match is None:
            return
        name = match["name"]
        if name in self._story.variables or name in self._story.constants:
            self._notes.note(line.number, f"`{name}` is declared already: this is left out")
            return
        try:
            value = self._fixed(read_term(match["term"]))
        except CannotSay as error:
            what = f"{short(line.text)} is left out: {error}"
            self._notes.note(line.number, what)
        else:
            if match["kind"] == "CONST":
                self._story.constants[name] = value
            else:
                self._story.declare(name, value.type, value.text)

    def _fixed(self, term: Term) -> Literal:
        if isinstance(term, Name) and term.name in self._story.constants:
            return self._story.constants[term.name]
        if not isinstance(term, Literal):
            raise CannotSay("it is no number, text or truth")
        return Literal(checked(term), term.type)

    # --- the story

    def line(self, line: Line) -> None:
        """A statement, or the head of a knot or a stitch."""
        part = _PART.fullmatch(line.text) if line.text.startswith("=") else None
        if part is not None:
            self._part(part, line.number)
        elif self._is_skipping or _GLOBAL.fullmatch(line.text):
            return
        elif line.text.startswith("=="):
            self._notes.note(line.number, "the head of this knot is not understood: left out")
        else:
            self._foreign_or_own(line)

    def _part(self, part: re.Match[str], number: int) -> None:
        name = part["name"]
        is_knot = len(part["marks"]) > 1
        if is_knot:
            self._is_skipping = part["function"] is not None
            self._knot = name
        if self._is_skipping:
            if is_knot:
                self._notes.note(number, f"the function {quoted(name)} is left out")
            return
        if part["given"]:
            what = f"{quoted(name)} is handed values {part['given'][:40]}: they are left out"
            self._notes.note(number, what)
        where = name if is_knot or not self._knot else f"{self._knot}.{name}"
        self._read.weave.begin(name, where, number)

    def _foreign_or_own(self, line: Line) -> None:
        word = line.text.partition(" ")[0]
        if word in _FOREIGN:
            self._notes.note(line.number, f"{short(line.text)} is left out: {_FOREIGN[word]}")
        else:
            self._read.statement(line, 0)
