"""How a visitor is shown: to itself, and to whoever watches.

Answers show everything to the caller who may know it. Pushes, listings and histories show what may
be written: without consent that is status names. Rules: spec flags 10.8, 10.11; FS-025, FS-089,
FS-103.
"""

from __future__ import annotations

from typing import Any

from actors.flags.flag_values import flags_of
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
from actors.flags.visitor_words import Fetch, Visitor
from engine.messages import Erased, Event, Forgotten


def flags_status(status: Fetch, reason: FetchReason) -> dict[str, str]:
    """The FlagsStatus object (FS-026)."""
    return {"status": status, "reason": reason}


def shown(visitor: Visitor) -> dict[str, Any]:
    """The visitor as it is answered to those who may command it; version and permits are added."""
    person = visitor.person
    return {
        "id": visitor.handle,
        "visitorId": person.visitor_id,
        "anonymousId": person.anonymous_id,
        "hasConsented": visitor.consented,
        "isAuthenticated": visitor.authenticated,
        "context": person.context,
        "flagsStatus": flags_status(visitor.status, visitor.reason),
    }


def present(visitor: Visitor) -> dict[str, Any]:
    """The state for pushes and listings: with consent also the flags by key."""
    if visitor.consented:
        flags = flags_of(visitor.person.campaigns)
        return {**shown(visitor), "flags": {key: flag.value for key, flag in flags.items()}}
    return {
        "id": visitor.handle,
        "hasConsented": False,
        "isAuthenticated": visitor.authenticated,
        "flagsStatus": flags_status(visitor.status, visitor.reason),
    }


def present_event(events: tuple[Event, ...]) -> dict[str, Any]:
    """A fact as it is pushed: one event, or several as `transitions`, each with its name."""
    if len(events) == 1:
        return _one(events[0])
    return {"transitions": [{"name": event.wire_name(), **_one(event)} for event in events]}


def _one(event: Event) -> dict[str, Any]:
    match event:
        case Opened():
            status = flags_status(Fetch.FETCH_REQUIRED, FetchReason.VISITOR_CREATED)
            return {
                "hasConsented": event.consented,
                "isAuthenticated": event.authenticated,
                "flagsStatus": status,
            }
        case ContextUpdated():
            status = flags_status(Fetch.FETCH_REQUIRED, FetchReason.UPDATE_CONTEXT)
            return {"flagsStatus": status, "changed": event.changed, "cleared": event.cleared}
        case Authenticated():
            status = flags_status(Fetch.FETCH_REQUIRED, FetchReason.AUTHENTICATE)
            ids = {"visitorId": event.visitor_id, "anonymousId": event.anonymous_id}
            return {"flagsStatus": status, **(ids if event.visitor_id else {})}
        case Unauthenticated():
            status = flags_status(Fetch.FETCH_REQUIRED, FetchReason.UNAUTHENTICATE)
            ids = {"visitorId": event.visitor_id}
            return {"flagsStatus": status, **(ids if event.visitor_id else {})}
        case ConsentSet():
            return {"hasConsented": event.consented}
        case Exposed():
            return {"exposedVisitor": event.exposed_visitor, "fromFlag": event.from_flag}
        case HitsPooled():
            return {"types": event.types}
        case Forgotten() | Erased():
            return {"counts": event.counts}
    return _of_fetch(event)


def _of_fetch(event: Event) -> dict[str, Any]:
    """What a fetch's event did to the status; nothing if a change of the visitor came first."""
    match event:
        case FetchStarted():
            return {"flagsStatus": flags_status(Fetch.FETCHING, FetchReason.NONE)}
        case Fetched():
            status = flags_status(Fetch.FETCHED, FetchReason.NONE)
        case FetchPanicked():
            return {"flagsStatus": flags_status(Fetch.PANIC, FetchReason.NONE)}
        case FetchFailed():
            status = flags_status(Fetch.FETCH_REQUIRED, FetchReason.FETCH_ERROR)
            if not event.late:
                return {"flagsStatus": status, "error": event.error}
            return {"error": event.error}
        case ReadFromCache():
            status = flags_status(Fetch.FETCH_REQUIRED, FetchReason.READ_FROM_CACHE)
        case _:
            return {}
    return {} if event.late else {"flagsStatus": status}
