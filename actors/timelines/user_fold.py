"""The fold of a timeline user: from its state and a walk to the state after.

It never fails on a stored fact and looks at nothing else: a walk carries every value. Rules: spec
timelines 5.1, 5.12.20; DESIGN 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from actors.timelines.user_words import (
    Been,
    Dropped,
    EventState,
    Follows,
    LinkFollowed,
    Migrated,
    Progressed,
    Settled,
    User,
    UserCreated,
    Walk,
)
from engine.messages import Event

V = TypeVar("V")


def evolve(user: User, event: Event) -> User:
    """The user after an event."""
    match event:
        case UserCreated():
            begun = User(
                timeline=event.timeline,
                revision=event.revision,
                zone=event.zone,
                times_disabled=event.times_disabled,
                pauses=event.pauses,
                shares=event.shares,
                created_ms=event.walk.at_ms,
                variables=event.variables,
            )
            return walked(begun, event.walk)
        case Progressed(walk=walk) | LinkFollowed(walk=walk) | Settled(walk=walk):
            return walked(user, walk)
        case Migrated(revision=revision, dropped=dropped, variables=variables):
            carried = carry(user, revision, dropped, variables, shares=event.shares)
            return walked(carried, event.walk)
    return user


def carry(
    user: User, revision: str, dropped: Dropped, variables: Mapping[str, str], *, shares: bool
) -> User:
    """The user with all that `revision` has, too; `variables` begin anew (spec 5.12.19)."""
    values = _without(user.variables, dropped.variables)
    return msgspec.structs.replace(
        user,
        revision=revision,
        shares=shares,
        events=_without(user.events, dropped.events),
        pending=tuple(sorted(set(user.pending).difference(dropped.pending))),
        follows=_without(user.follows, dropped.links),
        fired=tuple(sorted(set(user.fired).difference(dropped.links))),
        beats=_without(user.beats, dropped.beats),
        variables={**values, **variables},
    )


def _without(kept: dict[str, V], gone: tuple[str, ...]) -> dict[str, V]:
    if not gone:
        return kept
    leaving = frozenset(gone)
    return {id_: value for id_, value in kept.items() if id_ not in leaving}


def walked(user: User, walk: Walk) -> User:
    """The user after a walk."""
    return msgspec.structs.replace(
        user,
        standing=walk.standing,
        settled_ms=walk.at_ms,
        seen=walk.seen,
        is_virtual=walk.is_virtual,
        shares=user.shares or walk.shares,
        step=walk.step,
        events=_events(user, walk),
        pending=user.pending if walk.pending is None else walk.pending,
        follows=_follows(user, walk),
        fired=user.fired if walk.fired is None else walk.fired,
        variables={**user.variables, **walk.variables} if walk.variables else user.variables,
        beats={**user.beats, **{beat.id: beat.at_ms for beat in walk.beats}},
        counted=_counted(user, walk),
        interests=user.interests if walk.interests is None else walk.interests,
    )


def _events(user: User, walk: Walk) -> dict[str, Been]:
    if not walk.moves:
        return user.events
    events = dict(user.events)
    for move in walk.moves:
        been = events.get(move.event)
        if move.state is EventState.ACTIVE:
            visited_ms = None if been is None else been.visited_ms
            events[move.event] = Been(move.state, move.at_ms, visited_ms)
        else:
            active_ms = move.at_ms if been is None else been.active_ms
            events[move.event] = Been(move.state, active_ms, move.at_ms)
    return events


def _follows(user: User, walk: Walk) -> dict[str, Follows]:
    if not walk.follows:
        return user.follows
    follows = dict(user.follows)
    for one in walk.follows:
        before = follows.get(one.link)
        follows[one.link] = Follows(1 if before is None else before.count + 1, one.at_ms)
    return follows


def _counted(user: User, walk: Walk) -> dict[str, int]:
    if not walk.counted:
        return user.counted
    counted = dict(user.counted)
    for link, number in walk.counted.items():
        counted[link] = counted.get(link, 0) + number
    return {link: number for link, number in counted.items() if number}
