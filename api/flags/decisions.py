"""The decision routes: campaigns, one campaign, flags.

Everything that can be done once is done before: the query string's meaning is remembered, the file
is compiled, answers are joined from written pieces. Rules: spec flags 1.2, 1.12, 10.6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from urllib.parse import parse_qs

from actors.flags import answers
from actors.flags.requests import DecisionBody, RequestInvalid, decision_body
from api.flags import entrance
from api.flags.deciding import decide
from api.flags.entrance import count_rows
from api.flags.shelf import shelf_of
from api.flags.wire import SHARED, json_answer
from api.http import Answer, Call, Problem

OPTIONS_MAX = 1_000
"""Query strings whose meaning is remembered; SDKs send a handful."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the query says. `expose_all_keys` None: the route's own default."""

    mode: str
    expose_all_keys: bool | None
    extras: bool


@lru_cache(maxsize=OPTIONS_MAX)
def options_of(query: bytes) -> Options:
    """The meaning of a query string (spec flags 0.6, 1.2, 1.12)."""
    try:
        values = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise Problem(400, "bad_query", "the query has too many fields") from None
    expose = values.get("exposeAllKeys")
    extras = values.get("extras[]", []) + values.get("extras", [])
    return Options(
        mode=values.get("mode", ["normal"])[-1] or "normal",
        expose_all_keys=None if expose is None else expose[-1].lower() in {"true", "1"},
        extras=any("accountSettings" in each.split(",") for each in extras),
    )


def _read_body(call: Call) -> DecisionBody:
    try:
        return decision_body(call.body, call.house.settings.limits.context_keys_max)
    except RequestInvalid as invalid:
        raise Problem(400, "bad_body", str(invalid)) from None


async def campaigns(call: Call) -> Answer:
    """Every campaign a visitor is in, in one of three modes."""
    shelf = shelf_of(call.house)
    live = await entrance.for_decision(call, shelf, call.parts.get("env"))
    request = _read_body(call).request()
    options = options_of(call.query_string)
    decision = await decide(shelf, live, request, partial(count_rows, call, shelf, live))
    return json_answer(
        answers.campaigns(
            live.compiled,
            decision,
            options.mode,
            expose_all_keys=bool(options.expose_all_keys),
            extras=options.extras,
        )
    )


async def campaign(call: Call) -> Answer:
    """One campaign by id or slug, at top level, or its bare value (`format_response`)."""
    shelf = shelf_of(call.house)
    live = await entrance.for_decision(call, shelf, call.parts.get("env"))
    body = _read_body(call)
    options = options_of(call.query_string)
    request = body.request(call.parts["campaign"])
    decision = await decide(shelf, live, request, partial(count_rows, call, shelf, live))
    answer = answers.single_campaign(
        decision,
        expose_all_keys=bool(options.expose_all_keys),
        format_response=body.format_response,
    )
    return Answer(answer.status, answer.body, answer.content_type, SHARED)


async def flags(call: Call) -> Answer:
    """Every flag a visitor has, by key, with its metadata."""
    shelf = shelf_of(call.house)
    live = await entrance.for_decision(call, shelf, call.parts.get("env"))
    request = _read_body(call).request()
    options = options_of(call.query_string)
    decision = await decide(shelf, live, request, partial(count_rows, call, shelf, live))
    expose = True if options.expose_all_keys is None else options.expose_all_keys
    return json_answer(answers.flags(decision, expose_all_keys=expose))
