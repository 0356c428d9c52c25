"""The outbox as operators see it: pages, parking, trying again, by HTTP and by the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from houses import ADMIN_KEY, OPERATOR_KEY, TOY, Caller, open_caller

from api.apply import declare
from api.cli.commands import main
from api.config import Settings
from api.connections import Server
from api.sockets import Doorway, Patience
from engine.commits import commit
from engine.effects import Effect
from engine.messages import Address
from engine.ports import Delivery, Entry

HOUR_MS = 3_600_000


class Post:
    """A sender that remembers; `bad` until it is told otherwise."""

    waits_seconds = (10.0,)

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.is_bad = False

    async def send(self, delivery: Delivery) -> None:
        """Deliver once."""
        self.sent.append(delivery.effect.subject)
        if self.is_bad:
            raise ConnectionError("nobody at home")


@asynccontextmanager
async def posting(folder: Path, *, works: bool = False) -> AsyncIterator[tuple[Caller, Post]]:
    """A house whose outbox has a sender `post`; `works`: its outbox is at work."""
    post = Post()
    async with open_caller(folder, domains=(TOY,)) as caller, trio.open_nursery() as nursery:
        outbox = caller.house.shelves["outbox"]
        outbox.register("post", post)
        if works:
            nursery.start_soon(outbox.run)
        yield caller, post
        nursery.cancel_scope.cancel()


async def put(caller: Caller, *subjects: str, project: str = "demo") -> None:
    """Commit an effect for each subject, due in an hour."""
    effects = tuple(
        (
            Address(project, "door", "front"),
            1,
            Effect(
                sender="post", subscription="s", subject=one, body=b'{"x":1}', due_in_ms=HOUR_MS
            ),
        )
        for one in subjects
    )
    now_ms = caller.house.clock.now_ms()
    await commit(caller.house.store, Entry(project=project, at_ms=now_ms, effects=effects))


async def test_deliveries_are_listed_in_pages(tmp_path: Path) -> None:
    """All of the project, or those that are parked; their bodies are not shown."""
    async with posting(tmp_path) as (caller, _):
        await put(caller, "a", "b", "c")
        page = (await caller("GET", "/v1/outbox?limit=2")).json()
        first, second = page["deliveries"]
        assert (first["subject"], second["subject"], page["next"]) == ("a", "b", "2")
        assert set(first) == {
            *("id", "sender", "subscription", "subject", "cause", "version", "bytes"),
            *("due_at", "attempts", "parked", "error"),
        }
        assert (first["cause"], first["bytes"], first["parked"]) == ("door/front", 7, False)
        rest = (await caller("GET", "/v1/outbox?after=2")).json()
        assert ([one["id"] for one in rest["deliveries"]], rest["next"]) == ([3], None)
        assert (await caller("POST", "/v1/outbox/2/park")).status == 204
        parked = (await caller("GET", "/v1/outbox?parked=true")).json()["deliveries"]
        assert [(one["id"], one["parked"], one["error"]) for one in parked] == [
            (2, True, "parked by admin_1")
        ]
        assert (await caller("GET", "/v1/outbox?after=x")).status == 400


@pytest.mark.parametrize("id_", ["9", "0", "-1", "x", "1" * 30])
async def test_a_delivery_that_is_not_there(tmp_path: Path, id_: str) -> None:
    """404, whatever the id."""
    async with posting(tmp_path) as (caller, _):
        await put(caller, "a")
        for what in ("retry", "park"):
            got = await caller("POST", f"/v1/outbox/{id_}/{what}")
            assert (got.status, got.json()["code"]) == (404, "no_delivery")


async def test_another_project_sees_none_of_them(tmp_path: Path) -> None:
    """Neither lists nor moves; without a key of the project nobody does."""
    async with posting(tmp_path) as (caller, _):
        await declare(caller.house, {"project": "other", "admin_keys": ["admin-key-2"]}, "test")
        await put(caller, "a")
        other = caller.with_key("admin-key-2")
        assert (await other("GET", "/v1/outbox")).json()["deliveries"] == []
        assert (await other("POST", "/v1/outbox/1/park")).status == 404
        assert (await other("POST", "/v1/outbox/retry")).json() == {"retried": 0}
        for key, status in (("", 401), ("nobody-at-all", 401), (OPERATOR_KEY, 403)):
            assert (await caller.with_key(key)("GET", "/v1/outbox")).status == status


@asynccontextmanager
async def served(caller: Caller) -> AsyncIterator[str]:
    """The house behind the real server; its URL."""
    doorway = Doorway(Settings(listen=("127.0.0.1:0",)), Patience())
    async with trio.open_nursery() as nursery:
        server = Server(caller.app, doorway.listeners(), caller.house.log)
        await nursery.start(server.run)
        yield doorway.addresses[0]
        nursery.cancel_scope.cancel()
    doorway.close()


async def said(url: str, *arguments: str, code: int = 0) -> str:
    """What `callboard outbox` prints."""
    given = ["outbox", "--url", url, "--key", ADMIN_KEY, *arguments]
    result = await trio.to_thread.run_sync(CliRunner().invoke, main, given)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.slow
async def test_the_command_line_lists_retries_and_parks(tmp_path: Path) -> None:
    """Over the admin API of a running daemon: its failures are one line."""
    async with posting(tmp_path, works=True) as (caller, post), served(caller) as url:
        assert await said(url, "list") == ""
        await put(caller, "a", "b", "c")
        lines = (await said(url, "list")).splitlines()
        shown = [line.split("\t") for line in lines]
        assert [(one[0], one[3], one[7], one[8]) for one in shown] == [
            ("1", "a", "waiting", "-"), ("2", "b", "waiting", "-"), ("3", "c", "waiting", "-"),
        ]  # fmt: skip
        for number in ("1", "2"):
            assert await said(url, "park", number) == f"{number} is parked\n"
        (_, last) = (await said(url, "list", "--parked")).splitlines()
        assert last.split("\t")[7:] == ["parked", "parked by admin_1"]
        assert await said(url, "retry", "3") == "3 is tried again\n"
        assert await said(url, "retry", "--all") == "2 are tried again\n"
        with trio.fail_after(5.0):
            while await caller.house.store.deliveries("demo", parked_only=False, after=0, limit=9):
                await trio.lowlevel.checkpoint()
        assert sorted(post.sent) == ["a", "b", "c"]
        assert "404" in await said(url, "park", "1", code=1)
        assert "ID or --all" in await said(url, "retry", code=2)
        assert "ID or --all" in await said(url, "retry", "1", "--all", code=2)


def test_the_command_line_needs_a_daemon() -> None:
    """It says which option is missing."""
    result = CliRunner().invoke(main, ["outbox", "list"])
    assert (result.exit_code, "say which daemon" in result.output) == (2, True)
