"""A stage for the engine: store, hub, directory, alarms and outbox in memory.

Wall time is trio's time, so the autojump clock moves both; `stage.clock.offset_ms` steps the wall
clock alone. Open a second stage on the first one's `shelf` to start again after a crash.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio
import trio.testing
from toy import DOOR, SPARSE_DOOR
from toy_lamp import LAMP

from engine.alarms import Alarms
from engine.directory import Directory
from engine.draft import Draft
from engine.envelope import Envelope
from engine.errands import CommandSender
from engine.hub import Hub, Said, Told, Topic
from engine.kind import Kind
from engine.limits import Limits
from engine.machine import Moment
from engine.messages import Address, Command, Reply, Snapshot
from engine.outbox import Outbox, Sender
from engine.ports import Entry, Loaded, Outcome, Tell
from storage.memory import MemoryStore
from storage.shelf import Shelf

PROJECT = "house"
START_MS = 1_700_000_000_000
KINDS = (DOOR, SPARSE_DOOR, LAMP)


def door(actor_id: str = "front") -> Address:
    """The address of a door."""
    return Address(PROJECT, "door", actor_id)


class TrioClock:
    """Wall time that follows trio's, and may step."""

    def __init__(self) -> None:
        self.offset_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return START_MS + round(trio.current_time() * 1000) + self.offset_ms


class Ear:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[Told] = []
        self.said: list[Said] = []

    def hear(self, _topic: Topic, told: Told) -> None:
        """A fact."""
        self.heard.append(told)

    def hear_ephemeral(self, said: Said) -> None:
        """Something passing."""
        self.said.append(said)

    @property
    def versions(self) -> list[int]:
        """Versions of the facts, as heard."""
        return [told.fact.version for told in self.heard]


class Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []
        self.awoken: list[Address] = []
        self.asleep: list[Address] = []
        self.failures: list[tuple[str, BaseException]] = []
        self.when_failed: Callable[[Address, str], None] = lambda _address, _what: None

    def handled(
        self, address: Address, command: str, outcome: str, version: int, seconds: float
    ) -> None:
        """A command was answered."""
        self.outcomes.append((command, outcome))

    def woke(self, address: Address, version: int) -> None:
        """An actor was read."""
        self.awoken.append(address)

    def slept(self, address: Address) -> None:
        """An actor sleeps."""
        self.asleep.append(address)

    def failed(self, address: Address, what: str, error: BaseException) -> None:
        """Something broke."""
        self.failures.append((what, error))
        self.when_failed(address, what)

    @property
    def broken(self) -> list[str]:
        """What broke, in order."""
        return [what for what, _ in self.failures]


class MeddledStore(MemoryStore):
    """A memory store where others commit first, reads break, and every entry is written down.

    `meddle` holds makers of entries that slip in just before one of ours; `unreadable` counts reads
    that will fail; `twists` change the outcomes that are told.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.meddle: deque[Callable[[], Entry]] = deque()
        self.unreadable = 0
        self.reads = 0
        self.submitted: list[Entry] = []
        self.twists: deque[Outcome] = deque()

    def submit(self, entry: Entry, tell: Tell) -> None:
        """Somebody else's entry goes first."""
        if self.meddle:
            super().submit(self.meddle.popleft()(), lambda _outcome: None)
        self.submitted.append(entry)
        if self.twists:
            twisted = self.twists.popleft()
            super().submit(Entry(project=PROJECT, at_ms=0), lambda _outcome: tell(twisted))
            return
        super().submit(entry, tell)

    async def load(self, address: Address) -> Loaded | None:
        """Read, unless the disk will not."""
        self.reads += 1
        if self.unreadable:
            self.unreadable -= 1
            raise OSError("unreadable")
        return await super().load(address)


@dataclass
class Stage:
    """Everything on it. `nursery` is the actors'."""

    store: MeddledStore
    hub: Hub
    directory: Directory
    alarms: Alarms
    outbox: Outbox
    clock: TrioClock
    notes: Notes
    nursery: trio.Nursery

    async def ask(self, command: Command, address: Address | None = None, **how: Any) -> Reply:
        """Ask the front door, or another actor."""
        return await self.directory.ask(address or door(), command, **how)

    async def deliver(
        self, *commands: Command, address: Address | None = None
    ) -> list[Reply | Exception]:
        """Put commands into one mailbox at once; what each was answered, in order."""
        envelopes = [Envelope(command, "tester") for command in commands]
        for envelope in envelopes:
            self.directory.deliver(address or door(), envelope)
        return [await outcome_of(envelope) for envelope in envelopes]

    async def put_all_to_sleep(self) -> int:
        """Once everybody is idle, put them to sleep; how many."""
        await trio.testing.wait_all_tasks_blocked()
        return self.directory.put_idle_to_sleep(trio.current_time() + 1_000_000)

    def listen(self, address: Address | None = None) -> Ear:
        """An ear at the front door, or at another actor."""
        ear = Ear()
        self.hub.subscribe((PROJECT, (address or door()).topic), ear)
        return ear

    def stored(self, address: Address | None = None) -> list[tuple[int, str]]:
        """Version and name of every stored fact."""
        facts = self.store.shelf.facts.get(address or door(), ())
        return [(fact.version, fact.name) for fact in facts]

    def foreign(self, kind: Kind[Any], address: Address, command: Command) -> Entry:
        """An entry that somebody else commits: `command` decided on what is stored now."""
        before = kind.wake(address, self.store.shelf.load(address))
        return entry_of(kind, before, command, self.clock.now_ms())


def entry_of(kind: Kind[Any], before: Snapshot, command: Command, now_ms: int) -> Entry:
    """The entry that a command leads to."""
    draft = Draft(kind, before, Limits())
    draft.decide(Envelope(command), Moment(now_ms))
    return draft.entry()


async def outcome_of(envelope: Envelope) -> Reply | Exception:
    """The answer of an envelope, raised or not."""
    try:
        return await envelope.wait()
    except Exception as error:
        return error


@asynccontextmanager
async def open_stage(
    limits: Limits | None = None,
    *,
    shelf: Shelf | None = None,
    kinds: Iterable[Kind[Any]] = KINDS,
    senders: dict[str, Sender] | None = None,
    clock: TrioClock | None = None,
    runs: Sequence[str] = ("sweep", "alarms", "outbox"),
) -> AsyncIterator[Stage]:
    """Set the stage; on leaving everybody on it is cancelled, as in a crash."""
    limits, clock, hub, notes = limits or Limits(), clock or TrioClock(), Hub(), Notes()
    store = MeddledStore(limits, shelf, now_ms=clock.now_ms)
    async with trio.open_nursery() as works:
        actors = await works.start(_hold_open)
        directory = Directory(
            actors,
            kinds,
            store,
            hub,
            clock,
            observer=notes,
            limits=limits,
            chance=random.Random(1),
        )
        outbox = Outbox(directory, {"command": CommandSender(directory), **(senders or {})})
        alarms = Alarms(directory)
        directory.note_alarm, directory.note_effects = alarms.note, outbox.nudge
        running = {"sweep": directory.sweep, "alarms": alarms.run, "outbox": outbox.run}
        for name in runs:
            works.start_soon(running[name])
        try:
            yield Stage(store, hub, directory, alarms, outbox, clock, notes, actors)
        finally:
            store.crash()
            works.cancel_scope.cancel()


async def _hold_open(task_status: trio.TaskStatus[trio.Nursery]) -> None:
    """A nursery for actors that a test may cancel without being cancelled itself."""
    async with trio.open_nursery() as actors:
        task_status.started(actors)
        await trio.sleep_forever()
