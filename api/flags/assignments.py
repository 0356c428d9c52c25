"""Kept assignments, remembered: a visitor seen a moment ago costs no look at the store.

Every assignment is written by this process, so what a subject keeps is forgotten here as soon as a
commit touched it, and read again by the next who asks. Facts of visitors write assignments too: an
exposure sets one, an erasure and a withdrawal of consent take them away. Nothing else ever makes
it stale; expiry is looked at when it is read. Rules: spec flags 3.2, 10.2, 10.8.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

from actors.flags.decision import Kept, KeptFor, Subjects
from actors.flags.visitor_events import Exposed
from api.flags.environments import Live
from engine.directory import Directory
from engine.effects import Append
from engine.hub import Told
from engine.messages import Erased, Forgotten
from storage.flags import queries
from storage.flags.writes import AssignmentRow
from storage.store import Tables

SUBJECTS_MAX = 20_000
"""Subjects remembered: with ten campaigns each, some 20 MB."""
DAY_MS = 86_400_000
VISITOR = "visitor"


class Assignments:
    """What subjects keep, by (environment, subject)."""

    def __init__(
        self,
        directory: Directory,
        tables: Tables,
        subjects_max: int = SUBJECTS_MAX,
    ) -> None:
        self._directory = directory
        self._tables = tables
        self._subjects_max = subjects_max
        self._known: OrderedDict[tuple[str, str], Mapping[str, Kept]] = OrderedDict()
        self._reads = 0
        directory.hub.follow(VISITOR, self._hear)

    def of(self, live: Live, whose: Subjects) -> KeptFor:
        """What the subjects of a request keep."""
        return KeptFor(
            self.kept(live, whose.visitor),
            self.kept(live, whose.anonymous) if whose.anonymous else {},
            self.kept(live, whose.decision_group) if whose.decision_group else {},
        )

    def kept(self, live: Live, subject: str) -> Mapping[str, Kept]:
        """What one subject keeps, by group."""
        key = (live.env, subject)
        found = self._known.get(key)
        if found is not None:
            self._known.move_to_end(key)
            return found
        days, younger_ms = live.settings.assignment_days, 0
        if days is not None:
            younger_ms = self._directory.clock.now_ms() - int(days * DAY_MS)
        self._reads += 1
        rows = self._tables.read_now(
            lambda connection: queries.kept(connection, live.env, subject, younger_ms)
        )
        found = self._known[key] = {grp: Kept(*kept) for grp, kept in rows.items()}
        if len(self._known) > self._subjects_max:
            self._known.popitem(last=False)
        return found

    async def keep(self, project: str, rows: Iterable[AssignmentRow]) -> bool:
        """Commit new assignments; False if another's came first for some of them."""
        wanted = list(rows)
        winners = await self._directory.append(
            project, [Append("flag_assignment", row) for row in wanted]
        )
        self.forget((row.env, row.subject) for row in wanted)
        return all(won == row.variation for row, (won, _) in zip(wanted, winners, strict=True))

    def forget(self, subjects: Iterable[tuple[str, str]]) -> None:
        """A commit changed what these keep: it is read again when somebody asks."""
        for key in subjects:
            self._known.pop(key, None)

    def _hear(self, told: Told) -> None:
        """A visitor's fact was committed. Plain: runs between the commit and the reply."""
        env = told.address.id.partition(":")[0]
        for event in told.fact.events:
            if isinstance(event, Exposed):
                whose = (event.exposed_visitor.get(name) for name in ("id", "anonymousId"))
                self.forget((env, subject) for subject in whose if subject)
            elif isinstance(event, Erased | Forgotten):
                # Ids that the visitor had before are known to nobody any more.
                self.forget([key for key in self._known if key[0] == env])

    def clear(self) -> None:
        """Remember nothing: everything is read again when somebody asks."""
        self._known.clear()

    def statistics(self) -> dict[str, float]:
        """Subjects remembered, and reads of the store so far."""
        return {"subjects": len(self._known), "reads": self._reads}
