"""The metrics page: what is counted, what it is called, and that the list of them is true."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from api.metrics import DESCRIBED, SECONDS, Metrics


def page(metrics: Metrics) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """The page read back: values by sample name and labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_commands_are_counted_by_kind_command_and_outcome() -> None:
    """Each answer counts once, and its time goes into the kind's histogram."""
    metrics = Metrics()
    metrics.command("lamp", "switchOn", "ok", 0.003)
    metrics.command("lamp", "switchOn", "ok", 20.0)
    metrics.command("lamp", "switchOn", "refused", 0.001)
    found = page(metrics)
    ok = (("command", "switchOn"), ("kind", "lamp"), ("outcome", "ok"))
    assert found["callboard_commands_total"][ok] == 2
    buckets = found["callboard_command_seconds_bucket"]
    assert buckets[("kind", "lamp"), ("le", "0.001")] == 1
    assert buckets[("kind", "lamp"), ("le", "0.005")] == 2
    assert buckets[("kind", "lamp"), ("le", "10.0")] == 2
    assert buckets[("kind", "lamp"), ("le", "+Inf")] == 3
    assert found["callboard_command_seconds_count"][(("kind", "lamp"),)] == 3


def test_requests_are_counted_by_method_and_status() -> None:
    """Methods that callers make up do not become labels."""
    metrics = Metrics()
    metrics.request("GET", 200, 0.01)
    metrics.request("BREW", 405, 0.01)
    metrics.request("STEEP", 405, 0.01)
    found = page(metrics)["callboard_http_requests_total"]
    assert found == {
        (("method", "GET"), ("status", "200")): 1,
        (("method", "OTHER"), ("status", "405")): 2,
    }


def test_parts_are_read_when_the_page_is() -> None:
    """Counters get `_total`, gauges do not, close codes become a label, unknown ones are gauges."""
    counts: dict[str, float] = {"awake": 1, "commands": 5, "closed_1012": 2, "closed_4401": 1}

    def statistics() -> Mapping[str, float]:
        return counts

    metrics = Metrics()
    metrics.watch("directory", statistics)
    metrics.gauge("callboard_draining", lambda: 1.0)
    counts["awake"] = 7
    counts["odd"] = 3
    found = page(metrics)
    assert found["callboard_directory_awake"] == {(): 7}
    assert found["callboard_directory_commands_total"] == {(): 5}
    assert found["callboard_directory_odd"] == {(): 3}
    assert found["callboard_directory_closed_total"] == {
        (("code", "1012"),): 2,
        (("code", "4401"),): 1,
    }
    assert found["callboard_draining"] == {(): 1}


def test_every_line_of_the_list_is_well_formed() -> None:
    """Counters end in `_total`, nothing else does, and everything has a meaning in words."""
    for described in DESCRIBED.values():
        assert described.kind in {"counter", "gauge", "histogram"}
        assert described.name.endswith("_total") == (described.kind == "counter")
        assert len(described.meaning.split()) > 1


def test_edges_ascend() -> None:
    """A histogram's edges are in order, or its counts would lie."""
    assert list(SECONDS) == sorted(set(SECONDS))


def test_two_houses_do_not_share_counters() -> None:
    """Nothing is global: each has its own numbers and its own process figures."""
    one, other = Metrics(), Metrics()
    one.request("GET", 200, 0.01)
    assert "callboard_http_requests_total" not in page(other)
    assert "process_resident_memory_bytes" in page(other)
