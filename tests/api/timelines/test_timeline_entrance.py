"""Who may come in to which API, as which user, and at which instant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgi import Got
from houses import ADMIN_KEY, OPERATOR_KEY
from hypothesis import given
from hypothesis import strategies as st
from timeline_door import (
    CLOCK_HEADER,
    OTHER_ADMIN,
    OTHER_SECRET,
    SECRET,
    USER_HEADER,
    V1,
    VISIBLE,
    Door,
    open_door,
)

from actors.projects import CreateKey, Key
from api.auth import hash_key
from api.http import Answer, Call, Route, answer
from api.timelines.cors import ADMIN, AUDIENCE, AUTH
from api.timelines.entrance import (
    Guest,
    checked_user,
    for_admin,
    for_audience,
    for_auth,
    for_project_admin,
    key_of,
)
from api.timelines.errors import present
from api.timelines.invalid import Invalid
from engine.messages import Address

UNAUTHORIZED = {"meta": {}, "error": {"code": 401, "message": "Unauthorized."}, "data": {}}
FORBIDDEN = {"meta": {}, "error": {"code": 403, "message": "Forbidden."}, "data": {}}
NINE = "2023-02-03T09:00:00Z"
NINE_MS = 1_675_414_800_000
AUTH_API, AUDIENCE_API = "/timelines/of/auth", "/timelines/of/audience"
ADMIN_API = "/timelines/of/admin"
ONE_READ, PROJECT_API = "/timelines/of/one-read", "/timelines/of/project"
APIS = (AUTH_API, AUDIENCE_API, ADMIN_API)


def shown(guest: Guest) -> Answer:
    """Who was let in."""
    return answer({"user": guest.user_id, "at_ms": guest.at_ms, "project": guest.project})


async def of_auth(call: Call) -> Answer:
    """A route of the Auth API."""
    return shown(await for_auth(call))


async def of_audience(call: Call) -> Answer:
    """A route of the Audience API."""
    return shown(await for_audience(call))


async def of_admin(call: Call) -> Answer:
    """A route of the Admin API."""
    return shown(await for_admin(call))


async def one_read(call: Call) -> Answer:
    """The read that may be open to visible keys."""
    return shown(await for_admin(call, visible_read=True))


async def of_project(call: Call) -> Answer:
    """A route for the project's admin."""
    return shown(await for_project_admin(call))


ROUTES = tuple(
    Route("GET", path, handler, "handler", present=present, cors=True, tag=tag, hidden=True)
    for path, handler, tag in (
        (AUTH_API, of_auth, AUTH),
        (AUDIENCE_API, of_audience, AUDIENCE),
        (ADMIN_API, of_admin, ADMIN),
        (ONE_READ, one_read, ADMIN),
        (PROJECT_API, of_project, ADMIN),
    )
)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with a route of each API that says who was let in; no timeline, no test clock."""
    async with open_door(tmp_path, routes=ROUTES, publish=(), test_clock=False) as opened:
        yield opened


async def ask(door: Door, path: str, authorization: str = "", **headers: str) -> Got:
    """A request with that `Authorization`; `callboard_now="..."` is that header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if authorization:
        named["authorization"] = authorization
    return await door.nobody("GET", path, headers=named)


# --- the credential matrix

MATRIX = [
    ("visible", AUTH_API, 200),
    ("secret", AUTH_API, 200),
    ("token", AUTH_API, 403),
    ("visible", AUDIENCE_API, 403),
    ("secret", AUDIENCE_API, 200),
    ("token", AUDIENCE_API, 200),
    ("visible", ADMIN_API, 403),
    ("secret", ADMIN_API, 200),
    ("token", ADMIN_API, 403),
]


@pytest.mark.covers("TL-013", "TL-015", "TL-017", "TL-019", "TL-027", "TL-043", "TL-089", "TL-036")
@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer  "])
@pytest.mark.parametrize(("sort", "path", "status"), MATRIX)
async def test_the_credential_matrix(
    door: Door, sort: str, path: str, status: int, scheme: str
) -> None:
    """All nine combinations, with the key as it is or behind `Bearer`."""
    keys = {"visible": VISIBLE, "secret": SECRET, "token": await door.token("alice-1")}
    got = await ask(door, path, scheme + keys[sort], fictioneers_user_id="alice-1")
    assert got.status == status, got.body
    if status == 403:
        assert got.json() == FORBIDDEN
    else:
        assert got.json()["project"] == "demo"


NOBODY = (
    *("", " ", "Bearer", "Bearer ", "nonsense", f"Basic {SECRET}", f"Bearer Bearer {SECRET}"),
    *(SECRET[:-1] + "x", SECRET.upper(), SECRET.partition(".")[0], "\xff\xfe", "k" * 5_000),
)


@pytest.mark.covers("TL-011", "TL-042", "TL-027")
@pytest.mark.parametrize("path", [*APIS, ONE_READ, PROJECT_API])
async def test_nobody_is_401_everywhere(door: Door, path: str) -> None:
    """No key, or one that nobody holds: the documented body to the letter."""
    for authorization in NOBODY:
        got = await door.nobody("GET", path, headers={"authorization": authorization})
        assert (got.status, got.json()) == (401, UNAUTHORIZED), authorization
        assert got.headers["www-authenticate"] == "Bearer"
    assert (await door.nobody("GET", path)).json() == UNAUTHORIZED


@pytest.mark.parametrize("path", APIS)
async def test_an_admin_key_counts_as_a_secret_key(door: Door, path: str) -> None:
    """Of its own project (engine spec 5.1)."""
    got = await ask(door, path, f"Bearer {ADMIN_KEY}", fictioneers_user_id="alice-1")
    assert (got.status, got.json()["project"]) == (200, "demo")
    got = await ask(door, path, f"Bearer {OTHER_ADMIN}", fictioneers_user_id="alice-1")
    assert got.json()["project"] == "other"


@pytest.mark.parametrize("path", [*APIS, PROJECT_API])
async def test_keys_of_elsewhere_are_403(door: Door, path: str) -> None:
    """The operator's, and one of another door."""
    key = "a-key-of-another-door"
    made = CreateKey(key=Key(hash_key(key), "flags", "api_key", "env_1"))
    await door.house.directory.ask(Address("demo", "project", "demo"), made)
    for other in (key, OPERATOR_KEY):
        got = await ask(door, path, f"Bearer {other}")
        assert (got.status, got.json()) == (403, FORBIDDEN)


async def test_only_the_projects_admin_publishes(door: Door) -> None:
    """A secret key is 403 there."""
    token = await door.token()
    for key, status in ((ADMIN_KEY, 200), (SECRET, 403), (VISIBLE, 403), (token, 403)):
        assert (await ask(door, PROJECT_API, key)).status == status


async def test_a_key_belongs_to_one_project(door: Door) -> None:
    """Which one, the key tells."""
    assert (await ask(door, ADMIN_API, OTHER_SECRET)).json()["project"] == "other"


@pytest.mark.covers("TL-016")
async def test_a_visible_key_may_do_one_read_by_a_setting(door: Door) -> None:
    """Off by default; the rest of the Admin API stays closed."""
    assert (await ask(door, ONE_READ, VISIBLE)).status == 403
    await door.declare(visible_read=True)
    assert (await ask(door, ONE_READ, VISIBLE)).json()["project"] == "demo"
    assert (await ask(door, ADMIN_API, VISIBLE)).status == 403
    assert (await ask(door, AUDIENCE_API, VISIBLE)).status == 403
    token = await door.token()
    assert (await ask(door, ONE_READ, token)).status == 403
    await door.declare()
    assert (await ask(door, ONE_READ, VISIBLE)).status == 403


@given(st.text(), st.sampled_from(["", "Bearer ", "BEARER\t "]))
def test_a_key_is_found_behind_bearer_or_alone(key: str, scheme: str) -> None:
    """Whatever stands there; never an error."""
    found = key_of(scheme + key)
    assert found == found.strip()
    assert found in scheme + key


# --- the user


async def as_user(door: Door, header: bytes | None, key: str = SECRET) -> Got:
    """A request of the Audience API with those bytes as the user."""
    headers = {"authorization": key}
    if header is not None:
        headers[USER_HEADER] = header.decode("utf-8", "surrogateescape")
    return await door.nobody("GET", AUDIENCE_API, headers=headers)


@pytest.mark.covers("TL-037")
@pytest.mark.parametrize("name", ["fictioneers-user-id", "Fictioneers-User-ID"])
@pytest.mark.parametrize(
    "user", ["a", "alice-1", "Zoë", "小鸟", "a b", "user/7", "🦉" * 256, 'a"<b>&\\', "%2e%2e"]
)
async def test_a_secret_key_names_the_user_in_a_header(door: Door, name: str, user: str) -> None:
    """UTF-8, whatever the case of the header's name; up to 256 code points."""
    got = await door.secret("GET", AUDIENCE_API, headers={name: user})
    assert (got.status, got.json().get("user")) == (200, user), got.body


BAD_USERS: list[tuple[bytes | None, str, str]] = [
    (None, "field required", "value_error.missing"),
    (b"", "ensure this value has at least 1 characters", "value_error.any_str.min_length"),
    (b"x" * 257, "ensure this value has at most 256 characters", "value_error.any_str.max_length"),
    (b"a\x07b", "control characters are not allowed", "value_error"),
    (b"a\x7fb", "control characters are not allowed", "value_error"),
    ("a\x85b".encode(), "control characters are not allowed", "value_error"),
]


@pytest.mark.covers("TL-046", "TL-133")
@pytest.mark.parametrize(("header", "msg", "type_"), BAD_USERS)
@pytest.mark.parametrize("key", [SECRET, ADMIN_KEY])
async def test_nobody_can_be_called_so(
    door: Door, header: bytes | None, msg: str, type_: str, key: str
) -> None:
    """422 that names the header, without the envelope."""
    got = await as_user(door, header, key)
    detail = [{"loc": ["header", "fictioneers-user-id"], "msg": msg, "type": type_}]
    assert (got.status, got.json()) == (422, {"detail": detail})


@pytest.mark.covers("TL-037")
@pytest.mark.parametrize(
    ("sent", "user"),
    [
        *((b"zo\xe9", "zoé"), (b"Zo\xc3\xab", "Zoë"), (b"\xff\xfe", "ÿþ"), (b"\xc3(", "Ã(")),
        *((b"\xc3\xa9", "é"), (b"\xe9\xc3\xa9", "éÃ©")),
    ],
)
async def test_a_header_may_come_in_latin_1(door: Door, sent: bytes, user: str) -> None:
    """As Node and the published SDK send it; UTF-8 wherever the bytes are that."""
    guest = await for_audience(Call(door.house, ROUTES[1], _scope(sent, SECRET), b""))
    assert guest.user_id == user


def _scope(user: bytes, key: str) -> dict[str, Any]:
    headers = [(USER_HEADER.encode(), user), (b"authorization", key.encode())]
    return {"method": "GET", "path": AUDIENCE_API, "query_string": b"", "headers": headers}


async def test_latin_1_has_control_characters_too(door: Door) -> None:
    """They are refused whichever way they came."""
    call = Call(door.house, ROUTES[1], _scope(b"a\x85b", SECRET), b"")
    with pytest.raises(Invalid, match="control characters"):
        await for_audience(call)


@pytest.mark.covers("TL-012", "TL-037")
@pytest.mark.parametrize("header", [None, b"bob-2", b"", b"a\x07b", b"x" * 257])
async def test_a_token_is_its_own_user(door: Door, header: bytes | None) -> None:
    """The header is ignored, whatever it says."""
    got = await as_user(door, header, await door.token("alice-1"))
    assert (got.status, got.json()["user"]) == (200, "alice-1")


@given(st.text(max_size=300))
def test_a_user_id_is_taken_or_refused(text: str) -> None:
    """1 to 256 code points, none of them a control character; what is taken is unchanged."""
    good = 1 <= len(text) <= 256 and not any(
        ord(each) < 32 or 127 <= ord(each) < 160 for each in text
    )
    if good:
        assert checked_user(text, ("body", "user_id")) == text
    else:
        with pytest.raises(Invalid) as refused:
            checked_user(text, ("body", "user_id"))
        assert refused.value.errors[0]["loc"] == ("body", "user_id")


# --- the instant


@pytest.mark.parametrize("path", APIS)
@pytest.mark.parametrize("key", [SECRET, ADMIN_KEY])
@pytest.mark.parametrize("text", [NINE, "2023-02-03T18:00:00+09:00", "2023-02-03T09:00Z"])
async def test_a_secret_key_sets_the_test_clock(door: Door, path: str, key: str, text: str) -> None:
    """Where the project's setting is on, with every API (spec 5.12.18)."""
    await door.declare(test_clock=True)
    got = await ask(door, path, key, fictioneers_user_id="alice-1", callboard_now=text)
    assert (got.status, got.json()["at_ms"]) == (200, NINE_MS)
    got = await ask(door, path, key, fictioneers_user_id="alice-1")
    assert got.json()["at_ms"] is None


@pytest.mark.parametrize("path", APIS)
async def test_the_test_clock_is_off_by_default(door: Door, path: str) -> None:
    """403 for every key that may ask at all, with the reason."""
    got = await ask(door, path, SECRET, fictioneers_user_id="alice-1", callboard_now=NINE)
    assert got.status == 403
    assert got.json()["error"] == {
        "code": 403,
        "message": "Forbidden.",
        "detail": "The test clock is switched off.",
        "content": [{"reason": "test_clock_off"}],
    }


async def test_only_a_secret_key_sets_the_test_clock(door: Door) -> None:
    """Tokens and visible keys are 403, where they may ask at all."""
    await door.declare(test_clock=True, visible_read=True)
    token = await door.token()
    for key, path in ((token, AUDIENCE_API), (VISIBLE, AUTH_API), (VISIBLE, ONE_READ)):
        got = await ask(door, path, key, callboard_now=NINE)
        assert (got.status, got.json()["error"]["content"]) == (
            403,
            [{"reason": "test_clock_key"}],
        )


@pytest.mark.parametrize(
    "text",
    ["2023-02-03T09:00:00", "", "now", "1675414800", "2023-02-30T09:00:00Z", "9" * 400 + "Z"],
)
async def test_an_instant_needs_its_zone(door: Door, text: str) -> None:
    """A naive time, and what is none: 422 that names the header."""
    await door.declare(test_clock=True)
    got = await ask(door, ADMIN_API, SECRET, callboard_now=text)
    assert got.status == 422
    (detail,) = got.json()["detail"]
    assert (detail["loc"], detail["type"]) == (["header", CLOCK_HEADER], "value_error")
    assert len(detail["msg"]) < 200


async def test_other_projects_have_their_own_settings(door: Door) -> None:
    """A clock that is on in one is off in the other."""
    await door.declare(test_clock=True)
    assert (await ask(door, ADMIN_API, SECRET, callboard_now=NINE)).status == 200
    assert (await ask(door, ADMIN_API, OTHER_SECRET, callboard_now=NINE)).status == 403


async def test_a_removed_key_is_dead_at_once(door: Door) -> None:
    """The next request is 401, also where the key was good a moment ago."""
    assert (await ask(door, ADMIN_API, SECRET)).status == 200
    await door.declare(secret_keys=[])
    assert (await ask(door, ADMIN_API, SECRET)).status == 401
    assert (await door.admin("POST", f"{V1}/auth/token", {"user_id": "a"})).status == 200
