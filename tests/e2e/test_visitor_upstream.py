"""Two nodes, one in front of the other: flags, panic, files, hits, and what happens when one goes.

`front` asks `back` for decisions, polls its bucketing file and sends it hits and activations. What
one does is waited for by its log and by its answers.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e.conftest import ADMIN_KEY, CALLBOARD
from e2e.flag_world import Json, split, toggle
from e2e.visitor_world import (
    FAILED,
    FETCHED,
    FETCHING,
    FROM_CACHE,
    PANIC,
    Gate,
    Node,
    answered,
    gate,
    key_of,
    nodes,
    status_of,
)

pytestmark = pytest.mark.slow

NEVER_BUFFERED = "fetch_flags_buffering_time = 0"
SCREEN: Json = {"type": "SCREENVIEW", "documentLocation": "home"}
KEY = key_of("back_env")


def asking(url: str, *more: str, path: str = "/flags/v2/") -> str:
    """Settings of an environment that has its decisions made by a node, or by somebody else."""
    lines = [
        f'decision_api_url = "{url}{path}"',
        'upstream_env = "back_env"',
        'upstream_key = {env = "UPSTREAM_KEY"}',
        "upstream_private = true",
        NEVER_BUFFERED,
        *more,
    ]
    return "\n".join(lines)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str, dict[str, str]], Node]]:
    """Makes nodes."""
    with nodes(tmp_path) as made:
        yield made


@pytest.fixture
def back(make: Callable[[str, dict[str, str]], Node]) -> Node:
    """The upstream: one campaign for everybody, whose flag `one` is 1."""
    node = make("back", {"back_env": "require_key = false"}).run()
    node.put("back_env", split("one", 100))
    return node


@pytest.fixture
def front(make: Callable[[str, dict[str, str]], Node], back: Node) -> Node:
    """The node in front of it."""
    return make("front", {"front_env": asking(back.url)}).run(UPSTREAM_KEY=KEY)


# --- decisions


@pytest.mark.covers("FS-046")
def test_flags_come_through(front: Node, back: Node) -> None:
    """A visitor of the one has the flags that the other decides, by the visitor's context."""
    back.put("back_env", split("one", 100), toggle("vip", [{**RULE, "value": True}]))
    ann = front.visitor("front_env", "ann")
    assert status_of(ann.open(context={"vip": False})) == FETCHED
    assert ann.flags() == {"one": 1}
    ann.do("updateContext", context={"vip": True})
    assert ann.fetch() == FETCHED
    assert ann.flags() == {"one": 1, "vip": True}
    flag = ann.ask("GET", "/ann/flags/vip").json()
    assert flag["metadata"]["campaignId"] == "c-vip"
    assert ann.do("getValue", key="one", defaultValue=0)["value"] == 1


RULE: Json = {"operator": "EQUALS", "key": "vip"}


@pytest.mark.covers("FS-033", "FS-035", "FS-174")
def test_an_upstream_that_is_gone(front: Node, back: Node) -> None:
    """Who was here before has the flags of the last time; a new visitor has none; then all is well.

    The statuses are those that the documentation gives: first the error, then the cache.
    """
    ann, bob = front.visitor("front_env", "ann"), front.visitor("front_env", "bob")
    version = ann.open()["version"]
    assert back.stop() == 0
    assert ann.fetch() == FROM_CACHE
    assert ann.statuses(version) == [FETCHING, FAILED, FROM_CACHE]
    assert ann.flags() == {"one": 1}
    assert status_of(bob.open()) == FAILED
    assert bob.flags() == {}
    back.run()
    assert (ann.fetch(), bob.fetch()) == (FETCHED, FETCHED)
    assert bob.flags() == {"one": 1}


@pytest.mark.covers("FS-041")
def test_a_slow_upstream(make: Callable[[str, dict[str, str]], Node]) -> None:
    """Two seconds by default, or what is set; then FETCH_ERROR. Meanwhile others are answered."""
    with gate() as slow:
        half = asking(slow.url, "timeout = 0.5", path="")
        settings = {"two": asking(slow.url, path=""), "half": half}
        node = make("front", settings).run(UPSTREAM_KEY=KEY)
        for env, seconds in (("two", 2.0), ("half", 0.5)):
            started = time.monotonic()
            assert status_of(node.visitor(env, "ann").open()) == FAILED
            assert seconds <= time.monotonic() - started < seconds + 1.4
        check_what_was_asked(slow)
        slow.answer = {"visitorId": "ann", "campaigns": [], "panic": False}
        slow.opened.set()
        assert node.visitor("half", "ann").fetch() == FETCHED


def check_what_was_asked(slow: Gate) -> None:
    """The request is the SDK's, with the key that was set."""
    path, headers, body = slow.asked.get(timeout=5)
    assert path == "/back_env/campaigns?exposeAllKeys=true&extras[]=accountSettings"
    assert headers["x-api-key"] == KEY
    assert (body["visitorId"], body["visitor_consent"]) == ("ann", True)


def test_a_stop_while_an_upstream_is_slow(make: Callable[[str, dict[str, str]], Node]) -> None:
    """The daemon leaves in order all the same; then the alarm ends the fetch."""
    with gate() as slow:
        node = make("front", {"late": asking(slow.url, "timeout = 2.5", path="")})
        node.run(UPSTREAM_KEY=KEY)
        ann = node.visitor("late", "ann")
        version = ann.open(fetchNow=False)["version"]
        got = ann.ask("POST", "/ann/fetchFlags", prefer="respond-async")
        assert status_of(answered(got, 202)) == FETCHING
        slow.asked.get(timeout=5)
        assert node.stop() == 0
        node.run(UPSTREAM_KEY=KEY)
        node.said(command="alarmDue")
        assert ann.statuses(version) == [FETCHING, FAILED]


@pytest.mark.covers("FS-030")
def test_panic_upstream(front: Node, back: Node) -> None:
    """A fetch finds the panic, and all visitors are in it; another fetch finds its end."""
    ann, bob = front.visitor("front_env", "ann"), front.visitor("front_env", "bob")
    ann.open()
    bob.open()
    back.panic("back_env", on=True)
    assert ann.fetch() == PANIC
    front.said(command="noteFetch", outcome="ok")
    assert front.environment("front_env")["sdkStatus"] == 2
    assert bob.do("getValue", key="one", defaultValue=0)["value"] == 0
    assert bob.refused("sendHit", hit=SCREEN) == 409
    back.panic("back_env", on=False)
    heard = len(front.lines)
    assert ann.fetch() == FETCHED
    front.said(heard, command="noteFetch", outcome="ok")
    assert front.environment("front_env")["sdkStatus"] == 3
    assert bob.do("getValue", key="one", defaultValue=0)["value"] == 1


@pytest.mark.covers("FS-173")
def test_a_published_file_is_polled(
    make: Callable[[str, dict[str, str]], Node], back: Node
) -> None:
    """In BUCKETING mode a new file upstream reaches the visitors of the other node.

    Whoever was allocated keeps the variation, though all the traffic goes to the other one by now.
    """
    back.put("back_env", split("one", 50, 50))
    node = make("front", {"polls": polling(back.url)}).run()
    node.said(command="polled", outcome="ok")
    ann, bob = node.visitor("polls", "ann"), node.visitor("polls", "bob")
    assert status_of(ann.open()) == FETCHED
    one = ann.flags()["one"]
    heard = len(node.lines)
    back.put("back_env", split("one", *((0, 100) if one == 1 else (100, 0))), split("two", 100))
    node.said(heard, command="polled", outcome="ok")
    assert ann.fetch() == FETCHED
    assert ann.flags() == {"one": one, "two": 1}
    bob.open()
    assert bob.flags() == {"one": 3 - one, "two": 1}


def polling(url: str) -> str:
    """Settings of an environment whose file is polled at a node."""
    lines = [
        'decision_mode = "BUCKETING"',
        f'bucketing_url = "{url}/flags/back_env/bucketing.json"',
        "upstream_private = true",
        "polling_interval = 0.1",
        NEVER_BUFFERED,
    ]
    return "\n".join(lines)


# --- hits and activations


@pytest.fixture
def sender(make: Callable[[str, dict[str, str]], Node], back: Node) -> Node:
    """A node that sends hits and activations to the other."""
    collector = (
        f'hits_url = "{back.url}/flags"',
        f'activate_url = "{back.url}/flags/v2/activate"',
        "batch_intervals = 1",
    )
    return make("front", {"front_env": asking(back.url, *collector)}).run(UPSTREAM_KEY=KEY)


@pytest.mark.covers("FS-008")
def test_hits_are_sent_to_a_collector(sender: Node, back: Node) -> None:
    """Asked to send, it sends everything that waits, each once."""
    ann = sender.visitor("front_env", "ann")
    ann.open()
    ann.do("sendHit", hit=SCREEN)
    ann.do("visitorExposed", key="one")
    assert sender.flush("front_env") == 204
    assert back.counts("back_env") == ({"one-1": 1}, {"EVENT fs_consent": 1, "SCREENVIEW": 1})
    assert sender.flush("front_env") == 204, "nothing waits any more"
    assert back.counts("back_env") == ({"one-1": 1}, {"EVENT fs_consent": 1, "SCREENVIEW": 1})


@pytest.mark.covers("FS-091", "FS-092", "FS-175")
def test_a_collector_that_is_gone_for_a_while(sender: Node, back: Node) -> None:
    """What could not be sent waits, also through a kill, and arrives when somebody is there."""
    ann = sender.visitor("front_env", "ann")
    ann.open()
    assert back.stop() == 0
    ann.do("sendHit", hit=SCREEN)
    ann.do("visitorExposed", key="one")
    assert sender.flush("front_env") == 502
    sender.kill()
    sender.run(UPSTREAM_KEY=KEY)
    ann.do("sendHit", hit={**SCREEN, "documentLocation": "after"})
    back.run()
    for path in ("/flags", "/flags/v2/activate"):
        back.said(event="request", method="POST", path=path)
    assert sender.flush("front_env") == 204
    assert back.counts("back_env") == ({"one-1": 1}, {"EVENT fs_consent": 1, "SCREENVIEW": 2})


# --- the key


def test_the_upstream_key_stays_in_its_place(sender: Node, back: Node, tmp_path: Path) -> None:
    """Not in the log, not in facts, not in what is shown, not in backup, export or data folder."""
    ann = sender.visitor("front_env", "ann")
    ann.open()
    ann.do("visitorExposed", key="one")
    assert sender.flush("front_env") == 204
    assert back.stop() == 0
    ann.fetch()
    sender.ask("POST", "/flags/v1/front_env/flush")
    places = {
        path: sender.ask("GET", path).text
        for path in (
            "/v1/actors/environment/front_env",
            "/v1/actors/environment/front_env/facts",
            "/v1/actors/visitor/front_env:ann/facts",
            "/v1/actors/project/front/facts",
            "/v1/actors?kind=environment",
        )
    }
    places |= {
        "backup": copied(sender, tmp_path / "copy.db"),
        "export": run("export", "--data", sender.data),
    }
    assert "front_env" in places["export"]
    assert sender.stop() == 0
    places["log"] = sender.log
    places |= {str(file): text_of(file) for file in sender.data.rglob("*") if file.is_file()}
    assert [name for name, text in places.items() if KEY in text] == []
    assert ADMIN_KEY not in places["export"], "nor any other key"


def copied(node: Node, file: Path) -> str:
    """A backup's bytes."""
    run("backup", file, "--data", node.data)
    return text_of(file)


def text_of(file: Path) -> str:
    """A file's bytes as text that can be searched."""
    return file.read_bytes().decode("latin-1")


def run(*arguments: object) -> str:
    """What a command of ours prints."""
    command = [str(CALLBOARD), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout


def test_the_key_is_the_same_after_a_restart(sender: Node) -> None:
    """The same project file applied again changes nothing, though no two seals are the same."""
    version = json.loads(sender.ask("GET", "/v1/actors/environment/front_env").text)["version"]
    assert sender.stop() == 0
    sender.run(UPSTREAM_KEY=KEY)
    again = json.loads(sender.ask("GET", "/v1/actors/environment/front_env").text)["version"]
    assert again == version
    assert status_of(sender.visitor("front_env", "ann").open()) == FETCHED
