"""Other people's services, and visitors who need them: for tests of fetching and tracking.

Not a test. `Others` stands where the house's way out stands: it keeps what was asked, and answers
as it is told, so no test needs a network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import trio
from flag_door import Door, open_door

from actors.flags.visitor_words import FetchFlags, Open, Visitor
from api.flags.environments import Live
from api.outgoing import Got, Unreachable
from engine.messages import Address, Command, Reply

UPSTREAM = "https://upstream.example/v2/"
COLLECTOR = "https://collector.example/hits"


class Asked(NamedTuple):
    """A request that went out."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    private: bool

    def json(self) -> Any:
        """The body."""
        return msgspec.json.decode(self.body)


Answer = Callable[[Asked], Got | Exception]


def got(body: Any = None, status: int = 200, content_type: str = "application/json") -> Got:
    """An answer with that JSON, or those bytes."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Got(status, {"content-type": content_type}, raw)


def answer_of(*names: str, panic: bool = False) -> Got:
    """A decision's answer with a campaign for each name, whose flag `name` is true."""
    campaigns = [
        {
            "id": name,
            "variationGroupId": f"{name}-group",
            "variation": {"id": f"{name}-1", "modifications": {"value": {name: True}}},
        }
        for name in names
    ]
    return got({"visitorId": "v", "campaigns": campaigns, **({"panic": True} if panic else {})})


class Others:
    """Everybody outside. While `gate` is not set, nobody answers; `asked` is what they got."""

    def __init__(self, answer: Answer | Got | Exception) -> None:
        self.asked: list[Asked] = []
        self.answer: Answer = answer if callable(answer) else lambda _asked: answer
        self.gate = trio.Event()
        self.gate.set()
        self._came = trio.Event()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        seconds: float,
        private: bool = False,
        body_bytes_max: int = 0,
    ) -> Got:
        """As `api.outgoing.Outgoing.request`."""
        asked = Asked(method, url, headers, body, seconds, private)
        self.asked.append(asked)
        self._came.set()
        await self.gate.wait()
        answer = self.answer(asked)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def came(self, number: int) -> list[Asked]:
        """Wait until that many requests came; all of them."""
        with trio.fail_after(5):
            while len(self.asked) < number:
                self._came = trio.Event()
                await self._came.wait()
        return self.asked

    async def aclose(self) -> None:
        """Nothing is open."""


DOWN = Unreachable("collector.example: no connection could be made")


def put_others(door: Door, answer: Answer | Got | Exception) -> Others:
    """Have these answer for everybody outside of the door's house."""
    others = Others(answer)
    door.house.outgoing = others
    return others


# --- visitors


def visitor(handle: str = "v") -> Address:
    """The address of a visitor of `env_1`."""
    return Address("demo", "visitor", f"env_1:{handle}")


async def live_of(door: Door) -> Live:
    """`env_1` as requests see it."""
    live = await door.shelf.environments.find("env_1")
    assert live is not None
    return live


async def order(door: Door, command: Command, handle: str = "v") -> Reply:
    """Have a visitor do something, and nothing around it."""
    return await door.house.directory.ask(visitor(handle), command)


async def state(door: Door, handle: str = "v") -> Visitor:
    """The visitor as it is."""
    found: Visitor = (await door.house.directory.peek(visitor(handle))).state
    return found


async def opened(door: Door, handle: str = "v", **more: Any) -> Reply:
    """Open a visitor who consented; nothing is fetched unless `fetch_now`."""
    return await order(door, Open(**{"has_consented": True, "fetch_now": False, **more}), handle)


async def fetched(door: Door, handle: str = "v") -> Visitor:
    """Fetch the visitor's flags; how it is then."""
    reply = await order(door, FetchFlags(), handle)
    await door.shelf.fetches.carry_out(await live_of(door), visitor(handle), reply.state)
    return await state(door, handle)


def flags(of: Visitor) -> dict[str, object]:
    """Values by key."""
    return {key: value for each in of.person.campaigns for key, value in each.flags.items()}


# --- how a fetch ended

OK, FAILED = ("FETCHED", "NONE"), ("FETCH_REQUIRED", "FETCH_ERROR")
FROM_CACHE = ("FETCH_REQUIRED", "READ_FROM_CACHE")
NEVER = {"fetch_flags_buffering_time": 0}
"""Settings with which each fetch is one."""


def ended(found: Visitor) -> tuple[str, str]:
    """Status and reason of a visitor without a fetch under way."""
    assert found.fetch is None
    return str(found.status), str(found.reason)


@asynccontextmanager
async def fronting(folder: Path) -> AsyncIterator[tuple[Door, Others]]:
    """A door whose `env_1` stands in front of an upstream that gives the flag `one`."""
    async with open_door(folder, decision_api_url=UPSTREAM, **NEVER) as door:
        yield door, put_others(door, answer_of("one"))
