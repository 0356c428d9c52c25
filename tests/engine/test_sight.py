"""Decisions that look beyond their own state: needs, documents, and those who commit first."""

from __future__ import annotations

import pytest
from stage import PROJECT, door, open_stage
from toy import (
    DOOR,
    Copy,
    Door,
    Hang,
    Phase,
    SetCode,
)
from toy_walk import BAD_MAP, POST, WALKER, HangMap, Walk

from engine.documents import NoDocument
from engine.effects import Append, Needs
from engine.errors import (
    ActorFailed,
    Busy,
    Overloaded,
)
from engine.kind import Kind
from engine.limits import Limits
from engine.machine import Machine, Row
from engine.messages import Address, Erase, Reply


def versions(answers: list[Reply | Exception]) -> list[int]:
    """The versions that replies carry; -1 for an error."""
    return [one.version if isinstance(one, Reply) else -1 for one in answers]


async def test_a_decision_sees_the_committed_state_of_another(autojump_clock):
    """Needs are looked up without waking anybody, and versions read are part of the fence."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="77"), door("back"))
        await stage.put_all_to_sleep()
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


# --- documents that only the actors seen can name

P = Address(PROJECT, "post", "p")
WHO = Address(PROJECT, "walker", "w")
WALKERS = (POST, WALKER)


async def test_a_document_is_found_through_an_actor_seen(autojump_clock):
    """The signpost names the map; both are seen, and the signpost is part of the fence."""
    async with open_stage(kinds=WALKERS) as stage:
        await stage.ask(HangMap(places="bridge home"), P)
        assert (await stage.ask(Walk(), WHO)).state.way == "walking"
        assert stage.store.submitted[-1].reads == ((P, 1),)
        assert (await stage.ask(Walk(), WHO)).state.way == "home"


async def test_who_is_not_there_names_no_document(autojump_clock):
    """Then the rule decides without one."""
    async with open_stage(kinds=WALKERS) as stage:
        assert (await stage.ask(Walk(), WHO)).state.way == "lost"
        assert stage.store.submitted[-1].reads == ((P, 0),)


async def test_a_missed_fence_finds_the_document_anew(autojump_clock):
    """Somebody hung another map first: the second look reads the one that hangs there now."""
    async with open_stage(kinds=WALKERS) as stage:
        await stage.ask(HangMap(places="bridge"), P)
        stage.store.meddle.append(lambda: stage.foreign(POST, P, HangMap(places="home")))
        reply = await stage.ask(Walk(), WHO)
        assert (reply.state.way, stage.store.submitted[-1].reads) == ("home", ((P, 2),))


async def test_another_map_is_seen_by_the_next_walk(autojump_clock):
    """What was seen a moment ago is forgotten when it is told that it changed."""
    async with open_stage(kinds=WALKERS) as stage:
        await stage.ask(HangMap(places="bridge bridge"), P)
        await stage.ask(Walk(), WHO)
        await stage.ask(HangMap(places="inn home"), P)
        assert (await stage.ask(Walk(), WHO)).state.way == "home"


async def test_a_document_that_is_named_and_not_there_costs_one_command(autojump_clock):
    """By its name; one that cannot be read breaks the rule that needs it. Others are served."""
    async with open_stage(kinds=WALKERS) as stage:
        await stage.ask(HangMap(places="bridge"), P)
        stage.store.shelf.documents.clear()
        gone = await stage.deliver(Walk(), Walk(post="nowhere"), address=WHO)
        assert isinstance(gone[0], NoDocument)
        assert (versions(gone), stage.notes.failures) == ([-1, 1], [])
        await stage.ask(HangMap(places=BAD_MAP), P)
        with pytest.raises(ActorFailed):
            await stage.ask(Walk(), WHO._replace(id="x"))
        assert [str(error) for _, error in stage.notes.failures] == ["the map is torn"]


@pytest.mark.parametrize(("most", "code"), [(1, "overloaded"), (2, "ok")])
async def test_documents_found_so_count_among_the_needs(autojump_clock, most, code):
    """One signpost and its map are two."""
    async with open_stage(Limits(needs_max=most), kinds=WALKERS) as stage:
        await stage.ask(HangMap(places="home"), P)
        (answer,) = await stage.deliver(Walk(), address=WHO)
        assert stage.notes.outcomes[-1] == ("walk", code)
        assert getattr(answer, "limit", "needs_max") == "needs_max"


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


async def test_an_actor_that_many_need_is_read_once(autojump_clock):
    """A sighting lasts until a fact of its actor is told."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="77"), door("back"))
        await stage.put_all_to_sleep()
        reads = stage.store.reads
        for name in ("a", "b", "c"):
            await stage.ask(Copy(other="back"), door(name))
        assert stage.store.reads == reads + 4  # the three, and the one that they need
        await stage.ask(SetCode(code="78"), door("back"))
        assert (await stage.ask(Copy(other="back"), door("d"))).state.code == "78"


async def test_only_so_many_sightings_are_remembered(autojump_clock):
    """The one that was needed longest ago is read again."""
    async with open_stage(Limits(sightings_max=1)) as stage:
        for name in ("x", "y"):
            await stage.ask(SetCode(code=name), door(name))
        await stage.put_all_to_sleep()
        reads = stage.store.reads
        for other in ("x", "y", "y", "x"):
            await stage.ask(Copy(other=other))
        assert stage.store.reads == reads + 1 + 3


async def test_a_look_that_breaks_leaves_nothing_behind(autojump_clock):
    """Otherwise each actor that could not be read would be remembered for good."""
    async with open_stage() as stage:

        class Broken:
            """A directory that cannot read."""

            async def peek(self, _asked: Address) -> object:
                raise LookupError("the disk is gone")

        with pytest.raises(LookupError, match="the disk is gone"):
            await stage.directory.sightings.look(Broken(), door("back"))
        assert not stage.directory.sightings._reading


async def test_what_is_told_while_it_is_read_is_not_remembered(autojump_clock):
    """A read that was overtaken is used once, and the fence judges it; the next looks again."""
    async with open_stage() as stage:
        sightings, address = stage.directory.sightings, door("back")
        await stage.ask(SetCode(code="1"), address)
        await stage.put_all_to_sleep()

        class Slow:
            """A directory during whose look something is told."""

            async def peek(self, asked: Address) -> object:
                found = await stage.directory.peek(asked)
                sightings.forget(asked)
                return found

        await sightings.look(Slow(), address)
        reads = stage.store.reads
        await sightings.look(stage.directory, address)
        await sightings.look(stage.directory, address)
        assert stage.store.reads == reads + 1
