"""What a store is handed from outside: the time, and somebody who hears of trouble."""

from __future__ import annotations

import time
from collections.abc import Callable

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

Report = Callable[[BaseException], None]
"""Hears of errors that concern no caller; runs on trio's thread and must not raise."""


def wall_ms() -> int:
    """Unix time in milliseconds, UTC."""
    return time.time_ns() // 1_000_000


def tell_nobody(_error: BaseException) -> None:
    """A report that nobody hears."""
