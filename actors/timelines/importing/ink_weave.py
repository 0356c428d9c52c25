"""The weave of an Ink story: where what comes next is added.

Text, choices and gathers follow one another; choices nest, and gathers bring together what was left
open. The weave keeps the ends that lead to whatever comes next. A scene begins only when there is
something to put into it, so a choice that goes straight elsewhere needs none of its own.
Source: "Writing with ink" by inkle, parts 1 to 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from actors.timelines.findings import quoted
from actors.timelines.importing import Notes
from actors.timelines.importing.story import Assignment, Exit, Rule, Scene, Story

RULES_MAX = 50
"""Conditions of one exit; where more come together, a scene begins in between."""


@dataclass(slots=True)
class Level:
    """Choices of one level: the scene that they are made in, and the ends of those before."""

    point: Scene
    rules: tuple[Rule, ...]
    loose: list[Exit] = field(default_factory=list)


class Weave:
    """Adds to a story. Either `scene` is being written, or `ends` lead to the next one."""

    def __init__(self, story: Story, notes: Notes) -> None:
        self._story = story
        self._notes = notes
        self._before = Scene("before", "", 0)
        self._counts: dict[str, int] = {}
        self._part = "start"
        self.begin_at = self._before.leave(0)
        self.scene: Scene | None = None
        self.ends: list[Exit] = [self.begin_at]
        self.levels: list[Level] = []
        self.where = ""
        self.tags: dict[str, str] = {}

    # --- scenes

    def begin(self, name: str, where: str, line: int) -> None:
        """A knot or a stitch of the full name `where`; what was open before ends there."""
        first = self.scene
        is_first = first is not None and where == f"{first.name}.{name}"
        self.levels, self.ends, self._part, self.where = [], [], where, where
        if is_first and first is not None and not (first.text or first.exits or first.opens):
            first.where = where  # a knot that begins with a stitch is that stitch
            self._named(where, first)
            return
        self.scene = self._new(where, name, line)
        self._named(where, self.scene)

    def _new(self, name: str, title: str, line: int) -> Scene:
        made = Scene(name, title, line, self.where, data=self.tags)
        self.tags = {}
        self._story.scenes.append(made)
        return made

    def _named(self, name: str, scene: Scene) -> None:
        known = self._story.places.setdefault(name, scene)
        if known is not scene:
            what = f"the name {quoted(name)} is at line {known.line} already: diverts go there"
            self._notes.note(scene.line, what)

    def place(self, line: int, label: str | None = None) -> Scene:
        """The scene that is written; a new one if there is none, or if it has a label."""
        if self.scene is not None and label is None:
            return self.scene
        ends = self.tails(line)
        number = self._counts[self._part] = self._counts.get(self._part, 0) + 1
        sole = ends[0] if len(ends) == 1 else None
        title = sole.label if sole is not None and sole.label else label or self._part
        own = f"{self._part}.{number}" if label is None else self._labelled(label)
        name = self._part if not self.where and number == 1 and label is None else own
        scene = self._new(name, title, line)
        if label is not None:
            self._named(own, scene)
            self._story.places.setdefault(f"{self.where.partition('.')[0]}.{label}", scene)
        if sole is not None and sole.echo:
            scene.text.append(sole.echo)
        for each in ends:
            each.to = scene
        self.scene, self.ends = scene, []
        return scene

    def _labelled(self, label: str) -> str:
        return f"{self.where}.{label}" if self.where else label

    def tails(self, line: int) -> list[Exit]:
        """Everything that leads to what comes next."""
        if self.scene is None:
            return self.ends
        if self.levels and self.levels[-1].point is self.scene:
            return []  # the choices in it are its way out
        return [self.scene.leave(line)]

    # --- what is added

    def text(self, line: int, text: str) -> None:
        """A line of text; what ends with glue goes on in the same line."""
        scene = self.place(line)
        if scene.text and scene.text[-1].endswith("<>"):
            scene.text[-1] = scene.text[-1].removesuffix("<>") + text.removeprefix("<>")
        else:
            scene.text.append(text)

    def tag(self, name: str, value: str) -> None:
        """A tag of the scene that is written, or of the next one."""
        data = self.tags if self.scene is None else self.scene.data
        data[name] = f"{data[name]}, {value}" if name in data else value

    def operate(self, assignment: Assignment) -> None:
        """Set a variable: on the way to what comes next, or on arriving."""
        if self.scene is None and self.ends and self.ends[0] is not self.begin_at:
            for each in self.ends:
                each.does.append(assignment)
        else:
            self.place(assignment.line).opens.append(assignment)

    def divert(self, line: int, to: str | None) -> None:
        """Lead on to a place, or to the end (None)."""
        for each in self.tails(line):
            each.to, each.line = to, line
        self.scene, self.ends = None, []

    def point(self, line: int, *, is_own: bool = False) -> tuple[Scene, tuple[Rule, ...]]:
        """The scene in which something is chosen or decided, and what holds there already.

        With `is_own` nothing does.
        """
        end = self.ends[0] if self.scene is None and len(self.ends) == 1 else None
        if end is None or end is self.begin_at or end.label is not None or end.does or end.is_last:
            return self.place(line), ()
        if is_own or end.once or len(end.rules) > RULES_MAX:
            return self.place(line), ()
        end.source.exits.remove(end)
        self.ends = []
        return end.source, end.rules

    def choice(self, depth: int, given: Exit) -> None:
        """A choice of a level from 1 on; `given` says what it is like."""
        self.close(depth)
        if len(self.levels) < depth:
            self.levels.append(Level(*self.point(given.line)))
        else:
            self.levels[-1].loose += self.tails(given.line)
        level = self.levels[-1]
        made = replace(given, source=level.point, rules=level.rules + given.rules)
        level.point.exits.append(made)
        self.scene, self.ends = None, [made]

    def close(self, depth: int) -> None:
        """Leave levels beyond `depth`: what they left open leads to what comes next."""
        while len(self.levels) > depth:
            ends = self.tails(0)
            self.ends = self.levels.pop().loose + ends
            self.scene = None

    def gather(self, depth: int, line: int, label: str | None) -> None:
        """Bring together what the levels from `depth` on left open."""
        self.close(depth - 1)
        if label is not None:
            self.place(line, label)
