"""The Python SDK while its daemon is away, and its caches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from flag_caches import Broken, Hits, Visitors
from flag_client import Heard, Served, serving, started

from api.client import (
    CacheStrategy,
    FlagshipConfig,
    LogLevel,
    TrackingManagerConfig,
    Visitor,
)

pytestmark = pytest.mark.slow
PAGE = {"type": "PAGEVIEW", "documentLocation": "https://a.example"}
SHORT = 0.3
"""Seconds that a request may take in these tests."""


def manager(strategy: int = 1, **options: Any) -> TrackingManagerConfig:
    """A pool that is sent by `close` alone, unless it is full."""
    given: dict[str, Any] = {"cache_strategy": strategy, "batch_intervals": 10_000, **options}
    return TrackingManagerConfig(**given)


async def away_and_back(served: Served, heard: Heard, visitor: Visitor) -> None:
    """The daemon leaves, a fetch fails, the daemon comes back."""
    await served.leave()
    visitor.update_context({"age": 1})
    await visitor.fetch_flags()
    assert heard.ready[-1] is not None
    await served.arrive()
    with trio.fail_after(10):
        await visitor.settled()


# --- fetches


@pytest.mark.covers("FS-041", "FS-113", "FS-174")
async def test_a_fetch_without_an_answer_reads_the_cache(tmp_path: Path) -> None:
    """FETCH_ERROR, then READ_FROM_CACHE with the flags of the last fetch; `ready` has the error."""
    cache = Visitors()
    async with serving(tmp_path) as served:
        options = {"timeout": SHORT, "visitor_cache_implementation": cache}
        async with started(served, **options) as (sdk, heard):
            visitor = heard.visitor(sdk)
            await visitor.fetch_flags()
            await away_and_back(served, heard, visitor)
            assert heard.statuses[3:5] == [
                ("FETCH_REQUIRED", "FETCH_ERROR"),
                ("FETCH_REQUIRED", "READ_FROM_CACHE"),
            ]
            flag = visitor.get_flag("greeting")
            assert flag.get_value("x", False) == "hello"
            assert heard.tagged("FETCH_FLAGS") == [LogLevel.ERROR]
            assert visitor.context["age"] == 1
            await visitor.fetch_flags()
            assert heard.ready[-1] is None
            assert flag.status == "FETCHED"


async def test_a_fetch_without_an_answer_or_a_cache_leaves_no_flags(tmp_path: Path) -> None:
    """What was changed meanwhile arrives in the end."""
    async with serving(tmp_path) as served, started(served, timeout=SHORT) as (sdk, heard):
        visitor = heard.visitor(sdk)
        await visitor.fetch_flags()
        await served.leave()
        visitor.update_context({"age": 1})
        await visitor.fetch_flags()
        assert visitor.get_flags().size == 0
        assert visitor.flags_status.reason == "FETCH_ERROR"
        assert heard.statuses[-1] == ("FETCH_REQUIRED", "FETCH_ERROR")
        visitor.authenticate("me")
        await served.arrive()
        with trio.fail_after(10):
            await visitor.settled()
        got = await served.door.sdk("GET", "/flags/v1/env_1/visitors/v")
        assert got.json()["visitorId"] == visitor.visitor_id == "me"
        assert got.json()["context"] == visitor.context
        assert heard.statuses[-1] == ("FETCH_REQUIRED", "AUTHENTICATE")


async def test_a_visitor_that_is_created_while_the_daemon_is_away(tmp_path: Path) -> None:
    """Its first fetch fails in time; it is opened when the daemon comes back."""
    options: dict[str, Any] = {"timeout": SHORT, "fetch_now": True}
    async with serving(tmp_path) as served, started(served, **options) as (sdk, heard):
        await served.leave()
        visitor, changed = heard.visitor(sdk), heard.visitor(sdk, "changed")
        changed.update_context({"age": 5})
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(visitor.fetch_flags)
                nursery.start_soon(changed.fetch_flags)
            assert [error is None for error in heard.ready] == [False, False]
            assert visitor.flags_status.reason == "FETCH_ERROR"
            assert changed.flags_status.reason == "UPDATE_CONTEXT", "it came later"
            await served.arrive()
            await visitor.settled()
            await changed.settled()
        assert visitor.flags_status.status == "FETCHED"
        assert visitor.get_flag("greeting").get_value("x", False) == "hello"
        assert changed.flags_status.reason == "UPDATE_CONTEXT"
        await changed.fetch_flags()
        assert changed.flags_status.status == "FETCHED"
        assert changed.context["age"] == 5


# --- the visitor cache


@pytest.mark.covers("FS-012", "FS-176", "FS-177", "FS-178", "FS-180", "FS-181", "FS-182")
async def test_the_visitor_cache_is_called_when_documented(tmp_path: Path) -> None:
    """Kept after each fetch with consent, flushed at each withdrawal; never without consent."""
    cache = Visitors()
    async with serving(tmp_path) as served:
        options = {"visitor_cache_implementation": cache, "fetch_flags_buffering_time": 0}
        async with started(served, **options) as (sdk, heard):
            visitor = heard.visitor(sdk, context={"age": 31})
            await visitor.fetch_flags()
            await visitor.settled()
            assert cache.calls == [("cache", "v")]
            kept: Any = await cache.lookup_visitor("v")
            data = kept["data"]
            assert (kept["version"], data["visitorId"], data["consent"]) == (1, "v", True)
            assert data["context"] == visitor.context
            assert set(data["assignmentsHistory"]) == {"colours-group", "greeting-group"}
            assert data["campaigns"][1]["flags"]["greeting"] == "hello"
            visitor.set_consent(False)
            visitor.set_consent(False)
            await visitor.fetch_flags()
            await visitor.settled()
            assert cache.calls[2:] == [("flush", "v"), ("flush", "v")]
            other = heard.visitor(sdk, "other", has_consented=False)
            await other.settled()
            assert cache.calls[4:] == [("flush", "other")]


@pytest.mark.covers("FS-054")
async def test_a_disabled_cache_is_never_called(tmp_path: Path) -> None:
    """Neither of both, whatever happens."""
    visitors, hits = Visitors(), Hits()
    async with serving(tmp_path) as served:
        options: dict[str, Any] = {
            "visitor_cache_implementation": visitors,
            "hit_cache_implementation": hits,
            "disable_cache": True,
            "timeout": SHORT,
            "tracking_manager_config": manager(0),
        }
        async with started(served, **options) as (sdk, heard):
            visitor = heard.visitor(sdk)
            await visitor.fetch_flags()
            await visitor.send_hit(PAGE)
            await away_and_back(served, heard, visitor)
            visitor.set_consent(False)
            await visitor.settled()
        assert visitors.calls == hits.calls == []


async def test_caches_that_fail_are_lines_of_log(tmp_path: Path) -> None:
    """Everything else goes on."""
    async with serving(tmp_path) as served:
        options: dict[str, Any] = {
            "visitor_cache_implementation": Broken(),
            "hit_cache_implementation": Broken(),
            "timeout": SHORT,
        }
        async with started(served, **options) as (sdk, heard):
            visitor = heard.visitor(sdk)
            await visitor.fetch_flags()
            await visitor.send_hit(PAGE)
            await away_and_back(served, heard, visitor)
            visitor.set_consent(False)
            await visitor.settled()
        assert set(heard.tagged("CACHE")) == {LogLevel.ERROR}
        assert len(heard.tagged("CACHE")) == 3
        assert heard.tagged("LOOKUP HIT") == [LogLevel.ERROR]
        assert LogLevel.CRITICAL not in {level for level, _, _ in heard.logs}


@pytest.mark.covers("FS-179")
async def test_what_a_cache_gives_back_is_read_with_care(tmp_path: Path) -> None:
    """Another shape is an ERROR line, and no flags; then the anonymous id is looked up."""
    cache = Visitors()
    cache.kept["v"] = b'{"version":2,"data":{}}'
    async with serving(tmp_path) as served:
        options = {"timeout": SHORT, "visitor_cache_implementation": cache}
        async with started(served, **options) as (sdk, heard):
            await served.leave()
            visitor = heard.visitor(sdk)
            await visitor.fetch_flags()
            assert visitor.flags_status.reason == "FETCH_ERROR"
            assert heard.tagged("CACHE") == [LogLevel.ERROR]
            visitor.authenticate("me")
            await visitor.fetch_flags()
            assert cache.calls == [("lookup", "v"), ("lookup", "me"), ("lookup", "v")]


# --- hits and exposures


@pytest.mark.covers("FS-090", "FS-092", "FS-175")
async def test_what_could_not_be_sent_is_sent_later_and_counted_once(tmp_path: Path) -> None:
    """Hits and an exposure wait in the pool and in the hit cache while the daemon is away."""
    cache = Hits()
    async with serving(tmp_path) as served:
        options: dict[str, Any] = {
            "timeout": SHORT,
            "hit_cache_implementation": cache,
            "tracking_manager_config": manager(0),
        }
        async with started(served, **options) as (sdk, heard):
            visitor = heard.visitor(sdk)
            await visitor.fetch_flags()
            await served.leave()
            await visitor.send_hit(PAGE)
            await visitor.send_hit({**PAGE, "documentLocation": "https://b.example"})
            await visitor.get_flag("greeting").visitor_exposed()
            await sdk._core.tracking.flush()
            assert len(cache.kept) == len(sdk._core.tracking.entries) == 3
            assert heard.tagged("TRACKING_MANAGER") == [LogLevel.ERROR] * 3
            await served.arrive()
            with trio.fail_after(10):
                while sdk._core.tracking.entries:
                    await sdk._core.tracking.flush()
            assert cache.kept == {}
            assert len(heard.exposures) == 1
        report = await served.door.report()
        counted = {each["type"]: each["count"] for each in report["hits"]}
        assert counted == {"EVENT": 1, "PAGEVIEW": 2}
        assert sum(each["count"] for each in report["exposures"]) == 1


@pytest.mark.covers("FS-091", "FS-186")
async def test_hits_outlive_the_program(tmp_path: Path) -> None:
    """The next one finds them in the cache and sends them, without the visitor's object."""
    cache = Hits()
    async with serving(tmp_path) as served:
        options: dict[str, Any] = {
            "timeout": SHORT,
            "hit_cache_implementation": cache,
            "tracking_manager_config": manager(CacheStrategy.CONTINUOUS_CACHING),
        }
        async with started(served, **options) as (sdk, heard):
            visitor = heard.visitor(sdk)
            await visitor.fetch_flags()
            visitor.authenticate("me")
            await visitor.settled()
            await served.leave()
            await visitor.send_hit(PAGE)
            await visitor.get_flag("greeting").visitor_exposed()
        assert sorted(each["data"]["type"] for each in cache.decoded()) == ["ACTIVATE", "PAGEVIEW"]
        assert {each["data"]["visitorId"] for each in cache.decoded()} == {"me"}
        await served.arrive()
        async with started(served, **options):
            pass
        assert cache.kept == {}
        report = await served.door.report()
        counted = {each["type"]: each["count"] for each in report["hits"]}
        assert counted == {"EVENT": 1, "PAGEVIEW": 1}
        assert sum(each["count"] for each in report["exposures"]) == 1


@pytest.mark.covers("FS-106", "FS-188")
async def test_withdrawal_drops_the_visitors_hits_and_no_others(tmp_path: Path) -> None:
    """From pool and cache, also those of before a log-in."""
    cache = Hits()
    async with serving(tmp_path) as served:
        options: dict[str, Any] = {
            "hit_cache_implementation": cache,
            "tracking_manager_config": manager(0),
            "decision_mode": "BUCKETING_EDGE",
        }
        async with started(served, **options) as (sdk, heard):
            visitor, other = heard.visitor(sdk), heard.visitor(sdk, "other")
            await visitor.fetch_flags()
            await visitor.send_hit(PAGE)
            visitor.authenticate("me")
            await visitor.send_hit(PAGE)
            visitor.get_flag("greeting").get_value("x")
            await other.send_hit(PAGE)
            await visitor.settled()
            assert len(sdk._core.tracking.entries) == 4
            visitor.set_consent(False)
            await visitor.settled()
            assert [each.handle for each in sdk._core.tracking.entries] == ["other"]
            assert len(cache.kept) == 1
            visitor.set_consent(False)
            await visitor.settled()
            assert [name for name, _ in cache.calls].count("flush") == 2
        report = await served.door.report()
        assert {each["type"]: each["count"] for each in report["hits"]}["PAGEVIEW"] == 1


@pytest.mark.covers("FS-074")
async def test_at_an_edge_nothing_is_sent_until_close(tmp_path: Path) -> None:
    """Neither hits, though the pool is full, nor exposures."""
    async with serving(tmp_path) as served:
        options: dict[str, Any] = {
            "decision_mode": "BUCKETING_EDGE",
            "tracking_manager_config": manager(pool_max_size=5),
        }
        async with started(served, **options) as (sdk, heard):
            visitor = heard.visitor(sdk)
            await visitor.fetch_flags()
            for number in range(7):
                await visitor.send_hit({**PAGE, "documentLocation": f"p{number}"})
            assert visitor.get_flag("greeting").get_value("x") == "hello"
            await visitor.settled()
            assert heard.exposures == []
            assert len(sdk._core.tracking.entries) == 8
            await sdk.close()
            assert len(heard.exposures) == 1
            assert sdk._core.tracking.entries == []
        report = await served.door.report()
        assert {each["type"]: each["count"] for each in report["hits"]}["PAGEVIEW"] == 7


async def test_hits_are_sent_before_the_visitor_changes_its_id(tmp_path: Path) -> None:
    """So they belong to whoever the visitor was when they were made."""
    async with serving(tmp_path) as served:
        async with started(served, tracking_manager_config=manager()) as (sdk, heard):
            visitor = heard.visitor(sdk)
            await visitor.send_hit(PAGE)
            visitor.authenticate("me")
            await visitor.settled()
            assert sdk._core.tracking.entries == []
            await sdk.close()
        rows = served.door.house.tables.read_now(
            lambda read: read.execute(
                "SELECT visitor, anonymous FROM flag_hit WHERE type = 'PAGEVIEW'"
            ).fetchall()
        )
        assert [tuple(row) for row in rows] == [("v", "")]


async def test_what_is_too_big_for_a_frame_is_refused_here(tmp_path: Path) -> None:
    """An ERROR line; the socket and the next command go on."""
    big = {f"key {number}": "x" * 8_000 for number in range(7)}
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        visitor.update_context(big)
        visitor.update_context({"age": 1})
        await visitor.settled()
        assert heard.tagged("UPDATE CONTEXT") == [LogLevel.ERROR]
        assert set(visitor.context) == {"age", "fs_client", "fs_version", "fs_users"}
        assert isinstance(sdk.get_config(), FlagshipConfig)
        assert sdk.get_status() == 3
