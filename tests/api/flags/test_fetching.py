"""Fetches of visitors: who decides, what is kept, how they end, and who waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from flag_door import COLOURS, GREETING, Door, campaign, file, open_door
from flag_others import (
    DOWN,
    FAILED,
    FROM_CACHE,
    NEVER,
    OK,
    UPSTREAM,
    Others,
    answer_of,
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

from actors.flags.names import SdkStatus
from actors.flags.visitor_words import Authenticate, SetConsent, UpdateContext
from api.flags.fetching import Fetches
from api.outgoing import TimedOut
from engine.effects import Append
from engine.errors import Unavailable
from storage.flags.writes import AssignmentRow

BUCKETING = {"decision_mode": "BUCKETING"}
HALF = [campaign(f"c{n}", ("a", 50, {f"k{n}": "a"}), ("b", 50, {f"k{n}": "b"})) for n in range(8)]


@pytest.fixture
async def fronted(tmp_path: Path) -> AsyncIterator[tuple[Door, Others]]:
    """`env_1` stands in front of an upstream that gives the flag `one`."""
    async with fronting(tmp_path) as opened_door:
        yield opened_door


async def sdk_status(door: Door) -> SdkStatus:
    """The SDK status of `env_1`."""
    return (await live_of(door)).sdk_status


# --- we decide


async def test_our_own_decision_door_decides(door: Door) -> None:
    """In DECISION-API mode without an upstream a visitor gets what the door answers."""
    chosen = await door.chosen("v")
    await opened(door)
    found = await fetched(door)
    assert ended(found) == OK
    assert {each.campaign_id: each.variation_id for each in found.person.campaigns} == chosen
    assert flags(found)["loud"] is True
    assert door.shelf.fetches.statistics()["carried"] == 1


async def test_the_door_and_a_visitor_keep_the_same(door: Door) -> None:
    """What a visitor keeps stands in the door's own list, so both see it (spec flags 10.2)."""
    await opened(door, "v")
    first = flags(await fetched(door, "v"))["colour"]
    other = "red" if first == "blue" else "blue"
    await door.activate("v", "colours-group", other)
    await order(door, UpdateContext(context={"a": 1}))
    assert flags(await fetched(door, "v"))["colour"] == other


async def test_without_consent_nothing_is_kept(door: Door) -> None:
    """Flags are fetched all the same (FS-105)."""
    await opened(door, has_consented=False)
    assert ended(await fetched(door)) == OK
    rows = door.house.tables.read_now(
        lambda read: read.execute("SELECT count(*) FROM flag_assignment").fetchone()
    )
    assert rows == (0,)


async def test_the_sdk_profile_ignores_ranges(tmp_path: Path) -> None:
    """BUCKETING decides as SDKs do; the decision door stays closed (spec flags 10.4)."""
    closed = {**COLOURS, "bucketRanges": [{"r": [0, 0]}]}
    async with open_door(tmp_path, bucketing=file(closed), **BUCKETING) as door:
        assert await door.chosen("v") == {}
        await opened(door)
        assert flags(await fetched(door)).keys() == {"colour"}


@pytest.mark.slow  # four houses, one after the other
@pytest.mark.covers("FS-173")
async def test_a_kept_variation_survives_changed_traffic(tmp_path: Path) -> None:
    """In BUCKETING mode too, after a restart too, but not without the cache."""
    wanted = {}
    for number, more in enumerate(({}, {"disable_cache": True})):
        folder = tmp_path / str(number)
        async with open_door(folder, bucketing=file(*HALF), **BUCKETING, **more) as door:
            await opened(door)
            wanted = flags(await fetched(door))
        moved = [
            _all_to(each, "b" if wanted[f"k{n}"] == "a" else "a") for n, each in enumerate(HALF)
        ]
        async with open_door(folder, bucketing=file(*moved), **BUCKETING, **more) as door:
            await order(door, UpdateContext(context={"a": 1}))
            stays = flags(await fetched(door)) == wanted
            assert stays is (not more)


def _all_to(of: dict[str, Any], variation: str) -> dict[str, Any]:
    """The campaign with all of its traffic on one variation."""
    name, key = of["id"], f"k{of['id'][1:]}"
    shares = {each: 100 if each == variation else 0 for each in "ab"}
    return campaign(name, *((each, share, {key: each}) for each, share in shares.items()))


async def test_the_anonymous_visitors_variations_go_along(tmp_path: Path) -> None:
    """After log-in they stay; a later log-out finds them too (spec flags 3.2, 10.4)."""
    async with open_door(tmp_path, bucketing=file(*HALF), **BUCKETING) as door:
        await opened(door, "v")
        before = flags(await fetched(door, "v"))
        await order(door, Authenticate(visitor_id="w"), "v")
        assert flags(await fetched(door, "v")) == before
        await opened(door, "w")
        assert flags(await fetched(door, "w")) == before, "a second device keeps them as well"


async def test_both_ids_keep_what_is_new(tmp_path: Path) -> None:
    """Logged in before the first fetch: the anonymous visitor keeps the same (spec flags 10.4)."""
    async with open_door(tmp_path, bucketing=file(*HALF), **BUCKETING) as door:
        await opened(door, "v")
        await order(door, Authenticate(visitor_id="w"), "v")
        both = flags(await fetched(door, "v"))
        await opened(door, "x")
        await order(door, Authenticate(visitor_id="v"), "x")
        assert flags(await fetched(door, "x")) == both


async def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    """BUCKETING before a file came: FETCHED without flags (spec flags 4.2)."""
    async with open_door(tmp_path, **BUCKETING) as door:
        await opened(door)
        found = await fetched(door)
        assert (ended(found), flags(found)) == (OK, {})
        await door.panic(on=True)
        await order(door, UpdateContext(context={"a": 1}))
        assert ended(await fetched(door)) == ("PANIC", "NONE")


# --- panic


async def test_a_fetch_moves_the_sdk_status_into_panic_and_back(door: Door) -> None:
    """Only a fetch does (spec flags 4.8): the switch alone changes nothing for visitors."""
    await opened(door)
    await door.panic(on=True)
    assert await sdk_status(door) is SdkStatus.SDK_INITIALIZED
    found = await fetched(door)
    assert (ended(found), flags(found)) == (("PANIC", "NONE"), {})
    assert await sdk_status(door) is SdkStatus.SDK_PANIC
    await door.panic(on=False)
    assert await sdk_status(door) is SdkStatus.SDK_PANIC
    assert ended(await fetched(door)) == OK
    assert await sdk_status(door) is SdkStatus.SDK_INITIALIZED


async def test_an_upstreams_panic_is_ours(fronted: tuple[Door, Others]) -> None:
    """`panic` in its answer; the next good answer ends it. In panic no cache is read (4.6)."""
    door, others = fronted
    await opened(door)
    await fetched(door)
    others.answer = lambda _asked: answer_of(panic=True)
    assert ended(await fetched(door)) == ("PANIC", "NONE")
    assert await sdk_status(door) is SdkStatus.SDK_PANIC
    others.answer = lambda _asked: DOWN
    found = await fetched(door)
    assert (ended(found), flags(found)) == (FAILED, {})
    assert await sdk_status(door) is SdkStatus.SDK_PANIC, "an error shows nothing"
    others.answer = lambda _asked: answer_of("two")
    assert flags(await fetched(door)) == {"two": True}
    assert await sdk_status(door) is SdkStatus.SDK_INITIALIZED


# --- an upstream decides


@pytest.mark.covers("FS-046", "FS-070", "FS-015")
async def test_an_upstream_decides(fronted: tuple[Door, Others]) -> None:
    """One request for each fetch, with the visitor's ids, consent and context."""
    door, others = fronted
    await opened(door, context={"age": 31})
    found = await fetched(door)
    assert (ended(found), flags(found)) == (OK, {"one": True})
    (asked,) = others.asked
    assert asked.url.startswith(f"{UPSTREAM}env_1/campaigns?")
    body = asked.json()
    assert (body["visitorId"], body["visitor_consent"]) == ("v", True)
    assert body["context"]["age"] == 31
    assert body["context"]["fs_users"] == "v"
    assert asked.seconds == 2.0, "the timeout's default (FS-041)"


@pytest.mark.covers("FS-041", "FS-174")
@pytest.mark.parametrize(
    "failure", [TimedOut("late"), DOWN, got({}, 500), got(b"{"), got({"campaigns": [1]})]
)
async def test_after_an_error_the_cache_is_read(fronted: tuple[Door, Others], failure: Any) -> None:
    """FETCH_ERROR for a newcomer, READ_FROM_CACHE with the last flags for others."""
    door, others = fronted
    await opened(door, "known")
    await fetched(door, "known")
    await opened(door, "new")
    others.answer = lambda _asked: failure
    found = await fetched(door, "known")
    assert (ended(found), flags(found)) == (FROM_CACHE, {"one": True})
    assert ended(await fetched(door, "new")) == FAILED


async def test_after_an_answer_without_campaigns_the_cache_is_read(
    fronted: tuple[Door, Others],
) -> None:
    """FETCHED / NONE with the cached flags, if any (spec flags 4.2)."""
    door, others = fronted
    await opened(door)
    await fetched(door)
    others.answer = lambda _asked: got({})
    found = await fetched(door)
    assert (ended(found), flags(found)) == (OK, {"one": True})


@pytest.mark.covers("FS-179")
async def test_the_cache_is_looked_up_by_the_anonymous_id_too(
    fronted: tuple[Door, Others],
) -> None:
    """Who has just logged in still has the flags of before."""
    door, others = fronted
    await opened(door)
    await fetched(door)
    await order(door, Authenticate(visitor_id="somebody"))
    others.answer = lambda _asked: DOWN
    found = await fetched(door)
    assert (ended(found), flags(found)) == (FROM_CACHE, {"one": True})


@pytest.mark.covers("FS-012", "FS-054")
async def test_the_cache_needs_consent_and_may_be_turned_off(tmp_path: Path) -> None:
    """Then it is neither written nor read."""
    for number, (more, consented) in enumerate((({"disable_cache": True}, True), ({}, False))):
        folder = tmp_path / str(number)
        async with open_door(folder, decision_api_url=UPSTREAM, **NEVER, **more) as door:
            others = put_others(door, answer_of("one"))
            await opened(door, has_consented=consented)
            await fetched(door)
            others.answer = lambda _asked: DOWN
            assert ended(await fetched(door)) == FAILED
            rows = door.house.tables.read_now(
                lambda read: read.execute("SELECT count(*) FROM flag_visitor_cache").fetchone()
            )
            assert rows == (0,)


async def test_withdrawn_consent_leaves_no_cache(fronted: tuple[Door, Others]) -> None:
    """Given again later, there is nothing to read (FS-180, FS-181)."""
    door, others = fronted
    await opened(door)
    await fetched(door)
    await order(door, SetConsent(has_consented=False))
    await order(door, SetConsent(has_consented=True))
    others.answer = lambda _asked: DOWN
    assert ended(await fetched(door)) == FAILED


# --- third-party segments


@pytest.mark.covers("FS-062")
async def test_segments_target_and_join_the_context(tmp_path: Path) -> None:
    """They are asked first, count in the decision, and are in the visitor's context after it."""
    rule = {"operator": "EQUALS", "key": "p::s", "value": "gold"}
    targeted = campaign("gold", ("yes", 100, {"gold": True}))
    targeted["variationGroups"][0]["targeting"] = {"targetingGroups": [{"targetings": [rule]}]}
    more = {"fetch_third_party_data": True, "third_party_url": "https://t.example/", **NEVER}
    async with open_door(tmp_path, bucketing=file(targeted), **BUCKETING, **more) as door:
        listed = [{"visitor_id": "v", "segment": "s", "value": "gold", "partner": "p"}]
        others = put_others(door, got(listed))
        await opened(door)
        found = await fetched(door)
        assert flags(found) == {"gold": True}
        assert found.person.context["p::s"] == "gold"
        assert others.asked[0].url == "https://t.example/accounts/env_1/segments/v"
        others.answer = lambda _asked: DOWN
        await opened(door, "w")
        assert (ended(await fetched(door, "w")), flags(await fetched(door, "w"))) == (OK, {})
        assert any(b"third-party segments are missing" in line for line in door.admin.lines)


async def test_a_visitor_that_fetches_nothing_is_left_alone(door: Door) -> None:
    """There is nothing to carry out."""
    await opened(door)
    await door.shelf.fetches.carry_out(await live_of(door), visitor(), await state(door))
    assert door.shelf.fetches.statistics()["carried"] == 0


async def test_keys_of_siblings_are_there(door: Door) -> None:
    """A key that only siblings have is there and empty, as `exposeAllKeys=true` answers."""
    two = campaign("two", ("x", 100, {"shared": 1}), ("y", 0, {"shared": 2, "own": 3}))
    await door.put(file(two, GREETING))
    await opened(door)
    found = flags(await fetched(door))
    assert found == {"shared": 1, "own": None, "greeting": "hello", "loud": True}


# --- what goes wrong


class Broken:
    """A visitor cache that raises, or gives nonsense."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def lookup_visitor(self, _visitor_id: str) -> object:
        """As `caches.VisitorCache`."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [RuntimeError("broken"), b"{}", {"version": 2}])
@pytest.mark.covers("FS-179")
async def test_a_cache_that_is_of_no_use_is_said(
    fronted: tuple[Door, Others], answer: object
) -> None:
    """The fetch ends as if nothing were cached, with a line in the log."""
    door, others = fronted
    others.answer = lambda _asked: DOWN
    door.shelf.fetches = Fetches(door.shelf, lambda _shelf, _live: Broken(answer))
    await opened(door)
    assert ended(await fetched(door)) == FAILED
    said = [line for line in door.admin.lines if b"CACHE" in line or b"visitor cache" in line]
    assert len(said) == 1


@pytest.mark.parametrize("error", [Unavailable("the store cannot commit now"), RuntimeError("x")])
async def test_a_decision_that_breaks_ends_the_fetch(
    door: Door, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """FETCH_ERROR, instead of a fetch that never ends."""
    await opened(door)

    async def broken(*_rows: object) -> bool:
        raise error

    monkeypatch.setattr(door.shelf.assignments, "keep", broken)
    assert ended(await fetched(door)) == FAILED


async def test_a_file_that_makes_the_sdk_throw_is_an_error(tmp_path: Path) -> None:
    """A null target of the CONTAINS family, as JS 4.0.5 (spec flags 2.1)."""
    rule = {"operator": "CONTAINS", "key": "a", "value": None}
    odd = campaign("odd", ("yes", 100, {"odd": True}))
    odd["variationGroups"][0]["targeting"] = {"targetingGroups": [{"targetings": [rule]}]}
    async with open_door(tmp_path, bucketing=file(odd), **BUCKETING) as door:
        await opened(door, context={"a": "b"})
        assert ended(await fetched(door)) == FAILED


async def test_who_was_first_decides_for_a_visitor_too(tmp_path: Path) -> None:
    """An assignment that another request kept meanwhile is taken over (spec flags 10.2)."""
    async with open_door(tmp_path, bucketing=file(COLOURS), **BUCKETING) as door:
        live = await live_of(door)
        for handle, variation in (("v", "red"), ("w", "blue")):
            await opened(door, handle)
            assert door.shelf.assignments.kept(live, handle) == {}  # remembered from here on
            row = AssignmentRow("env_1", handle, "colours-group", variation, False)
            await door.house.directory.append("demo", [Append("flag_assignment", row)])
            assert flags(await fetched(door, handle)) == {"colour": variation}
