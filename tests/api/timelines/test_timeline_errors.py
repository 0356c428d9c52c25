"""What goes wrong, in the door's shapes; bodies that cannot be meant."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_door import V1, Door, open_door

from actors.timelines.answers import Refusal
from api.http import Answer, Call, Problem, Route, problem_of
from api.timelines.cors import ADMIN
from api.timelines.errors import (
    Maintenance,
    detail,
    earlier,
    forbidden,
    invalid,
    invalid_all,
    present,
    refused_by,
    unauthorized,
    wrong_key,
)
from engine.errors import (
    ActorFailed,
    Busy,
    KeyReused,
    Overloaded,
    Refused,
    Unavailable,
)
from engine.messages import BadAddress

CONTENTION = "Service Unavailable - Potentially due to contention."
HOSTILE = 'a"}]\\<script>alert(1)</script>\u2028\u0000'


async def nothing(_call: Call) -> Answer:
    """A handler that is never asked."""
    raise AssertionError


def call_of(answers: Any = (200,), body: bytes = b"", tag: str = ADMIN) -> Call:
    """A call of a route that documents those statuses."""
    scope = {"method": "POST", "path": "/x", "query_string": b"", "headers": []}
    route = Route("POST", "/x", nothing, answers=dict.fromkeys(answers), tag=tag)
    house: Any = SimpleNamespace()
    return Call(house, route, scope, body)


def shown(error: Exception, **how: Any) -> tuple[int, Any]:
    """Status and body of an error."""
    made = present(problem_of(error), call_of(**how))
    assert made.content_type == "application/json"
    return made.status, msgspec.json.decode(made.body)


def envelope(code: int, message: str, words: str | None = None, *content: Any) -> Any:
    """The documented envelope, with what there is to say beyond it."""
    error: dict[str, Any] = {"code": code, "message": message}
    if words is not None:
        error |= {"detail": words, "content": list(content)}
    return {"meta": {}, "error": error, "data": {}}


# --- the envelope


@pytest.mark.covers("TL-042", "TL-043")
@pytest.mark.parametrize(
    ("error", "body"),
    [
        (unauthorized("no_key"), envelope(401, "Unauthorized.")),
        (unauthorized("unknown_key"), envelope(401, "Unauthorized.")),
        (wrong_key(), envelope(403, "Forbidden.")),
    ],
)
def test_a_wrong_credential_is_answered_to_the_letter(error: Problem, body: Any) -> None:
    """Nothing beyond the documented body."""
    assert shown(error) == (error.status, body)


ENVELOPES: list[tuple[Exception, int, Any]] = [
    (
        Problem(404, "no_user", "User not found."),
        404,
        envelope(404, "Not Found.", "User not found."),
    ),
    (
        forbidden("variable_overflow", "Too large."),
        403,
        envelope(403, "Forbidden.", "Too large.", {"reason": "variable_overflow"}),
    ),
    (
        refused_by(Refusal(403, "Link is not followable.", [{"reason": "not_active"}])),
        403,
        envelope(403, "Forbidden.", "Link is not followable.", {"reason": "not_active"}),
    ),
    (
        refused_by(Refusal(404, "Link not found on this event.")),
        404,
        envelope(404, "Not Found.", "Link not found on this event."),
    ),
    (Busy("others came first"), 409, envelope(409, CONTENTION, "others came first")),
    (Refused("not now"), 409, envelope(409, CONTENTION, "not now")),
    (
        Overloaded("mailbox_commands_max"),
        503,
        envelope(503, "Service Unavailable.", "the limit mailbox_commands_max is reached"),
    ),
    (Unavailable("closing"), 503, envelope(503, "Service Unavailable.", "closing")),
    (
        ActorFailed("the handler broke"),
        500,
        envelope(500, "Internal Server Error.", "the handler broke"),
    ),
    (
        ZeroDivisionError("secrets"),
        500,
        envelope(500, "Internal Server Error.", "something broke here; it has been noted"),
    ),
    (
        Problem(429, "too_many_requests", "slower"),
        429,
        envelope(429, "Too Many Requests.", "slower"),
    ),
    (Problem(408, "timeout"), 408, envelope(408, "Request Timeout.", "Request Timeout")),
]


@pytest.mark.covers("TL-044", "TL-045", "TL-132")
@pytest.mark.parametrize(("error", "status", "body"), ENVELOPES)
def test_errors_come_in_the_envelope(error: Exception, status: int, body: Any) -> None:
    """Code and message of the reference, and beside them what there is to say."""
    assert shown(error) == (status, body)


@pytest.mark.covers("TL-045")
def test_too_much_at_once_is_contention_where_that_is_documented() -> None:
    """409 on routes that have it, with the hint when to come back; else 503 (spec 5.11)."""
    made = present(problem_of(Overloaded("ask_seconds_max")), call_of((200, 409)))
    assert (made.status, dict(made.headers)) == (409, {"Retry-After": "1"})
    assert msgspec.json.decode(made.body)["error"]["message"] == CONTENTION
    assert present(problem_of(Overloaded("ask_seconds_max")), call_of()).status == 503


def test_maintenance_says_so_in_meta() -> None:
    """503 with the envelope (spec 6)."""
    status, body = shown(Maintenance())
    assert (status, body["meta"], body["data"]) == (503, {"service_status": "MAINTENANCE"}, {})
    assert body["error"]["code"] == 503


# --- without the envelope


@pytest.mark.covers("TL-046", "TL-133")
@pytest.mark.parametrize(
    ("error", "details"),
    [
        (
            invalid(["body", "x"], "no"),
            [{"loc": ["body", "x"], "msg": "no", "type": "value_error"}],
        ),
        (
            invalid_all([detail(["a"], "1", "t"), {**detail(["b", 3], "2"), "pointer": "/b/3"}]),
            [
                {"loc": ["a"], "msg": "1", "type": "t"},
                {"loc": ["b", 3], "msg": "2", "type": "value_error", "pointer": "/b/3"},
            ],
        ),
        (
            earlier(),
            [
                {
                    "loc": ["header", "callboard-now"],
                    "msg": "earlier than the last instant of this user",
                    "type": "value_error",
                }
            ],
        ),
        (
            KeyReused("other words"),
            [
                {
                    "loc": ["header", "idempotency-key"],
                    "msg": "other words",
                    "type": "value_error",
                }
            ],
        ),
        (
            Problem(400, "bad_key", "too long"),
            [{"loc": ["header", "idempotency-key"], "msg": "too long", "type": "value_error"}],
        ),
        (
            Problem(400, "bad_query", "limit is a whole number"),
            [{"loc": ["query"], "msg": "limit is a whole number", "type": "value_error"}],
        ),
        (BadAddress("no"), [{"loc": ["path"], "msg": "no", "type": "value_error"}]),
        (Problem(422, "other", "no"), [{"loc": [], "msg": "no", "type": "value_error"}]),
    ],
)
def test_input_that_cannot_be_meant(error: Exception, details: Any) -> None:
    """422 in the form of FastAPI, without envelope, whichever part of the house refused it."""
    assert shown(error) == (422, {"detail": details})


@pytest.mark.parametrize("path", ["/timelines/v1/nothing", "/timelines/nothing", "/timelines/v2/x"])
async def test_an_unknown_path_is_as_the_framework_says_it(tmp_path: Path, path: str) -> None:
    """404 and 405 without envelope, with and without a key (spec 6)."""
    async with open_door(tmp_path, publish=()) as door:
        for caller in (door.secret, door.nobody):
            got = await caller("GET", path)
            assert (got.status, got.json()) == (404, {"detail": "Not Found"})
            got = await caller("PUT", f"{V1}/auth/token")
            assert (got.status, got.json()) == (405, {"detail": "Method Not Allowed"})
            assert "POST" in got.headers["allow"]


async def test_a_body_that_is_too_large_is_413(tmp_path: Path) -> None:
    """Before anything looks at it."""
    async with open_door(tmp_path, publish=()) as door:
        got = await door.secret("POST", f"{V1}/auth/token", b" " * 1_000_001)
        assert got.status == 413
        assert got.json() == {"detail": "a body here has at most 1000000 bytes"}


@given(st.text() | st.just(HOSTILE))
def test_hostile_text_stays_text(text: str) -> None:
    """Whatever stands in an error, it is one JSON string of the answer."""
    for error, where in (
        (Problem(404, "no_event", text or "x"), lambda body: body["error"]["detail"]),
        (forbidden(text, "words"), lambda body: body["error"]["content"][0]["reason"]),
        (invalid(["body", text], "no"), lambda body: body["detail"][0]["loc"][1]),
        (invalid(["body"], text), lambda body: body["detail"][0]["msg"]),
    ):
        _, body = shown(error)
        assert where(body) in (text, "x")


async def test_routes_answer_so(tmp_path: Path) -> None:
    """Through the house, with the status."""
    async with open_door(tmp_path, publish=()) as door:
        await _check_routes(door)


async def _check_routes(door: Door) -> None:
    got = await door.secret("POST", f"{V1}/auth/token", b"{")
    assert (got.status, got.json()["detail"][0]["type"]) == (422, "value_error.jsondecode")
    got = await door.secret("POST", f"{V1}/auth/token", {"user_id": HOSTILE})
    assert (got.status, got.json()["detail"][0]["loc"]) == (422, ["body", "user_id"])
