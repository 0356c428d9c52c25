"""Looking after an environment: its file, its history, its reports, its figures.

Admin keys, except for the figures, which any key of the environment may see. Rules: spec flags
1.12, 10.3, 10.10; engine spec 5.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec

from actors.flags import reports
from actors.flags.environment import ENVIRONMENT, KIND
from actors.flags.environment_words import BucketingChanged, PanicSet
from actors.flags.names import HitType
from api.flags import changes, entrance
from api.flags.bucketing import is_unchanged
from api.flags.shelf import Shelf, shelf_of
from api.flags.wire import json_answer
from api.http import Answer, Call, Problem, answer, encode
from api.times import http_date, rfc3339
from engine.messages import Address, Stored
from storage.flags import queries
from storage.flags.queries import Counted

HISTORY_MAX = 100
REPORT_ROWS_MAX = 50_000
REPORT_DAYS = 30
NOT_HITS = frozenset((reports.EXPOSURE, HitType.ITEM))
"""What no report lists among hits: exposures have their own list; items are kept, not reported
(FS-169)."""
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Exposure(msgspec.Struct, frozen=True, rename="camel"):
    """How often a variation was seen on a day."""

    day: str
    campaign: str
    variation_group: str
    variation: str
    count: int


class HitCount(msgspec.Struct, frozen=True, rename="camel"):
    """Hits of a day, and the sum of their values (revenue of transactions, values of events).

    With campaign and variation: those of visitors who had been exposed to it.
    """

    day: str
    type: str
    name: str
    count: int
    value: float
    campaign: str | None = None
    variation_group: str | None = None
    variation: str | None = None


class Report(msgspec.Struct, frozen=True, rename="camel"):
    """Raw counts of an environment's days; `truncated`: there is more than one answer holds."""

    environment: str
    first: str = msgspec.field(name="from")
    last: str = msgspec.field(name="to")
    exposures: list[Exposure]
    hits: list[HitCount]
    truncated: bool


async def bucketing(call: Call) -> Answer:
    """The file in force, as it was put; with `version` the one that was in force then."""
    shelf = shelf_of(call.house)
    live = await entrance.for_admin(call, shelf, call.parts["env"])
    version = call.query_int("version", 0, 2**53)
    if version:
        fact = (await changes.file_at(shelf, Address(live.project, KIND, live.env), version)).change
        body = await shelf.directory.documents.get(live.project, fact.hash)
        modified = http_date(fact.last_modified_ms)
        return Answer(200, body, headers=(("ETag", fact.etag), ("Last-Modified", modified)))
    if not live.hash:
        raise Problem(404, "no_file", "no bucketing file was put yet")
    headers = (("ETag", live.etag), ("Last-Modified", live.last_modified))
    if is_unchanged(call, live):
        return Answer(304, headers=headers)
    return Answer(200, live.prepared.document, headers=headers)


async def history(call: Call) -> Answer:
    """Every change of file and switch, newest first: who, when, before, after."""
    shelf = shelf_of(call.house)
    live = await entrance.for_admin(call, shelf, call.parts["env"])
    limit = call.query_int("limit", HISTORY_MAX, HISTORY_MAX) or 1
    before = call.query_int("before", live.version + 1, live.version + 1)
    after = max(0, before - 1 - limit)
    address = Address(live.project, KIND, live.env)
    stored = await shelf.directory.store.facts(address, after, before - 1 - after)
    return answer({"history": _changes(reversed(stored)), "next": after + 1 if after else None})


def _changes(stored: Iterable[Stored]) -> list[dict[str, Any]]:
    shown = []
    for each in stored:
        fact = ENVIRONMENT.fact(each)
        if not isinstance(fact.events[0], BucketingChanged | PanicSet):
            continue
        head = {"version": fact.version, "time": rfc3339(fact.at_ms), "event": fact.name}
        shown.append(head | ENVIRONMENT.present_events(fact.events))
    return shown


async def report(call: Call) -> Answer:
    """Exposures and hits by campaign, variation and day, without items; `from`, `to`: UTC days."""
    shelf = shelf_of(call.house)
    live = await entrance.for_admin(call, shelf, call.parts["env"])
    now_ms = shelf.clock.now_ms()
    last = _day(call, "to", reports.day_of(now_ms))
    first = _day(call, "from", reports.day_of(now_ms - (REPORT_DAYS - 1) * reports.DAY_MS))
    rows = await _counted(shelf, live.env, first, last)
    exposures = [row for row in rows if row.metric == reports.EXPOSURE]
    return answer(
        Report(
            live.env,
            first,
            last,
            [Exposure(each.day, *each[2:5], each.number) for each in exposures],
            [_hits(each) for each in rows if each.metric not in NOT_HITS],
            len(rows) >= REPORT_ROWS_MAX,
        )
    )


def _hits(row: Counted) -> HitCount:
    where = (row.campaign, row.grp, row.variation) if row.campaign else (None, None, None)
    return HitCount(row.day, row.metric, row.name, row.number, row.value, *where)


def _day(call: Call, name: str, default: str) -> str:
    text = call.query_one(name) or default
    try:
        if DAY.fullmatch(text) is None:
            raise ValueError(text)
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Problem(400, "bad_query", f"`{name}` is a day like 2026-01-31") from None


async def _counted(shelf: Shelf, env: str, first: str, last: str) -> list[Counted]:
    await shelf.tally.settled_everywhere()
    rows = await shelf.lists.read(
        lambda connection: queries.report(connection, env, first, last, REPORT_ROWS_MAX)
    )
    return list(rows)


async def metrics(call: Call) -> Answer:
    """The environment's figures of today."""
    shelf = shelf_of(call.house)
    live = await entrance.for_decision(call, shelf, None)
    today = reports.day_of(shelf.clock.now_ms())
    sums: dict[str, int] = {}
    for row in await _counted(shelf, live.env, today, today):
        if not row.campaign or row.metric == reports.EXPOSURE:
            sums[row.metric] = sums.get(row.metric, 0) + row.number
    figures = {
        "environment": live.env,
        "version": live.version,
        "panic": live.compiled.panic,
        "campaigns": len(live.compiled.campaigns),
        "today": sums,
    }
    return json_answer(encode(figures))


async def documentation(_call: Call) -> Answer:
    """Where the decision API's own documentation was, ours is found."""
    return Answer(302, headers=(("Location", "../../openapi.json"),))
