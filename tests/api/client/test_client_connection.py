"""The socket that visitors share: its pace, its places, what leaves together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import trio
from flag_client import ENV, serving, started
from flag_door import KEY
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from api.client import LiveClosed, Subscription, Update, open_live
from api.client.connection import TOPICS_MAX, Connection, Pace
from api.client.updates import JOINED_BYTES_MAX, JOINED_FRAMES_MAX, joined


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Update] = []
        self.ends: list[Exception | None] = []

    def hear(self, update: Update, speaks: bool = True) -> None:
        """Keep it."""
        self.heard.append(update)

    def end(self, error: Exception | None) -> None:
        """Keep why."""
        self.ends.append(error)


class FakeLive:
    """A live client whose topics stand at once, or when they are told to."""

    def __init__(self, *, stands: bool = True) -> None:
        self.stands = stands
        self.open: dict[str, Subscription] = {}
        self.over: LiveClosed | None = None

    def subscribe(self, topic: str, *, delta: bool) -> Subscription:
        """One more topic."""
        if self.over is not None:
            raise self.over
        assert topic not in self.open
        self.open[topic] = made = Subscription(self, topic, "snapshot", delta)
        if self.stands:
            trio.lowlevel.spawn_system_task(self.stand, topic)
        return made

    async def stand(self, topic: str) -> None:
        """Its snapshot comes."""
        frame = {"t": "subd", "recovered": False, "epoch": "e", "version": 1, "state": None}
        await self.open[topic].hear(frame)

    def forget(self, subscription: Subscription) -> None:
        """It was left."""
        del self.open[subscription.topic]


def connect(live: Any) -> Connection:
    """A connection over it."""
    return Connection(live)


async def test_frames_go_at_a_pace(autojump_clock: MockClock) -> None:
    """A burst, then so many a second, in the order of coming."""
    pace, began = Pace(10.0, 5.0), trio.current_time()
    times: list[float] = []
    for _ in range(15):
        await pace.take()
        times.append(round(trio.current_time() - began, 6))
    assert times[:5] == [0] * 5
    assert times[5:] == [round(number / 10, 6) for number in range(1, 11)]
    await trio.sleep(100)
    before = trio.current_time()
    for _ in range(5):
        await pace.take()
    assert trio.current_time() == before


async def test_a_topic_is_kept_until_its_place_is_needed(autojump_clock: MockClock) -> None:
    """Who used its place longest ago leaves first; one in use never does."""
    live = FakeLive()
    connection, ear = connect(live), Ear()
    async with connection.hearing("busy", ear):
        for number in range(TOPICS_MAX + 5):
            async with connection.hearing(f"t{number}", ear):
                pass
        assert len(live.open) == TOPICS_MAX
        assert "busy" in live.open
        assert "t5" not in live.open
        assert "t6" in live.open
        async with connection.hearing("t6", ear):
            pass
        async with connection.hearing("one more", ear):
            assert "t6" in live.open, "it was used just now"
            assert "t7" not in live.open
    assert ear.ends == [], "who leaves its place does not end"


async def test_who_finds_no_place_waits_for_one(autojump_clock: MockClock) -> None:
    """While all are in use."""
    live = FakeLive()
    connection, ear = connect(live), Ear()
    release, entered = trio.Event(), trio.Event()

    async def use(topic: str) -> None:
        async with connection.hearing(topic, ear):
            await release.wait()

    async def come_late() -> None:
        async with connection.hearing("late", ear):
            entered.set()

    async with trio.open_nursery() as nursery:
        for number in range(TOPICS_MAX):
            nursery.start_soon(use, f"t{number}")
        await wait_all_tasks_blocked()
        nursery.start_soon(come_late)
        await wait_all_tasks_blocked()
        assert not entered.is_set()
        release.set()
    assert entered.is_set()
    assert len(live.open) == TOPICS_MAX


async def test_the_block_begins_when_the_topic_stands(autojump_clock: MockClock) -> None:
    """Two of the same id share it, and both hear."""
    live = FakeLive(stands=False)
    connection, first, second = connect(live), Ear(), Ear()
    inside: list[str] = []

    async def use(name: str, ear: Ear) -> None:
        async with connection.hearing("t", ear):
            inside.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use, "first", first)
        nursery.start_soon(use, "second", second)
        await wait_all_tasks_blocked()
        assert inside == []
        await live.stand("t")
    assert sorted(inside) == ["first", "second"]
    assert len(first.heard) == len(second.heard) == 1


@pytest.mark.parametrize("refuse", [True, False])
async def test_a_topic_that_ends_lets_its_users_go_on(
    refuse: bool, autojump_clock: MockClock
) -> None:
    """Refused, or the socket is closed for good: the block is entered, and the ear is told."""
    live = FakeLive(stands=False)
    connection, ear = connect(live), Ear()
    if not refuse:
        live.over = LiveClosed(4401)
    ended: Callable[[], None] = lambda: live.open["t"].end(LiveClosed(4403))  # noqa: E731

    async with trio.open_nursery() as nursery:
        entered = trio.Event()

        async def use() -> None:
            async with connection.hearing("t", ear):
                entered.set()

        nursery.start_soon(use)
        await wait_all_tasks_blocked()
        if refuse:
            ended()
        await entered.wait()
    assert [getattr(error, "code", None) for error in ear.ends] == ([4403] if refuse else [])


# --- what leaves together


@given(st.lists(st.integers(0, 60_000), max_size=120))
def test_what_leaves_together_is_whole_and_small(sizes: list[int]) -> None:
    """Every frame once, in order; together at most 50 and 48 kB, a bigger one goes alone."""
    frames = [{"n": number, "x": "x" * size} for number, size in enumerate(sizes)]
    waiting, found = list(frames), []
    while waiting:
        text = joined(waiting)
        taken = msgspec.json.decode(text)
        assert 1 <= len(taken) <= JOINED_FRAMES_MAX
        assert len(taken) == 1 or len(text) <= JOINED_BYTES_MAX + 2
        found += taken
    assert found == frames


@pytest.mark.slow
async def test_many_big_commands_at_once_do_not_end_the_socket(tmp_path: Any) -> None:
    """A daemon takes 64 kB at once, and would let nobody back who sends more."""
    async with (
        serving(tmp_path) as served,
        open_live(served.url.replace("http", "ws") + "/v1/live", key=KEY) as live,
    ):
        topic = f"visitor/{ENV}:v"
        await live.command(topic, "open", {"hasConsented": True, "fetchNow": False})
        async with trio.open_nursery() as nursery:
            for number in range(20):
                data = {"context": {f"key {number}": "x" * 8_000}}
                nursery.start_soon(live.command, topic, "updateContext", data)
        assert live.connections == 1


@pytest.mark.slow
async def test_a_good_bye_is_quick_and_final(tmp_path: Any) -> None:
    """The server's own good-bye is waited for; afterwards nothing can be asked."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        live = sdk._core._connection.live
        await heard.visitor(sdk).settled()
        began = trio.current_time()
        await sdk._core._connection.close()
        assert trio.current_time() - began < 0.9
        with pytest.raises(LiveClosed):
            await live.command("visitor/env_1:v", "getFlags")
        assert sdk.get_status() == 3, "our own good-bye says nothing of the environment"
