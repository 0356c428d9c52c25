"""Polling beside operators, over restarts, and through trouble."""

from __future__ import annotations

from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from flag_polls import ADDRESS, DATE, FILE, LATER, OTHER, URL, bucketing, open_polls, wait
from peers import calling, peer
from stage import PROJECT
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.flags.environment import KIND
from actors.flags.environment_words import Configured, PutBucketing, Summary
from actors.flags.settings import Settings
from api.flags import polling
from api.outgoing import Got, TimedOut
from engine.envelope import Envelope
from engine.messages import Address, Fact
from engine.ports import Change, Entry

HASH, OTHER_HASH = sha256(FILE).hexdigest(), sha256(OTHER).hexdigest()


async def test_an_operators_file_stands_until_the_upstream_has_another(
    autojump_clock, tmp_path: Path
) -> None:
    """With dates or without; the next file of the upstream replaces it."""
    for date in (DATE, ""):
        async with open_polls(tmp_path) as world:
            world.upstream.date = date
            await world.declare()
            await wait(1)
            mine = b'{"campaigns":[ ]}'
            await world.directory.ask(ADDRESS, PutBucketing(body=mine, summary=Summary()))
            await wait(10)
            assert (await world.state()).hash == sha256(mine).hexdigest()
            world.upstream.file, world.upstream.date = OTHER, date and LATER
            await wait(5)
            assert (await world.state()).hash == OTHER_HASH


@pytest.mark.covers("FS-052")
async def test_a_file_of_our_own_is_ready_and_checked_at_once(
    autojump_clock, tmp_path: Path
) -> None:
    """The first poll asks without a date, so an update is seen immediately."""
    async with open_polls(tmp_path) as world:
        await world.directory.ask(ADDRESS, PutBucketing(body=OTHER, summary=Summary()))
        world.upstream.delay_seconds = 1.0
        await world.declare()
        await wait(0.5)
        assert (await world.state()).sdk_status == 3
        await wait(1)
        assert "if-modified-since" not in world.upstream.asked[0].headers
        assert world.updates == [OTHER_HASH, HASH]


# --- starting, and surviving


@pytest.mark.covers("FS-072")
async def test_a_restart_goes_on_with_the_date(autojump_clock, tmp_path: Path) -> None:
    """Environments on the disk are found; an unchanged file is not sent again, nor told again."""
    async with open_polls(tmp_path) as world:
        await world.declare()
        await wait(1)
        disk = world.stage.store.shelf
    async with open_polls(tmp_path, disk=disk, before=["env_1"], unreadable=1) as world:
        world.stage.store.unreadable = 1
        await wait(20)
        assert world.times == [0, 5, 10]  # after two attempts to read what there is
        assert world.upstream.asked[0].headers["if-modified-since"] == DATE
        assert (world.facts, len(world.polled)) == ([], 3)
        assert len(world.log.broken) == 2


async def test_what_is_heard_meanwhile_is_newer_than_what_is_read(
    autojump_clock, tmp_path: Path
) -> None:
    """A source that was declared away while the store was read stays away."""
    async with open_polls(tmp_path) as world:
        await world.declare()
        await wait(1)
        disk = world.stage.store.shelf
    async with open_polls(tmp_path, disk=disk, before=["env_1"]) as world:
        old = await world.directory.read(ADDRESS)
        peeked = world.directory.peek

        async def slowly(address: Address) -> Any:
            world.directory.peek = peeked  # type: ignore[method-assign]
            await world.declare(bucketing_url=None)
            return old

        world.directory.peek = slowly  # type: ignore[method-assign]
        await wait(20)
        assert world.upstream.asked == []


async def test_an_environment_from_before_there_was_a_status_is_started(
    autojump_clock, tmp_path: Path
) -> None:
    """Its visitors would else find an SDK that never started (spec flags 4.8)."""
    address, fact = Address(PROJECT, KIND, "old"), Fact(1, 1, (Configured(settings=Settings()),))
    change = Change(
        address=address,
        expected=0,
        version=1,
        generation=0,
        phase="empty",
        alarm_at_ms=None,
        since_ms=(1, 1),
        facts=(fact,),
        state=msgspec.json.encode({"settings": Settings(), "declared": True}),
    )
    async with open_polls(tmp_path) as world:
        entry = Entry(project=PROJECT, at_ms=1, changes=(change,))
        world.stage.store.submit(entry, lambda _outcome: None)
        await wait(0)
        disk = world.stage.store.shelf
    async with open_polls(tmp_path, disk=disk, before=["old", "nobody"]) as world:
        await wait(1)
        assert (await world.directory.peek(address)).state.sdk_status == 3


async def test_trouble_with_the_store_ends_nothing(autojump_clock, tmp_path: Path) -> None:
    """What could not be committed is found by the next poll."""
    async with open_polls(tmp_path) as world:
        world.upstream.delay_seconds = 1.0
        await world.declare()
        world.stage.store.faults.fail_next()
        await wait(1)
        assert world.facts == []
        assert len(world.log.broken) == 1
        await wait(10)
        assert world.updates == [HASH]


async def test_a_bug_ends_nothing_either(autojump_clock, tmp_path: Path) -> None:
    """It is said with the environment's name; while the house leaves, nothing is said."""
    async with open_polls(tmp_path) as world:
        world.upstream.answer = RuntimeError("a bug")
        await world.declare()
        await wait(5)
        assert [said.event for said in world.log.said] == ["poll", "poll"]
        assert world.log.said[0].facts == {"environment": str(ADDRESS)}
        world.house.is_draining = True
        await wait(5)
        assert len(world.log.said) == 2


async def test_only_so_many_are_polled_at_once(autojump_clock, tmp_path: Path) -> None:
    """The others wait for their turn, and have it."""
    async with open_polls(tmp_path) as world:
        world.upstream.delay_seconds = 1.0
        for number in range(20):
            await world.declare(f"env_{number}", polling_interval=1_000.0)
        await wait(10)
        assert world.upstream.most_under_way == polling.POLLS_AT_ONCE_MAX
        assert len(world.upstream.asked) == 20


async def test_upstreams_that_hang_starve_no_other(
    autojump_clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They have every place, and long timeouts: a turn comes in ten seconds, again and again."""
    async with open_polls(tmp_path) as world:
        answering = world.upstream.request

        async def request(method: str, url: str, **more: Any) -> Got:
            if url.endswith("?hangs"):
                await trio.sleep(more["seconds"])
                raise TimedOut("cdn.example: no whole answer")
            return await answering(method, url, **more)

        monkeypatch.setattr(world.upstream, "request", request)
        slow = {"bucketing_url": f"{URL}?hangs", "timeout": 600.0, "polling_interval": 0.01}
        for number in range(polling.POLLS_AT_ONCE_MAX):
            await world.declare(f"slow_{number}", **slow)
        await wait(0)
        await world.declare()
        await wait(10)
        assert world.updates == [HASH]
        await wait(100)
        pauses = [later - sooner for sooner, later in pairwise(world.times)]
        assert max(pauses) <= 5 + 10
        assert len(pauses) >= 6


async def test_a_poll_reads_for_ten_seconds_at_most(mock_clock: MockClock, tmp_path: Path) -> None:
    """A body that does not end is left then, whatever the timeout."""
    mock_clock.rate = 1
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
    async with peer(half) as one, calling() as outgoing, open_polls(tmp_path) as world:
        world.house.outgoing = outgoing
        await world.declare(bucketing_url=one.url, upstream_private=True, timeout=600.0)
        await one.heard.wait()
        await wait_all_tasks_blocked(0.01)
        assert world.facts == []
        mock_clock.jump(10)
        await one.wait_until_gone()
        await wait_all_tasks_blocked(0.01)
        error = "127.0.0.1: no whole answer within 10 s"
        assert world.facts == [{"poll": {"error": error}, "sdkStatuses": [0]}]


async def test_what_was_declared_before_polling_began_is_polled(
    autojump_clock, tmp_path: Path
) -> None:
    """A project file is applied before the door's background starts."""
    async with open_polls(tmp_path, early=True) as world:
        await wait(5)
        assert world.times == [0, 5]


async def test_an_answer_that_meets_other_settings_is_dropped(
    autojump_clock, tmp_path: Path
) -> None:
    """Both reach the environment in one moment; what the old source had means nothing."""
    async with open_polls(tmp_path) as world:

        def declare_elsewhere() -> None:
            world.upstream.before_answering = lambda: None
            elsewhere = bucketing(bucketing_url=f"{URL}?other", timeout=3.0)
            world.directory.deliver(ADDRESS, Envelope(elsewhere, "apply"))
            world.upstream.file = OTHER

        world.upstream.before_answering = declare_elsewhere
        await world.declare()
        await wait(5)
        assert world.updates == [OTHER_HASH]
        assert world.log.said == []
