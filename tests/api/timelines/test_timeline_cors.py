"""Which web pages may call: those of the settings, and never the Admin API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from asgi import Got
from houses import Caller
from timeline_door import SECRET, USER_HEADER, V1, VISIBLE, Door, open_door

from api.apply import declare

PAGE, ELSEWHERE = "https://app.example", "https://evil.example"
FOR_PAGES = ("/auth/token", "/auth/introspect-token", "/users/me", "/user-timeline-events")
FOR_NO_PAGE = ("/timelines", "/timelines/x", "/timelines/x/users", "/service-status")
ALLOWED = "access-control-allow-origin"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house whose one project lets any page in."""
    async with open_door(tmp_path, publish=(), others=False) as opened:
        yield opened


async def preflight(door: Door, path: str, origin: str = PAGE) -> Got:
    """What a browser asks before it sends; no key comes with it."""
    headers = {"origin": origin, "access-control-request-method": "POST"}
    return await door.nobody("OPTIONS", path, headers=headers)


async def mint(door: Door, origin: str | None, key: str = VISIBLE, body: Any = None) -> Got:
    """A page mints a token."""
    headers: Mapping[str, str] = {} if origin is None else {"origin": origin}
    given = {"user_id": "a"} if body is None else body
    return await door.admin.with_key(key)("POST", f"{V1}/auth/token", given, headers)


def check_no_cookies(got: Got) -> None:
    """Pages never send them."""
    assert "access-control-allow-credentials" not in got.headers


@pytest.mark.parametrize("prefix", ["/timelines/v1", "/timelines"])
@pytest.mark.parametrize("path", FOR_PAGES)
async def test_any_page_may_ask_by_default(door: Door, prefix: str, path: str) -> None:
    """The preflight lists what the SDK sends (spec 5.12.21)."""
    got = await preflight(door, prefix + path)
    assert (got.status, got.headers[ALLOWED]) == (204, "*")
    named = {
        each.strip().lower() for each in got.headers["access-control-allow-headers"].split(",")
    }
    assert {"authorization", "content-type", "idempotency-key", USER_HEADER} <= named
    methods = got.headers["access-control-allow-methods"]
    assert {"GET", "POST", "DELETE"} == {each.strip() for each in methods.split(",")}
    check_no_cookies(got)


@pytest.mark.parametrize("prefix", ["/timelines/v1", "/timelines"])
@pytest.mark.parametrize("path", FOR_NO_PAGE)
async def test_no_page_asks_the_admin_api(door: Door, prefix: str, path: str) -> None:
    """Also where the project's own `[live] origins` name it."""
    live = {"project": "demo", "live": {"origins": [PAGE]}}
    await declare(door.house, live, "test")
    got = await preflight(door, prefix + path)
    assert (got.status, ALLOWED in got.headers) == (403, False)
    got = await door.secret("GET", prefix + path, headers={"origin": PAGE})
    assert ALLOWED not in got.headers


async def test_any_page_reads_answers_and_errors(door: Door) -> None:
    """200, 401, 403, 404 and 422 alike."""
    token = door.admin.with_key(await door.token())
    asked: list[tuple[Caller, str, str, Any, int]] = [
        (door.visible, "POST", "/auth/token", {"user_id": "a"}, 200),
        (door.visible, "POST", "/auth/token", {}, 422),
        (door.nobody, "POST", "/auth/token", {"user_id": "a"}, 401),
        (token, "POST", "/auth/token", {"user_id": "a"}, 403),
        (token, "GET", "/users/me", b"", 404),
    ]
    for caller, method, path, body, status in asked:
        got = await caller(method, V1 + path, body, {"origin": PAGE})
        assert (got.status, got.headers.get(ALLOWED)) == (status, "*"), path
        check_no_cookies(got)


async def test_only_named_pages_read(door: Door) -> None:
    """With `cors_origins` the answer names the page that asked, or none."""
    await door.declare(cors_origins=[PAGE, "http://localhost:8080"])
    for origin in (PAGE, "http://localhost:8080"):
        for body in ({"user_id": "a"}, {}):
            got = await mint(door, origin, body=body)
            assert got.headers[ALLOWED] == origin
            assert got.headers["vary"] == "Origin"
            check_no_cookies(got)
        asked = await preflight(door, f"{V1}/auth/token", origin)
        assert (asked.status, asked.headers[ALLOWED]) == (204, origin)
        check_no_cookies(asked)
    for other in (ELSEWHERE, "https://app.example:444", "https://APP.example", "null", ""):
        got = await mint(door, other)
        assert (got.status, ALLOWED in got.headers) == (200, False), other
        asked = await preflight(door, f"{V1}/auth/token", other)
        assert ALLOWED not in asked.headers, other
    assert ALLOWED not in (await mint(door, None)).headers


async def test_no_page_may_be_named(door: Door) -> None:
    """An empty list lets none in."""
    await door.declare(cors_origins=[])
    assert ALLOWED not in (await mint(door, PAGE)).headers
    assert (await preflight(door, f"{V1}/users/me")).status == 403


async def test_each_project_judges_its_own(tmp_path: Path) -> None:
    """A preflight asks all of them, for it carries no key; a request its own."""
    async with open_door(tmp_path, publish=(), others=False, cors_origins=[PAGE]) as door:
        assert (await preflight(door, f"{V1}/users/me", ELSEWHERE)).status == 403
        other = {"project": "other", "timelines": {"cors_origins": [ELSEWHERE]}}
        await declare(door.house, other, "test")
        for origin in (PAGE, ELSEWHERE):
            asked = await preflight(door, f"{V1}/users/me", origin)
            assert asked.headers[ALLOWED] == origin
        assert ALLOWED not in (await mint(door, ELSEWHERE, SECRET)).headers
        await declare(door.house, {"project": "other", "timelines": {}}, "test")
        assert (await preflight(door, f"{V1}/users/me", ELSEWHERE)).headers[ALLOWED] == "*"
        assert ALLOWED not in (await mint(door, ELSEWHERE, SECRET)).headers


async def test_settings_are_found_after_a_restart(tmp_path: Path) -> None:
    """A preflight before anything else reads them from the store."""
    async with open_door(tmp_path, publish=(), others=False, cors_origins=[PAGE]):
        pass
    async with open_door(tmp_path, publish=(), others=False, cors_origins=[PAGE]) as door:
        assert door.shelf.statistics()["projects"] == 0
        assert (await preflight(door, f"{V1}/users/me", PAGE)).headers[ALLOWED] == PAGE
        assert (await preflight(door, f"{V1}/users/me", ELSEWHERE)).status == 403
