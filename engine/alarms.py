"""Alarms: one per actor, one sleeper for all.

The store is the truth; memory holds only the next few. Every commit that sets an alarm is noted
here in the same plain function that tells it, so nothing is scheduled later than it is stored. An
alarm rings by asking its actor `AlarmDue(at)`; the answer's commit sets the next one. At least
once: an alarm that was due while the daemon was down rings at the start.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from math import inf

import trio

from engine.directory import Directory
from engine.errors import Busy, Overloaded, Refused, Unavailable
from engine.messages import NOBODY, Address, AlarmDue


class Alarms:
    """The sleeper. `note` is plain; `run` is its task."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._limits = directory.limits
        self._held: dict[Address, int] = {}
        self._heap: list[tuple[int, Address]] = []
        self._horizon: float = -inf  # everything up to here is held; later ones wait in the store
        self._ringing: set[Address] = set()
        self._failures: dict[Address, int] = {}
        self._parked: dict[Address, int] = {}
        self._changed = trio.Event()
        self._rung = 0

    def note(self, address: Address, at_ms: int | None) -> None:
        """An actor's alarm was committed: `at_ms`, or None for none. Plain."""
        self._parked.pop(address, None)
        self._failures.pop(address, None)
        if at_ms is None:
            self._held.pop(address, None)
        elif at_ms <= self._horizon:
            self._hold(address, at_ms)
        else:
            self._held.pop(address, None)

    def _hold(self, address: Address, at_ms: int) -> None:
        self._held[address] = at_ms
        is_next = not self._heap or at_ms < self._heap[0][0]
        heapq.heappush(self._heap, (at_ms, address))
        if len(self._heap) > 4 * self._limits.alarms_held_max:
            self._forget_the_latest()
        if is_next:
            self._changed.set()

    def _forget_the_latest(self) -> None:
        """Keep the next ones; what is forgotten is in the store."""
        keep = sorted((at, address) for address, at in self._held.items())
        keep = keep[: self._limits.alarms_held_max]
        if len(keep) == self._limits.alarms_held_max:
            self._horizon = keep[-1][0] - 1
            keep = [one for one in keep if one[0] <= self._horizon]
        self._held = {address: at for at, address in keep}
        self._heap = keep

    async def run(self) -> None:
        """Ring whatever falls due, for as long as the daemon runs."""
        async with trio.open_nursery() as nursery:
            limiter = trio.CapacityLimiter(self._limits.alarms_running_max)
            while True:
                self._changed = trio.Event()
                if not self._held or self._horizon == -inf:
                    await self._load()
                for address, at_ms in self._take_due():
                    await limiter.acquire_on_behalf_of(address)
                    nursery.start_soon(self._ring, address, at_ms, limiter)
                if self._held or self._horizon == inf:
                    await self._wait()

    async def _load(self) -> None:
        skip = len(self._ringing) + len(self._parked)
        most = self._limits.alarms_held_max + skip
        self._horizon = inf  # what is committed while we read is noted; the store knows the rest
        try:
            found = await self._directory.store.alarms(most)
        except Exception as error:  # a store that cannot be read now is asked again
            self._horizon = -inf
            self._directory.observer.failed(NOBODY, "alarms", error)
            await trio.sleep(self._limits.alarm_backoff_seconds)
            return
        for address, at_ms in found:
            if address not in self._ringing and address not in self._parked:
                self._held.setdefault(address, at_ms)
        self._heap = sorted((at, address) for address, at in self._held.items())
        if len(found) >= most and found:
            self._horizon = found[-1][1]

    def _take_due(self) -> list[tuple[Address, int]]:
        now_ms = self._directory.clock.now_ms()
        due = []
        while self._heap and self._heap[0][0] <= now_ms:
            at_ms, address = heapq.heappop(self._heap)
            if self._held.get(address) == at_ms and address not in self._ringing:
                del self._held[address]
                self._ringing.add(address)
                due.append((address, at_ms))
        return due

    async def _wait(self) -> None:
        """Until the next alarm, an earlier one, or the time to look at the wall clock again."""
        seconds = self._limits.alarm_clock_seconds_max
        while self._heap and self._held.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if self._heap:
            until = (self._heap[0][0] - self._directory.clock.now_ms()) / 1000
            seconds = min(seconds, max(0.0, until))
        with trio.move_on_after(seconds):
            await self._changed.wait()

    async def _ring(self, address: Address, at_ms: int, limiter: trio.CapacityLimiter) -> None:
        try:
            error = await self._ask(address, at_ms)
        finally:
            limiter.release_on_behalf_of(address)
        if error is not None:
            self._directory.observer.failed(address, "alarm", error)
            await self._back_off(address, at_ms, error)
        self._ringing.discard(address)
        self._look_again(address)

    async def _ask(self, address: Address, at_ms: int) -> Exception | None:
        try:
            await self._directory.ask(address, AlarmDue(at_ms=at_ms), by="alarm")
        except Refused:
            pass  # the refusal cleared it
        except Exception as error:
            return error
        self._rung += 1
        return None

    def _look_again(self, address: Address) -> None:
        """A note that came while it rang may already be due."""
        if (at_ms := self._held.get(address)) is not None:
            heapq.heappush(self._heap, (at_ms, address))
        self._changed.set()

    async def _back_off(self, address: Address, at_ms: int, error: Exception) -> None:
        """Wait, longer each time. Only what is the actor's own fault is parked in the end."""
        most = self._limits.alarm_failures_max
        failures = self._failures[address] = min(self._failures.get(address, 0) + 1, most)
        if failures == most and not isinstance(error, Overloaded | Busy | Unavailable):
            self._parked[address] = at_ms
            return
        await trio.sleep(self._limits.alarm_backoff_seconds * 2 ** (failures - 1))
        if address in self._failures:
            self._hold(address, at_ms)

    def statistics(self) -> Mapping[str, float]:
        """Held, ringing and parked alarms, and how many rang."""
        return {
            "held": len(self._held),
            "ringing": len(self._ringing),
            "parked": len(self._parked),
            "rung": self._rung,
        }
