"""The configuration of the Python SDK: every option, its default, what is out of range."""

from __future__ import annotations

from typing import Any

import pytest

from api.client import CacheStrategy, DecisionMode, FlagshipConfig, LogLevel, TrackingManagerConfig
from api.client.options import in_force

DEFAULTS: dict[str, tuple[str, Any]] = {
    "decision_mode": ("FS-039", "DECISION-API"),
    "fetch_now": ("FS-040", True),
    "timeout": ("FS-041", 2),
    "reuse_visitor_ids": ("FS-043", True),
    "log_level": ("FS-044", 9),
    "polling_interval": ("FS-047", 5),
    "hit_deduplication_time": ("FS-049", 2.5),
    "initial_bucketing": ("FS-052", None),
    "visitor_cache_implementation": ("FS-053", None),
    "hit_cache_implementation": ("FS-053", None),
    "disable_cache": ("FS-054", False),
    "on_sdk_status_changed": ("FS-055", None),
    "on_bucketing_success": ("FS-056", None),
    "on_bucketing_fail": ("FS-057", None),
    "on_bucketing_updated": ("FS-058", None),
    "on_log": ("FS-059", None),
    "tracking_manager_config": ("FS-060", TrackingManagerConfig()),
    "on_visitor_exposed": ("FS-061", None),
    "fetch_third_party_data": ("FS-062", False),
    "next_fetch_config": ("FS-063", {"revalidate": 20}),
    "fetch_flags_buffering_time": ("FS-064", 2),
    "disable_developer_usage_tracking": ("FS-068", False),
}


SHOWN = ("FS-039", "FS-040", "FS-043", "FS-044", "FS-049", "FS-053", "FS-063", "FS-064", "FS-068")
"""Rows that say no more than the default; the others are shown where the option does something."""


def option(name: str) -> Any:
    """A case, with the mark of its row."""
    row, expected = DEFAULTS[name]
    marks = [pytest.mark.covers(row)] if row in SHOWN else []
    return pytest.param(name, expected, marks=marks, id=name)


@pytest.mark.parametrize(("name", "expected"), [option(name) for name in DEFAULTS])
def test_every_option_has_its_documented_default(name: str, expected: Any) -> None:
    """Left out, and filled in by `get_config`."""
    assert getattr(in_force(None), name) == expected


@pytest.mark.covers("FS-060", "FS-093", "FS-094", "FS-097")
def test_tracking_has_the_defaults_of_a_server() -> None:
    """Periodic caching, a pool of 100, 10 seconds."""
    options = in_force(None).tracking_manager_config
    assert options.cache_strategy is CacheStrategy.PERIODIC_CACHING
    assert (options.pool_max_size, options.batch_intervals) == (100, 10)


@pytest.mark.covers("FS-042")
@pytest.mark.parametrize(("given", "expected"), [(-0.1, 2.0), (0, 0), (7.5, 7.5)])
def test_a_timeout_below_0_is_the_default(given: float, expected: float) -> None:
    """0 itself is allowed."""
    assert in_force(FlagshipConfig(timeout=given)).timeout == expected


@pytest.mark.covers("FS-096")
@pytest.mark.parametrize(("given", "expected"), [(4, 100), (-1, 100), (5, 5), (6, 6), (1000, 1000)])
def test_a_pool_that_is_too_small_is_the_default(given: int, expected: int) -> None:
    """5 is accepted, as by the published code."""
    options = TrackingManagerConfig(pool_max_size=given)
    config = in_force(FlagshipConfig(tracking_manager_config=options))
    assert config.tracking_manager_config.pool_max_size == expected


@pytest.mark.covers("FS-099")
@pytest.mark.parametrize(
    ("given", "expected"), [(0.5, 10), (1, 1), (10_800, 10_800), (10_801, 10), (-3, 10)]
)
def test_an_interval_out_of_range_is_the_default(given: float, expected: float) -> None:
    """1 second to 3 hours."""
    options = TrackingManagerConfig(batch_intervals=given)
    config = in_force(FlagshipConfig(tracking_manager_config=options))
    assert config.tracking_manager_config.batch_intervals == expected


@pytest.mark.covers("FS-093", "FS-100")
@pytest.mark.parametrize(("given", "expected"), [(0, 0), (1, 1), (3, 3), (2, 1), (-1, 1)])
def test_a_cache_strategy_may_be_a_number(given: int, expected: int) -> None:
    """An unknown one is the default."""
    options = TrackingManagerConfig(cache_strategy=given)
    config = in_force(FlagshipConfig(tracking_manager_config=options))
    assert config.tracking_manager_config.cache_strategy is CacheStrategy(expected)


def test_what_is_in_range_is_reported_as_given() -> None:
    """The documented example, option by option."""
    given = FlagshipConfig(
        decision_mode=DecisionMode.BUCKETING,
        timeout=10,
        reuse_visitor_ids=True,
        log_level=LogLevel.CRITICAL,
        tracking_manager_config=TrackingManagerConfig(
            cache_strategy=CacheStrategy.PERIODIC_CACHING, pool_max_size=10, batch_intervals=100
        ),
    )
    assert in_force(given) == given


@pytest.mark.covers("FS-046")
@pytest.mark.parametrize(
    ("options", "origin", "live"),
    [
        ({}, "http://127.0.0.1:8080", "ws://127.0.0.1:8080/v1/live"),
        ({"url": "https://flags.example/"}, "https://flags.example", "wss://flags.example/v1/live"),
        (
            {"url": "http://a", "decision_api_url": "http://b:81/flags/v2/"},
            "http://b:81",
            "ws://b:81/v1/live",
        ),
        ({"url": "http://me:secret@a:1"}, "http://a:1", "ws://a:1/v1/live"),
    ],
)
def test_the_daemon_is_found_by_its_url(options: Any, origin: str, live: str) -> None:
    """`decision_api_url` is the documented name and wins; its path does not matter."""
    config = FlagshipConfig(**options)
    assert (config.origin, config.live_url) == (origin, live)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://a", "http://"])
def test_a_url_that_is_none_is_named(url: str) -> None:
    """The text is in the error."""
    with pytest.raises(ValueError, match="is not http"):
        _ = FlagshipConfig(url=url).origin


@pytest.mark.covers("FS-023")
@pytest.mark.parametrize(
    ("mode", "fetch_now", "expected"),
    [
        (DecisionMode.DECISION_API, True, True),
        (DecisionMode.BUCKETING, True, True),
        (DecisionMode.BUCKETING_EDGE, True, False),
        (DecisionMode.DECISION_API, False, False),
    ],
)
def test_visitors_fetch_by_themselves_but_at_an_edge(
    mode: DecisionMode, fetch_now: bool, expected: bool
) -> None:
    """Only if `fetch_now` says so, and not in BUCKETING_EDGE."""
    assert FlagshipConfig(decision_mode=mode, fetch_now=fetch_now).fetches_now == expected
