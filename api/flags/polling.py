"""Polling upstreams: bucketing files that somebody else publishes.

Each environment that is decided in BUCKETING mode and names a `bucketing_url` is asked for when it
starts and then at its interval. Only news reach the environment and become facts; everything else
is said in passing on its topic, as `polled`. A poll that fails ends nothing: the next one comes.

One task an environment, so no two polls of it ever run at once; the table follows the facts of
environments, and another source, or other ways to ask it, begin anew. A file that an operator puts
meanwhile stands until the upstream has another one than before.
Rules: ledger FS-047, FS-048, FS-052, FS-056 to FS-058, FS-071 to FS-073, FS-087; spec flags 4.8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from actors.flags.environment import KIND
from actors.flags.environment_shown import poll_shown
from actors.flags.environment_words import Configure, Environment, Polled, PollFailed
from actors.flags.names import SdkStatus
from actors.flags.sdk_status import is_news
from api.flags import upstream_file
from api.flags.upstream_file import Found, Source, source_of
from engine.hub import Told
from engine.messages import Address, Snapshot
from storage.flags import queries

if TYPE_CHECKING:
    from api.flags.shelf import Shelf
    from api.house import House

POLLS_AT_ONCE_MAX = 8
"""Of all environments; each may hold a whole file. The others wait for their turn, which comes in
the order in which they asked: hanging upstreams hold a place for `POLL_SECONDS_MAX` each time."""
FIND_AGAIN_SECONDS = 5.0
"""Until an environment that could not be read is read again."""
NAME = "polled"
WHO = "upstream"
"""Whom history names for a file that was polled."""


class Poll:
    """One environment's polling: its newest committed state, and where it is polled."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.state = Environment()
        self.source: Source | None = None
        self.scope = trio.CancelScope()

    def note(self, state: Environment, source: Source | None) -> None:
        """The environment changed. Plain: what is under way for another source ends."""
        self.state = state
        if source != self.source:
            self.source = source
            self.scope.cancel()


class Polls:
    """The polling of all environments: `run` goes on for as long as the door works."""

    def __init__(self, house: House, shelf: Shelf) -> None:
        self._house = house
        self._shelf = shelf
        self._polls: dict[Address, Poll] = {}
        self._places = trio.CapacityLimiter(POLLS_AT_ONCE_MAX)
        self._nursery: trio.Nursery | None = None
        self._heard: dict[Address, int] | None = {}
        self._counts = {"polls": 0, "failures": 0, "news": 0}
        house.hub.follow(KIND, self._hear)

    async def run(self) -> None:
        """Poll until cancelled. Once."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for poll in self._polls.values():
                nursery.start_soon(self._keep, poll)
            try:
                await self._find_all()
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def statistics(self) -> dict[str, float]:
        """Environments that are polled; polls, failures and facts of polls since the start."""
        return {"polled": len(self._polls), **self._counts}

    # --- which environments

    async def _find_all(self) -> None:
        """The environments that the store has; what cannot be read is read again."""
        waiting: list[tuple[str, str]] | None = None
        while waiting is None or waiting:
            if waiting is None:
                waiting = await self._listed()
            if waiting is not None:
                waiting = [each for each in waiting if not await self._find(*each)]
            if waiting is None or waiting:
                await trio.sleep(FIND_AGAIN_SECONDS)
        self._heard = None

    async def _listed(self) -> list[tuple[str, str]] | None:
        """(project, id) of every environment; None: they could not be read."""
        try:
            return await self._shelf.lists.read(queries.environments)
        except Exception as error:
            self._house.log.broke("poll", error)
            return None

    async def _find(self, project: str, env: str) -> bool:
        """Read one, unless something newer was heard of it; false: it could not be read."""
        address = Address(project, KIND, env)
        try:
            snapshot = await self._house.directory.peek(address)
            if snapshot.version >= (self._heard or {}).get(address, 0):
                self._note(snapshot)
                await self._start_again(snapshot)
        except Exception as error:
            self._house.log.broke("poll", error, environment=str(address))
            return False
        return True

    async def _start_again(self, snapshot: Snapshot) -> None:
        """Start what was declared before there was an SDK status (spec flags 4.8)."""
        state: Environment | None = snapshot.state
        if state is None or not state.declared or state.settings.is_local:
            return
        if state.sdk_status == SdkStatus.SDK_NOT_INITIALIZED:
            command = Configure(settings=state.settings)
            await self._house.directory.ask(snapshot.address, command, by="start")

    def _hear(self, told: Told) -> None:
        """A change was committed. Plain: runs between the commit and the reply."""
        if self._heard is not None:
            self._heard[told.address] = told.after.version
        self._note(told.after)

    def _note(self, snapshot: Snapshot) -> None:
        state: Environment | None = snapshot.state
        source = source_of(state)
        poll = self._polls.get(snapshot.address)
        if poll is None and source is not None:
            poll = self._polls[snapshot.address] = Poll(snapshot.address)
            if self._nursery is not None:
                self._nursery.start_soon(self._keep, poll)
        if poll is not None:
            poll.note(state or Environment(), source)

    # --- one environment

    async def _keep(self, poll: Poll) -> None:
        """Poll one environment wherever it says, until it says nowhere."""
        while (source := poll.source) is not None:
            poll.scope = trio.CancelScope()
            with poll.scope:
                while True:
                    async with self._places:
                        await self._poll_once(poll, source)
                    await trio.sleep(source.interval or float("inf"))
        self._polls.pop(poll.address, None)

    async def _poll_once(self, poll: Poll, source: Source) -> None:
        """One poll, and what it came to. What breaks is said; the next poll comes."""
        self._counts["polls"] += 1
        try:
            found = await upstream_file.poll(self._house, poll.state, source)
            self._counts["failures"] += isinstance(found.command, PollFailed)
            await self._tell(poll, found)
        except Exception as error:
            if not self._house.is_draining:
                self._house.log.broke("poll", error, environment=str(poll.address))

    async def _tell(self, poll: Poll, found: Found) -> None:
        """News are a fact of the environment; the rest is said in passing. Raises `EngineError`."""
        command = found.command
        if not is_news(poll.state, command):
            topic = (poll.address.project, poll.address.topic)
            self._house.hub.say(topic, NAME, _shown(command))
            return
        self._counts["news"] += 1
        directory = self._house.directory
        if isinstance(command, PollFailed):
            self._house.log.say("poll_failed", environment=str(poll.address), error=command.error)
        if found.prepared is None or isinstance(command, PollFailed):
            await directory.ask(poll.address, command, by=WHO)
            return
        with self._shelf.environments.expecting(command.hash, found.prepared):
            await directory.ask(poll.address, command, by=WHO)


def _shown(command: Polled | PollFailed) -> dict[str, object]:
    """As a fact shows it."""
    if isinstance(command, PollFailed):
        return {"error": command.error}
    return poll_shown(command.status, command.last_update)
