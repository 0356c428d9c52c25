"""Published clients in processes of their own, spoken to in lines of JSON.

A client is started with a script of `clients/`, asked to do one thing after the other, and tells
what happens meanwhile as events (status changes, requests it sent, exposures). Whoever waits for an
event names it and gives up after a while: nothing here sleeps. What a machine lacks is said in one
sentence by the test that skips.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SCRIPTS = HERE / "clients"
REQUIREMENTS = HERE / "flagship-requirements.txt"
SECONDS_MAX = 20.0
"""How long anything may take before the test fails: far more than it ever needs."""
Event = dict[str, Any]


class ClientFailed(Exception):
    """What was asked of the client raised there; the text is its stack."""


class Client:
    """One running client."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.events: list[Event] = []
        self._answers: dict[int, Event] = {}
        self._asked = 0
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            cwd=folder,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def ask(self, what: str, **given: Any) -> Any:
        """Have one thing done, and return what came of it."""
        assert self._process.stdin is not None
        self._asked += 1
        asked = self._asked
        line = json.dumps({"id": asked, "do": what, "with": given})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        self._take_until(lambda: asked in self._answers, what)
        answer = self._answers.pop(asked)
        if "error" in answer:
            raise ClientFailed(answer["error"])
        return answer["ok"]

    def wait(self, name: str, matching: Callable[[Event], object] = bool, since: int = 0) -> Event:
        """The first event of that name that matches, among those after the first `since` events."""
        found: list[Event] = []

        def is_here() -> bool:
            found.extend(each for each in self.all(name, since) if matching(each))
            return bool(found)

        self._take_until(is_here, f"the event {name}")
        return found[0]

    def all(self, name: str, since: int = 0) -> list[Event]:
        """The events of that name so far, or those after the first `since` events."""
        return [each for each in self.events[since:] if each["event"] == name]

    def requests(self, part: str, since: int = 0) -> list[Event]:
        """The requests it sent whose path (or address) has that part."""
        asked = self.all("request", since)
        return [each for each in asked if part in each.get("path", each.get("url", ""))]

    def _take_until(self, is_done: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + SECONDS_MAX
        while not is_done():
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                heard = "\n".join(json.dumps(each)[:300] for each in self.events[-20:])
                raise TimeoutError(f"no {what} within {SECONDS_MAX} s; heard\n{heard}") from None
            if line is None:
                raise ClientFailed(f"the client ended before {what}")
            told = json.loads(line)
            if "event" in told:
                self.events.append(told)
            else:
                self._answers[told["id"]] = told

    def close(self) -> None:
        """End the process: its input ends, and so does it."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()
        process.stdout.close()


@contextmanager
def running(arguments: list[str], environment: Mapping[str, str], folder: Path) -> Iterator[Client]:
    """A client that is ready, and ends with the block; no request of it may have got lost."""
    client = Client(arguments, environment, folder)
    try:
        client.wait("ready")
        yield client
        assert [each for each in client.all("request") if "error" in each] == []
    finally:
        client.close()


Running = AbstractContextManager[Client]


def node(script: str, *arguments: str, local: str, preload: bool = True) -> Running:
    """A script of `clients/` under Node, its requests redirected to `local`. Skips without Node."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs node, which is not installed here")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("needs the published packages: npm ci --prefix tests/e2e")
    redirected = ["--require", str(HERE / "preload.cjs")] if preload else []
    command = [found, *redirected, str(SCRIPTS / script), *arguments]
    return running(command, {"FS_LOCAL": local}, HERE)


def python(script: str, local: str, folder: Path) -> Running:
    """A script of `clients/` under the Python that has the published clients."""
    command = [str(python_of_clients()), str(SCRIPTS / script)]
    return running(command, {"FS_LOCAL": local, "PYTHONDONTWRITEBYTECODE": "1"}, folder)


def python_of_clients() -> Path:
    """The interpreter of an environment with the clients. Skips if it cannot be made here."""
    interpreter, complaint = _made()
    if complaint:
        pytest.skip(f"the published Python clients cannot be installed here: {complaint}")
    return interpreter


@cache
def _made() -> tuple[Path, str]:
    """The environment is made once and kept beside this file, until other versions are wanted.

    The clients need one of their own, because `flagship` pins old versions of common packages.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    place = HERE / f".venv-flagship-{version}"
    interpreter, stamp = place / "bin" / "python", place / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted and interpreter.exists():
        return interpreter, ""
    shutil.rmtree(place, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [str(interpreter), "-m", "pip", "install", "-q", "--no-deps", "-r", str(REQUIREMENTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
            return interpreter, said[-1]
    stamp.write_text(wanted)
    return interpreter, ""
