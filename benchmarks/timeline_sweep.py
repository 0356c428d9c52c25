"""A sweep over a waiting crowd, while others follow links: how fast it is, and whom it holds up.

Everybody of the crowd waits at a guard on a shared variable; an operator sets it, and each of them
notes that the guard has passed, one fact each. Others, on a timeline of their own, go there and
back all the time: before the sweep, while it goes on, and behind it. Without it means the mean of
before and behind, since a machine is not always equally fast.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from time import perf_counter

import msgspec
import trio

from actors.timelines.timeline import INTERESTS, TIMELINE
from actors.timelines.timeline_words import SetVariable
from actors.timelines.user import USER
from actors.timelines.user_words import CreateUser
from benchmarks.timeline_grid import BACK, FOLLOWED, ID, grid
from benchmarks.timeline_house import CALLERS, GRID, follow, open_house, publishing, user
from benchmarks.toy_house import PROJECT
from engine.directory import Directory
from engine.errands import SweepSender
from engine.messages import Address
from engine.outbox import Outbox
from engine.pools import Order
from storage.sqlite import SqliteStore
from storage.timelines import queries

OTHERS = 40
"""Users who follow links meanwhile, each waiting for its answers."""
ALONE_SECONDS = 1.5
"""Before the sweep, and again behind it."""
SWEEP_SECONDS_MAX = 60.0
OTHER = "others"


class Swept(msgspec.Struct, frozen=True):
    """Rates a second: users of the sweep, follows during it, follows without it."""

    users: float
    follows: float
    alone: float


def swept(folder: Path, users: int) -> Swept:
    """Sweep over so many users."""
    return trio.run(_swept, folder, users)


async def _swept(folder: Path, users: int) -> Swept:
    async with open_house(folder, grid(1, is_open=False)) as house, _sweeping(house) as outbox:
        await _others(house)
        await _crowd(house, users)
        done = [0]
        async with trio.open_nursery() as nursery:
            for number in range(OTHERS):
                nursery.start_soon(_go_to_and_fro, house, users + number, done)
            await trio.sleep(0.5)
            alone = await _rate(done, partial(trio.sleep, ALONE_SECONDS))
            before = perf_counter()
            await house.ask(GRID, SetVariable(name="s0", value="1"), by="bench")
            during = await _rate(done, partial(_over, outbox))
            seconds = perf_counter() - before
            alone = (alone + await _rate(done, partial(trio.sleep, ALONE_SECONDS))) / 2
            nursery.cancel_scope.cancel()
        await _look(house, users)
    return Swept(users=users / seconds, follows=during, alone=alone)


@asynccontextmanager
async def _sweeping(house: Directory) -> AsyncIterator[Outbox]:
    """The outbox of the house, with its one sender."""
    store = house.store
    assert isinstance(store, SqliteStore)

    async def page(project: str, key: str, after: str, limit: int) -> list[str]:
        return await store.read(
            lambda connection: queries.waiting_for(connection, project, key, after, limit)
        )

    outbox = Outbox(house, {"sweep": SweepSender(house, {INTERESTS: page})})
    house.note_effects = outbox.nudge
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.run)
        yield outbox
        nursery.cancel_scope.cancel()


async def _others(house: Directory) -> None:
    plain = {**grid(1), "id": OTHER}
    await house.ask(Address(PROJECT, TIMELINE.name, OTHER), publishing(plain), by="bench")


async def _crowd(house: Directory, users: int) -> None:
    """Everybody is there: the crowd, and behind it the others."""
    numbers = iter(range(users + OTHERS))

    async def caller() -> None:
        for number in numbers:
            timeline = ID if number < users else OTHER
            create = CreateUser(published_timeline_id=timeline, timezone="Europe/London")
            await house.ask(user(number), create, by="bench")

    async with trio.open_nursery() as nursery:
        for _ in range(CALLERS):
            nursery.start_soon(caller)


async def _go_to_and_fro(house: Directory, number: int, done: list[int]) -> None:
    for link in cycle((FOLLOWED, BACK)):
        await house.ask(user(number), follow(link), by="bench")
        done[0] += 1


async def _rate(done: list[int], wait: partial[object]) -> float:
    """Follows a second while something is waited for."""
    before, started = done[0], perf_counter()
    await wait()  # type: ignore[misc]
    return (done[0] - before) / (perf_counter() - started)


async def _over(outbox: Outbox) -> None:
    """Wait until everybody has been asked; each page ends a flush."""
    with trio.fail_after(SWEEP_SECONDS_MAX):
        while not await outbox.flush(Order(PROJECT, f"sweep:{INTERESTS}", f"{ID}:s0")):
            pass


async def _look(house: Directory, users: int) -> None:
    """The first and the last one wait no more."""
    for number in (0, users - 1):
        found = (await house.peek(Address(PROJECT, USER.name, user(number).id))).state
        if found.standing.waiting is not None:
            raise RuntimeError(f"user {number} was missed")
