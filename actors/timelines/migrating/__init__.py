"""Going over to another definition: what a user takes along, and what it cannot.

States, follows, beats and user variables are kept by id, variables where the type is the same; what
the new definition does not have is dropped, and the fact says what. A user first catches up by the
former definition, so that its past is as it would have been; then everything is looked at once by
the new one, since anything may have changed. Nobody is moved ahead: a user stands in the column
where it stood, or in the last one. Rule: spec timelines 5.12.19.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from actors.timelines import values
from actors.timelines.looker import ACTIVE
from actors.timelines.revision import Revision
from actors.timelines.settling import settle
from actors.timelines.timeline import evolve
from actors.timelines.timeline_words import Contributed, Timeline
from actors.timelines.user_fold import carry, walked
from actors.timelines.user_words import Dropped, Migrate, Migrated, Settled, User, Walk
from actors.timelines.walker import Walker
from actors.timelines.walking import begin, go_on, is_news, progress, walk_of
from engine.machine import Moment


class Passage(NamedTuple):
    """From one definition to another, whose hash is `revision`, at an instant."""

    old: Revision
    new: Revision
    revision: str
    now_ms: int


def is_of_timeline(user: User, command: Migrate, moment: Moment) -> bool:
    """A definition of another timeline is none for this user."""
    new: Revision = moment.documents[command.revision]
    return new.id == user.timeline


def is_meant(user: User, command: Migrate) -> bool:
    """Whether the user is on another definition, and on the one that the order names."""
    return user.revision != command.revision and command.only in (None, user.revision)


def migrate(
    passage: Passage, user: User, timeline: Timeline, version: int
) -> Iterator[Settled | Migrated]:
    """What was due before, if anything was; then the passage.

    A user of a test clock goes at its own last instant: its clock is not ours to move (5.12.18).
    Raises `values.Overflow` where the new definition leads a variable there.
    """
    now_ms = user.settled_ms if user.is_virtual else max(passage.now_ms, user.settled_ms)
    caught = _caught_up(passage.old, user, timeline, version, now_ms)
    if caught is not None:
        yield Settled(walk=caught)
        user = walked(user, caught)
        timeline, version = _joined(timeline, version, caught)
    yield _passed(passage, user, timeline, version, now_ms)


def _caught_up(
    old: Revision, user: User, timeline: Timeline, version: int, now_ms: int
) -> Walk | None:
    """The walk up to now by the former definition; None if nothing is due.

    A definition that can go no further because a variable overflows is left as it stands.
    """
    try:
        walker = begin(old, user, timeline, now_ms, is_news=version != user.seen)
    except values.Overflow:
        return None
    walk = walk_of(walker, version, is_virtual=user.is_virtual, by_others=True)
    return walk if is_news(user, walk) else None


def _joined(timeline: Timeline, version: int, walk: Walk) -> tuple[Timeline, int]:
    """The timeline after a walk's part in it."""
    if not walk.shared and not walk.counted:
        return timeline, version
    part = Contributed(shared=walk.shared, follows=walk.counted, at_ms=walk.at_ms)
    return evolve(timeline, part), version + 1


def _passed(
    passage: Passage, user: User, timeline: Timeline, version: int, now_ms: int
) -> Migrated:
    new = passage.new
    dropped = losses(user, passage.old, new)
    variables = {
        name: default
        for name, default in new.defaults.items()
        if name not in user.variables or name in dropped.variables
    }
    carried = carry(user, passage.revision, dropped, variables, shares=new.shares)
    walker = _arrived(Walker(new, carried, timeline, now_ms))
    return Migrated(
        former=user.revision,
        revision=passage.revision,
        shares=new.shares,
        dropped=dropped,
        variables=variables,
        walk=walk_of(walker, version, is_virtual=user.is_virtual),
    )


def losses(user: User, old: Revision, new: Revision) -> Dropped:
    """What the user has and the new definition does not."""
    alike = {name for name in new.defaults if old.types.get(name) == new.types[name]}
    is_beyond = user.step is not None and user.step > new.last
    return Dropped(
        step=user.step if is_beyond else None,
        events=_missing(user.events, new.by_id),
        pending=_missing(user.pending, new.by_id),
        links=_missing(user.follows, new.ways),
        beats=_missing(user.beats, new.places),
        variables=_missing(user.variables, alike),
    )


def _missing(ids: Iterable[str], there: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted(id_ for id_ in ids if id_ not in there))


def _arrived(walker: Walker) -> Walker:
    """Settle by a definition that was never looked at. Raises `values.Overflow`.

    Who waited and is held by nothing any more goes on where the timeline says `auto_progress`, as
    if the guard had passed. A guard that is gone cannot be said to have.
    """
    revision, has_waited = walker.revision, walker.waiting is not None
    if walker.waiting not in revision.by_gate:
        walker.waiting = None
    if walker.step is not None:
        walker.step = min(walker.step, revision.last)
        _look_at_everything(walker, walker.step)
    _count_anew(walker)
    settle(walker)
    go_on(walker)
    if has_waited and not walker.passed and revision.auto_progress:
        progress(walker, None, pause=walker.user.pauses)
    return walker


def _look_at_everything(walker: Walker, step: int) -> None:
    cells = walker.revision.cells
    walker.to_open.update(cell.order for cell in cells if cell.step <= step)
    walker.to_fire.update(
        way.number
        for cell in cells
        if walker.state_of(cell.id) == ACTIVE
        for way in cell.ways
        if way.auto
    )


def _count_anew(walker: Walker) -> None:
    """What this user adds to the counts by all is what it has followed, no more (5.12.10)."""
    counted = walker.user.counted
    for link in dict.fromkeys((*walker.timeline.counts, *counted)):
        if missing := walker.follows(link) - counted.get(link, 0):
            walker.add_count(link, missing)
