"""The tracking manager alone, under virtual time: pool, batches, repeats, strategies."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from flag_caches import Hits
from trio.testing import MockClock, wait_all_tasks_blocked

from actors.flags.caches import HIT_AGE_MS_MAX, hit_dto
from api.client import CacheStrategy, FlagshipConfig, LogLevel, Refused, TrackingManagerConfig
from api.client.background import Background
from api.client.conversation import COMMAND_BYTES_MAX, Job, Unsent
from api.client.hits import entries_of
from api.client.logs import Logs
from api.client.mirror import Known
from api.client.options import in_force
from api.client.pool import ACTIVATE, Batch, entry_of
from api.client.ports import HitPort
from api.client.tracking import TrackingManager

WHO = Known(visitor_id="v", has_consented=True)


class Daemon:
    """Takes batches, or fails with `error`."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.error: Exception | None = None

    def order(self, batch: Batch) -> Job:
        """Answered at once."""
        self.batches.append(batch)
        job = Job(*batch.command, batch.key, "TAG")
        job.error, job.body = self.error, {}
        job.done.set()
        return job

    @property
    def pages(self) -> list[list[str]]:
        """The pages in each batch."""
        return [[hit["documentLocation"] for hit in each.command[1]["hits"]]
                for each in self.batches]  # fmt: skip


class Tracked:
    """A manager with its daemon and its cache; the cache is told apart by `calls`."""

    def __init__(self, manager: TrackingManager, daemon: Daemon, cache: Hits, logs: Logs) -> None:
        self.manager = manager
        self.daemon = daemon
        self.cache = cache
        self.lines: list[tuple[LogLevel, str, str]] = []
        self._logs = logs

    async def send(self, *pages: str, who: Known = WHO, handle: str = "v") -> None:
        """Send pages, as a visitor does."""
        hits = [{"type": "PAGEVIEW", "documentLocation": page} for page in pages]
        await self.manager.add(entries_of(hits, handle, who, self.manager, self._logs))
        await wait_all_tasks_blocked()


@asynccontextmanager
async def tracking(
    strategy: int = 1, kept: dict[str, bytes] | None = None, **options: Any
) -> AsyncIterator[Tracked]:
    """A manager that runs; `options` of the configuration, `pool` its size, `seconds` its tick."""
    cache, daemon = Hits(), Daemon()
    cache.kept |= kept or {}
    given = TrackingManagerConfig(
        cache_strategy=strategy,
        pool_max_size=options.pop("pool", 100),
        batch_intervals=options.pop("seconds", 10),
    )
    config = in_force(
        FlagshipConfig(tracking_manager_config=given, hit_cache_implementation=cache, **options)
    )
    lines: list[tuple[LogLevel, str, str]] = []
    logs = Logs(on_log=lambda *line: lines.append(line))
    background = Background(logs)
    manager = TrackingManager(config, daemon.order, HitPort(config, logs), background, logs)
    async with trio.open_nursery() as nursery:
        await background.open(nursery)
        await manager.restore()
        background.start(manager.run)
        tracked = Tracked(manager, daemon, cache, logs)
        tracked.lines = lines
        yield tracked
        nursery.cancel_scope.cancel()


@pytest.mark.covers("FS-090", "FS-098")
async def test_the_pool_is_sent_at_every_interval(autojump_clock: MockClock) -> None:
    """As one batch, whatever its size; an empty one is not sent."""
    async with tracking(seconds=10) as one:
        await one.send("a")
        await one.send("b")
        await trio.sleep(9.5)
        assert one.daemon.pages == []
        await trio.sleep(1)
        assert one.daemon.pages == [["a", "b"]]
        assert one.manager.entries == []
        await trio.sleep(100)
        assert one.daemon.pages == [["a", "b"]]


@pytest.mark.covers("FS-095")
async def test_a_full_pool_is_sent_at_once(autojump_clock: MockClock) -> None:
    """When it holds as many, not earlier; and all that it holds."""
    async with tracking(pool=5) as one:
        await one.send("a", "b", "c", "d")
        assert one.daemon.pages == []
        await one.send("e", "f")
        assert one.daemon.pages == [["a", "b", "c", "d", "e", "f"]]


async def test_each_visitor_has_a_batch_of_its_own(autojump_clock: MockClock) -> None:
    """And none is too big for a frame."""
    async with tracking() as one:
        await one.send("a")
        await one.send("b", who=Known(visitor_id="w", has_consented=True), handle="w")
        await one.manager.flush()
        assert one.daemon.pages == [["a"], ["b"]]
        assert {each.handle for each in one.daemon.batches} == {"v", "w"}
        await one.send(*(f"{number:04}{'x' * 1_000}" for number in range(100)))
        await one.manager.flush()
        pages = one.daemon.pages[2:]
        assert sum(len(each) for each in pages) == 100
        assert len(pages) == 3
        assert all(sum(map(len, each)) < COMMAND_BYTES_MAX for each in pages)


@pytest.mark.covers("FS-050")
async def test_the_same_hit_again_is_dropped_for_a_while(autojump_clock: MockClock) -> None:
    """2.5 seconds of that visitor; another visitor's, and a later one, are taken."""
    async with tracking() as one:
        await one.send("a", "a")
        assert [level for level, tag, _ in one.lines if tag == "ADD HIT"] == [LogLevel.DEBUG]
        await one.send("a", who=Known(visitor_id="w", has_consented=True))
        await trio.sleep(2.4)
        await one.send("a")
        assert len(one.manager.entries) == 2
        await trio.sleep(0.2)
        await one.send("a")
        assert len(one.manager.entries) == 3


@pytest.mark.covers("FS-051")
async def test_without_a_time_nothing_is_repeated(autojump_clock: MockClock) -> None:
    """Two identical hits in a row are both sent."""
    async with tracking(hit_deduplication_time=0) as one:
        await one.send("a", "a")
        await one.manager.flush()
        assert one.daemon.pages == [["a", "a"]]


@pytest.mark.covers("FS-092")
async def test_a_batch_that_failed_is_sent_again_as_it_was(autojump_clock: MockClock) -> None:
    """Under its key, so a lost answer does no harm; new hits have a batch of their own."""
    async with tracking() as one:
        await one.send("a")
        one.daemon.error = Unsent("no answer")
        await one.manager.flush()
        assert [level for level, *_ in one.lines] == [LogLevel.ERROR]
        await one.send("b")
        one.daemon.error = None
        await trio.sleep(10.5)
        assert one.daemon.pages == [["a"], ["a"], ["b"]]
        first, again, _ = one.daemon.batches
        assert first.key == again.key
        assert one.manager.entries == []


async def test_what_the_daemon_refuses_is_not_sent_again(autojump_clock: MockClock) -> None:
    """The refusal was logged where it came."""
    async with tracking() as one:
        await one.send("a")
        one.daemon.error = Refused({"title": "no consent"})
        await one.manager.flush()
        assert one.manager.entries == []


@pytest.mark.covers("FS-101", "FS-185", "FS-187", "FS-190")
async def test_continuous_caching(autojump_clock: MockClock) -> None:
    """Kept before it joins the pool, deleted when it has arrived, left alone while it has not."""
    async with tracking(CacheStrategy.CONTINUOUS_CACHING) as one:
        assert one.cache.calls == [("lookup", [])]
        await one.send("a")
        (key,) = one.manager.waiting
        assert one.cache.calls[1:] == [("cache", [key])]
        assert key.startswith("v:")
        (kept,) = one.cache.decoded()
        assert (kept["version"], kept["data"]["type"]) == (1, "PAGEVIEW")
        assert (kept["data"]["visitorId"], kept["data"]["anonymousId"]) == ("v", None)
        assert kept["data"]["content"]["documentLocation"] == "a"
        assert abs(kept["data"]["time"] - time.time() * 1_000) < 60_000
        one.daemon.error = Unsent("no answer")
        await one.manager.flush()
        assert one.cache.calls[2:] == []
        one.daemon.error = None
        await one.manager.flush()
        assert one.cache.calls[2:] == [("flush", [key])]
        assert one.cache.kept == {}


@pytest.mark.covers("FS-102", "FS-189")
async def test_periodic_caching(autojump_clock: MockClock) -> None:
    """No call for a hit; at each batch all are deleted, then the remaining pool is kept."""
    async with tracking(CacheStrategy.PERIODIC_CACHING, pool=5) as one:
        await one.send("a")
        assert one.cache.calls == [("lookup", [])]
        one.daemon.error = Unsent("no answer")
        await one.manager.flush()
        (entry,) = one.manager.entries
        assert one.cache.calls[1:] == [("flush all", []), ("cache", [entry.key])]
        one.daemon.error = None
        await one.manager.flush()
        assert one.cache.calls[3:] == [("flush all", []), ("cache", [])]
        assert one.cache.kept == {}


async def test_without_batches_each_hit_goes_at_once(autojump_clock: MockClock) -> None:
    """And is kept only when it failed."""
    async with tracking(CacheStrategy.NO_BATCHING) as one:
        await one.send("a")
        assert one.daemon.pages == [["a"]]
        one.daemon.error = Unsent("no answer")
        await one.send("b")
        assert [name for name, keys in one.cache.calls if keys] == ["flush", "cache"]
        assert len(one.cache.kept) == 1


@pytest.mark.covers("FS-186", "FS-191")
async def test_hits_of_before_are_looked_up_once(autojump_clock: MockClock) -> None:
    """Good ones join the pool; old ones and others are deleted, with an ERROR line each."""
    source = Hits()
    now = int(time.time() * 1_000)
    page = {"type": "PAGEVIEW", "documentLocation": "a"}
    await source.cache_hit({
        "v:1": hit_dto("v", None, "PAGEVIEW", {**page, "handle": "handle"}, now - 1_000),
        "me:2": hit_dto("me", "v", "PAGEVIEW", page, now - 1_000),
        "v:3": hit_dto("v", None, "PAGEVIEW", page, now - HIT_AGE_MS_MAX - 1_000),
        "v:5": hit_dto("v", None, ACTIVATE, {"key": "colour", "defaultValue": 1}, now),
    })  # fmt: skip
    kept = {**source.kept, "v:4": b'{"version":2}'}
    async with tracking(CacheStrategy.CONTINUOUS_CACHING, kept=kept) as one:
        assert one.cache.calls == [("lookup", []), ("flush", ["v:3", "v:4"])]
        assert [level for level, tag, _ in one.lines if tag == "LOOKUP HIT"] == [4, 4]
        await trio.sleep(10.5)
        sent = {each.handle: each.command for each in one.daemon.batches if len(each.entries) == 1}
        hits = {"hits": [page], "times": [now - 1_000], "deduplicated": True}
        assert sent["handle"] == ("sendHits", hits)
        commands = [each.command for each in one.daemon.batches if each.handle == "v"]
        exposure = {"key": "colour", "defaultValue": 1, "visitorExposed": True}
        assert ("getValue", exposure) in commands
        assert ("sendHits", hits) in commands
        assert one.cache.kept == {}


@pytest.mark.covers("FS-191")
async def test_hits_that_waited_too_long_are_given_up(autojump_clock: MockClock) -> None:
    """After four hours they leave pool and cache, with an ERROR line."""
    async with tracking(CacheStrategy.CONTINUOUS_CACHING) as one:
        await one.send("a")
        (key,) = one.manager.waiting
        old = one.manager.waiting[key]
        one.manager.waiting[key] = type(old)(
            old.key, old.handle, old.visitor_id, None, old.type, old.content,
            old.time_ms - HIT_AGE_MS_MAX - 1,
        )  # fmt: skip
        await one.manager.flush()
        await wait_all_tasks_blocked()
        assert (one.manager.entries, one.cache.kept) == ([], {})
        assert one.daemon.batches == []
        assert one.lines[-1][:2] == (LogLevel.ERROR, "TRACKING_MANAGER")


async def test_an_exposure_goes_at_once_and_again_with_the_next_batch(
    autojump_clock: MockClock,
) -> None:
    """Under the same key, with the default it was read with, if it was read."""
    async with tracking() as one:
        one.daemon.error = Unsent("no answer")
        one.manager.expose(entry_of("v", "v", None, ACTIVATE, {"key": "a", "defaultValue": None}))
        one.manager.expose(entry_of("v", "v", None, ACTIVATE, {"key": "b"}))
        await wait_all_tasks_blocked()
        one.daemon.error = None
        await one.manager.flush()
        commands = [each.command for each in one.daemon.batches]
        assert (
            commands[:2]
            == commands[2:]
            == [
                ("getValue", {"key": "a", "defaultValue": None, "visitorExposed": True}),
                ("visitorExposed", {"key": "b"}),
            ]
        )
        assert one.daemon.batches[0].key == one.daemon.batches[2].key
        assert one.manager.entries == []
