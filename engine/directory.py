"""From an address to an awake actor.

Callers know addresses, never lifetimes: an actor is woken when somebody asks it, sleeps when it
has been idle, and the least recently used sleep first when the crowd grows. Looking up, waking and
putting to sleep are plain functions, so a command can never fall between an actor that leaves and
the one that comes.
"""

from __future__ import annotations

import random
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from time import perf_counter
from typing import Any

import trio

from engine.actor import Actor
from engine.commits import commit
from engine.documents import Documents
from engine.effects import Append, Caused
from engine.envelope import Envelope, Patience
from engine.errors import EngineError, Overloaded, Unavailable, UnknownKind
from engine.hub import Hub, Told
from engine.kind import Kind
from engine.limits import Limits
from engine.messages import Address, AlarmDue, Command, Fact, Reply, Snapshot, check_id
from engine.once import Once
from engine.part import Part
from engine.ports import REDACTED, Clock, Committed, Entry, Failed, Observer, Silent, Store
from engine.sight import Sightings

TOLD_MAX = 4_096
"""Actors whose newest told version is known: far more than take part in commits under way."""


class Directory:
    """Everybody's way to an actor. Actors live in `nursery`, which outlives the servers."""

    def __init__(
        self,
        nursery: trio.Nursery,
        kinds: Iterable[Kind[Any]],
        store: Store,
        hub: Hub,
        clock: Clock,
        *,
        observer: Observer | None = None,
        limits: Limits | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.kinds = {kind.name: kind for kind in kinds}
        self.store = store
        self.hub = hub
        self.clock = clock
        self.observer: Observer = observer or Silent()
        self.limits = limits or Limits()
        source = chance or random.SystemRandom()
        self.chance: Callable[[], float] = source.random
        self.new_id: Callable[[], str] = lambda: str(
            uuid.UUID(int=source.getrandbits(128), version=4)
        )
        self.note_alarm: Callable[[Address, int | None], None] = lambda _address, _at: None
        self.note_effects: Callable[[Sequence[Caused]], None] = lambda _effects: None
        self.documents = Documents(store, self.limits.document_cache_bytes_max)
        self.sightings = Sightings(self.limits.sightings_max)
        self._patience = Patience()
        self._once = Once(self)
        self._nursery = nursery
        self._awake: OrderedDict[Address, Actor] = OrderedDict()
        self._told: dict[Address, int] = {}
        self.is_closed = False
        self._quiet = trio.Event()
        self._counts = dict.fromkeys(("commands", "refused", "failed", "woken", "slept"), 0)

    # --- asking

    async def ask(
        self,
        address: Address,
        command: Command,
        *,
        by: str = "",
        principal: str = "",
        key: str | None = None,
    ) -> Reply:
        """Have `address` carry out `command`; the reply comes after the commit.

        `by` is who asks, in words. With `key` the command is carried out once per
        (project, `principal`, key) and answered the same again (promise 9). Raises any
        `EngineError`.
        """
        envelope = Envelope(command, by)
        if key is None:
            self.deliver(address, envelope)
            return await self.wait(envelope)
        return await self._once.ask(address, envelope, principal, key)

    def deliver(self, address: Address, envelope: Envelope) -> None:
        """Put a command into a mailbox, waking the actor. Plain."""
        if self.is_closed:
            raise Unavailable("the daemon is closing")
        actor = self._awake.get(address)
        if actor is None:
            actor = self._wake(address)
        else:
            self._awake.move_to_end(address)
        actor.used_at = trio.current_time()
        actor.deliver(envelope)

    async def wait(self, envelope: Envelope) -> Reply:
        """Wait for an answer; raises `Overloaded` after `ask_seconds_max`."""
        until = trio.current_time() + self.limits.ask_seconds_max
        self._patience.note(envelope, until)
        return await envelope.wait(until)

    async def append(self, project: str, appends: Iterable[Append]) -> tuple[Any, ...]:
        """Commit rows that belong to no actor's state, without waking anybody; their answers."""
        entry = Entry(project=project, at_ms=self.clock.now_ms(), appends=tuple(appends))
        match await commit(self.store, entry):
            case Committed(rows=rows):
                return rows
            case Failed(error=error):
                if isinstance(error, EngineError):
                    raise error
                raise Unavailable("the store cannot commit now") from error
        raise Unavailable("the rows were not accepted")

    # --- reading without waking

    async def peek(self, address: Address) -> Snapshot:
        """The committed state of an actor, awake or not; version 0 if it never was."""
        actor = self._awake.get(address)
        if actor is not None and actor.snapshot is not None:
            return actor.snapshot
        return await self.read(address)

    async def read(self, address: Address) -> Snapshot:
        """The committed state as the store has it."""
        return self.kind_of(address).wake(address, await self.store.load(address))

    async def document(self, kind: Kind[Any], project: str, hash_: str) -> Any:
        """A document, decoded once as the kind says and kept in memory while there is room."""
        return await self.documents.get(project, hash_, kind.decode_document)

    def kind_of(self, address: Address) -> Kind[Any]:
        """The kind of an address; raises `UnknownKind`."""
        try:
            return self.kinds[address.kind]
        except KeyError:
            raise UnknownKind(f"there is no kind {address.kind!r}") from None

    # --- waking and sleeping

    def _wake(self, address: Address) -> Actor:
        kind = self.kind_of(address)
        check_id(address.id, self.limits.id_bytes_max)
        self._make_room()
        actor = Actor(self, kind, address)
        self._awake[address] = actor
        self._counts["woken"] += 1
        self._nursery.start_soon(actor.run, name=f"actor {address}")
        return actor

    def _make_room(self) -> None:
        limits = self.limits
        wanted = len(self._awake) + 1 - limits.awake_actors_max
        if wanted > 0:
            wanted += limits.awake_actors_max // 16
            for actor in list(islice(self._awake.values(), limits.crowd_look_max)):
                if wanted > 0 and actor.is_idle:
                    self._put_to_sleep(actor)
                    wanted -= 1
                elif not actor.is_idle:  # at work: the next look starts behind it
                    actor.used_at = trio.current_time()
                    self._awake.move_to_end(actor.address)
        if len(self._awake) >= self.limits.awake_actors_hard_max:
            raise Overloaded("awake_actors_hard_max")

    def _put_to_sleep(self, actor: Actor) -> None:
        del self._awake[actor.address]
        self._counts["slept"] += 1
        actor.stop()
        self.observer.slept(actor.address)

    def put_idle_to_sleep(self, now: float) -> int:
        """Put to sleep whoever has idled too long; how many. `now` is trio's time."""
        slept = 0
        for actor in list(self._awake.values()):
            if now - actor.used_at < self.limits.idle_seconds_max:
                break  # the crowd is ordered by last use
            if actor.is_idle:
                self._put_to_sleep(actor)
                slept += 1
        return slept

    async def sweep(self) -> None:
        """Watch the crowd, and those who wait, for as long as the daemon runs."""
        next_look = 0.0
        while True:
            await trio.sleep(self.limits.sweep_seconds)
            now = trio.current_time()
            self._patience.run_out(now)
            if now >= next_look:
                self.put_idle_to_sleep(now)
                next_look = now + self.limits.idle_seconds_max / 10

    async def drain(self, seconds_max: float) -> bool:
        """Take no more commands, finish what waits, and say whether all was finished in time."""
        self.is_closed = True
        self.rested()
        with trio.move_on_after(seconds_max):
            await self._quiet.wait()
            return True
        return False

    def rested(self) -> None:
        """An actor has nothing to do; while closing, the last one ends the wait."""
        if self.is_closed and all(actor.is_idle for actor in self._awake.values()):
            self._quiet.set()

    # --- telling

    def tell(
        self, seq: int, kind: Kind[Any], fact: Fact, before: Snapshot, after: Snapshot
    ) -> None:
        """Publish one committed fact. Plain: called between commit and reply."""
        self.sightings.forget(after.address)
        self._told[after.address] = after.version
        if len(self._told) > TOLD_MAX:
            self._told.clear()  # what is told twice then, listeners know by its version
        epoch = f"{self.store.epoch}.{after.generation}"
        try:
            self.hub.publish(Told(kind, epoch, seq, fact, before, after))
        except Exception as error:  # a listener that breaks holds up no reply and no actor
            self.observer.failed(after.address, "listener", error)

    def remember(self, parts: Iterable[Part]) -> None:
        """They took part in another's commit: who is awake goes on from there."""
        for before, after in ((part.before, part.after) for part in parts):
            if (actor := self._awake.get(after.address)) is not None:
                actor.overtaken(after)
            if after.alarm_at_ms != before.alarm_at_ms:
                self.note_alarm(after.address, after.alarm_at_ms)

    def doubt(self, parts: Iterable[Part]) -> None:
        """A commit with these parts reported failure and may have happened: they tell what did."""
        for part in parts:
            address = part.before.address
            if self._told.get(address, 0) <= part.before.version:  # else the fence stopped it
                with suppress(EngineError):  # no room for it: listeners find out by a ping
                    actor = self._awake.get(address) or self._wake(address)
                    actor.doubt(part.before)
                    actor.deliver(Envelope(AlarmDue(at_ms=-1)))  # ignored, after it has read

    async def tell_missed(self, kind: Kind[Any], told: Snapshot, found: Snapshot) -> None:
        """Tell what was committed from `told` to `found` but never told: facts, alarm, effects."""
        after, before, address = told.version, told, found.address
        most = self.limits.facts_page_max
        while after < found.version and (page := await self.store.facts(address, after, most)):
            after = page[-1].version
            for one in page:
                if one.name != REDACTED and one.version <= found.version:
                    fact = kind.fact(one)
                    known, before = before, kind.fold(before, [fact])
                    self.tell(one.seq, kind, fact, known, before)
        if found.alarm_at_ms != told.alarm_at_ms:
            self.note_alarm(address, found.alarm_at_ms)
        self.note_effects(())

    def answer(self, address: Address, envelope: Envelope, result: Reply | Exception) -> None:
        """Answer a command that waits for it; count and log the answer."""
        if envelope.is_answered:
            return
        seconds = perf_counter() - envelope.started
        version, outcome = 0, "ok"
        if isinstance(result, Reply):
            version = result.version
            outcome = "repeated" if result.repeated else "ok" if result.fact else "nothing"
        else:
            outcome = result.code if isinstance(result, EngineError) else "failed"
            self._counts["refused" if outcome == "refused" else "failed"] += 1
        self._counts["commands"] += 1
        self.observer.handled(address, envelope.command.wire_name(), outcome, version, seconds)
        envelope.answer(result)

    def give_back(self) -> None:
        """A crowd has gone: what is remembered of it lies scattered over its memory."""
        self._told.clear()
        self.sightings.clear()

    def statistics(self) -> Mapping[str, float]:
        """Awake actors, commands waiting, and counters since the start."""
        waiting = sum(len(actor.mailbox) for actor in self._awake.values())
        return {"awake": len(self._awake), "waiting": waiting, **self._counts}
