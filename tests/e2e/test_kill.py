"""Kill -9 under load, again and again: nothing acknowledged is lost.

Two daemons, each on a folder of its own, are killed at random moments while callers write: some
while they are starting, most in the middle of the work. After each start everything acknowledged
must be there and versions dense; `check` finds nothing now and then, and in the end.
"""

from __future__ import annotations

import random
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from .conftest import ADMIN_KEY, CALLBOARD, Daemon

DAEMONS = 2
KILLS = 25  # of each
CALLERS = 4
ENVIRONMENTS = ("one", "two", "three")
CHECK_EVERY = 8
PROJECT = f"""
project = "demo"
admin_keys = ["{ADMIN_KEY}"]
""" + "".join(f'[flags.{name}]\napi_key = "key-of-{name}"\n' for name in ENVIRONMENTS)


class Ledger:
    """What callers were told, and what they do not know."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.panics: dict[str, dict[int, bool]] = {name: {} for name in ENVIRONMENTS}
        self.keys: set[str] = set()
        self.unknown: list[tuple[str, str, bool]] = []
        self.verified: dict[str, tuple[int, bool]] = dict.fromkeys(ENVIRONMENTS, (0, False))
        self.number = 0
        self.answers = 0
        self.enough = threading.Event()
        self.wanted = 0

    def begin(self, wanted: int) -> None:
        """A round of load that lasts until so many answers."""
        self.answers, self.wanted = 0, wanted
        self.enough.clear()

    def count(self) -> None:
        """One more answer."""
        self.answers += 1
        if self.answers >= self.wanted:
            self.enough.set()

    def next_order(self, dice: random.Random) -> tuple[str, str, bool]:
        """(key, environment, on): an order nobody knows the end of, or a new one."""
        with self.lock:
            if self.unknown and dice.random() < 0.3:
                return self.unknown.pop()
            self.number += 1
            return f"order-{self.number}", dice.choice(ENVIRONMENTS), dice.random() < 0.5


def call(daemon: Daemon, ledger: Ledger, seed: int) -> None:
    """Write until the daemon is gone."""
    dice = random.Random(seed)
    try:
        with daemon.client(timeout=10.0) as client:
            while True:
                if dice.random() < 0.15:
                    create_key(client, ledger)
                else:
                    set_panic(client, ledger, ledger.next_order(dice))
    except httpx.TransportError:
        ledger.enough.set()  # gone, or never there


def set_panic(client: httpx.Client, ledger: Ledger, order: tuple[str, str, bool]) -> None:
    """Carry out an order; the same key again if nobody knows what became of it."""
    key, environment, on = order
    path = f"/v1/actors/environment/{environment}/setPanic"
    try:
        answer = client.post(path, json={"on": on}, headers={"Idempotency-Key": key})
    except httpx.TransportError:
        with ledger.lock:
            ledger.unknown.append(order)
        raise
    assert answer.status_code == 200, answer.text
    with ledger.lock:
        known = ledger.panics[environment].setdefault(answer.json()["version"], on)
        assert known == on, "one version was told with two values"
        ledger.count()


def create_key(client: httpx.Client, ledger: Ledger) -> None:
    """Create a credential."""
    answer = client.post("/v1/keys", json={"label": "a key"})
    assert answer.status_code == 201, answer.text
    with ledger.lock:
        ledger.keys.add(answer.json()["key_id"])
        ledger.count()


def verify(daemon: Daemon, ledger: Ledger) -> None:
    """Everything acknowledged is there, in versions without a gap."""
    with daemon.client(timeout=10.0) as client:
        shown = {key["key_id"] for key in client.get("/v1/keys").json()}
        assert ledger.keys <= shown, "an acknowledged key is gone"
        for environment in ENVIRONMENTS:
            _verify_environment(client, ledger, environment)


def _verify_environment(client: httpx.Client, ledger: Ledger, environment: str) -> None:
    version, on = ledger.verified[environment]
    told = ledger.panics[environment]
    facts = _facts(client, environment, version)
    for fact in facts:
        assert fact["version"] == version + 1, "versions are dense"
        version = fact["version"]
        on = fact["data"].get("on", on)
        assert told.get(version, on) == on, "what was acknowledged is not what is stored"
    assert max(told, default=0) <= version, "an acknowledged version is gone"
    ledger.verified[environment] = (version, on)


def _facts(client: httpx.Client, environment: str, after: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        query = {"after": str(after), "limit": "500"}
        page = client.get(f"/v1/actors/environment/{environment}/facts", params=query).json()
        found += page["facts"]
        if len(page["facts"]) < 500:
            return found
        after = found[-1]["version"]


def check(daemon: Daemon) -> None:
    """The operator's own check finds nothing."""
    command = [CALLBOARD, "check", "--data", str(daemon.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 problems_found" in done.stdout


def sweep(daemon: Daemon, project: Path, seed: int) -> Ledger:
    """Start, load, kill; again and again on the same folder."""
    dice, ledger = random.Random(seed), Ledger()
    daemon.start("--apply", str(project))
    for kill in range(KILLS):
        if kill % 6 == 5:  # in the middle of starting
            daemon.spawn()
            threading.Event().wait(dice.random())
            daemon.kill()
        else:
            if kill:
                daemon.start()
                verify(daemon, ledger)
            load(daemon, ledger, dice)
        if kill % CHECK_EVERY == CHECK_EVERY - 1:
            check(daemon)
    daemon.start()
    verify(daemon, ledger)
    assert daemon.stop() == 0
    check(daemon)
    return ledger


def load(daemon: Daemon, ledger: Ledger, dice: random.Random) -> None:
    """Callers at work until a random number of answers; then it is killed under them."""
    ledger.begin(dice.randrange(1, 60))
    with ThreadPoolExecutor(CALLERS) as callers:
        calls = [
            callers.submit(call, daemon, ledger, dice.randrange(1 << 30)) for _ in range(CALLERS)
        ]
        assert ledger.enough.wait(20.0), "the daemon does not answer"
        daemon.kill()
        for one in calls:
            one.result()


@pytest.mark.slow
def test_fifty_kills_lose_nothing(new_daemon: Callable[[], Daemon], tmp_path: Path) -> None:
    """Fifty kills at random moments: every acknowledged command is there, `check` is clean."""
    project = tmp_path / "kill.toml"
    project.write_text(PROJECT, encoding="utf-8")
    daemons = [new_daemon() for _ in range(DAEMONS)]
    with ThreadPoolExecutor(DAEMONS) as sweeps:
        running = [sweeps.submit(sweep, one, project, 40 + n) for n, one in enumerate(daemons)]
        ledgers = [one.result() for one in running]
    for ledger in ledgers:
        assert sum(len(told) for told in ledger.panics.values()) > 100
        assert len(ledger.keys) > 10
