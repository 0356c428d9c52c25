"""The front of the house: which door and route a request meant, and who answers it.

Every request is brought into one form first: the absolute form of proxies is stripped, a mapped
host name puts its door's prefix in front of the path, and parts are matched raw and decoded after
(so an id may hold a slash). Then the live socket; else the table says which route is meant, and a
hot one is answered here, any other by Quart, which has no routes of its own. A path without a route
is 404 or 405 in the shape of the door that it names.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any

import quart
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from api.answering import (
    Receive,
    Scope,
    Send,
    TooBig,
    note_request,
    respond,
    send_answer,
    serve_hot,
)
from api.cors import Origins, asked_by
from api.hosts import Hosts
from api.house import House
from api.http import Answer, Call, Problem, Route, present_problem
from api.live.door import live_app
from api.paths import Paths
from api.proxies import Proxies

BODY_BYTES_MAX = 64_000_000
CALL = "callboard.call"
"""Where a scope holds the `Call` that Quart answers."""
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def build(house: House, routes: Iterable[Route]) -> App:
    """Make the ASGI application from the house and the table of routes."""
    paths = Paths(routes)
    hosts = Hosts(house.domains, house.settings.hosts)
    proxies = Proxies(house.settings.trusted_proxies)
    rest = _quart()
    house.origins = origins = Origins(house)

    async def front(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await rest(scope, receive, send)  # type: ignore[arg-type]
            return
        proxies.unwrap(scope)
        scope["path"] = raw = hosts.place(scope)
        if scope["type"] == "websocket":
            await live_app(house, scope, receive, send)
            return
        found = paths.find(scope["method"], raw)
        if found is None and scope["method"] == "OPTIONS" and (origin := asked_by(scope)):
            await send_answer(await origins.preflight(origin), receive, send)
            return
        if found is None:
            await send_answer(_nothing(house, scope, paths.methods(raw)), receive, send)
            return
        route, parts = found
        call = Call(house, route, scope, b"")
        call.parts = parts
        if route.hot:
            await serve_hot(call, receive, send)
        else:
            scope[CALL] = call
            await rest(scope, receive, send)  # type: ignore[arg-type]

    return front


def _nothing(house: House, scope: Scope, methods: set[str]) -> Answer:
    """404, or 405 where the path has other methods, in the shape of the door that it names."""
    path: str = scope["path"]
    if methods:
        allow = (("Allow", ", ".join(sorted(methods))),)
        words = "this address has other methods"
        problem = Problem(405, "method_not_allowed", words, headers=allow)
    else:
        problem = Problem(404, "not_found", "there is nothing at this address")
    house.log.request(scope["method"], path, problem.status, 0.0)
    name = path.lstrip("/").partition("/")[0]
    doors = {domain.name: domain.present for domain in house.domains}
    return doors.get(name, present_problem)(problem, None)


def _quart() -> QuartTrio:
    """Quart, which answers the call in the scope before it looks for routes of its own."""
    app = QuartTrio("callboard", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.before_request(_view)
    app.register_error_handler(HTTPException, _present_http)
    app.register_error_handler(Exception, _present_broken)
    return app


def _call() -> Call:
    call: Call = quart.request.scope[CALL]  # type: ignore[literal-required]
    return call


async def _view() -> quart.Response:
    started = perf_counter()
    call = _call()
    body: Any = await quart.request.get_data(as_text=False)
    call.body = body
    if len(call.body) > call.route.body_bytes_max:
        answer = call.route.present(TooBig(call.route.body_bytes_max), call)
    else:
        answer = await respond(call)
    note_request(call, answer.status, perf_counter() - started)
    return _response(answer)


def _response(answer: Answer) -> quart.Response:
    body: Any = answer.body if answer.stream is None else answer.stream
    response = quart.Response(body, answer.status, content_type=answer.content_type)
    if answer.status in {204, 304}:
        del response.headers["content-type"]
    for name, value in answer.headers:
        response.headers.add(name, value)
    if answer.stream is not None:
        response.timeout = None
    return response


async def _present_http(error: HTTPException) -> quart.Response:
    """What Quart says of a body: too big for any route, or too slow."""
    call = _call()
    status = error.code or 500
    code = (error.name or "error").lower().replace(" ", "_")
    note_request(call, status, 0.0)
    return _response(call.route.present(Problem(status, code), call))


async def _present_broken(error: Exception) -> quart.Response:
    call = _call()
    call.house.log.broke("request", error, path=call.path)
    problem = Problem(500, "internal_error", "something broke here; it has been noted")
    return _response(call.route.present(problem, call))
