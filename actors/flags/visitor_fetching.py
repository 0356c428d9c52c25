"""A visitor's fetch: how it starts, and what its end leads to.

A fetch has an id. The door carries it out and hands in what it found, so an answer that comes too
late for its own fetch is nothing; one that comes after a change of the visitor brings its flags and
leaves the status to the change. Rules: spec flags 4.2, 4.3, 10.4; FS-064 to FS-067.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from actors.flags import caches
from actors.flags import visitor_tracking as tracking
from actors.flags.flag_values import CampaignFlags
from actors.flags.names import LogLevel, Tag
from actors.flags.visitor_events import (
    Fetched,
    FetchFailed,
    FetchPanicked,
    FetchStarted,
    ReadFromCache,
)
from actors.flags.visitor_words import (
    Context,
    EndFetch,
    Fetch,
    FetchFlags,
    Outcome,
    Person,
    Visitor,
)
from actors.flags.visitor_world import is_started, settings_of
from engine.effects import Append, Note, Yielded
from engine.machine import Moment
from engine.messages import AlarmDue, Event

CUT_OFF_MS = 1_000
"""A fetch counts as cut off this long after its timeout (spec 10.4)."""
CACHE_LIST = "flag_visitor_cache"


def is_buffered(visitor: Visitor, command: FetchFlags, moment: Moment) -> bool:
    """The last fetch is so young that its flags are given again (spec 4.3)."""
    age_ms = moment.now_ms - visitor.fetched_at_ms
    is_young = age_ms < settings_of(moment).fetch_flags_buffering_time * 1_000
    return is_young and is_started(visitor, command, moment)


def buffered(_visitor: Visitor, _command: FetchFlags, _moment: Moment) -> Iterator[Note]:
    """Nothing happens, and it is said (spec 4.3)."""
    yield Note(LogLevel.INFO, Tag.FETCH_FLAGS, "the flags were just fetched and are given again")


def fetch_started(_visitor: Visitor, _command: Any, moment: Moment) -> Iterator[FetchStarted]:
    """A fetch with an id of its own begins; the door carries it out."""
    timeout_ms = int(settings_of(moment).timeout * 1_000)
    yield FetchStarted(fetch=moment.new_id(), until_ms=moment.now_ms + timeout_ms + CUT_OFF_MS)


def is_stale(visitor: Visitor, command: EndFetch, _moment: Moment) -> bool:
    """Another fetch is under way by now, or none."""
    return visitor.fetch is None or visitor.fetch.id != command.fetch


def ends_well(visitor: Visitor, command: EndFetch, moment: Moment) -> bool:
    """The fetch under way ended with an answer, though perhaps without campaigns."""
    good = command.outcome in (Outcome.OK, Outcome.NOTHING)
    return good and not is_stale(visitor, command, moment)


def ends_in_panic(visitor: Visitor, command: EndFetch, moment: Moment) -> bool:
    """The fetch under way was answered with panic."""
    return command.outcome is Outcome.PANIC and not is_stale(visitor, command, moment)


def fails(visitor: Visitor, command: EndFetch, moment: Moment) -> bool:
    """The fetch under way ended in an error."""
    return command.outcome is Outcome.ERROR and not is_stale(visitor, command, moment)


def fetched(visitor: Visitor, command: EndFetch, moment: Moment) -> Iterator[Yielded]:
    """The flags are there; the cache and, where we evaluate, the context's report follow.

    Flags of a visitor that was another one meanwhile are nobody's to keep: they are not cached.
    """
    person, is_late = visitor.person, visitor.status is not Fetch.FETCHING
    campaigns = command.campaigns if command.outcome is Outcome.OK else command.cached
    segments = differing(person.context, command.segments)
    yield Fetched(
        fetch=command.fetch,
        at_ms=moment.now_ms,
        campaigns=None if _are_same(campaigns, person.campaigns) else campaigns,
        segments=segments,
        carries=command.carries,
        late=is_late,
    )
    context = {**person.context, **segments}
    if command.outcome is Outcome.OK and visitor.consented:
        if not is_late and not settings_of(moment).disable_cache:
            known = Person(person.visitor_id, person.anonymous_id, context, campaigns)
            row = (visitor.env, person.visitor_id, _cached(known), visitor.handle)
            yield Append(CACHE_LIST, row)
        if command.is_local:
            yield from tracking.segment_told(visitor, context, moment)


def differing(old: Context, new: Context) -> Context:
    """Entries of `new` that `old` has not, or otherwise. `True` is not `1`, but `1.0` is."""
    return {
        key: value
        for key, value in new.items()
        if key not in old
        or old[key] != value
        or isinstance(old[key], bool) != isinstance(value, bool)
    }


def _are_same(old: tuple[CampaignFlags, ...], new: tuple[CampaignFlags, ...]) -> bool:
    """Nobody could tell these flags apart; as JSON, because to Python `True` equals `1`."""
    return old == new and msgspec.json.encode(old) == msgspec.json.encode(new)


def _cached(person: Person) -> str:
    """The visitor cache's entry: a VisitorCacheDTO (spec 3.2)."""
    dto = caches.visitor_dto(
        person.visitor_id, person.anonymous_id, True, person.context, person.campaigns
    )
    return msgspec.json.encode(dto).decode()


def panicked(_visitor: Visitor, command: EndFetch, moment: Moment) -> Iterator[FetchPanicked]:
    """No flags until a fetch finds that the panic is over."""
    yield FetchPanicked(fetch=command.fetch, at_ms=moment.now_ms)


def failed(visitor: Visitor, command: EndFetch, _moment: Moment) -> Iterator[Yielded]:
    """No flags, or those of the cache (spec 4.2: first the error, then the cache)."""
    late = visitor.status is not Fetch.FETCHING
    text = command.error or "the fetch failed"
    yield Note(LogLevel.ERROR, Tag.FETCH_FLAGS, text)
    yield FetchFailed(fetch=command.fetch, error=text, late=late)
    if command.cached:
        yield ReadFromCache(campaigns=command.cached, late=late)


def is_cut_off(visitor: Visitor, command: AlarmDue, _moment: Moment) -> bool:
    """A fetch is under way, and its time is over."""
    return visitor.fetch is not None and visitor.fetch.until_ms <= command.at_ms


def cut_off(visitor: Visitor, _command: AlarmDue, _moment: Moment) -> Iterator[Event]:
    """Nobody carries the fetch out any more."""
    if visitor.fetch is not None:
        late = visitor.status is not Fetch.FETCHING
        yield FetchFailed(fetch=visitor.fetch.id, error="the fetch was cut off", late=late)
