"""Publishing: is a document one that can be walked, and does it say what its author means?

Problems keep it from being published: ids that are twice or nowhere, values of another type, places
beyond the grid, automatic links that go round. Warnings are about documents that work and hold
something that nobody will ever see; they are looked for where there are no problems. Every finding
has a JSON pointer. A document of 10 MiB is judged in seconds, and none makes this raise.
Rules: spec timelines 5.12 and 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from actors.timelines import values
from actors.timelines.document import STEP_MAX, Event, Narrative, Timeline
from actors.timelines.findings import Findings, Problem, quoted
from actors.timelines.publishing import links as publishing_links
from actors.timelines.publishing import parts
from actors.timelines.publishing import warnings as publishing_warnings
from actors.timelines.publishing.conditions import Declared, Judge

ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
MOST = {"events": 20_000, "variables": 1_000, "threads": 1_000, "guards": 5_000, "rows": 1_000}
"""Most items of each list; with them a document stays one that a user's walk is quick in."""
LINKS_MAX = 200
"""Links of one event: more than anybody chooses from."""


class Report(msgspec.Struct, frozen=True):
    """What was found; with any problem the document must not be published.

    At most a hundred of each are kept; `problem_count` and `warning_count` count all.
    """

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    problem_count: int
    warning_count: int


def check(document: Timeline) -> Report:
    """Judge a document. Never raises. Warnings are looked for only if there is no problem."""
    problems, warnings = Findings(), Findings()
    declared = Declared(document)
    _check_lists(document, problems)
    _check_variables(document, problems)
    _check_places(document, problems)
    _check_events(document, declared, problems)
    judge = Judge(declared, problems)
    for pointer, condition in parts.conditions(document):
        judge.condition(condition, pointer)
    for pointer, operations in parts.operations(document):
        judge.operations(operations, pointer)
    publishing_links.check(document, problems)
    if not problems.count:
        publishing_warnings.look(document, warnings)
    return Report(tuple(problems.kept), tuple(warnings.kept), problems.count, warnings.count)


# --- names


def _check_lists(document: Timeline, problems: Findings) -> None:
    """The timeline's own members, and how long its lists are."""
    _check_id(document.id, "/id", problems)
    if not document.title.strip():
        problems.note("/title", "empty", "a title is needed")
    for name, most in MOST.items():
        size = len(getattr(document, name))
        if size > most:
            problems.note(f"/{name}", "too_many", f"{size} {name}, at most {most} are allowed")
    _check_ids("variables", "name", [one.name for one in document.variables], problems)
    _check_ids("beats", "id", [one.id for one in document.beats], problems)
    _check_ids("rows", "id", [one.id for one in document.rows], problems)
    _check_ids("threads", "id", [one.id for one in document.threads], problems)
    _check_ids("guards", "id", [one.id for one in document.guards], problems)
    _check_ids("events", "id", [one.id for one in document.events], problems)


def _check_ids(name: str, member: str, ids: Iterable[str], problems: Findings) -> None:
    """Ids have the form of spec 5.12.15, and no two of a list are the same."""
    first: dict[str, int] = {}
    for at, id_ in enumerate(ids):
        pointer = f"/{name}/{at}/{member}"
        _check_id(id_, pointer, problems)
        if first.setdefault(id_, at) != at:
            reason = f"{quoted(id_)} is the {member} of /{name}/{first[id_]} already"
            problems.note(pointer, "duplicate", reason)


def _check_id(id_: str, pointer: str, problems: Findings) -> None:
    if not ID.fullmatch(id_):
        reason = f"{quoted(id_)}: 1 to 128 letters, digits, `_` and `-` are allowed"
        problems.note(pointer, "bad_id", reason)


def _check_variables(document: Timeline, problems: Findings) -> None:
    for at, variable in enumerate(document.variables):
        try:
            values.check(variable.type, variable.default)
        except ValueError as error:
            problems.note(f"/variables/{at}/default", "value", str(error))


# --- columns


def _check_places(document: Timeline, problems: Findings) -> None:
    """Beats and guards stand in columns that events reach (spec 5.12.12)."""
    last = max((event.step for event in document.events), default=0)
    latest = -1
    for at, beat in enumerate(document.beats):
        pointer, start = f"/beats/{at}/start_step", beat.start_step
        if at == 0 and start != 0:
            problems.note(pointer, "out_of_range", "the first beat starts at 0")
        elif start <= latest:
            problems.note(pointer, "order", f"beats start one after another, not {start} here")
        elif start > last:
            problems.note(pointer, "out_of_range", f"the last column with an event is {last}")
        latest = max(latest, start)
    for at, guard in enumerate(document.guards):
        if not 1 <= guard.before_step <= last:
            reason = f"a guard stands before a column from 1 to {last}, the last with an event"
            problems.note(f"/guards/{at}/before_step", "out_of_range", reason)


def _check_events(document: Timeline, declared: Declared, problems: Findings) -> None:
    narratives: dict[str, Narrative] = {}
    for at, event in enumerate(document.events):
        pointer = f"/events/{at}"
        if not 0 <= event.step <= STEP_MAX:
            problems.note(f"{pointer}/step", "out_of_range", f"a step is 0 to {STEP_MAX}")
        if event.row not in declared.rows:
            problems.note(f"{pointer}/row", "unknown", f"there is no row {quoted(event.row)}")
        if event.thread is not None and event.thread not in declared.threads:
            reason = f"there is no thread {quoted(event.thread)}"
            problems.note(f"{pointer}/thread", "unknown", reason)
        narrative = event.narrative_event
        _check_id(narrative.id, f"{pointer}/narrative_event/id", problems)
        if narratives.setdefault(narrative.id, narrative) != narrative:
            reason = f"another event has a narrative {quoted(narrative.id)} that differs"
            problems.note(f"{pointer}/narrative_event", "narrative_differs", reason)
        _check_links(event, f"{pointer}/links", declared, problems)


def _check_links(event: Event, pointer: str, declared: Declared, problems: Findings) -> None:
    """Links lead somewhere, and at most one to each event: their ids are made of both ends."""
    if len(event.links) > LINKS_MAX:
        reason = f"{len(event.links)} links, at most {LINKS_MAX} are allowed"
        problems.note(pointer, "too_many", reason)
    targets = set()
    for at, link in enumerate(event.links):
        if link.to not in declared.events:
            problems.note(f"{pointer}/{at}/to", "unknown", f"there is no event {quoted(link.to)}")
        elif link.to in targets:
            reason = f"{quoted(link.to)} is linked to already; one link from event to event"
            problems.note(f"{pointer}/{at}/to", "duplicate", reason)
        targets.add(link.to)
