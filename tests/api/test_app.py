"""The front: hosts, raw paths, errors in the shape of their door, health, documents."""

from __future__ import annotations

import jsonschema
import pytest
import toy
from houses import OPERATOR_KEY, TOY, open_caller

from api.domain import Domain
from api.hosts import Hosts, bare
from api.http import Answer, Call, Problem, Route, answer
from api.proxies import Proxies


async def echo(call: Call) -> Answer:
    """Say what was understood."""
    return answer({"parts": call.parts, "path": call.path, "size": len(call.body)})


async def broken(_call: Call) -> Answer:
    """A bug of ours."""
    raise RuntimeError("the secret is hunter2")


def present(problem: Problem, _call: Call | None) -> Answer:
    """A door's own shape of an error."""
    return answer({"echo_error": problem.code}, problem.status)


ECHO = Domain(
    "echo",
    (),
    None,
    (
        Route("POST", "/echo/{a}/x", echo, "open", hot=True, body_bytes_max=100, present=present),
        Route("GET", "/echo/cold/{a}", echo, "open", present=present),
        Route("GET", "/echo/cold/{a}/", echo, "open", present=present),
        Route("GET", "/echo/rest/{a}/{b...}", echo, "open", present=present),
        Route("GET", "/echo/hot-rest/{a}/{b...}", echo, "open", hot=True, present=present),
        Route("GET", "/echo/hot-rest/{a}/last", broken, "open", hot=True, present=present),
        Route("GET", "/echo/broken", broken, "open", present=present),
        Route("GET", "/echo/broken-hot", broken, "open", hot=True, present=present),
    ),
    hosts=("api.echo.example",),
    present=present,
)


@pytest.fixture
async def admin(tmp_path):
    """An admin at a house with a door that echoes."""
    async with open_caller(tmp_path, domains=(TOY, ECHO)) as caller:
        yield caller


async def test_a_mapped_host_opens_its_door_at_the_root(admin):
    """Host decides; port, case and trailing dot do not; our own paths stay ours."""
    for host in ("api.echo.example", "API.Echo.Example:8443", "api.echo.example."):
        got = await admin("GET", "/cold/1", host=host)
        assert got.json()["parts"] == {"a": "1"}, host
    assert (await admin("GET", "/healthz", host="api.echo.example")).status == 200
    assert (await admin("GET", "/v1/actors?kind=door", host="api.echo.example")).status == 404
    assert (await admin("GET", "/cold/1", host="elsewhere.example")).status == 404


async def test_the_absolute_form_of_proxies_is_understood(admin):
    """A request line with scheme and host means the same as its path."""
    got = await admin("GET", "http://anything/echo/cold/1")
    assert got.json()["parts"] == {"a": "1"}


@pytest.mark.parametrize("path", ["/echo/a%2Fb/x", "/echo/a%2fb/x"])
async def test_hot_parts_are_split_raw(admin, path):
    """A hot route decodes a part after splitting."""
    assert (await admin("POST", path, b"hi")).json()["parts"] == {"a": "a/b"}


@pytest.mark.parametrize("start", ["/echo/rest", "/echo/hot-rest"])
@pytest.mark.parametrize(
    ("rest", "meant"),
    [
        ("one", "one"),
        ("one/two", "one/two"),
        ("one%2Ftwo/three%20four", "one/two/three four"),
        ("/one//", "/one//"),
        ("https://example.org/", "https://example.org/"),
        ("last/", "last/"),
    ],
)
async def test_a_rest_is_taken_whole(admin, start, rest, meant):
    """Slashes of an old client's id are its own, in front of Quart and behind."""
    assert (await admin("GET", f"{start}/a%2Fb/{rest}")).json()["parts"] == {"a": "a/b", "b": meant}
    assert (await admin("GET", f"{start}/a/")).status == 404


async def test_a_path_without_a_rest_goes_first(admin):
    """What is named stands before what takes anything."""
    assert (await admin("GET", "/echo/hot-rest/a/last")).status == 500
    assert (await admin("GET", "/echo/hot-rest/a")).status == 404


async def test_a_trailing_slash_is_another_route_only_where_said(admin):
    """No redirect is ever sent: old clients do not follow them."""
    assert (await admin("GET", "/echo/cold/1/")).status == 200
    assert (await admin("POST", "/echo/1/x/", b"hi")).json()["parts"] == {"a": "1"}
    assert (await admin("GET", "/echo//cold/1")).status == 404


async def test_a_head_is_a_get_without_a_body(admin):
    """Hot or not, it means the same route."""
    for path in ("/echo/cold/1", "/echo/hot-rest/a/b", "/healthz"):
        asked, got = await admin("HEAD", path), await admin("GET", path)
        assert (asked.status, asked.headers) == (got.status, got.headers)


async def test_errors_have_the_shape_of_their_door(admin):
    """404, 405, 413 and 500 of a door are the door's; ours are RFC 9457."""
    for method, path, status in (
        ("GET", "/echo/nowhere", 404),
        ("PUT", "/echo/cold/1", 405),
        ("GET", "/echo/a/x", 405),
        ("GET", "/echo/broken", 500),
        ("GET", "/echo/broken-hot", 500),
    ):
        got = await admin(method, path)
        assert (got.status, list(got.json())) == (status, ["echo_error"]), path
    big = await admin("POST", "/echo/a/x", b"x" * 101)
    assert (big.status, list(big.json())) == (413, ["echo_error"])
    ours = await admin("GET", "/nowhere")
    assert (ours.status, ours.headers["content-type"]) == (404, "application/problem+json")
    other = await admin("PUT", "/healthz/")
    assert (other.status, other.headers["allow"]) == (405, "GET, HEAD")


async def test_our_bugs_are_logged_and_not_told(admin):
    """A bug answers 500 without a trace of it; the log has the traceback."""
    for path in ("/echo/broken", "/echo/broken-hot"):
        got = await admin("GET", path)
        assert b"hunter2" not in got.body
        assert b"Traceback" not in got.body
    assert sum(b"RuntimeError" in line for line in admin.lines) >= 2


async def test_health_tells_starting_ready_and_draining(admin):
    """/readyz is 200 only while the house can be used."""
    assert (await admin("GET", "/readyz")).status == 200
    admin.house.is_ready = False
    assert (await admin("GET", "/readyz")).status == 503
    admin.house.is_ready, admin.house.is_draining = True, True
    assert (await admin("GET", "/readyz")).status == 503
    assert (await admin("GET", "/healthz")).status == 200


async def test_metrics_are_the_operators(admin):
    """Only the operator key reads /metrics."""
    assert (await admin("GET", "/metrics")).status == 403
    got = await admin.with_key(OPERATOR_KEY)("GET", "/metrics")
    assert got.status == 200
    assert b"callboard_" in got.body


async def test_machines_are_shown_in_four_forms(admin):
    """A machine is JSON, Mermaid, Markdown and SVG."""
    listed = (await admin("GET", "/v1/machines")).json()
    assert {one["name"] for one in listed} >= {"lock", "project"}
    shown = (await admin("GET", "/v1/machines/lock")).json()
    assert shown["permits"]["open"][0] == "shut"
    assert (await admin("GET", "/v1/machines/lock.mmd")).body.startswith(b"stateDiagram")
    drawn = await admin("GET", "/v1/machines/lock", headers={"accept": "image/svg+xml"})
    assert drawn.body.startswith(b"<svg")
    assert b"| " in (await admin("GET", "/v1/machines/lock?format=markdown")).body
    assert (await admin("GET", "/v1/machines/none")).status == 404
    assert (await admin("GET", "/v1/machines/lock.exe")).status == 404


async def test_documents_are_made_from_the_table(admin):
    """Every shown route stands in the OpenAPI document and on the docs page."""
    document = (await admin("GET", "/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert "/v1/actors/{kind}/{id}" in document["paths"]
    assert set((await admin("GET", "/echo/openapi.json")).json()["paths"]) == {
        "/echo/{a}/x",
        "/echo/cold/{a}",
        "/echo/cold/{a}/",
        "/echo/rest/{a}/{b}",
        "/echo/hot-rest/{a}/{b}",
        "/echo/hot-rest/{a}/last",
        "/echo/broken",
        "/echo/broken-hot",
    }
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    page = (await admin("GET", "/docs")).body.decode()
    assert "/v1/actors/{kind}/{id}" in page
    assert "<script" not in page


async def test_a_request_is_one_line(admin):
    """Method, path without its query, status, milliseconds, and who."""
    admin.lines.clear()
    await admin("GET", "/v1/actors?kind=door")
    (line,) = [line for line in admin.lines if b'"event":"request"' in line]
    assert b'"path":"/v1/actors"' in line
    assert b'"status":200' in line


def test_hosts_are_bare():
    """A host name is compared without port, dot and case; an IPv6 literal stays whole."""
    assert bare("Decision.Flagship.IO.:443") == "decision.flagship.io"
    assert bare("[::1]") == "[::1]"
    assert Hosts((ECHO,), {"Mine.example": "echo"}).place(
        {"raw_path": b"/x", "headers": [(b"host", b"mine.example")]}
    ) == ("/echo/x")


def test_the_toy_domain_has_no_word_in_the_house():
    """The toy is a domain like any other."""
    assert TOY.kinds == (toy.DOOR, toy.SPARSE_DOOR)


async def test_pages_of_a_projects_origins_may_call_our_routes(admin):
    """A preflight and the answer name the origin only if the project does."""
    page = {"origin": "https://stage.example", "access-control-request-method": "GET"}
    assert (await admin("OPTIONS", "/v1/actors", headers=page)).status == 403
    live = {"live": {"origins": ["https://stage.example"]}}
    assert (await admin("PUT", "/v1/projects/demo", live)).status == 200
    asked = await admin("OPTIONS", "/v1/actors", headers=page)
    assert asked.status == 204
    assert asked.headers["access-control-allow-origin"] == "https://stage.example"
    got = await admin("GET", "/v1/keys", headers={"origin": "https://stage.example"})
    assert got.headers["access-control-allow-origin"] == "https://stage.example"
    other = await admin("GET", "/v1/keys", headers={"origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in other.headers


def test_only_trusted_proxies_are_believed():
    """From the right, the first address that is no trusted proxy's is the caller."""
    proxies = Proxies(("10.0.0.0/8", "::1"))

    def caller(peer: str, forwarded: str) -> tuple[str, str]:
        scope = {
            "type": "http",
            "scheme": "http",
            "client": (peer, 1),
            "headers": [
                (b"x-forwarded-for", forwarded.encode()),
                (b"x-forwarded-proto", b"https"),
            ],
        }
        proxies.unwrap(scope)
        return scope["client"][0], scope["scheme"]

    assert caller("10.1.1.1", "1.1.1.1, 2.2.2.2, 10.9.9.9") == ("2.2.2.2", "https")
    assert caller("::1", "2001:db8::1") == ("2001:db8::1", "https")
    assert caller("3.3.3.3", "1.1.1.1") == ("3.3.3.3", "http")
    assert caller("10.1.1.1", "nonsense") == ("10.1.1.1", "https")
    assert caller("10.1.1.1", "") == ("10.1.1.1", "https")
