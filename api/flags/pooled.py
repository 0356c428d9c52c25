"""What waits in an environment's pools, read from its outbox rows; and bodies made of it.

A pool holds hits or activations; each row says when it was created, so that what waited too long is
not sent, and how long it waited is told. Plain functions. Rules: spec flags 1.3, 1.6, 5, 10.9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from actors.flags import sdk_hits
from actors.flags.activations import Activation
from actors.flags.caches import HIT_AGE_MS_MAX
from actors.flags.hits import Hit
from actors.flags.visitor_exposures import PooledActivation
from actors.flags.visitor_tracking import HITS, PooledHit
from engine.ports import Delivery

ACTIVATE = "ACTIVATE"
"""The type under which an activation stands in the hit cache (FS-190)."""


class Pooled(NamedTuple):
    """A row of a pool. `key` names it in the hit cache; `content` by wire names; `time_ms` of it.

    An activation's `content` has `caid` (the variation group) and `vaid`.
    """

    delivery: Delivery
    key: str
    visitor_id: str
    anonymous_id: str | None
    type: str
    content: dict[str, object]
    time_ms: int

    @property
    def handle(self) -> str:
        """The visitor through which it came: its row is about `ENV:HANDLE`."""
        return self.delivery.effect.about.partition(":")[2]

    def age_ms(self, now_ms: int) -> int:
        """How long ago it was created."""
        return max(0, now_ms - self.time_ms)


class Body(NamedTuple):
    """One body of a POST to a collector, and what is in it."""

    body: bytes
    items: Sequence[Pooled]


_HIT = msgspec.json.Decoder(PooledHit)
_ACTIVATION = msgspec.json.Decoder(PooledActivation)


def read_pooled(delivery: Delivery) -> Pooled:
    """A row of either pool, as `actors/flags/visitor_tracking.py` wrote it."""
    if delivery.effect.sender == HITS:
        hit = _HIT.decode(delivery.effect.body)
        return Pooled(
            delivery, hit.key, hit.visitor_id, hit.anonymous_id, hit.type, hit.content, hit.time
        )
    seen = _ACTIVATION.decode(delivery.effect.body)
    content: dict[str, object] = {"caid": seen.caid, "vaid": seen.vaid}
    key = f"{seen.vid}:activate-{delivery.id}"
    return Pooled(delivery, key, seen.vid, seen.aid, ACTIVATE, content, seen.time)


def is_old(pooled: Pooled, now_ms: int) -> bool:
    """It is not sent any more: after four hours it would count on the wrong day (FS-191)."""
    return pooled.age_ms(now_ms) >= HIT_AGE_MS_MAX


# --- for our own store


def hit_of(pooled: Pooled, now_ms: int) -> Hit:
    """As the collector of hits would read it from the wire."""
    return Hit(
        pooled.type,
        pooled.visitor_id,
        pooled.anonymous_id or "",
        pooled.age_ms(now_ms),
        pooled.content,
    )


def activation_of(pooled: Pooled, now_ms: int) -> Activation:
    """As the collector of activations would read it from the wire."""
    return Activation(
        pooled.visitor_id,
        pooled.anonymous_id or "",
        str(pooled.content["caid"]),
        str(pooled.content["vaid"]),
        pooled.age_ms(now_ms),
        qa=False,
    )


# --- for a collector elsewhere


def hit_bodies(env: str, items: Sequence[Pooled], now_ms: int) -> Iterator[Body]:
    """BATCH bodies in order, none longer than a collector takes (spec flags 1.6, 5)."""
    start = 0
    for batch in sdk_hits.batches(env, (_wire(each, now_ms) for each in items)):
        yield Body(batch.body, items[start : start + batch.hits])
        start += batch.hits


def single_bodies(env: str, items: Iterable[Pooled], now_ms: int) -> Iterator[Body]:
    """Each hit alone, as without batching (spec flags 1.6)."""
    for each in items:
        hit = {"ds": "APP", "cid": env, **_wire(each, now_ms)}
        yield Body(msgspec.json.encode(hit), (each,))


def activation_bodies(env: str, items: Sequence[Pooled], now_ms: int) -> Iterator[Body]:
    """The body of an activation of many (spec flags 1.3)."""
    lines = [
        {
            "vid": each.visitor_id,
            **each.content,
            "aid": each.anonymous_id,
            "qt": each.age_ms(now_ms),
        }
        for each in items
    ]
    yield Body(msgspec.json.encode({"cid": env, "batch": lines}), items)


def _wire(pooled: Pooled, now_ms: int) -> dict[str, object]:
    return sdk_hits.wire(
        pooled.type,
        pooled.content,
        pooled.visitor_id,
        pooled.anonymous_id,
        pooled.age_ms(now_ms),
    )
