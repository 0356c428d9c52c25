"""The command line against a running daemon: applying, keys, watching, and the demo as printed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio_websocket import ConnectionClosed, wrap_client_stream

from tests.e2e.conftest import CALLBOARD, Daemon, clean_environment

pytestmark = pytest.mark.slow


def run(*arguments: object, key: str = "") -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [str(CALLBOARD), *map(str, arguments)],
        env=clean_environment(CALLBOARD_KEY=key),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


class Watching:
    """A `watch` under way."""

    def __init__(self, arguments: list[str], key: str = "") -> None:
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, env=clean_environment(CALLBOARD_KEY=key)
        )

    def next(self) -> dict[str, Any]:
        """The next line."""
        assert self.process.stdout is not None
        return msgspec.json.decode(self.process.stdout.readline(), type=dict[str, Any])

    def stop(self) -> int:
        """Interrupt it; the exit code."""
        os.kill(self.process.pid, signal.SIGINT)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(10)


def test_apply_over_http(daemon: Daemon, tmp_path: Path) -> None:
    """The operator may create a project on a running daemon; a wrong key is said in one line."""
    file = tmp_path / "other.toml"
    file.write_text('project = "other"\nadmin_keys = ["another-admin-key"]\n')
    refused = run("apply", file, "--url", daemon.url, key="wrong-key-of-mine")
    assert (refused.returncode, refused.stderr) == (1, "Error: 401: this key is unknown\n")
    applied = run("apply", file, "--url", daemon.url, key=daemon.operator_key)
    assert applied.stdout == "other: applied admin_keys\n"
    again = run("apply", file, "--url", daemon.url, key=daemon.operator_key)
    assert again.stdout == "other: nothing to do; 1 unchanged\n"


def test_apply_on_a_folder_in_use_is_refused(daemon: Daemon, project: Path) -> None:
    """Without --url it needs the folder for itself."""
    refused = run("apply", project, "--data", daemon.data)
    assert refused.returncode == 1
    assert f"is in use by process {daemon.pid}" in refused.stderr


def test_reading_commands_work_beside_the_daemon(daemon: Daemon, tmp_path: Path) -> None:
    """A backup, a check and an inspection need no stop."""
    assert run("backup", tmp_path / "copy.db", "--data", daemon.data).returncode == 0
    assert "0 problems_found" in run("check", "--data", daemon.data).stdout
    local = run("inspect", "project", "demo", "--data", daemon.data)
    remote = run("inspect", "project", "demo", "--url", daemon.url, key=daemon.admin_key)
    assert json.loads(local.stdout) == json.loads(remote.stdout)


def test_keys_are_created_rotated_and_revoked(daemon: Daemon) -> None:
    """A new key works at once, a rotated one replaces it, a revoked one is dead."""

    def keys(*arguments: str) -> str:
        done = run("keys", "--url", daemon.url, *arguments, key=daemon.admin_key)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def status(key: str) -> int:
        with daemon.client(key) as client:
            return client.get("/v1/machines").status_code

    def id_of(label: str) -> list[str]:
        return [line.split("\t")[0] for line in keys("list").splitlines() if label in line]

    made = keys("create", "--label", "second")
    assert status(made) == 200
    (key_id,) = id_of("second")
    newer = keys("rotate", key_id, "--now")
    assert (status(made), status(newer)) == (401, 200)
    (key_id,) = id_of("second")
    assert keys("revoke", key_id) == f"{key_id} is revoked"
    assert status(newer) == 401


def test_watch_shows_what_changes_and_survives_a_restart(daemon: Daemon) -> None:
    """A snapshot, then each fact; after a restart on the same port it goes on by itself."""
    arguments = [str(CALLBOARD), "watch", "project/demo", "--url", daemon.url]
    watching = Watching(arguments, daemon.admin_key)
    try:
        first = watching.next()
        assert (first["kind"], first["topic"]) == ("snapshot", "project/demo")
        with daemon.client() as client:
            client.post("/v1/keys", json={"label": "one"})
        assert watching.next()["version"] == first["version"] + 1
        port = daemon.port
        assert daemon.stop() == 0
        daemon.start(listen=f"127.0.0.1:{port}")
        with daemon.client() as client:
            client.post("/v1/keys", json={"label": "two"})
        assert watching.next()["version"] == first["version"] + 2
    finally:
        assert watching.stop() == 0


def test_watch_says_what_it_may_not(daemon: Daemon) -> None:
    """A wrong key ends it with one line; usage errors end with 2."""
    refused = run("watch", "project/demo", "--url", daemon.url, key="wrong-key-of-mine")
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: ")
    assert run("watch", "project/demo", "--url", daemon.url).returncode == 2
    assert run("watch", "project/demo", "--url", "nonsense", key="some-key-of-mine").returncode == 2


async def test_sockets_are_told_to_come_back(daemon: Daemon) -> None:
    """SIGTERM: `bye` with a hint when to return, close code 1012, and exit code 0."""
    headers = [(b"Authorization", f"Bearer {daemon.admin_key}".encode())]
    frames: list[dict[str, Any]] = []
    with trio.fail_after(15):
        async with (
            await trio.open_tcp_stream("127.0.0.1", daemon.port) as stream,
            trio.open_nursery() as nursery,
        ):
            live = await wrap_client_stream(
                nursery, stream, "127.0.0.1", "/v1/live", extra_headers=headers
            )
            await live.send_message('{"t": "sub", "id": 1, "topic": "project/demo"}')
            with contextlib.suppress(ConnectionClosed):
                while True:
                    decoded = msgspec.json.decode(await live.get_message())
                    frames += decoded if isinstance(decoded, list) else [decoded]
                    if frames[-1]["t"] == "subd":
                        daemon.signal(signal.SIGTERM)
            assert live.closed is not None
            assert live.closed.code == 1012
        assert await trio.to_thread.run_sync(daemon.wait) == 0
    assert frames[-1]["t"] == "bye"
    assert frames[-1]["retry_ms"] > 0


# --- the demo


@pytest.fixture
def demo() -> Iterator[list[str]]:
    """A running demo: the lines that it printed."""
    process = subprocess.Popen(
        [str(CALLBOARD), "demo", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=clean_environment(),
    )
    assert process.stdout is not None
    lines: list[str] = []
    while not any("/panic" in line for line in lines):
        line = process.stdout.readline()
        assert line, "the demo ended"
        lines.append(line.strip())
    yield lines
    os.kill(process.pid, signal.SIGINT)
    process.stdout.close()
    assert process.wait(10) == 0


def test_the_demo_works_as_printed(demo: list[str]) -> None:
    """Every address opens, every curl line answers, and the watch lines show what those change."""
    if shutil.which("curl") is None:
        pytest.skip("needs curl, which is not installed here")
    visitor_line, environment_line = (line for line in demo if "callboard watch " in line)
    *reading, panic = (line for line in demo if line.startswith("curl"))
    for line in (line.split()[0] for line in demo if line.startswith("http")):
        assert shell(f"curl -sf -o /dev/null -w '%{{http_code}}' {line}") == "200"
    with watching(visitor_line) as visitor:
        assert visitor.next()["state"] is None
        for line in reading:
            code, body = answered(line)
            assert code == (201 if line.endswith("/visitors") else 200), body
        assert [visitor.next()["name"] for _ in range(5)] == SEEN_OF_BOB
    with watching(environment_line) as environment:
        before = environment.next()
        assert before["state"]["panic"] is False
        assert answered(panic)[1]["panic"] is True
        assert environment.next()["version"] == before["version"] + 1


SEEN_OF_BOB = ["Opened", "Fetched", "ContextUpdated", "FetchStarted", "Fetched"]
"""What the printed lines do to the visitor, as the first watch line shows it."""


@contextlib.contextmanager
def watching(line: str) -> Iterator[Watching]:
    """A printed watch line under way; it leaves in good order."""
    one = Watching(["sh", "-c", f"exec {line}"])
    try:
        yield one
    finally:
        code = one.stop()
    assert code == 0


def answered(line: str) -> tuple[int, Any]:
    """Status and body of a printed curl line."""
    body, _, code = shell(f"{line} -w '\n%{{http_code}}'").rpartition("\n")
    return int(code), json.loads(body)


def shell(line: str) -> str:
    """Run a printed line as a reader would."""
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=20, check=True
    )
    return done.stdout
