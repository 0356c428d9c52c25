"""The documentation page, `/docs`: our own, without a script from elsewhere (engine spec 7.6).

It is written from the table of routes when it is first asked for, so it shows just what is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from inspect import getdoc
from itertools import groupby

from api.http import Answer, Call, Route
from api.paths import shown

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --hue: #b3261e; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
code { font: 0.92em ui-monospace, monospace; }
article { padding: 0.55rem 0; border-bottom: 1px solid var(--soft); }
article p { margin: 0.15rem 0 0 4.6rem; }
.method { display: inline-block; width: 4.6rem; font-weight: 700; color: var(--hue); }
.who { float: right; font-size: 0.85rem; opacity: 0.75; }
nav a { margin-right: 1rem; }
"""
WHO = {
    "open": "no key needed",
    "handler": "a key of the door",
    "key": "any key of the door",
    "admin": "admin key",
    "project": "operator or admin key",
    "operator": "operator key",
}


def page(routes: Iterable[Route]) -> str:
    """The page: every shown route, grouped by what it is about."""
    listed = sorted((route for route in routes if not route.hidden), key=lambda route: route.tag)
    groups = []
    for tag, members in groupby(listed, key=lambda route: route.tag):
        articles = "\n".join(map(_article, members))
        groups.append(f"<h2>{escape(tag or 'callboard').capitalize()}</h2>\n{articles}")
    links = (
        ("openapi.json", "OpenAPI"),
        ("asyncapi.json", "AsyncAPI (live)"),
        ("v1/machines", "Machines"),
        ("js/callboard.js", "Browser client"),
    )
    nav = " ".join(f'<a href="/{href}">{text}</a>' for href, text in links)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Callboard</title><style>{STYLE}</style></head><body>"
        "<h1>Callboard</h1><p>Every visitor, audience member, broadcast and story is an actor: "
        "its state is durable here and pushed live to whoever watches.</p>"
        f"<nav>{nav}</nav>{''.join(groups)}</body></html>"
    )


def _article(route: Route) -> str:
    method = "any" if route.method == "*" else route.method
    doc = getdoc(route.handler)
    return (
        f'<article><span class="who">{WHO.get(route.access, "")}</span>'
        f'<span class="method">{method}</span><code>{escape(shown(route.path))}</code>'
        f"<p>{escape(doc or route.summary)}</p></article>"
    )


def route_for(routes: Iterable[Route]) -> Route:
    """The route that serves the page."""
    table = tuple(routes)
    headers = (
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("X-Content-Type-Options", "nosniff"),
    )

    @cache
    def made() -> Answer:
        return Answer(200, page(table).encode(), "text/html; charset=utf-8", headers)

    async def docs(_call: Call) -> Answer:
        """This page."""
        return made()

    return Route("GET", "/docs", docs, "open", summary="What is served here", tag="documents")
