"""How paths find routes: what goes first, what a slash means, what is not there."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http import Answer, Call, Route
from api.paths import Paths, mounted, names, shown


async def nobody(_call: Call) -> Answer:
    """Never asked here."""
    raise AssertionError


def route(line: str) -> Route:
    """A route from `METHOD PATH`."""
    method, _, path = line.partition(" ")
    return Route(method, path, nobody)


TABLE = Paths(
    map(
        route,
        (
            "GET /",
            "GET /a/{x}",
            "GET /a/{x}/{y}",
            "POST /a/{x}/here",
            "GET /a/word",
            "GET /a/word/{rest...}",
            "POST /a/word/end",
            "GET /slash",
            "* /slash/",
            "DELETE /only/",
            "GET /head",
            "HEAD /head",
        ),
    )
)


def found(method: str, path: str) -> tuple[str, dict[str, str]] | None:
    """`METHOD PATH` of the route, and the parts."""
    one = TABLE.find(method, path)
    return None if one is None else (f"{one[0].method} {one[0].path}", one[1])


@pytest.mark.parametrize(
    ("method", "path", "meant", "parts"),
    [
        ("GET", "/", "GET /", {}),
        ("GET", "/a/1", "GET /a/{x}", {"x": "1"}),
        ("GET", "/a/word", "GET /a/word", {}),
        ("GET", "/a/wo%72d", "GET /a/{x}", {"x": "word"}),
        ("GET", "/a/1/here", "GET /a/{x}/{y}", {"x": "1", "y": "here"}),
        ("POST", "/a/word/here", "POST /a/{x}/here", {"x": "word"}),
        ("GET", "/a/word/b", "GET /a/word/{rest...}", {"rest": "b"}),
        ("GET", "/a/word/b/c", "GET /a/word/{rest...}", {"rest": "b/c"}),
        ("GET", "/a/word//b/", "GET /a/word/{rest...}", {"rest": "/b/"}),
        ("GET", "/slash", "GET /slash", {}),
        ("GET", "/slash/", "* /slash/", {}),
        ("DELETE", "/only/", "DELETE /only/", {}),
        ("HEAD", "/a/1", "GET /a/{x}", {"x": "1"}),
        ("HEAD", "/head", "HEAD /head", {}),
    ],
)
def test_what_a_path_means(method, path, meant, parts):
    """From the left, a word goes before a part, a part before a rest, if the method is heard."""
    assert found(method, path) == (meant, parts)


@pytest.mark.parametrize(
    ("method", "path", "meant"),
    [
        ("GET", "/a/1/", "GET /a/{x}"),
        ("GET", "/a/word/", "GET /a/word"),
        ("POST", "/a/word/end/", "POST /a/word/end"),
        ("HEAD", "/head/", "HEAD /head"),
        ("GET", "//a/1", "GET /a/{x}"),
        ("GET", "///", "GET /"),
    ],
)
def test_a_slash_that_is_not_meant(method, path, meant):
    """One at the end, any number at the start; no redirect tells old clients so."""
    one = found(method, path)
    assert one is not None
    assert one[0] == meant


@pytest.mark.parametrize(
    ("method", "path", "methods"),
    [
        ("GET", "/b", set()),
        ("GET", "/a", set()),
        ("GET", "/a/", set()),
        ("GET", "/a//", set()),
        ("GET", "/a//b", set()),
        ("GET", "/a/1/2/3", set()),
        ("GET", "/a/1//", set()),
        ("GET", "/slash//", set()),
        ("DELETE", "/only", set()),
        ("PUT", "/a/1", {"GET", "HEAD"}),
        ("PUT", "/a/1/", {"GET", "HEAD"}),
        ("PUT", "/a/word/end", {"GET", "HEAD", "POST"}),
        ("GET", "/only/", {"DELETE"}),
        ("TRACE", "/slash/", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}),
    ],
)
def test_what_is_not_there(method, path, methods):
    """Nothing is found, and the methods say whether there is anything at all."""
    assert found(method, path) is None
    assert TABLE.methods(path) == methods


@given(st.text(min_size=1), st.text(min_size=1), st.sampled_from(("", "/")))
def test_any_text_is_a_part(x, y, end):
    """Written as one part, an id comes out as it went in, whatever it holds."""
    path = f"/z/{quote(x, safe='')}/{quote(y, safe='')}{end}"
    table = Paths([route("PUT /z/{x}/{y}")])
    one = table.find("PUT", path)
    assert one is not None
    assert one[1] == {"x": x, "y": y}


def test_the_first_of_two_counts():
    """A route for every method leaves those before it alone."""
    table = Paths([route("POST /x"), route("* /x"), route("GET /x")])
    kept = [table.find(method, "/x") for method in ("POST", "GET")]
    assert [one and one[0].method for one in kept] == ["POST", "*"]


@pytest.mark.parametrize("path", ["/x/{a}.json", "/x/{a", "/{a..}"])
def test_a_path_that_nobody_can_mean_is_a_mistake(path):
    """A name is a whole part."""
    with pytest.raises(ValueError, match="neither a word nor a name"):
        Paths([Route("GET", path, nobody)])


def test_routes_below_several_prefixes():
    """A door may be at several places; documents show one."""
    hidden = Route("GET", "/b", nobody, hidden=True)
    routes = mounted((route("GET /a/{x}"), hidden), "/door", "/door/v1")
    assert [(one.path, one.hidden) for one in routes] == [
        ("/door/a/{x}", False),
        ("/door/b", True),
        ("/door/v1/a/{x}", True),
        ("/door/v1/b", True),
    ]
    table = Paths(routes)
    for path in ("/door/a/1", "/door/v1/a/1", "/door/a/1/", "/door/v1/a/1/"):
        one = table.find("GET", path)
        assert one is not None
        assert one[1] == {"x": "1"}, path


def test_how_documents_write_a_path():
    """Without the dots of a rest."""
    assert shown("/a/{x}/{y...}") == "/a/{x}/{y}"
    assert names("/a/{x}/{y...}") == ("x", "y")
