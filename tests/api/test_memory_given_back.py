"""Memory goes back after waves of sleep: when, and that a store in trouble stops nothing."""

from __future__ import annotations

from functools import partial
from itertools import accumulate

import pytest
import trio
from trio.testing import MockClock

from api import memory
from engine.errors import Unavailable

WAVE = memory.WAVE_ACTORS


@pytest.mark.parametrize(
    ("sleepers", "given"),
    [
        ((WAVE - 1, 0, 0), [0, 0, 0]),
        ((WAVE - 1, 1, 0, 0), [0, 1, 1, 0]),
        ((WAVE, 5, 0, 0), [1, 0, 1, 0]),
        ((WAVE, WAVE, 0, 3, 0, WAVE), [1, 1, 1, 0, 0, 1]),
    ],
)
def test_a_wave_gives_back_and_once_more_when_it_is_over(
    sleepers: tuple[int, ...], given: list[int]
) -> None:
    """A few sleepers are no wave; behind a wave one quiet look gives back what is left."""
    waves = memory.Waves(7)
    assert [waves.look(7 + slept) for slept in accumulate(sleepers)] == given


async def test_a_store_that_cannot_commit_ends_nothing(autojump_clock: MockClock) -> None:
    """Its caches stay, and the next wave tries again."""
    tries: list[int] = []
    twice = trio.Event()

    async def release() -> None:
        await trio.lowlevel.checkpoint()
        tries.append(1)
        if len(tries) == 2:
            twice.set()
        raise Unavailable("the store cannot commit")

    def slept() -> float:
        return WAVE * trio.current_time() / memory.LOOK_SECONDS

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(memory.give_back, slept, release))
        await twice.wait()
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("left", "generations"),
    [(0, [1, 2]), (memory.LEFT_MAX, [1, 2]), (memory.LEFT_MAX + 1, [1, 1])],
)
async def test_everything_is_collected_once_a_wave_is_over_and_few_are_left(
    left: int,
    generations: list[int],
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While sleepers follow, and before a crowd of listeners, only young objects are looked at."""
    collected: list[int] = []
    monkeypatch.setattr("gc.collect", collected.append)

    async def at_once(*_work: object) -> None:
        await trio.lowlevel.checkpoint()  # a thread's time is real, and the clock would jump ahead

    monkeypatch.setattr(trio.to_thread, "run_sync", at_once)

    def slept() -> float:
        return WAVE if trio.current_time() > started else 0

    started = trio.current_time()
    with trio.move_on_after(4.5 * memory.LOOK_SECONDS):
        await memory.give_back(slept, left=lambda: left)
    assert collected == generations
