"""Pools in small seeded lives: whatever fails, however often the daemon dies, all arrive once."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import trio
import trio.testing
from hypothesis.internal.entropy import deterministic_PRNG
from stage import PROJECT, Stage, door, open_stage

from engine.effects import Append, Effect
from engine.errors import Later
from engine.pools import Order
from engine.ports import Delivery, Entry
from storage.shelf import Shelf

SUBJECTS = "abc"
Written = dict[str, list[str]]
LIVES = 3
STEPS = 25


class Belt:
    """Takes pools, and fails at random while `is_rough`."""

    waits_seconds = (1.0,) * 1_000
    batch_max = 4

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.is_rough = True
        self.under_way: set[str] = set()
        self.wrong = False
        self.attempts = 0
        self.repeats = 0
        self._seen: set[int] = set()

    def full_at(self, order: Order) -> int:
        """Each subject its own number; one is never full."""
        return {"a": 3, "b": 9, "c": 0}[order.subject]

    async def send_all(self, deliveries: Sequence[Delivery]) -> list[Append]:
        """Look whether it is one order, in order and alone; then take a while."""
        subject = deliveries[0].effect.subject
        ids = [one.id for one in deliveries]
        self.wrong |= {one.effect.subject for one in deliveries} != {subject}
        self.wrong |= ids != sorted(ids) or len(ids) > self.batch_max or subject in self.under_way
        self.attempts += 1
        self.repeats += ids[0] in self._seen
        self._seen.update(ids)
        self.under_way.add(subject)
        try:
            await trio.sleep(self.dice.choice([0.0, 0.0, 0.5, 12.0 if self.is_rough else 1.0]))
            if self.is_rough and self.dice.random() < 0.3:
                raise self.dice.choice([Later(2.0, "full"), OSError("broken")])
        finally:
            self.under_way.discard(subject)
        return [
            Append("belt", (one.effect.subject, one.effect.body.decode())) for one in deliveries
        ]


def put(stage: Stage, dice: random.Random, subject: str, bodies: list[str]) -> None:
    """Commit effects of one subject; sometimes nobody is told of them."""
    due = dice.choice([0, 2_000, 30_000])
    caused = tuple(
        (door(), 1, Effect(sender="belt", subject=subject, body=body.encode(), due_in_ms=due))
        for body in bodies
    )
    entry = Entry(project=PROJECT, at_ms=stage.clock.now_ms(), effects=caused)
    stage.store.shelf.apply([entry], 0)
    if dice.random() < 0.9:
        stage.outbox.nudge(caused)


async def live(shelf: Shelf, belt: Belt, dice: random.Random, written: Written) -> None:
    """Put, flush, break the disk and wait, in any order; in the end everybody dies."""
    stage_set = open_stage(shelf=shelf, senders={"belt": belt})
    async with stage_set as stage, trio.open_nursery() as askers:
        for _ in range(STEPS):
            subject = dice.choice(SUBJECTS)
            match dice.randrange(6):
                case 0 | 1 | 2:
                    known = len(written[subject])
                    bodies = [str(known + part) for part in range(dice.randint(1, 5))]
                    put(stage, dice, subject, bodies)
                    written[subject] += bodies
                case 3:
                    askers.start_soon(stage.outbox.flush, Order(PROJECT, "", subject))
                case 4:
                    stage.store.faults.fail_next(dice.randint(1, 3), dice.choice(["lost", "kept"]))
                case _:
                    await trio.sleep(dice.choice([0.0, 0.3, 3.0, 20.0]))
        askers.cancel_scope.cancel()


async def lives(seed: int) -> tuple[Shelf, Belt, Written]:
    """Some rough lives and a quiet one; what was written into each order."""
    dice, shelf = random.Random(seed), Shelf()
    belt, written = Belt(dice), {subject: [] for subject in SUBJECTS}
    for _ in range(LIVES):
        await live(shelf, belt, dice, written)
    belt.is_rough = False
    async with open_stage(shelf=shelf, senders={"belt": belt}) as stage:
        await trio.sleep(60.0)
        for subject in SUBJECTS:
            assert await stage.outbox.flush(Order(PROJECT, "", subject))
        assert stage.outbox.statistics()["parked"] == 0
    return shelf, belt, written


def run(seed: int) -> tuple[Shelf, Belt, Written]:
    """All lives of one seed under virtual time."""
    with deterministic_PRNG(seed):
        return trio.run(lives, seed, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("seed", range(25))
def test_everything_arrives_once_and_in_order(seed: int) -> None:
    """Nothing is lost, nothing is listed twice, no order is torn, none is under way twice."""
    shelf, belt, written = run(seed)
    assert not belt.wrong
    assert shelf.outbox == {}
    for subject in SUBJECTS:
        listed = [row[1] for _, _, row in shelf.lists.get("belt", ()) if row[0] == subject]
        assert listed == written[subject]


def test_much_happens_in_these_lives() -> None:
    """Lives in which nothing fails and nobody dies would prove nothing."""
    belts = [run(seed)[1] for seed in range(3)]
    assert sum(belt.attempts for belt in belts) > 50
    assert sum(belt.repeats for belt in belts) > 10
