"""Timelines: a user's commands on a big one, and a variable shared by a crowd.

Big is a timeline of 2,000 events and 200 steps (`timeline_grid.py`): ten rows, 2,300 links forward
and back, threads, guards that pass, operations, and a variable for every twenty events, which seven
links look at: a condition concerns few links, as authors write them. Small is one of 20 events of
the same shape. A command's cost is its decision, its fold and its answer's bytes. Progressing opens
1,200 events; following comes behind it. What then grows with the timeline is the user's own state
(1,300 events, 300 links), which is copied to be walked with. The worst case is shown without a
target: one variable that every link looks at and every message changes.

The crowd waits at a guard on a shared variable, which an operator sets: one commit, since users see
it when they ask next. A cost that grew with them would be a ratio of hundreds, not of one or two.
The bare commit is the least command of one actor, a toy door's. Behind that commit comes the sweep,
which has each of the crowd note that the guard has passed, while others follow links
(`timeline_sweep.py`); each round has a process and a data folder of its own.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.apart import apart, scratch
from benchmarks.figures import Figure, median, ratios
from benchmarks.timeline_house import Crowd, crowd, follows
from benchmarks.timeline_reader import EVENTS, Costs, costs
from benchmarks.timeline_sweep import OTHERS, Swept, swept

USERS, FEW = 10_000, 10
SWEEPS = 3


def measure(*, is_quick: bool) -> list[Figure]:
    """What commands cost without the store, then with it, then the crowd."""
    usual = apart(costs, 15 if is_quick else 60, is_worst=False)
    worst = apart(costs, 5 if is_quick else 15, is_worst=True)
    with scratch() as folder:
        big, small = apart(follows, _made(folder / "follows"), 50 if is_quick else 300)
        users = USERS // 10 if is_quick else USERS
        found = apart(crowd, _made(folder / "crowd"), users, FEW, 50 if is_quick else 300)
        rounds = range(1 if is_quick else SWEEPS)
        sweeps = [apart(swept, _made(folder / f"sweep_{at}"), users) for at in rounds]
    return [
        _progressing("progress-step to the end", usual, 50),
        _progressing("progress-step; all links on one variable", worst, None),
        _following("follow-link", usual, 2),
        _following("follow-link; all links on one variable", worst, None),
        _stored(big, small),
        *_shared(users, found),
        *_sweeping(users, sweeps),
    ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


_figure = partial(Figure, at_least=False)


def _progressing(name: str, found: Costs, target: float | None) -> Figure:
    return _figure(
        f"{name}, {EVENTS:,} events",
        "the clock, without the store",
        median(found.progress),
        target,
        unit=" ms",
        raw={
            "best": min(found.progress),
            "worst": max(found.progress),
            "the first answer of a revision": found.first,
            "compiling it": found.compiling,
            "events opened": found.opened,
            "bytes of the answer": found.answer_bytes,
        },
        note=f"decision and fold {median(found.progress_decided):.3g} ms, the rest is the answer",
    )


def _following(name: str, found: Costs, target: float | None) -> Figure:
    big, small = found.follow_big, found.follow_small
    decided = " and ".join(f"{median(each):,.0f}" for each in found.follow_decided)
    return _figure(
        f"{name}, {EVENTS:,} events",
        "20 events of the same shape, without the store",
        median(ratios(big, small)),
        target,
        raw={
            "us": median(big),
            "on the small one": median(small),
            "best": min(big),
            "best on the small one": min(small),
            "bytes of the answers": found.follow_bytes,
        },
        note=f"decision and fold {decided} us, the rest is the answer",
    )


def _stored(big: list[float], small: list[float]) -> Figure:
    return _figure(
        f"follow-link with its commit, {EVENTS:,} events",
        "20 events of the same shape",
        round(median(big) / median(small), 3),
        None,
        raw={
            "ms": median(big) / 1e3,
            "on the small one": median(small) / 1e3,
            "means": [sum(each) / len(each) / 1e3 for each in (big, small)],
        },
    )


def _shared(users: int, found: Crowd) -> list[Figure]:
    many, few, bare = median(found.many), median(found.few), median(found.bare)
    name = f"setting a shared variable, {users:,} users wait for it"
    raw = {"ms": many / 1e3, "few": few / 1e3, "bare": bare / 1e3}
    created = {
        "created/s": users / found.seconds,
        "kB each": found.megabytes / users * 1e3,
        "awake": found.awake,
    }
    return [
        _figure(name, f"{FEW} users", round(many / few, 3), 2, raw=raw),
        _figure(f"{name}; bare", "a bare commit of one actor", round(many / bare, 3), 2, raw=raw),
        _figure(
            f"memory after {users:,} users were created",
            "before",
            found.megabytes,
            None,
            unit=" MB",
            raw=created,
        ),
    ]


def _sweeping(users: int, found: list[Swept]) -> list[Figure]:
    reach, during, alone = zip(*[(one.users, one.follows, one.alone) for one in found], strict=True)
    raw = {"rounds": [round(one) for one in reach]}
    follows = {"/s": median(during), "/s without": median(alone), "rounds": ratios(during, alone)}
    return [
        Figure(f"a sweep over {users:,} waiting users, a second", f"{OTHERS} others follow links",
               median(reach), 3_000, unit="/s", raw=raw),
        Figure("follow-link by others during the sweep", "the same without a sweep",
               median(ratios(during, alone)), 0.5, raw=follows),
    ]  # fmt: skip
