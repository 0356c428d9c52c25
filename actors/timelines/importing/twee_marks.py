"""The marks of Twine's story formats: links, and the macros that mean the same as in a document.

Links look alike everywhere. Of macros, setting a variable, conditions around links, and going to a
passage are read; in Harlowe they stand in round brackets with hooks behind them, in SugarCube in
angle brackets. All others stay in the text as they were written, and are noted. A passage is read
once from front to back, whatever it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from actors.timelines.findings import quoted
from actors.timelines.importing import Notes, twee_macros
from actors.timelines.importing.story import Assignment, Scene
from actors.timelines.importing.twee_passage import Passage, ends

_MARK = re.compile(
    r"\[\[|\[img\[|\]|\[|\((?P<hook>[A-Za-z][\w-]*):|<<(?P<angle>/?[A-Za-z=-][\w-]*)|<!--|/%|/\*"
)
_COMMENTS = {"<!--": "-->", "/%": "%/", "/*": "*/"}
"""How comments begin and end; the last two are SugarCube's."""
_CLOSER = re.compile(r"<</([\w-]+)")
_LOOKS = (
    *("textstyle", "textcolour", "textcolor", "colour", "color", "background", "bg", "font"),
    *("align", "box", "css", "hoverstyle", "transition", "t8n", "textrotate", "columns", "column"),
)
"""Macros of Harlowe that change only how the hook behind them looks."""
_SILENT = ("nobr", "/nobr", "silently", "/silently", "silent", "/silent")
"""Blocks of SugarCube that change only how text looks."""
_LINKS = ("link", "linkrevealgoto", "linkreveal")
_WRITTEN = re.compile(r"<<[^<>]*>>|\([\w-]+:[^()]*\)")
"""Macros that stayed in a text; they are noted already."""
_VALUE = re.compile(r"(?<![\w$])[$_][^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Style:
    """Whose macros are looked for: Harlowe's with hooks, SugarCube's in angles."""

    hooks: bool = False
    angles: bool = False


class Marks:
    """Reads the passages of one story; `assigned` is all that they set."""

    def __init__(self, style: Style, notes: Notes) -> None:
        self._style = style
        self._notes = notes
        self.assigned: list[Assignment] = []

    def read(self, scene: Scene, text: str, first: int) -> None:
        """Add to a scene what its text holds; `first` is the text's line in the file."""
        passage, counted = Passage(scene, text, first, self._notes), 0
        passage.closers = set(_CLOSER.findall(text))
        while (match := _MARK.search(text, passage.at)) is not None:
            passage.plain(text[passage.at : match.start()])
            passage.at = match.end()
            passage.line += text.count("\n", counted, match.start())
            counted = match.start()
            if not self._mark(passage, match):
                passage.plain(text[match.start() : passage.at])
        passage.plain(text[passage.at :])
        passage.finish()
        self.assigned += scene.opens
        for each in scene.exits:
            self.assigned += each.does

    def look_for_values(self, scene: Scene, names: set[str]) -> None:
        """Note that values of variables are not put into the text."""
        for text in scene.text:
            for name in sorted(names.intersection(_VALUE.findall(_WRITTEN.sub("", text)))):
                what = f"{quoted(scene.title)} shows the name `{name}` where its value was meant"
                self._notes.note(scene.line, what)

    def _mark(self, passage: Passage, match: re.Match[str]) -> bool:
        """What a mark means; False if it is only text."""
        mark, start = match[0], match.start()
        if mark == "[[" and (passage.next is None or not passage.text.startswith("[[[", start)):
            return passage.link()
        if mark == "[img[":
            passage.note("an image stays in the text as it was written")
            return False
        if mark in _COMMENTS and (mark == "<!--" or self._style.angles):
            return passage.upto(_COMMENTS[mark]) is not None
        if match["angle"]:
            return self._style.angles and _angle(passage, match["angle"].lower(), start)
        if not self._style.hooks:
            return False
        if match["hook"]:
            return _hook(passage, match["hook"], start)
        return _close(passage) if mark == "]" else _open(passage, start)


# --- Harlowe


def _open(passage: Passage, start: int) -> bool:
    """A square bracket: the hook of the macro before it, or nothing of meaning."""
    passage.at = start + 1
    frame, passage.next = passage.next, None
    if frame is not None:
        return passage.push(frame)
    passage.push(passage.frame("plain", start, is_hook=True))
    return False


def _close(passage: Passage) -> bool:
    if not passage.frames or not passage.frames[-1].is_hook:
        return False
    is_plain = passage.frames[-1].kind == "plain"
    passage.pop(passage.at)
    return not is_plain


def _hook(passage: Passage, written: str, start: int) -> bool:
    """A macro in round brackets, up to the hook behind it."""
    name, source = written.lower().replace("-", ""), passage.upto_closing()
    if source is None:
        passage.note(f"`({written}:` is not closed: it stays in the text")
        return False
    passage.next = None
    if name in ("set", "put"):
        passage.set(source)
    elif name in ("if", "unless", "elseif", "else"):
        _condition(passage, name, source, start)
    elif name == "goto":
        passage.goto((twee_macros.arguments(source) or [""])[0])
    elif name == "linkgoto":
        label, target = _both(source)
        passage.leave(label, target, passage.inside(), [])
    elif name in _LINKS:
        passage.next = passage.frame("link", start, is_hook=True)
        passage.next.label, passage.next.target = _both(source)
        if name != "linkrevealgoto":
            passage.next.target = ""
    else:
        passage.note(f"`({written}:)` stays in the text as it was written")
        passage.plain(passage.text[start : passage.at])
        if name not in _LOOKS:
            passage.next = passage.frame(written, passage.at, is_hook=True)
    return True


def _condition(passage: Passage, name: str, source: str, start: int) -> None:
    if name in ("if", "unless"):
        passage.tried = ()
    frame = passage.frame("if", start, is_hook=True)
    passage.hold(frame, {"else": None, "unless": f"not ({source})"}.get(name, source))
    passage.next = frame


# --- SugarCube


def _angle(passage: Passage, name: str, start: int) -> bool:
    """A macro in angle brackets."""
    source = passage.upto(">>")
    if source is None:
        passage.note(f"`<<{name}` is not closed: it stays in the text")
        return False
    if name in ("if", "elseif", "else", "/if"):
        return _block(passage, name, source, start)
    if name in ("link", "button"):
        frame = passage.frame("link", start, is_hook=False)
        frame.label, frame.target = _both(source, is_goto=False)
        return passage.push(frame)
    if name in ("/link", "/button"):
        return _end(passage, "link")
    if name == "set":
        passage.set(source)
    elif name == "goto":
        passage.goto(_both(source)[1])
    elif name not in _SILENT:
        return _other(passage, name, start)
    return True


def _other(passage: Passage, name: str, start: int) -> bool:
    """Any other macro of SugarCube; what is set inside of one does not happen on arrival."""
    if name.startswith("/"):
        if not passage.frames or passage.frames[-1].kind != name[1:]:
            return False
        passage.pop(passage.at)
        return True
    passage.note(f"`<<{name}>>` stays in the text as it was written")
    if name not in passage.closers:
        return False
    return passage.push(passage.frame(name, start, is_hook=False))


def _block(passage: Passage, name: str, source: str, start: int) -> bool:
    if name == "/if":
        return _end(passage, "if")
    if name == "if":
        passage.tried = ()
        frame = passage.frame("if", start, is_hook=False)
        passage.hold(frame, source)
        return passage.push(frame)
    if not passage.frames or passage.frames[-1].kind != "if" or passage.frames[-1].is_hook:
        passage.note(f"`<<{name}>>` belongs to no `if`: it stays in the text")
        return False
    frame = passage.frames[-1]
    passage.tried = frame.tried
    passage.hold(frame, source if name == "elseif" else None)
    return True


def _end(passage: Passage, kind: str) -> bool:
    if not passage.frames or passage.frames[-1].kind != kind or passage.frames[-1].is_hook:
        passage.note(f"`<</{kind}>>` closes nothing: it stays in the text")
        return False
    passage.pop(passage.at)
    return True


def _both(source: str, *, is_goto: bool = True) -> tuple[str, str]:
    """Label and target of a link macro: two texts, or a link in brackets."""
    given = twee_macros.arguments(source)
    if not given:
        return source.strip(), ""
    if "[[" in source:
        return ends(given[0])
    return given[0], given[1] if len(given) > 1 else given[0] if is_goto else ""
