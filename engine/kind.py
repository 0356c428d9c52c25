"""A kind: everything the engine must know about one sort of actor.

It names the state, the machines over its axes, the fold, and how long history is kept. `decide`
turns a state and a command into a step, a value; `wake` folds a row and its tail back into memory.
Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, Union

import msgspec

from engine.effects import Needs, no_needs
from engine.errors import Refused, UnknownCommand
from engine.firing import check_promises, fire, without_events
from engine.machine import Machine, Moment, Row, Then, nothing
from engine.messages import (
    Address,
    AlarmDue,
    Command,
    Erase,
    Erased,
    Event,
    Fact,
    Forgotten,
    Snapshot,
    Stored,
)
from engine.ports import Loaded
from engine.step import FOR_EVER, Keep, Step, TableBroken, present_events
from engine.unwritten import Unwritten

__all__ = ["FOR_EVER", "Keep", "Kind", "Step", "TableBroken", "present_events"]

S = TypeVar("S")


@dataclass(frozen=True)
class Kind(Generic[S]):
    """One sort of actor.

    `initial` makes the state of an actor without history from its id; `evolve` folds an event into
    a state and never fails on a stored one; `deadline` reads the earliest deadline (ms) the state
    itself holds; `needs` names what a decision must see; `present` and `present_events` say what
    pushes and listings may show; `state_every` writes the state row every that many facts (1..64);
    `unwritten` hides a part of the actor from the store; `parts` are machines of things inside it
    (drawn and tested; its rules fire them); `parting` yields what goes with its erasure.
    """

    name: str
    state: type[S]
    initial: Callable[[str], S]
    machines: tuple[Machine[S], ...]
    evolve: Callable[[S, Any], S]
    events: tuple[type[Event], ...]
    deadline: Callable[[S], int | None] = lambda _state: None
    needs: Callable[[S, Command], Needs] = no_needs
    present: Callable[[S], Any] = lambda state: state
    present_events: Callable[[tuple[Event, ...]], Any] = present_events
    decode_document: Callable[[bytes], Any] = lambda body: body
    keep: Keep = FOR_EVER
    state_every: int = 1
    about: Callable[[str], str] = lambda actor_id: actor_id
    unwritten: Unwritten[S] | None = None
    parts: tuple[Machine[Any], ...] = ()
    parting: Then = nothing

    def __post_init__(self) -> None:
        if not 1 <= self.state_every <= 64:
            raise ValueError("state_every is 1 to 64")
        if not self.machines:
            raise ValueError("a kind has a machine")

    # --- names

    @cached_property
    def commands(self) -> dict[str, type[Command]]:
        """Every command type of the tables by its wire name."""
        return {
            row.trigger: row.on
            for machine in self.machines
            for row in machine.rows
            if isinstance(row.on, type) and row.on is not AlarmDue
        }

    @cached_property
    def _permitted(self) -> dict[tuple[tuple[str, ...], bool], tuple[str, ...]]:
        """What `permits` has answered: the tables never change."""
        return {}

    def permits(self, state: S, *, public_only: bool = False) -> tuple[str, ...]:
        """Names of the commands that the tables permit now, guards aside."""
        phases = tuple([str(machine.phase(state)) for machine in self.machines])
        found = self._permitted.get((phases, public_only))
        if found is None:
            found = self._permitted[phases, public_only] = self._permits(phases, public_only)
        return found

    def _permits(self, phases: tuple[str, ...], public_only: bool) -> tuple[str, ...]:
        refused: set[str] = set()
        for machine, phase in zip(self.machines, phases, strict=True):
            refused |= machine.alphabet - set(machine.permits(phase))
        return tuple(
            name
            for name, command in self.commands.items()
            if name not in refused and (command.public or not public_only)
        )

    def parse(self, name: str, data: bytes | None) -> Command:
        """Read a public command from its name and JSON body.

        Raises `UnknownCommand`; msgspec's `DecodeError`/`ValidationError` for a wrong body.
        """
        command = self.commands.get(name)
        if command is None or not command.public:
            raise UnknownCommand(
                name, tuple(n for n, command in self.commands.items() if command.public)
            )
        fields: dict[str, Any] = msgspec.json.decode(data or b"{}", type=dict[str, Any])
        if "command" in fields:
            raise msgspec.ValidationError("Object contains unknown field `command`")
        return msgspec.convert(fields, command)

    # --- state

    @cached_property
    def _state_decoder(self) -> msgspec.json.Decoder[S]:
        return msgspec.json.Decoder(self.state)

    @cached_property
    def _events_decoder(self) -> msgspec.json.Decoder[tuple[Event, ...]]:
        union: Any = Union[(*self.events, Erased, Forgotten)]
        return msgspec.json.Decoder(tuple[union, ...])

    def decode_state(self, body: bytes) -> S:
        """Read a state as the store keeps it."""
        return self._state_decoder.decode(body)

    def decode_events(self, body: bytes) -> tuple[Event, ...]:
        """Read a fact's events as the store keeps them."""
        return self._events_decoder.decode(body)

    def written(self, state: S) -> S:
        """What the store may hold of a state."""
        return state if self.unwritten is None else self.unwritten.state(state)

    def written_events(self, state: S, events: tuple[Event, ...]) -> tuple[Event, ...]:
        """What the store may hold of events that led to `state`."""
        return events if self.unwritten is None else self.unwritten.events(state, events)

    def wake(self, address: Address, loaded: Loaded | None) -> Snapshot:
        """Make the state of an actor to go on with from its row and tail."""
        found = self.read(address, loaded)
        if found.state is None or self.unwritten is None:
            return found
        state = self.unwritten.woken(found.state)
        return msgspec.structs.replace(found, state=state, phase=self.phase(state))

    def read(self, address: Address, loaded: Loaded | None) -> Snapshot:
        """Make the committed state of an actor, as it was written, from its row and tail."""
        if loaded is None:
            return self.blank(address)
        if loaded.state is None:
            return self.blank(address, loaded.version, loaded.generation)
        row = Snapshot(
            address,
            loaded.version - len(loaded.tail),
            loaded.generation,
            self.decode_state(loaded.state),
            loaded.phase,
            loaded.since_ms,
            loaded.alarm_at_ms,
        )
        folded = self.fold(row, [self.fact(stored) for stored in loaded.tail])
        return msgspec.structs.replace(folded, alarm_at_ms=loaded.alarm_at_ms)

    def fact(self, stored: Stored) -> Fact:
        """Read a stored fact."""
        return Fact(stored.version, stored.at_ms, self.decode_events(stored.body))

    def phase(self, state: S) -> str:
        """The first machine's phase: what lists filter by."""
        return str(self.machines[0].phase(state))

    def phases(self, state: S) -> dict[str, str]:
        """Each machine's phase by its name."""
        return {machine.name: str(machine.phase(state)) for machine in self.machines}

    def blank(self, address: Address, version: int = 0, generation: int = 0) -> Snapshot:
        """The snapshot of an actor that has no state (yet, or no more)."""
        return Snapshot(address, version, generation, None, "erased" if version else "")

    def fold(self, snapshot: Snapshot, facts: Iterable[Fact]) -> Snapshot:
        """Carry `snapshot` over later facts. Erasures leave a tombstone; a new fact begins anew."""
        for fact in facts:
            snapshot = self._fold_one(snapshot, fact)
        return snapshot

    def _fold_one(self, before: Snapshot, fact: Fact) -> Snapshot:
        if isinstance(fact.events[0], Erased):
            return Snapshot(before.address, fact.version, before.generation, None, "erased")
        reborn = before.state is None and before.version > 0
        state = self._or_initial(before)
        since = self._since(before)
        for event in fact.events:
            state, since = self._evolve(state, since, event, fact.at_ms)
        return Snapshot(
            before.address,
            fact.version,
            before.generation + reborn,
            state,
            self.phase(state),
            since,
            self.alarm(state, since),
        )

    def _or_initial(self, snapshot: Snapshot) -> S:
        return self.initial(snapshot.address.id) if snapshot.state is None else snapshot.state

    def _since(self, snapshot: Snapshot) -> tuple[int, ...]:
        """When each machine entered its phase; 0 for one that the actor's row is older than."""
        since = snapshot.since_ms if snapshot.state is not None else ()
        missing = len(self.machines) - len(since)
        return (*since, *(0,) * missing) if missing else since

    def _evolve(
        self, state: S, since: tuple[int, ...], event: Event, at_ms: int
    ) -> tuple[S, tuple[int, ...]]:
        after = state if type(event) is Forgotten else self.evolve(state, event)
        if len(self.machines) == 1:
            only = self.machines[0]
            same = only.phase(after) == only.phase(state) and since[0]
            return after, since if same else (at_ms,)
        return after, tuple(
            was if was and machine.phase(after) == machine.phase(state) else at_ms
            for machine, was in zip(self.machines, since, strict=True)
        )

    def alarm(self, state: S, since: tuple[int, ...], later_than_ms: int = -1) -> int | None:
        """When the actor wants to be woken (ms): a pure function of what it remembers.

        `later_than_ms` leaves out what has rung already and led to nothing.
        """
        due = [] if (deadline := self.deadline(state)) is None else [deadline]
        for machine, entered in zip(self.machines, since, strict=True):
            if (after := machine.after_ms(str(machine.phase(state)))) is not None:
                due.append(entered + after)
        return min((at_ms for at_ms in due if at_ms > later_than_ms), default=None)

    # --- deciding

    def decide(self, before: Snapshot, command: Command, moment: Moment) -> Step:
        """Judge `command` by the tables. Raises `Refused`; anything else raised is a bug."""
        if isinstance(command, Erase):
            return self._erase(before, command, moment)
        state, since = self._or_initial(before), self._since(before)
        rows = self.rows(before, command, moment)
        yielded = [value for row in rows if row for value in row.then(state, command, moment)]
        events = tuple([value for value in yielded if isinstance(value, Event)])
        was = state
        for event in events:
            state, since = self._evolve(state, since, event, moment.now_ms)
        check_promises(self.machines, rows, was, state, events)
        alarm_at_ms = before.alarm_at_ms
        if events:
            alarm_at_ms = self.alarm(state, since)
        elif isinstance(command, AlarmDue):
            alarm_at_ms = self.alarm(state, since, command.at_ms)
        step = Step(state, self.phase(state), since, alarm_at_ms, events)
        if forgets := [event for event in events if type(event) is Forgotten]:
            own_only = all(event.own_only for event in forgets)
            step = msgspec.structs.replace(step, privacy=True, own_only=own_only)
        return step if len(events) == len(yielded) else step.with_others(yielded)

    def rows(self, before: Snapshot, command: Command, moment: Moment) -> list[Row | None]:
        """Each machine's row for `command`, or None where the machine does not hear it.

        Every machine that hears a command must permit it, or it is `Refused`; of an alarm it is
        enough that one does.
        """
        state = self._or_initial(before)
        try:
            rows = fire(self.machines, state, self._since(before), command, moment)
            if not any(rows):
                raise Refused(f"{command.wire_name()} is not permitted for {self.name}")
        except Refused as refusal:
            raise Refused(refusal.why, self.permits(state, public_only=True)) from None
        return rows

    def _erase(self, before: Snapshot, command: Erase, moment: Moment) -> Step:
        if before.state is None:
            raise Refused("there is nothing to erase")
        step = Step(None, "erased", (), None, (Erased(privacy=command.privacy),), erases=True)
        step = msgspec.structs.replace(step, privacy=command.privacy, own_only=command.own_only)
        parting = without_events(self.name, self.parting(before.state, command, moment))
        return step.with_others(parting)
