"""Which visitor is meant by an id: its handle, or a visitor id that it has now.

The handle was given at creation and stays; logging in gives a visitor another id, which finds it
too. A handle beats an alias, and of several visitors with one id the last that took it is found.
The store lists the ids of those who consented; ids of the others are nowhere but in memory, here,
for as long as their visitor keeps them. Rules: spec flags 10.5, 10.8.
"""

from __future__ import annotations

from collections import OrderedDict

from actors.flags.visitor import KIND
from engine.directory import Directory
from engine.hub import Told
from engine.messages import Address
from storage.flags import queries
from storage.store import Tables

REMEMBERED_MAX = 20_000
"""Visitors without consent who logged in: beyond it the longest ago is found by its handle only."""


class Aliases:
    """Handles by visitor id. It follows the facts of visitors, so nothing here is ever written."""

    def __init__(
        self, directory: Directory, lists: Tables, remembered_max: int = REMEMBERED_MAX
    ) -> None:
        self._directory = directory
        self._lists = lists
        self._most = remembered_max
        self._ids: OrderedDict[Address, str] = OrderedDict()
        self._visitors: dict[tuple[str, str], Address] = {}
        directory.hub.follow(KIND, self._hear)

    async def find(self, project: str, env: str, id_: str) -> Address:
        """The visitor that `id_` means; one that nobody has is the handle of a visitor to come."""
        direct = Address(project, KIND, f"{env}:{id_}")
        if (await self._directory.peek(direct)).exists:
            return direct
        remembered = self._visitors.get((env, id_))
        if remembered is not None and await self._still_has(remembered, id_):
            return remembered
        handle = self._lists.read_now(lambda connection: queries.handle_of(connection, env, id_))
        return direct if handle is None else Address(project, KIND, f"{env}:{handle}")

    async def _still_has(self, address: Address, id_: str) -> bool:
        """Sleep makes a visitor without consent forget its ids, and nobody is told."""
        found = await self._directory.peek(address)
        if found.exists and found.state.person.visitor_id == id_:
            return True
        self._forget(address)
        return False

    def _hear(self, told: Told) -> None:
        """A fact of a visitor was committed. Plain."""
        address, before, after = told.address, told.before.state, told.after.state
        if after is None:
            self._forget(address)
            return
        id_ = after.person.visitor_id
        if before is None or before.person.visitor_id != id_:  # the last log-in wins
            self._forget(address)
            self._visitors.pop((after.env, id_), None)
        if after.consented or id_ == after.handle:
            self._forget(address)
        elif address not in self._ids:
            self._ids[address] = id_
            self._visitors[after.env, id_] = address
            if len(self._ids) > self._most:
                self._forget(next(iter(self._ids)))

    def _forget(self, address: Address) -> None:
        id_ = self._ids.pop(address, None)
        key = (address.id.partition(":")[0], id_ or "")
        if self._visitors.get(key) == address:
            del self._visitors[key]

    def statistics(self) -> dict[str, float]:
        """Ids held in memory."""
        return {"remembered": len(self._ids)}
