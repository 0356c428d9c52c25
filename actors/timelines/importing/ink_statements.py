"""The statements of an Ink story: what each line adds to its weave.

A line is known by how it begins: choices by stars and plusses, gathers by dashes, diverts by an
arrow, logic by a tilde, conditionals by a brace; anything else is text. What a timeline has no form
for is noted and left out; text that varies stays as it was written, so that an author finds it.
Source: "Writing with ink" by inkle.
"""

from __future__ import annotations

import re
from dataclasses import replace

from actors.timelines.findings import quoted
from actors.timelines.importing import Notes
from actors.timelines.importing.ink_lines import (
    Branch,
    Line,
    brace_end,
    branches,
    is_varying,
    split,
    split_all,
    statements,
    unescaped,
)
from actors.timelines.importing.ink_weave import Level, Weave
from actors.timelines.importing.story import Assignment, Exit, Rule, Scene, Story
from actors.timelines.importing.terms import CannotSay, Literal, Name, Pair, Term, read_term

BLOCKS_MAX = 16
"""Conditionals inside one another."""
BRANCHES_MAX = 50
"""Branches of one conditional: each one holds that those before it fail."""
_BULLETS = re.compile(r"(?:[*+]\s*)+")
_DASHES = re.compile(r"(?:-(?!>)\s*)+")
_LABEL = re.compile(r"\(\s*(\w+)\s*\)\s*")
_TARGET = re.compile(r"(?P<name>\w+(?:\.\w+){0,2})\s*(?P<given>\(.*\))?", re.DOTALL)
_LOGIC = re.compile(
    r"(?P<temp>temp\s+)?(?P<name>\w+)\s*"
    r"(?:(?P<op>[-+]?=(?!=))(?P<term>.*)|(?P<step>\+\+|--))",
    re.DOTALL,
)
_LATER = re.compile("TO" "DO" r"\b")
_ENDS = ("END", "DONE")


class Statements:
    """Reads statements into a story; `temporary` is what its `temp` lines set."""

    def __init__(self, story: Story, notes: Notes) -> None:
        self.weave = Weave(story, notes)
        self.temporary: list[Assignment] = []
        self._story = story
        self._notes = notes

    def statement(self, line: Line, depth: int) -> None:
        """Add what a line says; `depth` is how many conditionals it stands in."""
        text, number = line.text, line.number
        if not text or _LATER.match(text):
            return
        if text.startswith("->"):
            self._divert(text, number)
        elif text.startswith("<-"):
            self._notes.note(number, f"the thread {short(text)} is left out")
        elif text.startswith("~"):
            self._logic(text[1:].strip(), number)
        elif text[0] in "*+":
            self._choice(line)
        elif text.startswith("-"):
            self._gather(line, depth)
        elif text.startswith("{") and self._block(line, depth):
            return
        else:
            self._text(text, number)

    # --- text

    def _text(self, text: str, number: int) -> None:
        text, tags, divert = _parted(text)
        if text:
            self.weave.text(number, self._shown(text, number, "text"))
        self._tag(tags)
        if divert:
            self._divert(divert, number)

    def _tag(self, tags: list[str]) -> None:
        """Give tags to the scene that is written; `title` at the top is the story's."""
        weave = self.weave
        for tag in tags:
            name, colon, value = (part.strip() for part in tag.partition(":"))
            if name == "title" and weave.scene is None and weave.begin_at in weave.ends:
                self._story.title = value
            elif name:
                weave.tag(name if colon else "tags", value if colon else name)

    def _shown(self, text: str, number: int, what: str) -> str:
        if is_varying(text):
            words = "a label that varies" if what == "label" else "text that varies"
            self._notes.note(number, f"{words} stays as it was written: {short(text)}")
            if "->" in text:
                self._notes.note(number, f"a divert inside of text is left out: {short(text)}")
        return unescaped(text)

    # --- diverts

    def _divert(self, text: str, number: int) -> None:
        """`-> place`; tunnels are left out, and the story goes on without them."""
        if text.startswith("->->"):
            self._notes.note(number, "`->->` is left out: the story ends there")
            self.weave.divert(number, None)
            return
        *tunnels, last = [part.strip() for part in text.split("->")][1:]
        for each in tunnels:
            self._notes.note(number, f"the tunnel through {quoted(each)} is left out")
        if not last:
            return
        target = _TARGET.fullmatch(last)
        if target is None:
            self._notes.note(number, f"the divert {short(last)} is not understood: it is left out")
            return
        if target["given"]:
            self._notes.note(number, f"the values in {short(last)} are left out")
        name = target["name"]
        self.weave.divert(number, None if name in _ENDS else name)

    # --- logic

    def _logic(self, text: str, number: int) -> None:
        match = _LOGIC.fullmatch(text)
        if match is None:
            self._notes.note(number, f"`~ {short(text)[1:]} is left out: it is no assignment")
            return
        name = match["name"]
        try:
            term = _assigned(match)
        except CannotSay as error:
            self._notes.note(number, f"{short(text)} is left out: {error}")
            return
        made = Assignment(number, text, name, term)
        if match["temp"]:
            self.temporary.append(made)
        self.weave.operate(made)

    def _rule(self, source: str, number: int) -> tuple[Rule, ...]:
        try:
            return (Rule(number, source, read_term(source)),)
        except CannotSay as error:
            what = f"the condition {short(source)} is left out, what it held back is open"
            self._notes.note(number, f"{what}: {error}")
            return ()

    # --- choices and gathers

    def _choice(self, line: Line) -> None:
        bullets = _BULLETS.match(line.text)
        assert bullets is not None
        depth = bullets[0].count("*") + bullets[0].count("+")
        label, rules, rest = self._conditions(line.text[bullets.end() :], line.number)
        text, tags, divert = _parted(rest)
        outside, inside, after, has_brackets = _label_of(text)
        shown = self._shown((outside + inside).strip(), line.number, "label")
        given = Exit(
            Scene("", "", 0),
            line.number,
            label=shown or None,
            rules=rules,
            once=bullets[0][0] == "*",
            is_last=not shown and not has_brackets,
            echo=unescaped((outside + after).strip()),
        )
        self.weave.choice(depth, given)
        if label is not None or after.strip():
            self._shown(after, line.number, "text")
            self.weave.place(line.number, label)
        self._tag(tags)
        if divert:
            self._divert(divert, line.number)

    def _conditions(self, rest: str, number: int) -> tuple[str | None, tuple[Rule, ...], str]:
        """The label and the conditions before a choice, and what is left of it."""
        label = _LABEL.match(rest)
        rest = rest[label.end() :] if label is not None else rest
        rules: tuple[Rule, ...] = ()
        while rest.startswith("{"):
            end = brace_end(rest, 0)
            inside = rest[1:end].strip()
            if end < 0 or split(inside, "|")[1] is not None or split(inside, ":")[1] is not None:
                break
            rules += self._rule(" ".join(inside.split()), number)
            rest = rest[end + 1 :].strip()
        return None if label is None else label[1], rules, rest

    def _gather(self, line: Line, depth: int) -> None:
        dashes = _DASHES.match(line.text)
        assert dashes is not None
        rest = line.text[dashes.end() :]
        label = _LABEL.match(rest)
        named = None if label is None else label[1]
        self.weave.gather(dashes[0].count("-"), line.number, named)
        rest = rest if label is None else rest[label.end() :]
        self.statement(Line(line.number, rest.strip()), depth)

    # --- conditionals

    def _block(self, line: Line, depth: int) -> bool:
        """A conditional that leads to places or choices; False if it is only text."""
        end = brace_end(line.text, 0)
        rest = line.text[end + 1 :].strip()
        found = branches(Line(line.number, line.text[: end + 1])) if end > 0 else None
        if not found or depth == BLOCKS_MAX or len(found) > BRANCHES_MAX:
            return False
        if "\n" not in line.text and not any("->" in each.body[0].text for each in found):
            return False
        bodies = [statements(each.body)[0] for each in found]
        self._conditional(line.number, found, bodies, depth)
        self.statement(Line(line.number + line.text.count("\n"), rest), depth)
        return True

    def _conditional(
        self, number: int, found: list[Branch], bodies: list[list[Line]], depth: int
    ) -> None:
        weave = self.weave
        is_choosing = any(map(_is_choosing, bodies))
        point, base = weave.point(number, is_own=is_choosing and depth == 0)
        outer, ends = weave.levels, list[Exit]()
        tried: tuple[Rule, ...] = ()
        for branch, body in zip(found, bodies, strict=True):
            own = self._rule(branch.condition, branch.number) if branch.condition else ()
            rules = base + tuple(replace(each, is_negated=True) for each in tried) + own
            weave.scene, weave.levels = None, []
            weave.ends = [point.leave(branch.number, rules=rules)]
            for line in body:
                self.statement(line, depth + 1)
            weave.close(0)
            ends += weave.tails(branch.number)
            tried += own
        weave.levels = outer
        weave.scene = None
        if is_choosing:
            weave.levels = [*outer, Level(point, base, ends)]
            weave.scene, weave.ends = None if base else point, []
            return
        if found[-1].condition is not None:
            stays = base + tuple(replace(each, is_negated=True) for each in tried)
            ends.append(point.leave(number, rules=stays))
        weave.ends = ends


def _parted(text: str) -> tuple[str, list[str], str]:
    """The text of a line, its tags, and the divert behind it."""
    text, *tags = split_all(text, "#")
    before, divert = split(text, "->")
    shown = [unescaped(tag).strip() for tag in tags]
    return before.strip(), shown, "" if divert is None else f"->{divert}"


def _is_choosing(body: list[Line]) -> bool:
    """Whether there are choices in it, or in conditionals inside of it."""
    return any(part[:1] in ("*", "+") for line in body for part in line.text.split("\n"))


def _assigned(match: re.Match[str]) -> Term:
    """The term that a line of logic gives to its variable."""
    name = Name(match["name"])
    if match["step"]:
        return Pair(match["step"][0], name, Literal("1", "number"))
    term = read_term(match["term"])
    return term if match["op"] == "=" else Pair(match["op"][0], name, term)


def _label_of(text: str) -> tuple[str, str, str, bool]:
    """A choice's text before, in and after its square brackets, and whether it has any."""
    outside, rest = split(text, "[")
    if rest is None:
        return outside, "", "", False
    inside, after = split(rest, "]")
    return outside, inside, after or "", True


def short(text: str) -> str:
    """A piece of the story as a note shows it."""
    return quoted(" ".join(text.split()))
