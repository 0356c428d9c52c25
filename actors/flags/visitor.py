"""The visitor: a live actor with the semantics of the SDK's Visitor.

Three machines: where its flags are, whether it consented, who it is. Every command passes the
first, which also knows the strategy in force; the second guards what is sent, the third logging in
and out. Without consent nothing of the person is written: ids, context and flags live in memory
only, and after sleep the visitor is FETCH_REQUIRED again.
Rules: spec flags 4.2, 4.6, 4.7, 10.4, 10.8.
"""

from __future__ import annotations

from actors.flags import visitor_exposures as exposures
from actors.flags import visitor_fetching as fetching
from actors.flags import visitor_rules as rules
from actors.flags import visitor_tracking as tracking
from actors.flags.visitor_events import EVENTS
from actors.flags.visitor_fold import evolve, woken, written, written_events
from actors.flags.visitor_shown import present, present_event
from actors.flags.visitor_words import (
    Authenticate,
    ClearContext,
    Consent,
    EndFetch,
    ExposeAll,
    Fetch,
    FetchFlags,
    GetFlags,
    GetValue,
    Identity,
    Open,
    SendHit,
    SendHits,
    SetConsent,
    Unauthenticate,
    UpdateContext,
    Visitor,
    VisitorExposed,
)
from actors.flags.visitor_world import is_started, is_tracking, needs
from engine.kind import Keep, Kind
from engine.machine import Machine, Row, nothing
from engine.messages import AlarmDue
from engine.unwritten import Unwritten

KIND = "visitor"
FACTS_KEPT = 200

# --- the tables

ABSENT, REQUIRED, FETCHING = Fetch.ABSENT, Fetch.FETCH_REQUIRED, Fetch.FETCHING
FETCHED, PANIC = Fetch.FETCHED, Fetch.PANIC
THERE = (REQUIRED, FETCHING, FETCHED, PANIC)
GIVEN, WITHHELD = Consent.GIVEN, Consent.WITHHELD
KNOWN, UNKNOWN = Identity.AUTHENTICATED, Identity.ANONYMOUS

IN_PANIC = "the environment is in panic"
NOT_TRACKING = "the SDK has not started, or it is in panic"
NOT_STARTED = "the SDK has not started"
STALE = "an answer to another fetch is ignored"
LATE = "a change of the visitor came first and wants another fetch"

FLAGS = Machine[Visitor](
    "flags",
    Fetch,
    (
        Row((ABSENT, *THERE), Open, FETCHING, rules.opened, rules.fetches_now),
        Row((ABSENT, *THERE), Open, REQUIRED, rules.opened, rules.waits_to_fetch),
        Row(THERE, UpdateContext, REQUIRED, rules.context_updated, rules.changes_context, IN_PANIC),
        Row(THERE, ClearContext, REQUIRED, rules.context_cleared, rules.changes_context, IN_PANIC),
        Row(THERE, Authenticate, REQUIRED, rules.authenticated),
        Row(THERE, Unauthenticate, REQUIRED, rules.unauthenticated),
        Row(FETCHED, FetchFlags, FETCHED, fetching.buffered, fetching.is_buffered),
        Row(
            (REQUIRED, FETCHED, PANIC), FetchFlags, FETCHING, fetching.fetch_started, is_started,
            NOT_STARTED,
        ),
        Row(FETCHING, FetchFlags, FETCHING, nothing, is_started, NOT_STARTED),
        *(Row(at, EndFetch, at, nothing, fetching.is_stale, STALE) for at in THERE),
        Row(FETCHING, EndFetch, FETCHED, fetching.fetched, fetching.ends_well),
        Row(REQUIRED, EndFetch, REQUIRED, fetching.fetched, fetching.ends_well, LATE),
        Row((FETCHING, REQUIRED), EndFetch, PANIC, fetching.panicked, fetching.ends_in_panic),
        Row((FETCHING, REQUIRED), EndFetch, REQUIRED, fetching.failed, fetching.fails),
        Row((FETCHING, REQUIRED), AlarmDue, REQUIRED, fetching.cut_off, fetching.is_cut_off),
        *(
            row
            for at in THERE
            for row in (
                Row(at, UpdateContext, at, rules.context_updated, rules.keeps_context, IN_PANIC),
                Row(at, ClearContext, at, nothing, rules.keeps_context, IN_PANIC),
                Row(at, SetConsent, at),
                Row(at, GetFlags, at),
                Row(at, GetValue, at, exposures.got_value),
                Row(at, VisitorExposed, at, nothing, is_tracking, NOT_TRACKING),
                Row(at, ExposeAll, at, nothing, is_tracking, NOT_TRACKING),
                Row(at, SendHit, at, nothing, is_tracking, NOT_TRACKING),
                Row(at, SendHits, at, nothing, is_tracking, NOT_TRACKING),
            )
        ),
    ),
    phase=lambda visitor: visitor.status,
)  # fmt: skip

CONSENT = Machine[Visitor](
    "consent",
    Consent,
    (
        Row((WITHHELD, GIVEN), Open, GIVEN, nothing, rules.gives_consent),
        Row((WITHHELD, GIVEN), Open, WITHHELD, nothing, rules.withholds_consent),
        Row((WITHHELD, GIVEN), SetConsent, GIVEN, rules.consent_set, rules.gives_consent),
        Row((WITHHELD, GIVEN), SetConsent, WITHHELD, rules.consent_set, rules.withholds_consent),
        Row(GIVEN, VisitorExposed, GIVEN, exposures.seen),
        Row(GIVEN, ExposeAll, GIVEN, exposures.seen),
        Row(GIVEN, SendHit, GIVEN, tracking.sent),
        Row(GIVEN, SendHits, GIVEN, tracking.sent),
    ),
    phase=lambda visitor: visitor.consent,
)

IDENTITY = Machine[Visitor](
    "identity",
    Identity,
    (
        Row((UNKNOWN, KNOWN), Open, KNOWN, nothing, rules.is_logging_in),
        Row((UNKNOWN, KNOWN), Open, UNKNOWN, nothing, rules.is_not_logging_in),
        Row(UNKNOWN, Authenticate, KNOWN, nothing, rules.has_good_id, "a visitor id is needed"),
        Row(KNOWN, Unauthenticate, UNKNOWN),
    ),
    phase=lambda visitor: visitor.identity,
)


def _initial(actor_id: str) -> Visitor:
    env, _, handle = actor_id.partition(":")
    return Visitor(env, handle)


VISITOR = Kind[Visitor](
    name=KIND,
    state=Visitor,
    initial=_initial,
    machines=(FLAGS, CONSENT, IDENTITY),
    evolve=evolve,
    events=EVENTS,
    deadline=lambda visitor: visitor.fetch.until_ms if visitor.fetch else None,
    needs=needs,
    present=present,
    present_events=present_event,
    keep=Keep(last=FACTS_KEPT),
    state_every=8,
    unwritten=Unwritten(written, written_events, woken),
)
