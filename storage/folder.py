"""The data folder: what lies where, and who may be in it.

One daemon owns a folder. It holds an exclusive lock on the lock file for as long as it lives; the
kernel drops the lock when the process dies, so a crash never leaves the folder locked. The lock
file itself stays: only the lock on it means anything.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import EngineError

DATABASE = "callboard.db"
LOCK = "callboard.lock"
MEDIA = "media"
KEY = "callboard.key"


class FolderInUse(EngineError):
    """Another process (named by its id where known) works in this data folder."""

    code = "folder_in_use"

    def __init__(self, folder: Path, owner: str) -> None:
        super().__init__(f"{folder} is in use by process {owner or 'unknown'}")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder if needed and keep everybody else out of it; raises `FolderInUse`."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, folder)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        raise FolderInUse(folder, owner) from None


def sync_folder(folder: Path) -> None:
    """Make names that were created, renamed or removed in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's content durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
