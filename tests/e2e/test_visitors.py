"""Visitors of a real daemon: the printed lines, what a listener sees, restarts, and nothing kept.

Commands go over HTTP, what they do is heard over a real WebSocket. Where a visitor did not consent,
the files of the data folder are searched byte by byte.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from e2e.conftest import Daemon, clean_environment
from e2e.flag_world import Json, split
from e2e.visitor_world import (
    FETCHED,
    FETCHING,
    OPENED,
    PANIC,
    Caller,
    Node,
    Status,
    key_of,
    nodes,
    status_of,
    statuses_of,
)

from api.client import Subscription, open_live

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PRINTED_URL = "http://127.0.0.1:8080"
SETTINGS = "fetch_flags_buffering_time = 0"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str, dict[str, str]], Node]]:
    """Makes nodes."""
    with nodes(tmp_path) as made:
        yield made


@pytest.fixture
def node(make: Callable[[str, dict[str, str]], Node]) -> Node:
    """A daemon whose environment has two campaigns for everybody."""
    node = make("demo", {"env_1": SETTINGS}).run()
    node.put("env_1", split("one", 100), split("halves", 50, 50))
    return node


# --- the printed lines


@pytest.fixture
def example(new_daemon: Callable[[], Daemon]) -> Daemon:
    """A daemon with the example project."""
    return new_daemon().start("--apply", str(PROJECT / "examples" / "demo.toml"))


def test_the_readme_works_as_printed(example: Daemon) -> None:
    """Its curl lines open, change and fetch a visitor; its program prints a flag of it."""
    if shutil.which("curl") is None:
        pytest.skip("needs curl, which is not installed here")
    opened, changed, fetched, flags = documents(printed("sh", "/visitors", example))
    assert (status_of(opened), opened["id"]) == (FETCHED, "bob")
    assert status_of(changed) == UPDATED
    assert (changed["context"]["plan"], changed["context"]["age"]) == ("premium", 17)
    assert status_of(fetched) == FETCHED
    values = {flag["key"]: flag["value"] for flag in flags["flags"]}
    assert printed("python", "import Flagship", example).strip() == values["button_color"]


UPDATED: Status = ("FETCH_REQUIRED", "UPDATE_CONTEXT")
URL_GIVEN = '"demo-api-key", FlagshipConfig(url="{url}"))'


def printed(language: str, word: str, daemon: Daemon) -> str:
    """What README's block in that language which has that word prints, against this daemon."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    (block,) = (block for block in blocks if word in block)
    program = ["sh", "-ec"]
    if language == "python":
        program = [sys.executable, "-c"]
        block = block.replace("import Flagship", "import Flagship, FlagshipConfig")
        block = block.replace('"demo-api-key")', URL_GIVEN.format(url=PRINTED_URL))
    assert PRINTED_URL in block
    done = subprocess.run(
        [*program, block.replace(PRINTED_URL, daemon.url)],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        cwd=PROJECT,
        env=clean_environment(),
    )
    return done.stdout


def documents(text: str) -> list[Any]:
    """JSON documents that stand one after the other."""
    found: list[Any] = []
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


# --- watched


@pytest.mark.covers("FS-032", "FS-034", "FS-036", "FS-037", "FS-038")
async def test_whoever_watches_sees_each_status(node: Node) -> None:
    """The statuses and reasons are the documented ones, in their order, one after each command."""
    ann = node.visitor("env_1", "ann")
    story: list[tuple[str, Json, list[Status]]] = [
        ("open", {"fetchNow": False}, [OPENED]),
        ("fetchFlags", {}, [FETCHING, FETCHED]),
        ("updateContext", {"context": {"age": 31}}, [UPDATED]),
        ("updateContext", {"context": {"age": 31}}, []),
        ("fetchFlags", {}, [FETCHING, FETCHED]),
        ("authenticate", {"visitorId": "anna"}, [("FETCH_REQUIRED", "AUTHENTICATE")]),
        ("fetchFlags", {}, [FETCHING, FETCHED]),
        ("unauthenticate", {}, [("FETCH_REQUIRED", "UNAUTHENTICATE")]),
        ("fetchFlags", {}, [FETCHING, FETCHED]),
        ("clearContext", {}, [UPDATED]),
        ("open", {}, [OPENED, FETCHING, FETCHED]),
    ]
    async with watched(node, "visitor/env_1:ann") as ear:
        for command, given, expected in story:
            shown = await carry_out(ann, command, given)
            assert await ear.until(shown["version"]) == expected, command
            assert not expected or status_of(shown) == expected[-1]
        node.panic("env_1", on=True)
        shown = await carry_out(ann, "fetchFlags", {})
        assert await ear.until(shown["version"]) == [FETCHING, PANIC]


async def test_a_restart_in_the_middle(node: Node) -> None:
    """Visitor, context and flags are there again; the listener goes on where it was."""
    ann = node.visitor("env_1", "ann")
    async with watched(node, "visitor/env_1:ann") as ear:
        shown = await carry_out(ann, "open", {"context": {"age": 31, "vip": True}})
        assert await ear.until(shown["version"]) == [OPENED, FETCHING, FETCHED]
        before = ann.shown(), ann.flags()
        assert await trio.to_thread.run_sync(node.stop) == 0
        await trio.to_thread.run_sync(node.run)
        assert (ann.shown(), ann.flags()) == before
        assert set(before[1]) == {"one", "halves"}
        shown = await carry_out(ann, "updateContext", {"context": {"age": 17}})
        assert shown["context"]["vip"] is True
        assert await ear.until(shown["version"]) == [UPDATED]
        await trio.to_thread.run_sync(node.kill)
        await trio.to_thread.run_sync(node.run)
        shown = await carry_out(ann, "fetchFlags", {})
        assert await ear.until(shown["version"]) == [FETCHING, FETCHED]


class Listener:
    """Takes the updates of one topic; `version` is where it stands."""

    def __init__(self, updates: Subscription, version: int) -> None:
        self._updates, self.version = updates, version

    async def until(self, version: int) -> list[Status]:
        """The statuses that are told until that version; no version is left out or comes twice."""
        found: list[Status] = []
        with trio.fail_after(15):
            while self.version < version:
                update = await anext(self._updates)
                if update.kind != "passing":
                    assert (update.kind, update.version) == ("event", self.version + 1)
                    self.version = update.version
                    found += statuses_of(update)
        return found


@asynccontextmanager
async def watched(node: Node, topic: str) -> AsyncIterator[Listener]:
    """Listen to a topic over a WebSocket, with the environment's key; nothing is there yet."""
    url = node.url.replace("http", "ws", 1) + "/v1/live"
    async with (
        open_live(url, key=key_of("env_1")) as live,
        live.subscribe(topic, delta=False) as updates,
    ):
        with trio.fail_after(10):
            first = await anext(updates)
        assert (first.kind, first.version, first.state) == ("snapshot", 0, None)
        yield Listener(updates, 0)


async def carry_out(caller: Caller, command: str, given: Json) -> Json:
    """A command over HTTP, while the socket is read."""
    call = caller.open if command == "open" else partial(caller.do, command)
    return await trio.to_thread.run_sync(partial(call, **given))


# --- without consent


SECRETS = ("secret-person", "secret-city", "secret-street", "secret-account", "secret-word")


def test_without_consent_nothing_is_on_the_disk(node: Node) -> None:
    """Ids, context and what is done with the flags are in memory only: no file has a byte of it.

    Somebody who consented is found there, so the search is one.
    """
    nobody = node.visitor("env_1", "somebody")
    nobody.open(hasConsented=False, context={"city": "secret-city", "secret-word": 1})
    nobody.do("authenticate", visitorId="secret-person")
    shown = nobody.do("updateContext", context={"street": "secret-street"})
    assert (shown["visitorId"], shown["context"]["city"]) == ("secret-person", "secret-city")
    assert nobody.fetch() == FETCHED
    assert nobody.do("getValue", key="one", defaultValue=0)["value"] == 1
    assert nobody.refused("sendHit", hit=screen("secret-account")) == 409
    node.visitor("env_1", "known").open(context={"city": "well-known-city"})
    assert node.flush("env_1") == 204
    assert node.stop() == 0
    assert words_in(node, *SECRETS, "well-known-city") == {"well-known-city"}
    assert [word for word in SECRETS if word in node.log] == []


def test_withdrawn_consent_takes_the_bytes_along(node: Node) -> None:
    """After a withdrawal and a stop nothing of what was kept before is left in any file."""
    ann = node.visitor("env_1", "somebody")
    ann.open(context={"city": "secret-city"}, isAuthenticated=False)
    ann.do("updateContext", context={"street": "secret-street", "secret-word": True})
    ann.do("authenticate", visitorId="secret-person")
    ann.do("visitorExposed", key="one")
    ann.do("sendHit", hit=screen("secret-account"))
    assert words_in(node, *SECRETS) == set(SECRETS)
    ann.do("unauthenticate")  # the hit that tells the withdrawal names who withdrew
    version = ann.do("setConsent", hasConsented=False)["version"]
    assert node.stop() == 0
    assert words_in(node, *SECRETS) == set()
    node.run()
    facts = node.ask("GET", f"/v1/actors/visitor/env_1:somebody/facts?after={version - 1}").json()
    assert "counts" in json.dumps(facts), "the facts say how much went"


def screen(place: str) -> Json:
    """A hit."""
    return {"type": "SCREENVIEW", "documentLocation": place}


def words_in(node: Node, *words: str) -> set[str]:
    """Which of these words stand in a file of the data folder."""
    files = [file.read_bytes() for file in node.data.rglob("*") if file.is_file()]
    assert files
    return {word for word in words if any(word.encode() in file for file in files)}


# --- leaving


@pytest.mark.covers("FS-008")
def test_what_waits_is_sent_when_the_daemon_leaves(
    make: Callable[[str, dict[str, str]], Node],
) -> None:
    """A pool that would wait for hours is sent at SIGTERM; the next start finds it delivered."""
    node = make("leaving", {"env_1": "batch_intervals = 10800"}).run()
    visitor = node.visitor("env_1", "v")
    visitor.open(hasConsented=True)
    visitor.do("sendHit", hit={"type": "SCREENVIEW", "documentLocation": "home"})
    assert node.counts("env_1")[1].get("SCREENVIEW", 0) == 0
    node.stop()
    node.run()
    assert node.counts("env_1")[1]["SCREENVIEW"] == 1
