"""Visitors in a real daemon: commands over a live socket against HTTP, and what a crowd leaves.

Commands: 200 visitors change their context, have flags fetched, read flags with and without an
exposure, and report hits (`shop.py`), at one daemon with default settings, logs on, except that a
socket may say more than 200 things a second. Ours: one live socket, as many commands under way as
the protocol allows. Against it: the same commands one HTTP request each, over kept connections, as
many as were fastest of a few. They take turns; both loads come from a process of its own that does
little else than send what was made before, so the daemon is what limits both.

Memory: what a daemon holds more than at its start after so many visitors were created, had their
flags fetched, and fell asleep. They come over several sockets; what counts is what is really there,
without pages shared with files. Actors sleep after two seconds here instead of thirty, which
shortens the wait; with thirty, up to 8,000 are awake at once.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count, islice

from api.memory import LOOK_SECONDS
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
from benchmarks.figures import Figure, median, ratios, rounds
from benchmarks.load import press
from benchmarks.pipeline import pour, pour_all
from benchmarks.shop import (
    KEY,
    OPERATOR_KEY,
    Told,
    asked,
    commands,
    opened,
    ordered,
    write_files,
)

VISITORS = [f"visitor_{number}" for number in range(200)]
IN_FLIGHT = 64
CONNECTIONS = (8, 32, 64)
BURST_MAX = 30_000
"""More commands than anybody carries out in one burst."""
FRAMES_PER_SECOND = 1_000_000
CROWD, SOCKETS = 100_000, 4
SETTLE_SECONDS = 1.5
"""After ready, for background work of a start, before memory is read."""
ASLEEP_SECONDS_MAX = 60.0
GIVEN_BACK_SECONDS = 2 * LOOK_SECONDS + 2.0
"""Behind the last to sleep: the daemon looks twice, and the last hits have left."""


def measure(*, is_quick: bool) -> list[Figure]:
    """The ratio of rates, and the memory."""
    visitors = CROWD // 10 if is_quick else CROWD
    return [_commands(3 if is_quick else 6), _asleep(visitors)]


@dataclass(slots=True)
class Daemon:
    """A daemon, and what commands cost it: microseconds by the way they came."""

    port: int
    pid: int
    costs: dict[str, list[float]] = field(default_factory=dict)
    waves: Iterator[int] = field(default_factory=count)

    def socket(self, seconds: float) -> float:
        """Commands a second over one live socket."""
        work = [ordered(told) for told in self._wave()]
        return self._burst("socket", partial(apart, pour, self.port, KEY, work, IN_FLIGHT, seconds))

    def http(self, connections: int, seconds: float) -> float:
        """Commands a second, a request each, over so many connections."""
        work = [asked(told) for told in self._wave()]
        burst = partial(apart, press, self.port, work, connections, seconds, once=True)
        return self._burst("http", burst)

    def _wave(self) -> Iterator[Told]:
        return islice(commands(VISITORS, next(self.waves)), BURST_MAX)

    def _burst(self, name: str, burst: Callable[[], tuple[float, int]]) -> float:
        before = cpu_seconds(self.pid)
        rate, answered = burst()
        cost = (cpu_seconds(self.pid) - before) / answered * 1e6
        self.costs.setdefault(name, []).append(round(cost, 1))
        return rate

    def metric(self, name: str) -> float:
        """One of the daemon's own numbers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30.0)
        try:
            headers = {"Authorization": f"Bearer {OPERATOR_KEY}"}
            connection.request("GET", "/metrics", headers=headers)
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        lines = (line.rpartition(" ") for line in text.splitlines())
        return next(float(value) for found, _, value in lines if found == name)


@contextmanager
def _daemon(**limits: float) -> Iterator[Daemon]:
    """A daemon with the shop's environment."""
    with scratch() as folder:
        extra = write_files(folder, frames_per_second_max=FRAMES_PER_SECOND, **limits)
        port = free_port()
        with running(serve(folder / "data", port, *extra), folder / "daemon.log") as process:
            wait_until_ready(port, process)
            yield Daemon(port, process.pid)


# --- commands


def _commands(turns: int) -> Figure:
    with _daemon() as daemon:
        apart(
            pour_all, daemon.port, KEY, [ordered(told) for told in opened(VISITORS)], 1, IN_FLIGHT
        )
        tried = {number: daemon.http(number, 1.0) for number in CONNECTIONS}
        connections = max(tried, key=lambda number: tried[number])
        daemon.socket(1.0)
        joined, single = rounds(
            turns, partial(daemon.socket, 2.0), partial(daemon.http, connections, 2.0)
        )
    return Figure(
        "visitor commands over one live socket",
        "one HTTP request each",
        median(ratios(joined, single)),
        3.0,
        raw={
            "commands/s": joined,
            "HTTP": single,
            "connections": connections,
            "processor us": median(daemon.costs["socket"]),
            "HTTP's": median(daemon.costs["http"]),
        },
    )


# --- memory


def _asleep(visitors: int) -> Figure:
    with _daemon(idle_seconds_max=2.0) as daemon:
        time.sleep(SETTLE_SECONDS)
        before = resident_bytes(daemon.pid)
        rate = apart(_open, daemon.port, visitors)
        awake = resident_bytes(daemon.pid)
        _wait_until_asleep(daemon)
        time.sleep(GIVEN_BACK_SECONDS)
        if daemon.metric("callboard_directory_slept_total") < visitors:
            raise RuntimeError("not every visitor fell asleep")
        after = resident_bytes(daemon.pid)
    return Figure(
        f"memory after {visitors:,} visitors were created and fell asleep",
        "the daemon at its start",
        round((after - before) / 1e6, 1),
        30,
        at_least=False,
        unit=" MB",
        raw={
            "MB at the start": before / 1e6,
            "when all were created": awake / 1e6,
            "in the end": after / 1e6,
            "visitors created/s": rate,
        },
    )


def _open(port: int, visitors: int) -> float:
    """Create the crowd; visitors a second."""
    names = (f"shopper_{number:06d}" for number in range(visitors))
    return pour_all(port, KEY, map(ordered, opened(names)), SOCKETS, IN_FLIGHT)


def _wait_until_asleep(daemon: Daemon) -> None:
    end = time.monotonic() + ASLEEP_SECONDS_MAX
    while daemon.metric("callboard_directory_awake"):
        if time.monotonic() > end:
            raise RuntimeError("the visitors do not fall asleep")
        time.sleep(0.2)
