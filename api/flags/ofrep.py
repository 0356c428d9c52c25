"""OpenFeature's remote evaluation: one flag, all flags, and the stream that says "fetch again".

Errors have OpenFeature's shape. The ETag covers file, visitor, context and the variations that
came out, so an activation that changes a kept variation is seen too. Rules: spec flags 8.1 (OFREP
0.3.0).
"""

from __future__ import annotations

from functools import partial

from actors.flags import openfeature
from actors.flags.compiled import Request
from actors.flags.decision import Decision
from actors.flags.requests import EvaluationInvalid, evaluation_body
from api.flags import entrance
from api.flags.bucketing import etags
from api.flags.deciding import decide
from api.flags.environments import Live
from api.flags.shelf import Shelf, shelf_of
from api.flags.streams import INACTIVITY_SECONDS
from api.flags.wire import SHARED, json_answer
from api.http import Answer, Call, Problem, encode

EVENT_STREAM = "text/event-stream; charset=utf-8"
CODES = {400: "PARSE_ERROR", 404: "FLAG_NOT_FOUND"}


def present(problem: Problem, call: Call | None = None) -> Answer:
    """Any problem in OpenFeature's shape (spec flags 8.1)."""
    key = call.parts.get("key") if call is not None else None
    if problem.status >= 500:
        body = encode({"errorDetails": problem.detail})
    else:
        body = openfeature.failure(CODES.get(problem.status, "GENERAL"), problem.detail, key)
    return Answer(problem.status, body, headers=(*SHARED, *problem.headers))


async def _decide(call: Call) -> tuple[Shelf, Live, Request, Decision]:
    shelf = shelf_of(call.house)
    live = await entrance.for_decision(call, shelf, None)
    request = evaluation_body(call.body, call.house.settings.limits.context_keys_max)
    count = partial(entrance.count_rows, call, shelf, live)
    return shelf, live, request, await decide(shelf, live, request, count)


async def one(call: Call) -> Answer:
    """Evaluate one flag."""
    key = call.parts["key"]
    try:
        _, _, _, decision = await _decide(call)
    except EvaluationInvalid as invalid:
        return json_answer(openfeature.failure(invalid.code, str(invalid), key), 400)
    status, body = openfeature.evaluation(decision, key)
    return json_answer(body, status)


async def bulk(call: Call) -> Answer:
    """Evaluate every flag; 304 where nothing of it changed."""
    try:
        shelf, live, request, decision = await _decide(call)
    except EvaluationInvalid as invalid:
        return json_answer(openfeature.failure(invalid.code, str(invalid)), 400)
    chosen = "/".join([choice.variation.id for choice in decision.choices])
    version = f"{live.env}/{live.etag}/{chosen}"
    etag = openfeature.evaluations_etag(version, request.visitor_id, request.context)
    headers = (*SHARED, ("ETag", etag))
    if etag in etags(call.headers.get("if-none-match", "")):
        return Answer(304, headers=headers)
    streams = (_stream(call, shelf, live),)
    body = openfeature.evaluations(live.compiled, decision, streams)
    return Answer(200, body, headers=headers)


def _stream(call: Call, shelf: Shelf, live: Live) -> bytes:
    """Where the caller may listen, as an object of `eventStreams`."""
    host = call.headers.get("host", "localhost")
    address = shelf.streams.address_for(live.env)
    return encode(
        {
            "type": "sse",
            "url": f"{call.scheme}://{host}/ofrep/v1/events/{address}",
            "inactivityDelaySec": INACTIVITY_SECONDS,
        }
    )


async def listen(call: Call) -> Answer:
    """The stream behind a random address: says only that flags should be fetched again."""
    shelf = shelf_of(call.house)
    address = call.parts["address"]
    env = shelf.streams.env_of(address)
    live = None if env is None else await shelf.environments.find(env)
    if live is None:
        raise Problem(404, "no_stream", "there is no such stream (any more)")
    if shelf.streams.is_full:
        raise Problem(503, "overloaded", "too many streams", headers=(("Retry-After", "10"),))
    last = call.headers.get("last-event-id", "")
    seen = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else None
    stream = shelf.streams.listen(call.house.hub, live, address, seen)
    headers = (*SHARED, ("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no"))
    return Answer(200, b"", EVENT_STREAM, headers, stream)
