"""Together: a crowd decides where it rests; nobody is woken, missed, or told twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
from stage import PROJECT, Stage, open_stage
from toy import Break, Copy, Jam, Name, SetCode

from engine.errors import Unavailable
from engine.messages import Address, Command
from engine.ports import Failed, Missed
from engine.together import Together

DOORS = [Address(PROJECT, "door", f"d{number:02}") for number in range(9)]


async def together(
    stage: Stage, command: Command, doors: Sequence[Address] = DOORS, at_once: int = 8
) -> list[Address]:
    """Ask the doors; who is left over."""
    kind = stage.directory.kinds["door"]
    crowd = Together(stage.directory, kind, command, "tester", at_once)
    for address in doors:
        await crowd.ask(address)
    await crowd.finish()
    return crowd.left


def codes(stage: Stage) -> list[list[int]]:
    """Versions of each door's facts."""
    return [[version for version, _ in stage.stored(address)] for address in DOORS]


async def test_nobody_is_woken(autojump_clock):
    """Facts are stored in groups, told, and answered like any others."""
    async with open_stage() as stage:
        ears = [stage.listen(address) for address in DOORS]
        assert await together(stage, SetCode(code="7")) == []
        assert codes(stage) == [[1]] * 9
        assert [ear.versions for ear in ears] == [[1]] * 9
        assert [len(entry.changes) for entry in stage.store.submitted] == [4, 4, 1]
        assert stage.notes.awoken == []
        assert stage.notes.outcomes == [("setCode", "ok")] * 9
        assert stage.directory.statistics()["commands"] == 9


async def test_the_second_time_it_is_nothing(autojump_clock):
    """Nothing is stored, and everybody is answered."""
    async with open_stage() as stage:
        await together(stage, SetCode(code="7"))
        stage.store.submitted.clear()
        assert await together(stage, SetCode(code="7")) == []
        assert stage.store.submitted == []
        assert stage.notes.outcomes[9:] == [("setCode", "nothing")] * 9


async def test_who_refuses_is_answered(autojump_clock):
    """It is not left over, and the others go on."""
    async with open_stage() as stage:
        await stage.ask(Jam(), DOORS[2])
        assert await together(stage, SetCode(code="7")) == []
        assert codes(stage) == [[1]] * 9
        assert stage.notes.outcomes.count(("setCode", "refused")) == 1


async def test_who_is_awake_goes_on_from_there(autojump_clock):
    """Its next command misses nothing and reads nothing."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="1"), DOORS[0])
        await together(stage, SetCode(code="7"))
        reads = stage.store.reads
        assert (await stage.directory.peek(DOORS[0])).version == 2
        assert (await stage.ask(SetCode(code="8"), DOORS[0])).version == 3
        assert stage.store.reads == reads


async def test_a_group_that_somebody_overtook_is_left_over(autojump_clock):
    """It stores nothing; the groups before and behind it are stored."""
    async with open_stage() as stage:
        kind = stage.directory.kinds["door"]
        others = [stage.foreign(kind, DOORS[at], SetCode(code="9")) for at in (7, 5)]
        stage.store.meddle.extend([lambda: others[0], lambda: others[1]])
        left = await together(stage, SetCode(code="7"))
        assert left == DOORS[4:8]
        assert codes(stage) == [[1]] * 4 + [[], [1], [], [1]] + [[1]]


async def test_who_breaks_is_left_over(autojump_clock):
    """An actor of its own will report it."""
    async with open_stage() as stage:
        assert await together(stage, Break(), DOORS[:2]) == DOORS[:2]
        assert stage.store.submitted == []


async def test_who_cannot_be_read_is_left_over(autojump_clock):
    """The others do not wait for it."""
    async with open_stage() as stage:
        stage.store.unreadable = 1
        assert await together(stage, SetCode(code="7")) == DOORS[:1]
        assert codes(stage) == [[], *[[1]] * 8]


async def test_a_claim_that_is_taken_leaves_its_group_over(autojump_clock):
    """Nothing of the group is stored: the one who wins is found by asking them one by one."""
    async with open_stage() as stage:
        left = await together(stage, Name(name="north"), DOORS[:2])
        assert left == DOORS[:2]
        assert codes(stage) == [[]] * 9


async def test_a_store_that_cannot_commit_is_said(autojump_clock):
    """What may have happened is read again by those whom it may concern."""
    async with open_stage() as stage:
        stage.store.twists.append(Failed(OSError("full"), everything=True))
        with pytest.raises(Unavailable):
            await together(stage, SetCode(code="7"))
        await trio.testing.wait_all_tasks_blocked()
        assert stage.directory.statistics()["woken"] == 4


async def test_what_was_seen_is_part_of_the_fence(autojump_clock):
    """Once for the group, in whose one entry all of it must still hold."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="5"), DOORS[0])
        assert await together(stage, Copy(other=DOORS[0].id), DOORS[1:4]) == []
        (entry,) = stage.store.submitted[1:]
        assert (len(entry.changes), entry.reads) == (3, ((DOORS[0], 1),))


async def test_nobody_is_stored_with_whom_it_has_seen(autojump_clock):
    """Both in one entry would hide that the one had changed when the other looked."""
    async with open_stage() as stage:
        await stage.ask(SetCode(code="5"), DOORS[0])
        assert await together(stage, Copy(other=DOORS[0].id), DOORS[:3]) == DOORS[1:3]
        assert codes(stage)[:3] == [[1, 2], [], []]


async def test_a_twisted_answer_leaves_the_group_over(autojump_clock):
    """Whatever the store says but `Committed`."""
    async with open_stage() as stage:
        stage.store.twists.append(Missed(DOORS[0]))
        assert await together(stage, SetCode(code="7"), DOORS[:3]) == DOORS[:3]
