"""A story as a graph, and the timeline that it becomes.

Readers of every format make scenes with exits. Here scenes become events, all of them in column 0
of one row: an event opens when its column is reached and a link to it was followed, so a story
without columns needs just one. Every exit is a link that the user follows, those without a choice
have no label: so exactly one event is open at a time, and loops come round as often as they like
(an automatic link leaves its event open, and so it would never open again).
Where nothing leads, nothing is made: an event without links to it would open at the start.
Rules: spec timelines 5.2, 5.5, 5.12.1 and 5.12.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.timelines import publishing
from actors.timelines.document import Variable
from actors.timelines.findings import quoted
from actors.timelines.importing import WHOLE, Ids, Notes
from actors.timelines.importing.rules import ZEROS
from actors.timelines.importing.terms import (
    Junction,
    Literal,
    Name,
    Opposite,
    Pair,
    Term,
    Visits,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition as it was written: at which line, and how its text is to be named."""

    line: int
    source: str
    term: Term
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """A variable gets the value of a term."""

    line: int
    source: str
    name: str
    term: Term


@dataclass(slots=True, eq=False)
class Exit:
    """A way out of a scene. `to` is a scene, a name to be looked up, or None for the end.

    All `rules` must hold; a `once` exit may be taken one time; an `is_last` one only when none of
    the others can. `echo` is what taking it says, should it need a scene of its own.
    """

    source: Scene
    line: int
    label: str | None = None
    to: Scene | str | None = None
    rules: tuple[Rule, ...] = ()
    does: list[Assignment] = field(default_factory=list)
    once: bool = False
    is_last: bool = False
    echo: str = ""


@dataclass(slots=True, eq=False)
class Scene:
    """What becomes an event. `where` is the place that names in it are looked up from."""

    name: str
    title: str
    line: int
    where: str = ""
    text: list[str] = field(default_factory=list)
    opens: list[Assignment] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    data: dict[str, str] = field(default_factory=dict)

    def leave(self, line: int, to: Scene | str | None = None, **given: object) -> Exit:
        """Add a way out."""
        found = Exit(self, line, to=to, **given)  # type: ignore[arg-type]
        self.exits.append(found)
        return found


@dataclass(slots=True)
class Story:
    """A whole story. `places` are its scenes by name; of equal names the first one counts."""

    format: str
    passage: str
    title: str = ""
    start: Scene | None = None
    scenes: list[Scene] = field(default_factory=list)
    places: dict[str, Scene] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    constants: dict[str, Literal] = field(default_factory=dict)
    names: Ids = field(default_factory=Ids)

    def declare(self, name: str, type_: str, default: str | None = None) -> None:
        """Note a variable of the story, unless it is known."""
        if name not in self.variables:
            value = ZEROS[type_] if default is None else default
            own = self.names.take(name.lstrip("$_"), "variable")
            made = Variable(own, "user", type_, value)  # type: ignore[arg-type]
            self.variables[name] = made

    def find(self, name: str, where: str) -> Scene | None:
        """The scene of a name: looked up from the innermost place outwards."""
        parts = where.split(".") if where else []
        while parts:
            found = self.places.get(".".join([*parts, name]))
            if found is not None:
                return found
            parts.pop()
        return self.places.get(name)


@dataclass(slots=True)
class Plan:
    """The scenes that become events, in order, with every exit leading to one of them."""

    start: Scene
    scenes: list[Scene]


def plan(story: Story, notes: Notes) -> Plan | None:
    """What of a story becomes events; None (and a note) if nothing can."""
    if story.start is None:
        notes.note(WHOLE, f"there is no {story.passage} in it")
        return None
    end = Scene("end", "The end", WHOLE)
    _aim(story, end, notes)
    kept = _reached(story, notes)
    entered = {id(each.to) for scene in kept for each in scene.exits}
    start = story.start
    if id(start) in entered:
        start = Scene("start", story.title or start.title, start.line)
        start.leave(start.line, story.start)
        kept.insert(0, start)
    _look_for_rounds(kept, notes)
    scenes = _apart(kept, end)
    most = publishing.MOST["events"]
    if len(scenes) > most:
        notes.note(WHOLE, f"the story needs {len(scenes):,} events, at most {most:,} are allowed")
        return None
    return Plan(start, scenes)


def _aim(story: Story, end: Scene, notes: Notes) -> None:
    """Lead every exit to a scene; those to nowhere are noted and go."""
    for scene in story.scenes:
        kept: list[Exit] = []
        for each in scene.exits:
            if isinstance(each.to, str):
                each.to = story.find(each.to, scene.where) or each.to
            if isinstance(each.to, str):
                shown = quoted(each.to)
                notes.note(each.line, f"there is no {story.passage} {shown}: the link is left out")
            elif each.to is not None or not _is_plain(each):
                each.to = each.to or end
                kept.append(each)
        if len(kept) > publishing.LINKS_MAX:
            left = f"{len(kept)} links, at most {publishing.LINKS_MAX} are allowed"
            notes.note(scene.line, f"{quoted(scene.title)} has {left}: the others are left out")
        scene.exits = kept[: publishing.LINKS_MAX]
    story.scenes.append(end)


def _is_plain(each: Exit) -> bool:
    """An exit that says nothing: at the end of a story none is needed."""
    return each.label is None and not (each.rules or each.does or each.once or each.is_last)


def _reached(story: Story, notes: Notes) -> list[Scene]:
    """The scenes that exits lead to from the start, in the order of the story."""
    assert story.start is not None
    waiting, found = [story.start], {id(story.start)}
    while waiting:
        for each in waiting.pop().exits:
            if isinstance(each.to, Scene) and id(each.to) not in found:
                found.add(id(each.to))
                waiting.append(each.to)
    for scene in story.scenes:
        if id(scene) not in found and scene.line != WHOLE:
            reason = "nothing leads here from the start: it is left out"
            notes.note(scene.line, f"{quoted(scene.title)}: {reason}")
    return [scene for scene in story.scenes if id(scene) in found]


def _look_for_rounds(scenes: list[Scene], notes: Notes) -> None:
    """Note each round of scenes that go on to one another without a choice."""
    seen: dict[int, int] = {}
    for number, first in enumerate(scenes):
        scene: Scene | str | None = first
        while isinstance(scene, Scene) and id(scene) not in seen:
            seen[id(scene)] = number
            only = scene.exits[0] if len(scene.exits) == 1 else None
            scene = only.to if only is not None and not (only.label or only.rules) else None
        if isinstance(scene, Scene) and seen[id(scene)] == number:
            what = f"{quoted(scene.title)} leads back to itself without a choice: nobody comes out"
            notes.note(scene.line, what)


def _apart(scenes: list[Scene], end: Scene) -> list[Scene]:
    """One exit from scene to scene: further ones get a scene of their own on the way (spec 2)."""
    found = []
    for scene in scenes:
        found.append(scene)
        targets: set[int] = set()
        for each in scene.exits:
            if id(each.to) in targets:
                title = each.label or scene.title
                between = Scene(f"{scene.name}-{len(targets)}", title, each.line, scene.where)
                between.text = [each.echo or each.label or ""]
                if each.to is not end:
                    between.leave(each.line, each.to)
                each.to = between
                found.append(between)
            targets.add(id(each.to))
    return found


def types_of(assignments: list[Assignment], known: Mapping[str, Variable]) -> dict[str, str]:
    """The types of variables that are never declared, by what is assigned to them first."""
    found: dict[str, str] = {name: variable.type for name, variable in known.items()}
    waiting = [each for each in assignments if each.name not in found]
    for _ in range(4):  # what is copied from a copy of a copy
        for each in waiting:
            if each.name not in found:
                type_ = _type_of(each.term, each.name, found)
                if type_ is not None:
                    found[each.name] = type_
    return {each.name: found.get(each.name, "number") for each in waiting}


def _type_of(term: Term, name: str, known: Mapping[str, str]) -> str | None:
    """What type a term has, as far as it can be told; `name` is what it is assigned to."""
    while isinstance(term, Pair) and term.sign == "+":
        right = _type_of(term.right, name, known)
        if right is not None:
            return right
        term = term.left
    match term:
        case Literal():
            return term.type
        case Name():
            return None if term.name == name else known.get(term.name)
        case Opposite() | Junction():
            return "boolean"
        case Visits():
            return "number"
        case Pair():
            return "number" if term.sign in "+-*/%" else "boolean"
    return None
