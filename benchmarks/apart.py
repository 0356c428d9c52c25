"""Things that run in a process of their own: contestants, servers, load.

A contestant in a fresh process inherits nothing from the one before it: no garbage, no warm cache,
no collector settings. Servers listen on a free port of the loopback, are waited for until they
answer, and are ended by their process id. Scratch folders lie beside the code, on a real disk: a
temporary folder may be memory, where being durable costs nothing.
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ROOT = Path(__file__).parent.parent
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 15.0


def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a module's function in a fresh process and return what it returns."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, *args, **kwargs).result()


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder on the disk of this project, gone afterwards."""
    place = ROOT / "build"
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place) as folder:
        yield Path(folder)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server process, its output in a file; ended in the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=output, stderr=output, cwd=ROOT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def serve(data: Path, port: int, *extra: str) -> list[str]:
    """The arguments of Python that run the daemon."""
    listen = f"127.0.0.1:{port}"
    program = str(Path(sys.executable).with_name("callboard"))
    return [program, "serve", "--data", str(data), "--listen", listen, *extra]


def wait_until_ready(port: int, process: subprocess.Popen[bytes], path: str = "/readyz") -> float:
    """Ask until the server says 200; the time (monotonic) when it did."""
    end = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with suppress(OSError, http.client.HTTPException):
            if status(port, path) == 200:
                return time.monotonic()
        time.sleep(0.002)
    raise RuntimeError("the server was not ready in time")


def status(port: int, path: str) -> int:
    """One GET on a connection of its own; the status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def resident_bytes(pid: int | str = "self") -> int:
    """Memory of a process that is really there (RSS without pages shared with files)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no RssAnon in the process's status")


def cpu_seconds(pid: int) -> float:
    """Time that a process has had on a processor, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
