"""A sender that takes pools, and what tests put into it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import trio
import trio.testing
from stage import PROJECT, Stage, door

from engine.effects import Append, Effect
from engine.pools import Order
from engine.ports import Delivery, Entry, Settle

PATIENT_MS = 10_000
ORDER = Order(PROJECT, "", "s")
"""Where `put` puts, unless told otherwise."""


class Tray:
    """Takes pools and appends each word to a list; `errors` are raised first, one per attempt."""

    def __init__(self, full: int = 0, batch_max: int = 100) -> None:
        self.waits_seconds: tuple[float, ...] = (1.0, 10.0)
        self.full = full
        self.batch_max = batch_max
        self.batches: list[tuple[int, list[str]]] = []
        self.errors: deque[Exception] = deque()
        self.asked: list[Order] = []
        self.seconds = 0.0

    def full_at(self, order: Order) -> int:
        """The same for every order; who was asked about is remembered."""
        self.asked.append(order)
        return self.full

    async def send_all(self, deliveries: Sequence[Delivery]) -> list[Append]:
        """Remember when, and what."""
        words = [delivery.effect.body.decode() for delivery in deliveries]
        self.batches.append((round(trio.current_time()), words))
        await trio.sleep(self.seconds)
        if self.errors:
            raise self.errors.popleft()
        return [Append("tray", (word,)) for word in words]


async def put(stage: Stage, words: str, *, is_told: bool = True, **more: Any) -> None:
    """Commit an effect for each letter, to be sent in ten seconds, and tell the outbox."""
    values = {"sender": "tray", "subject": "s", "due_in_ms": PATIENT_MS} | more
    caused = tuple((door(), 1, Effect(body=word.encode(), **values)) for word in words)
    entry = Entry(project=PROJECT, at_ms=stage.clock.now_ms(), effects=caused)
    stage.store.shelf.apply([entry], 0)
    if is_told:
        stage.outbox.nudge(caused)
    await trio.testing.wait_all_tasks_blocked()


def listed(stage: Stage) -> str:
    """The words that arrived in the list."""
    return "".join(row[0] for _, _, row in stage.store.shelf.lists.get("tray", ()))


def drop(stage: Stage, *ids: int) -> None:
    """Somebody takes rows away, as an erasure does."""
    settles = tuple(Settle(id=id_) for id_ in ids)
    stage.store.shelf.apply([Entry(project=PROJECT, at_ms=0, settles=settles)], 0)
