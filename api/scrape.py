"""The operators' numbers: `/metrics` for Prometheus (operator key, unmapped hosts only)."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST

from api.http import Answer, Call, Route


async def metrics(call: Call) -> Answer:
    """Every counter of the house, in the text format of Prometheus."""
    return Answer(200, call.house.shelves["metrics"].exposition(), CONTENT_TYPE_LATEST)


ROUTES = (
    Route("GET", "/metrics", metrics, "operator", summary="Prometheus metrics", tag="health"),
)
