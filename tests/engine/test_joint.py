"""Joint steps: one command, several actors, one commit; all of it or nothing."""

from __future__ import annotations

import pytest
import trio
from stage import PROJECT, Stage, open_stage
from toy_box import BOX, BUYER, RING_MS, Buy, Fill, Meddle

from engine.errors import ActorFailed, Busy, Overloaded, Refused, Unavailable
from engine.limits import Limits
from engine.messages import Address

KINDS = (BOX, BUYER)
ANN = Address(PROJECT, "buyer", "ann")
BOB = Address(PROJECT, "buyer", "bob")
HERE = Address(PROJECT, "box", "b")


def names(stage: Stage, address: Address) -> list[str]:
    """What is stored of an actor."""
    return [name for _, name in stage.stored(address)]


async def test_both_or_none(autojump_clock):
    """The buyer's fact and the box's are one entry, told in that order, before the reply."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=2), HERE)
        here, ann = stage.listen(HERE), stage.listen(ANN)
        reply = await stage.ask(Buy(), ANN)
        assert (reply.state.tickets, len(stage.store.submitted)) == (1, 2)
        assert [change.address for change in stage.store.submitted[-1].changes] == [ANN, HERE]
        assert (here.versions, ann.versions) == ([2], [1])
        seqs = [told.seq for told in (*ann.heard, *here.heard)]
        assert seqs == [2, 3]
        assert (await stage.directory.peek(HERE)).state.tickets == 1
        assert stage.store.shelf.lists["sold"][0][2] == (1,)


async def test_the_tables_of_all_must_permit_it(autojump_clock):
    """Who takes part may refuse; then nothing of it happened, and the asker's permits are said."""
    async with open_stage(kinds=KINDS) as stage:
        for boxes in (("b",), ("b", "b")):
            with pytest.raises(Refused, match="not permitted") as refused:
                await stage.ask(Buy(boxes=boxes), ANN)
            assert refused.value.may == ("buy",) * bool(stage.stored(ANN))
            await stage.ask(Fill(tickets=1), HERE)
        with pytest.raises(Refused, match="no tickets left"):
            await stage.ask(Buy(boxes=("b", "b", "b")), ANN)
        assert (names(stage, ANN), names(stage, HERE)) == ([], ["Filled", "Filled"])


async def test_one_actor_may_take_part_twice(autojump_clock):
    """Each order is decided on what the one before left."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=3), HERE)
        await stage.ask(Buy(boxes=("b", "b")), ANN)
        assert names(stage, HERE) == ["Filled", "Taken", "Taken"]
        assert (await stage.directory.peek(HERE)).state.tickets == 1


@pytest.mark.parametrize("is_awake", [True, False])
async def test_who_took_part_goes_on_from_there(autojump_clock, is_awake):
    """Awake or not, the next command sees what the joint step left; nothing is told twice."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=5), HERE)
        if not is_awake:
            await stage.put_all_to_sleep()
        ear = stage.listen(HERE)
        await stage.ask(Buy(), ANN)
        reply = await stage.ask(Fill(tickets=1), HERE)
        assert (reply.version, reply.state.tickets) == (3, 5)
        assert ear.versions == [2, 3]


async def test_two_race_for_one_ticket(autojump_clock):
    """Exactly one gets it."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=1), HERE)
        outcomes: list[object] = []

        async def buy(who: Address) -> None:
            try:
                outcomes.append((await stage.ask(Buy(), who)).state.tickets)
            except Refused:
                outcomes.append("refused")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(buy, ANN)
            nursery.start_soon(buy, BOB)
        assert sorted(map(str, outcomes)) == ["1", "refused"]
        assert (await stage.directory.peek(HERE)).state.tickets == 0


async def test_whoever_commits_first_makes_all_decide_again(autojump_clock):
    """The box changed meanwhile: five more tries, then busy."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=50), HERE)
        stage.store.meddle.append(lambda: stage.foreign(BOX, HERE, Fill(tickets=1)))
        assert (await stage.ask(Buy(), ANN)).version == 1
        assert (await stage.directory.peek(HERE)).state.tickets == 50
        for _ in range(6):
            stage.store.meddle.append(lambda: stage.foreign(BOX, HERE, Fill(tickets=1)))
        with pytest.raises(Busy):
            await stage.ask(Buy(), ANN)
        assert len(names(stage, ANN)) == 1


async def test_a_busy_participant_reads_again(autojump_clock):
    """Commands that it was deciding when the joint step came are decided again on top of it."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=1), HERE)
        ear = stage.listen(HERE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.ask, Buy(), ANN)
            for _ in range(3):
                nursery.start_soon(stage.ask, Fill(tickets=1), HERE)
        assert ear.versions == [2, 3, 4, 5]
        assert (await stage.directory.peek(HERE)).state.tickets == 3


async def test_effects_and_alarms_of_all_ride_along(autojump_clock):
    """The last ticket's bell is the box's effect, and its alarm rings although it never woke."""
    async with open_stage(kinds=KINDS, runs=("sweep", "alarms")) as stage:
        await stage.ask(Fill(tickets=1), HERE)
        await stage.put_all_to_sleep()
        await stage.ask(Buy(), ANN)
        (delivery,) = stage.store.shelf.outbox.values()
        assert (delivery.cause, delivery.version) == (HERE, 2)
        await trio.sleep(RING_MS / 1000 + 1)
        assert names(stage, HERE) == ["Filled", "Taken", "Rang"]


async def test_a_joint_step_joins_no_others_in_a_commit(autojump_clock):
    """What waits behind it is decided on what it left."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=9), HERE)
        answers = await stage.deliver(Buy(), Buy(), Buy(), address=ANN)
        assert [one.version for one in answers] == [1, 2, 3]
        assert len(stage.store.submitted) == 4


async def test_only_so_many_take_part(autojump_clock):
    """The bound is named."""
    async with open_stage(Limits(actors_per_entry_max=3), kinds=KINDS) as stage:
        for name in "abc":
            await stage.ask(Fill(tickets=9), HERE._replace(id=name))
        assert (await stage.ask(Buy(boxes=("a", "b")), ANN)).state.tickets == 2
        with pytest.raises(Overloaded, match="actors_per_entry_max"):
            await stage.ask(Buy(boxes=("a", "b", "c")), ANN)


@pytest.mark.parametrize("how", ["myself", "stranger", "end"])
async def test_what_cannot_be_meant_breaks_the_rule(autojump_clock, how):
    """With oneself, with somebody who was not needed, or with an end in it: a bug of the kind."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=1), HERE)
        with pytest.raises(ActorFailed):
            await stage.ask(Meddle(how=how), ANN)
        assert (names(stage, ANN), names(stage, HERE)) == ([], ["Filled"])


@pytest.mark.parametrize("is_awake", [True, False])
async def test_a_commit_that_only_reported_failure_is_told_by_all(autojump_clock, is_awake):
    """The box finds what it never told, whether it was awake or not."""
    async with open_stage(kinds=KINDS) as stage:
        await stage.ask(Fill(tickets=2), HERE)
        await stage.ask(Buy(), ANN)
        if not is_awake:
            await stage.put_all_to_sleep()
        here, ann = stage.listen(HERE), stage.listen(ANN)
        stage.store.faults.fail_next(kind="kept")
        with pytest.raises(Unavailable):
            await stage.ask(Buy(), ANN)
        await trio.testing.wait_all_tasks_blocked()
        assert (here.versions, ann.versions) == ([3], [2])
        assert (await stage.ask(Fill(tickets=1), HERE)).version == 4
        assert here.versions == [3, 4]
