"""A command on its way: who asked, and the answer that will come.

An envelope is answered exactly once; a later answer is ignored (a caller who was told that the
daemon is closing is not told again).
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import trio

from engine.errors import Overloaded
from engine.messages import Command, Reply


class Envelope:
    """One command in a mailbox. `principal` and `key` make it safe to repeat."""

    __slots__ = ("_event", "by", "command", "error", "fingerprint", "key", "principal", "reply",
                 "started", "when_answered")  # fmt: skip

    def __init__(self, command: Command, by: str = "") -> None:
        self.command = command
        self.by = by
        self.principal = ""
        self.key: str | None = None
        self.fingerprint = b""
        self.reply: Reply | None = None
        self.error: Exception | None = None
        self.started = perf_counter()
        self.when_answered: Callable[[], None] | None = None
        self._event: trio.Event | None = None

    @property
    def is_answered(self) -> bool:
        """True once there is a reply or an error."""
        return self.reply is not None or self.error is not None

    def answer(self, result: Reply | Exception) -> None:
        """Answer once; the asker wakes."""
        if self.is_answered:
            return
        if isinstance(result, Reply):
            self.reply = result
        else:
            self.error = result
        if self._event is not None:
            self._event.set()
        if self.when_answered is not None:
            self.when_answered()

    async def wait(self, seconds_max: float) -> Reply:
        """Wait for the answer and return it, or raise it; `Overloaded` when it takes too long."""
        if not self.is_answered:
            if self._event is None:
                self._event = trio.Event()
            with trio.move_on_after(seconds_max):
                await self._event.wait()
        if self.error is not None:
            raise self.error
        if self.reply is None:
            raise Overloaded("ask_seconds_max")
        return self.reply
