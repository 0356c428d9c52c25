"""Memory, given back.

What exists when the daemon is ready lives as long as it does, so the garbage collector need not
look at it again: without this, telling one fact to many sockets pauses for hundreds of
milliseconds. And after a wave of actors went to sleep the allocator is asked to return the pages.
"""

from __future__ import annotations

import ctypes
import gc
import resource
from collections.abc import Callable
from contextlib import suppress

import trio

THRESHOLDS = (50_000, 25, 50)
"""Objects before a young collection, and collections before the older ones."""
LOOK_SECONDS = 10.0
WAVE_ACTORS = 2_000
"""Actors put to sleep since the last time that make it worth asking."""


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


async def give_back(slept: Callable[[], float]) -> None:
    """Return memory after waves of sleep, for as long as the daemon runs."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return  # another allocator
    before = slept()
    while True:
        await trio.sleep(LOOK_SECONDS)
        if (now := slept()) - before >= WAVE_ACTORS:
            before = now
            gc.collect(1)
            await trio.to_thread.run_sync(trim, 0)
