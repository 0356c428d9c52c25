"""While the published SDK walks, a page with the user's token sees each change over `/v1/live`.

The SDK mints the token (visible key); the listener is a plain WebSocket client that holds nothing
else. Versions of a topic are dense: a hole would be a change that nobody told.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import trio
import trio_websocket
from e2e.timeline_world import (
    ENVIRONMENT,
    PROPERTY,
    TIMELINE,
    VISIBLE_KEY,
    Json,
    Sdk,
    World,
    world,
)

pytestmark = pytest.mark.slow

USER = "alice-1"
LINKS = ("evHole:evEat", "evEat:evHole", "evHole:evDrink", "evDrink:evHole")
Moves = list[tuple[str, str]]
CREATED: Moves = [("evBank", "ACTIVE"), ("evWatch", "ACTIVE")]


class Listener:
    """A live socket with one subscription; `version` is where it stands."""

    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self._socket = socket
        self._frames: list[Json] = []
        self.version = 0

    async def next(self, *kinds: str) -> Json:
        """The next frame of these types; pings and the like are passed over."""
        with trio.fail_after(15):
            while True:
                while self._frames:
                    frame = self._frames.pop(0)
                    if frame["t"] in kinds:
                        return frame
                told = msgspec.json.decode(await self._socket.get_message())
                self._frames += told if isinstance(told, list) else [told]

    async def subscribe(self, topic: str) -> Json:
        """Ask for a topic: `subd`, or `err` where it is not for this listener."""
        asked = msgspec.json.encode({"t": "sub", "id": topic, "topic": topic}).decode()
        await self._socket.send_message(asked)
        answer = await self.next("subd", "err")
        if answer["t"] == "subd":
            self.version = answer["version"]
        return answer

    async def event(self) -> Json:
        """The next event; its version follows the last one."""
        frame = await self.next("ev")
        assert frame["version"] == self.version + 1
        self.version = frame["version"]
        return frame


@asynccontextmanager
async def listening(here: World, token: str) -> AsyncIterator[Listener]:
    """A listener with a token, over TLS where the daemon speaks it."""
    url = here.daemon.url.replace("http", "ws", 1) + "/v1/live"
    trust = ssl.create_default_context(cafile=str(here.trust.authority))
    headers = [(b"authorization", f"Bearer {token}".encode())]
    async with trio_websocket.open_websocket_url(
        url, ssl_context=trust if url.startswith("wss") else None, extra_headers=headers
    ) as socket:
        yield Listener(socket)


STANDING = (
    *("current_step", "current_beat", "new_beat_available", "end_of_timeline_reached"),
    *("waiting_for_condition_id", "waiting_for_condition_datetime"),
)


def told(frame: Json, answer: Json) -> Moves:
    """The state changes of an event, in order; they and the standing are those of the answer."""
    shown, user = frame["data"], answer["meta"]["user"]
    changes = moves(shown["state_changes"])
    assert changes == moves(answer["meta"]["changed_timeline_event_states"])
    assert {name: shown[name] for name in STANDING} == {name: user[name] for name in STANDING}
    return changes


def moves(changes: list[Json]) -> Moves:
    """Which events changed, and to what."""
    return [(each["timeline_event_id"], each["state"]) for each in changes]


def both(link: str) -> Moves:
    """What following a link changes where its target may open: its two ends, in that order."""
    source, _, target = link.partition(":")
    return [(source, "VISITED"), (target, "ACTIVE")]


async def minted(sdk: Sdk) -> str:
    """The access token of the SDK's user, who need not exist."""
    made: Json = await sdk.call("getAccessToken")
    return str(made["accessToken"])


@pytest.mark.parametrize("way", [ENVIRONMENT, PROPERTY])
async def test_a_page_sees_what_the_sdk_does(tmp_path: Path, way: str) -> None:
    """Each call that changes something is one event, with the same changes in the same order.

    Reads and refusals are none: the versions on both sides of them are neighbours.
    """
    async with world(tmp_path, way) as here, here.reader() as reader:
        sdk = await reader.sdk(VISIBLE_KEY, USER)
        async with listening(here, await minted(sdk)) as page:
            first = await page.subscribe(f"user/{USER}")
            assert (first["t"], first["version"]) == ("subd", 0)
            answer = await sdk.call("createUser", timelineId=TIMELINE, maxSteps=1)
            assert told(await page.event(), answer) == CREATED
            answer = await sdk.follow("evBank:evHole")
            assert told(await page.event(), answer) == [("evBank", "VISITED")]
            await sdk.call("getUserTimelineEvents")
            assert (await sdk.refused("createUser", timelineId=TIMELINE))[0] == 403
            answer = await sdk.call("progressUserStep")
            assert told(await page.event(), answer) == [("evHole", "ACTIVE")]
            for link in LINKS:
                answer = await sdk.follow(link)
                assert told(await page.event(), answer) == both(link)


async def test_a_token_listens_to_its_own_user_only(tmp_path: Path) -> None:
    """Other users, the timeline and the project are refused; the socket stays, and so does hers."""
    async with world(tmp_path, PROPERTY) as here, here.reader() as reader:
        sdk = await reader.sdk(VISIBLE_KEY, USER)
        await (await reader.sdk(VISIBLE_KEY, "bob-2")).call("createUser", timelineId=TIMELINE)
        async with listening(here, await minted(sdk)) as page:
            for topic in ("user/bob-2", f"timeline/{TIMELINE}", "kind/user", "project/demo"):
                assert (await page.subscribe(topic))["t"] == "err", topic
            assert (await page.subscribe(f"user/{USER}"))["t"] == "subd"
            answer = await sdk.call("createUser", timelineId=TIMELINE, maxSteps=1)
            assert told(await page.event(), answer) == CREATED
