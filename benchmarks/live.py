"""Live push: many facts to some sockets, and one fact to many.

Many to some: one toy door carries out 200 commands; 200 WebSockets have subscribed to it. Ours is
the daemon with its live door and its store: each fact is decided, committed and told before it is
delivered. Against it, a Quart-Trio socket on the same Hypercorn whose handler sends each of 200
ready messages of the same size with one `websocket.send`, nothing stored. A delivery is one event
at one socket; the clock runs from the request that starts it all to the last delivery.

One to many: a single fact to 2,000 sockets, from the moment the commit is told to the last socket
that heard it, measured at the listeners (all processes share the monotonic clock). Against it, the
same bytes from a bare trio server: one task a socket, `send_all`, no protocol.

Listeners are raw sockets in several processes (`listeners.py`). Contestants take turns.
"""

from __future__ import annotations

import http.client
import json
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.apart import free_port, running, scratch, wait_until_ready
from benchmarks.audience import Audience, audience
from benchmarks.figures import Figure, median, ratios, rounds
from benchmarks.listeners import PROJECT_FILE

SOCKETS, FACTS, CROWD = 200, 200, 2_000
TOPIC = "door/sayer"
EVENT = (
    b'{"t":"ev","topic":"door/sayer","epoch":"0123456789abcdef.0","version":1000,'
    b'"time":"2026-01-01T00:00:00.000Z","name":"CodeSet","data":{"code":"1000"}}'
)
PAUSE_SECONDS = 0.2
"""Between rounds: sockets and logs settle."""


def measure(*, is_quick: bool) -> list[Figure]:
    """Deliveries a second, and the last of many deliveries."""
    with scratch() as folder, ExitStack() as stack:
        ours, hello, raw = _servers(folder, stack)
        return [
            _many_facts(ours, hello, 3 if is_quick else 9),
            _many_sockets(ours, raw, 5 if is_quick else 15, CROWD // 4 if is_quick else CROWD),
        ]


def _many_facts(ours: int, hello: int, count: int) -> Figure:
    with audience(ours, SOCKETS, TOPIC) as here, audience(hello, SOCKETS, TOPIC, "/live") as there:
        joined, single = rounds(
            count,
            partial(_deliveries, here, ours, "/bench/say"),
            partial(_deliveries, there, hello, "/say"),
        )
    return Figure(
        f"{SOCKETS} sockets x {FACTS} facts, deliveries/s",
        "one websocket.send per message",
        median(ratios(joined, single)),
        3.0,
        raw={"deliveries/s": joined, "one send each": single},
    )


def _many_sockets(ours: int, raw: int, count: int, sockets: int) -> Figure:
    with audience(ours, sockets, TOPIC) as here, audience(raw, sockets, TOPIC, "/live") as there:
        told, bare = rounds(
            count,
            partial(_last_delivery_ms, here, ours, "/bench/say"),
            partial(_last_delivery_ms, there, raw, "/say"),
        )
    return Figure(
        f"1 fact to {sockets:,} sockets, last delivery after the commit",
        "raw trio writes of the same bytes",
        median(ratios(told, bare)),
        3.0,
        at_least=False,
        raw={"ms": told, "raw ms": bare},
    )


def _deliveries(listeners: Audience, port: int, path: str) -> float:
    time.sleep(PAUSE_SECONDS)
    listeners.listen(FACTS)
    started = time.monotonic_ns()
    _say(port, f"{path}/{FACTS}")
    return SOCKETS * FACTS / (listeners.last_heard() - started) * 1e9


def _last_delivery_ms(listeners: Audience, port: int, path: str) -> float:
    time.sleep(PAUSE_SECONDS)
    listeners.listen(1)
    told_ns = _say(port, f"{path}/1")
    return (listeners.last_heard() - told_ns) / 1e6


def _say(port: int, path: str) -> int:
    """Have a server say something; when it began to tell it, where it says so."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
    try:
        connection.request("POST", path, EVENT)
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {body[:200]!r}")
        return int(json.loads(body).get("told_ns", 0))
    finally:
        connection.close()


# --- servers


def _servers(folder: Path, stack: ExitStack) -> tuple[int, int, int]:
    """Start all three; their ports."""
    (folder / "project.toml").write_text(PROJECT_FILE)
    frame = b"\x81\x7e" + len(EVENT).to_bytes(2, "big") + EVENT
    (folder / "frame").write_bytes(frame)
    data, project = str(folder / "data"), str(folder / "project.toml")
    return (
        _server(folder, stack, "toy_server", "/readyz", data, project),
        _server(folder, stack, "hello_server", "/hello"),
        _server(folder, stack, "raw_server", "/", str(folder / "frame")),
    )


def _server(folder: Path, stack: ExitStack, name: str, path: str, *arguments: str) -> int:
    port = free_port()
    command = ["-m", f"benchmarks.{name}", str(port), *arguments]
    process = stack.enter_context(running(command, folder / f"{name}.log"))
    wait_until_ready(port, process, path)
    return port
