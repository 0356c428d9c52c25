"""A real daemon, as an operator runs it: a process, a data folder, a port of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

CALLBOARD = Path(sys.executable).with_name("callboard")
ADMIN_KEY = "admin-key-of-the-tests"
OPERATOR_KEY = "operator-key-of-the-tests"
READY_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 15.0


HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.argv[2], sys.argv[2:])
"""


def clean_environment(**more: str) -> dict[str, str]:
    """What a daemon inherits: no settings of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CALLBOARD_")}
    return {**kept, **more}


class Daemon:
    """A daemon's process. It runs from `start` to `stop` or `kill`, and may start again."""

    admin_key = ADMIN_KEY
    operator_key = OPERATOR_KEY

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.url = ""
        self.lines: list[dict[str, Any]] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._settled = threading.Event()
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @property
    def log(self) -> str:
        """Everything it logged."""
        return "\n".join(msgspec.json.encode(line).decode() for line in self.lines)

    def start(
        self,
        *flags: str,
        command: Callable[[list[str]], list[str]] = lambda arguments: arguments,
        listen: str = "127.0.0.1:0",
        environ: dict[str, str] | None = None,
        **popen: Any,
    ) -> Daemon:
        """Start it and wait until it says that it is ready."""
        self.spawn(*flags, command=command, listen=listen, environ=environ, **popen)
        assert self._settled.wait(READY_SECONDS_MAX), "it never got ready"
        assert self.url, f"it ended instead of getting ready: {self.lines}"
        return self

    def start_on(self, listener: socket.socket, *flags: str) -> Daemon:
        """Start it on a socket that is open already, as a service manager does."""
        hand_over = [sys.executable, "-c", HAND_OVER, str(listener.fileno())]
        return self.start(
            *flags,
            listen="fd://3",
            command=lambda arguments: hand_over + arguments,
            pass_fds=(listener.fileno(),),
        )

    def spawn(
        self,
        *flags: str,
        command: Callable[[list[str]], list[str]] = lambda arguments: arguments,
        listen: str = "127.0.0.1:0",
        environ: dict[str, str] | None = None,
        stderr: int = subprocess.PIPE,
        **popen: Any,
    ) -> None:
        """Start it and do not wait."""
        arguments = [str(CALLBOARD), "serve", "--data", str(self.data), "--listen", listen, *flags]
        self._settled.clear()
        self.url, self.lines = "", []
        self._process = subprocess.Popen(
            command(arguments),
            stderr=stderr,
            env=clean_environment(CALLBOARD_OPERATOR_KEY=OPERATOR_KEY, **(environ or {})),
            **popen,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        if stderr == subprocess.PIPE:
            self._reader.start()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in stderr:
                self._hear(line)
        self._settled.set()

    def _hear(self, line: bytes) -> None:
        try:
            said = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError:
            said = {"event": "not_json", "text": line.decode(errors="replace").rstrip()}
        self.lines.append(said)
        if said["event"] == "ready":
            self.url = said["listen"][0]
            self._settled.set()

    def wait(self, seconds_max: float = STOP_SECONDS_MAX) -> int:
        """Wait for its end; the exit code."""
        assert self._process is not None
        code = self._process.wait(seconds_max)
        if self._reader is not None and self._reader.ident is not None:
            self._reader.join(5)
        return code

    def stop(self, seconds_max: float = STOP_SECONDS_MAX) -> int:
        """Ask it to leave; the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds_max)

    def kill(self) -> None:
        """End it without a word, as a power cut would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, by its process id."""
        os.kill(self.pid, number)

    def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def client(self, key: str | None = ADMIN_KEY, **options: Any) -> httpx.Client:
        """An HTTP client with a key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, **options)


@pytest.fixture
def new_daemon(tmp_path: Path) -> Iterator[Callable[[], Daemon]]:
    """Makes daemons that are not started yet, each on a data folder of its own."""
    made: list[Daemon] = []

    def make() -> Daemon:
        folder = tmp_path / f"daemon_{len(made)}"
        folder.mkdir()
        made.append(Daemon(folder))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project file: `demo`, with one admin key."""
    path = tmp_path / "project.toml"
    path.write_text(f'project = "demo"\nadmin_keys = ["{ADMIN_KEY}"]\n')
    return path


@pytest.fixture
def daemon(new_daemon: Callable[[], Daemon], project: Path) -> Daemon:
    """A running daemon with the project `demo`."""
    return new_daemon().start("--apply", str(project))


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Operators of one daemon's environments; every `next` has one that nobody else uses."""
    from e2e.flag_world import daemon_with_environments  # it builds on this file

    with daemon_with_environments(tmp_path_factory.mktemp("environments")) as found:
        yield found


@pytest.fixture
def operator(operators: Iterator[Any]) -> Any:
    """The operator of an environment with the file of flags."""
    from e2e.flag_world import FILE

    found = next(operators)
    found.put(FILE)
    return found
