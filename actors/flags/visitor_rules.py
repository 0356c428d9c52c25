"""What a visitor's commands lead to: opening, consent, identity, context.

Guards judge and state nothing; the others yield events, effects and remarks. Identifiers come from
the moment. Rules: spec flags 4.2, 4.6, 4.7, 10.8; FS-009 to FS-024, FS-104 to FS-119.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from actors.flags import contexts
from actors.flags import visitor_tracking as tracking
from actors.flags.flag_values import CampaignFlags, FlagsInvalid, from_campaigns, from_serialized
from actors.flags.names import RESERVED, DecisionMode, LogLevel, Tag
from actors.flags.requests import VISITOR_CHARACTERS_MAX
from actors.flags.visitor_events import (
    Authenticated,
    ConsentSet,
    ContextUpdated,
    Opened,
    Unauthenticated,
)
from actors.flags.visitor_fetching import differing, fetch_started
from actors.flags.visitor_words import (
    Authenticate,
    ClearContext,
    Context,
    Open,
    Person,
    SetConsent,
    Unauthenticate,
    UpdateContext,
    Visitor,
)
from actors.flags.visitor_world import CLIENT, VERSION, is_calm, is_started, settings_of
from engine.effects import Append, Note, Yielded
from engine.machine import Moment
from engine.messages import Forgotten

FLUSH_LIST = "flag_visitor_flush"


# --- opening


def fetches_now(visitor: Visitor, command: Open, moment: Moment) -> bool:
    """A fetch is part of opening (FS-023, FS-040)."""
    wanted, settings = command.fetch_now, settings_of(moment)
    if wanted is None:
        wanted = settings.fetch_now and settings.decision_mode != DecisionMode.BUCKETING_EDGE
    return wanted and is_started(visitor, command, moment)


def waits_to_fetch(visitor: Visitor, command: Open, moment: Moment) -> bool:
    """No fetch is part of opening."""
    return not fetches_now(visitor, command, moment)


def opened(visitor: Visitor, command: Open, moment: Moment) -> Iterator[Yielded]:
    """`newVisitor` (spec 4.7): id, consent, context, reserved keys, initial flags, first fetch."""
    consented = bool(command.has_consented)
    if command.has_consented is None:
        text = "consent was not said, so it counts as withheld"
        yield Note(LogLevel.WARNING, Tag.NEW_VISITOR, text)
    context, notes = contexts.judge(command.context, Tag.UPDATE_CONTEXT)
    yield from notes
    campaigns: tuple[CampaignFlags, ...] = ()
    try:
        campaigns = initial_flags(command)
    except FlagsInvalid as invalid:
        yield Note(LogLevel.ERROR, Tag.NEW_VISITOR, f"the initial flags are not used: {invalid}")
    anonymous = moment.new_id() if command.is_authenticated else None
    context = contexts.with_reserved(context, visitor.handle, CLIENT, VERSION)
    person = Person(visitor.handle, anonymous, context, campaigns)
    yield Opened(consented=consented, authenticated=command.is_authenticated, person=person)
    if not consented:
        yield from _flushed(visitor, person, command)
    fresh = Visitor(visitor.env, visitor.handle, consented=consented, recent=visitor.recent)
    yield from tracking.consent_told(fresh, person, consented, moment)
    if fetches_now(visitor, command, moment):
        yield from fetch_started(visitor, command, moment)


def initial_flags(command: Open) -> tuple[CampaignFlags, ...]:
    """Flags that are there before the first fetch (FS-019 to FS-021); raises `FlagsInvalid`."""
    if command.initial_flags_data is not None:
        return from_serialized(command.initial_flags_data)
    if command.initial_campaigns is not None:
        return from_campaigns(command.initial_campaigns)
    return ()


def _flushed(visitor: Visitor, person: Person, command: Open | SetConsent) -> Iterator[Yielded]:
    """`flushVisitor`: all that is kept of one who had consented goes, else just the cache."""
    if visitor.consented:
        yield Forgotten(own_only=command.own_only)
    else:
        through = visitor.handle if command.own_only else ""
        yield Append(FLUSH_LIST, (visitor.env, person.visitor_id, through))


def gives_consent(_visitor: Visitor, command: Open | SetConsent, _moment: Moment) -> bool:
    """Consent is given."""
    return bool(command.has_consented)


def withholds_consent(_visitor: Visitor, command: Open | SetConsent, _moment: Moment) -> bool:
    """Consent is withheld."""
    return not command.has_consented


def consent_set(visitor: Visitor, command: SetConsent, moment: Moment) -> Iterator[Yielded]:
    """Consent moves, and is told; withdrawn, the past goes (FS-104 to FS-106, FS-181)."""
    given, person = command.has_consented, visitor.person
    if given != visitor.consented:
        yield _written_from_now_on(visitor) if given else ConsentSet()
    if not given:
        yield from _flushed(visitor, person, command)
    recent = visitor.recent if given == visitor.consented else {}
    after = msgspec.structs.replace(visitor, consented=given, recent=recent)
    yield from tracking.consent_told(after, person, given, moment)


def _written_from_now_on(visitor: Visitor) -> ConsentSet:
    return ConsentSet(
        consented=True,
        authenticated=visitor.authenticated,
        person=visitor.person,
        status=visitor.status,
        reason=visitor.reason,
        fetch=visitor.fetch,
    )


# --- identity


def is_logging_in(_visitor: Visitor, command: Open, _moment: Moment) -> bool:
    """Opened as authenticated."""
    return command.is_authenticated


def is_not_logging_in(_visitor: Visitor, command: Open, _moment: Moment) -> bool:
    """Opened as anonymous."""
    return not command.is_authenticated


def has_good_id(_visitor: Visitor, command: Authenticate, _moment: Moment) -> bool:
    """The visitor id to log in with is not empty, not too long, and valid text."""
    return is_visitor_id(command.visitor_id)


def is_visitor_id(text: str) -> bool:
    """1 to 256 code points of valid Unicode (spec 10.5)."""
    return 1 <= len(text) <= VISITOR_CHARACTERS_MAX and contexts.is_unicode(text)


def authenticated(
    visitor: Visitor, command: Authenticate, _moment: Moment
) -> Iterator[Authenticated]:
    """The old visitor id becomes the anonymous one (FS-116)."""
    yield Authenticated(visitor_id=command.visitor_id, anonymous_id=visitor.person.visitor_id)


def unauthenticated(
    visitor: Visitor, _command: Unauthenticate, _moment: Moment
) -> Iterator[Unauthenticated]:
    """The anonymous id becomes the visitor id again (FS-118)."""
    yield Unauthenticated(visitor_id=visitor.person.anonymous_id or visitor.handle)


# --- context


def changes_context(
    visitor: Visitor, command: UpdateContext | ClearContext, moment: Moment
) -> bool:
    """There is no panic, and something would be different afterwards (FS-036)."""
    return is_calm(visitor, command, moment) and bool(_judged(visitor, command)[0])


def keeps_context(visitor: Visitor, command: UpdateContext | ClearContext, moment: Moment) -> bool:
    """There is no panic; the row before asked `changes_context`, so nothing would be different."""
    return is_calm(visitor, command, moment)


def context_updated(visitor: Visitor, command: UpdateContext, _moment: Moment) -> Iterator[Yielded]:
    """Good entries that differ are set; bad ones are remarks (FS-107, FS-109)."""
    changed, notes = _judged(visitor, command)
    yield from notes
    if changed:
        yield ContextUpdated(changed=changed)


def context_cleared(
    visitor: Visitor, command: ClearContext, _moment: Moment
) -> Iterator[ContextUpdated]:
    """Only the reserved keys stay (FS-108)."""
    if _judged(visitor, command)[0]:
        yield ContextUpdated(changed=_reserved(visitor.person.context), cleared=True)


def _judged(
    visitor: Visitor, command: UpdateContext | ClearContext
) -> tuple[Context, tuple[Note, ...]]:
    """The entries that would change, or go; and what is to be said about those given."""
    old = visitor.person.context
    if isinstance(command, ClearContext):
        return {key: value for key, value in old.items() if key not in RESERVED}, ()
    given, notes = contexts.judge(command.context, Tag.UPDATE_CONTEXT, old=old)
    return differing(old, given), notes


def _reserved(context: Context) -> Context:
    return {key: value for key, value in context.items() if key in RESERVED}
