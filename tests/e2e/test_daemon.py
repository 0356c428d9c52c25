"""The daemon as a process: starting, being there, and leaving in good order."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import time
from pathlib import Path

import httpx
import pytest
from certificates import self_signed

from api.metrics import DESCRIBED

pytestmark = pytest.mark.slow


def test_it_serves_and_leaves(daemon) -> None:
    """Ready means usable; SIGTERM means exit code 0 and a last word, in well under ten seconds."""
    with daemon.client() as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/actors", params={"kind": "project"}).json()["actors"]
    started = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - started < 5
    events = [line["event"] for line in daemon.lines]
    assert events[-2:] == ["leaving", "stopped"]


def test_interrupt_means_the_same(daemon) -> None:
    """Ctrl-C is a stop like any other."""
    daemon.signal(signal.SIGINT)
    assert daemon.wait() == 0


def test_what_was_applied_is_durable(daemon) -> None:
    """After a stop, and after a kill, the same folder serves the project without its file."""
    assert daemon.stop() == 0
    for end in (daemon.stop, daemon.kill):
        daemon.start()
        with daemon.client() as client:
            assert client.get("/v1/actors/project/demo").status_code == 200
        end()


def test_a_folder_in_use_is_refused(daemon, new_daemon) -> None:
    """A second daemon on the same folder says so in one line and ends with 1."""
    other = new_daemon()
    other.data = daemon.data
    other.spawn()
    assert other.wait() == 1
    (line,) = other.lines
    assert f"{daemon.data} is in use by process {daemon.pid}" in line["text"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--listen", "nowhere"), "--listen: listen: 'nowhere' is not HOST:PORT"),
        (("--log-level", "loud"), "--log-level: log_level: Invalid enum value 'loud'"),
        (("--apply", "none.toml"), "--apply: apply: there is no file none.toml"),
        (("--tls-cert", __file__), "--tls-cert: tls_cert: tls_cert and tls_key go together"),
        (
            ("--tls-cert", __file__, "--tls-key", __file__),
            "tls_cert, tls_key: they do not work together",
        ),
    ],
)
def test_a_bad_setting_stops_the_start(new_daemon, flags: tuple[str, ...], reason: str) -> None:
    """One clear line, exit code 1, nothing made."""
    refused = new_daemon()
    refused.spawn(*flags)
    assert refused.wait() == 1
    (line,) = refused.lines
    assert line["text"].startswith(f"Error: {reason}")
    assert not refused.data.exists()


def test_a_bad_project_file_stops_the_start(new_daemon, tmp_path: Path) -> None:
    """The file and the line are named, and the daemon never got ready."""
    path = tmp_path / "bad.toml"
    path.write_text('project = "demo"\n\n[lamp]\n')
    refused = new_daemon()
    refused.spawn("--apply", str(path))
    assert refused.wait() == 1
    assert refused.lines[-1]["text"].startswith(f"Error: {path}:3: unknown table 'lamp'")


def test_a_taken_port_stops_the_start(daemon, new_daemon) -> None:
    """Somebody else's port is named in the one line."""
    refused = new_daemon()
    refused.spawn(listen=f"127.0.0.1:{daemon.port}")
    assert refused.wait() == 1
    assert "Address already in use" in refused.lines[-1]["text"]


def test_old_clients_get_their_end_of_stream(daemon) -> None:
    """HTTP/1.0 and `Connection: close` see the answer and then the end, on every sort of route."""
    for path in ("/healthz", "/readyz", "/nothing", "/openapi.json", "/v1/actors"):
        for text in (
            f"GET {path} HTTP/1.0\r\n\r\n",
            f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", daemon.port), timeout=5) as peer:
                peer.sendall(text.encode())
                answer = b""
                while chunk := peer.recv(65_536):
                    answer += chunk
                assert answer.startswith(b"HTTP/1.1 ")


def test_peers_that_never_read_do_not_hold_up_the_end(daemon) -> None:
    """Neither one that asks without reading nor an idle one keeps the daemon beyond its time."""
    with (
        socket.create_connection(("127.0.0.1", daemon.port)) as stuck,
        socket.create_connection(("127.0.0.1", daemon.port)) as idle,
    ):
        stuck.settimeout(2)
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n" * 200
        with contextlib.suppress(TimeoutError):  # until neither side can write any more
            while True:
                stuck.sendall(asked)
        with daemon.client() as client:
            assert client.get("/readyz").status_code == 200
        started = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - started < 10
        assert idle.recv(1) == b""


def test_the_service_manager_is_told(new_daemon, project: Path, tmp_path: Path) -> None:
    """Ready with the process id, alive while it runs, stopping at the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        told = new_daemon().start(
            "--apply",
            str(project),
            environ={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"},
        )
        said = {manager.recv(1_000).decode() for _ in range(4)}
        assert said == {f"READY=1\nMAINPID={told.pid}", "WATCHDOG=1"}
        told.signal(signal.SIGTERM)
        while (word := manager.recv(1_000)) == b"WATCHDOG=1":
            pass
        assert word == b"STOPPING=1"
        assert told.wait() == 0


def test_the_service_manager_may_open_the_socket(new_daemon, project: Path) -> None:
    """Socket activation: descriptor 3 is served, and connections made before the start wait."""
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=20) as early:
            early.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            activated = new_daemon().start_on(ours, "--apply", str(project))
            assert activated.port == port
            assert early.recv(65_536).startswith(b"HTTP/1.1 200")
        assert activated.stop() == 0


def test_it_speaks_tls(new_daemon, project: Path, tmp_path: Path) -> None:
    """With a certificate and its key the same doors open over TLS, and plain text gets nothing."""
    certificate, key = self_signed(tmp_path)
    secured = new_daemon().start(
        "--apply", str(project), "--tls-cert", str(certificate), "--tls-key", str(key)
    )
    assert secured.url.startswith("https://")
    trust = ssl.create_default_context(cafile=str(certificate))
    with secured.client(verify=trust) as client:
        assert client.get("/v1/actors/project/demo").status_code == 200
    with pytest.raises(httpx.RemoteProtocolError), httpx.Client(trust_env=False) as plain:
        plain.get(secured.url.replace("https", "http") + "/healthz")
    assert secured.stop() == 0


def test_the_metrics_are_those_of_the_list(daemon) -> None:
    """Only the operator reads them; everything of ours on the page is in the documented list."""
    with daemon.client() as client:
        assert client.get("/metrics").status_code in {401, 403}
    with daemon.client(daemon.operator_key) as client:
        page = client.get("/metrics")
    assert page.status_code == 200
    names = {line.split()[2] for line in page.text.splitlines() if line.startswith("# TYPE")}
    ours = {name for name in names if name.startswith("callboard_")}
    assert ours <= set(DESCRIBED) | {name for name in ours if is_a_doors(name)}
    assert set(DESCRIBED) - ours <= {"callboard_live_closed_total"}


def is_a_doors(name: str) -> bool:
    """Doors count what they like, under their own name."""
    doors = ("flags", "timelines", "broadcasts", "stories", "audience")
    return name.startswith(tuple(f"callboard_{door}_" for door in doors))


def test_no_secret_reaches_the_log(daemon) -> None:
    """Keys in headers, in queries and in bodies, right or wrong, stay out of every line."""
    with daemon.client() as client:
        client.get("/v1/actors", params={"kind": "project", "ticket": "secret-in-a-query"})
        client.get("/v1/machines", headers={"x-api-key": "secret-in-a-header"})
        client.post("/v1/keys", json={"kind": "secret-in-a-body"})
        made = client.post("/v1/keys", json={"label": "another"}).json()["key"]
    with daemon.client("secret-wrong-key") as client:
        assert client.get("/v1/actors").status_code == 401
    assert daemon.stop() == 0
    assert "/v1/actors" in daemon.log
    for secret in ("secret-", daemon.admin_key, daemon.operator_key, made):
        assert secret not in daemon.log


def test_nobody_reads_the_log(new_daemon, project: Path) -> None:
    """A log pipe that nobody empties stops neither requests nor the end."""
    unread, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4_096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    silent = new_daemon()
    port = free_port()
    silent.spawn(
        "--apply",
        str(project),
        listen=f"127.0.0.1:{port}",
        stderr=writer,
    )
    silent.url = f"http://127.0.0.1:{port}"
    transport = httpx.HTTPTransport(retries=6)
    with silent.client(transport=transport) as client:
        for _ in range(50):
            assert client.get("/healthz").status_code == 200
    started = time.monotonic()
    assert silent.stop() == 0
    assert time.monotonic() - started < 5
    os.close(writer)
    os.close(unread)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
