"""Starting and ending the Python SDK, and what its object says."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from flag_client import ENV, Heard, serving, started
from flag_door import KEY

from api.client import (
    CacheStrategy,
    DecisionMode,
    Flagship,
    FlagshipConfig,
    LogLevel,
    SdkStatus,
    TrackingManagerConfig,
    Visitor,
)

pytestmark = pytest.mark.slow
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """Every test begins without a current instance."""
    Flagship._current = None
    yield
    Flagship._current = None


@pytest.mark.covers("FS-001", "FS-002", "FS-005", "FS-006", "FS-007")
async def test_start_gives_the_instance_that_the_class_means(tmp_path: Path) -> None:
    """Kept or not: calls on the class and on the instance are the same."""
    async with serving(tmp_path) as served:
        heard = Heard()
        await Flagship.start(ENV, KEY, heard.config(served.url))
        sdk = Flagship.current()
        assert Flagship.get_status() == sdk.get_status() == SdkStatus.SDK_INITIALIZED == 3
        assert Flagship.get_config() is sdk.get_config()
        assert Flagship.get_config().url == served.url
        assert Flagship.get_visitor() is sdk.get_visitor() is None
        await Flagship.close()
        assert sdk.get_status() == 0


@pytest.mark.covers("FS-055", "FS-084", "FS-086")
async def test_the_status_goes_from_0_over_1_to_3(tmp_path: Path) -> None:
    """`on_sdk_status_changed` gets each number once, and each is a line of log."""
    async with serving(tmp_path) as served:
        async with started(served) as (sdk, heard):
            assert heard.sdk == [1, 3]
            assert sdk.get_status() == 3
            await served.door.put({"campaigns": []})
            await heard.visitor(sdk).fetch_flags()
            assert heard.sdk == [1, 3], "the same status is nothing"
        assert heard.sdk == [1, 3, 0]
        assert len(heard.tagged("SDK STATUS")) == 3


@pytest.mark.covers("FS-001", "FS-083")
@pytest.mark.parametrize(("env", "key"), [("", KEY), (ENV, ""), (None, KEY), (ENV, None)])
async def test_without_id_or_key_nothing_starts(env: Any, key: Any) -> None:
    """No exception: an ERROR line, and status 0, also where an SDK ran before."""
    heard = Heard()
    sdk = await Flagship.start(env, key, heard.config(NOWHERE))
    assert heard.logs == [(4, "INITIALIZATION", "an environment id and an API key are needed")]
    assert Flagship.get_status() == sdk.get_status() == SdkStatus.SDK_NOT_INITIALIZED
    await sdk.close()


async def test_a_url_that_is_none_starts_nothing() -> None:
    """It is named in an ERROR line."""
    heard = Heard()
    sdk = await Flagship.start(ENV, KEY, heard.config("nonsense"))
    assert heard.tagged("INITIALIZATION") == [LogLevel.ERROR]
    assert sdk.get_status() == 0


@pytest.mark.parametrize(("env", "key"), [(ENV, "a-wrong-key"), ("no_env", KEY)])
async def test_a_key_that_is_not_good_for_it_starts_nothing(
    env: str, key: str, tmp_path: Path
) -> None:
    """The daemon says so: ERROR, status 0, and `start` returns at once."""
    async with serving(tmp_path) as served:
        heard = Heard()
        with trio.fail_after(4):
            sdk = await Flagship.start(env, key, heard.config(served.url))
        assert sdk.get_status() == 0
        assert LogLevel.ERROR in heard.tagged("INITIALIZATION")
        visitor = heard.visitor(sdk)
        await visitor.fetch_flags()
        assert heard.tagged("fetchFlags") == [LogLevel.ERROR]
        await sdk.close()


@pytest.mark.covers("FS-003", "FS-017", "FS-018")
async def test_new_visitor_is_plain_and_saved_only_if_asked(tmp_path: Path) -> None:
    """On class and instance; `get_visitor` gives the one saved last."""
    assert not inspect.iscoroutinefunction(Flagship.new_visitor)
    async with serving(tmp_path) as served, started(served) as (sdk, _):
        first = Flagship.new_visitor(visitor_id="a", has_consented=True)
        assert isinstance(first, Visitor)
        assert Flagship.get_visitor() is None
        second = sdk.new_visitor(visitor_id="b", has_consented=True, should_save_instance=True)
        sdk.new_visitor(visitor_id="c", has_consented=True)
        assert Flagship.get_visitor() is sdk.get_visitor() is second
        with pytest.raises(TypeError):
            sdk.new_visitor("d")  # type: ignore[call-arg]


@pytest.mark.covers("FS-004")
async def test_a_visitor_before_the_start_does_nothing() -> None:
    """There is one, with an ERROR line; what it can do by itself it does."""
    heard = Heard()
    sdk = await Flagship.start("", "", heard.config(NOWHERE))
    visitor = heard.visitor(sdk, is_authenticated=True, context={"age": 31})
    assert heard.tagged("NEW VISITOR") == [LogLevel.ERROR]
    uuid.UUID(visitor.anonymous_id or "")
    await visitor.fetch_flags()
    await visitor.send_hit({"type": "PAGEVIEW", "documentLocation": "x"})
    await visitor.send_hits([])
    flag = visitor.get_flag("colour")
    assert flag.get_value("grey") == "grey"
    await flag.visitor_exposed()
    assert flag.metadata.campaign_id == ""
    assert visitor.get_flags().size == 0
    for tag in ("fetchFlags", "sendHit", "sendHits", "Flag.value", "FLAG_VISITOR_EXPOSED"):
        assert heard.tagged(tag) == [LogLevel.ERROR], tag
    assert heard.tagged("FLAG_METADATA") == [LogLevel.ERROR]
    visitor.update_context({"age": 32})
    assert visitor.context["age"] == 32
    visitor.unauthenticate()
    visitor.set_consent(False)
    assert not visitor.has_consented
    assert heard.statuses == [
        ("FETCH_REQUIRED", "UPDATE_CONTEXT"),
        ("FETCH_REQUIRED", "UNAUTHENTICATE"),
    ]
    await visitor.settled()
    assert heard.ready == []


@pytest.mark.covers("FS-069")
async def test_the_documented_example_is_accepted_and_reported(tmp_path: Path) -> None:
    """`get_config` gives back what was configured."""
    tracking = TrackingManagerConfig(
        cache_strategy=CacheStrategy.PERIODIC_CACHING, pool_max_size=10, batch_intervals=100
    )
    async with (
        serving(tmp_path) as served,
        started(
            served,
            decision_mode=DecisionMode.BUCKETING,
            timeout=10,
            reuse_visitor_ids=True,
            log_level=LogLevel.CRITICAL,
            tracking_manager_config=tracking,
        ) as (sdk, _),
    ):
        config = sdk.get_config()
        assert (config.decision_mode, config.timeout) == ("BUCKETING", 10)
        assert (config.reuse_visitor_ids, config.log_level) == (True, 3)
        assert config.tracking_manager_config == tracking


@pytest.mark.covers("FS-008")
async def test_close_sends_every_hit_and_exposure(tmp_path: Path) -> None:
    """They are in the daemon's store afterwards, and the pool is empty. Twice is once."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        await visitor.fetch_flags()
        await visitor.send_hit({"type": "PAGEVIEW", "documentLocation": "https://a.example"})
        assert visitor.get_flag("greeting").get_value("x") == "hello"
        report = await served.door.report()
        assert [each["type"] for each in report["hits"]] == []
        await sdk.close()
        report = await served.door.report()
        counted = {each["type"]: each["count"] for each in report["hits"]}
        assert counted == {"EVENT": 1, "PAGEVIEW": 1}
        assert sum(each["count"] for each in report["exposures"]) == 1
        assert sdk._core.tracking.entries == []
        await sdk.close()


async def test_an_sdk_may_live_in_a_nursery_of_the_program(tmp_path: Path) -> None:
    """`close` ends it there; two environments may be started side by side."""
    async with serving(tmp_path) as served:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                first = await Flagship.start(ENV, KEY, Heard().config(served.url, nursery=nursery))
                async with started(served) as (second, _):
                    assert Flagship.current() is second
                assert first.get_status() == 3
                await first.close()


async def test_a_daemon_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """`start` returns after the timeout; the SDK initialises until the daemon is there."""
    async with serving(tmp_path) as served:
        await served.leave()
        heard = Heard()
        sdk = await Flagship.start(ENV, KEY, heard.config(served.url, timeout=0.05))
        assert sdk.get_status() == SdkStatus.SDK_INITIALIZING
        assert heard.tagged("INITIALIZATION") == [LogLevel.WARNING]
        await served.arrive()
        with trio.fail_after(10):
            await sdk._core.watch.heard.wait()
        assert heard.sdk == [1, 3]
        await sdk.close()


@pytest.mark.covers("FS-085")
async def test_panic_is_found_by_a_fetch_and_left_by_one(tmp_path: Path) -> None:
    """Between them nothing works: defaults, no exposures, no hits, no context."""
    async with serving(tmp_path) as served:
        async with started(served, fetch_flags_buffering_time=0) as (sdk, heard):
            visitor = heard.visitor(sdk)
            await visitor.fetch_flags()
            await served.door.panic(True)
            assert sdk.get_status() == 3, "the switch alone changes nothing here"
            visitor.update_context({"age": 1})
            await visitor.fetch_flags()
            assert heard.sdk == [1, 3, 2]
            assert heard.statuses[-1] == ("PANIC", "NONE")
            flag = visitor.get_flag("greeting")
            assert (flag.status, flag.get_value("no")) == ("PANIC", "no")
            await flag.visitor_exposed()
            await visitor.send_hit({"type": "PAGEVIEW", "documentLocation": "x"})
            visitor.update_context({"age": 2})
            visitor.clear_context()
            assert visitor.context["age"] == 1
            assert flag.metadata.campaign_id == ""
            for tag in ("Flag.value", "FLAG_VISITOR_EXPOSED", "sendHit", "UPDATE CONTEXT"):
                assert heard.tagged(tag) == [LogLevel.INFO], tag
            for tag in ("CLEAR_CONTEXT", "FLAG_METADATA"):
                assert heard.tagged(tag) == [LogLevel.INFO], tag
            await served.door.panic(False)
            await visitor.fetch_flags()
            assert heard.sdk == [1, 3, 2, 3]
            assert flag.get_value("no") == "hello"
        assert heard.exposures[-1].from_flag.default_value == "no"
        assert len(heard.exposures) == 1


def test_the_defaults_need_no_daemon() -> None:
    """Before any start the class has an instance that is idle."""
    assert Flagship.get_status() == 0
    assert Flagship.get_config() == FlagshipConfig()
    assert "new visitor" in (Flagship.__dict__["new_visitor"].__doc__ or "")
