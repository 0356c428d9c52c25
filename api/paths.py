"""How the path of a route is read: one notation for all routes and for the documents.

`{name}` is one part of a path, matched raw and decoded after, so it may hold an escaped slash.
`{name...}`, only at the end, is all the rest, slashes included: for ids that old clients write into
their paths as they are. A part is never empty. Where several routes fit, from left to right a word
goes before a part and a part before a rest. A path that fits none may end in a slash that is not
meant, and slashes at its start count as one: nobody is redirected, for old clients do not follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from api.http import Route

EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
PART = re.compile(r"\{(\w+)(\.\.\.)?\}")


def shown(path: str) -> str:
    """A route's path as documents write it."""
    return PART.sub(r"{\1}", path)


def names(path: str) -> tuple[str, ...]:
    """Names of the parts of a path."""
    return tuple(part[1] for part in PART.finditer(path))


def mounted(routes: Iterable[Route], *prefixes: str) -> tuple[Route, ...]:
    """The same routes below each prefix, like `/door` and `/door/v1`; documents show the first."""
    table = tuple(routes)
    return tuple(
        replace(route, path=prefix + route.path, hidden=route.hidden or number > 0)
        for number, prefix in enumerate(prefixes)
        for route in table
    )


@dataclass(slots=True)
class _Place:
    """A place in the tree of paths: what may follow, and the routes that end here, by method."""

    words: dict[str, _Place] = field(default_factory=dict)
    part: _Place | None = None
    rest: _Place | None = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)

    def next(self, part: str) -> _Place:
        """The place behind one part of a route's path, made if it is not there."""
        if "{" not in part:
            return self.words.setdefault(part, _Place())
        named = PART.fullmatch(part)
        if named is None:
            raise ValueError(f"{part!r} is neither a word nor a name")
        if named[2]:
            self.rest = self.rest or _Place()
            return self.rest
        self.part = self.part or _Place()
        return self.part


class Paths:
    """The table of routes as a tree: which route a path means, and which methods it hears.

    Of two routes with the same method and path the first one counts. Raises `ValueError` for a path
    that is not written as above.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Place()
        for route in routes:
            place = self._root
            for part in route.path.lstrip("/").split("/"):
                place = place.next(part)
            for method in EVERY_METHOD if route.method == "*" else (route.method,):
                place.routes.setdefault(method, (route, names(route.path)))

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a raw path, with its parts decoded; HEAD means GET where it has no route."""
        for place, values in _places(self._root, path):
            if method in place.routes:
                route, named = place.routes[method]
                return route, dict(zip(named, map(unquote, values), strict=True))
        return self.find("GET", path) if method == "HEAD" else None

    def methods(self, path: str) -> set[str]:
        """The methods of a raw path; none if there is nothing at it."""
        heard = {method for place, _ in _places(self._root, path) for method in place.routes}
        return heard | {"HEAD"} if "GET" in heard else heard


Fit = tuple[_Place, tuple[str, ...]]


def _places(root: _Place, path: str) -> Iterator[Fit]:
    """Every place that a raw path fits, the one that is meant first."""
    given = path.lstrip("/").split("/")
    yield from _below(root, given, ())
    if len(given) > 1 and given[-2] and not given[-1]:
        yield from _below(root, given[:-1], ())


def _below(place: _Place, given: Sequence[str], values: tuple[str, ...]) -> Iterator[Fit]:
    if not given:
        yield place, values
        return
    word, after = given[0], given[1:]
    if word in place.words:
        yield from _below(place.words[word], after, values)
    if place.part is not None and word:
        yield from _below(place.part, after, (*values, word))
    if place.rest is not None and (rest := "/".join(given)):
        yield place.rest, (*values, rest)
