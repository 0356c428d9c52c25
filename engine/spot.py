"""A spot to wait at: one task parks, somebody else wakes it. Cheaper than an event each time."""

from __future__ import annotations

from typing import Any

import trio


class Spot:
    """Room for one task. A call of `wake` with nobody there is nothing, and is not remembered."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    async def wait(self) -> None:
        """Park until woken."""
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._leave)

    def _leave(self, _raise_cancel: Any) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def wake(self) -> None:
        """Let the task go on. Plain."""
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)
