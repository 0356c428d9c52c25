"""The one live socket that all visitors of an SDK share, kept within what a daemon takes.

A daemon bounds each socket: so many topics, commands under way, frames a second. A crowd of
visitors therefore takes turns: a topic is heard while its visitor has something under way, and
afterwards for as long as nobody else needs its place. Whoever has to wait, waits here.
Rules: spec live, "Slow listeners, limits, leaving".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import trio

from api.client.live import LiveClient
from api.client.updates import Hearer, LiveClosed, Subscription, Update

TOPICS_MAX = 90
"""Topics heard at once: a daemon takes 100 of a socket."""
COMMANDS_MAX = 48
"""Commands under way at once: a daemon takes 64."""
FRAMES_PER_SECOND = 150.0
"""Frames sent: a daemon takes 200 a second, and ends the socket beyond."""
FRAMES_AT_ONCE = 100.0


class Pace:
    """A bucket of frames that fills with time."""

    def __init__(self, per_second: float = FRAMES_PER_SECOND, most: float = FRAMES_AT_ONCE) -> None:
        self._per_second = per_second
        self._most = most
        self._left = most
        self._filled_at: float | None = None

    async def take(self) -> None:
        """Wait until one more frame may go; in the order of coming."""
        now = trio.current_time()
        since = now - (now if self._filled_at is None else self._filled_at)
        self._left = min(self._most, self._left + since * self._per_second) - 1.0
        self._filled_at = now
        if self._left < 0:
            await trio.sleep(-self._left / self._per_second)


class Companion(Hearer, Protocol):
    """Who may hear a topic together with others; one of them `speaks` of what is told once."""

    def hear(self, update: Update, speaks: bool = True) -> None:
        """One more update."""


class Place:
    """A topic that is heard, by one visitor or by several of the same id: the newest speaks."""

    def __init__(self) -> None:
        self.subscription: Subscription | None = None
        self.hearers: list[Companion] = []
        self.users = 0
        self.ready = trio.Event()
        self.is_over = False

    def hear(self, update: Update) -> None:
        """Pass an update on; from the first one on the topic is heard."""
        self.ready.set()
        for hearer in self.hearers:
            hearer.hear(update, hearer is self.hearers[-1])

    def end(self, error: Exception | None) -> None:
        """There will be no more. Commands go on without."""
        self.is_over = True
        self.ready.set()
        for hearer in self.hearers:
            hearer.end(error)


class Connection:
    """A live client with its topics. `run` is the connection's own task."""

    def __init__(self, live: LiveClient) -> None:
        self.live = live
        self._places: dict[str, Place] = {}
        self._freed = trio.Event()
        self._commands = trio.CapacityLimiter(COMMANDS_MAX)
        self._pace = Pace()

    async def run(self) -> None:
        """Connect, and come back, until the daemon wants us no more."""
        await self.live.run()

    async def close(self) -> None:
        """Say good-bye; `run` returns."""
        await self.live.aclose()

    # --- commands

    async def command(self, topic: str, name: str, data: Mapping[str, Any], key: str) -> Any:
        """What an actor answers. Raises `Refused`, or `LiveClosed` if there is no way to ask."""
        async with self._commands:
            await self._pace.take()
            return await self.live.command(topic, name, data, key=key)

    # --- topics

    @asynccontextmanager
    async def hearing(self, topic: str, hearer: Companion) -> AsyncIterator[None]:
        """Hear a topic for the length of the block, and for as long as there is room after it.

        The block begins when the topic stands: what happens in it is heard. Where a daemon refuses
        the topic, the hearer is told so by `end`, and the block goes on without.
        """
        place = await self._enter(topic)
        if hearer not in place.hearers:
            place.hearers.append(hearer)
        try:
            await place.ready.wait()
            yield
        finally:
            place.users -= 1
            self._freed.set()
            self._freed = trio.Event()

    async def _enter(self, topic: str) -> Place:
        while (place := self._places.pop(topic, None)) is None or place.is_over:
            if len(self._places) < TOPICS_MAX or self._make_room():
                place = Place()
                break
            await self._freed.wait()
        self._places[topic] = place  # at the end: used most recently
        place.users += 1
        if place.subscription is None:
            try:
                await self._pace.take()
                self._listen(topic, place)
            except BaseException:
                place.users -= 1
                raise
        return place

    def _listen(self, topic: str, place: Place) -> None:
        if place.subscription is not None:
            return
        try:
            place.subscription = self.live.subscribe(topic, delta=False).tell(place)
        except LiveClosed as error:
            place.end(error)

    def _make_room(self) -> bool:
        """Leave the topic that nobody has used for the longest time; False if all are in use."""
        for topic, place in self._places.items():
            if not place.users:
                del self._places[topic]
                place.hearers.clear()
                if place.subscription is not None:
                    place.subscription.leave()
                return True
        return False
