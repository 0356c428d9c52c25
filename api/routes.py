"""The whole table of routes: ours, then each door's, then the documents made from both."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from api import actors, docs, health, machines, openapi, outbox, projects, scrape
from api.domain import Domain
from api.http import Answer, Call, Problem, Route, answer
from api.live import asyncapi
from api.live import door as live

STATIC = Path(__file__).parent / "static"
SCRIPTS = {path.name: path.read_bytes() for path in sorted(STATIC.glob("*.js"))}


async def script(call: Call) -> Answer:
    """A browser library of ours."""
    body = SCRIPTS.get(call.parts["name"])
    if body is None:
        raise Problem(404, "no_script", "there is no such script")
    headers = (("Cache-Control", "public, max-age=300"), ("Access-Control-Allow-Origin", "*"))
    return Answer(200, body, "text/javascript; charset=utf-8", headers)


SCRIPT = Route("GET", "/js/{name}", script, "open", summary="Browser libraries", tag="documents")


async def asyncapi_json(_call: Call) -> Answer:
    """The AsyncAPI document of the live socket, made from the structs that parse its frames."""
    return answer(asyncapi.asyncapi_document(openapi.VERSION))


ASYNCAPI = Route(
    "GET", "/asyncapi.json", asyncapi_json, "open", summary="The live protocol", tag="documents"
)


def table(domains: Iterable[Domain]) -> tuple[Route, ...]:
    """Every route of the house, in the order in which they are matched."""
    doors = tuple(domains)
    own = (
        *health.ROUTES,
        *live.LIVE_ROUTES,
        *actors.ROUTES,
        *machines.ROUTES,
        *projects.ROUTES,
        *outbox.ROUTES,
        *scrape.ROUTES,
        SCRIPT,
        ASYNCAPI,
    )
    served = (*own, *(route for door in doors for route in door.routes))
    documents = openapi.routes_for(served, (door.name for door in doors))
    return (*served, *documents, docs.route_for((*served, *documents)))
