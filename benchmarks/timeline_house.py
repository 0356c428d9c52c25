"""Timelines in the engine on its SQLite store, as the daemon puts them together, without HTTP.

Everything a command passes is here: mailbox, needs, table, fold, the commit with `synchronous=FULL`
and the lists that follow the facts, alarms, hub, log lines, counters, the collector's settings.
Latencies are those of one caller who waits for each answer; contestants take turns, command by
command, each in a data folder of its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count, cycle
from pathlib import Path
from time import perf_counter

import msgspec
import trio

from actors.timelines import document
from actors.timelines.revision import compile_revision
from actors.timelines.settings import SETTINGS
from actors.timelines.timeline import TIMELINE, publication
from actors.timelines.timeline_words import Publish, SetVariable
from actors.timelines.user import USER
from actors.timelines.user_words import CreateUser, FollowLink
from api import memory
from api.times import WallClock
from benchmarks.apart import resident_bytes
from benchmarks.timeline_grid import BACK, FOLLOWED, ID, Plain, grid, history
from benchmarks.timeline_reader import BLOCKS
from benchmarks.toy_house import PROJECT, doors, log_file, open_toy
from engine.alarms import Alarms
from engine.directory import Directory
from engine.hub import Hub
from engine.limits import Limits
from engine.messages import Address, Command
from storage.sqlite import open_store
from storage.timelines import TimelineLists
from tests.toy import SetCode

GRID = Address(PROJECT, TIMELINE.name, ID)
CALLERS = 100
"""Users who are created at the same time."""
WARM = 20
"""Commands of each contestant before the clock counts."""
Turn = Callable[[], Awaitable[object]]


class Crowd(msgspec.Struct, frozen=True):
    """Microseconds of setting a shared variable, by who is there; and what the many cost."""

    many: list[float]
    few: list[float]
    bare: list[float]
    seconds: float
    megabytes: float
    awake: float


@asynccontextmanager
async def open_house(folder: Path, plain: Plain) -> AsyncIterator[Directory]:
    """The directory of timelines and users on a data folder, with one timeline published."""
    limits = Limits()
    with log_file(folder / "lines.log") as log:
        store = open_store(folder, limits, (TimelineLists(),))
        async with store as opened, trio.open_nursery() as actors:
            kinds = (USER, TIMELINE, SETTINGS)
            directory = Directory(
                actors, kinds, opened, Hub(), WallClock(), observer=log, limits=limits
            )
            alarms = Alarms(directory)
            directory.note_alarm = alarms.note
            for work in (alarms.run, directory.sweep):
                actors.start_soon(work)
            await directory.ask(GRID, publishing(plain), by="bench")
            memory.settle_collector()
            yield directory
            await directory.drain(5.0)
            actors.cancel_scope.cancel()


def publishing(plain: Plain) -> Publish:
    body = document.write(document.read(json.dumps(plain).encode()))
    return publication(compile_revision(body), body)


# --- following a link


def follows(folder: Path, turns: int) -> tuple[list[float], list[float]]:
    """Microseconds of following a link on the big timeline, and on the small one."""
    return trio.run(_follows, folder, turns)


async def _follows(folder: Path, turns: int) -> tuple[list[float], list[float]]:
    async with (
        open_house(folder / "big", grid(BLOCKS)) as big,
        open_house(folder / "small", grid(1)) as small,
    ):
        await _read_on(big, history(BLOCKS))
        await _read_on(small, history(1))
        one, other = await _in_turns(turns, _following(big), _following(small))
    return one, other


async def _read_on(house: Directory, links: list[str]) -> None:
    await house.ask(user(0), _creating(), by="bench")
    for link in links:
        await house.ask(user(0), follow(link), by="bench")


def _following(house: Directory) -> Turn:
    """There and back."""
    links = cycle((FOLLOWED, BACK))
    return lambda: house.ask(user(0), follow(next(links)), by="bench")


def follow(link: str) -> FollowLink:
    return FollowLink(user_timeline_event_id=link.partition(":")[0], link_id=link)


# --- setting a shared variable


def crowd(folder: Path, users: int, few: int, turns: int) -> Crowd:
    """Set a variable that all users wait for, with so many of them and with a few."""
    return trio.run(_crowd, folder, users, few, turns)


async def _crowd(folder: Path, users: int, few: int, turns: int) -> Crowd:
    closed = grid(1, is_open=False)
    async with (
        open_house(folder / "many", closed) as many,
        open_house(folder / "few", closed) as small,
        open_toy(folder / "bare") as bare,
    ):
        await _create(small, few)
        before = resident_bytes()
        started = perf_counter()
        await _create(many, users)
        seconds = perf_counter() - started
        held = resident_bytes() - before
        awake = many.statistics()["awake"]
        await _look(many, users)
        found = await _in_turns(turns, _setting(many), _setting(small), _ordering(bare))
    return Crowd(
        many=found[0],
        few=found[1],
        bare=found[2],
        seconds=round(seconds, 2),
        megabytes=round(held / 1e6, 1),
        awake=awake,
    )


async def _create(house: Directory, users: int) -> None:
    names = iter(range(users))

    async def caller(numbers: Iterator[int]) -> None:
        for number in numbers:
            await house.ask(user(number), _creating(), by="bench")

    async with trio.open_nursery() as nursery:
        for _ in range(CALLERS):
            nursery.start_soon(caller, names)


async def _look(house: Directory, users: int) -> None:
    """The first and the last user are there and wait for the variable."""
    for number in (0, users - 1):
        found = (await house.peek(user(number))).state
        if found.standing.waiting != "g0":
            raise RuntimeError(f"user {number} does not wait for the variable")


def user(number: int) -> Address:
    return Address(PROJECT, USER.name, f"user_{number:06d}")


def _creating() -> CreateUser:
    return CreateUser(published_timeline_id=ID, timezone="Europe/London")


def _setting(house: Directory) -> Turn:
    """Each time another value: the guard that all wait for opens and closes."""
    values = cycle(("1", "0"))
    return lambda: house.ask(GRID, SetVariable(name="s0", value=next(values)), by="bench")


def _ordering(house: Directory) -> Turn:
    """The least command of one actor: a door's code is changed."""
    (door,) = doors(1)
    codes = map(str, count(1_000))

    def turn() -> Awaitable[object]:
        order: Command = SetCode(code=next(codes))
        return house.ask(door, order, by="bench")

    return turn


# --- turns


async def _in_turns(turns: int, *contestants: Turn) -> list[list[float]]:
    """Microseconds of each command of each contestant; who is first changes."""
    found: list[list[float]] = [[] for _ in contestants]
    for number in range(WARM + turns):
        order = list(enumerate(contestants))
        first = number % len(order)
        for place, contestant in order[first:] + order[:first]:
            started = perf_counter()
            await contestant()
            if number >= WARM:
                found[place].append((perf_counter() - started) * 1e6)
    return found
