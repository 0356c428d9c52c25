"""Submit an entry and wait for what becomes of it."""

from __future__ import annotations

import trio

from engine.ports import Entry, Outcome, Store


async def commit(store: Store, entry: Entry) -> Outcome:
    """Submit an entry and wait for what becomes of it."""
    done = trio.Event()
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        done.set()

    store.submit(entry, tell)
    await done.wait()
    return outcomes[0]
