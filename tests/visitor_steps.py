"""Words in which scenarios of visitors are written: what is done, and what is seen after it.

Not a test. A scenario is data: a list of steps, and what is left when they are over. It says
nothing of the way in which a visitor is reached; `visitor_drivers` knows three.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from flag_door import COLOURS, GREETING, file
from flag_others import Answer, answer_of

from api.outgoing import Got

WHATEVER: Any = object()
"""In the place of what a scenario does not care about."""
NOTHING: Mapping[str, Any] = {}

# --- steps


class Do(NamedTuple):
    """A method of the SDK. `refused`: with that status, where a door refuses at all.

    `logs` are all lines that it leads to, as `LEVEL tag`; `value` is what it gives.
    """

    method: str
    data: Mapping[str, Any] = NOTHING
    logs: tuple[str, ...] = ()
    refused: int = 0
    value: Any = WHATEVER
    who: str = "v"


class Is(NamedTuple):
    """What the visitor shows of itself; `context` is without the keys of the SDK."""

    status: Any = WHATEVER
    visitor: Any = WHATEVER
    anonymous: Any = WHATEVER
    consented: Any = WHATEVER
    authenticated: Any = WHATEVER
    context: Any = WHATEVER
    reserved: Any = WHATEVER
    who: str = "v"


class FlagIs(NamedTuple):
    """What one flag shows; `logs` only where one flag can be asked for."""

    key: str
    status: str
    value: Any = None
    variation: str = ""
    exists: bool = True
    logs: tuple[str, ...] = ()
    who: str = "v"


class FlagsAre(NamedTuple):
    """The collection as JSON."""

    flags: list[dict[str, Any]]
    who: str = "v"


class During(NamedTuple):
    """A fetch is under way while these steps are done; then others answer."""

    steps: tuple[Any, ...]
    logs: tuple[str, ...] = ()
    who: str = "v"


class AllAtOnce(NamedTuple):
    """So many fetches at the same time lead to one request."""

    times: int
    who: str = "v"


class Panic(NamedTuple):
    """The operator moves the kill switch."""

    on: bool


class Publishes(NamedTuple):
    """The operator puts another bucketing file."""

    file: Mapping[str, Any]


class Others(NamedTuple):
    """From now on others answer like this."""

    answer: Answer | Got | Exception


class Asked(NamedTuple):
    """So many requests have gone out so far; the last one's body has these members."""

    times: int
    body: Mapping[str, Any] = NOTHING


class Sdk(NamedTuple):
    """Where the environment is, as its visitors see it; waits until it is there."""

    status: str


class Decides(NamedTuple):
    """The decision API, called for that visitor by a program without visitors."""

    visitor: str
    chosen: Mapping[str, str]
    anonymous: str | None = None


class Activates(NamedTuple):
    """The activation of the decision API."""

    visitor: str
    group: str
    variation: str


# --- a scenario


class Scenario(NamedTuple):
    """Steps, and what is left after them.

    `heard`: each status that the watcher of visitor `v` was told; `exposed`: key, value and default
    of each exposure it was told, in any order. `hits` and `activations` are the rows of the store,
    in any order: `TYPE name by visitor` and `variation by visitor`, `/anonymous` behind one who has
    such an id, `ANON` for one that was made. `others`: what everybody outside answers at first.
    `heard_in_order`: what the client hears instead, whose commands go out one after the other: what
    it does while it fetches shows at once in its properties, and is told after the fetch.
    """

    name: str
    steps: tuple[Any, ...]
    heard: tuple[str, ...] = ()
    exposed: tuple[tuple[str, Any, Any], ...] = ()
    hits: tuple[str, ...] = ()
    activations: tuple[str, ...] = ()
    settings: Mapping[str, Any] = NOTHING
    bucketing: Any = file(COLOURS, GREETING)
    others: Any = answer_of("one")
    covers: tuple[str, ...] = ()
    heard_in_order: tuple[str, ...] = ()


# --- what most scenarios say

CREATED = "FETCH_REQUIRED VISITOR_CREATED"
UPDATED = "FETCH_REQUIRED UPDATE_CONTEXT"
LOGGED_IN = "FETCH_REQUIRED AUTHENTICATE"
LOGGED_OUT = "FETCH_REQUIRED UNAUTHENTICATE"
FAILED = "FETCH_REQUIRED FETCH_ERROR"
FROM_CACHE = "FETCH_REQUIRED READ_FROM_CACHE"
FETCHING = "FETCHING NONE"
FETCHED = "FETCHED NONE"
PANICKED = "PANIC NONE"

SAID_YES = "EVENT fs_consent Python:true by v"
SAID_NO = "EVENT fs_consent Python:false by v"
ALWAYS = {"fetch_flags_buffering_time": 0}
"""Settings with which each fetch is one."""


def opens(*, consented: bool | None = True, who: str = "v", **data: Any) -> Do:
    """`newVisitor`; one who does not say a word about consent is told so."""
    if consented is None:
        return Do("open", data, logs=("WARNING NEW VISITOR",), who=who)
    return Do("open", {"hasConsented": consented, **data}, who=who)


def fetches(who: str = "v") -> Do:
    """`fetchFlags`."""
    return Do("fetchFlags", who=who)


def reads(key: str, default: Any, value: Any, *logs: str, **data: Any) -> Do:
    """`getValue`."""
    return Do("getValue", {"key": key, "defaultValue": default, **data}, logs, value=value)


def updates(**context: Any) -> Do:
    """`updateContext`, of visitor `v`."""
    return Do("updateContext", {"context": context})


def logs_in(visitor_id: str, who: str = "v") -> Do:
    """`authenticate`."""
    return Do("authenticate", {"visitorId": visitor_id}, who=who)


def consents(given: bool) -> Do:
    """`setConsent`, of visitor `v`."""
    return Do("setConsent", {"hasConsented": given})


def page(location: str) -> dict[str, Any]:
    """A PAGEVIEW."""
    return {"type": "PAGEVIEW", "documentLocation": location}
