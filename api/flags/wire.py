"""How this door answers: its headers, its error shapes, and what a browser asks beforehand.

Answers are exactly `application/json`, errors of the SDKs' routes are `{"message": ...}`, those of
our own management routes RFC 9457. Rules: spec flags 0.2, 1.12; engine spec 7.3.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from api.http import NO_CONTENT, Answer, Call, Problem, Route, encode, present_problem


def _version() -> str:
    try:
        return version("callboard")
    except PackageNotFoundError:
        return "0"


VERSION = _version()
SHARED = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", "ETag, Last-Modified, Retry-After"),
    ("X-Flagship-Version", VERSION),
)
"""Headers of every answer to SDKs and OpenFeature's clients."""
ALLOWED = (
    *SHARED,
    ("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS"),
    (
        "Access-Control-Allow-Headers",
        "Content-Type, Authorization, X-Api-Key, X-Sdk-Client, X-Sdk-Version, X-Pop, "
        "If-None-Match, If-Modified-Since, Last-Event-ID",
    ),
    ("Access-Control-Max-Age", "86400"),
)
ACCEPTED = Answer(204, headers=SHARED)
UNCHANGED_STATUS = 304


def json_answer(body: bytes, status: int = 200) -> Answer:
    """A finished JSON body with the door's headers."""
    return Answer(status, body, headers=SHARED)


def message(text: str, status: int) -> Answer:
    """An error of the SDKs' routes."""
    return Answer(status, encode({"message": text}), headers=SHARED)


def present(problem: Problem, call: Call | None = None) -> Answer:
    """Any problem in the shape of the SDKs' routes; of the management routes as RFC 9457."""
    if call is not None and "/v1/" in call.path and "/ofrep/" not in call.path:
        return present_problem(problem, call)
    body = encode({"message": problem.detail})
    return Answer(problem.status, body, headers=(*SHARED, *problem.headers))


async def preflight(_call: Call) -> Answer:
    """A browser asks what it may send: anybody may ask, without a key."""
    return Answer(204, headers=ALLOWED)


async def only_post(call: Call) -> Answer:
    """What decision routes say to other methods (spec flags 1.12, 10.7)."""
    if call.method == "OPTIONS":
        return await preflight(call)
    return message("only POST http method is allowed", 400)


def preflights(paths: tuple[str, ...], *, hot: bool = True) -> tuple[Route, ...]:
    """An OPTIONS route for each path."""
    return tuple(
        Route("OPTIONS", path, preflight, access="open", hot=hot, present=present, hidden=True)
        for path in paths
    )


__all__ = [
    "ACCEPTED",
    "ALLOWED",
    "NO_CONTENT",
    "SHARED",
    "VERSION",
    "json_answer",
    "message",
    "only_post",
    "preflight",
    "preflights",
    "present",
]
