"""A visitor's fetch, carried to its end: find what it asks for, and tell the visitor.

The visitor's own command starts a fetch and gives it an id; here it is carried out, and what came
of it (`api/flags/finding.py`) is told to the visitor. A fetch is carried out once, whoever asks for
it; callers who leave cut off nobody else's. One that a crash cut off is ended by the visitor's
alarm.

A fetch also shows whether the environment is in panic: where its SDK status says otherwise, the
environment is told. Rules: spec flags 4.2, 4.3, 4.8, 10.3, 10.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from actors.flags.caches import VisitorCache
from actors.flags.environment import KIND as ENVIRONMENT
from actors.flags.environment_words import NoteFetch
from actors.flags.names import SdkStatus
from actors.flags.visitor import KIND as VISITOR
from actors.flags.visitor_words import EndFetch, Outcome, Visitor
from api.flags import remarks
from api.flags.caching import StoredVisitorCache
from api.flags.environments import Live
from api.flags.finding import Finder, asks_others
from engine.effects import Append
from engine.hub import Told
from engine.messages import Address, Snapshot

if TYPE_CHECKING:
    from api.flags.shelf import Shelf

GRACE_SECONDS = 1.0
"""Beyond the environment's timeout: then a fetch counts as cut off (spec flags 10.4)."""
TIMEOUT_SECONDS = 2.0
"""The timeout of an environment that is not there any more."""
WHO = "flags"
MOVABLE = (SdkStatus.SDK_PANIC, SdkStatus.SDK_INITIALIZED)
"""SDK statuses that a fetch may change into each other (spec flags 4.8)."""


class Fetches:
    """Fetches under way, and those who wait for their end.

    `cache_of` gives the visitor cache of an environment.
    """

    def __init__(
        self, shelf: Shelf, cache_of: Callable[[Shelf, Live], VisitorCache] = StoredVisitorCache
    ) -> None:
        self._shelf = shelf
        self._directory = shelf.directory
        self._finder = Finder(shelf, cache_of)
        self._under_way: set[tuple[Address, str]] = set()
        self._waiting: dict[Address, set[tuple[str, trio.Event]]] = {}
        self._noting: set[str] = set()
        self._counts = dict.fromkeys(("carried", "errors"), 0)
        self._directory.hub.follow(VISITOR, self._hear)

    # --- from outside

    async def carry_out(
        self, live: Live, address: Address, visitor: Visitor, *, wait: bool = True
    ) -> None:
        """Carry the fetch under way of `visitor` to its end; it may be under way here already.

        `visitor` is the state in which the fetch started: its ids, consent and context are asked
        with. Without `wait` this returns at once, with the fetch in the door's background (where
        there is none it is waited for). What goes wrong ends the fetch; nothing is raised.
        """
        if visitor.fetch is None:
            return
        job, nursery = (address, visitor.fetch.id), self._shelf.nursery
        if job not in self._under_way:
            self._under_way.add(job)
            if nursery is None or (wait and not asks_others(live)):
                with trio.CancelScope(shield=True):  # this caller may leave: others wait for it too
                    await self._carry(live, address, visitor, job)
                return
            nursery.start_soon(self._carry, live, address, visitor, job)
        if wait:
            await self.ended(*job)

    async def ended(self, address: Address, fetch_id: str) -> Snapshot:
        """Wait until that fetch is not under way any more; how the visitor is then.

        At most a second longer than the environment's timeout: the visitor's alarm ends what nobody
        carries out, and if that is late too, the visitor is shown as it is.
        """
        entry = (fetch_id, trio.Event())
        waiting = self._waiting.setdefault(address, set())
        waiting.add(entry)
        try:
            with trio.move_on_after(self._seconds(address)):
                found = await self._directory.peek(address)
                if _under_way(found) == fetch_id:
                    await entry[1].wait()
        finally:
            waiting.discard(entry)
            if not waiting:
                self._waiting.pop(address, None)
        return await self._directory.peek(address)

    def _seconds(self, address: Address) -> float:
        live = self._shelf.environments.live.get(address.id.partition(":")[0])
        return (TIMEOUT_SECONDS if live is None else live.settings.timeout) + GRACE_SECONDS

    def _hear(self, told: Told) -> None:
        """A visitor's fact was committed: whoever waits for a fetch that is over may go on."""
        waiting = self._waiting.get(told.address)
        if waiting:
            still = _under_way(told.after)
            for fetch_id, ended in waiting:
                if fetch_id != still:
                    ended.set()

    def statistics(self) -> dict[str, float]:
        """Fetches under way, calls of theirs; so far: carried, errors, refused as too many."""
        found = self._finder.statistics()
        return {"under_way": len(self._under_way), **found, **self._counts}

    # --- one fetch

    async def _carry(
        self, live: Live, address: Address, visitor: Visitor, job: tuple[Address, str]
    ) -> None:
        try:
            with trio.move_on_after(live.settings.timeout + GRACE_SECONDS):
                end = await self._finder.find(live, address, visitor, job[1])
                await self._forget_late(live, address, visitor)
                await self._end(live, address, end)
        except Exception as error:
            self._shelf.house.log.failed(address, "fetch", error)
        finally:
            self._under_way.discard(job)

    async def _forget_late(self, live: Live, address: Address, visitor: Visitor) -> None:
        """Who withdrew consent meanwhile: what this fetch kept after that goes as well."""
        now = await self._directory.peek(address)
        if not visitor.consented or (now.exists and now.state.consented):
            return
        person = visitor.person
        whose = [(live.env, id_) for id_ in (person.visitor_id, person.anonymous_id) if id_]
        row = (live.env, visitor.handle)
        await self._directory.append(live.project, [Append("flag_forget_own", row)])
        self._shelf.assignments.forget(whose)

    # --- its end

    async def _end(self, live: Live, address: Address, end: EndFetch) -> None:
        """Tell the visitor, and the environment if this shows that its SDK status is another."""
        reply = await self._directory.ask(address, end, by=WHO)
        remarks.tell(self._shelf.house, address, reply.notes, live.settings.log_level)
        self._counts["carried"] += 1
        self._counts["errors"] += end.outcome is Outcome.ERROR
        if end.outcome is not Outcome.ERROR:
            await self._note(live, panic=end.outcome is Outcome.PANIC)

    async def _note(self, live: Live, *, panic: bool) -> None:
        now = self._shelf.environments.live.get(live.env, live)
        disagrees = panic != (now.sdk_status == SdkStatus.SDK_PANIC)
        if disagrees and now.sdk_status in MOVABLE and live.env not in self._noting:
            self._noting.add(live.env)
            try:
                address = Address(live.project, ENVIRONMENT, live.env)
                await self._directory.ask(address, NoteFetch(panic=panic), by=WHO)
            finally:
                self._noting.discard(live.env)


def _under_way(snapshot: Snapshot) -> str | None:
    """The id of the fetch under way."""
    visitor: Visitor | None = snapshot.state
    return None if visitor is None or visitor.fetch is None else visitor.fetch.id
