"""The directory: waking, sleeping, crowds, patience, keys, and reading without waking."""

from __future__ import annotations

import pytest
import trio
from stage import PROJECT, door, open_stage, outcome_of
from toy import Break, Hang, Jam, Open, SetCode, Shut

from engine.effects import Append
from engine.envelope import Envelope
from engine.errors import (
    ActorFailed,
    KeyReused,
    Overloaded,
    Refused,
    Unavailable,
    UnknownKind,
)
from engine.limits import Limits
from engine.messages import Address, BadAddress, Erase
from engine.ports import Failed, Missed

FAR = 1_000_000.0
KEY = {"principal": "p", "key": "k"}


# --- limits


async def test_a_full_mailbox_is_overloaded(autojump_clock):
    """A caller further back than the mailbox holds is told so at once."""
    async with open_stage(Limits(mailbox_commands_max=2)) as stage:
        for _ in range(2):
            stage.directory.deliver(door(), Envelope(SetCode(code="1")))
        with pytest.raises(Overloaded, match="mailbox_commands_max"):
            await stage.ask(SetCode(code="2"))
        assert stage.directory.statistics()["waiting"] == 2


async def test_patience_ends_but_the_command_is_carried_out(autojump_clock):
    """After `ask_seconds_max` the caller is told; the command stands all the same."""
    async with open_stage() as stage:
        stage.store.faults.delay_seconds = 7.0
        started = trio.current_time()
        with pytest.raises(Overloaded, match="ask_seconds_max"):
            await stage.ask(SetCode(code="1"))
        assert 5.0 <= trio.current_time() - started <= 5.5
        await trio.sleep(3.0)
        assert stage.stored() == [(1, "CodeSet")]


async def test_a_full_store_and_a_closed_one_say_so(autojump_clock):
    """The store's limits reach the caller under their own names; nothing is reread."""
    async with open_stage(Limits(store_queue_entries_max=1)) as stage:
        await stage.ask(SetCode(code="0"))
        stage.store.faults.delay_seconds = 1.0
        stage.directory.deliver(door("back"), Envelope(SetCode(code="1")))
        await trio.testing.wait_all_tasks_blocked()
        reads = stage.store.reads
        with pytest.raises(Overloaded, match="store_queue_entries_max"):
            await stage.ask(SetCode(code="2"))
        assert stage.store.reads == reads
        stage.store.close()
        with pytest.raises(Unavailable, match="closed"):
            await stage.ask(SetCode(code="3"))


async def test_the_least_recently_used_sleep_first(autojump_clock):
    """Beyond the crowd's limit idle actors make room, longest idle first."""
    async with open_stage(Limits(awake_actors_max=3)) as stage:
        for name in ("a", "b", "c", "a", "d"):
            await stage.ask(SetCode(code=name), door(name))
        assert stage.notes.asleep == [door("b")]
        assert stage.directory.statistics()["awake"] == 3


async def test_a_working_crowd_grows_up_to_the_hard_limit(autojump_clock):
    """Nobody at work is put to sleep; beyond the hard limit an ask is refused as overloaded."""
    async with open_stage(Limits(awake_actors_max=1, awake_actors_hard_max=2)) as stage:
        stage.store.faults.delay_seconds = 1.0
        for name in ("a", "b"):
            stage.directory.deliver(door(name), Envelope(SetCode(code="1")))
        with pytest.raises(Overloaded, match="awake_actors_hard_max"):
            await stage.ask(SetCode(code="1"), door("c"))
        assert stage.notes.asleep == []


async def test_unknown_kinds_and_bad_ids_wake_nobody(autojump_clock):
    """An address that cannot be is refused before anything is made for it."""
    async with open_stage() as stage:
        with pytest.raises(UnknownKind):
            await stage.ask(SetCode(code="1"), Address(PROJECT, "gate", "1"))
        with pytest.raises(BadAddress):
            await stage.ask(SetCode(code="1"), door("\n"))
        assert stage.directory.statistics()["woken"] == 0


# --- sleep


async def test_the_idle_are_put_to_sleep_and_wake_again(autojump_clock):
    """After a while without work an actor sleeps; the next command finds what it knew."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="1"), door("old"))
        await trio.sleep(20.0)
        await stage.ask(SetCode(code="1"))
        await trio.sleep(15.0)
        assert stage.notes.asleep == [door("old")]
        assert (await stage.ask(SetCode(code="2"), door("old"))).version == 2


async def test_a_command_that_arrives_as_the_actor_falls_asleep_is_served(autojump_clock):
    """Putting to sleep and delivering are plain: a new actor takes over in the same tick."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="1"))
        for number in range(20):
            await stage.put_all_to_sleep()
            assert (await stage.ask(SetCode(code=f"x{number}"))).version == number + 2
        assert stage.directory.statistics()["woken"] == 21


async def test_whoever_works_does_not_sleep(autojump_clock):
    """With a command under way, or one waiting, an actor is not idle however old."""
    async with open_stage() as stage:
        stage.store.faults.delay_seconds = 1.0
        envelope = Envelope(SetCode(code="1"))
        stage.directory.deliver(door(), envelope)
        assert stage.directory.put_idle_to_sleep(FAR) == 0
        await envelope.wait()


async def test_peeking_wakes_nobody(autojump_clock):
    """Committed state of sleepers, the awake, and those who never were, without a mailbox."""
    async with open_stage() as stage:
        nobody = await stage.directory.peek(door())
        assert (nobody.version, nobody.exists) == (0, False)
        await stage.ask(SetCode(code="1"))
        stage.store.faults.delay_seconds = 1.0
        stage.directory.deliver(door(), Envelope(SetCode(code="2")))
        await trio.testing.wait_all_tasks_blocked()
        assert (await stage.directory.peek(door())).state.code == "1"
        await trio.sleep(2.0)
        await stage.put_all_to_sleep()
        assert (await stage.directory.peek(door())).state.code == "2"
        assert stage.directory.statistics()["woken"] == 1


async def test_a_drain_finishes_what_waits(autojump_clock):
    """Nothing new is taken, mailboxes are emptied, and the wait says whether all was done."""
    async with open_stage() as stage:
        assert await stage.directory.drain(0.1)
        stage.directory.is_closed = False
    async with open_stage() as stage:
        stage.store.faults.delay_seconds = 1.0
        envelope = Envelope(SetCode(code="1"))
        stage.directory.deliver(door(), envelope)
        assert not await stage.directory.drain(0.5)
        with pytest.raises(Unavailable):
            await stage.ask(SetCode(code="2"))
        assert await stage.directory.drain(5.0)
        assert envelope.is_answered


# --- keys


async def test_a_key_is_carried_out_once(autojump_clock):
    """The same answer again, awake, asleep, and after a crash; another body is refused."""
    async with open_stage() as stage:
        first = await stage.ask(SetCode(code="1"), **KEY)
        await stage.ask(SetCode(code="2"))
        await stage.put_all_to_sleep()
        again = await stage.ask(SetCode(code="1"), **KEY)
        assert (again.version, again.state, again.repeated) == (1, first.state, True)
        with pytest.raises(KeyReused):
            await stage.ask(SetCode(code="9"), **KEY)
        with pytest.raises(KeyReused):
            await stage.ask(SetCode(code="1"), door("back"), **KEY)
        assert (await stage.ask(SetCode(code="3"), principal="q", key="k")).version == 3
    async with open_stage(shelf=stage.store.shelf) as stage:
        assert (await stage.ask(SetCode(code="1"), **KEY)).repeated
        assert len(stage.stored()) == 3


async def test_a_key_in_flight_is_waited_for(autojump_clock):
    """A second ask waits for the first one's answer; with another body it is refused."""
    async with open_stage() as stage:
        stage.store.faults.delay_seconds = 1.0
        answers = []

        async def ask() -> None:
            answers.append(await stage.ask(SetCode(code="1"), **KEY))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
            await trio.sleep(0.5)
            with pytest.raises(KeyReused):
                await stage.ask(SetCode(code="2"), **KEY)
        assert sorted(answer.repeated for answer in answers) == [False, True]
        assert stage.stored() == [(1, "CodeSet")]


async def test_each_who_waits_has_patience_of_their_own(autojump_clock):
    """The second asker of a key waits as long as the first did, not as long as is left."""
    async with open_stage() as stage:
        stage.store.faults.delay_seconds = 7.0
        with trio.move_on_after(3.0):
            await stage.ask(SetCode(code="1"), **KEY)
        assert (await stage.ask(SetCode(code="1"), **KEY)).version == 1


async def test_a_cancelled_asker_does_not_lose_the_command(autojump_clock):
    """Once delivered it is carried out, and its key gives the answer."""
    async with open_stage() as stage:
        stage.store.faults.delay_seconds = 1.0
        with trio.move_on_after(0.5):
            await stage.ask(SetCode(code="1"), **KEY)
        await trio.sleep(1.0)
        again = await stage.ask(SetCode(code="1"), **KEY)
        assert (again.version, again.repeated) == (1, True)


async def test_an_asker_cancelled_before_delivery_asked_nothing(autojump_clock):
    """Whoever waited for the same key is told to come back, and may."""
    async with open_stage() as stage:
        kept, gate = stage.store.kept, trio.Event()

        async def slowly(*flight: str) -> object:
            await gate.wait()
            return await kept(*flight)

        stage.store.kept = slowly  # type: ignore[method-assign, assignment]
        async with trio.open_nursery() as nursery:
            first = trio.CancelScope()

            async def leave_early() -> None:
                with first:
                    await stage.ask(SetCode(code="1"), **KEY)

            nursery.start_soon(leave_early)
            await trio.testing.wait_all_tasks_blocked()

            async def second() -> None:
                with pytest.raises(Unavailable, match="left"):
                    await stage.ask(SetCode(code="1"), **KEY)

            nursery.start_soon(second)
            await trio.testing.wait_all_tasks_blocked()
            first.cancel()
        gate.set()
        assert (await stage.ask(SetCode(code="1"), **KEY)).version == 1


async def test_only_accepted_answers_are_kept_for_a_day(autojump_clock):
    """Refusals are not kept; after 24 hours the key is free again."""
    async with open_stage() as stage:
        with pytest.raises(Refused):
            await stage.ask(Shut(), **KEY)
        await stage.ask(Open(code="1234"))
        assert not (await stage.ask(Shut(), **KEY)).repeated
        stage.clock.offset_ms += 24 * 3_600_000 - 60_000
        assert (await stage.ask(Shut(), **KEY)).repeated
        stage.clock.offset_ms += 120_000
        with pytest.raises(Refused):
            await stage.ask(Shut(), **KEY)


async def test_a_key_in_trouble_is_free_again(autojump_clock):
    """An ask that could not be delivered keeps no key."""
    async with open_stage(Limits(mailbox_commands_max=1)) as stage:
        stage.directory.deliver(door(), Envelope(SetCode(code="0")))
        with pytest.raises(Overloaded):
            await stage.ask(SetCode(code="1"), **KEY)
        await trio.testing.wait_all_tasks_blocked()
        assert (await stage.ask(SetCode(code="1"), **KEY)).version == 2


async def test_a_big_answer_is_folded_anew(autojump_clock):
    """Beyond the kept size the state of that version comes from the facts, page by page."""
    async with open_stage(Limits(kept_reply_bytes_max=10, facts_page_max=2)) as stage:
        for number in range(4):
            await stage.ask(SetCode(code=f"a{number}"))
        first = await stage.ask(SetCode(code="b"), **KEY)
        await stage.ask(SetCode(code="c"))
        again = await stage.ask(SetCode(code="b"), **KEY)
        assert (again.version, again.state) == (5, first.state)
        del stage.store.shelf.facts[door()][0]  # history was cut: it is shown as it is now
        assert (await stage.ask(SetCode(code="b"), **KEY)).state.code == "c"
        stage.store.shelf.facts[door()].clear()
        assert (await stage.ask(SetCode(code="b"), **KEY)).state.code == "c"


async def test_a_big_answer_after_an_erasure_begins_there(autojump_clock):
    """The facts of another generation are enough; an erasure's own answer has no state."""
    async with open_stage(Limits(kept_reply_bytes_max=10)) as stage:
        await stage.ask(SetCode(code="a"))
        erased = {"principal": "p", "key": "e"}
        await stage.ask(Erase(), **erased)
        assert (await stage.ask(Erase(), **erased)).state is None
        first = await stage.ask(SetCode(code="b"), **KEY)
        assert (await stage.ask(SetCode(code="b"), **KEY)).state == first.state


# --- appends, telling


async def test_rows_are_appended_without_waking_anybody(autojump_clock):
    """Append entries share the gate: answered when they are stored, or not at all."""
    async with open_stage() as stage:
        rows = await stage.directory.append(PROJECT, [Append("hit", (1,)), Append("hit", (2,))])
        assert rows == (1, 2)
        stage.store.faults.fail_next()
        with pytest.raises(Unavailable):
            await stage.directory.append(PROJECT, [Append("hit", (3,))])
        stage.store.twists.extend([Failed(Overloaded("rows")), Missed(door())])
        with pytest.raises(Overloaded):
            await stage.directory.append(PROJECT, [Append("hit", (3,))])
        with pytest.raises(Unavailable):
            await stage.directory.append(PROJECT, [Append("hit", (3,))])
        assert stage.directory.statistics()["woken"] == 0


async def test_every_answer_is_counted_and_observed(autojump_clock):
    """The observer hears each outcome by its name."""
    async with open_stage() as stage:
        same = SetCode(code="1234")
        for command in (SetCode(code="1"), SetCode(code="1"), Shut(), Break()):
            await outcome_of(await _delivered(stage, command))
        await stage.ask(Hang(text="a"), **KEY)
        await stage.ask(Hang(text="a"), **KEY)
        await stage.deliver(Jam(), same)
        names = [outcome for _, outcome in stage.notes.outcomes]
        assert names == [
            "ok", "nothing", "refused", ActorFailed.code,
            "ok", "repeated", "ok", "refused",
        ]  # fmt: skip
        statistics = stage.directory.statistics()
        assert (statistics["commands"], statistics["refused"], statistics["failed"]) == (8, 2, 1)


async def _delivered(stage: object, command: object) -> Envelope:
    envelope = Envelope(command)  # type: ignore[arg-type]
    stage.directory.deliver(door(), envelope)  # type: ignore[attr-defined]
    return envelope
