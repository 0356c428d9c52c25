"""A visitor as this program knows it: what the daemon said last, and what will follow from it.

Answers and facts carry a version, and nothing older replaces something newer. A method that
returns at once shows its effect at once: it is predicted by the same pure rules that the daemon
uses, and the prediction lasts until the daemon's own answer comes. Plain values, no waiting.
Rules: spec flags 4.2, 4.7; ledger FS-103, FS-107 to FS-110, FS-116, FS-118.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from actors.flags import contexts
from actors.flags.contexts import Value
from actors.flags.flag_values import CampaignFlags, Flag, flags_of
from actors.flags.names import RESERVED, FetchReason, FetchStatus
from actors.flags.visitor_world import CLIENT, VERSION
from api.client.shapes import FlagsStatus

replace = msgspec.structs.replace

CREATED = FlagsStatus(FetchStatus.FETCH_REQUIRED, FetchReason.VISITOR_CREATED)


class Known(msgspec.Struct, frozen=True):
    """What is known of a visitor; `version` counts its facts, 0: nothing came yet."""

    visitor_id: str
    anonymous_id: str | None = None
    has_consented: bool = False
    is_authenticated: bool = False
    context: dict[str, Value] = {}
    status: FlagsStatus = CREATED
    version: int = 0


Change = Callable[[Known], Known]


class _Body(msgspec.Struct, rename="camel"):
    """The visitor in an answer or a snapshot. Without consent a snapshot names nobody."""

    has_consented: bool
    is_authenticated: bool
    flags_status: FlagsStatus
    visitor_id: str | None = None
    anonymous_id: str | None = None
    context: dict[str, Value] | None = None


class _Fact(msgspec.Struct, rename="camel"):
    """What one event says of a visitor."""

    flags_status: FlagsStatus | None = None
    has_consented: bool | None = None
    is_authenticated: bool | None = None
    visitor_id: str | None = None
    anonymous_id: str | None = None
    changed: dict[str, Value] | None = None
    cleared: bool = False


class Mirror:
    """One visitor. `confirmed` is what the daemon said, `known` adds what is predicted."""

    def __init__(self, known: Known, campaigns: tuple[CampaignFlags, ...] = ()) -> None:
        self.confirmed = known
        self.campaigns: tuple[CampaignFlags, ...] = ()
        self.flags: dict[str, Flag] = {}
        self._predicted: dict[int, Change] = {}
        self._failure: int | None = None
        self.changes = 0
        """How often a method of the visitor was predicted so far."""
        self._numbered = 0
        self.give(campaigns)

    @property
    def known(self) -> Known:
        """The visitor as it is shown."""
        known = self.confirmed
        for change in self._predicted.values():
            known = change(known)
        return known

    def give(self, campaigns: tuple[CampaignFlags, ...]) -> None:
        """These are the visitor's flags now."""
        self.campaigns = campaigns
        self.flags = flags_of(campaigns)

    # --- what will follow

    def predict(self, change: Change) -> int:
        """Show this until `settle` is called with the number returned here."""
        self.changes += 1
        return self._show(change)

    def _show(self, change: Change) -> int:
        self._numbered += 1
        self._predicted[self._numbered] = change
        return self._numbered

    def settle(self, number: int | None) -> None:
        """The daemon has answered, or there will be no answer: it is a prediction no more."""
        if number is not None:
            self._predicted.pop(number, None)

    def fail(self, status: FlagsStatus) -> None:
        """The daemon could not be asked: this is the status, until it says something again."""
        self.settle(self._failure)
        self._failure = self._show(lambda known: replace(known, status=status))

    def alter(self, change: Change) -> None:
        """For good, as far as this program knows."""
        self.confirmed = change(self.confirmed)

    # --- what the daemon says

    def answered(self, body: Any) -> None:
        """The visitor as a command left it; an older one than is known changes little.

        Without consent, facts name nobody, so ids and context come from answers alone.
        """
        self.settle(self._failure)
        version, now = body["version"], self.confirmed
        told = msgspec.convert(body, _Body)
        if version >= now.version:
            self.confirmed = _merged(now, told, version)
        elif not told.has_consented:
            current = _merged(now, told, version)
            self.confirmed = replace(
                now,
                visitor_id=current.visitor_id,
                anonymous_id=current.anonymous_id,
                context=current.context,
            )

    def seen(self, version: int, state: Any) -> None:
        """The visitor as a subscription begins with it; None: there is none (yet)."""
        if state is not None and version >= self.confirmed.version:
            self.settle(self._failure)
            self.confirmed = _merged(self.confirmed, msgspec.convert(state, _Body), version)

    def told(self, version: int, events: list[Mapping[str, Any]]) -> None:
        """A fact of one or several events; one that is known already changes nothing."""
        if version <= self.confirmed.version:
            return
        self.settle(self._failure)
        for event in events:
            self.confirmed = _after(self.confirmed, msgspec.convert(event, _Fact))
        self.confirmed = replace(self.confirmed, version=version)


def _merged(now: Known, told: _Body, version: int) -> Known:
    has_ids = told.visitor_id is not None
    return Known(
        visitor_id=told.visitor_id or now.visitor_id,
        anonymous_id=told.anonymous_id if has_ids else now.anonymous_id,
        has_consented=told.has_consented,
        is_authenticated=told.is_authenticated,
        context=now.context if told.context is None else told.context,
        status=told.flags_status,
        version=version,
    )


def _after(now: Known, fact: _Fact) -> Known:
    context = now.context
    if fact.changed is not None and now.has_consented:
        context = fact.changed if fact.cleared else {**context, **fact.changed}
    if fact.visitor_id:
        context = contexts.with_reserved(context, fact.visitor_id, CLIENT, VERSION)
    consented, authenticated = fact.has_consented, fact.is_authenticated
    return replace(
        now,
        status=fact.flags_status or now.status,
        has_consented=now.has_consented if consented is None else consented,
        is_authenticated=now.is_authenticated if authenticated is None else authenticated,
        visitor_id=fact.visitor_id or now.visitor_id,
        anonymous_id=fact.anonymous_id if fact.visitor_id else now.anonymous_id,
        context=context,
    )


# --- predictions


def required(reason: FetchReason) -> FlagsStatus:
    """Flags must be fetched again."""
    return FlagsStatus(FetchStatus.FETCH_REQUIRED, reason)


def _differs(old: Value | None, new: Value) -> bool:
    """`True` is not `1`, but `1.0` is; None: there was none."""
    return old is None or old != new or isinstance(old, bool) != isinstance(new, bool)


def updated(given: Mapping[str, Value]) -> Change:
    """These keys are set; FETCH_REQUIRED if that changed something (FS-036, FS-107)."""

    def change(known: Known) -> Known:
        old = known.context
        new = {key: value for key, value in given.items() if _differs(old.get(key), value)}
        if not new:
            return known
        status = required(FetchReason.UPDATE_CONTEXT)
        return replace(known, context=contexts.updated(old, new), status=status)

    return change


def cleared(known: Known) -> Known:
    """Only the reserved keys stay (FS-108)."""
    context = {key: value for key, value in known.context.items() if key in RESERVED}
    if len(context) == len(known.context):
        return known
    return replace(known, context=context, status=required(FetchReason.UPDATE_CONTEXT))


def authenticated(visitor_id: str) -> Change:
    """Logged in: the old visitor id is the anonymous one (FS-116)."""

    def change(known: Known) -> Known:
        return replace(
            _named(known, visitor_id, known.visitor_id),
            is_authenticated=True,
            status=required(FetchReason.AUTHENTICATE),
        )

    return change


def unauthenticated(known: Known) -> Known:
    """Logged out: the anonymous id is the visitor id again (FS-118)."""
    return replace(
        _named(known, known.anonymous_id or known.visitor_id, None),
        is_authenticated=False,
        status=required(FetchReason.UNAUTHENTICATE),
    )


def consented(given: bool) -> Change:
    """Consent is given or withdrawn (FS-104)."""
    return lambda known: replace(known, has_consented=given)


def _named(known: Known, visitor_id: str, anonymous_id: str | None) -> Known:
    context = contexts.with_reserved(known.context, visitor_id, CLIENT, VERSION)
    return replace(known, visitor_id=visitor_id, anonymous_id=anonymous_id, context=context)
