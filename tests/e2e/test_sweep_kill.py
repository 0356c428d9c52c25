"""Kill -9 in the middle of a sweep, again and again: nobody is missed, and nobody is told twice.

Three thousand users wait at a guard on a shared value. It is set, and the daemon is killed when so
many of them have been reconsidered, while others follow links and some of the crowd go on by
themselves. Whoever has no answer asks again under the same key. Rules: spec timelines 5.12.14;
DESIGN 2, Sweeps.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e.conftest import ADMIN_KEY, CALLBOARD, Daemon
from e2e.timeline_world import SECRET_KEY
from timeline_small import small

pytestmark = pytest.mark.slow

CROWD = 3_000
KILLED_AT = (200, 600, 1_000, 1_500, 2_000)
"""How many have been reconsidered at each kill."""
MAKERS, WALKERS = 4, 3
SECONDS_MAX = 60.0
V1 = "/timelines/v1"
STORY = small("r a b | c", "r:a a:b b:a", guards={"g1": "s >= 1"})
Json = dict[str, Any]


class House(Daemon):
    """A daemon with the timeline; it counts who was reconsidered, and comes back on its port."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "story.json").write_text(json.dumps(STORY), encoding="utf-8")
        self._project = folder / "project.toml"
        self._project.write_text(
            f'project = "demo"\nadmin_keys = ["{ADMIN_KEY}"]\n[timelines]\n'
            f'secret_keys = ["{SECRET_KEY}"]\npublish = ["story.json"]\n',
            encoding="utf-8",
        )
        self.is_up, self.is_over = threading.Event(), threading.Event()
        self._heard = threading.Condition()
        self._settled_users = 0

    def run(self) -> House:
        """Start it; whoever waits for it goes on."""
        listen = f"127.0.0.1:{self.url.rpartition(':')[2] or 0}"
        self.start("--apply", str(self._project), listen=listen)
        self.is_up.set()
        return self

    def cut(self) -> None:
        """Kill it."""
        self.is_up.clear()
        self.kill()

    def _hear(self, line: bytes) -> None:
        super()._hear(line)
        said = self.lines[-1]
        if said.get("command") == "settle" and said["outcome"] == "ok":
            with self._heard:
                self._settled_users += 1
                self._heard.notify_all()

    def await_settled(self, number: int) -> None:
        """Wait until so many have been reconsidered, over all its lives."""
        with self._heard:
            assert self._heard.wait_for(lambda: self._settled_users >= number, SECONDS_MAX)

    def sweeps(self) -> int:
        """Sweeps that are not at their end, by the file itself."""
        (database,) = self.data.glob("*.db")
        with sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True) as connection:
            (number,) = connection.execute("SELECT count(*) FROM outbox").fetchone()
        connection.close()
        return int(number)


class Caller:
    """Programs with connections. Without an answer they ask again when the daemon is back."""

    def __init__(self, house: House, http: httpx.Client) -> None:
        self._house, self._http = house, http

    def ask(self, user: str, path: str, body: Json, key: str) -> None:
        """One request of a user."""
        headers = {"authorization": SECRET_KEY, "fictioneers-user-id": user, "idempotency-key": key}
        while True:
            assert self._house.is_up.wait(SECONDS_MAX), "the daemon does not come back"
            try:
                got = self._http.post(self._house.url + V1 + path, json=body, headers=headers)
            except httpx.TransportError:
                continue
            assert got.status_code == 200, got.text
            return


def name(number: int) -> str:
    """A user of the crowd, in the order in which a sweep comes to them."""
    return f"user-{number:04}"


def fill(house: House) -> None:
    """Everybody is there and waits."""

    def make(numbers: range) -> None:
        with httpx.Client(base_url=house.url + V1, trust_env=False, timeout=20) as client:
            for number in numbers:
                headers = {"authorization": SECRET_KEY, "fictioneers-user-id": name(number)}
                body = {"published_timeline_id": "T", "timezone": "UTC"}
                got = client.post("/users", json=body, headers=headers)
                assert got.json()["data"]["waiting_for_condition_id"] == "g1", got.text

    with ThreadPoolExecutor(MAKERS) as pool:
        list(pool.map(make, [range(first, CROWD, MAKERS) for first in range(MAKERS)]))


# --- the load


def to_and_fro(house: House, caller: Caller, user: str) -> int:
    """Follow links all the time; how many."""
    followed = 0
    for link in cycle(("r:a", "a:b", "b:a")):
        if link == "r:a" and followed:
            continue
        event = link.partition(":")[0]
        path, key = f"/user-timeline-events/{event}/follow-link", f"{user}-{followed}"
        caller.ask(user, path, {"link_id": link}, key)
        followed += 1
        if house.is_over.is_set():
            break
    return followed


def go_on(house: House, caller: Caller) -> int:
    """Users at the far end of the list go on before a sweep comes to them; how many."""
    gone = 0
    for number in range(CROWD - 1, 0, -2):
        user = name(number)
        caller.ask(user, "/users/me/progress-step", {}, f"{user}-on")
        gone += 1
        if house.is_over.is_set():
            break
    return gone


# --- the whole


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A daemon with the crowd."""
    made = House(tmp_path)
    try:
        made.run()
        fill(made)
        yield made
    finally:
        made.is_over.set()
        made.is_up.set()
        made.close()


def test_kills_in_the_middle_of_a_sweep_miss_nobody(house: House) -> None:
    """Everybody has passed the guard, in one fact; every answered follow is there, once."""
    walkers = [name(number) for number in range(1_200, 1_200 + WALKERS)]
    with (
        httpx.Client(trust_env=False, timeout=20) as http,
        ThreadPoolExecutor(WALKERS + 1) as pool,
    ):
        caller = Caller(house, http)
        follows = [pool.submit(to_and_fro, house, caller, user) for user in walkers]
        set_shared(house)
        gone = pool.submit(go_on, house, caller)
        try:
            for settled in KILLED_AT:
                house.await_settled(settled)
                house.cut()
                assert house.sweeps(), "the sweep was over before the kill"
                house.run()
            while house.sweeps():
                assert httpx.get(f"{house.url}/readyz", trust_env=False).status_code == 200
        finally:
            house.is_over.set()
        followed = {user: one.result() for user, one in zip(walkers, follows, strict=True)}
        assert gone.result() >= len(KILLED_AT)
    assert house.stop() == 0
    check(house, followed)


def set_shared(house: House) -> None:
    """An operator sets what all wait for."""
    got = httpx.patch(
        f"{house.url}{V1}/timelines/T/variables/s",
        json={"value": "1"},
        headers={"authorization": SECRET_KEY},
        timeout=20,
        trust_env=False,
    )
    assert got.status_code == 200, got.text


def check(house: House, followed: dict[str, int]) -> None:
    """What is stored: dense versions, one passed guard each, nobody who waits, no sweep left."""
    lines = [json.loads(line) for line in command("export", "--data", house.data).splitlines()]
    facts: dict[str, list[Json]] = {}
    for line in lines:
        if line["table"] == "fact" and line["kind"] == "user":
            assert line["version"] == len(facts.setdefault(line["id"], [])) + 1
            facts[line["id"]] += line["body"]
    assert sorted(facts) == [name(number) for number in range(CROWD)]
    for user, events in facts.items():
        passed = [one for event in events for one in event["walk"].get("passed", ())]
        assert [id_ for id_, _ in passed] == ["g1"], user
        numbers = [event["event"] for event in events].count("LinkFollowed")
        assert numbers == followed.get(user, 0), user
    tables = {line["table"] for line in lines}
    assert "outbox" not in tables, "the sweep is over"
    assert " 0 problems_found" in command("check", "--data", house.data)


def command(*arguments: object) -> str:
    """What a command of ours prints; it must succeed."""
    line = [str(CALLBOARD), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
