"""How the SDK is started: every option of the documented configuration, in snake_case.

Each option says what it does here. Who decides and how is a setting of the environment in the
daemon's project file; where an option has its home there, the value given here is accepted and
reported by `get_config`. Seconds everywhere. Rules: ledger FS-039 to FS-069, FS-093 to FS-099.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import trio

from actors.flags.caches import HitCache, VisitorCache
from actors.flags.names import CacheStrategy, DecisionMode, LogLevel, SdkStatus
from actors.flags.settings import (
    BATCH_SECONDS_DEFAULT,
    BATCH_SECONDS_MAX,
    POOL_DEFAULT,
    POOL_MIN,
)
from api.client.logs import LogManager, OnLog
from api.client.shapes import BucketingFailed, BucketingStatus, VisitorExposure

URL_DEFAULT = "http://127.0.0.1:8080"
TIMEOUT_DEFAULT = 2.0
BATCH_SECONDS_MIN = 1.0


@dataclass(frozen=True, kw_only=True)
class TrackingManagerConfig:
    """How hits are batched (FS-060)."""

    cache_strategy: CacheStrategy | int = CacheStrategy.PERIODIC_CACHING
    """When the hit cache is called: 0 at each hit, 1 at each batch, 3 without batches (FS-093)."""
    pool_max_size: int = POOL_DEFAULT
    """So many hits are sent at once; below 5 the default, 100, counts (FS-094 to FS-096)."""
    batch_intervals: float = BATCH_SECONDS_DEFAULT
    """Seconds between two batches; outside 1 to 10,800 the default, 10, counts (FS-097, FS-099)."""


@dataclass(frozen=True, kw_only=True)
class FlagshipConfig:
    """The configuration. Every option has a default; callbacks are plain functions.

    What a callback or a port raises becomes a line of log and goes no further.
    """

    # --- ours

    url: str = URL_DEFAULT
    """The daemon: `http://` or `https://`, host and port."""
    nursery: trio.Nursery | None = None
    """Where background work runs; without one it is a system task, for as long as trio runs."""
    trust: ssl.SSLContext | None = None
    """Whom to believe over `https://`, in place of the usual authorities."""

    # --- deciding

    decision_mode: DecisionMode = DecisionMode.DECISION_API
    """The environment decides how flags are decided. Here BUCKETING_EDGE means that new visitors
    fetch nothing by themselves and that nothing is sent until `close` (FS-039, FS-074)."""
    fetch_now: bool = True
    """Fetch flags as part of creating a visitor (FS-040)."""
    timeout: float = TIMEOUT_DEFAULT
    """Seconds that a request may take, below 0 the default: a fetch without an answer by then has
    failed with FETCH_ERROR (FS-041, FS-042)."""
    decision_api_url: str | None = None
    """The documented name for `url`: if given, its host and port count (FS-046)."""
    polling_interval: float = 5.0
    """Its home is the environment: seconds between polls of a bucketing file (FS-047, FS-048)."""
    initial_bucketing: Mapping[str, Any] | None = None
    """Its home is the environment: the key `bucketing` of the project file (FS-052)."""
    fetch_third_party_data: bool = False
    """Its home is the environment: segments join the context before each fetch (FS-062)."""
    fetch_flags_buffering_time: float = 2.0
    """For so many seconds after a fetch another one does nothing, unless the visitor changed; 0:
    only the environment's own time counts (FS-064 to FS-067)."""

    # --- logs

    log_level: LogLevel | int = LogLevel.ALL
    """The highest level of lines that are delivered (FS-044, FS-077)."""
    log_manager: LogManager | None = None
    """Receives lines by the method of their level; None: Python's logging (FS-045)."""
    on_log: OnLog | None = None
    """Called with (level, tag, message) of each line (FS-059)."""

    # --- hits and caches

    tracking_manager_config: TrackingManagerConfig = field(default_factory=TrackingManagerConfig)
    """How hits are batched (FS-060)."""
    hit_deduplication_time: float = 2.5
    """For so many seconds the same hit of a visitor is not taken again; 0: it always is, as far as
    the environment's own time allows (FS-049 to FS-051)."""
    visitor_cache_implementation: VisitorCache | None = None
    """Keeps what a visitor was given, for fetches that fail (FS-053, FS-177)."""
    hit_cache_implementation: HitCache | None = None
    """Keeps hits that wait, so that they outlive the process (FS-053, FS-184)."""
    disable_cache: bool = False
    """No method of either cache is called (FS-054)."""

    # --- callbacks

    on_sdk_status_changed: Callable[[SdkStatus], object] | None = None
    """Called with each new status, 0 to 3 (FS-055)."""
    on_bucketing_success: Callable[[BucketingStatus], object] | None = None
    """Called when the environment's first poll, as far as it is seen here, succeeded (FS-056)."""
    on_bucketing_fail: Callable[[BucketingFailed], object] | None = None
    """Called when a poll of the environment fails after one that did not (FS-057)."""
    on_bucketing_updated: Callable[[datetime], object] | None = None
    """Called with the time of the new file each time that it was updated (FS-058)."""
    on_visitor_exposed: Callable[[VisitorExposure], object] | None = None
    """Called once for each exposure, after its commit (FS-061, FS-088)."""

    # --- of browsers and bundlers: accepted, reported, without effect

    reuse_visitor_ids: bool = True
    """Browsers keep ids between sessions; here the caller gives the id (FS-010, FS-043)."""
    next_fetch_config: Mapping[str, Any] = field(default_factory=lambda: {"revalidate": 20})
    """The route cache of a web framework (FS-063)."""
    disable_developer_usage_tracking: bool = False
    """Nothing is collected about the use of the SDK, whatever this says (FS-068)."""

    # --- what follows from them

    @property
    def origin(self) -> str:
        """Scheme, host and port of the daemon; raises `ValueError` for no HTTP URL."""
        url = self.decision_api_url or self.url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not http://HOST or https://HOST")
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def live_url(self) -> str:
        """The daemon's live socket."""
        return f"ws{self.origin.removeprefix('http')}/v1/live"

    @property
    def sends_by_itself(self) -> bool:
        """False in BUCKETING_EDGE: hits and exposures wait for `close` (FS-074)."""
        return self.decision_mode != DecisionMode.BUCKETING_EDGE

    @property
    def fetches_now(self) -> bool:
        """Whether a new visitor fetches by itself (FS-023)."""
        return self.fetch_now and self.sends_by_itself


def in_force(config: FlagshipConfig | None) -> FlagshipConfig:
    """The configuration with defaults in the place of what is out of range (FS-006)."""
    config = config or FlagshipConfig()
    given = config.tracking_manager_config
    has_good_pool = given.pool_max_size >= POOL_MIN
    has_good_interval = BATCH_SECONDS_MIN <= given.batch_intervals <= BATCH_SECONDS_MAX
    is_known = given.cache_strategy in set(CacheStrategy)
    tracking = TrackingManagerConfig(
        cache_strategy=(
            CacheStrategy(given.cache_strategy) if is_known else CacheStrategy.PERIODIC_CACHING
        ),
        pool_max_size=given.pool_max_size if has_good_pool else POOL_DEFAULT,
        batch_intervals=given.batch_intervals if has_good_interval else BATCH_SECONDS_DEFAULT,
    )
    timeout = config.timeout if config.timeout >= 0 else TIMEOUT_DEFAULT
    return replace(config, tracking_manager_config=tracking, timeout=timeout)
