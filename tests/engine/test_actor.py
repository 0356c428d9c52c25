"""An actor awake: one command at a time, stored, then told; whatever breaks costs little."""

from __future__ import annotations

import pytest
import trio
from stage import KINDS, PROJECT, START_MS, door, open_stage, outcome_of
from toy import (
    SPARSE_DOOR,
    Break,
    Chime,
    Hang,
    Jam,
    Name,
    Open,
    SetCode,
    Shut,
)

from engine.envelope import Envelope
from engine.errors import (
    ActorFailed,
    ClaimTaken,
    KeyReused,
    Refused,
    Unavailable,
)
from engine.messages import Address, Erase, Reply
from engine.ports import Failed, Taken


def codes(count: int) -> list[SetCode]:
    """Commands that each state a fact."""
    return [SetCode(code=f"c{number}") for number in range(count)]


def versions(answers: list[Reply | Exception]) -> list[int]:
    """The versions that replies carry; -1 for an error."""
    return [one.version if isinstance(one, Reply) else -1 for one in answers]


async def test_commands_are_carried_out_in_arrival_order(autojump_clock):
    """One at a time, first come first served: each reply shows what its command led to."""
    async with open_stage() as stage:
        answers = await stage.deliver(*codes(10))
        assert versions(answers) == list(range(1, 11))
        assert [one.state.code for one in answers] == [f"c{number}" for number in range(10)]
        assert stage.stored() == [(version, "CodeSet") for version in range(1, 11)]


async def test_up_to_64_commands_share_a_commit(autojump_clock):
    """A hot actor takes what waits into one commit, bounded, and answers in order."""
    async with open_stage() as stage:
        answers = await stage.deliver(*codes(65))
        sizes = [len(entry.changes[0].facts) for entry in stage.store.submitted]
        assert sizes == [64, 1]
        assert versions(answers) == list(range(1, 66))


async def test_nothing_is_told_before_the_commit(autojump_clock):
    """While the disk writes there is no reply and no push; after it the push comes first."""
    async with open_stage() as stage:
        ear = stage.listen()
        stage.store.faults.delay_seconds = 1.0
        envelope = Envelope(SetCode(code="9"))
        stage.directory.deliver(door(), envelope)
        heard_before_reply: list[int] = []
        envelope.when_answered = lambda: heard_before_reply.extend(ear.versions)
        await trio.sleep(0.99)
        assert (envelope.is_answered, ear.versions, stage.stored()) == (False, [], [])
        await trio.sleep(0.02)
        assert (envelope.is_answered, heard_before_reply, len(stage.stored())) == (True, [1], 1)


async def test_a_failed_commit_tells_nothing_and_is_forgotten(autojump_clock):
    """All its commands fail, even refusals that rest on it; the actor reads again and goes on."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="7"))
        ear = stage.listen()
        stage.store.faults.fail_next()
        answers = await stage.deliver(Open(code="7"), SetCode(code="8"))
        assert [type(one) for one in answers] == [Unavailable, Unavailable]
        reply = await stage.ask(SetCode(code="9"))
        assert (reply.version, ear.versions) == (2, [2])
        assert stage.stored() == [(1, "CodeSet"), (2, "CodeSet")]
        assert stage.notes.broken == ["commit"]


async def test_a_commit_that_only_seemed_to_fail_is_told_after_all(autojump_clock):
    """Reading again finds facts never told: listeners, alarms and outbox learn of them once."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="7"))
        ear = stage.listen()
        stage.store.faults.fail_next(kind="kept")
        answers = await stage.deliver(Chime(in_ms=60_000), Jam())
        assert [type(one) for one in answers] == [Unavailable, Unavailable]
        await trio.testing.wait_all_tasks_blocked()
        assert ear.versions == [2, 3]
        assert [told.before.version for told in ear.heard] == [1, 2]
        assert ear.heard[-1].after == await stage.directory.peek(door())
        assert stage.alarms.statistics()["held"] == 1
        assert stage.outbox.statistics()["parked"] == 1  # there is no locksmith


async def test_the_difference_is_told_although_the_first_reading_fails(autojump_clock):
    """What listeners know outlives a store that can be neither written nor read."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="7"))
        ear = stage.listen()
        stage.store.faults.fail_next(kind="kept")
        stage.store.unreadable = 1
        assert isinstance((await stage.deliver(SetCode(code="8")))[0], Unavailable)
        await trio.testing.wait_all_tasks_blocked()
        assert stage.notes.broken == ["commit", "recall"]
        assert ear.versions == []
        assert (await stage.ask(SetCode(code="9"))).version == 3
        assert ear.versions == [2, 3]


async def test_an_unreadable_actor_fails_one_batch_and_recovers(autojump_clock):
    """A store that cannot be read costs the commands at hand, not the actor."""
    async with open_stage() as stage:
        stage.store.unreadable = 1
        assert [type(one) for one in await stage.deliver(*codes(2))] == [ActorFailed] * 2
        assert (await stage.ask(SetCode(code="9"))).version == 1


async def test_a_refusal_changes_nothing_and_says_what_is_permitted(autojump_clock):
    """No entry reaches the store, and the same state answers the next command."""
    async with open_stage() as stage:
        with pytest.raises(Refused) as refused:
            await stage.ask(Shut())
        assert "open" in refused.value.may
        assert "jam" not in refused.value.may
        assert stage.store.submitted == []
        assert stage.notes.outcomes == [("shut", "refused")]


async def test_a_refusal_waits_for_the_command_it_rests_on(autojump_clock):
    """Refused because of a command just before it: said only once that one is stored."""
    async with open_stage() as stage:
        stage.store.faults.delay_seconds = 1.0
        envelopes = [Envelope(Open(code="1234")), Envelope(SetCode(code="8"))]
        for envelope in envelopes:
            stage.directory.deliver(door(), envelope)
        await trio.sleep(0.5)
        assert not envelopes[1].is_answered
        assert isinstance(await outcome_of(envelopes[1]), Refused)


async def test_a_broken_rule_costs_one_command(autojump_clock):
    """Those before it are stored, those behind it served, and the actor reads again."""
    async with open_stage() as stage:
        answers = await stage.deliver(SetCode(code="1"), Break(), *codes(2))
        assert versions(answers) == [1, -1, 2, 3]
        assert isinstance(answers[1], ActorFailed)
        assert stage.notes.broken == ["decide"]
        assert stage.store.reads == 2


async def test_a_broken_rule_over_an_unreadable_store_answers_everybody(autojump_clock):
    """Commands behind it are told that they failed, and are not carried out behind their back."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="1"))
        stage.store.unreadable = 2
        answers = await stage.deliver(Break(), SetCode(code="2"))
        assert [type(one) for one in answers] == [ActorFailed] * 2
        assert (await stage.ask(SetCode(code="3"))).version == 2


async def test_a_listener_that_breaks_is_nobody_elses_trouble(autojump_clock):
    """The reply leaves, the other facts are told, and the observer hears of it."""
    async with open_stage() as stage:
        ear = stage.listen()
        ear.hear = lambda _topic, told: ear.heard.append(told) or 1 / 0  # type: ignore[method-assign]
        answers = await stage.deliver(*codes(2))
        assert versions(answers) == ear.versions == [1, 2]
        assert stage.notes.broken == ["listener", "listener"]


# --- claims, appends, erasing


async def test_a_taken_claim_is_decided_again_and_refused(autojump_clock):
    """Only the command whose claim is taken fails; those around it are stored together."""
    async with open_stage() as stage:
        await stage.ask(Name(name="oak"), door("back"))
        await stage.ask(Name(name="elm"), door("side"))
        answers = await stage.deliver(
            SetCode(code="1"), Name(name="oak"), Name(name="elm"), Name(name="fir")
        )
        assert [type(one) for one in answers] == [Reply, ClaimTaken, ClaimTaken, Reply]
        assert versions(answers) == [1, -1, -1, 2]
        assert answers[1].space == "name"  # type: ignore[union-attr]


async def test_more_taken_claims_than_tries_do_not_make_it_busy(autojump_clock):
    """A taken claim is no miss: a batch full of them is settled one by one."""
    async with open_stage() as stage:
        names = [f"n{number}" for number in range(10)]
        for name in names:
            await stage.ask(Name(name=name), door(name))
        answers = await stage.deliver(*(Name(name=name) for name in names), Name(name="free"))
        assert versions(answers) == [-1] * 10 + [1]


async def test_an_entry_the_store_rejects_is_tried_command_by_command(autojump_clock):
    """Only the guilty one fails, with the store's named error or as our fault."""
    async with open_stage() as stage:
        bad = Failed(KeyReused("kept"))
        stage.store.twists.extend([Failed(ValueError("no")), bad])
        answers = await stage.deliver(*codes(3))
        assert [type(one) for one in answers] == [KeyReused, Reply, Reply]
        stage.store.twists.append(Failed(ValueError("no")))
        assert [type(one) for one in await stage.deliver(SetCode(code="z"))] == [ActorFailed]


async def test_a_claim_that_no_rule_knows_fails_only_its_command(autojump_clock):
    """A list of the store may hold a claim of its own: taken again, it is the command's answer."""
    async with open_stage() as stage:
        taken = Taken("list", "row")
        stage.store.twists.extend([taken, taken, taken, taken])
        answers = await stage.deliver(*codes(2))
        assert [type(one) for one in answers] == [ClaimTaken, Reply]


async def test_appended_rows_are_answered_with_their_command(autojump_clock):
    """Each reply carries the rows of its own appends."""
    async with open_stage() as stage:
        answers = await stage.deliver(Hang(text="a"), SetCode(code="1"), Hang(text="b"))
        assert [one.rows for one in answers] == [(1,), (), (2,)]  # type: ignore[union-attr]


async def test_erased_and_born_again(autojump_clock):
    """An erasure is version n+1, the next fact n+2 of another generation, under another epoch."""
    async with open_stage() as stage:
        ear = stage.listen()
        await stage.ask(SetCode(code="7"))
        erased = await stage.ask(Erase())
        assert (erased.version, erased.state, erased.generation) == (2, None, 0)
        with pytest.raises(Refused):
            await stage.ask(Erase())
        born = await stage.ask(SetCode(code="8"))
        assert (born.version, born.generation, born.state.code) == (3, 1, "8")
        assert [told.epoch for told in ear.heard] == ["memory.0", "memory.0", "memory.1"]
        assert [told.fact.name for told in ear.heard] == ["CodeSet", "Erased", "CodeSet"]


async def test_an_erasure_shares_no_commit(autojump_clock):
    """Claims and kept answers of commands just before it go too; those behind begin anew."""
    async with open_stage() as stage:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: stage.ask(Name(name="oak"), key="k", principal="p"))
            await trio.testing.wait_all_tasks_blocked()
        answers = await stage.deliver(Name(name="elm"), Erase(), Name(name="fir"))
        assert versions(answers) == [2, 3, 4]
        assert stage.store.shelf.kept == {}
        assert set(stage.store.shelf.claims) == {(PROJECT, "name", "fir")}


async def test_a_sparse_kind_wakes_from_row_and_tail(autojump_clock):
    """Its state is written every eight facts; asleep or awake it is the same door."""
    async with open_stage() as stage:
        address = Address(PROJECT, "sparse_door", "1")
        for command in codes(11):
            last = await stage.ask(command, address)
        assert stage.store.shelf.actors[address].state_version == 8
        await stage.put_all_to_sleep()
        peeked = await stage.directory.peek(address)
        assert (peeked.version, peeked.state) == (11, last.state)
        assert SPARSE_DOOR in KINDS
        assert peeked.since_ms[0] >= START_MS


async def test_a_cancelled_actor_answers_its_callers(autojump_clock):
    """Whoever waits in a mailbox when the house is torn down is told so at once."""
    async with open_stage() as stage:
        stage.store.faults.delay_seconds = 60.0
        envelopes = [Envelope(command) for command in codes(2)]
        stage.directory.deliver(door(), envelopes[0])
        await trio.testing.wait_all_tasks_blocked()
        stage.directory.deliver(door(), envelopes[1])
        stage.nursery.cancel_scope.cancel()
        for envelope in envelopes:
            assert isinstance(await outcome_of(envelope), Unavailable)


async def test_a_commit_that_ends_after_its_actor_is_still_told(autojump_clock):
    """The actor was cancelled while the disk wrote: what is stored is published."""
    async with open_stage() as stage:
        ear = stage.listen()
        stage.store.faults.delay_seconds = 1.0
        stage.directory.deliver(door(), Envelope(SetCode(code="9")))
        await trio.testing.wait_all_tasks_blocked()
        stage.nursery.cancel_scope.cancel()
        await trio.sleep(2.0)
        assert ear.versions == [1]
