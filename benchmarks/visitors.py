"""Visitors in a real daemon: commands over a live socket against HTTP, and what a crowd leaves.

Commands: 200 visitors change their context, have flags fetched, read flags with and without an
exposure, and report hits (`shop.py`), at one daemon with default settings, logs on, except that a
socket may send more than 200 frames a second. Ours: one live socket, as many commands under way as
the protocol allows. Against it: the same commands one HTTP request each, over kept connections; of
8, 32 and 64 of them the number that was fastest here. All take turns, each in a process of its own
that does little else than send what was made before, so the daemon is what limits both.

Memory: what a daemon holds more than at its start after so many visitors were created, had their
flags fetched, and fell asleep. They come over several sockets; all memory counts that is not shared
with files, read as soon as it was given back. Actors sleep after a second here instead of thirty,
which only shortens the wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice
from pathlib import Path

from benchmarks.apart import (
    apart,
    cpu_seconds,
    free_port,
    resident_bytes,
    running,
    scratch,
    serve,
    wait_until_ready,
)
from benchmarks.crowd import create
from benchmarks.figures import Figure, median, ratios, rounds
from benchmarks.load import press
from benchmarks.pipeline import pour
from benchmarks.shop import KEY, asked, commands, ordered, write_files

VISITORS = [f"visitor_{number}" for number in range(200)]
IN_FLIGHT = 64
CONNECTIONS = (8, 32, 64)
COMMANDS_MAX = 20_000
"""More than anybody carries out in one burst."""
FRAMES_PER_SECOND = 1_000_000
CROWD, SOCKETS = 100_000, 4
MEMORY_MB_MAX = 30.0


def measure(*, is_quick: bool) -> list[Figure]:
    """The ratio of rates, and the memory."""
    return [_rates(3 if is_quick else 7), _memory(CROWD // 10 if is_quick else CROWD)]
