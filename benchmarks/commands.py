"""Durable commands a second, against less and against more than an actor.

Ours: 100 callers send orders to 1,000 toy doors through the directory: mailbox, table, guard, fold,
one commit with `synchronous=FULL` before any answer, alarm, log line, counters. Below it: the same
rows into the same tables by a bare `sqlite3` loop that has them ready as tuples, `executemany`, 100
commands to a commit, the same settings: the most that Python and this file format give.

Beside it: an aggregate of PyPI `eventsourcing` loaded, changed and saved on its SQLite recorder,
also FULL (its default in WAL mode), each command a commit of its own. It is met in the middle of
the same work: its doors have lived through half of the orders that ours carry out in a round, and
loading folds them. And one hot door with 64 callers, up to 64 commands a commit, against the 1,000.

Every door exists before the clock starts; contestants take turns, each in a fresh process. Beside
the rates stands the processor time of a command, all threads together: ours has two threads, so
other work on the machine costs its rate more than that of the loops.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time

import trio

from benchmarks.apart import apart, scratch
from benchmarks.figures import Figure, Raw, median, ratios, rounds
from benchmarks.toy_house import Order, doors, open_toy, orders
from engine.directory import Directory
from engine.draft import Draft
from engine.envelope import Envelope
from engine.limits import Limits
from engine.machine import Moment
from engine.messages import Address, Snapshot
from storage.codec import ACTOR, FACT, Row, actor_row, fact_row
from storage.connections import connect_writer
from storage.migrations import migrate
from tests.toy import DOOR

DOORS, CALLERS, HOT_CALLERS = 1_000, 100, 64
BATCH = 100
NOW_MS = 1_800_000_000_000


Result = tuple[float, float]
"""Commands a second, and microseconds of processor time for each."""


def measure(*, is_quick: bool) -> list[Figure]:
    """Every figure of commands."""
    commands = 6_000 if is_quick else 24_000
    costs: dict[str, list[float]] = {}
    with scratch() as folder:

        def turn(contestant: Callable[[Path, int], Result], number: int) -> Callable[[], float]:
            return lambda: _round(folder, contestant, number, costs)

        found = rounds(
            3 if is_quick else 7,
            turn(_spread, commands),
            turn(_bare, commands),
            turn(_eventsourcing, commands),
            turn(_hot, commands),
        )
    return _figures({name.strip("_"): median(costs[name]) for name in costs}, *found)


def _figures(
    costs: dict[str, float],
    spread: list[float],
    bare: list[float],
    sourced: list[float],
    hot: list[float],
) -> list[Figure]:
    def figure(measure: str, ours: list[float], target: float, than: str, other: list[float],
               note: str = "") -> Figure:  # fmt: skip
        raw: Raw = {"commands/s": ours, "the other": other}
        return Figure(measure, than, median(ratios(ours, other)), target, raw=raw, note=note)

    ours = "durable commands/s, 1,000 actors, 100 callers"
    bare_loop = "the same rows by a bare sqlite3 loop, 100 a commit"
    library = "load-change-save with eventsourcing on SQLite"
    microseconds = ", ".join(f"{name} {cost:.0f}" for name, cost in costs.items())
    note = f"processor microseconds a command: {microseconds}"
    return [
        figure(f"{ours}; bare", spread, 0.20, bare_loop, bare, note),
        figure(f"{ours}; a library", spread, 8.0, library, sourced, "both synchronous=FULL"),
        figure("durable commands/s, one hot actor, 64 callers", hot, 0.7, "the above", spread),
    ]


def _round(
    folder: Path,
    contestant: Callable[[Path, int], Result],
    commands: int,
    costs: dict[str, list[float]],
) -> float:
    """One contestant on an empty folder, in a fresh process; commands a second."""
    number = sum(1 for _ in folder.iterdir())
    rate, cost = apart(contestant, folder / f"round-{number}", commands)
    costs.setdefault(contestant.__name__, []).append(cost)
    return rate


class Stopwatch:
    """Time and processor time of so many commands, once it is left."""

    def __init__(self, commands: int) -> None:
        self.commands = commands
        self.result: Result = (0.0, 0.0)

    def __enter__(self) -> Stopwatch:
        self._started, self._used = perf_counter(), process_time()
        return self

    def __exit__(self, *_: object) -> None:
        used = process_time() - self._used
        rate = self.commands / (perf_counter() - self._started)
        self.result = rate, used / self.commands * 1e6


# --- ours


def _spread(folder: Path, commands: int) -> Result:
    return trio.run(_ask_all, folder, doors(DOORS), CALLERS, commands)


def _hot(folder: Path, commands: int) -> Result:
    return trio.run(_ask_all, folder, doors(1), HOT_CALLERS, commands)


async def _ask_all(folder: Path, addresses: list[Address], callers: int, commands: int) -> Result:
    async with open_toy(folder) as directory:
        source = orders(addresses)
        first = len(addresses)
        await _call(directory, islice(source, first), callers)
        work = list(islice(source, commands))
        with Stopwatch(commands) as watch:
            await _call(directory, iter(work), callers)
        counted = directory.statistics()
    if counted["commands"] != commands + first or counted["failed"] or counted["refused"]:
        raise RuntimeError(f"not every command was carried out: {counted}")
    return watch.result


async def _call(directory: Directory, work: Iterator[Order], callers: int) -> None:
    """Callers share the work; a door hears its orders in their order."""

    async def caller() -> None:
        for address, command in work:
            await directory.ask(address, command, by="bench")

    async with trio.open_nursery() as nursery:
        for _ in range(callers):
            nursery.start_soon(caller)


# --- the bare loop

_ACTORS = f"""INSERT INTO actor (project, kind, id, {ACTOR}) VALUES (?,?,?,?,?,?,?,?,?,?)
    ON CONFLICT (project, kind, id) DO UPDATE SET
    version = excluded.version, phase = excluded.phase, state = excluded.state,
    state_version = excluded.state_version, since = excluded.since, alarm_at = excluded.alarm_at"""
_FACTS = f"INSERT INTO fact ({FACT}) VALUES (?,?,?,?,?,?,?,?)"


def _bare(folder: Path, commands: int) -> Result:
    folder.mkdir()
    path = folder / "callboard.db"
    connection = connect_writer(path)
    migrate(connection, path, ())
    connection.execute("PRAGMA wal_autocheckpoint = 1000")
    actors, facts = _rows(DOORS + commands)
    _write(connection, actors[:DOORS], facts[:DOORS])
    batches = [
        (actors[start : start + BATCH], facts[start : start + BATCH])
        for start in range(DOORS, DOORS + commands, BATCH)
    ]
    with Stopwatch(commands) as watch:
        for batch in batches:
            _write(connection, *batch)
    (stored,) = connection.execute("SELECT count(*) FROM fact").fetchone()
    connection.close()
    if stored != DOORS + commands:
        raise RuntimeError("the bare loop lost rows")
    return watch.result


def _write(connection: sqlite3.Connection, actors: list[Row], facts: list[Row]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_ACTORS, actors)
    connection.executemany(_FACTS, facts)
    connection.execute("COMMIT")


def _rows(number: int) -> tuple[list[Row], list[Row]]:
    """The rows that ours writes for the same orders: decided by the same kind, ahead of time."""
    known: dict[Address, Snapshot] = {}
    actors, facts = [], []
    for seq, (address, command) in enumerate(islice(orders(doors(DOORS)), number), 1):
        draft = Draft(DOOR, known.get(address) or DOOR.blank(address), Limits())
        draft.decide(Envelope(command), Moment(NOW_MS + seq))
        known[address] = draft.after
        (change,) = draft.entry().changes
        actors.append(actor_row(change))
        facts.append(fact_row(seq, address, change.facts[0]))
    return actors, facts


# --- eventsourcing


def _eventsourcing(folder: Path, commands: int) -> Result:
    folder.mkdir()
    os.environ["PERSISTENCE_MODULE"] = "eventsourcing.sqlite"
    os.environ["SQLITE_DBNAME"] = str(folder / "events.db")
    from benchmarks.sourced import House

    house = House()
    lived, measured = commands // DOORS // 2, commands // 12
    ids = [house.build(lived) for _ in range(DOORS)]
    work = [(ids[number % DOORS], lived + number // DOORS) for number in range(measured)]
    with Stopwatch(measured) as watch:
        for door_id, step in work:
            house.order(door_id, step)
    if house.count() != DOORS * (lived + 1) + measured or house.synchronous() != 2:
        raise RuntimeError("eventsourcing lost events, or its synchronous is not FULL")
    house.close()
    return watch.result
