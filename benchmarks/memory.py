"""What stays in memory: an actor awake, an idle socket. (A sleeping actor: `start.py`.)

Memory is what the system says is really there (anonymous pages), read after garbage was collected
and the allocator was asked to return what is free; the difference before and after N of a kind,
divided by N. Pools and threads that grow once have grown before: some of the kind come first.

An awake actor is a toy door that has carried out a command and waits for the next, in the house of
`toy_house`. Its row was written by another process, so no freed memory of a first crowd is reused;
what SQLite's cache takes to read the rows counts as theirs. An idle socket is a WebSocket at the
real daemon that has authenticated, subscribed to a topic, and hears nothing.
"""

from __future__ import annotations

import ctypes
import gc
import time
from pathlib import Path

import trio

from benchmarks.apart import (
    apart,
    free_port,
    resident_bytes,
    running,
    scratch,
    serve,
    wait_until_ready,
)
from benchmarks.figures import Figure
from benchmarks.listeners import PROJECT_FILE, connect
from benchmarks.toy_house import doors, open_toy
from engine.directory import Directory
from engine.messages import Address
from tests.toy import SetCode

CALLERS = 100
TOPIC = "project/bench"
SETTLE_SECONDS = 2.0
"""Before a daemon's memory is read: what is under way ends, buffers go back."""


def measure(*, is_quick: bool) -> list[Figure]:
    """Awake actors and idle sockets."""
    actors, sockets = (2_000, 300) if is_quick else (7_500, 2_000)
    with scratch() as folder:
        apart(_write, folder / "actors", actors)
        awake, left = apart(_awake, folder / "actors", actors)
        idle = _idle(folder, sockets)
    return [
        Figure(
            "memory of an awake actor",
            f"{actors:,} toy doors awake and asleep",
            round(awake / 1_000, 2),
            8,
            at_least=False,
            unit=" kB",
            raw={"bytes each": awake, "bytes each left once asleep": left},
        ),
        Figure(
            "memory of an idle socket",
            f"the daemon before and after {sockets:,}",
            round(idle / 1_000, 2),
            45,
            at_least=False,
            unit=" kB",
            raw={"bytes each": idle},
        ),
    ]


# --- actors


def _awake(folder: Path, actors: int) -> tuple[float, float]:
    """Bytes of one actor awake, and what is left of it asleep."""
    return trio.run(_wake_and_sleep, folder, actors)


async def _wake_and_sleep(folder: Path, actors: int) -> tuple[float, float]:
    addresses = doors(actors)
    async with open_toy(folder) as directory:
        await _wake(directory, addresses[: actors // 10], "2")
        before = await _settled()
        await _wake(directory, addresses[actors // 10 :], "2")
        during = await _settled()
        if directory.statistics()["awake"] != actors:
            raise RuntimeError("not every actor is awake")
        directory.put_idle_to_sleep(trio.current_time() + 3_600)
        after = await _settled()
    measured = actors - actors // 10
    return (during - before) / measured, (after - before) / measured


def _write(folder: Path, actors: int) -> None:
    """Every door's row, by a process of its own."""
    trio.run(_write_all, folder, actors)


async def _write_all(folder: Path, actors: int) -> None:
    async with open_toy(folder) as directory:
        await _wake(directory, doors(actors), "1")


async def _wake(directory: Directory, addresses: list[Address], code: str) -> None:
    waiting = iter(addresses)

    async def caller() -> None:
        for address in waiting:
            await directory.ask(address, SetCode(code=code), by="bench")

    async with trio.open_nursery() as nursery:
        for _ in range(CALLERS):
            nursery.start_soon(caller)


async def _settled() -> int:
    await trio.sleep(0.5)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident_bytes()


# --- sockets


def _idle(folder: Path, sockets: int) -> float:
    """Bytes of one idle socket at the daemon."""
    port = free_port()
    project = folder / "project.toml"
    project.write_text(PROJECT_FILE)
    command = serve(folder / "data", port, "--apply", str(project))
    with running(command, folder / "daemon.log") as process:
        wait_until_ready(port, process)
        early = [connect(port, TOPIC) for _ in range(sockets // 10)]
        for one in early:
            one.close()
        time.sleep(SETTLE_SECONDS)
        before = resident_bytes(process.pid)
        held = [connect(port, TOPIC) for _ in range(sockets)]
        time.sleep(SETTLE_SECONDS)
        after = resident_bytes(process.pid)
        for one in held:
            one.close()
    return (after - before) / sockets
