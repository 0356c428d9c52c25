"""The live table, kept assignments, the tally: what stands behind a decision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from flag_door import COLOURS, GREETING, Door, file, open_door

from actors.flags.environment_words import PutBucketing, Summary
from api.flags import environments
from api.flags.tally import Tally
from engine.effects import Append
from engine.errors import Overloaded
from engine.messages import Address
from engine.ports import Entry, Failed, Tell
from storage.flags.writes import AssignmentRow


async def test_requests_wait_for_the_first_who_loads(tmp_path: Path) -> None:
    """After a restart many ask at once; the file is compiled once, nobody is turned away."""
    async with open_door(tmp_path, bucketing=file(COLOURS, GREETING)):
        pass
    async with open_door(tmp_path, bucketing=file(COLOURS, GREETING)) as door:
        statuses: list[int] = []

        async def ask(number: int) -> None:
            statuses.append((await door.decide(f"visitor-{number}")).status)

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ask, number)
        assert statuses == [200] * 20


async def test_changes_drop_no_request(door: Door) -> None:
    """Decisions while files are swapped are all answered, each by one file or the other."""
    seen: set[frozenset[str]] = set()

    async def ask(number: int) -> None:
        for turn in range(10):
            seen.add(frozenset(await door.chosen(f"{number}-{turn}")))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(ask, number)
        for turn in range(6):
            await door.put(file(COLOURS) if turn % 2 else file(GREETING))
    assert seen <= {
        frozenset({"colours", "greeting"}),
        frozenset({"colours"}),
        frozenset({"greeting"}),
    }


async def test_a_big_file_is_compiled_in_a_thread(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives the same as a small one."""
    monkeypatch.setattr(environments, "THREAD_BYTES_MIN", 0)
    assert (await door.put(file(GREETING))).status == 200
    assert await door.chosen() == {"greeting": "hello"}


async def test_environments_beyond_the_limit_are_read_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table holds so many; the one that left is found in the store."""
    monkeypatch.setattr(environments, "ENVIRONMENTS_MAX", 1)
    for _ in range(2):
        assert (await door.decide()).status == 200
        assert (await door.nobody("GET", "/flags/env_2/accountSettings.json")).status == 200
    assert len(door.shelf.environments.live) == 1


async def test_a_change_during_loading_is_seen(door: Door) -> None:
    """Whoever loads an old version while a new one is told reads again."""
    table = door.shelf.environments
    await door.decide()
    live = table.live.pop("env_1")
    slow, first = table.prepared, trio.Event()

    async def slowly(project: str, hash_: str) -> Any:
        if not first.is_set():
            first.set()
            body = msgspec.json.encode(file(GREETING))
            command = PutBucketing(body=body, summary=Summary())
            await door.house.directory.ask(Address("demo", "environment", "env_1"), command)
        return await slow(project, hash_)

    table.prepared = slowly  # type: ignore[method-assign]
    found = await table.find("env_1")
    assert found is not None
    assert found.version == live.version + 1
    assert [each.id for each in found.prepared.file.campaigns] == ["greeting"]


# --- who was first


async def test_who_was_first_decides_for_both(door: Door) -> None:
    """A decision that finds another's assignment in its commit answers with that one."""
    live = await door.shelf.environments.find("env_1")
    assert live is not None
    assert door.shelf.assignments.kept(live, "v") == {}  # remembered from here on
    for visitor, variation in (("v", "red"), ("w", "blue")):
        door.shelf.assignments.kept(live, visitor)
        row = AssignmentRow("env_1", visitor, "colours-group", variation, False)
        await door.house.directory.append("demo", [Append("flag_assignment", row)])
        assert (await door.chosen(visitor))["colours"] == variation


async def test_the_memory_of_assignments_is_bounded(door: Door) -> None:
    """The least recently seen subject leaves; its assignments are read again."""
    door.shelf.assignments._subjects_max = 3
    first = await door.chosen("visitor-0")
    for number in range(10):
        await door.chosen(f"visitor-{number}")
        await door.chosen(f"visitor-{number}")
    assert door.shelf.assignments.statistics()["subjects"] <= 3
    assert await door.chosen("visitor-0") == first


# --- the tally


class Full:
    """A store that cannot take or keep anything. `takes`: it accepts entries and fails later."""

    def __init__(self, takes: bool) -> None:
        self.takes = takes
        self.told: list[Tell] = []

    def submit(self, _entry: Entry, tell: Tell) -> None:
        """Refuse, or keep for later."""
        if not self.takes:
            raise Overloaded("store_queue_entries_max")
        self.told.append(tell)


@pytest.mark.parametrize("takes", [True, False])
async def test_lost_exposures_are_said(door: Door, takes: bool) -> None:
    """What could not be stored is reported once, and nobody waits for ever."""
    live = await door.shelf.environments.find("env_1")
    assert live is not None
    choices = live.compiled.campaigns[0][0].choices[:1]
    lost: list[tuple[str, int]] = []
    store: Any = Full(takes)
    tally = Tally(store, door.house.clock, lambda project, n, _error: lost.append((project, n)))
    tally.add(live, choices)
    tally.add(live, choices)
    for tell in store.told:
        tell(Failed(OSError("disk full"), everything=True))
    with trio.fail_after(5):
        await tally.settled_everywhere()
    assert sum(number for _, number in lost) == 2


async def test_exposures_of_a_crowd_share_commits(door: Door) -> None:
    """All are counted before they are answered, in far fewer commits than decisions."""

    async def ask(number: int) -> None:
        body = {"visitorId": f"visitor-{number}", "context": {}, "visitor_consent": False}
        assert (await door.sdk("POST", "/flags/v2/env_1/campaigns", body)).status == 200

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(ask, number)
    report = await door.report()
    assert sum(each["count"] for each in report["exposures"]) == 200
    assert door.shelf.tally.statistics()["commits"] < 50
