"""What goes wrong, in the shapes of this door.

Known routes of all three APIs answer with the envelope, its `data` and `meta` empty. Where only the
caller's credential is at fault it is the documented one to the letter; otherwise `detail` says
more, and `content` lists what there is to say. Input that cannot be meant is 422 in the form of
FastAPI, without envelope, as are unknown paths and methods. Whatever callers sent stands in these
bodies as JSON text only. Rules: spec timelines 6, 5.12.21; ledger TL-042 to TL-046, TL-132, TL-133.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from actors.timelines.answers import Refusal
from actors.timelines.settings import Service
from api.http import Answer, Call, Problem, encode
from api.timelines.bodies import body_of
from api.timelines.cors import Headers, page_headers
from api.timelines.invalid import Detail, Invalid, detail, earlier, invalid, invalid_all

__all__ = [
    "Maintenance",
    "body_of",
    "detail",
    "earlier",
    "envelope",
    "error_of",
    "forbidden",
    "invalid",
    "invalid_all",
    "present",
    "refused_by",
    "unauthorized",
    "wrong_key",
]
"""A handler finds here all that it raises, also what stands in files of its own."""

MESSAGES = {
    401: "Unauthorized.",
    403: "Forbidden.",
    404: "Not Found.",
    409: "Service Unavailable - Potentially due to contention.",
}
"""Messages of the reference; other statuses have the phrase of HTTP."""
BARE = frozenset({"no_key", "unknown_key", "wrong_key"})
"""Codes of problems with the credential: nothing is said beyond the documented body."""
WITHOUT_ENVELOPE = frozenset({405, 413})
PLACES: Mapping[str, tuple[str, ...]] = {
    "bad_key": ("header", "idempotency-key"),
    "key_reused": ("header", "idempotency-key"),
    "bad_query": ("query",),
    "bad_body": ("body",),
    "bad_address": ("path",),
}
"""Where the input is that other parts of the house refuse, by their code."""
ASK_FOR_KEY = (("WWW-Authenticate", "Bearer"),)


class Maintenance(Problem):
    """503: the operator has switched writes off; `meta` says so (spec 6)."""

    def __init__(self) -> None:
        meta = {"service_status": Service.MAINTENANCE}
        super().__init__(503, "maintenance", "Writes are switched off.", extra={"meta": meta})


def unauthorized(code: str) -> Problem:
    """401: no key, or one that nobody holds (any more)."""
    return Problem(401, code, headers=ASK_FOR_KEY)


def wrong_key() -> Problem:
    """403: a good credential of a kind that may not do this."""
    return Problem(403, "wrong_key")


def forbidden(reason: str, words: str) -> Problem:
    """403 for a reason beyond the credential; `reason` is for programs, `words` for people."""
    return Problem(403, reason, words, extra={"content": [{"reason": reason}]})


def refused_by(refusal: Refusal) -> Problem:
    """A link that cannot be followed, and why (spec 5.5)."""
    content = list(refusal.content)
    return Problem(refusal.status, "refused", refusal.detail, extra={"content": content})


# --- shapes


def present(problem: Problem, call: Call | None = None) -> Answer:
    """Any problem in its shape; without `call` there is no such path, or no such method."""
    if call is None:
        return _plain(problem, HTTPStatus(problem.status).phrase)
    headers = page_headers(call)
    if isinstance(problem, Invalid):
        return _invalid(problem.errors, headers)
    if problem.code in PLACES or problem.status == 422:
        return _invalid((detail(PLACES.get(problem.code, ()), problem.detail),), headers)
    if problem.status in WITHOUT_ENVELOPE:
        return _plain(problem, problem.detail, headers)
    status = _status(problem, call)
    body = encode(envelope(status, problem))
    return Answer(status, body, headers=(*problem.headers, *headers))


def envelope(status: int, problem: Problem) -> dict[str, Any]:
    """The body of an error of that status."""
    meta = problem.extra.get("meta", {})
    return {"meta": meta, "error": error_of(status, problem), "data": {}}


def error_of(status: int, problem: Problem) -> dict[str, Any]:
    """Code and message of the reference, and what there is to say beyond them (TL-132)."""
    message = MESSAGES.get(status) or f"{HTTPStatus(status).phrase}."
    error: dict[str, Any] = {"code": status, "message": message}
    if problem.code not in BARE:
        error |= {"detail": problem.detail, "content": problem.extra.get("content", [])}
    return error


def _status(problem: Problem, call: Call) -> int:
    """Too much at once is contention where a route documents that (spec 5.11)."""
    is_contention = problem.code == "overloaded" and 409 in call.route.answers
    return 409 if is_contention else problem.status


def _invalid(errors: Sequence[Detail], headers: Headers) -> Answer:
    return Answer(422, encode({"detail": errors}), headers=headers)


def _plain(problem: Problem, words: str, headers: Headers = ()) -> Answer:
    body = encode({"detail": words})
    return Answer(problem.status, body, headers=(*problem.headers, *headers))
