"""Fetches that several wait for, or nobody: once each, and not cut off by who leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from flag_door import GREETING, OTHER, OTHER_PROJECT, Door, file, open_door
from flag_others import (
    FAILED,
    OK,
    Others,
    ended,
    fetched,
    flags,
    fronting,
    got,
    live_of,
    opened,
    order,
    put_others,
    state,
    visitor,
)

from actors.flags.visitor_words import FetchFlags, Outcome, SetConsent, UpdateContext
from api.apply import declare
from api.flags import finding
from api.flags.caching import StoredVisitorCache
from api.flags.finding import Finder
from api.outgoing import Got
from engine.messages import Command, Erase
from storage.flags.writes import AssignmentRow

HANGING = "https://hanging.example/v2/"


@pytest.fixture
async def fronted(tmp_path: Path) -> AsyncIterator[tuple[Door, Others]]:
    """`env_1` stands in front of an upstream that gives the flag `one`."""
    async with fronting(tmp_path) as opened_door:
        yield opened_door


async def carried(door: Door, nursery: trio.Nursery, times: int) -> None:
    """Start one fetch and have it carried out by several callers."""
    reply = await order(door, FetchFlags())
    live = await live_of(door)
    for _ in range(times):
        nursery.start_soon(door.shelf.fetches.carry_out, live, visitor(), reply.state)
    await trio.testing.wait_all_tasks_blocked(0.05)


async def test_a_fetch_is_carried_out_once(fronted: tuple[Door, Others]) -> None:
    """Whoever comes waits for the same call (spec flags 4.3)."""
    door, others = fronted
    await opened(door)
    others.gate = trio.Event()
    async with trio.open_nursery() as background, trio.open_nursery() as nursery:
        door.shelf.nursery = background
        await carried(door, nursery, 3)
        assert door.shelf.fetches.statistics()["under_way"] == 1
        others.gate.set()
    assert len(others.asked) == 1
    assert ended(await state(door)) == OK


async def test_callers_who_leave_cut_off_nobody(fronted: tuple[Door, Others]) -> None:
    """The first caller leaves; the fetch goes on for the others."""
    door, others = fronted
    await opened(door)
    others.gate = trio.Event()
    async with trio.open_nursery() as background:
        door.shelf.nursery = background
        async with trio.open_nursery() as nursery:
            await carried(door, nursery, 1)
            nursery.cancel_scope.cancel()
        fetch = (await state(door)).fetch
        assert fetch is not None
        others.gate.set()
        found = await door.shelf.fetches.ended(visitor(), fetch.id)
    assert ended(found.state) == OK


async def test_nobody_need_wait(fronted: tuple[Door, Others]) -> None:
    """Without `wait` the fetch goes on in the background; `ended` hears its end."""
    door, others = fronted
    reply = await opened(door, fetch_now=True)
    others.gate = trio.Event()
    async with trio.open_nursery() as background:
        door.shelf.nursery = background
        live, fetches = await live_of(door), door.shelf.fetches
        await fetches.carry_out(live, visitor(), reply.state, wait=False)
        assert (await state(door)).status == "FETCHING"
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(fetches.ended, visitor(), reply.state.fetch.id)
            await trio.testing.wait_all_tasks_blocked(0.05)
            others.gate.set()
    assert ended(await state(door)) == OK


async def test_too_many_at_once_fail_at_once(
    fronted: tuple[Door, Others], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit a fetch ends in an error instead of waiting."""
    door, others = fronted
    monkeypatch.setattr(finding, "UPSTREAM_MAX", 0)
    await opened(door)
    assert ended(await fetched(door)) == FAILED
    assert others.asked == []
    assert door.shelf.fetches.statistics()["refused"] == 1


async def test_an_environment_whose_upstream_hangs_starves_no_other(
    fronted: tuple[Door, Others], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has 50 of the 500 calls; its other fetches fail, a visitor elsewhere is answered."""
    door, others = fronted
    answering = others.request

    async def request(method: str, url: str, **more: Any) -> Got:
        if url.startswith(HANGING):
            await trio.sleep_forever()
        return await answering(method, url, **more)

    monkeypatch.setattr(others, "request", request)
    env = {"api_key": OTHER, "decision_api_url": HANGING}
    await declare(door.house, {**OTHER_PROJECT, "flags": {"env_2": env}}, "test")
    await opened(door)
    live, there, person = (
        await live_of(door),
        await door.shelf.environments.find("env_2"),
        await state(door),
    )
    finder = Finder(door.shelf, StoredVisitorCache)
    assert there is not None
    async with trio.open_nursery() as nursery:
        for number in range(505):
            nursery.start_soon(finder.find, there, visitor(), person, str(number))
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert finder.statistics() == {"upstream": 50, "refused": 455}
        assert (await finder.find(live, visitor(), person, "mine")).outcome == Outcome.OK
        nursery.cancel_scope.cancel()
    assert finder.statistics() == {"upstream": 0, "refused": 455}


async def test_segments_that_are_too_many_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked, which is said; the fetch goes on without them."""
    monkeypatch.setattr(finding, "ENVIRONMENT_CALLS_MAX", 0)
    segments = {"fetch_third_party_data": True, "third_party_url": "https://t.example/"}
    settings = {"decision_mode": "BUCKETING", **segments}
    async with open_door(tmp_path, bucketing=file(GREETING), **settings) as door:
        others = put_others(door, got([]))
        await opened(door)
        assert ended(await fetched(door)) == OK
        assert others.asked == []
        words = "third-party segments are missing: too many fetches are under way"
        assert words in [message for _level, _tag, message in door.said()]


async def test_a_visitor_who_was_erased_ends_the_wait(fronted: tuple[Door, Others]) -> None:
    """Nobody waits for a fetch that nobody can end any more."""
    door, others = fronted
    await opened(door)
    others.gate = trio.Event()
    async with trio.open_nursery() as background, trio.open_nursery() as nursery:
        door.shelf.nursery = background
        await carried(door, nursery, 1)
        await order(door, Erase(privacy=True))
        others.gate.set()
    assert not (await door.house.directory.peek(visitor())).exists


async def test_a_change_during_a_fetch_wins(fronted: tuple[Door, Others]) -> None:
    """The answer's flags come, the status stays with the change (spec flags 4.2)."""
    door, others = fronted
    await opened(door)
    others.gate = trio.Event()
    async with trio.open_nursery() as background, trio.open_nursery() as nursery:
        door.shelf.nursery = background
        await carried(door, nursery, 1)
        await order(door, UpdateContext(context={"a": 1}))
        others.gate.set()
    found = await state(door)
    assert (ended(found), flags(found)) == (("FETCH_REQUIRED", "UPDATE_CONTEXT"), {"one": True})


@pytest.mark.parametrize("command", [SetConsent(has_consented=False), Erase(privacy=True)])
async def test_a_decision_keeps_nothing_after_a_withdrawal(
    door: Door, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    """Consent goes while the decision is made: what it keeps too late goes too (10.8)."""
    assignments = door.shelf.assignments
    keep = assignments.keep

    async def withdrawn_first(project: str, rows: Iterable[AssignmentRow]) -> bool:
        await order(door, command)
        return await keep(project, rows)

    monkeypatch.setattr(assignments, "keep", withdrawn_first)
    await opened(door)
    await fetched(door)
    assert assignments.kept(await live_of(door), "v") == {}
    rows = door.house.tables.read_now(
        lambda read: read.execute("SELECT count(*) FROM flag_assignment").fetchone()
    )
    assert rows == (0,)
