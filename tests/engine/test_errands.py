"""Sweeps: everybody in a list is asked, a page at a time, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from stage import KINDS, PROJECT, Stage, door, open_stage
from toy import Jam, SetCode
from toy_box import BOX, BUYER, Buy, Fill

from engine.directory import Directory
from engine.effects import sweep
from engine.errands import SweepSender
from engine.messages import Address, Command
from engine.ports import Entry

DOORS = [f"d{number:04}" for number in range(23)]


class Lists:
    """A list of doors that remembers how it was read; it may fail, or wait, before a page."""

    def __init__(self) -> None:
        self.ids = list(DOORS)
        self.asked: list[str] = []
        self.fails: set[str] = set()
        self.gates: dict[str, trio.Event] = {}

    async def page(self, project: str, key: str, after: str, limit: int) -> Sequence[str]:
        """Doors above `after`."""
        assert (project, key) == (PROJECT, "hall")
        self.asked.append(after)
        if after in self.gates:
            await self.gates[after].wait()
        if after in self.fails:
            self.fails.discard(after)
            raise ConnectionError("the list cannot be read")
        return [id_ for id_ in self.ids if id_ > after][:limit]


class Small(SweepSender):
    """A sweep of small pages, which is made before its directory."""

    page = 10
    at_once = 3
    waits_seconds = (5.0, 5.0)

    def __init__(self, lists: Lists) -> None:
        self._lists = {"doors": lists.page}
        self._swept = 0

    def begin(self, directory: Directory) -> None:
        """The directory is there."""
        self._directory = directory


async def order(stage: Stage, command: Command) -> None:
    """Commit a sweep."""
    effects = ((door(), 1, sweep("doors", "hall", "door", command)),)
    entry = Entry(project=PROJECT, at_ms=stage.clock.now_ms(), effects=effects)
    stage.store.shelf.apply([entry], 0)
    stage.outbox.nudge(effects)
    await trio.testing.wait_all_tasks_blocked()


def codes(stage: Stage) -> list[int]:
    """How often the code of each door was set."""
    return [
        sum(name == "CodeSet" for _, name in stage.stored(Address(PROJECT, "door", id_)))
        for id_ in DOORS
    ]


async def test_everybody_in_the_list_is_asked_once(autojump_clock):
    """Page after page; then the sweep is gone."""
    lists = Lists()
    sender = Small(lists)
    async with open_stage(senders={"sweep": sender}) as stage:
        sender.begin(stage.directory)
        await order(stage, SetCode(code="7"))
        assert lists.asked == ["", "d0009", "d0019"]
        assert codes(stage) == [1] * len(DOORS)
        assert stage.store.shelf.outbox == {}
        assert sender.statistics() == {"swept": len(DOORS)}
        assert stage.outbox.statistics()["delivered"] == 1


async def test_a_full_last_page_needs_one_more_look(autojump_clock):
    """Nobody is left then."""
    lists = Lists()
    lists.ids = DOORS[:20]
    sender = Small(lists)
    async with open_stage(senders={"sweep": sender}) as stage:
        sender.begin(stage.directory)
        await order(stage, SetCode(code="7"))
        assert lists.asked == ["", "d0009", "d0019"]
        assert sum(codes(stage)) == 20


async def test_it_goes_on_where_it_was(autojump_clock):
    """A page that fails is tried again, and no earlier one; the cursor stands in the row."""
    lists = Lists()
    lists.fails.add("d0009")
    sender = Small(lists)
    async with open_stage(senders={"sweep": sender}) as stage:
        sender.begin(stage.directory)
        await order(stage, SetCode(code="7"))
        (waiting,) = stage.store.shelf.outbox.values()
        assert '"d0009"' in waiting.cursor
        assert waiting.attempts == 1
        await trio.sleep(6.0)
        assert lists.asked == ["", "d0009", "d0009", "d0019"]
        assert codes(stage) == [1] * len(DOORS)
        assert stage.store.shelf.outbox == {}


async def test_after_a_crash_a_page_is_repeated_at_most(autojump_clock):
    """The store knows how far it was; nobody is missed."""
    lists, gate = Lists(), trio.Event()
    lists.gates["d0009"] = gate
    sender = Small(lists)
    async with open_stage(senders={"sweep": sender}) as stage:
        sender.begin(stage.directory)
        await order(stage, SetCode(code="7"))
        shelf = stage.store.shelf
    lists.asked.clear()
    gate.set()
    again = Small(lists)
    async with open_stage(shelf=shelf, senders={"sweep": again}) as stage:
        again.begin(stage.directory)
        stage.outbox.nudge()
        await trio.sleep(1.0)
        assert lists.asked == ["d0009", "d0019"]
        assert codes(stage) == [1] * len(DOORS)


async def test_sweeps_that_wait_are_answered_by_one_pass(autojump_clock):
    """Those that came before the pass began; later ones by the next, all at once."""
    lists, gate = Lists(), trio.Event()
    lists.gates["d0019"] = gate
    sender = Small(lists)
    async with open_stage(senders={"sweep": sender}) as stage:
        sender.begin(stage.directory)
        await order(stage, SetCode(code="7"))
        for _ in range(4):
            await order(stage, SetCode(code="7"))
        assert len(stage.store.shelf.outbox) == 5
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert lists.asked == ["", "d0009", "d0019"] * 2
        assert sender.statistics() == {"swept": 2 * len(DOORS)}
        assert codes(stage) == [1] * len(DOORS), "the second time it is nothing"
        assert stage.store.shelf.outbox == {}
        assert stage.outbox.statistics()["delivered"] == 5


async def test_who_refuses_is_passed_over(autojump_clock):
    """A jammed door takes no code; those behind it do."""
    lists = Lists()
    sender = Small(lists)
    async with open_stage(senders={"sweep": sender}) as stage:
        sender.begin(stage.directory)
        await stage.ask(Jam(), Address(PROJECT, "door", DOORS[3]))
        await order(stage, SetCode(code="7"))
        assert codes(stage) == [1] * 3 + [0] + [1] * (len(DOORS) - 4)
        left = [one.effect.sender for one in stage.store.shelf.outbox.values()]
        assert left == ["locksmith"]


async def test_a_crowd_that_meets_in_one_actor_gets_through(autojump_clock):
    """Who is busy because of the others is asked again, alone; nobody waits for another attempt."""
    lists = Lists()
    sender = Small(lists)
    sender.at_once = 10
    kinds = (*KINDS, BOX, BUYER)
    async with open_stage(kinds=kinds, senders={"sweep": sender}) as stage:
        sender.begin(stage.directory)
        await stage.ask(Fill(tickets=99), Address(PROJECT, "box", "b"))
        effects = ((door(), 1, sweep("doors", "hall", "buyer", Buy())),)
        stage.store.shelf.apply([Entry(project=PROJECT, at_ms=0, effects=effects)], 0)
        stage.outbox.nudge(effects)
        await trio.testing.wait_all_tasks_blocked()
        box = await stage.directory.peek(Address(PROJECT, "box", "b"))
        assert box.state.tickets == 99 - len(DOORS)
        left = [one.effect.sender for one in stage.store.shelf.outbox.values()]
        assert left == []


async def test_others_are_served_meanwhile(autojump_clock):
    """A sweep that waits for its list holds nobody up."""
    lists, gate = Lists(), trio.Event()
    lists.gates[""] = gate
    sender = Small(lists)
    async with open_stage(senders={"sweep": sender}) as stage:
        sender.begin(stage.directory)
        await order(stage, SetCode(code="7"))
        reply = await stage.ask(SetCode(code="8"))
        assert reply.version == 1
        gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert codes(stage) == [1] * len(DOORS)
