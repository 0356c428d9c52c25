"""Bugs to plant: each is a small, plausible mistake in the engine.

They are patches for the time of one simulation. The checker knows nothing of them; if a world of
the quick seeds does not notice one, the simulation is worth less than it claims.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import trio

from engine.actor import Actor
from engine.alarms import Alarms
from engine.directory import Directory
from engine.draft import Draft
from engine.errors import Refused
from engine.hub import Hub
from engine.kind import Step
from engine.machine import Moment
from engine.messages import Address, Snapshot
from engine.ports import Committed, Outcome

Plant = Callable[[pytest.MonkeyPatch], None]


def tell_before_store(patch: pytest.MonkeyPatch) -> None:
    """The reply and the push leave while the disk still writes."""
    commit = Actor._commit

    async def commit_later(self: Actor, draft: Draft) -> Outcome:
        seqs = tuple(range(1, len(draft.own.facts) + 1))
        rows = tuple(range(sum(len(range(*r.indices(9**9))) for _, _, r in draft.results)))
        self._tell(draft, Committed(seqs, rows))
        return await commit(self, draft)

    patch.setattr(Actor, "_commit", commit_later)


def lose_the_command_that_arrives_as_the_actor_falls_asleep(patch: pytest.MonkeyPatch) -> None:
    """The actor stops first, and leaves the crowd a tick later."""

    def put_to_sleep(self: Directory, actor: Actor) -> None:
        actor.stop()

        async def leave() -> None:
            await trio.lowlevel.checkpoint()
            if self._awake.get(actor.address) is actor:
                del self._awake[actor.address]

        self._nursery.start_soon(leave)

    patch.setattr(Directory, "_put_to_sleep", put_to_sleep)


def no_reread_after_a_crash(patch: pytest.MonkeyPatch) -> None:
    """After a failure the actor goes on with what it remembers."""
    recall = Actor._recall

    async def remember(self: Actor) -> Snapshot:
        if self._told is None:
            return await recall(self)
        self.snapshot = self._told
        return self._told

    patch.setattr(Actor, "_recall", remember)


def version_not_advanced(patch: pytest.MonkeyPatch) -> None:
    """The state moves on, its version does not."""
    tell = Actor._tell

    def tell_and_stay(self: Actor, draft: Draft, outcome: Committed) -> None:
        tell(self, draft, outcome)
        old = draft.before.version
        self.snapshot = self._told = msgspec.structs.replace(draft.after, version=old)

    patch.setattr(Actor, "_tell", tell_and_stay)


def alarm_scheduled_later_than_stored(patch: pytest.MonkeyPatch) -> None:
    """Two seconds are added to what the sleeper is told."""
    note = Alarms.note

    def note_late(self: Alarms, address: Address, at_ms: int | None) -> None:
        note(self, address, None if at_ms is None else at_ms + 2_000)

    patch.setattr(Alarms, "note", note_late)


def queue_of_a_slow_listener_blocks_the_actor(patch: pytest.MonkeyPatch) -> None:
    """After a commit the actor waits until every listener has room."""
    finish = Actor._finish

    async def finish_when_all_have_room(self: Actor, draft: Draft, batch: list[Any]) -> None:
        hub: Hub = self._directory.hub
        topic = (self.address.project, self.address.topic)
        listeners: Any = hub._listeners.get(topic, ())
        while any(listener.is_full for listener in listeners):  # noqa: ASYNC110
            await trio.sleep(0.05)
        await finish(self, draft, batch)

    patch.setattr(Actor, "_finish", finish_when_all_have_room)


def who_took_part_goes_on_as_before(patch: pytest.MonkeyPatch) -> None:
    """After a joint step the others are told and do not know it."""
    patch.setattr(Directory, "remember", lambda _self, _parts: None)


def a_joint_step_that_may_have_happened_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """After a commit that only reported failure nobody looks at the others."""
    patch.setattr(Directory, "doubt", lambda _self, _parts: None)


def who_leaves_takes_the_tickets_along(patch: pytest.MonkeyPatch) -> None:
    """Of an erasure only the erased is written, and nobody who takes part in it."""
    decide_others = Draft._decide_others

    def decide_others_unless_erasing(self: Draft, step: Step, moment: Moment) -> Any:
        return () if step.erases else decide_others(self, step, moment)

    patch.setattr(Draft, "_decide_others", decide_others_unless_erasing)


def who_may_not_leave_is_erased_all_the_same(patch: pytest.MonkeyPatch) -> None:
    """A box that refuses to take tickets back is passed over."""
    decide_others = Draft._decide_others

    def decide_whoever_permits_it(self: Draft, step: Step, moment: Moment) -> Any:
        try:
            return decide_others(self, step, moment)
        except Refused:
            if not step.erases:
                raise
            return ()

    patch.setattr(Draft, "_decide_others", decide_whoever_permits_it)


BUGS: tuple[Plant, ...] = (
    tell_before_store,
    lose_the_command_that_arrives_as_the_actor_falls_asleep,
    no_reread_after_a_crash,
    version_not_advanced,
    alarm_scheduled_later_than_stored,
    queue_of_a_slow_listener_blocks_the_actor,
    who_took_part_goes_on_as_before,
    a_joint_step_that_may_have_happened_is_forgotten,
    who_leaves_takes_the_tickets_along,
    who_may_not_leave_is_erased_all_the_same,
)
