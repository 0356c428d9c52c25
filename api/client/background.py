"""Where the SDK's work goes on while the program does something else.

It lives in a nursery of the program, or in a system task of trio's. What goes wrong in there is a
line of log: nothing of the SDK ever ends the program.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from actors.flags.names import LogLevel, Tag
from api.client.logs import Logs


class Background:
    """A nursery that is there from `open` until `close`; tasks that fail end alone."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._nursery: trio.Nursery | None = None
        self._over = trio.Event()

    async def open(self, nursery: trio.Nursery | None) -> None:
        """Begin, in that nursery or in a system task."""
        opened = trio.Event()
        if nursery is not None:
            nursery.start_soon(self._run, opened)
        else:
            trio.lowlevel.spawn_system_task(self._run, opened)
        await opened.wait()

    async def _run(self, opened: trio.Event) -> None:
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                opened.set()
                await trio.sleep_forever()
        finally:
            self._nursery = None
            self._over.set()

    @property
    def is_open(self) -> bool:
        """Whether work may be started."""
        return self._nursery is not None

    def start(self, work: Callable[..., Awaitable[None]], *arguments: object) -> bool:
        """Have work done; False if the background is closed. Plain."""
        if self._nursery is None:
            return False
        self._nursery.start_soon(self._guarded, work, arguments)
        return True

    async def _guarded(
        self, work: Callable[..., Awaitable[None]], arguments: tuple[object, ...]
    ) -> None:
        try:
            await work(*arguments)
        except Exception as error:
            text = f"background work failed: {type(error).__name__}: {error}"
            self._logs.say(LogLevel.CRITICAL, Tag.START, text)

    async def close(self) -> None:
        """End all work and wait until it is over."""
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()
            await self._over.wait()
