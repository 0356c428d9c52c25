"""Is the process there, and is it usable."""

from __future__ import annotations

from api.http import Answer, Call, Problem, Route, answer


async def healthz(_call: Call) -> Answer:
    """The process answers."""
    return answer({"status": "ok"})


async def readyz(call: Call) -> Answer:
    """Usable: the store can commit and nobody asked us to leave."""
    house = call.house
    if house.is_draining:
        raise Problem(503, "draining", "this daemon is leaving", headers=(("Retry-After", "1"),))
    if not house.is_ready:
        raise Problem(503, "starting", "this daemon is starting", headers=(("Retry-After", "1"),))
    if not house.store.is_writable:
        raise Problem(503, "not_writable", "the store cannot commit now")
    return answer({"status": "ready"})


ROUTES = (
    Route("GET", "/healthz", healthz, "open", summary="The process answers", tag="health"),
    Route("GET", "/readyz", readyz, "open", summary="Usable: 200, else 503", tag="health"),
)
