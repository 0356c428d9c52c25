"""Entries as the engine makes them, and a way to submit them and wait: for the store's tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import toy
import trio

from engine.effects import Effect
from engine.errors import ClaimTaken
from engine.messages import Address, Erased, Event, Fact
from engine.ports import Change, Committed, Entry, Kept, Outcome, Store
from storage.store import Export, Projected, Write

NOW_MS = 1_800_000_000_000
ALICE = Address("house", "door", "alice")
BOB = Address("house", "door", "bob")


class Odd(Event, frozen=True):
    """An event whose body cannot be written."""

    value: Any = object()


def change(
    address: Address, expected: int, *events: Event, generation: int = 0, **other: Any
) -> Change:
    """A change of one fact holding `events` (none: a write without a fact)."""
    facts = (Fact(expected + 1, NOW_MS, events),) if events else ()
    values: dict[str, Any] = {
        "phase": "locked",
        "alarm_at_ms": None,
        "since_ms": (NOW_MS,),
        "state": msgspec.json.encode(toy.Door()),
    }
    return Change(
        address=address,
        expected=expected,
        version=expected + len(facts),
        generation=generation,
        facts=facts,
        **(values | other),
    )


def erasure(
    address: Address,
    expected: int,
    *,
    privacy: bool = False,
    own_only: bool = False,
    about: str = "",
) -> Change:
    """The last change of an actor."""
    return change(
        address,
        expected,
        Erased(privacy=privacy),
        phase="erased",
        since_ms=(),
        state=None,
        erases=True,
        privacy=privacy,
        own_only=own_only,
        about=about,
    )


def entry(*changes: Change, **other: Any) -> Entry:
    """An entry of the house."""
    return Entry(project="house", at_ms=other.pop("at_ms", NOW_MS), changes=changes, **other)


def opened(address: Address, expected: int, **other: Any) -> Entry:
    """The commonest entry: one fact of one actor."""
    return entry(change(address, expected, toy.Opened(), **other))


def kept(key: str, address: Address, at_ms: int = NOW_MS) -> Kept:
    """A kept answer."""
    return Kept(
        project="house",
        principal="caller",
        key=key,
        fingerprint=b"finger",
        address=address,
        version=1,
        generation=0,
        state=b"{}",
        at_ms=at_ms,
    )


def effect(subject: str, **other: Any) -> Effect:
    """An effect to the locksmith."""
    return Effect(sender="locksmith", subject=subject, body=b'{"n":1}', **other)


async def commit(store: Store, *entries: Entry) -> list[Outcome]:
    """Submit entries in one tick and wait until all are told; outcomes in order of submission."""
    outcomes: dict[int, Outcome] = {}
    done = trio.Event()

    def teller(index: int) -> Any:
        def tell(outcome: Outcome) -> None:
            outcomes[index] = outcome
            if len(outcomes) == len(entries):
                done.set()

        return tell

    for index, one in enumerate(entries):
        store.submit(one, teller(index))
    await done.wait()
    return [outcomes[index] for index in range(len(entries))]


async def stored(store: Store, *entries: Entry) -> list[Committed]:
    """As `commit`; every entry must be accepted."""
    outcomes = await commit(store, *entries)
    assert all(isinstance(outcome, Committed) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Committed)]


async def until(condition: Any) -> None:
    """Let others work until the condition holds."""
    with trio.fail_after(5):
        while not condition():
            await trio.lowlevel.checkpoint()


class DoorView:
    """The toy's lists: signs (appended) and openings (projected), one of which may be forbidden."""

    name = "door"
    kinds = frozenset({"door"})
    version = 1
    exports: Mapping[str, Export] = {}

    @property
    def appends(self) -> Mapping[str, Write]:
        """The list of signs."""
        return {"sign": self._sign}

    def migrate(self, connection: sqlite3.Connection, version: int) -> None:
        """Make the tables."""
        assert version == 0
        connection.execute("CREATE TABLE sign (number INTEGER PRIMARY KEY, hash TEXT) STRICT")
        connection.execute("CREATE TABLE opening (id TEXT, name TEXT, state TEXT) STRICT")

    def _sign(
        self, connection: sqlite3.Connection, _project: str, _at_ms: int, rows: Sequence[Any]
    ) -> list[int]:
        before = connection.execute("SELECT count(*) FROM sign").fetchone()[0]
        connection.executemany("INSERT INTO sign (hash) VALUES (?)", rows)
        return list(range(before + 1, before + 1 + len(rows)))

    def project(self, connection: sqlite3.Connection, projected: Projected) -> None:
        """List every fact; an actor called `cursed` breaks the view."""
        if projected.address.id == "cursed":
            raise RuntimeError("the view is broken")
        if projected.address.id == "twin":
            raise ClaimTaken("twin", "key")
        connection.execute(
            "INSERT INTO opening VALUES (?, ?, ?)",
            (projected.address.id, projected.fact.name, (projected.state or b"").decode()),
        )

    def erase(
        self, connection: sqlite3.Connection, address: Address, _about: str, _own_only: bool
    ) -> dict[str, int]:
        """Forget an actor's openings."""
        done = connection.execute("DELETE FROM opening WHERE id = ?", (address.id,))
        return {"openings": done.rowcount}

    def forget(
        self, connection: sqlite3.Connection, address: Address, about: str, own_only: bool
    ) -> dict[str, int]:
        """The same, while the actor goes on."""
        return self.erase(connection, address, about, own_only)

    def trim(self, connection: sqlite3.Connection, _now_ms: int, rows_max: int) -> int:
        """Keep ten signs."""
        return connection.execute(
            """DELETE FROM sign WHERE number IN (SELECT number FROM sign
               WHERE number <= (SELECT max(number) - 10 FROM sign) LIMIT ?)""",
            (rows_max,),
        ).rowcount
