"""Which web pages may call the timelines: any, or those of the project's `cors_origins`.

That is so for the Auth and Audience APIs; the Admin API is called by no page. Answers never let a
page send cookies. A preflight carries no key, so it asks whether any project lets the origin in;
the request itself is then judged by its own project. Which of the three APIs a route belongs to
stands in its tag. Rules: spec timelines 5.12.21; engine spec 7.3.
"""

from __future__ import annotations

from functools import wraps

import msgspec

from actors.timelines.settings import Settings
from api.http import Answer, Call, Handler, Problem, Route
from api.timelines.shelf import shelf_of

AUTH, AUDIENCE, ADMIN = "timelines auth", "timelines audience", "timelines admin"
"""Tags of routes: the three APIs (spec 2)."""
FOR_PAGES = frozenset({AUTH, AUDIENCE})
Headers = tuple[tuple[str, str], ...]

ANYBODY = ("Access-Control-Allow-Origin", "*")
EXPOSED = ("Access-Control-Expose-Headers", "Retry-After")
VARIES = ("Vary", "Origin")
ASKED: Headers = (
    ("Access-Control-Allow-Methods", "GET, POST, DELETE"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, Content-Type, Fictioneers-User-ID, Idempotency-Key, Callboard-Now",
    ),
    ("Access-Control-Max-Age", "600"),
)


def page_headers(call: Call) -> Headers:
    """Headers that let the calling page read the answer, or none.

    Where nobody was recognised there is no project to ask, and nothing of one in the answer.
    """
    if call.route.tag not in FOR_PAGES:
        return ()
    project = call.principal.project if call.principal is not None else ""
    return _headers(shelf_of(call.house).settings_now(project), call.headers.get("origin", ""))


def _headers(settings: Settings | None, origin: str) -> Headers:
    if settings is None or settings.cors_origins is None:
        return (ANYBODY, EXPOSED)
    if origin not in settings.cors_origins:
        return (VARIES,)
    return (("Access-Control-Allow-Origin", origin), EXPOSED, VARIES)


def for_pages(handler: Handler) -> Handler:
    """The handler of a route that pages call: its answers say who may read them.

    What it raises is presented by `errors.present`, which says so too.
    """

    @wraps(handler)
    async def answered(call: Call) -> Answer:
        made = await handler(call)
        return msgspec.structs.replace(made, headers=(*made.headers, *page_headers(call)))

    return answered


async def preflight(call: Call) -> Answer:
    """A browser asks whether its page may send what it wants to; no key comes with it."""
    declared = await shelf_of(call.house).all_settings()
    if not declared or any(each.cors_origins is None for each in declared):
        return Answer(204, headers=(ANYBODY, *ASKED))
    origin = call.headers.get("origin", "")
    if any(origin in (each.cors_origins or ()) for each in declared):
        return Answer(204, headers=(("Access-Control-Allow-Origin", origin), VARIES, *ASKED))
    raise Problem(403, "no_page", "no project lets this page in")


async def no_preflight(_call: Call) -> Answer:
    """No page calls the Admin API."""
    raise Problem(403, "no_page", "pages do not call the Admin API")


def preflights(routes: tuple[Route, ...]) -> tuple[Route, ...]:
    """An OPTIONS route for each path of the given ones."""
    by_path = {route.path: route for route in routes}
    return tuple(
        Route(
            "OPTIONS", path, preflight if route.tag in FOR_PAGES else no_preflight, "open",
            present=route.present, cors=True, tag=ADMIN, hidden=True,
        )
        for path, route in by_path.items()
    )  # fmt: skip
