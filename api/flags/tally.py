"""Exposures of decisions with `trigger_hit`, counted together and committed in turn.

A decision adds to the sums in memory; whatever was added while one commit was on its way leaves
with the next, so a thousand decisions cost a few commits, and a counter row is written once in each
of them. `settled` waits for the commit that has what was just added. Rules: spec flags 1.12, 10.10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from actors.flags.choices import Choice
from actors.flags.reports import EXPOSURE, NAME_CHARACTERS_MAX, day_of
from api.flags.environments import Live
from engine.effects import Append
from engine.errors import EngineError
from engine.ports import Clock, Committed, Entry, Failed, Outcome, Store
from storage.flags.writes import CountRow

DAY_MS = 86_400_000
Sums = dict[tuple[str, int, Choice], int]


class Tally:
    """Exposures on their way into the counters. `lost` hears of sums that were not stored."""

    def __init__(
        self, store: Store, clock: Clock, lost: Callable[[str, int, Exception], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._lost = lost
        self._sums: dict[str, Sums] = {}
        self._leaving: dict[str, trio.Event] = {}
        self._next: dict[str, trio.Event] = {}
        self._commits = 0

    def add(self, live: Live, choices: Iterable[Choice]) -> None:
        """Count one exposure of each choice today; it leaves with the next commit."""
        day = self._clock.now_ms() // DAY_MS
        env = live.env
        sums = self._sums.get(live.project)
        if sums is None:
            sums = self._sums[live.project] = {}
        for choice in choices:
            key = (env, day, choice)
            sums[key] = sums.get(key, 0) + 1
        if live.project not in self._leaving:
            self._send(live.project)

    async def settled(self, project: str) -> None:
        """Wait until everything added so far was committed, or given up."""
        if self._sums.get(project):
            event = self._next.setdefault(project, trio.Event())
        elif project in self._leaving:
            event = self._leaving[project]
        else:
            return
        await event.wait()

    async def settled_everywhere(self) -> None:
        """Wait for the sums of every project."""
        for project in {*self._sums, *self._leaving}:
            await self.settled(project)

    def _send(self, project: str) -> None:
        sums = self._sums.pop(project, None)
        if not sums:
            return
        rows = [Append("flag_count", _row(*key, number)) for key, number in sums.items()]
        entry = Entry(project=project, at_ms=self._clock.now_ms(), appends=tuple(rows))
        leaving = self._leaving[project] = self._next.pop(project, trio.Event())

        def told(outcome: Outcome) -> None:
            if not isinstance(outcome, Committed):
                error = outcome.error if isinstance(outcome, Failed) else RuntimeError("refused")
                self._lost(project, sum(sums.values()), error)
            self._commits += 1
            del self._leaving[project]
            leaving.set()
            self._send(project)

        try:
            self._store.submit(entry, told)
        except EngineError as error:
            del self._leaving[project]
            self._lost(project, sum(sums.values()), error)
            leaving.set()

    def statistics(self) -> dict[str, float]:
        """Commits so far, and sums waiting."""
        return {"commits": self._commits, "waiting": sum(map(len, self._sums.values()))}


def _row(env: str, day: int, choice: Choice, number: int) -> CountRow:
    """Ids in counters are cut as those of hits are."""
    most = NAME_CHARACTERS_MAX
    return CountRow(
        env,
        day_of(day * DAY_MS),
        EXPOSURE,
        choice.campaign.id[:most],
        choice.group.id[:most],
        choice.variation.id[:most],
        number=number,
    )
