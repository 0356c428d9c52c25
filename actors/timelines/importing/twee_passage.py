"""A Twine passage while it is read: its text, its links, and what is open around them.

Conditions hold for the links inside of them. Text that hangs on one, or on a link, stays as it was
written, macros and all, and is noted: an event has one text, which is always shown. A condition
that cannot be read is left out, so that what it held back is open. How the marks of a format look
is known in `twee_marks.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from actors.timelines.findings import quoted
from actors.timelines.importing import Notes, twee_macros
from actors.timelines.importing.story import Assignment, Rule, Scene
from actors.timelines.importing.terms import CannotSay

RULES_MAX = 40
"""Conditions around one another, and those tried before in a chain of them."""
FRAMES_MAX = 200
"""Brackets and blocks inside one another: more than anybody reads."""
_SETTER = re.compile(r"\]\[([^\n]*)\Z")
_LEADS_OUT = re.compile(r"[a-z][a-z0-9+.-]*://|mailto:|www\.", re.IGNORECASE)
_LINK = re.compile("\0([^\0\n]*)\0")
_BULLETS = " \t*-+•>|/,.;"
_EMPTY = re.compile(r"\n{3,}")


@dataclass(slots=True)
class Frame:
    """What is open: a `plain` bracket, an `if`, a `link` with its label and target, or another
    macro, by its name.

    `base` are the rules around it, `tried` the conditions of its chain so far.
    """

    kind: str
    line: int
    start: int
    piece: int
    base: tuple[Rule, ...]
    rules: tuple[Rule, ...]
    is_hook: bool
    tried: tuple[Rule, ...] = ()
    label: str = ""
    target: str = ""
    does: list[Assignment] = field(default_factory=list)
    has_text: bool = False


class Passage:
    """A scene in the making. `line` is where the reader is; `next` waits for a hook; `closers` are
    the macros that are closed somewhere in it."""

    def __init__(self, scene: Scene, text: str, line: int, notes: Notes) -> None:
        self.scene = scene
        self.text = text
        self.line = line
        self.at = 0
        self.tried: tuple[Rule, ...] = ()
        self.frames: list[Frame] = []
        self.next: Frame | None = None
        self.closers: set[str] = set()
        self._notes = notes
        self._pieces: list[str] = []
        self._holding = 0
        self._barren: set[str] = set()

    def note(self, what: str) -> None:
        """Note something at the present line."""
        self._notes.note(self.line, what)

    # --- text

    def plain(self, text: str) -> None:
        """Text that is shown."""
        if text.strip():
            self.next = None
            self.tried = ()
            if self.frames:
                self.frames[-1].has_text = True
        self._pieces.append(text)

    def upto(self, end: str) -> str | None:
        """The text up to a mark, which is passed; None if there is none."""
        at = -1 if end in self._barren else self.text.find(end, self.at)
        if at < 0:
            self._barren.add(end)
            return None
        found = self.text[self.at : at]
        self.at = at + len(end)
        return found

    def upto_closing(self) -> str | None:
        """The text up to the bracket that closes the one just passed."""
        at = -1 if ")" in self._barren else twee_macros.closing(self.text, self.at)
        if at < 0:
            self._barren.add(")")
            return None
        found = self.text[self.at : at]
        self.at = at + 1
        return found

    def finish(self) -> None:
        """Close what was left open, and give the scene its text."""
        while self.frames:
            self.note(f"`{self.frames[-1].kind}` is not closed in {quoted(self.scene.title)}")
            self.pop(len(self.text))
        self._jump()
        text = _EMPTY.sub("\n\n", "\n".join(_shown("".join(self._pieces)))).strip("\n")
        self.scene.text = [text] if text else []

    # --- links

    def link(self) -> bool:
        """`[[...]]`, of which the first brackets are passed; False if it is none."""
        start = self.at
        inside = self.upto("]]")
        if inside is None or "\n" in inside:
            self.at = start
            return False
        setter = _SETTER.search(inside)
        does = [] if setter is None else self.assignments(setter[1])
        label, target = ends(inside if setter is None else inside[: setter.start()])
        rules = self.inside() if self.next is None else self.next.rules
        self.tried = self.tried if self.next is None else self.next.tried
        self.next = None
        self.leave(label, target, rules, does)
        self._pieces.append(f"\0{label}\0")
        return True

    def leave(
        self, label: str | None, target: str, rules: tuple[Rule, ...], does: list[Assignment]
    ) -> None:
        """A way out of the passage; one without a label is a `goto`."""
        shown = quoted(label or target)
        if not target or target.startswith("$"):
            self.note(f"the link {shown} leads to no fixed passage: it is left out")
        elif _LEADS_OUT.match(target):
            self.note(f"the link {shown} leads out of the story: it is left out")
        else:
            self.scene.leave(self.line, target, label=label, rules=rules, does=does)

    def _jump(self) -> None:
        """Whoever is sent elsewhere under a condition is not asked to choose then."""
        exits = self.scene.exits
        jumps = [each.rules for each in exits if each.label is None and each.rules]
        stays = tuple(twee_macros.contrary(rules) for rules in jumps[:RULES_MAX])
        for each in exits:
            if each.label is not None:
                each.rules += stays

    # --- assignments

    def assignments(self, source: str) -> list[Assignment]:
        """What a macro sets; what is not understood is noted."""
        try:
            return list(twee_macros.assignments(source, self.line))
        except CannotSay as error:
            self.note(f"the assignment {_short(source)} is left out: {error}")
            return []

    def set(self, source: str) -> None:
        """Set on arrival, or when the link around is followed."""
        found, around = self.assignments(source), self.around()
        if around is None:
            self.scene.opens += found
        elif around.kind == "link":
            around.does += found
        elif found:
            self.note(f"the assignment {_short(source)} is left out: it hangs on `{around.kind}`")

    def goto(self, target: str) -> None:
        """Go to a passage at once, or when the link around is followed."""
        around = self.around()
        if around is not None and around.kind == "link":
            around.target = around.target or target
        else:
            self.leave(None, target, self.inside(), [])

    # --- what is open

    def inside(self) -> tuple[Rule, ...]:
        """What must hold here."""
        return self.frames[-1].rules if self.frames else ()

    def around(self) -> Frame | None:
        """The innermost link, condition or other macro."""
        return next((frame for frame in reversed(self.frames) if frame.kind != "plain"), None)

    def frame(self, kind: str, start: int, *, is_hook: bool) -> Frame:
        """Something that may be opened; its source begins at `start`."""
        rules = self.inside()
        return Frame(kind, self.line, start, len(self._pieces), rules, rules, is_hook)

    def hold(self, frame: Frame, source: str | None) -> None:
        """Give a frame its rules: what was tried fails, and the condition, if any, holds."""
        rules = frame.base + tuple(replace(each, is_negated=True) for each in self.tried)
        if source is not None:
            try:
                made = twee_macros.rule(source, self.line, self.scene.title)
            except CannotSay as error:
                what = "is left out, what it held back is open"
                self.note(f"the condition {_short(source)} {what}: {error}")
            else:
                rules += (made,)
                self.tried += (made,)
        if len(rules) > RULES_MAX:
            self.note(f"more than {RULES_MAX} conditions at once: the last are left out")
        frame.rules, frame.tried = rules[:RULES_MAX], self.tried[:RULES_MAX]

    def push(self, frame: Frame) -> bool:
        """Open a frame; False if too many are open."""
        if len(self.frames) == FRAMES_MAX:
            self.note(f"marks nest deeper than {FRAMES_MAX}: the rest is text")
            return False
        self.frames.append(frame)
        self._holding += frame.kind != "plain"
        return True

    def pop(self, end: int) -> None:
        """Close the innermost frame, whose source ends at `end`."""
        frame = self.frames.pop()
        if frame.has_text and self.frames:
            self.frames[-1].has_text = True
        if frame.kind == "plain":
            return
        self._holding -= 1
        if frame.kind == "link":
            self.leave(frame.label, frame.target, frame.base, frame.does)
        elif frame.kind == "if":
            self.tried = frame.tried
        if not self._holding:
            shown = f"\0{frame.label}\0"
            if frame.kind not in ("link", "if"):
                shown = self.text[frame.start : end].replace("\0", "")
            elif frame.has_text:
                shown = self.text[frame.start : end].replace("\0", "")
                what = f"text inside of `{frame.kind}` stays as it was written, and is always shown"
                self._notes.note(frame.line, what)
            self._pieces[frame.piece :] = [shown]


def ends(inside: str) -> tuple[str, str]:
    """Label and target of a link: `label->target`, `target<-label`, `label|target` or `target`."""
    for mark, find, is_first in (("->", str.rpartition, False), ("<-", str.partition, True)):
        left, found, right = find(inside, mark)
        if found:
            label, target = (right, left) if is_first else (left, right)
            return label.strip(), target.strip()
    left, _, right = inside.rpartition("|")
    return (left or right).strip(), right.strip()


def _shown(text: str) -> list[str]:
    """The lines of a text, without those on which only links stood."""
    lines = []
    for line in text.split("\n"):
        rest = _LINK.sub("", line)
        if rest == line or rest.strip(_BULLETS):
            lines.append(_LINK.sub(r"\1", line).rstrip())
    return lines


def _short(source: str) -> str:
    return quoted(" ".join(source.split()))
