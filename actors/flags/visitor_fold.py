"""The visitor's fold, and what of a visitor is written down.

Events carry every value, so the fold looks at nothing else. Without consent the store gets handle,
consent and status names only: folding what was written gives what would have been written.
Rules: spec flags 4.2, 4.7, 10.8.
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.flags import contexts
from actors.flags.names import FetchReason
from actors.flags.visitor_events import (
    Authenticated,
    ConsentSet,
    ContextUpdated,
    Exposed,
    Fetched,
    FetchFailed,
    FetchPanicked,
    FetchStarted,
    HitsPooled,
    Opened,
    ReadFromCache,
    Unauthenticated,
)
from actors.flags.visitor_words import Fetch, Person, UnderWay, Visitor
from actors.flags.visitor_world import CLIENT, VERSION
from engine.messages import Event

replace = msgspec.structs.replace

RECENT_MAX = 256
"""Digests of what was just sent: of somebody who sends more, the oldest count no more."""


def evolve(visitor: Visitor, event: Event) -> Visitor:
    """The fold."""
    match event:
        case Opened():
            return _opened(visitor, event)
        case ContextUpdated():
            old = {} if event.cleared else visitor.person.context
            person = replace(visitor.person, context={**old, **event.changed})
            return _required(visitor, FetchReason.UPDATE_CONTEXT, person=person)
        case Authenticated():
            person = _named(visitor.person, event.visitor_id, event.anonymous_id or None)
            reason = FetchReason.AUTHENTICATE
            return _required(visitor, reason, person=person, authenticated=True)
        case Unauthenticated():
            person = _named(visitor.person, event.visitor_id, None)
            reason = FetchReason.UNAUTHENTICATE
            return _required(visitor, reason, person=person, authenticated=False)
        case ConsentSet():
            return _consented(visitor, event)
        case Exposed() | HitsPooled():
            return _remembering(visitor, event)
    return _fetching(visitor, event)


def _opened(visitor: Visitor, event: Opened) -> Visitor:
    """A new visitor; what was just sent still counts as sent, unless consent moved."""
    return Visitor(
        visitor.env,
        visitor.handle,
        Fetch.FETCH_REQUIRED,
        FetchReason.VISITOR_CREATED,
        event.consented,
        event.authenticated,
        event.person or Person(),
        recent=visitor.recent if visitor.consented == event.consented else {},
    )


def _consented(visitor: Visitor, event: ConsentSet) -> Visitor:
    """Withdrawn, all of the visitor lives on in memory; given, it is what the event says."""
    after = replace(visitor, consented=event.consented, recent={}, segment="")
    if event.person is None:
        return after
    return replace(
        after,
        status=event.status,
        reason=event.reason,
        authenticated=event.authenticated,
        person=event.person,
        fetch=event.fetch,
    )


def _fetching(visitor: Visitor, event: Event) -> Visitor:
    match event:
        case FetchStarted():
            fetch = UnderWay(event.fetch, event.until_ms)
            return replace(visitor, status=Fetch.FETCHING, reason=FetchReason.NONE, fetch=fetch)
        case Fetched():
            campaigns = visitor.person.campaigns if event.campaigns is None else event.campaigns
            context = {**visitor.person.context, **event.segments}
            after = replace(
                visitor,
                person=replace(visitor.person, campaigns=campaigns, context=context),
                fetch=None,
                fetched_at_ms=event.at_ms,
                carries=event.carries,
            )
            return after if event.late else _at(after, Fetch.FETCHED, FetchReason.NONE)
        case FetchPanicked():
            after = replace(visitor, fetch=None, fetched_at_ms=event.at_ms)
            return _at(_with_flags(after, ()), Fetch.PANIC, FetchReason.NONE)
        case FetchFailed():
            after = _with_flags(replace(visitor, fetch=None), ())
            if event.late:
                return after
            return _at(after, Fetch.FETCH_REQUIRED, FetchReason.FETCH_ERROR)
        case ReadFromCache():
            after = _with_flags(visitor, event.campaigns)
            if event.late:
                return after
            return _at(after, Fetch.FETCH_REQUIRED, FetchReason.READ_FROM_CACHE)
    return visitor


def _at(visitor: Visitor, status: Fetch, reason: FetchReason) -> Visitor:
    return replace(visitor, status=status, reason=reason)


def _required(visitor: Visitor, reason: FetchReason, **changes: Any) -> Visitor:
    return replace(visitor, status=Fetch.FETCH_REQUIRED, reason=reason, **changes)


def _with_flags(visitor: Visitor, campaigns: Any) -> Visitor:
    return replace(visitor, person=replace(visitor.person, campaigns=campaigns))


def _named(person: Person, visitor_id: str, anonymous_id: str | None) -> Person:
    """Another visitor id; the reserved key follows it (FS-204). Unwritten ids stay empty."""
    context = person.context
    if visitor_id:
        context = contexts.with_reserved(context, visitor_id, CLIENT, VERSION)
    return replace(person, visitor_id=visitor_id, anonymous_id=anonymous_id, context=context)


def _remembering(visitor: Visitor, event: Exposed | HitsPooled) -> Visitor:
    """Digests of what was just sent; those that count no more go."""
    digests = event.digests if isinstance(event, HitsPooled) else (event.digest,)
    young = [each for each in visitor.recent.items() if each[1] > event.since_ms]
    recent = dict(young[-RECENT_MAX:])
    recent.update(dict.fromkeys(filter(None, digests), event.at_ms))
    segment = (event.segment if isinstance(event, HitsPooled) else "") or visitor.segment
    return replace(visitor, recent=recent, segment=segment)


# --- what is written


def written(visitor: Visitor) -> Visitor:
    """Without consent: handle, consent and status names (spec 10.8)."""
    if visitor.consented:
        return visitor
    return replace(visitor, person=Person(), recent={}, segment="")


def written_events(visitor: Visitor, events: tuple[Event, ...]) -> tuple[Event, ...]:
    """Without consent, events lose what they say of the person."""
    return events if visitor.consented else tuple(map(_stripped, events))


def _stripped(event: Event) -> Event:
    match event:
        case Opened():
            return replace(event, person=None)
        case ContextUpdated():
            return replace(event, changed={})
        case Authenticated():
            return Authenticated()
        case Unauthenticated():
            return Unauthenticated()
        case Fetched():
            return replace(event, campaigns=None, segments={})
        case ReadFromCache():
            return replace(event, campaigns=())
        case HitsPooled():
            return replace(event, digests=(), segment="")
    return event


def woken(visitor: Visitor) -> Visitor:
    """Read from the store without consent: nothing but the handle is known any more."""
    if visitor.consented or visitor.status is Fetch.ABSENT:
        return visitor
    is_required = visitor.status is Fetch.FETCH_REQUIRED
    context = contexts.with_reserved({}, visitor.handle, CLIENT, VERSION)
    return replace(
        visitor,
        status=Fetch.FETCH_REQUIRED,
        reason=visitor.reason if is_required else FetchReason.VISITOR_CREATED,
        authenticated=False,
        person=Person(visitor.handle, None, context),
        fetch=None,
    )
