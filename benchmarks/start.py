"""Start to ready, and what sleepers cost: a million actors at rest against ten.

The real daemon, from the first line of its process to the first 200 of `/readyz`, on two data
folders: ten sleeping actors, and 1,000,000 with a state, a fact and 100,000 alarms that are far in
the future. Both folders were made by the daemon itself, stopped, then filled by plain SQL. Starts
take turns; the files stay in the system's page cache for both. An overdue alarm would be rung after
ready and is not what is measured here.

What a sleeping actor costs in memory is the difference between daemons on 1,000,000 and on 500,000
of them, once ready and quiet, divided by the difference in number: SQLite's page cache, which has
its bound, is full in both. The resolution is what an allocator leaves to chance: a byte an actor.
"""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from pathlib import Path

from benchmarks.apart import free_port, resident_bytes, running, scratch, serve, wait_until_ready
from benchmarks.figures import Figure, median, ratios, rounds

FEW, FEW_ALARMS = 10, 1
SETTLE_SECONDS = 1.5
"""After ready, for background work of a start, before memory is read."""
ALARM_MS = 4_000_000_000_000
"""The alarms' time: the year 2096."""

_ACTORS = """WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
    INSERT INTO actor (project, kind, id, version, generation, phase, state, state_version,
                       since, alarm_at)
    SELECT 'bench', 'visitor', printf('env_1:visitor_%07d', n), 1, 0, 'fetched',
           CAST(printf('{"id":"visitor_%07d","phase":"fetched","context":{"age":31}}', n) AS BLOB),
           1, '1800000000000', iif(n <= ?, ? + n, NULL) FROM number"""
_FACTS = """INSERT INTO fact (seq, project, kind, id, version, name, body, at)
    SELECT rowid, project, kind, id, 1, 'Fetched',
           CAST('[{"event":"Fetched","context":{"age":31}}]' AS BLOB), 1800000000000 FROM actor
    WHERE kind = 'visitor'"""


def measure(*, is_quick: bool) -> list[Figure]:
    """Both figures of a start, and the sleeping actor's memory."""
    many = 200_000 if is_quick else 1_000_000
    sizes = {"few": FEW, "some": many // 2, "many": many}
    with scratch() as folder:
        for name, size in sizes.items():
            fill(folder / name, size, max(FEW_ALARMS, size // 10))
        count = 3 if is_quick else 5
        few, seconds = rounds(count, *(partial(_start, folder, name) for name in ("few", "many")))
        memory = rounds(3, *(partial(_rest, folder, name) for name in sizes))
    return [*_starts(many, few, seconds), _sleeper(sizes, dict(zip(sizes, memory, strict=True)))]


def _starts(many: int, few: list[float], seconds: list[float]) -> list[Figure]:
    raw = {"seconds": seconds, f"with {FEW}": few}
    name = f"start to ready, {many:,} sleeping actors, {many // 10:,} alarms"
    ratio = median(ratios(seconds, few))
    return [
        Figure(name, f"a start with {FEW}", ratio, 1.5, at_least=False, raw=raw),
        Figure(f"{name}, seconds", "the clock", median(seconds), 2.0, False, " s"),
    ]


def _sleeper(sizes: dict[str, int], memory: dict[str, list[float]]) -> Figure:
    more = median(memory["many"]) - median(memory["some"])
    each = more / (sizes["many"] - sizes["some"])
    return Figure(
        "memory of a sleeping actor",
        f"daemons with {sizes['many']:,} and {sizes['some']:,} of them",
        max(0, round(each)),
        0,
        at_least=False,
        unit=" B",
        raw={"bytes each": round(each, 3)}
        | {f"MB with {size:,}": median(memory[name]) / 1e6 for name, size in sizes.items()},
    )


def fill(data: Path, actors: int, alarms: int) -> None:
    """A data folder with that many sleeping actors, and their alarms."""
    port = free_port()
    with running(serve(data, port), data.with_suffix(".log")) as process:
        wait_until_ready(port, process)
    connection = sqlite3.connect(data / "callboard.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -262144")
    connection.execute("BEGIN")
    connection.execute(_ACTORS, (actors, alarms, ALARM_MS))
    connection.execute(_FACTS)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    (stored,) = connection.execute("SELECT count(*) FROM fact").fetchone()
    connection.close()
    if stored < actors:
        raise RuntimeError("the folder was not filled")


def _start(folder: Path, name: str) -> float:
    """Seconds from the first line of the process to ready."""
    port = free_port()
    started = time.monotonic()
    with running(serve(folder / name, port), folder / f"{name}.log") as process:
        return wait_until_ready(port, process) - started


def _rest(folder: Path, name: str) -> float:
    """Bytes of a daemon that is ready and quiet."""
    port = free_port()
    with running(serve(folder / name, port), folder / f"{name}.log") as process:
        wait_until_ready(port, process)
        time.sleep(SETTLE_SECONDS)
        return resident_bytes(process.pid)
