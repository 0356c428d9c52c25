"""What SDKs send: activations, hits, context events, diagnostics.

These calls carry no key; the environment's id names the project. Everything is committed before it
is answered. An activation sets the variation that its visitor keeps, if the file knows it; a hit
counts in total, and once for each variation that its visitor was exposed to.
Rules: spec flags 1.3, 1.6 to 1.11, 10.2, 10.7, 10.10.
"""

from __future__ import annotations

import msgspec

from actors.flags import reports
from actors.flags.activations import (
    INVALID_CID,
    Activations,
    ActivationsInvalid,
    activations_body,
)
from actors.flags.hits import Dropped, Hit, Hits, diagnostic_body, hits_body
from actors.flags.requests import RequestInvalid, visitor_event
from api.flags import entrance
from api.flags.environments import Live
from api.flags.rows import activation_row, hit_row
from api.flags.shelf import Shelf, shelf_of
from api.flags.wire import ACCEPTED, json_answer
from api.http import Answer, Call, Problem
from engine.effects import Append
from storage.flags.writes import CountRow

DROPPED = "DROPPED"
EMOTION = "EMOTIONSAI"
LABEL_CHARACTERS_MAX = 64
REASONS_LOGGED_MAX = 5


class _Labelled(msgspec.Struct):
    """What is read of an EmotionAI event."""

    cid: str
    t: str = ""


async def _environment(call: Call, shelf: Shelf, cid: str) -> Live:
    live = await entrance.without_key(call, shelf, cid)
    if live is None:
        raise Problem(400, "unknown_cid", "`cid` is not an environment")
    return live


# --- activations


async def activate(call: Call) -> Answer:
    """Visitors saw variations: all of the body, or nothing of it."""
    shelf = shelf_of(call.house)
    try:
        body = activations_body(call.body, call.house.settings.limits.body_items_max)
        live = await entrance.without_key(call, shelf, body.cid)
        if live is None:
            raise ActivationsInvalid(INVALID_CID)
    except ActivationsInvalid as invalid:
        return json_answer(invalid.body, 400)
    except RequestInvalid as invalid:
        raise Problem(400, "bad_body", str(invalid)) from None
    if body.items:
        entrance.count_rows(call, shelf, live, len(body.items))
        await _store_activations(shelf, live, body)
    return ACCEPTED


async def _store_activations(shelf: Shelf, live: Live, body: Activations) -> None:
    now_ms = shelf.clock.now_ms()
    rows = [activation_row(live, each, now_ms) for each in body.items]
    await shelf.directory.append(live.project, [Append("flag_activation", row) for row in rows])
    shelf.assignments.forget((live.env, subject) for row in rows for subject in row.subjects)


# --- hits


async def hits(call: Call) -> Answer:
    """A hit or a batch of them: 200 for whatever could be read, the rest is counted."""
    shelf = shelf_of(call.house)
    try:
        body = hits_body(call.body, call.house.settings.limits.body_items_max)
    except RequestInvalid as invalid:
        raise Problem(400, "bad_body", str(invalid)) from None
    live = await _environment(call, shelf, body.cid)
    entrance.count_rows(call, shelf, live, len(body.kept))
    now_ms = shelf.clock.now_ms()
    rows = [hit_row(shelf.assignments, live, each, now_ms) for each in body.kept]
    appends = [Append("flag_hit", row) for row in rows]
    appends += [Append("flag_count", _dropped(live, each, now_ms)) for each in body.dropped]
    if appends:
        await shelf.directory.append(live.project, appends)
    if body.dropped:
        _log_dropped(call, live, body)
    return json_answer(b'{"stored":%d,"dropped":%d}' % (len(body.kept), len(body.dropped)))


def _dropped(live: Live, dropped: Dropped, now_ms: int) -> CountRow:
    return CountRow(live.env, reports.day_of(now_ms), DROPPED, name=dropped.type)


def _log_dropped(call: Call, live: Live, body: Hits) -> None:
    reasons = [f"{each.position}: {each.reason}" for each in body.dropped[:REASONS_LOGGED_MAX]]
    call.house.log.say(
        "hits dropped", environment=live.env, dropped=len(body.dropped), reasons=reasons
    )


async def flush(call: Call) -> Answer:
    """Have the pools of an environment's visitors sent now (FS-008): 204 when all is delivered.

    For server-side keys. 502 when the collector did not take it: it waits and is sent again.
    """
    shelf = shelf_of(call.house)
    live = await entrance.for_decision(call, shelf, call.parts["env"])
    if call.principal is None or call.principal.kind not in entrance.SERVER_SIDE:
        raise Problem(403, "wrong_key", "this key is valid, but not for this")
    if not await shelf.tracking.flush(live):
        raise Problem(502, "not_sent", "the hits could not be sent now and wait in their pool")
    return ACCEPTED


# --- context events, diagnostics


async def event(call: Call) -> Answer:
    """What is known of a visitor (CONTEXT), kept as a SEGMENT hit."""
    shelf = shelf_of(call.house)
    live = await entrance.for_decision(call, shelf, call.parts["env"])
    try:
        told = visitor_event(call.body, call.house.settings.limits.context_keys_max)
    except RequestInvalid as invalid:
        raise Problem(400, "bad_body", str(invalid)) from None
    entrance.count_rows(call, shelf, live, 1)
    hit = Hit("SEGMENT", told.visitor_id, "", 0, {"s": told.data})
    row = hit_row(shelf.assignments, live, hit, shelf.clock.now_ms())
    await shelf.directory.append(live.project, [Append("flag_hit", row)])
    return ACCEPTED


async def diagnostic(call: Call) -> Answer:
    """Troubleshooting and analytics of SDKs: counted by label, not kept."""
    try:
        told = diagnostic_body(call.body)
    except RequestInvalid as invalid:
        raise Problem(400, "bad_body", str(invalid)) from None
    return await _count(call, told.cid, told.kind.upper(), told.label)


async def emotion(call: Call) -> Answer:
    """EmotionAI events: counted by type, not kept."""
    told = call.json(_Labelled)
    return await _count(call, told.cid, EMOTION, told.t)


async def _count(call: Call, cid: str, metric: str, label: str) -> Answer:
    shelf = shelf_of(call.house)
    live = await _environment(call, shelf, cid)
    day = reports.day_of(shelf.clock.now_ms())
    row = CountRow(live.env, day, metric, name=label[:LABEL_CHARACTERS_MAX])
    await shelf.directory.append(live.project, [Append("flag_count", row)])
    return ACCEPTED


async def segments(call: Call) -> Answer:
    """Third-party segments of a visitor: none are kept here."""
    shelf = shelf_of(call.house)
    live = await entrance.without_key(call, shelf, call.parts["env"])
    if live is None:
        raise Problem(404, "no_environment", "there is no such environment")
    return json_answer(b"[]")


async def score(call: Call) -> Answer:
    """The EmotionAI score of a visitor: none is kept here."""
    answer = await segments(call)
    return Answer(answer.status, b"{}", headers=answer.headers)
