"""Memory, given back.

What exists when the daemon is ready lives as long as it does, so the garbage collector need not
look at it again: without this, telling one fact to many sockets pauses for hundreds of
milliseconds. And after a wave of actors went to sleep the allocator is asked to return the pages.
"""

from __future__ import annotations

import ctypes
import gc
import resource
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from engine.errors import EngineError

THRESHOLDS = (50_000, 25, 50)
"""Objects before a young collection, and collections before the older ones."""
LOOK_SECONDS = 10.0
WAVE_ACTORS = 2_000
"""Actors put to sleep since the last time that make it worth asking."""
LEFT_MAX = 500
"""Actors awake and listeners left that a whole collection may look at: some 30 ms."""


def settle_collector() -> None:
    """Collect once, then leave out what is here, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def allow_many_files() -> None:
    """Raise the limit of open files to what we may have: every socket is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Waves:
    """Looks at how many actors have gone to sleep, and says when memory should go back."""

    def __init__(self, slept: float) -> None:
        self._given = self._seen = slept
        self._is_wave = False

    @property
    def is_over(self) -> bool:
        """Nobody has followed the last wave."""
        return not self._is_wave

    def look(self, slept: float) -> bool:
        """True behind a wave of sleep, and once more when nobody has followed it."""
        is_over = self._is_wave and slept == self._seen
        self._seen = slept
        if slept - self._given < WAVE_ACTORS and not is_over:
            return False
        self._given, self._is_wave = slept, not is_over
        return True


async def give_back(
    slept: Callable[[], float],
    release: Callable[[], Awaitable[object]] = trio.lowlevel.checkpoint,
    left: Callable[[], float] = lambda: 0,
) -> None:
    """Return memory after waves of sleep, for as long as the daemon runs.

    `slept` counts actors put to sleep so far; `release` lets go of caches before the allocator is
    asked. Behind the last wave everything is collected, which also empties the interpreter's own
    lists of things to use again: they lie scattered over the pages of the whole crowd. Not where
    more than `LEFT_MAX` are `left`, for whom that would be a pause.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return  # another allocator
    waves = Waves(slept())
    while True:
        await trio.sleep(LOOK_SECONDS)
        if waves.look(slept()):
            is_whole = waves.is_over and left() <= LEFT_MAX
            gc.collect(2 if is_whole else 1)
            with suppress(EngineError):  # a store that cannot commit now keeps its caches
                await release()
            await trio.to_thread.run_sync(trim, 0)
