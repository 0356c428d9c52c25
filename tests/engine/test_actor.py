"""An actor awake: one command at a time, stored, then told; whatever breaks costs little."""

from __future__ import annotations

import pytest
import trio
from stage import KINDS, PROJECT, START_MS, door, open_stage, outcome_of
from toy import (
    DOOR,
    SPARSE_DOOR,
    Break,
    Chime,
    Copy,
    Door,
    Hang,
    Jam,
    Name,
    Open,
    Phase,
    SetCode,
    Shut,
)

from engine.effects import Append, Needs
from engine.envelope import Envelope
from engine.errors import (
    ActorFailed,
    Busy,
    ClaimTaken,
    KeyReused,
    Overloaded,
    Refused,
    Unavailable,
)
from engine.kind import Kind
from engine.limits import Limits
from engine.machine import Machine, Row
from engine.messages import Address, Erase, Reply
from engine.ports import Failed


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


# --- seeing others


async def test_a_decision_sees_the_committed_state_of_another(autojump_clock):
    """Needs are looked up without waking anybody, and versions read are part of the fence."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="77"), door("back"))
        stage.directory.put_idle_to_sleep(trio.current_time() + 1_000)
        assert (await stage.ask(Copy(other="back"))).state.code == "77"
        assert stage.store.submitted[-1].reads == ((door("back"), 1),)
        assert stage.notes.awoken.count(door("back")) == 1


@pytest.mark.parametrize("other", ["back", "front"])
async def test_whoever_commits_first_makes_us_decide_again(autojump_clock, other):
    """Somebody else's commit, on what was read or on our own state, is seen by the second look."""
    async with open_stage() as stage:
        for name in ("front", "back"):
            await stage.ask(SetCode(code="1"), door(name))
        ear = stage.listen()
        stage.store.meddle.append(lambda: stage.foreign(DOOR, door(other), SetCode(code="2")))
        await stage.ask(Copy(other="back"))
        wanted = {"back": ["2"], "front": ["2", "1"]}[other]
        assert [told.fact.events[0].code for told in ear.heard] == wanted


async def test_six_misses_are_busy(autojump_clock):
    """Five decisions are made again; then the caller is told to come back."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="x"))
        for number in range(5):
            stage.store.meddle.append(
                lambda code=str(number): stage.foreign(DOOR, door(), SetCode(code=code))
            )
        assert (await stage.ask(SetCode(code="y"))).version == 7
        for number in range(6):
            stage.store.meddle.append(
                lambda code=str(number): stage.foreign(DOOR, door(), SetCode(code=code))
            )
        with pytest.raises(Busy):
            await stage.ask(SetCode(code="z"))
        assert (await stage.ask(SetCode(code="z"))).version == 14


async def test_much_that_was_missed_is_told_page_by_page(autojump_clock):
    """However many facts somebody else committed, every one is published in order."""
    async with open_stage(Limits(facts_page_max=3)) as stage:
        await stage.ask(SetCode(code="x"))
        ear = stage.listen()
        for number in range(8):
            foreign = stage.foreign(DOOR, door(), SetCode(code=str(number)))
            stage.store.shelf.apply([foreign], 0)
        await stage.ask(SetCode(code="y"))
        assert ear.versions == list(range(2, 11))


async def test_facts_that_privacy_took_are_passed_over(autojump_clock):
    """An erasure by somebody else is told although the facts before it cannot be read any more."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="x"))
        ear = stage.listen()
        for command in (SetCode(code="a"), Erase(privacy=True)):
            stage.store.shelf.apply([stage.foreign(DOOR, door(), command)], 0)
        assert (await stage.ask(SetCode(code="y"))).version == 4
        assert ear.versions == [3, 4]


async def test_too_many_needs_cost_one_command(autojump_clock):
    """The limit has a name, and the command beside it is served."""
    async with open_stage(Limits(needs_max=0)) as stage:
        answers = await stage.deliver(Copy(other="back"), SetCode(code="1"))
        assert isinstance(answers[0], Overloaded)
        assert (answers[0].limit, versions(answers)) == ("needs_max", [-1, 1])


def needy(needs: Needs) -> Kind[Door]:
    """A door whose every command needs these."""
    return _kind("needy", lambda _door, _command: needs)


def _kind(name: str, needs: object, rows: tuple[Row, ...] = ()) -> Kind[Door]:
    table = rows or (Row(Phase.LOCKED, SetCode, Phase.LOCKED, _seen),)
    machine: Machine[Door] = Machine("lock", (Phase.LOCKED,), table)
    return Kind(
        name=name,
        state=Door,
        initial=lambda _id: Door(),
        machines=(machine,),
        evolve=DOOR.evolve,
        events=DOOR.events,
        needs=needs,  # type: ignore[arg-type]
        decode_document=bytes.decode,
    )


def _seen(_door: Door, command: SetCode, moment: object) -> object:
    yield from DOOR.machines[0].rows[3].then(_door, command, moment)  # type: ignore[arg-type]
    yield Append("seen", tuple(moment.documents.values()))  # type: ignore[attr-defined]


async def test_a_document_is_decoded_for_the_decision(autojump_clock):
    """Documents come decoded as the kind says; one that is not there fails that command only."""
    async with open_stage() as stage:
        reply = await stage.ask(Hang(text="mind the gap"))
        sign = reply.state.sign
    kinds = (needy(Needs(documents=(sign,))),)
    address = Address(PROJECT, "needy", "1")
    async with open_stage(kinds=kinds, shelf=stage.store.shelf) as again:
        await again.ask(SetCode(code="1"), address)
        assert again.store.shelf.lists["seen"][0][2] == ("mind the gap",)
        again.store.shelf.documents.clear()
        again.directory.documents._kept.clear()
        answers = await again.deliver(SetCode(code="2"), address=address)
        assert answers[0].code == "no_document"  # type: ignore[union-attr]


def _flood(_door: Door, command: SetCode, _moment: object) -> object:
    for _ in range(int(command.code)):
        yield Append("flood", ())


async def test_a_rule_that_yields_too_much_is_refused_whole(autojump_clock):
    """Events, effects and appends of one command have a bound with a name."""
    row = Row(Phase.LOCKED, SetCode, Phase.LOCKED, _flood)  # type: ignore[arg-type]
    kinds = (_kind("flood", DOOR.needs, (row,)),)
    async with open_stage(Limits(yields_max=3), kinds=kinds) as stage:
        address = Address(PROJECT, "flood", "1")
        reply = await stage.ask(SetCode(code="3"), address)
        assert (reply.rows, reply.fact, reply.version) == ((1, 2, 3), None, 0)
        with pytest.raises(Overloaded, match="yields_max"):
            await stage.ask(SetCode(code="4"), address)
        assert len(stage.store.shelf.lists["flood"]) == 3


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
        stage.directory.put_idle_to_sleep(trio.current_time() + 1_000)
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
