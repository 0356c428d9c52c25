"""Log lines on their way out: written by a thread, so a slow pipe never blocks the loop.

Whoever logs appends to a bounded queue and goes on. One thread takes what has gathered and writes
it in one call. When nobody reads the other end the queue fills, further lines are dropped and
counted, and the count is the first thing said once the pipe moves again.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Mapping

LINES_WAITING_MAX = 20_000
"""Lines held for a slow reader: some seconds of a busy daemon, a few megabytes."""
LINE_BYTES_MAX = 8_192
"""A longer line is cut: one bad value must not fill the log."""
GATHER_SECONDS = 0.02
"""Time in which lines gather into one write; nobody reads a log faster."""
CLOSE_SECONDS_MAX = 1.0
"""Time for the last lines at the end; a stuck pipe does not hold up the exit."""


class Lines:
    """The queue and its thread. `write` is plain, may be called from any thread, never waits."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: deque[bytes] = deque()
        self._something = threading.Event()
        self._closing = threading.Event()
        self._signalled = False
        self._written = 0
        self._dropped = 0
        self._told_dropped = 0
        self._thread = threading.Thread(target=self._work, name="log lines", daemon=True)
        self._thread.start()

    def write(self, line: bytes) -> None:
        """Queue one line, without its end."""
        if len(self._waiting) >= LINES_WAITING_MAX:
            self._dropped += 1
            return
        self._waiting.append(line if len(line) <= LINE_BYTES_MAX else line[:LINE_BYTES_MAX])
        if not self._signalled:
            self._signalled = True
            self._something.set()

    def close(self) -> None:
        """Write what waits, for a moment at most."""
        self._closing.set()
        self._something.set()
        self._thread.join(CLOSE_SECONDS_MAX)

    def statistics(self) -> Mapping[str, float]:
        """Lines written, waiting and dropped."""
        return {
            "written": self._written,
            "waiting": len(self._waiting),
            "dropped": self._dropped,
        }

    def _work(self) -> None:
        while True:
            self._something.wait()
            self._closing.wait(GATHER_SECONDS)
            is_last = self._closing.is_set()
            self._something.clear()
            self._signalled = False  # before taking: whoever comes now signals again
            if not self._pour():
                return
            if is_last and not self._waiting:
                return

    def _pour(self) -> bool:
        """Write everything that waits. False: nobody will ever read this again."""
        taken: list[bytes] = []
        if self._dropped > self._told_dropped:
            count, self._told_dropped = self._dropped - self._told_dropped, self._dropped
            taken.append(b'{"level":"warning","event":"log_lines_dropped","count":%d}' % count)
        while self._waiting:
            taken.append(self._waiting.popleft())
        if not taken:
            return True
        self._written += len(taken)
        rest = memoryview(b"\n".join(taken) + b"\n")
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                self._closing.wait(GATHER_SECONDS)
                if self._closing.is_set():
                    return False
            except OSError:
                self._dropped += len(taken)
                return not self._closing.is_set()
        return True
