"""Lives of actors: what a list of commands leads to, and how it must be remembered.

`live` carries commands and due alarms out one after the other; `check_every_split` then wakes the
actor from every state a store may have kept, with the facts after it, and wants the same actor.
Any kind can be lived.
"""

from __future__ import annotations

import msgspec

from engine.errors import Refused
from engine.kind import Kind
from engine.machine import Moment
from engine.messages import AlarmDue, Command, Fact, Snapshot, Stored
from engine.ports import Loaded


def after(kind: Kind, before: Snapshot, command: Command, now_ms: int = 1_000) -> Snapshot:
    """The snapshot that an accepted command leads to."""
    step = kind.decide(before, command, Moment(now_ms))
    if not step.events:
        return before
    return kind.fold(before, [Fact(before.version + 1, now_ms, step.events)])


def loaded(kind: Kind, row: Snapshot, tail: list[Fact], now: Snapshot) -> Loaded:
    """What a store would hand over: an older state, the newest numbers, the facts between."""
    stored = [Stored(9, row.address, f.version, f.name, f.body, f.at_ms) for f in tail]
    body = msgspec.json.encode(row.state)
    return Loaded(
        now.version, now.generation, now.phase, body, row.since_ms, now.alarm_at_ms, tuple(stored)
    )


Lived = list[tuple[Snapshot, Fact]]


def live(kind: Kind, first: Snapshot, commands: list[tuple[Command, int]]) -> Lived:
    """An actor's life, alarms included: each fact and the snapshot it led to."""
    lived: Lived = []
    before, now_ms = first, 1_000
    for command, later_ms in commands:
        now_ms += later_ms
        due = before.alarm_at_ms
        for order in [AlarmDue(at_ms=due)] * (due is not None and due <= now_ms) + [command]:
            try:
                step = kind.decide(before, order, Moment(now_ms))
            except Refused:
                continue
            if step.events:
                fact = Fact(before.version + 1, now_ms, step.events)
                before = kind.fold(before, [fact])
                lived.append((before, fact))
                assert (before.state, before.phase) == (step.state, step.phase)
                assert (before.since_ms, before.alarm_at_ms) == (step.since_ms, step.alarm_at_ms)
    return lived


def check_every_split(kind: Kind, first: Snapshot, lived: Lived) -> None:
    """Wake from every row that a store may have kept, with the facts after it."""
    facts = [fact for _, fact in lived]
    now = lived[-1][0] if lived else first
    assert kind.fold(first, facts) == now
    assert [fact.version for fact in facts] == list(range(1, len(facts) + 1))
    for split in range(len(lived), 0, -1):
        row = lived[split - 1][0]
        if row.state is None:
            break  # an erasure takes the history before it along
        assert kind.wake(row.address, loaded(kind, row, facts[split:], now)) == now
