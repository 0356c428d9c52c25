"""How the path of a route is read: one notation for hot routes, for Quart and for the documents.

`{name}` is one part of a path, matched raw and decoded after, so it may hold an escaped slash.
`{name...}`, only at the end, is all the rest, slashes included: for ids that old clients write into
their paths as they are. A part is never empty. Where both fit, a path without a rest goes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from werkzeug.routing import PathConverter

from api.http import Route

EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PART = re.compile(r"\{(\w+)(\.\.\.)?\}")
REST = "...}"


class Rest(PathConverter):
    """The rest of a path in Quart's table, also where it starts with a slash."""

    regex = ".+"
    part_isolating = False


def rule(path: str) -> str:
    """A route's path as Quart writes it; the map must know `Rest` as `rest`."""
    return PART.sub(lambda part: f"<{'rest:' if part[2] else ''}{part[1]}>", path)


def shown(path: str) -> str:
    """A route's path as documents write it."""
    return PART.sub(r"{\1}", path)


def names(path: str) -> list[str]:
    """Names of the parts of a path."""
    return [part[1] for part in PART.finditer(path)]


class HotRoutes:
    """The routes answered in front of Quart, found by method and number of parts."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_size: dict[tuple[str, int], list[tuple[Route, tuple[str, ...]]]] = {}
        self._with_rest: dict[str, list[tuple[Route, tuple[str, ...]]]] = {}
        for route in routes:
            pattern = tuple(route.path.split("/"))
            for method in EVERY_METHOD if route.method == "*" else (route.method,):
                if route.path.endswith(REST):
                    self._with_rest.setdefault(method, []).append((route, pattern))
                else:
                    key = (method, len(pattern))
                    self._by_size.setdefault(key, []).append((route, pattern))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a raw path, with its parts decoded."""
        given = path.split("/")
        for route, pattern in self._by_size.get((method, len(given)), ()):
            parts = _match(pattern, given)
            if parts is not None:
                return route, parts
        for route, pattern in self._with_rest.get(method, ()):
            before = len(pattern) - 1
            parts = _match(pattern, [*given[:before], "/".join(given[before:])])
            if parts is not None:
                return route, parts
        return None


def _match(pattern: tuple[str, ...], given: list[str]) -> dict[str, str] | None:
    if len(given) != len(pattern):
        return None
    parts: dict[str, str] = {}
    for expected, part in zip(pattern, given, strict=True):
        if expected[:1] == "{":
            if not part:
                return None
            name = expected[1:-1].removesuffix("...")
            parts[name] = unquote(part) if "%" in part else part
        elif expected != part:
            return None
    return parts
