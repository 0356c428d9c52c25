"""The engine on its SQLite store with the tests' toy door, as the daemon would put it together.

Everything a command passes in the daemon is here (store, directory, alarms, hub, log lines written
by their thread, counters, the collector's settings); only HTTP is missing.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import trio

from api import memory
from api.lines import Lines
from api.metrics import Metrics
from api.observer import Log
from api.times import WallClock
from engine.alarms import Alarms
from engine.directory import Directory
from engine.hub import Hub
from engine.limits import Limits
from engine.messages import Address, Command
from storage.sqlite import open_store
from tests.toy import DOOR, Open, SetCode, Shut

PROJECT = "bench"
Order = tuple[Address, Command]


def doors(number: int) -> list[Address]:
    """So many addresses of doors."""
    return [Address(PROJECT, "door", f"door_{place}") for place in range(number)]


def orders(addresses: list[Address]) -> Iterator[Order]:
    """Without end: each door gets another code, is opened with it, is shut.

    Every order is permitted and becomes one fact; opening passes a guard and sets the alarm that
    would shut the door, shutting clears it. Each pass goes through the doors in another order,
    always the same ones: callers do not come in the order in which rows lie on the disk.
    """
    chance = random.Random(7)
    addresses = addresses[:]
    for number in count():
        code = str(1_000 + number % 9_000)
        for command in (SetCode(code=code), Open(code=code), Shut()):
            chance.shuffle(addresses)
            for address in addresses:
                yield address, command


@contextmanager
def log_file(path: Path) -> Iterator[Log]:
    """Log lines into a file, through the daemon's own thread; its folder is made if needed."""
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lines = Lines(descriptor)
    try:
        yield Log(lines, counts=Metrics())
    finally:
        lines.close()
        os.close(descriptor)


@asynccontextmanager
async def open_toy(folder: Path, limits: Limits | None = None) -> AsyncIterator[Directory]:
    """The directory of doors on a data folder."""
    limits = limits or Limits()
    with log_file(folder / "lines.log") as log:
        async with open_store(folder, limits) as store, trio.open_nursery() as actors:
            directory = Directory(
                actors, (DOOR,), store, Hub(), WallClock(), observer=log, limits=limits
            )
            alarms = Alarms(directory)
            directory.note_alarm = alarms.note
            for work in (alarms.run, directory.sweep):
                actors.start_soon(work)
            memory.settle_collector()
            yield directory
            await directory.drain(5.0)
            actors.cancel_scope.cancel()
