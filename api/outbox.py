"""The outbox over HTTP: what waits to leave the house, what is parked, trying again, parking.

Whoever has an admin key of the project sees its deliveries without their bodies. One that is parked
holds up nobody; trying it again makes it the head of its order, once: if that fails it is parked
again. Rules: engine spec 9; DESIGN 2 (Effects and other duties).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

from api.http import NO_CONTENT, Answer, Call, Problem, Route, answer
from api.times import rfc3339
from engine.ports import Delivery

if TYPE_CHECKING:
    from engine.outbox import Outbox

PAGE_MAX = 500
"""Deliveries in one page."""
TRUE = frozenset({"1", "true"})


class DeliveryShown(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery: its cause, where it goes, and how that went; `due_at` is its next attempt."""

    id: int
    sender: str
    subscription: str
    subject: str
    cause: str
    version: int
    bytes: int
    due_at: str
    attempts: int
    parked: bool
    error: str


class DeliveryPage(msgspec.Struct, frozen=True):
    """A page of deliveries in order of id; `next` is the next one's cursor, null at the end."""

    deliveries: list[DeliveryShown]
    next: str | None


class Retried(msgspec.Struct, frozen=True):
    """How many parked deliveries are tried again."""

    retried: int


async def list_deliveries(call: Call) -> Answer:
    """A page of the project's deliveries, with `parked=true` of those that were given up."""
    limit = max(1, call.query_int("limit", 100, PAGE_MAX))
    after = call.query_int("after", 0, 2**63 - 1)
    parked_only = call.query_one("parked").lower() in TRUE
    page = await call.house.store.deliveries(
        call.who.project, parked_only=parked_only, after=after, limit=limit
    )
    following = str(page[-1].id) if len(page) == limit else None
    return answer(DeliveryPage([_shown(each) for each in page], following))


async def retry(call: Call) -> Answer:
    """Try a delivery now, parked or waiting. 404 if it is gone, 409 while it is being sent."""
    await _outbox(call).move(await _delivery(call), parks=False)
    return NO_CONTENT


async def park(call: Call) -> Answer:
    """Give a delivery up until somebody retries it; those behind it go on."""
    by = call.who.who
    await _outbox(call).move(await _delivery(call), parks=True, why=f"parked by {by}")
    return NO_CONTENT


async def retry_all(call: Call) -> Answer:
    """Try every delivery again that is parked now."""
    outbox, store, project = _outbox(call), call.house.store, call.who.project
    retried = after = 0
    while page := await store.deliveries(project, parked_only=True, after=after, limit=PAGE_MAX):
        for delivery in page:
            await outbox.move(delivery, parks=False)
        retried, after = retried + len(page), page[-1].id
    return answer(Retried(retried))


def _outbox(call: Call) -> Outbox:
    return cast("Outbox", call.house.shelves["outbox"])


async def _delivery(call: Call) -> Delivery:
    """The delivery of the path; raises 404."""
    found = await _find(call)
    if found is None:
        raise Problem(404, "no_delivery", "there is no such delivery, or it has arrived")
    return found


async def _find(call: Call) -> Delivery | None:
    text = call.parts["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        return None
    page = await call.house.store.deliveries(
        call.who.project, parked_only=False, after=int(text) - 1, limit=1
    )
    return page[0] if page and page[0].id == int(text) else None


def _shown(delivery: Delivery) -> DeliveryShown:
    effect = delivery.effect
    return DeliveryShown(
        id=delivery.id,
        sender=effect.sender,
        subscription=effect.subscription,
        subject=effect.subject,
        cause=delivery.cause.topic,
        version=delivery.version,
        bytes=len(effect.body),
        due_at=rfc3339(delivery.due_at_ms),
        attempts=delivery.attempts,
        parked=delivery.parked,
        error=delivery.error,
    )


ROUTES = (
    Route("GET", "/v1/outbox", list_deliveries, summary="List deliveries", tag="outbox",
          query=("parked", "after", "limit"), answers={200: DeliveryPage}),
    Route("POST", "/v1/outbox/retry", retry_all, summary="Retry all that are parked",
          tag="outbox", answers={200: Retried}),
    Route("POST", "/v1/outbox/{id}/retry", retry, summary="Retry a delivery", tag="outbox",
          answers={204: None}),
    Route("POST", "/v1/outbox/{id}/park", park, summary="Park a delivery", tag="outbox",
          answers={204: None}),
)  # fmt: skip
