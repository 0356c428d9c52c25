"""What `[flags.ENV]` of a project file may set beside keys and the file.

Names are those of the SDK's configuration where it has one (in snake_case in the file, camelCase
outside), times are seconds, and each has a default. Values out of their range are an error when the
file is applied (`api/flags/declared.py`), except where the SDK falls back to its default. Options
that have their home elsewhere are named with it in `ELSEWHERE`. Rules: ledger FS-039 to FS-068,
FS-093 to FS-099; spec flags 5, 10.4, 10.6.
"""

from __future__ import annotations

import msgspec

from actors.flags.names import CacheStrategy, DecisionMode, LogLevel
from actors.secrets import Secret

POOL_MIN = 5
POOL_DEFAULT = 100
BATCH_SECONDS_MAX = 10_800.0
BATCH_SECONDS_DEFAULT = 10.0


ELSEWHERE = {
    "initial_bucketing": "it is the key `bucketing`, a file",
    "tracking_manager_config": (
        "its parts are the keys cache_strategy, pool_max_size and batch_intervals"
    ),
    "visitor_cache_implementation": "the store keeps the visitor cache; disable_cache turns it off",
    "hit_cache_implementation": "the store keeps the hit cache; disable_cache turns it off",
    "reuse_visitor_ids": "a browser keeps ids between its sessions; callers give them here",
    "next_fetch_config": "it is about the route cache of a web framework",
    "disable_developer_usage_tracking": "we collect nothing about the use of the SDK",
    "log_manager": "it belongs to the Python client; here the log is the daemon's",
    "on_log": "it belongs to the Python client; it is the push `log` on a visitor's topic",
    "on_sdk_status_changed": "it belongs to the Python client; it is a fact of the environment",
    "on_bucketing_success": "it belongs to the Python client; it is a fact of the environment",
    "on_bucketing_fail": "it belongs to the Python client; it is a fact of the environment",
    "on_bucketing_updated": "it belongs to the Python client; it is a fact of the environment",
    "on_visitor_exposed": "it belongs to the Python client; it is a fact of the visitor",
}
"""Options of the SDK's configuration that are no settings of an environment, and their home
(FS-043, FS-045, FS-052, FS-053, FS-055 to FS-061, FS-063, FS-068)."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The settings of an environment."""

    # --- who may send, what is kept

    require_key: bool = False
    """Hits, activations, bucketing.json and accountSettings.json need a key of the environment."""
    assignment_days: float | None = None
    """Kept assignments older than this are forgotten; absent: never."""
    hit_days: float | None = 30.0
    """Rows of hits and activations are kept this long."""
    report_days: float | None = 400.0
    """Day counters, which reports are made of, are kept this long."""
    daily_rows_max: int = 10_000_000
    """New rows a day that callers without a server-side key may cause."""
    token_days: float = 90.0
    """A visitor's token, minted for a client key, is good this long."""

    # --- how visitors are decided

    decision_mode: DecisionMode = DecisionMode.DECISION_API
    fetch_now: bool = True
    """Fetch flags as part of creating a visitor."""
    timeout: float = 2.0
    """Seconds that a call to an upstream may take."""
    fetch_flags_buffering_time: float = 2.0
    """Within so many seconds after a fetch another one changes nothing; 0: each call fetches."""
    disable_cache: bool = False
    """No visitor cache and no hit cache."""
    fetch_third_party_data: bool = False
    """BUCKETING: ask `third_party_url` for segments before each fetch."""
    log_level: LogLevel = LogLevel.ALL
    """The highest level of visitors' remarks that the log shows."""

    # --- upstream: another Flagship in front of which we stand

    decision_api_url: str | None = None
    """Base URL ending in `/`: `POST {url}{env}/campaigns`. Absent: we decide ourselves."""
    bucketing_url: str | None = None
    """BUCKETING: URL of a bucketing.json, which is polled. Absent: the file is put by operators."""
    third_party_url: str | None = None
    """Base URL of a data connector: `GET {url}accounts/{env}/segments/{visitorId}`."""
    upstream_env: str | None = None
    """The environment's id there; absent: the same as here."""
    upstream_key: Secret | None = None
    """Presented upstream as `x-api-key`."""
    upstream_private: bool = False
    """Upstreams and collectors may have addresses that are not public."""
    polling_interval: float = 5.0
    """Seconds between two polls, at least 0.01; 0: only one at the start."""

    # --- tracking

    hit_deduplication_time: float = 2.5
    """Within so many seconds the same hit or activation is not sent again; 0: always sent."""
    cache_strategy: CacheStrategy = CacheStrategy.PERIODIC_CACHING
    pool_max_size: int = POOL_DEFAULT
    """So many hits are sent at once; below 5 the default counts."""
    batch_intervals: float = BATCH_SECONDS_DEFAULT
    """The pool is sent every so many seconds; outside 1 to 10,800 the default counts."""
    hits_url: str | None = None
    """Batches of hits are sent there. Absent: to our own store."""
    activate_url: str | None = None
    """Activations are sent there. Absent: to our own store."""

    @property
    def pool_size(self) -> int:
        """The pool size in force (FS-096; the code of the SDK accepts 5)."""
        return self.pool_max_size if self.pool_max_size >= POOL_MIN else POOL_DEFAULT

    @property
    def batch_seconds(self) -> float:
        """The interval in force (FS-099)."""
        is_good = 1.0 <= self.batch_intervals <= BATCH_SECONDS_MAX
        return self.batch_intervals if is_good else BATCH_SECONDS_DEFAULT

    @property
    def is_local(self) -> bool:
        """True if visitors are decided from the environment's own file by the SDK's rules."""
        return self.decision_mode != DecisionMode.DECISION_API

    @property
    def polled_url(self) -> str | None:
        """Where the bucketing file is polled; None: nowhere. Not in BUCKETING_EDGE (FS-073)."""
        return self.bucketing_url if self.decision_mode == DecisionMode.BUCKETING else None

    @property
    def sends_by_itself(self) -> bool:
        """False in BUCKETING_EDGE: hits wait for `close` (FS-074)."""
        return self.decision_mode != DecisionMode.BUCKETING_EDGE
