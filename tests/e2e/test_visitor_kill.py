"""Kill -9 under visitors at work: what was acknowledged is there, and every hit arrives once.

Programs over HTTP and over the live socket change contexts and send hits while the daemon is killed
again and again. Whoever has no answer asks again under the same key; each visitor belongs to one
program, so each of its answers must be the next version, and its hits can be counted one by one.
Fetches wait for an upstream that never answers, and a kill cuts them off.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from e2e.conftest import CALLBOARD
from e2e.flag_world import Json, split
from e2e.visitor_world import FAILED, FETCHING, Node, answered, key_of, nodes, status_of

from api.client import LiveClient, open_live

pytestmark = pytest.mark.slow

KILLS = 6
OVER_HTTP, OVER_SOCKETS = 3, 2
CUT_OFF = 4
"""Fetches under way at each kill."""


class Work:
    """What the programs have in common: when to stop, when to ask again, how much was answered."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.is_over = threading.Event()
        self.is_up = threading.Event()
        self._more = threading.Condition()
        self._answers = 0

    def count(self) -> None:
        """One more answer."""
        with self._more:
            self._answers += 1
            self._more.notify_all()

    def await_answers(self, number: int) -> None:
        """Wait until that many more were given."""
        with self._more:
            wanted = self._answers + number
            assert self._more.wait_for(lambda: self._answers >= wanted, 20), "no answers any more"


class Program:
    """One program and its visitor; it knows what the visitor's state must be."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.dice = random.Random(seed)
        self.version = 0
        self.number = 0
        self.hits: list[str] = []

    def next_order(self) -> tuple[str, Json, str]:
        """(command, body, idempotency key): another context, or a hit nobody sent before."""
        self.number += 1
        key = f"{self.name}-order-{self.number}"
        if self.dice.random() < 0.5:
            return "updateContext", {"context": {"number": self.number}}, key
        self.hits.append(key)
        return "sendHit", {"hit": {"type": "SCREENVIEW", "documentLocation": key}}, key

    def note(self, command: str, shown: Json) -> None:
        """An order was carried out, as a fact right behind the one before."""
        if command == "updateContext":
            assert shown["context"]["number"] == self.number
        assert shown["version"] == self.version + 1, "one order, one fact, none lost, none twice"
        self.version = shown["version"]


# --- programs


def work_over_http(work: Work, program: Program) -> None:
    """Orders over HTTP, each again under its key until it is answered."""
    path = f"/flags/v1/home/visitors/{program.name}"
    with httpx.Client(trust_env=False, timeout=20, headers={"x-api-key": key_of("home")}) as client:
        while not work.is_over.is_set():
            command, body, key = program.next_order()
            got = until_answered(work, client, f"{path}/{command}", body, key)
            program.note(command, answered(got, 200))
            work.count()


def until_answered(
    work: Work, client: httpx.Client, path: str, body: Json, key: str
) -> httpx.Response:
    """One order. Without an answer it is sent again when the daemon is back."""
    while True:
        assert work.is_up.wait(20), "the daemon does not come back"
        try:
            headers = {"idempotency-key": key}
            return client.post(work.node.url + path, json=body, headers=headers)
        except httpx.TransportError:
            continue


async def work_over_sockets(work: Work, programs: list[Program]) -> None:
    """Orders over one live socket, which comes back by itself."""
    url = work.node.url.replace("http", "ws", 1) + "/v1/live"
    async with open_live(url, key=key_of("home")) as live, trio.open_nursery() as nursery:
        for program in programs:
            nursery.start_soon(work_over_one, work, live, program)


async def work_over_one(work: Work, live: LiveClient, program: Program) -> None:
    """Orders about one visitor."""
    while not work.is_over.is_set():
        command, body, key = program.next_order()
        with trio.fail_after(30):
            shown = await live.command(f"visitor/home:{program.name}", command, body, key=key)
        program.note(command, shown)
        work.count()


# --- fetches


def begin_fetches(node: Node, kill: int) -> list[str]:
    """Fetches that are under way and acknowledged; every other visitor changes meanwhile."""
    handles = [f"waits-{kill}-{number}" for number in range(CUT_OFF)]
    for number, handle in enumerate(handles):
        caller = node.visitor("slow", handle)
        caller.open(fetchNow=False)
        got = caller.ask("POST", f"/{handle}/fetchFlags", prefer="respond-async")
        assert status_of(answered(got, 202)) == FETCHING
        if number % 2:
            caller.do("updateContext", context={"number": number})
    return handles


def check_fetches(node: Node, handles: list[str]) -> None:
    """Each was ended by its alarm; a change that came meanwhile stands."""
    for number, handle in enumerate(handles):
        node.said(event="command", address=shown(handle), command="alarmDue")
        caller = node.visitor("slow", handle)
        expected = ("FETCH_REQUIRED", "UPDATE_CONTEXT") if number % 2 else FAILED
        assert status_of(caller.shown()) == expected
        path = f"/v1/actors/visitor/slow:{handle}/facts"
        last = node.ask("GET", path).json()["facts"][-1]
        assert (last["name"], last["data"]["error"]) == ("FetchFailed", "the fetch was cut off")


# --- the whole


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A daemon with an environment of its own file, and one whose upstream never answers."""
    with nodes(tmp_path) as make, socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        slow = (
            f'decision_api_url = "http://127.0.0.1:{port}/"\nupstream_private = true\ntimeout = 3'
        )
        made = make("kills", {"home": "batch_intervals = 1\nfetch_now = false", "slow": slow}).run()
        made.put("home", split("one", 100))
        yield made


@pytest.mark.covers("FS-091")
def test_kills_under_visitors_lose_nothing(node: Node) -> None:
    """Every answer stands, every accepted hit is in the store once, cut off fetches are ended."""
    programs = [Program(f"ann-{number}", number) for number in range(OVER_HTTP + OVER_SOCKETS)]
    for program in programs:
        program.version = node.visitor("home", program.name).open()["version"]
    work = Work(node)
    waiting = kill_under(work, programs)
    check_fetches(node, waiting)
    for program in programs:
        shown = node.visitor("home", program.name).shown()
        assert shown["version"] == program.version, "an answer is not what is stored"
    assert node.flush("home") == 204
    assert node.stop() == 0
    check_hits(node, programs)
    assert " 0 problems_found" in command("check", "--data", node.data)


def kill_under(work: Work, programs: list[Program]) -> list[str]:
    """Programs at work while the daemon is killed; whose fetches the last kill cut off."""
    dice, node = random.Random(7), work.node
    waiting: list[str] = []
    runs: list[Callable[[], Any]] = [
        *(lambda one=one: work_over_http(work, one) for one in programs[:OVER_HTTP]),
        lambda: trio.run(work_over_sockets, work, programs[OVER_HTTP:]),
    ]
    with ThreadPoolExecutor(len(runs)) as pool:
        work.is_up.set()
        under_way = [pool.submit(run) for run in runs]
        try:
            for kill in range(KILLS):
                work.await_answers(dice.randrange(20, 80))
                waiting = begin_fetches(node, kill)
                work.is_up.clear()
                node.kill()
                node.run()
                work.is_up.set()
            work.await_answers(20)
        finally:
            work.is_over.set()
            work.is_up.set()
        for one in under_way:
            one.result()
    return waiting


def check_hits(node: Node, programs: list[Program]) -> None:
    """The rows of the store: each hit once, and the consent of each visitor once."""
    lines = [json.loads(line) for line in command("export", "--data", node.data).splitlines()]
    rows = [line for line in lines if line["table"] == "flag_hit" and line["env"] == "home"]
    found = Counter(row["fields"].get("dl", row["type"]) for row in rows)
    expected = Counter(key for program in programs for key in program.hits)
    assert sum(expected.values()) > 50
    assert found == expected + Counter(EVENT=len(programs))
    assert not [line for line in lines if line["table"] == "outbox" and "home" in str(line)]


def command(*arguments: object) -> str:
    """What a command of ours prints; it must succeed."""
    line = [str(CALLBOARD), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shown(handle: str) -> str:
    """A visitor's address as the log shows it: without an id that may be a person's."""
    digest = blake2b(handle.encode(), digest_size=6).hexdigest()
    return f"kills/visitor/slow:~{digest}"
