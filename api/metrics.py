"""What is counted, for Prometheus.

Counting on the hot path is a few dictionary and list operations; making text of it happens only
when somebody reads `/metrics`. The parts of the engine count for themselves: their `statistics()`
are read at that moment. `TABLE` below is the list of everything that is exposed, with its meaning;
it is read by the code, so it cannot fall behind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

TABLE = """
callboard_commands_total                  counter    commands answered, by kind, command, outcome
callboard_command_seconds                 histogram  from mailbox to answer, by kind
callboard_http_requests_total             counter    requests answered, by method and status
callboard_http_request_seconds            histogram  from request line to last byte of the answer
callboard_draining                        gauge      1 while the daemon is on its way out
callboard_directory_awake                 gauge      actors awake
callboard_directory_waiting               gauge      commands waiting in mailboxes
callboard_directory_commands_total        counter    commands answered
callboard_directory_refused_total         counter    commands that a table refused
callboard_directory_failed_total          counter    commands that failed in another way
callboard_directory_woken_total           counter    actors read from the store
callboard_directory_slept_total           counter    actors put to sleep
callboard_hub_topics                      gauge      topics that somebody hears
callboard_hub_subscriptions               gauge      subscriptions over all topics
callboard_hub_facts_told_total            counter    facts published
callboard_hub_deliveries_total            counter    facts handed to listeners
callboard_hub_ephemeral_said_total        counter    passing things said: not stored, not replayed
callboard_alarms_held                     gauge      next alarms held in memory
callboard_alarms_ringing                  gauge      alarms being handled
callboard_alarms_parked                   gauge      alarms given up until the next start
callboard_alarms_rung_total               counter    alarms handled
callboard_outbox_under_way                gauge      deliveries being attempted
callboard_outbox_delivered_total          counter    deliveries that arrived
callboard_outbox_retried_total            counter    attempts that will be repeated
callboard_outbox_parked_total             counter    deliveries given up until they are retried
callboard_outgoing_under_way              gauge      calls of our own to others under way
callboard_outgoing_calls_total            counter    calls begun
callboard_outgoing_failures_total         counter    calls that ended without an answer
callboard_store_commits_total             counter    commits that are on disk
callboard_store_commit_failures_total     counter    commits that failed as a whole
callboard_store_commit_seconds_total      counter    time spent committing
callboard_store_entries_total             counter    entries in those commits
callboard_store_rejected_total            counter    entries rejected: fenced, taken, failed
callboard_store_slow_batches_total        counter    batches written again entry by entry
callboard_store_jobs_total                counter    maintenance jobs of the writer
callboard_store_checkpoints_total         counter    moves of the log into the database
callboard_store_checkpoint_seconds_total  counter    time spent moving it
callboard_store_batch_entries_last        gauge      entries in the newest commit
callboard_store_queue_entries             gauge      entries waiting for the writer
callboard_store_is_writable               gauge      0 while the disk takes no commits
callboard_store_is_scrubbing              gauge      1 while erased bytes may still be in the log
callboard_store_last_seq                  gauge      number of the newest fact
callboard_store_database_bytes            gauge      size of the database file
callboard_store_log_bytes                 gauge      size of the write-ahead log
callboard_store_disk_free_bytes           gauge      free space where the data folder is
callboard_live_connections                gauge      live sockets and event streams open
callboard_live_waiting                    gauge      those that something waits for: slow ones
callboard_live_opened_total               counter    live sockets and event streams opened
callboard_live_closed_total               counter    those that ended, by close code
callboard_log_written_total               counter    log lines written
callboard_log_waiting                     gauge      log lines not written yet
callboard_log_dropped_total               counter    log lines dropped because nobody read the pipe
callboard_connections_open                gauge      connections open
callboard_connections_accepted_total      counter    connections accepted
callboard_connections_cut_total           counter    connections cut because the peer did not read
"""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper edges of the histograms' buckets."""

Statistics = Callable[[], Mapping[str, float]]


class Described(msgspec.Struct, frozen=True):
    """One line of the table."""

    name: str
    kind: str
    meaning: str


DESCRIBED = {
    name: Described(name, kind, meaning)
    for name, kind, meaning in (line.split(maxsplit=2) for line in TABLE.strip().splitlines())
}


class Histogram:
    """Counts by bucket. `add` is all that happens while serving."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(SECONDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        """One more observation."""
        self._counts[bisect_left(SECONDS, seconds)] += 1
        self._sum += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulated counts by upper edge, as the exposition wants them."""
        edges = [*(str(edge) for edge in SECONDS), "+Inf"]
        return list(zip(edges, accumulate(self._counts), strict=True))

    @property
    def sum(self) -> float:
        """Seconds over all observations."""
        return self._sum


class Metrics:
    """The counters of this daemon and whatever its parts count. One per house, no globals."""

    def __init__(self) -> None:
        self._commands: dict[tuple[str, str, str], int] = {}
        self._command_seconds: dict[str, Histogram] = {}
        self._requests: dict[tuple[str, int], int] = {}
        self._request_seconds = Histogram()
        self._parts: dict[str, Statistics] = {}
        self._gauges: dict[str, Callable[[], float]] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Exposed(self.families))
        ProcessCollector(registry=self._registry)

    # --- counting

    def command(self, kind: str, command: str, outcome: str, seconds: float) -> None:
        """A command was answered."""
        key = (kind, command, outcome)
        self._commands[key] = self._commands.get(key, 0) + 1
        histogram = self._command_seconds.get(kind)
        if histogram is None:
            histogram = self._command_seconds[kind] = Histogram()
        histogram.add(seconds)

    def request(self, method: str, status: int, seconds: float) -> None:
        """A request was answered. Methods that HTTP does not know count as OTHER."""
        key = (method if method in METHODS else "OTHER", status)
        self._requests[key] = self._requests.get(key, 0) + 1
        self._request_seconds.add(seconds)

    # --- reading

    def watch(self, part: str, statistics: Statistics) -> None:
        """Expose what a part counts, as `callboard_PART_NAME`."""
        self._parts[part] = statistics

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """Expose one value under a full name."""
        self._gauges[name] = read

    def exposition(self) -> bytes:
        """The page that Prometheus reads; its content type is `CONTENT_TYPE`."""
        return generate_latest(self._registry)

    def families(self) -> Iterator[Metric]:
        """Everything counted, as metric families."""
        yield from self._commands_shown()
        yield from self._requests_shown()
        for name, read in self._gauges.items():
            yield _family(name, read())
        for part, statistics in self._parts.items():
            yield from _part_shown(part, statistics())

    def _commands_shown(self) -> Iterator[Metric]:
        total = CounterMetricFamily(
            "callboard_commands",
            DESCRIBED["callboard_commands_total"].meaning,
            labels=("kind", "command", "outcome"),
        )
        for labels, count in self._commands.items():
            total.add_metric(labels, count)
        yield total
        yield _histograms("callboard_command_seconds", "kind", self._command_seconds.items())

    def _requests_shown(self) -> Iterator[Metric]:
        total = CounterMetricFamily(
            "callboard_http_requests",
            DESCRIBED["callboard_http_requests_total"].meaning,
            labels=("method", "status"),
        )
        for (method, status), count in self._requests.items():
            total.add_metric((method, str(status)), count)
        yield total
        yield _histograms("callboard_http_request_seconds", "", [("", self._request_seconds)])


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Exposed(Collector):
    """What the registry asks when the page is read."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Read everything now."""
        return self._families()


def _family(name: str, value: float) -> Metric:
    """A statistic as a metric: a counter where the table says so, else a gauge."""
    counter = DESCRIBED.get(f"{name}_total")
    if counter is not None:
        return CounterMetricFamily(name, counter.meaning, value=value)
    gauge = DESCRIBED.get(name)
    meaning = gauge.meaning if gauge is not None else "as the part counts it"
    return GaugeMetricFamily(name, meaning, value=value)


def _part_shown(part: str, statistics: Mapping[str, float]) -> Iterator[Metric]:
    """A part's statistics; those called `closed_CODE` are one counter by code."""
    closed = CounterMetricFamily(
        f"callboard_{part}_closed", "connections that ended, by close code", labels=("code",)
    )
    for name, value in statistics.items():
        if name.startswith("closed_"):
            closed.add_metric((name.removeprefix("closed_"),), value)
        else:
            yield _family(f"callboard_{part}_{name}", value)
    if closed.samples:
        yield closed


def _histograms(name: str, label: str, found: Iterable[tuple[str, Histogram]]) -> Metric:
    family = HistogramMetricFamily(name, DESCRIBED[name].meaning, labels=(label,) if label else ())
    for value, histogram in found:
        family.add_metric((value,) if label else (), histogram.buckets(), histogram.sum)
    return family
