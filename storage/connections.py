"""How the database file is opened: once to write, otherwise read-only.

The settings that make an acknowledged commit survive a power cut, and erased bytes really go, stand
here and nowhere else.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

BUSY_MS = 5_000
"""How long a reader waits for a lock; in this journal mode only recovery ever takes one."""
LOG_BYTES_MAX = 64 * 1024 * 1024
"""The log file is cut back to this size once its content is in the database."""
WRITER_CACHE_KIB, READER_CACHE_KIB = 8_192, 2_048
"""Pages kept in memory: the system keeps them too, so more of them saves no processor time."""
SWITCH_SECONDS = 0.0005
"""See `quick_switches`."""


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open the database for the one who writes, making it if needed."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    for pragma in (
        "busy_timeout = 5000",
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = ON",
        "mmap_size = 0",
        "wal_autocheckpoint = 0",
        f"journal_size_limit = {LOG_BYTES_MAX}",
        f"cache_size = -{WRITER_CACHE_KIB}",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open the database read-only; the connection may be used by one thread at a time."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
    return connection


class Store(Protocol):
    """What `shrink` needs of the store."""

    async def run(self, job: Callable[[sqlite3.Connection], Any]) -> Any:
        """Run maintenance on the writer."""

    def read_now(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run on the loop's reading connection."""


async def shrink(store: Store) -> None:
    """Give back the pages that the writer and the loop's reader keep in memory.

    They come back one by one as they are needed. As every job does, it also makes the writer forget
    which versions actors have. Raises `Unavailable` like any job.
    """
    await store.run(_shrink)
    store.read_now(_shrink)


def _shrink(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA shrink_memory").fetchall()


@contextmanager
def quick_switches() -> Iterator[None]:
    """Let a thread that wants the interpreter have it after half a millisecond.

    With the usual 5 ms a busy loop that polls more often than that starves the writer: its claim
    starts anew at each poll. Measured with a loop that is always busy: 50 commands/s then, 6,500
    now; nothing lost without load.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, SWITCH_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(before)
