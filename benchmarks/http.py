"""Decisions over HTTP against the least that the same server can do.

Ours: the real daemon with default settings, logs on, a project file with two environments, asked
over 32 kept connections: the call that the JavaScript SDK makes (10 campaigns, extras, exposed
keys, `trigger_hit` false) for 1,000 visitors it knows; the same for visitors it sees for the first
time, whose assignments are committed before the answer; and OpenFeature's bulk call for 50 flags.

Against it: a Quart-Trio application that answers `{"hello": "world"}` to a GET without a body, on
the same Hypercorn with the same configuration. It parses nothing, decides nothing, logs nothing.

Both servers stay up, bursts take turns, and the load comes from a process of its own. Beside the
rates stand the microseconds of processor time that one answer took its server: less exact, but
hardly touched by whatever else the machine does meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.apart import (
    apart,
    cpu_seconds,
    free_port,
    running,
    scratch,
    serve,
    wait_until_ready,
)
from benchmarks.figures import Figure, Raw, median, ratios, rounds
from benchmarks.load import Asked, press

CAMPAIGNS, VISITORS, CONNECTIONS = 10, 1_000, 32
KEYS = {"decisions": "bench-decisions-key", "features": "bench-features-key"}
FLAGS_PER_CAMPAIGN = {"decisions": 2, "features": 5}
NEW_VISITORS = 40_000
"""More than anybody can decide for in one burst."""


@dataclass(slots=True)
class Server:
    """A server that is up, and what its answers cost it: microseconds by the name of the work."""

    port: int
    pid: int
    costs: dict[str, list[float]]

    def burst(self, name: str, seconds: float, work: Sequence[Asked], once: bool = False) -> float:
        """Requests a second under full load."""
        before = cpu_seconds(self.pid)
        rate, answered = apart(press, self.port, work, CONNECTIONS, seconds, once=once)
        cost = (cpu_seconds(self.pid) - before) / answered * 1e6
        self.costs.setdefault(name, []).append(round(cost, 1))
        return rate


def measure(*, is_quick: bool) -> list[Figure]:
    """Three ratios to the hello."""
    seconds = 1.0 if is_quick else 2.0
    numbers = count()
    with scratch() as folder, ExitStack() as stack:
        ours, hello = _servers(folder, stack)
        known = [decision(f"visitor_{number}") for number in range(VISITORS)]
        features = [bulk(f"visitor_{number}") for number in range(VISITORS)]
        apart(press, ours.port, known, CONNECTIONS, 1.0)  # from here on they are known
        found = rounds(
            3 if is_quick else 6,
            partial(hello.burst, "hello", seconds, [_hello()]),
            partial(ours.burst, "known", seconds, known),
            lambda: ours.burst("first", seconds, first_timers(next(numbers)), once=True),
            partial(ours.burst, "bulk", seconds, features),
        )
    return _figures(hello.costs | ours.costs, *found)


def _figures(
    costs: dict[str, list[float]],
    hello: list[float],
    known: list[float],
    first: list[float],
    bulk_call: list[float],
) -> list[Figure]:
    def figure(measure: str, name: str, ours: list[float], target: float | None) -> Figure:
        raw: Raw = {
            "requests/s": ours,
            "hello": hello,
            "processor us": median(costs[name]),
            "hello's": median(costs["hello"]),
        }
        return Figure(measure, "a Quart-Trio hello", median(ratios(ours, hello)), target, raw=raw)

    campaigns = "POST campaigns, 10 campaigns"
    return [
        figure(f"{campaigns}, 1,000 known visitors", "known", known, 0.65),
        figure(f"{campaigns}, first-time visitors", "first", first, None),
        figure("one bulk OFREP call of 50 flags", "bulk", bulk_call, 0.5),
    ]


def first_timers(wave: int) -> list[Asked]:
    """Requests of visitors that nobody has seen."""
    return [decision(f"new_{wave}_{number}") for number in range(NEW_VISITORS)]


# --- servers


def _servers(folder: Path, stack: ExitStack) -> tuple[Server, Server]:
    """Start both."""
    ours, hello = free_port(), free_port()
    project = folder / "project.toml"
    project.write_text(project_file(folder))
    command = serve(folder / "data", ours, "--apply", str(project))
    daemon = stack.enter_context(running(command, folder / "daemon.log"))
    wait_until_ready(ours, daemon)
    command = ["-m", "benchmarks.hello_server", str(hello)]
    process = stack.enter_context(running(command, folder / "hello.log"))
    wait_until_ready(hello, process, "/hello")
    return Server(ours, daemon.pid, {}), Server(hello, process.pid, {})


def project_file(folder: Path) -> str:
    """Two environments; their bucketing files are written beside."""
    text = 'project = "bench"\nadmin_keys = ["bench-admin-key"]\n'
    for env, key in KEYS.items():
        path = folder / f"{env}.json"
        path.write_text(json.dumps(bucketing(FLAGS_PER_CAMPAIGN[env])))
        text += f'[flags.{env}]\napi_key = "{key}"\nbucketing = "{path.name}"\n'
    return text


def bucketing(flags: int) -> dict[str, Any]:
    """Ten A/B campaigns with that many flags each; half of them look at the context."""
    return {"campaigns": [_campaign(number, flags) for number in range(CAMPAIGNS)]}


def _campaign(number: int, flags: int) -> dict[str, Any]:
    name = f"campaign_{number}"
    rules: list[dict[str, Any]] = [{"operator": "EQUALS", "key": "fs_all_users", "value": ""}]
    if number % 2:
        rules = [
            {"operator": "GREATER_THAN_OR_EQUALS", "key": "age", "value": 18},
            {"operator": "EQUALS", "key": "plan", "value": ["premium", "gold"]},
        ]
    variations = [
        {
            "id": f"{name}_{side}",
            "name": f"Variation {side}",
            "allocation": 50,
            "reference": side == "a",
            "modifications": {
                "type": "FLAG",
                "value": {f"flag_{number}_{place}": f"{side}{place}" for place in range(flags)},
            },
        }
        for side in "ab"
    ]
    group = {
        "id": f"{name}_group",
        "name": "Everybody",
        "targeting": {"targetingGroups": [{"targetings": rules}]},
        "variations": variations,
    }
    campaign = {"id": name, "name": f"Campaign {number}", "type": "ab", "slug": None}
    return {**campaign, "bucketRanges": [{"r": [0, 100]}], "variationGroups": [group]}


# --- requests


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    """A request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "accept: */*", *headers]
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _hello() -> Asked:
    return Asked(request("GET", "/hello"), b'{"hello":"world"}')


def decision(visitor: str) -> Asked:
    """What the JavaScript SDK sends to learn a visitor's campaigns."""
    context = {"fs_client": "TypeScript", "fs_version": "5.2.0", "fs_users": visitor}
    body = {
        "visitorId": visitor,
        "anonymousId": None,
        "trigger_hit": False,
        "visitor_consent": True,
        "context": {**context, "age": 31, "plan": "premium"},
    }
    path = "/flags/v2/decisions/campaigns?exposeAllKeys=true&extras[]=accountSettings"
    sdk = (f"x-api-key: {KEYS['decisions']}", "x-sdk-client: TypeScript", "x-sdk-version: 5.2.0")
    made = request("POST", path, json.dumps(body).encode(), *sdk)
    return Asked(made, b'"flag_9_1":')


def bulk(visitor: str) -> Asked:
    """OpenFeature's bulk evaluation."""
    body = {"context": {"targetingKey": visitor, "age": 31, "plan": "premium"}}
    path = "/ofrep/v1/evaluate/flags"
    made = request("POST", path, json.dumps(body).encode(), f"x-api-key: {KEYS['features']}")
    return Asked(made, b'"key":"flag_9_4"')
