"""What waits for one connection, and what becomes of it when the connection is slow.

Putting something in never waits and wakes the one task that writes. Everything that waits leaves
together. Beyond 1,000 frames or 1 MiB the facts are dropped, one `lag` says so, and each topic is
read again from the store at the pace of the reader; `latest` topics and passing things wait once
each, in their newest form. Answers are never dropped: too many of them end the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from api.live.frames import Lag
from api.live.rendering import Line, line
from engine.limits import Limits

if TYPE_CHECKING:
    from api.live.subscription import Subscription


class Passing:
    """A place in the queue for something ephemeral: only the newest of its name stands there."""

    __slots__ = ("key", "line")

    def __init__(self, key: tuple[str, str], newest: Line) -> None:
        self.key = key
        self.line = newest


class Backlog:
    """Lines on their way to one connection. Everything but `wait` is plain."""

    __slots__ = (
        "_limits", "_marks", "_on_flood", "_passing", "_queue", "_task", "behind", "bytes",
        "subscriptions",
    )  # fmt: skip

    def __init__(self, limits: Limits, on_flood: Callable[[], None]) -> None:
        self.subscriptions: dict[str, Subscription] = {}
        self.behind: dict[Subscription, None] = {}
        """Topics that must be read from the store, in turn."""
        self.bytes = 0
        self._limits = limits
        self._on_flood = on_flood
        self._queue: list[Any] = []
        self._marks = 0
        self._passing: dict[tuple[str, str], Passing] | None = None
        self._task: trio.lowlevel.Task | None = None

    def __len__(self) -> int:
        return len(self._queue)

    # --- putting in

    def put(self, ready: Line) -> None:
        """One more line."""
        queue, limits = self._queue, self._limits
        queue.append(ready)
        self.bytes += len(ready)
        if (
            self.bytes > limits.listener_bytes_max or len(queue) > limits.listener_frames_max
        ) and len(queue) > 1:
            self._overflow()
        if self._task is not None:
            self.wake()

    def mark(self, subscription: Subscription) -> None:
        """A place for a `latest` topic: rendered when its turn comes."""
        self._queue.append(subscription)
        self._marks += 1
        self.wake()

    def pass_on(self, key: tuple[str, str], newest: Line) -> None:
        """Something ephemeral: it takes the place of an older one that still waits."""
        if self._passing is None:
            self._passing = {}
        waiting = self._passing.get(key)
        if waiting is not None:
            waiting.line = newest
            return
        self._passing[key] = waiting = Passing(key, newest)
        self._queue.append(waiting)
        self._marks += 1
        if len(self._queue) > self._limits.listener_frames_max:
            self._overflow()
        self.wake()

    def fall_behind(self, subscription: Subscription) -> None:
        """This topic must be read from the store."""
        self.behind[subscription] = None
        self.wake()

    def forget(self, subscription: Subscription) -> None:
        """The topic was left: what waits of it goes."""
        self.behind.pop(subscription, None)
        topic = subscription.topic
        self._keep(
            [
                item
                for item in self._queue
                if item is not subscription
                and not (type(item) is Line and item.is_event and item.topic == topic)
            ]
        )

    def clear(self) -> None:
        """Nothing waits any more."""
        self._keep([])
        self.behind.clear()

    def _keep(self, items: list[Any]) -> None:
        self._queue = items
        self._marks = sum(type(item) is not Line for item in items)
        self.bytes = sum(len(item) for item in items if type(item) is Line)

    # --- the slow policy

    def _overflow(self) -> None:
        kept: list[Any] = []
        lost: dict[str, Line] = {}
        for item in self._queue:
            if type(item) is Line and item.is_event:
                lost.setdefault(item.topic, item)
            elif type(item) is Passing and self._passing is not None:
                del self._passing[item.key]
            else:
                kept.append(item)
        for topic, first in lost.items():
            subscription = self.subscriptions.get(topic)
            if subscription is not None:
                kept.append(line(Lag(topic=topic, from_=first.version, to=subscription.version)))
                subscription.go_back(first.version - 1)
        self._keep(kept)
        limits = self._limits
        if self.bytes > limits.listener_bytes_max or len(kept) > limits.listener_frames_max:
            self._on_flood()

    def has_room(self, size: int) -> bool:
        """May another `size` bytes of a replay go in? Half the room is left to what is new."""
        limits = self._limits
        return not self._queue or (
            self.bytes + size <= limits.listener_bytes_max // 2
            and len(self._queue) < limits.listener_frames_max // 2
        )

    # --- taking out

    def take(self) -> list[str]:
        """What leaves now, in order: at most 100 lines or 64 kB, and at least one if any waits."""
        limits, queue = self._limits, self._queue
        if (
            not self._marks
            and len(queue) <= limits.joined_frames_max
            and self.bytes <= limits.joined_bytes_max
        ):
            self._queue = []
            self.bytes = 0
            return queue
        return self._take_some()

    def _take_some(self) -> list[str]:
        taken: list[str] = []
        size, index = 0, 0
        rest: list[Any] = []
        for index, item in enumerate(self._queue, 1):  # noqa: B007
            ready = item if type(item) is Line else self._settle(item)
            if ready is None:
                continue
            size += len(ready)
            if taken and size > self._limits.joined_bytes_max:
                rest = [ready]
                break
            taken.append(ready)
            if len(taken) == self._limits.joined_frames_max:
                break
        self._keep(rest + self._queue[index:])
        return taken

    def _settle(self, item: Subscription | Passing) -> Line | None:
        if isinstance(item, Passing):
            if self._passing is not None:
                self._passing.pop(item.key, None)
            return item.line
        return item.settle()

    # --- waiting

    def wake(self) -> None:
        """Let the writer look again."""
        task = self._task
        if task is not None:
            self._task = None
            trio.lowlevel.reschedule(task)

    async def wait(self) -> None:
        """Park the writer until something happens. Only one task may wait."""
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._give_up)

    def _give_up(self, _raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED
