"""Scenarios of visitors, driven: each through each way, in a house of its own.

Not a test. `run` does the steps of a scenario and compares what is seen with what it says;
`through_each_way` makes the cases of a test of them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import visitor_steps as steps
from flag_client import Served
from flag_door import Door, open_door
from flag_others import UPSTREAM, put_others
from trio.testing import wait_all_tasks_blocked
from visitor_driver import RESERVED, Driver, FlagLooks
from visitor_driver_client import over_the_client
from visitor_drivers import over_a_socket, over_http
from visitor_steps import FETCHING, WHATEVER, Scenario

WAYS: Mapping[str, Any] = {
    "http": over_http,
    "live": over_a_socket,
    "client": over_the_client,
}
SECONDS_MAX = 30.0
"""For anything that is waited for here."""
SOON = 0.05
"""Seconds without anything to do, after which everybody who was started waits."""
MADE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DEFAULTS = {
    "fetch_now": False,
    "timeout": 20.0,
    "fetch_flags_buffering_time": 60.0,
    "hit_deduplication_time": 60.0,
}
"""Settings of scenarios that say no others: nothing depends on how fast a machine is."""


def through_each_way(scenarios: Iterable[Scenario]) -> pytest.MarkDecorator:
    """The cases of a test with the arguments `scenario` and `way`."""
    cases = [
        pytest.param(each, way, id=f"{each.name}-{way}", marks=pytest.mark.covers(*each.covers))
        for each in scenarios
        for way in WAYS
    ]
    return pytest.mark.parametrize(("scenario", "way"), cases)


async def run(scenario: Scenario, way: str, folder: Path) -> None:
    """Do it all, and look at what is left."""
    settings = {**DEFAULTS, **scenario.settings}
    async with _house(folder, scenario, settings) as house:
        async with WAYS[way](house.served, settings) as driver:
            await Run(house, driver).all(scenario)
        await _compare_store(house.door, scenario)


def same(what: str, found: Any, wanted: Any) -> None:
    """Both are equal; `True` is not `1`, wherever it stands."""
    if found != wanted or _booleans(found) != _booleans(wanted):
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")


def _booleans(value: Any) -> Any:
    """Where there are booleans in a value."""
    if isinstance(value, Mapping):
        return {key: _booleans(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_booleans(each) for each in value]
    return isinstance(value, bool)


class House:
    """A served house, and everybody outside of it."""

    def __init__(self, door: Door, served: Served, answer: Any) -> None:
        self.door = door
        self.served = served
        self.others = put_others(door, answer)


@asynccontextmanager
async def _house(
    folder: Path, scenario: Scenario, settings: Mapping[str, Any]
) -> AsyncIterator[House]:
    """All of it at work; nobody outside is asked for real."""
    async with (
        open_door(folder, bucketing=scenario.bucketing, others=False, **settings) as door,
        trio.open_nursery() as nursery,
    ):
        house = House(door, Served(door, nursery), scenario.others)
        nursery.start_soon(door.house.shelves["outbox"].run)
        for domain in door.house.domains:
            if domain.work is not None:
                nursery.start_soon(domain.work, door.house)
        await house.served.arrive()
        yield house
        nursery.cancel_scope.cancel()


class Run:
    """One run of a scenario."""

    def __init__(self, house: House, driver: Driver) -> None:
        self._house = house
        self._door = house.door
        self._driver = driver
        self._logged = 0

    async def all(self, scenario: Scenario) -> None:
        """Every step, then what the watcher of `v` was told."""
        for number, step in enumerate(scenario.steps):
            with trio.fail_after(SECONDS_MAX):
                try:
                    await self._do(step)
                except AssertionError as error:
                    error.add_note(f"step {number}: {step}")
                    raise
        await self._driver.close()
        statuses, exposures = await self._driver.heard("v")
        in_order = not self._driver.refuses and scenario.heard_in_order
        same("heard", tuple(statuses), in_order or scenario.heard)
        same("exposed", sorted(exposures, key=repr), sorted(scenario.exposed, key=repr))
        same("lines that no step leads to", await self._logs(()), [])

    async def _do(self, step: Any) -> None:
        doing: dict[type, Callable[[Any], Awaitable[None]]] = {
            steps.Do: self._method,
            steps.Is: self._is,
            steps.FlagIs: self._flag_is,
            steps.FlagsAre: self._flags_are,
            steps.During: self._during,
            steps.AllAtOnce: self._all_at_once,
            steps.Panic: self._panic,
            steps.Publishes: self._publishes,
            steps.Others: self._others,
            steps.Asked: self._asked,
            steps.Sdk: self._sdk,
            steps.Decides: self._decides,
            steps.Activates: self._activates,
        }
        await doing[type(step)](step)

    # --- of the visitor

    async def _method(self, step: steps.Do, *, is_under_way: bool = False) -> None:
        act = self._driver.begin if is_under_way else self._driver.do
        answered = await act(step.who, step.method, step.data)
        if self._driver.refuses:
            same("refused", answered.refused, step.refused)
        if step.value is not WHATEVER:
            same("value", answered.value, step.value)
        if not is_under_way:
            same("logs", await self._logs(step.logs), list(step.logs))

    async def _logs(self, expected: tuple[str, ...]) -> list[str]:
        """Lines since the last time; some come a moment after the answer."""
        while len(self._driver.logs()) < self._logged + len(expected):
            await trio.lowlevel.checkpoint()
        found = self._driver.logs()[self._logged :]
        self._logged += len(found)
        return found

    async def _is(self, step: steps.Is) -> None:
        looks = (await self._driver.look(step.who))._asdict()
        wanted = {name: each for name, each in step._asdict().items() if each is not WHATEVER}
        del wanted["who"]
        same("the visitor", {name: looks[name] for name in wanted}, wanted)

    async def _flag_is(self, step: steps.FlagIs) -> None:
        flag = await self._driver.flag(step.who, step.key)
        wanted = FlagLooks(step.status, step.value, step.variation, step.exists)
        same("the flag", flag, wanted)
        said = [line for line in await self._logs(()) if line.endswith("GET_FLAG")]
        if self._driver.asks_for_a_flag:
            same("logs", said, list(step.logs))

    async def _flags_are(self, step: steps.FlagsAre) -> None:
        same("the flags", await self._driver.flags(step.who), step.flags)

    async def _during(self, step: steps.During) -> None:
        others = self._house.others
        others.gate, asked = trio.Event(), len(others.asked)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._driver.do, step.who, "fetchFlags", {})
            await others.came(asked + 1)
            while (await self._driver.look(step.who)).status != FETCHING:
                await trio.lowlevel.checkpoint()
            for each in step.steps:
                if isinstance(each, steps.Do):
                    await self._method(each, is_under_way=True)
                else:
                    await self._do(each)
            others.gate.set()
        same("logs", await self._logs(step.logs), list(step.logs))

    async def _all_at_once(self, step: steps.AllAtOnce) -> None:
        others = self._house.others
        others.gate, asked = trio.Event(), len(others.asked)
        async with trio.open_nursery() as nursery:
            for _ in range(step.times):
                nursery.start_soon(self._driver.do, step.who, "fetchFlags", {})
            await others.came(asked + 1)
            await wait_all_tasks_blocked(SOON)
            others.gate.set()
        same("asked", len(others.asked), asked + 1)

    # --- of the world

    async def _panic(self, step: steps.Panic) -> None:
        assert (await self._door.panic(step.on)).status == 200

    async def _publishes(self, step: steps.Publishes) -> None:
        assert (await self._door.put(step.file)).status == 200

    async def _others(self, step: steps.Others) -> None:
        answer = step.answer
        self._house.others.answer = answer if callable(answer) else lambda _asked: answer

    async def _asked(self, step: steps.Asked) -> None:
        asked = self._house.others.asked
        same("asked", len(asked), step.times)
        if step.body:
            body = asked[-1].json()
            same("asked for", {name: body[name] for name in step.body}, step.body)

    async def _sdk(self, step: steps.Sdk) -> None:
        while await self._driver.sdk_status() != step.status:
            await trio.lowlevel.checkpoint()

    async def _decides(self, step: steps.Decides) -> None:
        chosen = await self._door.chosen(step.visitor, anonymousId=step.anonymous)
        same("chosen", chosen, step.chosen)

    async def _activates(self, step: steps.Activates) -> None:
        got = await self._door.activate(step.visitor, step.group, step.variation)
        assert got.status == 204


# --- what reached the store


async def _compare_store(door: Door, scenario: Scenario) -> None:
    hits, activations = await door.shelf.lists.read(_rows)
    same("hits", sorted(hits), sorted(scenario.hits))
    same("activations", sorted(activations), sorted(scenario.activations))


def _rows(connection: sqlite3.Connection) -> tuple[list[str], list[str]]:
    hits = [
        f"{kind} {_named(msgspec.json.decode(fields))} by {_who(visitor, anonymous)}"
        for visitor, anonymous, kind, fields in connection.execute(
            "SELECT visitor, anonymous, type, CAST(fields AS TEXT) FROM flag_hit"
        )
    ]
    activations = [
        f"{variation} by {_who(visitor, anonymous)}"
        for visitor, anonymous, variation in connection.execute(
            "SELECT visitor, anonymous, variation FROM flag_activation"
        )
    ]
    return hits, activations


def _named(fields: Mapping[str, Any]) -> str:
    """The members by which a hit is told apart."""
    context = fields.get("s", {})
    given = [f"{key}={context[key]}" for key in sorted(context) if key not in RESERVED]
    names = ("ea", "el", "dl", "tid", "ic")
    return " ".join([str(fields[name]) for name in names if name in fields] + given)


def _who(visitor: str, anonymous: str) -> str:
    shown = MADE.sub("ANON", anonymous)
    return f"{visitor}/{shown}" if anonymous else visitor


BEHIND_OTHERS = {"decision_api_url": UPSTREAM}
"""Settings of an environment that has others decide; they give the flag `one`."""
