"""The document of a story: its scenes as events, its exits as links, its rules as conditions.

A rule that has no form in a document is left out and noted, and what it held back is then open
always: an author sees that and can mend it, a way that is gone would be missed. Places whose visits
are counted by number get a variable that their event adds to. Rules: spec timelines 5.7 and 8.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.timelines import document, publishing, reading
from actors.timelines.document import Condition, Event, Link, Narrative, On, Operation, Ref
from actors.timelines.findings import quoted
from actors.timelines.importing import WHOLE, Ids, Imported, Notes, safe
from actors.timelines.importing.rules import (
    NEVER,
    Scope,
    condition,
    followed,
    negated,
    operations,
    together,
)
from actors.timelines.importing.story import Assignment, Exit, Plan, Rule, Scene, Story, plan
from actors.timelines.importing.terms import CannotSay
from actors.timelines.publishing import conditions as publishing_conditions

ROW = "story"


def imported(story: Story, id_: str, notes: Notes) -> Imported:
    """The document of a story, named `id_` (made safe), with what could not come along."""
    found = plan(story, notes)
    if found is None:
        return notes.yielding(None)
    timeline = _Writing(story, found, notes).timeline(safe(id_, "story"))
    count, allowed = len(timeline.variables), publishing.MOST["variables"]
    if count > allowed:
        notes.note(WHOLE, f"the story needs {count:,} variables, at most {allowed:,} are allowed")
        return notes.yielding(None)
    size = len(document.write(timeline))
    if size > reading.BODY_BYTES_MAX:
        most = reading.BODY_BYTES_MAX
        notes.note(WHOLE, f"the document has {size:,} bytes, at most {most:,} are allowed")
        return notes.yielding(None)
    return notes.yielding(timeline)


class _Writing:
    """Writes the events of a plan."""

    def __init__(self, story: Story, found: Plan, notes: Notes) -> None:
        self._story = story
        self._plan = found
        self._notes = notes
        ids = Ids()
        self._ids = {id(scene): ids.take(scene.name, "event") for scene in found.scenes}
        self._scope = Scope(story.variables, story.constants, self._place)

    def timeline(self, id_: str) -> document.Timeline:
        """The whole document."""
        links = [self._links(scene) for scene in self._plan.scenes]
        opens = [self._operations(scene.opens, scene) for scene in self._plan.scenes]
        events = map(self._event, self._plan.scenes, links, opens)
        counters = self._scope.counters.values()
        variables = [*self._story.variables.values()]
        variables += [document.Variable(name, "user", "number", "0") for name in counters]
        title = self._story.title.strip() or id_
        return document.Timeline(
            schema="timeline/1",
            id=id_,
            title=title,
            variables=tuple(variables),
            beats=(),
            rows=(document.Row(ROW, title),),
            events=tuple(events),
        )

    def _event(self, scene: Scene, links: tuple[Link, ...], opens: list[Operation]) -> Event:
        id_ = self._ids[id(scene)]
        counter = self._scope.counters.get(id_)
        if counter is not None:
            opens = [Operation("add", counter, "1"), *opens]
        narrative = Narrative(
            id=id_,
            title=scene.title,
            description="\n".join(scene.text).strip("\n") or None,
            content=(Ref(scene.name, self._story.passage, self._story.format),),
            custom_data=scene.data,
        )
        return Event(id_, ROW, 0, narrative, links=links, on=On(active=tuple(opens)))

    # --- links

    def _links(self, scene: Scene) -> tuple[Link, ...]:
        whens = [self._open(each) for each in scene.exits]
        made = []
        for each, when in zip(scene.exits, whens, strict=True):
            if each.is_last:
                others = zip(scene.exits, whens, strict=True)
                rest = [negated(_all(held)) for other, held in others if not other.is_last]
                when = [*when, *rest]
            does = tuple(self._operations(each.does, scene))
            made.append(Link(self._target(each), each.label, self._within(each, when), does))
        return tuple(made)

    def _target(self, each: Exit) -> str:
        return self._ids[id(each.to)]

    def _open(self, each: Exit) -> list[Condition]:
        """What must hold for an exit by itself, `is_last` aside."""
        found = [self._rule(rule, each.source) for rule in each.rules]
        when = [one for one in found if one is not None]
        if each.once:
            link = f"{self._ids[id(each.source)]}:{self._target(each)}"
            when.append(negated(followed(link)))
        return when

    def _rule(self, rule: Rule, scene: Scene) -> Condition | None:
        try:
            found = condition(rule.term, self._scope, scene.where)
        except CannotSay as error:
            what = f"the condition {quoted(rule.source)} is left out, what it held back is open"
            self._notes.note(rule.line, f"{what}: {error}")
            return None
        return negated(found) if rule.is_negated else found

    def _within(self, each: Exit, when: list[Condition]) -> Condition | None:
        """The conditions as one, unless that is more than a document takes."""
        if sum(map(_size, when)) >= publishing_conditions.CONDITIONS_MAX:
            what = "its conditions are left out, they are too many"
            shown = "without words" if each.label is None else quoted(each.label)
            self._notes.note(each.line, f"the link {shown} is open: {what}")
            return None
        return together(when)

    # --- operations

    def _operations(self, assignments: list[Assignment], scene: Scene) -> list[Operation]:
        found: list[Operation] = []
        most = publishing_conditions.OPERATIONS_MAX - 1  # a counter may come before
        for each in assignments:
            try:
                made = operations(each.name, each.term, self._scope, scene.where)
                if len(found) + len(made) > most:
                    raise CannotSay(f"a document takes {most} steps at one place")
            except CannotSay as error:
                self._notes.note(each.line, f"{quoted(each.source)} is left out: {error}")
            else:
                found += made
        return found

    def _place(self, name: str, where: str) -> str | None:
        scene = self._story.find(name, where)
        return None if scene is None else self._ids.get(id(scene), "")


def _all(when: list[Condition]) -> Condition:
    return together(when) or negated(NEVER)


def _size(condition: Condition) -> int:
    """How many conditions there are in one, itself included."""
    return sum(1 for _ in _inside(condition))


def _inside(condition: Condition) -> Iterator[Condition]:
    waiting = [condition]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += [*(one.all_ or ()), *(one.any_ or ())]
        waiting += [] if one.not_ is None else [one.not_]
