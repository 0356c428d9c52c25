"""The front of the house: which door a request meant, and who answers it.

Every request is brought into one form first: the absolute form of proxies is stripped, a mapped
host name puts its door's prefix in front of the path, and parts are matched raw and decoded after
(so an id may hold a slash). Then the live socket, the hot routes, and Quart for all the others: one
table of routes serves both, and the documents made from it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any
from urllib.parse import unquote

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
from api.paths import EVERY_METHOD, HotRoutes, Rest, rule
from api.proxies import Proxies

BODY_BYTES_MAX = 64_000_000
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def build(house: House, routes: Iterable[Route]) -> App:
    """Make the ASGI application from the house and the table of routes."""
    table = tuple(routes)
    hosts = Hosts(house.domains, house.settings.hosts)
    hot = HotRoutes(route for route in table if route.hot)
    rest = _quart(house, table)
    proxies = Proxies(house.settings.trusted_proxies)
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
        found = hot.find(scope["method"], raw)
        if found is None and scope["method"] == "OPTIONS" and (origin := asked_by(scope)):
            await send_answer(await origins.preflight(origin), receive, send)
            return
        if found is None:
            await rest(scope, receive, send)  # type: ignore[arg-type]
            return
        route, parts = found
        call = Call(house, route, scope, b"")
        call.parts = parts
        await serve_hot(call, receive, send)

    return front


def _quart(house: House, routes: Iterable[Route]) -> QuartTrio:
    app = QuartTrio("callboard", static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["rest"] = Rest
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for number, route in enumerate(routes):
        methods = list(EVERY_METHOD) if route.method == "*" else [route.method]
        app.add_url_rule(
            rule(route.path),
            f"route_{number}",
            _view(house, route),
            methods=methods,
            strict_slashes=True if route.path.endswith("/") else None,
            provide_automatic_options=False,
        )
    app.register_error_handler(HTTPException, _present_http(house))
    app.register_error_handler(Exception, _present_broken(house))
    return app


def _view(house: House, route: Route) -> Callable[..., Awaitable[quart.Response]]:
    async def view(**parts: str) -> quart.Response:
        started = perf_counter()
        request = quart.request
        call = Call(house, route, request.scope, b"")
        call.parts = {name: unquote(part) for name, part in parts.items()}
        body: Any = await request.get_data(as_text=False)
        call.body = body
        if len(call.body) > route.body_bytes_max:
            answer = route.present(TooBig(route.body_bytes_max), call)
        else:
            answer = await respond(call)
        note_request(call, answer.status, perf_counter() - started)
        return _response(answer)

    return view


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


def _present_http(house: House) -> Callable[[Any], Awaitable[quart.Response]]:
    """404, 405 and their like in the shape of the door that the path names."""

    async def present(error: HTTPException) -> quart.Response:
        status = error.code or 500
        words = {404: "there is nothing at this address", 405: "this address has other methods"}
        code = (error.name or "error").lower().replace(" ", "_")
        headers = tuple(
            (name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"}
        )
        problem = Problem(status, code, words.get(status, ""), headers=headers)
        path = quart.request.path
        house.log.request(quart.request.method, path, status, 0.0)
        return _response(_presenter(house, path)(problem, None))

    return present


def _present_broken(house: House) -> Callable[[Exception], Awaitable[quart.Response]]:
    async def present(error: Exception) -> quart.Response:
        house.log.broke("request", error, path=quart.request.path)
        problem = Problem(500, "internal_error", "something broke here; it has been noted")
        return _response(_presenter(house, quart.request.path)(problem, None))

    return present


def _presenter(house: House, path: str) -> Callable[[Problem, Any], Answer]:
    door = path.split("/", 2)[1] if path.startswith("/") else ""
    for domain in house.domains:
        if domain.name == door:
            return domain.present
    return present_problem
