"""Somebody else decides: the call to an upstream Flagship, and what its answer means.

A visitor's fetch in DECISION-API mode goes to `decision_api_url` as the SDK would send it. What
counts as an error, as panic and as an answer without campaigns is the SDK's rule too. Third-party
segments are asked of a data connector before a decision of our own. Building requests and reading
answers are plain functions; two short ones make the calls.

Words of errors reach the facts of visitors, so they name no secret, no path and nobody's data.
Rules: spec flags 1.1, 1.2, 1.8, 4.2, 10.4; FS-041, FS-046, FS-062.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from actors.flags import contexts
from actors.flags.flag_values import CampaignFlags, FlagsInvalid, from_campaigns
from actors.flags.names import FLAGSHIP_CLIENT, FLAGSHIP_VERSION, Tag
from actors.flags.requests import RequestInvalid, segments_context
from actors.flags.settings import Settings
from actors.flags.visitor_words import Context, Outcome, Visitor
from api.outgoing import Got, Unreachable
from api.seals import SecretMissing, reveal
from engine.effects import Note

if TYPE_CHECKING:
    from api.flags.environments import Live
    from api.house import House

JSON = "application/json"
CAMPAIGNS = "/campaigns?exposeAllKeys=true&extras[]=accountSettings"
DECISION_BYTES_MAX = 1_000_000
"""Of an answer: a visitor's flags stand in its state, and no state is that big."""
SEGMENTS_BYTES_MAX = 1_000_000
THIRD_PARTY_SECONDS = 2.0
"""A data connector has no longer, whatever the timeout (spec flags 1.1)."""
STATUS_REDIRECT = 300
"""From here on an answer is none: redirects are not followed, and from 400 on it is an error."""
STATUS_EMPTY = 204


class Decided(msgspec.Struct, frozen=True):
    """How a decision ended. `carries`: XPC is on; `error` says why there is none, in words."""

    outcome: Outcome
    campaigns: tuple[CampaignFlags, ...] = ()
    carries: bool = False
    error: str = ""


class Request(msgspec.Struct, frozen=True):
    """A request to somebody else."""

    url: str
    headers: dict[str, str]
    body: bytes = b""


class Failed(Exception):
    """There is no answer; the text says why."""


# --- a decision


def decision_request(settings: Settings, visitor: Visitor, key: str | None) -> Request:
    """What the SDK would send (spec flags 1.2); `key` is presented, None: there is none."""
    person = visitor.person
    body = {
        "visitorId": person.visitor_id,
        "anonymousId": person.anonymous_id,
        "trigger_hit": False,
        "visitor_consent": visitor.consented,
        "context": person.context,
    }
    url = _based(settings.decision_api_url, env_there(settings, visitor.env) + CAMPAIGNS)
    return Request(url, sdk_headers(person.context, key), msgspec.json.encode(body))


def sdk_headers(context: Mapping[str, object], key: str | None) -> dict[str, str]:
    """Headers of decisions and activations (spec flags 1.1); the SDK is the visitor's own."""
    names = (("x-sdk-client", FLAGSHIP_CLIENT), ("x-sdk-version", FLAGSHIP_VERSION))
    told = {header: str(context[name]) for header, name in names if name in context}
    return {"content-type": JSON, **told, **({"x-api-key": key} if key else {})}


def env_there(settings: Settings, env: str) -> str:
    """The environment's id at the upstream, as a part of a path."""
    return quote(settings.upstream_env or env, safe="")


def read_decision(got: Got) -> Decided:
    """What an upstream's answer means (spec flags 1.1, 1.2, 4.2).

    An error: a status of 300 or above, a body that is not JSON though it says so, campaigns of
    another shape. Nothing: 204, another content type, no `campaigns`. Panic: `panic` is true.
    """
    if got.status >= STATUS_REDIRECT:
        return Decided(Outcome.ERROR, error=f"the upstream answered {got.status}")
    if got.status == STATUS_EMPTY or JSON not in got.headers.get("content-type", "").lower():
        return Decided(Outcome.NOTHING)
    try:
        whole = msgspec.json.decode(got.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Decided(Outcome.ERROR, error="the upstream's answer is not JSON")
    if not isinstance(whole, dict):
        return Decided(Outcome.NOTHING)
    if whole.get("panic") is True:
        return Decided(Outcome.PANIC)
    if whole.get("campaigns") is None:
        return Decided(Outcome.NOTHING)
    try:
        campaigns = from_campaigns(whole["campaigns"])
    except FlagsInvalid as invalid:
        return Decided(Outcome.ERROR, error=f"the upstream's campaigns are not valid: {invalid}")
    return Decided(Outcome.OK, campaigns, carries=_has_xpc(whole))


def _has_xpc(answer: Mapping[str, object]) -> bool:
    """Experience continuity, as the answer's account settings say."""
    found: object = answer
    for name in ("extras", "accountSettings", "enabledXPC"):
        found = found.get(name) if isinstance(found, dict) else None
    return found is True


async def ask(house: House, live: Live, visitor: Visitor) -> Decided:
    """Have the upstream decide, within the environment's timeout. Whatever fails is an error."""
    settings = live.settings
    try:
        request = decision_request(settings, visitor, api_key(house, live))
        got = await house.outgoing.request(
            "POST",
            request.url,
            headers=request.headers,
            body=request.body,
            seconds=settings.timeout,
            private=settings.upstream_private,
            body_bytes_max=DECISION_BYTES_MAX,
        )
    except (Failed, Unreachable) as error:
        return Decided(Outcome.ERROR, error=str(error))
    return read_decision(got)


def api_key(house: House, live: Live) -> str | None:
    """The key that we present upstream. Raises `Failed`; the log says where it was looked for."""
    secret = live.settings.upstream_key
    if secret is None:
        return None
    try:
        return reveal(secret, house.seal)
    except SecretMissing as missing:
        house.log.logger.error("upstream_key", environment=live.env, reason=str(missing))
    raise Failed("the upstream's key cannot be had")


# --- third-party segments


def segments_request(settings: Settings, visitor: Visitor) -> Request:
    """The visitor's segments at the data connector (spec flags 1.8)."""
    env, visitor_id = env_there(settings, visitor.env), quote(visitor.person.visitor_id, safe="")
    url = _based(settings.third_party_url, f"accounts/{env}/segments/{visitor_id}")
    return Request(url, {"accept": JSON})


def read_segments(got: Got, visitor: Visitor) -> tuple[Context, tuple[Note, ...]]:
    """Segments that join the context: those whose values a context may hold. Raises `Failed`."""
    if got.status >= STATUS_REDIRECT:
        raise Failed(f"the data connector answered {got.status}")
    try:
        given = segments_context(got.body)
    except RequestInvalid:
        raise Failed("the data connector's answer is no list of segments") from None
    return contexts.judge(given, Tag.UPDATE_CONTEXT, old=visitor.person.context)


async def third_party(
    house: House, live: Live, visitor: Visitor
) -> tuple[Context, tuple[Note, ...]]:
    """The visitor's segments, and remarks about those left out. Raises `Failed`."""
    settings = live.settings
    request = segments_request(settings, visitor)
    try:
        got = await house.outgoing.request(
            "GET",
            request.url,
            headers=request.headers,
            seconds=min(THIRD_PARTY_SECONDS, settings.timeout),
            private=settings.upstream_private,
            body_bytes_max=SEGMENTS_BYTES_MAX,
        )
    except Unreachable as error:
        raise Failed(str(error)) from None
    return read_segments(got, visitor)


def _based(base: str | None, rest: str) -> str:
    base = base or ""
    return base + rest if base.endswith("/") else f"{base}/{rest}"
