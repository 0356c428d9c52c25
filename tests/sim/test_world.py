"""Small seeded worlds, and planted bugs that they must notice.

`CALLBOARD_SEEDS=1000` lives through more of them; `CALLBOARD_SEED=17` through one alone.
"""

from __future__ import annotations

import os

import pytest
from sim.bugs import BUGS, Plant
from sim.checker import Violation
from sim.world import run_world

SEEDS = int(os.environ.get("CALLBOARD_SEEDS", "30"))
ONE = os.environ.get("CALLBOARD_SEED")
CHOSEN = [int(ONE)] if ONE else list(range(SEEDS))


def broken(seed: int) -> Violation | None:
    """What goes wrong in one world."""
    try:
        run_world(seed)
    except Violation as violation:
        return violation
    except BaseExceptionGroup as group:
        found, others = group.split(Violation)
        if others is not None or found is None:
            raise
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]  # type: ignore[assignment]
        return found  # type: ignore[return-value]
    return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", CHOSEN)
def test_a_small_world_keeps_every_promise(seed):
    """Whatever fails, nothing acknowledged is lost, nothing is told too early, no alarm is late."""
    violation = broken(seed)
    assert violation is None, str(violation)


@pytest.mark.slow
def test_a_seed_tells_the_same_story_again():
    """The same seed is the same run, to the last line of its trace."""
    first, second = run_world(4), run_world(4)
    assert (first.trace, first.counts) == (second.trace, second.counts)


@pytest.mark.slow
def test_much_happens_in_a_world():
    """A world where nothing goes wrong would prove nothing."""
    counts: dict[str, int] = {}
    for seed in range(3):
        for name, count in run_world(seed).counts.items():
            counts[name] = counts.get(name, 0) + count
    wanted = ("ok", "refused", "repeated", "overflow", "sleeps", "rung", "actor_failed", "left")
    assert all(counts[name] > 5 for name in (*wanted, "unavailable")), counts


@pytest.mark.slow
@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_noticed(plant: Plant, monkeypatch):
    """The worlds of the quick seeds fail with it; that they pass without is the test above."""
    plant(monkeypatch)
    for seed in range(30):
        if (violation := broken(seed)) is not None:
            assert f"seed {seed}" in str(violation)
            return
    pytest.fail("nobody noticed")
