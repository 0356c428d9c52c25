"""Rows of hits and activations, made the same way whoever brought them.

An SDK's request, a visitor's pool: each becomes a row with the counters that it adds to. A hit
counts in total, and once for each variation that its visitor was exposed to; an activation sets the
variation that its visitor keeps, if the file knows it. Rules: spec flags 1.12, 10.2, 10.10.
"""

from __future__ import annotations

import msgspec

from actors.flags import reports
from actors.flags.activations import Activation
from actors.flags.hits import QUEUE_MS_MAX, Hit
from api.flags.assignments import Assignments
from api.flags.environments import Live
from storage.flags.writes import ActivationRow, CountRow, HitRow


def activation_row(live: Live, item: Activation, now_ms: int, handle: str = "") -> ActivationRow:
    """The row of an activation that arrived at `now_ms`, through a visitor if there is a handle."""
    prepared = live.prepared
    subjects: tuple[str, ...] = ()
    if item.variation_id in prepared.variations.get(item.group_id, ()):
        carries = prepared.file.xpc and item.anonymous_id
        subjects = (item.visitor_id, item.anonymous_id) if carries else (item.visitor_id,)
    return ActivationRow(
        live.env,
        item.visitor_id,
        item.anonymous_id,
        prepared.campaigns.get(item.group_id, ""),
        item.group_id[: reports.NAME_CHARACTERS_MAX],
        item.variation_id[: reports.NAME_CHARACTERS_MAX],
        item.qa,
        now_ms - min(item.queued_ms, QUEUE_MS_MAX),
        reports.day_of(now_ms, item.queued_ms),
        subjects,
        handle,
    )


def hit_row(
    assignments: Assignments, live: Live, hit: Hit, now_ms: int, handle: str = ""
) -> HitRow:
    """The row of a hit that arrived at `now_ms`; reads what its visitor keeps.

    `handle`: the visitor through which it came, if it did.
    """
    day = reports.day_of(now_ms, hit.queued_ms)
    key, value = reports.hit(hit, day, live.prepared.campaigns)
    total = CountRow(live.env, *key, 1, value)
    counted: tuple[CountRow, ...] = (total,)
    if hit.type != "CAMPAIGN":
        counted += _by_variation(assignments, live, hit.visitor_id, total)
    return HitRow(
        live.env,
        hit.visitor_id,
        hit.anonymous_id,
        hit.type,
        msgspec.json.encode(hit.fields).decode(),
        now_ms - hit.queued_ms,
        counted,
        handle,
    )


def _by_variation(
    assignments: Assignments, live: Live, visitor: str, total: CountRow
) -> tuple[CountRow, ...]:
    """The same count for each variation that the visitor has seen."""
    campaigns = live.prepared.campaigns
    return tuple(
        total._replace(campaign=campaigns[group], grp=group, variation=kept.variation_id)
        for group, kept in assignments.kept(live, visitor).items()
        if kept.activated and group in campaigns
    )
