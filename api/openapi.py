"""The OpenAPI 3.1 document, made from the table of routes and the structs they name.

There is no second description: a route's struct judges bodies and is the schema here. Each door's
part is served on its own as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from inspect import getdoc
from typing import Any

import msgspec

from api import __doc__ as _about
from api.http import JSON, PROBLEM_JSON, Answer, Call, Route, answer
from api.paths import names, shown

REF = "#/components/schemas/{name}"
VERSION = "0.1.0"
KEYS: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "permitted": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["status", "code", "detail"],
}
SECURITY: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}


def document(routes: Iterable[Route], prefix: str = "") -> dict[str, Any]:
    """The document of every shown route whose path starts with `prefix`."""
    listed = [route for route in routes if not route.hidden and route.path.startswith(prefix)]
    types = [kind for route in listed for kind in _types(route)]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    by_type = dict(zip(map(id, types), schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in listed:
        methods = ("POST",) if route.method == "*" else (route.method,)
        for method in methods:
            paths.setdefault(shown(route.path), {})[method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Callboard", "version": VERSION, "description": (_about or "").strip()},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {**components, "Problem": PROBLEM},
            "securitySchemes": SECURITY,
        },
    }


def _types(route: Route) -> list[Any]:
    kinds = [route.body, *route.answers.values()]
    return [kind for kind in kinds if kind is not None]


def _operation(route: Route, schemas: Mapping[int, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method}{shown(route.path)}").strip("_").lower(),
        "summary": route.summary,
        "description": getdoc(route.handler) or "",
        "tags": [route.tag or "callboard"],
        "parameters": _parameters(route),
        "responses": _responses(route, schemas),
        "security": [] if route.access == "open" else KEYS,
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {JSON: {"schema": schemas[id(route.body)]}},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    text = {"type": "string"}
    parts = [
        {"name": name, "in": "path", "required": True, "schema": {**text, "minLength": 1}}
        for name in names(route.path)
    ]
    return parts + [{"name": name, "in": "query", "schema": text} for name in route.query]


def _responses(route: Route, schemas: Mapping[int, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in sorted((route.answers or {200: None}).items()):
        one: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if kind is not None:
            one["content"] = {JSON: {"schema": schemas[id(kind)]}}
        responses[str(status)] = one
    responses["default"] = {
        "description": "What went wrong",
        "content": {PROBLEM_JSON: {"schema": {"$ref": REF.format(name="Problem")}}},
    }
    return responses


def routes_for(table: Iterable[Route], doors: Iterable[str]) -> tuple[Route, ...]:
    """The routes that serve the documents of a table: the whole, and one per door.

    A document is made when it is first asked for: a start needs none.
    """
    routes = tuple(table)

    def serving(prefix: str) -> Route:
        @cache
        def made() -> Answer:
            return answer(document(routes, prefix))

        async def openapi(_call: Call) -> Answer:
            """The OpenAPI document, made from the table of routes."""
            return made()

        path = f"{prefix}/openapi.json"
        return Route("GET", path, openapi, "open", summary="The OpenAPI document", tag="documents")

    return tuple(serving(prefix) for prefix in ("", *(f"/{door}" for door in doors)))
