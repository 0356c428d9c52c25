"""OpenFeature's event streams: who may listen, and the one thing they are told.

A bulk answer names a stream by a random address, which is all that a listener needs; it yields
nothing but "refetch" and lives for a day. Addresses are kept in memory: after a restart a client
gets a new one with its next bulk answer. A listener that comes back with the version it saw last is
told at once if that is not the newest. Rules: spec flags 8.1; engine spec 7.5.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable

import msgspec
import trio

from api.flags.environments import Live
from engine.hub import Hub, Said, Told, Topic

LIFE_SECONDS = 24 * 3_600.0
RENEW_SECONDS = 3_600.0
"""An address is handed out for this long, so every client has it for 23 hours or more."""
INACTIVITY_SECONDS = 120
PING_SECONDS = 25.0
LISTENERS_MAX = 20_000
COMMENT = b": alive\n\n"


class Listener:
    """One open stream. `version` is the newest it was told of by the hub."""

    def __init__(self) -> None:
        self.news: Told | None = None
        self.is_over = False
        self._event = trio.Event()

    def hear(self, _topic: Topic, told: Told) -> None:
        """A change of the environment: only the newest matters."""
        self.news = told
        self._event.set()

    def hear_ephemeral(self, said: Said) -> None:
        """Nothing passing is of interest here."""

    def end(self) -> None:
        """The stream is to end."""
        self.is_over = True
        self._event.set()

    async def wait(self, seconds: float) -> Told | None:
        """The next change, or None after a while without one."""
        with trio.move_on_after(seconds):
            await self._event.wait()
        self._event = trio.Event()
        news, self.news = self.news, None
        return news


class Streams:
    """Addresses of streams, and the streams that are open. `seconds` is a monotonic clock."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._addresses: dict[str, tuple[str, float]] = {}
        self._newest: dict[str, tuple[str, float]] = {}
        self._open: set[Listener] = set()

    def address_for(self, env: str) -> str:
        """The random address that is handed out for an environment now."""
        now = self._seconds()
        newest = self._newest.get(env)
        if newest is not None and now < newest[1]:
            return newest[0]
        self._addresses = {key: kept for key, kept in self._addresses.items() if now < kept[1]}
        address = secrets.token_urlsafe(32)
        self._addresses[address] = (env, now + LIFE_SECONDS)
        self._newest[env] = (address, now + RENEW_SECONDS)
        return address

    def env_of(self, address: str) -> str | None:
        """The environment that an address is for, while it lives."""
        env, until = self._addresses.get(address, ("", 0.0))
        return env if self._seconds() < until else None

    @property
    def is_full(self) -> bool:
        """No further stream may be opened now."""
        return len(self._open) >= LISTENERS_MAX

    async def listen(
        self, hub: Hub, live: Live, address: str, seen: int | None
    ) -> AsyncGenerator[bytes, None]:
        """The chunks of one stream. `seen` is the version that a returning listener had last."""
        topic, listener = (live.project, f"environment/{live.env}"), Listener()
        hub.subscribe(topic, listener)
        self._open.add(listener)
        try:
            yield b": welcome\n\n"
            if seen is not None and seen != live.version:
                yield _refetch(live.version, live.etag, live.last_modified_ms)
            while not listener.is_over and self.env_of(address) is not None:
                told = await listener.wait(PING_SECONDS)
                if told is None:
                    yield COMMENT
                elif told.after.exists and _is_another(told):
                    state = told.after.state
                    yield _refetch(told.fact.version, state.etag, state.last_modified_ms)
        finally:
            hub.unsubscribe(topic, listener)
            self._open.discard(listener)

    def close(self) -> None:
        """End every stream: the house is closing."""
        for listener in tuple(self._open):
            listener.end()

    def statistics(self) -> dict[str, float]:
        """Streams open, and addresses that live."""
        return {"open": len(self._open), "addresses": len(self._addresses)}


def _is_another(told: Told) -> bool:
    """The file in force, or panic, is another than before; settings and polls are no such news."""
    before = told.before.state
    return before is None or before.etag != told.after.state.etag


def _refetch(version: int, etag: str, last_modified_ms: int) -> bytes:
    data = msgspec.json.encode(
        {"type": "refetchEvaluation", "etag": etag, "lastModified": last_modified_ms // 1000}
    )
    return b"event: message\nid: %d\ndata: %b\n\n" % (version, data)
