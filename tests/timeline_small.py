"""Small timelines in a line or two, and a user on one of them: a rule shows best on little.

`small("a b | c", "a:b b>c")`: columns between `|`, in each a row per event from the top; links with
`:` are followed, those with `>` are automatic. Conditions and operations are short texts too:
`n >= 1 and after 09:00`, `not a VISITED`, `a:b followed_by_all 2`, `since beat:b0 at_least PT5M`;
`add n 1; set_now d PT30S; set n $m`. A `$` stands before a variable in the place of a value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from timeline_world import World, ms

from actors.timelines import document, publishing, times
from actors.timelines.revision import Revision, compile_revision
from actors.timelines.timeline import TIMELINE, publication
from actors.timelines.user_words import EventState, Walk
from engine.kind import Kind
from engine.machine import Moment
from engine.messages import Command, Event, Snapshot
from engine.part import Part

BEGIN = "08:00"
DAY = "2023-02-03T"
VARIABLES = {
    "n": ("user", "number", "0"),
    "m": ("user", "number", "7"),
    "d": ("user", "datetime", ""),
    "w": ("user", "string", ""),
    "f": ("user", "boolean", "false"),
    "s": ("shared", "number", "0"),
    "sd": ("shared", "datetime", ""),
}
"""Scope, type and default by name; a document declares those that it uses."""
NONE: Mapping[str, str] = {}


# --- documents


def small(
    columns: str,
    links: str = "",
    *,
    when: Mapping[str, str] = NONE,
    do: Mapping[str, str] = NONE,
    guards: Mapping[str, str] = NONE,
    threads: Mapping[str, str] = NONE,
    beats: str = "0",
    auto_progress: bool = False,
) -> dict[str, Any]:
    """A document that may be published.

    `when` holds conditions by link; `do` operations by link, event and state (`a.VISITED`), or beat
    (`b0`); `guards` conditions by id, its digits the column (`g1`); `threads` by events (`b c`).
    """
    steps = [column.split() for column in columns.split("|")]
    held = {event: f"t{at}" for at, events in enumerate(threads) for event in events.split()}
    plain = {
        "schema": "timeline/1",
        "id": "T",
        "title": "Small",
        "beats": [_beat(step, do) for step in beats.split()],
        "rows": [{"id": f"r{at}", "name": f"Row {at}"} for at in range(max(map(len, steps)))],
        "threads": [
            {"id": f"t{at}", "name": "Thread", "delivery": condition(text)}
            for at, text in enumerate(threads.values())
        ],
        "guards": [
            {"id": id_, "before_step": int(id_.strip("gxyz")), "when": condition(text)}
            for id_, text in guards.items()
        ],
        "events": [
            _event(id_, step, lane, _links(id_, links, when, do), do)
            | ({"thread": held[id_]} if id_ in held else {})
            for step, events in enumerate(steps)
            for lane, id_ in enumerate(events)
        ],
        "settings": {"auto_progress": auto_progress},
    }
    plain["variables"] = [_variable(name) for name in sorted(set(_used(plain)))]
    problems = publishing.check(document.read(json.dumps(plain).encode())).problems
    assert not problems, problems
    return plain


def _beat(step: str, do: Mapping[str, str]) -> dict[str, Any]:
    on_enter = operations(do.get(f"b{step}", ""))
    return {"id": f"b{step}", "name": f"Beat {step}", "start_step": int(step), "on_enter": on_enter}


def _event(
    id_: str, step: int, lane: int, links: list[dict[str, Any]], do: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "id": id_,
        "row": f"r{lane}",
        "step": step,
        "narrative_event": {"id": f"n-{id_}"},
        "links": links,
        "on": {state: operations(do.get(f"{id_}.{state}", "")) for state in ("ACTIVE", "VISITED")},
    }


def _links(
    source: str, links: str, when: Mapping[str, str], do: Mapping[str, str]
) -> list[dict[str, Any]]:
    found = []
    for text in links.split():
        from_, _, to = text.replace(">", ":").partition(":")
        if from_ == source:
            id_ = f"{from_}:{to}"
            link = {"to": to, "auto": ">" in text, "do": operations(do.get(id_, ""))}
            found.append(link | ({"when": condition(when[id_])} if id_ in when else {}))
    return found


def _variable(name: str) -> dict[str, str]:
    scope, type_, default = VARIABLES[name]
    return {"name": name, "scope": scope, "type": type_, "default": default}


def _used(plain: Any) -> Iterator[str]:
    """Names of variables, wherever they stand."""
    parts = plain.values() if isinstance(plain, dict) else plain
    if isinstance(plain, dict) and "var" in plain:
        yield plain["var"]
    for part in parts:
        if isinstance(part, dict | list):
            yield from _used(part)


# --- conditions and operations


def condition(text: str) -> dict[str, Any]:
    """A condition from words; `or` binds less than `and`, and `not` is a leaf's."""
    for word, form in ((" or ", "any"), (" and ", "all")):
        if word in text:
            return {form: [condition(part) for part in text.split(word)]}
    if text.startswith("not "):
        return {"not": condition(text.removeprefix("not "))}
    return _leaf(text.split())


def _leaf(words: list[str]) -> dict[str, Any]:
    match words:
        case ["after" | "before" as bound, at]:
            return {"time": {bound: _operand(at) if "$" in at else _instant(at)}}
        case ["daily", from_, to, *days]:
            return {"daily": {"from": from_, "to": to} | ({"days": days} if days else {})}
        case ["since", what, bound, span]:
            return {"elapsed": {"since": what, bound: span}}
        case [link, "followed", bound, number]:
            return {"link": link, "followed": {bound: int(number)}}
        case [link, "followed_by_all", number]:
            return {"link": link, "followed_by_all": {"at_least": int(number)}}
        case [event, "ACTIVE" | "VISITED" | "UNVISITED" as state]:
            return {"event": event, "state": state}
    name, operator, value = words
    return {"var": name, "op": operator, "value": _operand(value)}


def _instant(at: str) -> str:
    """A time of day is one of 2023-02-03 in UTC; anything else stays."""
    return at if "T" in at else f"{DAY}{at}:00Z"


def _operand(text: str) -> Any:
    return {"var": text.removeprefix("$")} if text.startswith("$") else text


def operations(text: str) -> list[dict[str, Any]]:
    """Operations from words, with `;` between them."""
    return [_operation(part.split()) for part in text.split(";") if part.strip()]


def _operation(words: list[str]) -> dict[str, Any]:
    op, var, *rest = words
    found: dict[str, Any] = {"op": op, "var": var}
    if rest:
        found["plus" if op == "set_now" else "value"] = _operand(rest[0])
    return found


# --- a user on one


class Small(World):
    """A small timeline; unless told otherwise with the user `u` on it, created at 08:00 UTC."""

    def __init__(self, plain: Mapping[str, Any], *, begin: bool = True, **given: Any) -> None:
        self.definitions: dict[str, Revision] = {}
        super().__init__(plain, instant(BEGIN))
        self.definitions[self.shared.revision] = self.revision
        self.begun = self.create(**given) if begin else None

    def at(self, clock: str) -> Small:
        """Set the clock."""
        self.now_ms = instant(clock)
        return self

    def waits_until(self, name: str = "u") -> str | None:
        """When the user's alarm rings, as a time of day."""
        at_ms = self.users[name].alarm_at_ms
        return None if at_ms is None else clock_of(at_ms)

    def waits_for(self, name: str = "u") -> tuple[str | None, str | None]:
        """The guard that the user waits for, and until when time alone opens it."""
        standing = self.user(name).standing
        until_ms = standing.waiting_until_ms
        return standing.waiting, None if until_ms is None else clock_of(until_ms)

    def states(self, name: str = "u") -> str:
        """Open events as their id, left ones in brackets, in the order of the grid."""
        events = self.user(name).events
        return " ".join(
            cell.id if events[cell.id].state is EventState.ACTIVE else f"({cell.id})"
            for cell in self.definitions[self.user(name).revision].cells
            if cell.id in events
        )

    def count(self, link: str, name: str = "u") -> int:
        """How often a user followed a link."""
        follows = self.user(name).follows.get(link)
        return 0 if follows is None else follows.count

    def votes(self) -> dict[str, int]:
        """Follows by all users, of the links that are counted and were followed."""
        found = {link: int(timed.value) for link, timed in self.shared.follows.items()}
        return {link: number for link, number in found.items() if number}

    def log(self, name: str = "u") -> list[str]:
        """Every transition that a user's facts keep: `08:00 +a`."""
        moves = [move for walk in self.walks(name) for move in walk.moves]
        return [f"{clock_of(move.at_ms)} {_sign(move.state)}{move.event}" for move in moves]

    def passed(self, name: str = "u") -> list[str]:
        """Every guard that opened for a waiting user: `09:00 g1`."""
        stamps = [stamp for walk in self.walks(name) for stamp in walk.passed]
        return [f"{clock_of(stamp.at_ms)} {stamp.id}" for stamp in stamps]

    def walks(self, name: str = "u") -> list[Walk]:
        """A user's walks, one for each fact."""
        return [event.walk for event in self.facts.get(name, []) if hasattr(event, "walk")]

    def republish(self, plain: Mapping[str, Any]) -> None:
        """Put another definition in force; who is on a former one stays there."""
        body = document.write(document.read(json.dumps(plain).encode()))
        self.revision = compile_revision(body)
        self.publish(publication(self.revision, body))
        self.definitions[self.shared.revision] = self.revision

    def tell(self, command: Command) -> tuple[Event, ...]:
        """Have the timeline itself carry out a command; its events."""
        self.timeline, events = self._decide(TIMELINE, self.timeline, command)
        return events

    def _decide(
        self, kind: Kind[Any], before: Snapshot, command: Command
    ) -> tuple[Snapshot, tuple[Event, ...]]:
        seen = {self.timeline.address: self.timeline}
        moment = Moment(self.now_ms, seen=seen, documents=self.definitions)
        part = Part(kind, before)
        step = kind.decide(before, command, moment)
        part.accept(step, self.now_ms)
        for also in step.also:
            inner = Part(TIMELINE, self.timeline)
            inner.accept(TIMELINE.decide(self.timeline, also.command, moment), self.now_ms)
            self.timeline = inner.after
        return part.after, step.events


def moves(walk: Walk | None) -> str:
    """A walk's transitions in order: `-a +b`."""
    return " ".join(_sign(move.state) + move.event for move in walk.moves) if walk else ""


def _sign(state: EventState) -> str:
    return "+" if state is EventState.ACTIVE else "-"


def instant(clock: str) -> int:
    """A time of day of 2023-02-03, or a date with a time, in ms."""
    return ms(clock if clock.count(":") == 2 or "T" in clock else f"{clock}:00")


def clock_of(at_ms: int) -> str:
    """An instant of 2023-02-03 as short as it is exact; another with its date."""
    text = times.write_instant(at_ms).removeprefix(DAY).removesuffix("Z")
    return text.removesuffix(":00") if text.count(":") == 2 else text
