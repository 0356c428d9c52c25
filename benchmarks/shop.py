"""A shop's visitors and what they do: the same commands for an HTTP request and for a live socket.

Everything is made before a clock starts. In turn each visitor of a crowd changes its context, has
its flags fetched, reads a flag with an exposure and one without, and reports a hit; each change
brings other values, so each fetch is a real one, and each hit is another one. The crowd comes by
shuffled, so commands of one visitor lie far apart, and always the same way.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.http import bucketing, request
from benchmarks.load import Asked

ENV, KEY = "shop", "bench-visitors-key"
OPERATOR_KEY = "bench-operator-key"
CAMPAIGNS, FLAGS = 5, 2
COUNTRIES = ("fr", "de", "us", "gb", "es", "it", "jp", "br")

Json = dict[str, Any]


class Told(NamedTuple):
    """One command: whom, what, with what."""

    visitor: str
    name: str
    data: Json


def write_files(folder: Path, **limits: float) -> list[str]:
    """A project with one environment, and settings; the daemon's arguments that name them.

    The same exposure counts each time, or a faster client would have less written.
    """
    campaigns = {"campaigns": bucketing(FLAGS)["campaigns"][:CAMPAIGNS]}
    (folder / "shop.json").write_text(json.dumps(campaigns))
    (folder / "project.toml").write_text(
        'project = "bench"\nadmin_keys = ["bench-admin-key"]\n'
        f'[flags.{ENV}]\napi_key = "{KEY}"\nbucketing = "shop.json"\nhit_deduplication_time = 0\n'
    )
    lines = [f'operator_key = "{OPERATOR_KEY}"', "[limits]"]
    lines += [f"{name} = {value}" for name, value in limits.items()]
    (folder / "settings.toml").write_text("\n".join(lines) + "\n")
    return ["--config", str(folder / "settings.toml"), "--apply", str(folder / "project.toml")]


# --- what they do


def opened(visitors: Iterable[str]) -> Iterator[Told]:
    """Each is created, consents, says a few things about itself, and has its flags fetched."""
    for number, visitor in enumerate(visitors):
        context = {
            "age": 16 + number % 70,
            "plan": ("free", "premium", "gold")[number % 3],
            "country": COUNTRIES[number % len(COUNTRIES)],
            "loggedIn": number % 2 == 0,
        }
        yield Told(visitor, "open", {"hasConsented": True, "context": context, "fetchNow": True})


def commands(visitors: Sequence[str], wave: int) -> Iterator[Told]:
    """Without end: what the crowd does in one burst; another `wave`, other values."""
    chance = random.Random(7)
    crowd = list(visitors)
    number = 0
    while True:
        for kind in range(5):
            chance.shuffle(crowd)
            for visitor in crowd:
                number += 1
                yield _command(visitor, kind, wave, number)


def _command(visitor: str, kind: int, wave: int, number: int) -> Told:
    if kind == 0:
        page = f"product/{wave}/{number}"
        return Told(visitor, "updateContext", {"context": {"age": number % 90, "page": page}})
    if kind == 1:
        return Told(visitor, "fetchFlags", {})
    if kind in (2, 3):
        key = f"flag_{number % 3 * 2}_{number % FLAGS}"
        is_seen = kind == 2
        return Told(
            visitor, "getValue", {"key": key, "defaultValue": "none", "visitorExposed": is_seen}
        )
    hit = {"type": "EVENT", "category": "Action Tracking", "action": f"click {wave} {number}"}
    return Told(visitor, "sendHit", {"hit": hit})


# --- how they are told


def asked(told: Told) -> Asked:
    """As a request of its own."""
    path = f"/flags/v1/{ENV}/visitors/{told.visitor}/{told.name}"
    body = json.dumps(told.data, separators=(",", ":")).encode() if told.data else b"{}"
    return Asked(
        request("POST", path, body, f"x-api-key: {KEY}"), b'"id":"%b"' % told.visitor.encode()
    )


def ordered(told: Told) -> bytes:
    """As one of the things in a frame of a live socket."""
    topic = f"visitor/{ENV}:{told.visitor}"
    cmd = {"t": "cmd", "id": told.visitor, "topic": topic, "name": told.name, "data": told.data}
    return json.dumps(cmd, separators=(",", ":")).encode()
