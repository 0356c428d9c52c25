"""Partings: what goes with an erasure, in its commit; all of it, or nobody is erased."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from houses import open_caller
from stage import PROJECT, Stage, open_stage
from toy_box import BOX, BUYER, ROOM, Bought, Buy, Fill, GiveBack

from api.domain import Domain
from engine.effects import Also, Append, Effect, Yielded
from engine.errors import ActorFailed, Busy, Overloaded, Refused, Unavailable
from engine.kind import Kind, TableBroken
from engine.limits import Limits
from engine.machine import Machine, Moment, Row
from engine.messages import Address, Erase, Erased, Snapshot
from engine.ports import REDACTED, REDACTED_BODY

KINDS = (BOX, BUYER)
ANN = Address(PROJECT, "buyer", "ann")
HERE = Address(PROJECT, "box", "b")
THERE = Address(PROJECT, "box", "a")
QUIET = ("sweep", "alarms")  # effects stay where they can be counted


def names(stage: Stage, address: Address) -> list[str]:
    """What is stored of an actor."""
    return [name for _, name in stage.stored(address)]


def bells(stage: Stage) -> list[tuple[Address, int, str]]:
    """Pending effects: who caused them, at which version, and about what."""
    waiting = stage.store.shelf.outbox.values()
    return [(one.cause, one.version, one.effect.subject) for one in waiting]


async def tickets(stage: Stage, address: Address = HERE) -> int:
    """How many are in a box."""
    state = (await stage.directory.peek(address)).state
    return 0 if state is None else state.tickets


async def fill_and_buy(stage: Stage, *boxes: str) -> None:
    """Three tickets in either box, and ann buys these."""
    for box in (HERE, THERE):
        await stage.ask(Fill(tickets=3), box)
    await stage.ask(Buy(boxes=boxes), ANN)


def parting_with(*yielded: object) -> tuple[Kind, Kind]:
    """Boxes, and buyers who part like this."""

    def parting(*_: object) -> Iterable[object]:
        return yielded

    return BOX, replace(BUYER, parting=parting)  # type: ignore[arg-type]


# --- the step


def test_an_erasure_carries_what_its_parting_yields():
    """The state before is seen, the fact is the erasure alone."""
    before = Snapshot(ANN, 4, 0, BUYER.state("happy", ("b", "a", "b")), "happy", (1,))
    step = BUYER.decide(before, Erase(privacy=True, own_only=True), Moment(0))
    given = {one.address.id: one.command for one in step.also}
    assert given == {"b": GiveBack(tickets=2), "a": GiveBack(tickets=1)}
    assert [one.subject for one in step.effects] == ["left"]
    assert (step.events, step.state) == ((Erased(privacy=True),), None)
    assert (step.erases, step.privacy, step.own_only) == (True, True, True)


def test_kinds_part_with_nothing():
    """Unless they say so."""
    before = Snapshot(HERE, 1, 0, BOX.state("open", 3), "open", (1,))
    step = BOX.decide(before, Erase(), Moment(0))
    assert (step.also, step.has_others) == ((), False)


def test_a_parting_states_no_event():
    """It would be lost in silence: the erasure is one fact, and nothing is folded after it."""
    _, kind = parting_with(Bought(boxes=("b",)))
    before = Snapshot(ANN, 1, 0, kind.state("happy", ("b",)), "happy", (1,))
    with pytest.raises(TableBroken, match="buyer: a parting states no event, not Bought"):
        kind.decide(before, Erase(), Moment(0))


# --- the commit


@pytest.mark.parametrize("is_awake", [True, False])
async def test_who_leaves_gives_back_in_the_same_commit(autojump_clock, is_awake):
    """One entry writes the erasure and all boxes, told in that order; the boxes go on from it."""
    async with open_stage(kinds=KINDS, runs=QUIET) as stage:
        await fill_and_buy(stage, "b", "a", "b")
        if not is_awake:
            await stage.put_all_to_sleep()
        ears = [stage.listen(one) for one in (ANN, HERE, THERE)]
        reply = await stage.ask(Erase(), ANN)
        entry = stage.store.submitted[-1]
        assert [change.address for change in entry.changes] == [ANN, HERE, THERE]
        assert [change.erases for change in entry.changes] == [True, False, False]
        assert (reply.version, reply.state, names(stage, ANN)) == (2, None, ["Erased"])
        seqs = [told.seq for ear in ears for told in ear.heard]
        assert seqs == list(range(seqs[0], seqs[0] + 3))
        assert [await tickets(stage, box) for box in (HERE, THERE)] == [3, 3]
        assert bells(stage) == [(ANN, 2, "left")]
        assert (await stage.ask(Fill(tickets=1), HERE)).state.tickets == 4
        assert (await stage.ask(Buy(), ANN)).state.tickets == 1


async def test_an_erasure_whose_parting_is_refused_does_not_happen(autojump_clock):
    """One of two boxes is full: neither takes anything back, and the buyer is as before."""
    async with open_stage(kinds=KINDS, runs=QUIET) as stage:
        await fill_and_buy(stage, "a", "b")
        await stage.ask(Fill(tickets=ROOM - 2), HERE)
        entries, ear = len(stage.store.submitted), stage.listen(ANN)
        with pytest.raises(Refused, match="the box is full") as refused:
            await stage.ask(Erase(privacy=True), ANN)
        assert refused.value.may == ("buy",)
        assert (len(stage.store.submitted), ear.versions, bells(stage)) == (entries, [], [])
        assert names(stage, ANN) == ["Bought"]
        assert (await stage.directory.peek(ANN)).state.boxes == ("a", "b")
        await stage.ask(Buy(), ANN)  # takes one out, and there is room for two of three
        with pytest.raises(Refused, match="the box is full"):
            await stage.ask(Erase(), ANN)
        await stage.ask(Buy(boxes=("b",)), ANN._replace(id="bob"))
        assert (await stage.ask(Erase(), ANN)).state is None
        assert [await tickets(stage, box) for box in (HERE, THERE)] == [ROOM, 3]


async def test_privacy_takes_the_past_and_the_parting_stays(autojump_clock):
    """Facts lose their events, earlier effects about her go; what parts with her is done."""
    async with open_stage(kinds=KINDS, runs=QUIET) as stage:
        await fill_and_buy(stage, "b")
        await stage.ask(Erase(), ANN)
        await stage.ask(Buy(boxes=("b", "a")), ANN, key="k", principal="p")
        assert bells(stage) == [(ANN, 2, "left")]
        await stage.ask(Erase(privacy=True), ANN)
        facts = stage.store.shelf.facts[ANN]
        assert [(one.version, one.name) for one in facts] == [
            (2, REDACTED),
            (3, REDACTED),
            (4, "Erased"),
        ]
        assert {bytes(one.body) for one in facts[:-1]} == {bytes(REDACTED_BODY)}
        (event,) = msgspec.json.decode(facts[-1].body)
        assert event["counts"] == {"facts": 2, "replies": 1, "effects": 1}
        assert (bells(stage), stage.store.shelf.kept) == ([(ANN, 4, "left")], {})
        assert [await tickets(stage, box) for box in (HERE, THERE)] == [3, 3]
        assert names(stage, HERE) == ["Filled", "Taken", "GivenBack", "Taken", "GivenBack"]


async def test_a_parting_on_the_disk(tmp_path: Path):
    """The real store writes the same: the tombstone, and the boxes as they are after it."""

    def buy(*seen: Any) -> Iterable[Yielded]:
        yielded = BUYER.machines[0].rows[0].then(*seen)
        return [value for value in yielded if not isinstance(value, Append)]  # no list on this disk

    looks = Machine("buyer", ("looking", "happy"), (Row(("looking", "happy"), Buy, "happy", buy),))
    kinds = (BOX, replace(BUYER, machines=(looks,)))
    async with open_caller(tmp_path, domains=(Domain("toy", kinds, None, ()),)) as admin:
        directory = admin.house.directory
        await directory.ask(HERE, Fill(tickets=3))
        await directory.ask(ANN, Buy(boxes=("b", "b")))
        reply = await directory.ask(ANN, Erase(privacy=True))
        assert (reply.version, (await directory.read(ANN)).exists) == (2, False)
        box = await directory.read(HERE)
        assert (box.version, box.state.tickets) == (4, 3)
        facts = await directory.store.facts(HERE, 0, 10)
        assert [one.name for one in facts] == ["Filled", "Taken", "Taken", "GivenBack"]
        assert [one.name for one in await directory.store.facts(ANN, 0, 10)] == [REDACTED, "Erased"]


async def test_an_erasure_joins_no_others_in_a_commit(autojump_clock):
    """What waited before it is given back as well, what waits behind it begins anew."""
    async with open_stage(kinds=KINDS) as stage:
        await fill_and_buy(stage, "b")
        answers = await stage.deliver(Buy(), Erase(), Buy(boxes=("a",)), address=ANN)
        assert [one.version for one in answers] == [2, 3, 4]
        assert answers[-1].state.boxes == ("a",)
        assert [await tickets(stage, box) for box in (HERE, THERE)] == [3, 2]


async def test_a_repeated_erasure_gives_nothing_back_twice(autojump_clock):
    """The kept answer says what was done."""
    async with open_stage(kinds=KINDS) as stage:
        await fill_and_buy(stage, "b")
        first = await stage.ask(Erase(), ANN, key="k", principal="p")
        again = await stage.ask(Erase(), ANN, key="k", principal="p")
        assert (again.version, again.repeated) == (first.version, True)
        assert names(stage, HERE) == ["Filled", "Taken", "GivenBack"]


# --- others commit first, and what breaks


async def test_whoever_commits_first_makes_an_erasure_decide_again(autojump_clock):
    """Five more tries on what is there then; the sixth miss is busy, and nobody is erased."""
    async with open_stage(kinds=KINDS, runs=QUIET) as stage:
        await fill_and_buy(stage, "b")
        for _ in range(6):
            stage.store.meddle.append(lambda: stage.foreign(BOX, HERE, Fill(tickets=1)))
        with pytest.raises(Busy):
            await stage.ask(Erase(privacy=True), ANN)
        assert (names(stage, ANN), bells(stage)) == (["Bought"], [])
        for _ in range(5):
            stage.store.meddle.append(lambda: stage.foreign(BOX, HERE, Fill(tickets=1)))
        assert (await stage.ask(Erase(privacy=True), ANN)).version == 2
        assert (await tickets(stage), len(bells(stage))) == (3 + 11, 1)


async def test_a_box_that_fills_up_first_stops_the_erasure(autojump_clock):
    """The second look sees what others committed, and the box refuses then."""
    async with open_stage(kinds=KINDS, runs=QUIET) as stage:
        await fill_and_buy(stage, "b")
        stage.store.meddle.append(lambda: stage.foreign(BOX, HERE, Fill(tickets=ROOM)))
        with pytest.raises(Refused, match="the box is full"):
            await stage.ask(Erase(), ANN)
        assert (await stage.directory.read(HERE)).state.tickets == 2 + ROOM
        assert names(stage, ANN) == ["Bought"]


async def test_an_erasure_that_only_reported_failure_is_told_by_all(autojump_clock):
    """Who is gone and who got something back find out, whoever asks next."""
    async with open_stage(kinds=KINDS) as stage:
        await fill_and_buy(stage, "b")
        here, ann = stage.listen(HERE), stage.listen(ANN)
        stage.store.faults.fail_next(kind="kept")
        with pytest.raises(Unavailable):
            await stage.ask(Erase(), ANN)
        await trio.testing.wait_all_tasks_blocked()
        assert (ann.versions, here.versions) == ([2], [3])
        assert (await tickets(stage), names(stage, ANN)) == (3, ["Erased"])


BROKEN = {
    "an event": (Bought(boxes=("b",)),),
    "somebody who was not needed": (Also(Address("", "box", "unseen"), GiveBack(tickets=1)),),
    "oneself": (Also(ANN, Buy()),),
    "another erasure": (Also(HERE, Erase()),),
}


@pytest.mark.parametrize("yielded", BROKEN.values(), ids=BROKEN.keys())
async def test_a_parting_that_cannot_be_meant_erases_nobody(autojump_clock, yielded):
    """A bug of the kind costs the command, not the actor."""
    async with open_stage(kinds=parting_with(*yielded), runs=QUIET) as stage:
        await fill_and_buy(stage, "b")
        with pytest.raises(ActorFailed):
            await stage.ask(Erase(), ANN)
        assert (names(stage, ANN), names(stage, HERE)) == (["Bought"], ["Filled", "Taken"])
        assert stage.notes.broken == ["decide"]
        assert (await stage.ask(Buy(), ANN)).state.tickets == 2


async def test_a_parting_has_the_limits_of_any_command(autojump_clock):
    """Actors of one entry, and effects of one command."""
    many = [Effect(sender="bell", subject=str(number), body=b"") for number in range(9)]
    async with open_stage(Limits(yields_max=9), kinds=parting_with(*many), runs=QUIET) as stage:
        await fill_and_buy(stage, "b")
        with pytest.raises(Overloaded, match="yields_max"):  # the erasure itself is an event
            await stage.ask(Erase(), ANN)
    async with open_stage(Limits(actors_per_entry_max=2), kinds=KINDS, runs=QUIET) as stage:
        await fill_and_buy(stage, "b")
        await stage.ask(Buy(boxes=("a",)), ANN)
        with pytest.raises(Overloaded, match="actors_per_entry_max"):
            await stage.ask(Erase(), ANN)
        assert (names(stage, ANN), bells(stage)) == (["Bought", "Bought"], [])
