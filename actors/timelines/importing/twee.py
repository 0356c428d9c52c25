"""Twee 3: the container of Twine's stories, read into a timeline.

A passage becomes an event, a link in it a link with its text as the label. The container is the
same for every story format; of the formats' own languages `twee_marks.py` reads what is plainly the
same in Harlowe and SugarCube. Special passages say how the story is called, where it begins and
what its variables hold at first. Source: the Twee 3 specification of the Interactive Fiction
Technology Foundation; rules of documents: spec timelines 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from actors.timelines.findings import quoted
from actors.timelines.importing import WHOLE, Imported, Notes, whole
from actors.timelines.importing.document import imported
from actors.timelines.importing.rules import checked
from actors.timelines.importing.story import Assignment, Scene, Story, types_of
from actors.timelines.importing.terms import CannotSay, Literal
from actors.timelines.importing.twee_marks import Marks, Style

_HEADER = re.compile(
    r"::[ \t]*(?P<name>(?:[^\\\[\]{}]|\\.)*+)"
    r"(?:\[(?P<tags>(?:[^\\\[\]]|\\.)*+)\])?\s*(?P<data>\{.*\})?\s*"
)
_ESCAPED = re.compile(r"\\(.)")
STYLED = {"harlowe": Style(hooks=True), "sugarcube": Style(angles=True)}
"""By story format: whose macros are looked for. Without a format both are."""
NO_TEXT = ("script", "stylesheet", "Twine.image", "Twine.audio", "Twine.video", "Twine.vtt")
"""Tags of passages that hold no part of the story."""
AROUND = ("header", "footer", "debug-header", "debug-footer", "debug-startup", "widget", "init")
AROUND_NAMES = (
    *("StoryAuthor", "StoryBanner", "StoryCaption", "StoryDisplayTitle", "StoryIncludes"),
    *("StoryInterface", "StoryMenu", "StorySettings", "StoryShare", "StorySubtitle"),
    *("PassageDone", "PassageFooter", "PassageHeader", "PassageReady"),
)
"""Passages that surround others, or are no part of the story."""


@dataclass(slots=True)
class _Passage:
    """A passage as it stands in the file; `line` is its header's."""

    name: str
    tags: list[str]
    data: dict[str, str]
    line: int
    body: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.body).strip("\n")

    @property
    def first(self) -> int:
        """The line of the file at which `text` begins."""
        empty = 0
        while empty < len(self.body) and not self.body[empty]:
            empty += 1
        return self.line + 1 + empty


def read_twee(text: str, *, id_: str) -> Imported:
    """Read a story in Twee 3 as a timeline whose id is `id_`, made safe. Never raises."""
    notes = Notes()
    return _Reading(_passages(whole(text), notes), notes).imported(id_)


def _passages(text: str, notes: Notes) -> list[_Passage]:
    found: list[_Passage] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("::"):
            found.append(_headed(line, number, notes))
        elif found:
            found[-1].body.append(line)
        elif line.strip():
            notes.note(number, "text before the first passage is left out")
    return found


def _headed(line: str, number: int, notes: Notes) -> _Passage:
    match = _HEADER.fullmatch(line)
    if match is None:
        notes.note(number, "the header of this passage is not understood: all of it is its name")
        return _Passage(line[2:].strip(), [], {}, number, [])
    tags = [_plain(tag) for tag in (match["tags"] or "").split()]
    return _Passage(_plain(match["name"].strip()), tags, _data(match, number, notes), number, [])


def _data(match: re.Match[str], number: int, notes: Notes) -> dict[str, str]:
    if match["data"] is None:
        return {}
    try:
        return msgspec.json.decode(match["data"], type=dict[str, str])
    except (msgspec.MsgspecError, RecursionError):
        notes.note(number, "the metadata of this passage is not understood: it is left out")
        return {}


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


class _Reading:
    """Makes a story of passages."""

    def __init__(self, passages: list[_Passage], notes: Notes) -> None:
        self._passages = passages
        self._notes = notes
        self._story = Story("twee", "passage")
        self._start = ""
        self._style = Style(hooks=True, angles=True)
        self._set_first: list[Assignment] = []

    def imported(self, id_: str) -> Imported:
        """Read special passages first, then the story's own."""
        own = [passage for passage in self._passages if not self._is_special(passage)]
        marks = Marks(self._style, self._notes)
        for passage in self._passages:
            if passage.name == "StoryInit" or "startup" in passage.tags:
                self._set_first += self._first_values(passage, marks)
        for passage in own:
            self._scene(passage, marks)
        self._declare(marks.assigned)
        for scene in self._story.scenes:
            marks.look_for_values(scene, set(self._story.variables))
        self._begin()
        return imported(self._story, id_, self._notes)

    def _is_special(self, passage: _Passage) -> bool:
        """Whether a passage is none of the story; what it says of the story is noted."""
        name, tags = passage.name, set(passage.tags)
        if name == "StoryTitle":
            self._story.title = " ".join(passage.text.split())
        elif name == "StoryData":
            self._read_data(passage)
        elif name in AROUND_NAMES or tags & {*NO_TEXT, *AROUND}:
            self._notes.note(passage.line, f"{quoted(name)} is no scene of the story: left out")
        elif name != "StoryInit" and "startup" not in tags:
            return False
        return True

    def _read_data(self, passage: _Passage) -> None:
        try:
            data = msgspec.json.decode(passage.text or "{}", type=_Data)
        except (msgspec.MsgspecError, RecursionError):
            self._notes.note(passage.line, "StoryData is not understood: it is left out")
            return
        self._start = data.start
        format_ = data.format.lower()
        self._style = STYLED.get(format_, Style()) if format_ else self._style
        if format_ and format_ not in STYLED:
            what = f"of the format {quoted(data.format)} only links are read"
            self._notes.note(passage.line, what)

    def _first_values(self, passage: _Passage, marks: Marks) -> list[Assignment]:
        scene = Scene(passage.name, passage.name, passage.line)
        marks.read(scene, passage.text, passage.first)
        for each in scene.exits:
            self._notes.note(each.line, "a link in a startup passage is left out")
        return scene.opens

    def _scene(self, passage: _Passage, marks: Marks) -> None:
        name = passage.name
        if name in self._story.places:
            first = self._story.places[name].line
            what = f"a passage {quoted(name)} is at line {first} already: this one is left out"
            self._notes.note(passage.line, what)
            return
        scene = Scene(name, name, passage.line)
        marks.read(scene, passage.text, passage.first)
        scene.data = {f"twee_{key}": value for key, value in passage.data.items()}
        if passage.tags:
            scene.data["tags"] = " ".join(passage.tags)
        self._story.places[name] = scene
        self._story.scenes.append(scene)

    def _declare(self, assigned: list[Assignment]) -> None:
        """Declare what is assigned anywhere; values set before the story are the defaults."""
        types = types_of(assigned, self._story.variables)
        for each in {one.name: one for one in self._set_first}.values():  # the last of each
            try:
                if not isinstance(each.term, Literal) or types[each.name] != each.term.type:
                    raise CannotSay("it is no fixed value")
                self._story.declare(each.name, each.term.type, checked(each.term))
            except CannotSay as error:
                what = f"{quoted(each.source)} before the story is left out: {error}"
                self._notes.note(each.line, what)
        for name, type_ in types.items():
            self._story.declare(name, type_)

    def _begin(self) -> None:
        """Find the first passage of the story."""
        places = self._story.places
        self._story.start = places.get(self._start or "Start")
        if self._story.start is None and self._story.scenes:
            self._story.start = self._story.scenes[0]
            name, first = self._start or "Start", quoted(self._story.scenes[0].title)
            what = f"there is no passage {quoted(name)} to begin with: it begins with {first}"
            self._notes.note(WHOLE, what)


class _Data(msgspec.Struct):
    """StoryData, as far as it matters here."""

    start: str = ""
    format: str = ""
