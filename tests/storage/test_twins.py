"""Both stores, the same random entries, the same answers: seeded, so a failure can be repeated."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
import storage_worlds as worlds
import toy
from storage_worlds import NOW_MS, change, commit, entry, erasure

from engine.effects import Claim, Document, Release
from engine.kind import Keep
from engine.limits import Limits
from engine.messages import Address
from engine.ports import Entry, Failed, Outcome, Settle
from storage.checks import check
from storage.folder import DATABASE
from storage.memory import MemoryStore
from storage.sqlite import open_store

ACTORS = [Address("house", kind, f"d{n}") for kind in ("door", "lamp") for n in range(5)]


class Dice:
    """Makes entries that are mostly right, from what it believes the versions to be."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.versions = dict.fromkeys(ACTORS, 0)
        self.deliveries = 0  # ids that somebody may know of

    def entry(self) -> Entry:
        """An entry with one or two changes and whatever else may ride along."""
        chance = self.random.random
        actors = self.random.sample(ACTORS, 2 if chance() < 0.2 else 1)
        return entry(
            *map(self._change, actors),
            reads=tuple((a, self.versions[a]) for a in self.random.sample(ACTORS, chance() < 0.1)),
            claims=tuple((actors[0], self._claim()) for _ in range(chance() < 0.4)),
            kept=tuple(self._kept(actors[0]) for _ in range(chance() < 0.2)),
            effects=tuple((actors[0], 1, self._effect()) for _ in range(self.random.randrange(3))),
            settles=tuple(self._settle() for _ in range(self.deliveries > 0)),
            documents=tuple(Document(bytes([self.random.randrange(9)])) for _ in range(2)),
        )

    def _change(self, address: Address) -> Any:
        expected = self.versions[address] + (self.random.random() < 0.1)
        roll = self.random.random()
        self.versions[address] += 1
        if roll < 0.15:
            about = self.random.choice(["ann", "ben"])
            return erasure(address, expected, privacy=roll < 0.08, about=about)
        state = None if roll < 0.4 else msgspec.json.encode(toy.Door(opened=expected))
        alarm = self.random.choice([None, 5, 6])
        phase = self.random.choice(["open", "locked"])
        return change(address, expected, toy.Opened(), state=state, alarm_at_ms=alarm, phase=phase)

    def _claim(self) -> Claim | Release:
        key = self.random.choice("xyz")
        return Release("name", key) if self.random.random() < 0.3 else Claim("name", key)

    def _kept(self, address: Address) -> Any:
        age_ms = self.random.choice([0, 25 * 3_600_000])
        return worlds.kept(self.random.choice("abcdef"), address, NOW_MS - age_ms)

    def _effect(self) -> Any:
        about, due = self.random.choice(["", "ann", "ben"]), self.random.choice([0, 7])
        return worlds.effect(self.random.choice("pq"), about=about, due_in_ms=due)

    def _settle(self) -> Settle:
        due = self.random.choice([None, NOW_MS])
        id_ = self.random.randint(1, self.deliveries)
        return Settle(id=id_, due_at_ms=due, parked=self.random.random() < 0.3)


def _plain(outcomes: list[Outcome]) -> list[Any]:
    return [repr(one.error) if isinstance(one, Failed) else one for one in outcomes]


async def _everything(store: Any) -> list[Any]:
    seen: list[Any] = [await store.last_seq(), await store.next_due(), await store.due(NOW_MS, 99)]
    for address in ACTORS:
        seen += [await store.load(address), list(await store.facts(address, 0, 99))]
    for kind in ("door", "lamp"):
        seen += [list(await store.kind_facts("house", kind, 3, 99))]
        seen += [await store.count("house", kind)]
        seen += [list(await store.actors("house", kind, phase, "d1", 9)) for phase in ("", "open")]
    for parked in (True, False):
        seen += [list(await store.deliveries("house", parked_only=parked, after=2, limit=99))]
    seen += [await store.kept("house", "caller", key) for key in "abcdef"]
    return [*seen, sorted(await store.alarms(99))]


@pytest.mark.parametrize("seed", range(12))
async def test_both_stores_answer_alike(tmp_path: Path, seed: int) -> None:
    """Outcomes of every batch and everything that can be read afterwards are equal."""
    dice = Dice(seed)
    memory = MemoryStore(now_ms=lambda: NOW_MS)
    async with open_store(tmp_path, Limits(), now_ms=lambda: NOW_MS) as sqlite:
        for _ in range(12):
            batch = [dice.entry() for _ in range(dice.random.randrange(1, 9))]
            told = _plain(await commit(memory, *batch))
            assert told == _plain(await commit(sqlite, *batch))
            for address in ACTORS:
                loaded = await memory.load(address)
                dice.versions[address] = loaded.version if loaded else 0
            dice.deliveries = memory.shelf.delivery_id
            if dice.random.random() < 0.2:
                for store in (memory, sqlite):
                    while await store.tidy({"door": Keep(last=2)}, NOW_MS):
                        pass
            assert await _everything(memory) == await _everything(sqlite)
    report = check(tmp_path / DATABASE, {})
    assert report.is_sound, report.problems
