"""Words of the visitor: its state, and what it is told (what it remembers: `visitor_events`).

A visitor is one person's session with a flags environment, under a handle that stays while its
visitor id may change. Without consent only the handle, consent and status names are ever written;
everything else stands in optional fields, so that it can be left out. Names are those of the SDK
(camelCase outside). Rules: spec flags 4, 5, 10.4, 10.5, 10.8.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from actors.flags.flag_values import CampaignFlags
from actors.flags.names import FetchReason
from engine.messages import Command

Value = str | bool | int | float
Context = dict[str, Value]


class Fetch(StrEnum):
    """Where the flags of a visitor are; `absent`: nobody opened it yet."""

    ABSENT = "absent"
    FETCH_REQUIRED = "FETCH_REQUIRED"
    FETCHING = "FETCHING"
    FETCHED = "FETCHED"
    PANIC = "PANIC"


class Consent(StrEnum):
    """May anything about the person be kept?"""

    WITHHELD = "withheld"
    GIVEN = "given"


class Identity(StrEnum):
    """Is the visitor logged in?"""

    ANONYMOUS = "anonymous"
    AUTHENTICATED = "authenticated"


class Outcome(StrEnum):
    """How a fetch ended. `nothing`: an answer without campaigns, or no file yet (spec 4.2)."""

    OK = "ok"
    NOTHING = "nothing"
    PANIC = "panic"
    ERROR = "error"


class UnderWay(msgspec.Struct, frozen=True, rename="camel"):
    """A fetch that has not ended: its id, and when it counts as cut off (ms)."""

    id: str
    until_ms: int


class Person(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What is known of the person: ids, context, and the flags in force."""

    visitor_id: str = ""
    anonymous_id: str | None = None
    context: Context = {}
    campaigns: tuple[CampaignFlags, ...] = ()


class Visitor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A visitor.

    `fetch` is under way even while a change made its status FETCH_REQUIRED again. `recent` holds
    digests of hits and activations with their time, for de-duplication; `segment` the digest of the
    context that was last reported; `carries`: the environment has XPC on, so what the visitor sees
    counts for the anonymous visitor too.
    """

    env: str
    handle: str
    status: Fetch = Fetch.ABSENT
    reason: FetchReason = FetchReason.NONE
    consented: bool = False
    authenticated: bool = False
    person: Person = Person()
    fetch: UnderWay | None = None
    fetched_at_ms: int = 0
    carries: bool = False
    recent: dict[str, int] = {}
    segment: str = ""

    @property
    def consent(self) -> Consent:
        """The phase of the consent machine."""
        return Consent.GIVEN if self.consented else Consent.WITHHELD

    @property
    def identity(self) -> Identity:
        """The phase of the identity machine."""
        return Identity.AUTHENTICATED if self.authenticated else Identity.ANONYMOUS


# --- commands: the SDK's methods


class Open(Command, frozen=True):
    """`newVisitor`: create the visitor, or open it again with what is given here.

    `visitorId` is the handle or absent; `initialFlagsData` wins over `initialCampaigns`. `ownOnly`
    is that of `setConsent`.
    """

    public = True
    alone = True
    visitor_id: str | None = None
    has_consented: bool | None = None
    is_authenticated: bool = False
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    initial_campaigns: Any = None
    initial_flags_data: Any = None
    fetch_now: bool | None = None
    own_only: bool = False


class UpdateContext(Command, frozen=True):
    """Set these keys; the others stay."""

    public = True
    context: dict[str, Any]


class ClearContext(Command, frozen=True):
    """Empty the context; the reserved keys stay."""

    public = True


class Authenticate(Command, frozen=True):
    """The anonymous visitor logs in as `visitorId`."""

    public = True
    visitor_id: str


class Unauthenticate(Command, frozen=True):
    """The visitor logs out and is the anonymous one again."""

    public = True


class SetConsent(Command, frozen=True):
    """Give consent, or withdraw it; withdrawing erases what is kept about the person.

    With `ownOnly` just what came through this visitor: so it is for whoever has no key of the
    server side, since anybody may claim an id.
    """

    public = True
    alone = True
    has_consented: bool
    own_only: bool = False


class FetchFlags(Command, frozen=True):
    """Start a fetch. While one is under way, or just after one, this changes nothing."""

    public = True


class GetFlags(Command, frozen=True):
    """Ask for the flags, serialised; changes nothing."""

    public = True


class GetValue(Command, frozen=True):
    """Ask for a flag's value; `visitorExposed` (the default) also reports the exposure."""

    public = True
    key: str
    default_value: Any
    visitor_exposed: bool = True


class VisitorExposed(Command, frozen=True):
    """The visitor has seen this flag."""

    public = True
    key: str


class ExposeAll(Command, frozen=True):
    """The visitor has seen these flags, or all of them."""

    public = True
    keys: tuple[str, ...] | None = None


class SendHit(Command, frozen=True):
    """Report one hit."""

    public = True
    hit: dict[str, Any]


class SendHits(Command, frozen=True):
    """Report hits, each as `sendHit` would.

    Whoever pooled them says when each was made (`times`, in ms since 1970; absent: now), and that
    what was repeated is left out already (`deduplicated`).
    """

    public = True
    hits: tuple[Any, ...]
    times: tuple[int, ...] = ()
    deduplicated: bool = False


# --- commands: the door's own


class EndFetch(Command, frozen=True):
    """A fetch has ended; one of another id than the one under way is ignored.

    `campaigns` are the flags of an answer that is `ok`; `cached` those of the visitor cache, looked
    up after an error or an answer without campaigns. `segments` are third-party segments that join
    the context. `is_local`: the environment evaluates its own file, so the context is reported.
    """

    fetch: str
    outcome: Outcome
    campaigns: tuple[CampaignFlags, ...] = ()
    cached: tuple[CampaignFlags, ...] = ()
    segments: Context = msgspec.field(default_factory=dict)
    carries: bool = False
    is_local: bool = False
    error: str = ""
