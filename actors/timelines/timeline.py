"""A timeline, an actor: which definition new users begin on, and what all users share.

Its walks are its users'; here stand the shared values, and the counts of links that conditions look
at. Rules: spec timelines 5.7, 5.12.10, 5.12.14, 5.12.19.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from actors.timelines import hooks, values
from actors.timelines.revision import Revision, compile_revision
from actors.timelines.timeline_words import (
    EVENTS,
    KIND,
    Contribute,
    Contributed,
    Declared,
    Publish,
    Published,
    RevisionPublished,
    RevisionUnpublished,
    SetVariable,
    Timed,
    Timeline,
    Unpublish,
    VariableSet,
)
from actors.timelines.user_words import KIND as USER
from actors.timelines.user_words import Settle
from engine.effects import NO_NEEDS, Document, Effect, Needs, sweep
from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Command, Event

SHARED = "shared"
USERS = "timeline_user"
INTERESTS = "timeline_interest"
"""Lists of users: those on a timeline, and those who wait for something on it."""
NEVER = Timed("0", 0)
WHOM_TO_TELL = Needs(actors=(hooks.SETTINGS,))


# --- rules


def published(
    timeline: Timeline, command: Publish, moment: Moment
) -> Iterator[Event | Document | Effect]:
    """The definition is a document; the one in force again changes nothing."""
    document = Document(command.body)
    is_same = document.hash == timeline.revision and timeline.published is Published.PUBLISHED
    if not is_same:
        yield document
        yield RevisionPublished(
            revision=document.hash,
            title=command.title,
            description=command.description,
            declared=command.declared,
            counts=command.counts,
            at_ms=moment.now_ms,
        )
        if set(command.counts) - set(timeline.counts):
            yield sweep(USERS, timeline.id, USER, Settle(is_swept=True))


def unpublished(_timeline: Timeline, _command: Unpublish, _moment: Moment) -> Iterator[Event]:
    """Nobody begins any more."""
    yield RevisionUnpublished()


def is_shared(timeline: Timeline, command: SetVariable, _moment: Moment) -> bool:
    """Only shared variables of the newest revision are set here."""
    return any(one.name == command.name and one.scope == SHARED for one in timeline.declared)


def variable_set(
    timeline: Timeline, command: SetVariable, moment: Moment
) -> Iterator[Event | Effect]:
    """Set a shared variable; to what it is already, nothing."""
    if timeline.shared[command.name].value != command.value:
        at_ms = _instant(command.at_ms, moment)
        yield VariableSet(name=command.name, value=command.value, at_ms=at_ms)
        changed = {command.name: command.value}
        yield from hooks.shared_changed(timeline, changed, at_ms, moment)
        yield _reconsider(timeline, command.name)


def contributed(
    timeline: Timeline, command: Contribute, moment: Moment
) -> Iterator[Event | Effect]:
    """Take in what a user's walk wrote and added; the fence says that it saw what there was."""
    at_ms = _instant(command.at_ms, moment)
    yield Contributed(shared=command.shared, follows=command.follows, at_ms=at_ms)
    yield from hooks.shared_changed(timeline, command.shared, at_ms, moment)
    for name in (*command.shared, *command.follows):
        yield _reconsider(timeline, name)


def _reconsider(timeline: Timeline, name: str) -> Effect:
    """Whoever waits for a shared value or a counted link looks at it again (spec 5.12.14)."""
    return sweep(INTERESTS, f"{timeline.id}:{name}", USER, Settle(is_swept=True))


def needs(_timeline: Timeline, command: Command) -> Needs:
    """Who is told of a variable; a user's part in a joint step sees what that user saw."""
    return WHOM_TO_TELL if isinstance(command, SetVariable) else NO_NEEDS


def _instant(at_ms: int | None, moment: Moment) -> int:
    return moment.now_ms if at_ms is None else at_ms


# --- the fold


def evolve(timeline: Timeline, event: Event) -> Timeline:
    """The timeline after an event."""
    match event:
        case RevisionPublished():
            return msgspec.structs.replace(
                timeline,
                published=Published.PUBLISHED,
                revision=event.revision,
                title=event.title,
                description=event.description,
                declared=event.declared,
                shared=_kept(timeline, event),
                types=timeline.types | _types(event),
                counts=tuple(sorted({*timeline.counts, *event.counts})),
            )
        case RevisionUnpublished():
            return msgspec.structs.replace(timeline, published=Published.UNPUBLISHED)
        case VariableSet(name=name, value=value, at_ms=at_ms):
            return msgspec.structs.replace(timeline, shared=_set(timeline, {name: value}, at_ms))
        case Contributed(shared=shared, follows=follows, at_ms=at_ms):
            return msgspec.structs.replace(
                timeline,
                shared=_set(timeline, shared, at_ms) if shared else timeline.shared,
                follows=_added(timeline, follows, at_ms) if follows else timeline.follows,
            )
    return timeline


def _kept(timeline: Timeline, event: RevisionPublished) -> dict[str, Timed]:
    """Values live on where name and type match; those that are gone stay for users behind."""
    shared = dict(timeline.shared)
    for one in event.declared:
        if one.scope == SHARED and timeline.types.get(one.name) != one.type:
            shared[one.name] = Timed(one.default, event.at_ms)
    return shared


def _types(event: RevisionPublished) -> dict[str, str]:
    return {one.name: one.type for one in event.declared if one.scope == SHARED}


def _set(timeline: Timeline, values: dict[str, str], at_ms: int) -> dict[str, Timed]:
    shared = dict(timeline.shared)
    for name, value in values.items():
        before = shared.get(name)
        shared[name] = Timed(value, at_ms) if before is None else before.then(value, at_ms)
    return shared


def _added(timeline: Timeline, follows: dict[str, int], at_ms: int) -> dict[str, Timed]:
    added = dict(timeline.follows)
    for link, number in follows.items():
        before = added.get(link, NEVER)
        added[link] = before.then(str(int(before.value) + number), at_ms)
    return added


# --- the table

ANY = (Published.PUBLISHED, Published.UNPUBLISHED)
PUBLICATION = Machine[Timeline](
    "publication",
    tuple(Published),
    (
        Row(tuple(Published), Publish, Published.PUBLISHED, published),
        Row(Published.PUBLISHED, Unpublish, Published.UNPUBLISHED, unpublished),
        *(
            Row(phase, SetVariable, phase, variable_set, is_shared,
                "only shared variables of the timeline can be set")
            for phase in ANY
        ),
        *(Row(phase, Contribute, phase, contributed) for phase in ANY),
    ),
    lambda timeline: timeline.published,
)  # fmt: skip


def shared_values(timeline: Timeline) -> dict[str, str]:
    """The shared variables of the newest revision by name."""
    return {
        one.name: timeline.shared[one.name].value
        for one in timeline.declared
        if one.scope == SHARED
    }


def present(timeline: Timeline) -> dict[str, Any]:
    """What listeners see of a timeline."""
    return {
        "title": timeline.title,
        "description": timeline.description,
        "published": timeline.published is Published.PUBLISHED,
        "revision": timeline.revision,
        "variables": shared_values(timeline),
    }


def publication(revision: Revision, body: bytes) -> Publish:
    """The command that publishes a compiled definition; `body` is its canonical JSON."""
    timeline = revision.document
    declared = tuple(
        Declared(one.name, one.scope, one.type, values.check(one.type, one.default))
        for one in timeline.variables
    )
    return Publish(
        body=body,
        title=timeline.title,
        description=timeline.description,
        declared=declared,
        counts=tuple(sorted(revision.by_count)),
    )


TIMELINE = Kind[Timeline](
    name=KIND,
    state=Timeline,
    initial=lambda id_: Timeline(id=id_),
    machines=(PUBLICATION,),
    evolve=evolve,
    events=EVENTS,
    needs=needs,
    present=present,
    decode_document=compile_revision,
)
