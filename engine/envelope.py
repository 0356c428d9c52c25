"""A command on its way: who asked, and the answer that will come.

An envelope is answered exactly once; a later answer is ignored (a caller who was told that the
daemon is closing is not told again). Waiting is one parked task and no timer of its own: all
patience is equally long, so the directory keeps one queue of who has waited longest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Any

import trio

from engine.errors import Overloaded
from engine.messages import Command, Reply


class Envelope:
    """One command in a mailbox. `principal` and `key` make it safe to repeat."""

    __slots__ = (
        "_waiting",
        "by",
        "command",
        "error",
        "fingerprint",
        "key",
        "principal",
        "reply",
        "started",
        "when_answered",
    )

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
        self._waiting: list[trio.lowlevel.Task] | None = None

    @property
    def is_answered(self) -> bool:
        """True once there is a reply or an error."""
        return self.reply is not None or self.error is not None

    def answer(self, result: Reply | Exception) -> None:
        """Answer once; whoever waits wakes."""
        if self.is_answered:
            return
        if isinstance(result, Reply):
            self.reply = result
        else:
            self.error = result
        self.wake()
        if self.when_answered is not None:
            self.when_answered()

    def wake(self) -> None:
        """Whoever waits looks: at the answer, or at having waited long enough."""
        waiting, self._waiting = self._waiting, None
        for task in waiting or ():
            trio.lowlevel.reschedule(task)

    async def wait(self, until: float = inf) -> Reply:
        """Return the answer or raise it; `Overloaded` at trio's time `until`, if somebody wakes."""
        while not self.is_answered and trio.current_time() < until:
            await self._park()
        if self.error is not None:
            raise self.error
        if self.reply is None:
            raise Overloaded("ask_seconds_max")
        return self.reply

    async def _park(self) -> None:
        task = trio.lowlevel.current_task()
        waiting = self._waiting = self._waiting or []
        waiting.append(task)

        def abort(_raise_cancel: Any) -> trio.lowlevel.Abort:
            waiting.remove(task)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)


class Patience:
    """Who has waited longest, and for whom it has been too long. Plain; one for all askers."""

    def __init__(self) -> None:
        self._queue: deque[tuple[float, Envelope]] = deque()

    def note(self, envelope: Envelope, until: float) -> None:
        """Somebody waits until trio's time `until`, which is never earlier than the last one's."""
        queue = self._queue
        while queue and queue[0][1].is_answered:
            queue.popleft()
        queue.append((until, envelope))

    def run_out(self, now: float) -> None:
        """Wake whoever has waited too long."""
        queue = self._queue
        while queue and (queue[0][0] <= now or queue[0][1].is_answered):
            queue.popleft()[1].wake()
