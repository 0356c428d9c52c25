"""What an actor knows and does not write down, and how it goes on without its past."""

from __future__ import annotations

import msgspec
from stage import PROJECT, Stage, open_stage
from toy_guest import GUEST, BeOpen, BeShy, Guest, Visit

from engine.machine import Moment
from engine.messages import Address, Fact, Reply, Snapshot
from engine.ports import REDACTED, REDACTED_BODY

WHO = Address(PROJECT, "guest", "g")
NAME = "Scheherazade"


async def _shy_visit(stage: Stage) -> Reply:
    await stage.ask(BeShy(), WHO)
    return await stage.ask(Visit(name=NAME), WHO, key="k", principal="p")


def _everything(stage: Stage) -> bytes:
    shelf = stage.store.shelf
    bodies = [fact.body for facts in shelf.facts.values() for fact in facts]
    states = [row.state or b"" for row in shelf.actors.values()]
    kept = [one.state or b"" for one in shelf.kept.values()]
    return b"".join([*bodies, *states, *kept])


async def test_what_is_not_written_lives_in_memory(autojump_clock):
    """The reply shows it; facts, row, kept reply and pushes do not."""
    async with open_stage(kinds=(GUEST,)) as stage:
        ear = stage.listen(WHO)
        reply = await _shy_visit(stage)
        assert reply.state == Guest("shy", NAME, 1)
        assert (await stage.directory.peek(WHO)).state.name == NAME
        assert NAME.encode() not in _everything(stage)
        assert [told.fact.name for told in ear.heard] == ["TurnedShy", "Visited"]
        assert ear.heard[-1].fact.body == b'[{"event":"Visited","name":""}]'


async def test_sleep_ends_it(autojump_clock):
    """Who wakes goes on with what was written, as the kind says."""
    async with open_stage(kinds=(GUEST,)) as stage:
        await _shy_visit(stage)
        await stage.put_all_to_sleep()
        assert (await stage.directory.peek(WHO)).state == Guest("shy", "somebody", 1)
        assert (await stage.ask(BeOpen(), WHO)).state == Guest("open", "somebody", 1)


async def test_a_kept_reply_answers_with_what_was_written(autojump_clock):
    """A repeated command is answered from the store, which never knew more."""
    async with open_stage(kinds=(GUEST,)) as stage:
        first = await _shy_visit(stage)
        again = await stage.ask(Visit(name=NAME), WHO, key="k", principal="p")
        assert (first.state.name, again.state.name, again.repeated) == (NAME, "", True)


async def test_the_past_goes_and_the_actor_goes_on(autojump_clock):
    """Earlier facts lose their events, pending effects and kept replies go; versions are dense."""
    async with open_stage(kinds=(GUEST,), runs=("sweep",)) as stage:
        for _ in range(3):
            await stage.ask(Visit(name=NAME), WHO, key="k", principal="p")
        before = len(stage.store.shelf.outbox)
        reply = await stage.ask(BeShy(), WHO)
        shelf = stage.store.shelf
        assert (before, [bytes(one.effect.body) for one in shelf.outbox.values()]) == (1, [b"2"])
        assert [(one.version, one.name) for one in shelf.facts[WHO]] == [
            (1, REDACTED),
            (2, "TurnedShy"),
        ]
        assert shelf.facts[WHO][0].body == REDACTED_BODY
        counts = msgspec.json.decode(shelf.facts[WHO][1].body)[1]["counts"]
        assert counts == {"facts": 1, "replies": 1, "effects": 1}
        assert not shelf.kept
        assert NAME.encode() not in _everything(stage)
        assert (reply.version, reply.state.visits) == (2, 1)
        await stage.put_all_to_sleep()
        assert (await stage.ask(Visit(name="Ann"), WHO)).version == 3


async def test_who_forgets_joins_nobody_in_a_commit(autojump_clock):
    """What was ordered before is erased as well, what comes after stays."""
    async with open_stage(kinds=(GUEST,), runs=("sweep",)) as stage:
        await stage.deliver(Visit(name=NAME), BeShy(), Visit(name="Bob"), address=WHO)
        assert len(stage.store.submitted) == 3
        facts = stage.store.shelf.facts[WHO]
        assert [one.name for one in facts] == [REDACTED, "TurnedShy", "Visited"]
        assert NAME.encode() not in _everything(stage)
        bodies = [bytes(one.effect.body) for one in stage.store.shelf.outbox.values()]
        assert bodies == [b"2", b"1"]


async def test_the_row_is_written_when_the_past_goes(autojump_clock):
    """Rows are written every eight facts, but what is redacted could not be folded again."""
    async with open_stage(kinds=(GUEST,), runs=("sweep",)) as stage:
        for name in ("Ann", "Bob", "Cleo"):
            await stage.ask(Visit(name=name), WHO)
        await stage.ask(BeShy(), WHO)
        row = stage.store.shelf.actors[WHO]
        assert (row.version, row.state_version) == (4, 4)
        assert msgspec.json.decode(row.state or b"", type=Guest) == Guest("shy", "", 3)


async def test_remarks_reach_whoever_asked(autojump_clock):
    """A note is in the reply, and nowhere else."""
    async with open_stage(kinds=(GUEST,)) as stage:
        reply = await stage.ask(Visit(name="ann"), WHO)
        assert [(one.level, one.tag) for one in reply.notes] == [(5, "NAME")]
        assert (await stage.ask(Visit(name="Ann"), WHO)).notes == ()
        assert b"capital" not in _everything(stage)


def test_folding_what_was_written_gives_what_is_written():
    """The law of `Unwritten`, on the toy; when the past goes, the row begins anew."""
    guest, written = Guest("shy"), Guest("shy")
    for command in (Visit(name=NAME), Visit(name="Bob"), BeOpen(), Visit(name="Cleo")):
        before = Snapshot(WHO, 1, 0, guest, guest.mood, (0,))
        step = GUEST.decide(before, command, Moment(0))
        fact = Fact(2, 0, GUEST.written_events(step.state, step.events))
        written = GUEST.fold(Snapshot(WHO, 1, 0, written, written.mood, (0,)), [fact]).state
        guest = step.state
        assert written == GUEST.written(guest)
    assert guest == Guest("open", "Cleo", 3)
