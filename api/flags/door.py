"""The flags' door: its table of routes, its host names, and who may listen.

Routes with fixed parts stand before those with names in the same places. Hot ones are answered in
front of Quart. What SDKs call without a key is `open` here, and the handler lets in by its own
rules (`api.flags.entrance`). Rules: spec flags 1, 6, 8.1, 10.6.
"""

from __future__ import annotations

from typing import Any

from actors.flags.environment import ENVIRONMENT
from actors.flags.visitor import VISITOR
from api.auth import Principal
from api.domain import Domain
from api.flags import (
    bucketing,
    changes,
    collect,
    decisions,
    entrance,
    manage,
    ofrep,
    visiting,
    visitors,
)
from api.flags.entrance import API_KEY
from api.flags.items import items
from api.flags.shelf import NAME
from api.flags.wire import only_post, preflights, present
from api.flags.works import furnish, leave, work
from api.http import Answer, Call, Handler, Route
from storage.flags import FlagLists

BIG = 10_000_000
QUESTION = 256_000
HOSTS = (
    "decision.flagship.io",
    "cdn.flagship.io",
    "events.flagship.io",
    "api-data-connector.flagship.io",
    "uc-info.flagship.io",
    "ariane.abtasty.com",
)
EVALUATE = ("/flags/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags")
LISTEN = ("/flags/ofrep/v1/events/{address}", "/ofrep/v1/events/{address}")


def _decision(path: str, handler: Handler, summary: str, hidden: bool = False) -> tuple[Route, ...]:
    """A decision route: POST, and what it says to other methods."""
    asked = Route(
        "POST", path, handler, "handler", hot=True, summary=summary, body=dict[str, Any],
        query=("mode", "exposeAllKeys", "extras"), body_bytes_max=QUESTION, present=present,
        cors=True, tag=NAME, hidden=hidden,
    )  # fmt: skip
    return asked, Route("*", path, only_post, "open", hot=True, present=present, hidden=True)


def _collected(
    path: str, handler: Handler, summary: str, *, hot: bool = False, most: int = BIG
) -> Route:
    return Route(
        "POST", path, handler, "open", hot=hot, summary=summary, body=dict[str, Any],
        body_bytes_max=most, present=present, cors=True, tag=NAME,
    )  # fmt: skip


def _fetched(path: str, handler: Handler, summary: str) -> tuple[Route, ...]:
    """A file that anybody may fetch; HEAD has the same headers and no body."""

    async def without_body(call: Call) -> Answer:
        got = await handler(call)
        return Answer(got.status, b"", got.content_type, got.headers)

    get = Route(
        "GET", path, handler, "open", hot=True, summary=summary, present=present, cors=True,
        tag=NAME,
    )  # fmt: skip
    head = Route("HEAD", path, without_body, "open", hot=True, present=present, hidden=True)
    return get, head


def _managed(
    method: str, path: str, handler: Handler, summary: str, body: Any = None, **more: Any
) -> Route:
    return Route(
        method, f"/flags/v1/{{env}}/{path}", handler, "admin", summary=summary, body=body,
        tag=NAME, **more,
    )  # fmt: skip


CAMPAIGNS = "Campaigns of a visitor"
DECISIONS = (
    *_decision("/flags/v2/campaigns", decisions.campaigns, CAMPAIGNS),
    *_decision("/flags/v2/campaigns/", decisions.campaigns, CAMPAIGNS, hidden=True),
    *_decision("/flags/v2/flags", decisions.flags, "Flags of a visitor"),
    *_decision("/flags/v2/campaigns/{campaign}", decisions.campaign, "One campaign of a visitor"),
    *_decision("/flags/v2/{env}/campaigns", decisions.campaigns, CAMPAIGNS),
    *_decision("/flags/v2/{env}/campaigns/", decisions.campaigns, CAMPAIGNS, hidden=True),
    *_decision("/flags/v2/{env}/flags", decisions.flags, "Flags of a visitor"),
    *_decision(
        "/flags/v2/{env}/campaigns/{campaign}", decisions.campaign, "One campaign of a visitor"
    ),
)
COLLECTED = (
    _collected("/flags/v2/activate", collect.activate, "Visitors saw variations", hot=True),
    _collected("/flags/v2/{env}/events", collect.event, "Context of a visitor", most=QUESTION),
    _collected("/flags", collect.hits, "Hits", hot=True),
    _collected("/flags/", collect.hits, "Hits", hot=True),
    _collected("/flags/troubleshooting", collect.diagnostic, "Troubleshooting of SDKs"),
    _collected("/flags/analytics", collect.diagnostic, "Usage of SDKs"),
    _collected("/flags/emotionsai", collect.emotion, "EmotionAI events"),
)
FETCHED = (
    *_fetched("/flags/{env}/bucketing.json", bucketing.bucketing_json, "The bucketing file"),
    *_fetched(
        "/flags/{env}/accountSettings.json", bucketing.account_settings_json, "Account settings"
    ),
    *_fetched(
        "/flags/accounts/{env}/segments/{visitor...}", collect.segments, "Third-party segments"
    ),
    *_fetched(
        "/flags/v1/segments/clients/{env}/visitors/{visitor...}", collect.score, "EmotionAI score"
    ),
)
OPENFEATURE = (
    *(
        Route(
            "POST", path + suffix, handler, "handler", hot=True, summary=summary,
            body=dict[str, Any], body_bytes_max=QUESTION, present=ofrep.present, cors=True,
            tag="openfeature",
        )
        for path in EVALUATE
        for suffix, handler, summary in (
            ("", ofrep.bulk, "Evaluate all flags"),
            ("/{key}", ofrep.one, "Evaluate one flag"),
        )
    ),
    *(
        Route(
            "GET", path, ofrep.listen, "open", hot=True, summary="Hear when to fetch again",
            present=ofrep.present, cors=True, tag="openfeature", private_path=True,
        )
        for path in LISTEN
    ),
)  # fmt: skip
MANAGED = (
    _managed(
        "PUT", "bucketing", changes.put, "Publish a bucketing file", dict[str, Any],
        body_bytes_max=BIG, answers={200: changes.Changed},
    ),
    _managed("GET", "bucketing", manage.bucketing, "The bucketing file", query=("version",)),
    _managed(
        "GET", "bucketing/history", manage.history, "Who changed what, when",
        query=("before", "limit"),
    ),
    _managed(
        "POST", "bucketing/revert", changes.revert, "Publish an earlier file again",
        changes.RevertBody, body_required=False, answers={200: changes.Changed},
    ),
    _managed(
        "POST", "panic", changes.panic, "The kill switch", changes.PanicBody,
        answers={200: changes.Switched},
    ),
    _managed(
        "GET", "reports", manage.report, "Exposures and hits by campaign, variation and day",
        query=("from", "to"), answers={200: manage.Report},
    ),
    Route(
        "POST", "/flags/v1/{env}/flush", collect.flush, "handler", summary="Send pooled hits now",
        answers={204: None}, tag=NAME,
    ),
)  # fmt: skip
FIGURES = (
    Route("GET", "/flags/v2/metrics", manage.metrics, "handler", summary="Figures", present=present,
          tag=NAME),
    *(
        Route("GET", path, manage.documentation, "open", present=present, hidden=True)
        for path in ("/flags/v2/swagger", "/flags/v2/swagger/")
    ),
)  # fmt: skip
ASKED_BY_BROWSERS = preflights(
    tuple(
        dict.fromkeys(
            route.path for route in (*COLLECTED, *FETCHED, *OPENFEATURE) if not route.hidden
        )
    )
)
ROUTES = (
    *DECISIONS, *COLLECTED, *FETCHED, *OPENFEATURE, *MANAGED, *visitors.ROUTES, *FIGURES,
    *ASKED_BY_BROWSERS,
)  # fmt: skip


def may_listen(principal: Principal, kind: str, actor_id: str) -> bool:
    """A server-side key hears its environment and the visitors of it; a token its own visitor.

    Rule: engine spec 5.2.
    """
    if kind == ENVIRONMENT.name:
        owns = principal.door == NAME and principal.kind == API_KEY
        return owns and actor_id == principal.subject
    hears = principal.kind in (API_KEY, entrance.TOKEN)
    return kind == VISITOR.name and hears and entrance.reaches(principal, actor_id)


def may_command(principal: Principal, kind: str, actor_id: str) -> bool:
    """As `may_listen` for visitors; a client key too, which `visiting` lets open and no more."""
    return kind == VISITOR.name and entrance.reaches(principal, actor_id)


DOMAIN = Domain(
    name=NAME,
    kinds=(ENVIRONMENT, VISITOR),
    view=FlagLists,
    routes=ROUTES,
    hosts=HOSTS,
    may_listen=may_listen,
    may_command=may_command,
    items=items,
    files=("bucketing",),
    present=present,
    carry_out={VISITOR.name: visiting.carry_out},
    private=frozenset((VISITOR.name,)),
    furnish=furnish,
    work=work,
    leave=leave,
)
