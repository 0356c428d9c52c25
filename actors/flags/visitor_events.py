"""What a visitor remembers: one event for each thing that happened to it.

Whatever says something about the person stands in optional fields: without consent an event is
written without them (`visitor_fold.written_events`). Rules: spec flags 4.2, 4.5, 10.8.
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.flags.flag_values import CampaignFlags
from actors.flags.names import FetchReason
from actors.flags.visitor_words import Context, Fetch, Person, UnderWay
from engine.messages import Event


class Opened(Event, frozen=True, omit_defaults=True):
    """The visitor is here; FETCH_REQUIRED / VISITOR_CREATED. `person` only with consent."""

    consented: bool = False
    authenticated: bool = False
    person: Person | None = None


class ContextUpdated(Event, frozen=True, omit_defaults=True):
    """These keys have these values now; with `cleared` all others went before."""

    changed: Context = msgspec.field(default_factory=dict)
    cleared: bool = False


class Authenticated(Event, frozen=True, omit_defaults=True):
    """Logged in: the visitor id is this one, the one before is the anonymous id."""

    visitor_id: str = ""
    anonymous_id: str = ""


class Unauthenticated(Event, frozen=True, omit_defaults=True):
    """Logged out: the visitor id is the anonymous one again."""

    visitor_id: str = ""


class ConsentSet(Event, frozen=True, omit_defaults=True):
    """Consent moved. When given, the others say what is written from now on.

    What sleep changes of a visitor without consent is no fact; with these, row and facts give the
    visitor again.
    """

    consented: bool = False
    authenticated: bool = False
    person: Person | None = None
    status: Fetch = Fetch.ABSENT
    reason: FetchReason = FetchReason.NONE
    fetch: UnderWay | None = None


class FetchStarted(Event, frozen=True):
    """FETCHING / NONE."""

    fetch: str
    until_ms: int


class Fetched(Event, frozen=True, omit_defaults=True):
    """The flags are here: FETCHED / NONE, unless a change asked for new ones meanwhile.

    `campaigns` None: the same as before; `segments` joined the context; `late`: a change of the
    visitor came first, and the status stays what that made of it.
    """

    fetch: str = ""
    at_ms: int = 0
    campaigns: tuple[CampaignFlags, ...] | None = None
    segments: Context = msgspec.field(default_factory=dict)
    carries: bool = False
    late: bool = False


class FetchPanicked(Event, frozen=True):
    """PANIC / NONE: no flags."""

    fetch: str
    at_ms: int


class FetchFailed(Event, frozen=True, omit_defaults=True):
    """FETCH_REQUIRED / FETCH_ERROR: no flags, unless `ReadFromCache` follows. `late` as above."""

    fetch: str = ""
    error: str = ""
    late: bool = False


class ReadFromCache(Event, frozen=True, omit_defaults=True):
    """FETCH_REQUIRED / READ_FROM_CACHE: the flags of the last fetch that succeeded."""

    campaigns: tuple[CampaignFlags, ...] = ()
    late: bool = False


class Exposed(Event, frozen=True, omit_defaults=True):
    """The visitor saw a flag (spec 4.5): whoever, and which flag with which value and default."""

    exposed_visitor: dict[str, Any] = msgspec.field(default_factory=dict)
    from_flag: dict[str, Any] = msgspec.field(default_factory=dict)
    digest: str = ""
    at_ms: int = 0
    since_ms: int = 0


class HitsPooled(Event, frozen=True, omit_defaults=True):
    """Hits wait to be sent: their types, and their digests for de-duplication.

    Digests from `since_ms` or before count no more.
    """

    types: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    at_ms: int = 0
    since_ms: int = 0
    segment: str = ""


EVENTS = (
    Opened,
    ContextUpdated,
    Authenticated,
    Unauthenticated,
    ConsentSet,
    FetchStarted,
    Fetched,
    FetchPanicked,
    FetchFailed,
    ReadFromCache,
    Exposed,
    HitsPooled,
)
