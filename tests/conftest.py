"""What all tests share: how hard Hypothesis tries, and which ledger rows tests cover.

Property tests are deterministic. CI tries more examples; `CALLBOARD_HYPOTHESIS=night` tries
thousands, at random. `--ledger-json FILE` writes the ledger rows of tests that passed, or of all
tests that would run when they are only collected (`tests/ledger.py`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest

SECONDS_MAX = 0.25

hypothesis.settings.register_profile("local", max_examples=50, derandomize=True, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=500, derandomize=True, deadline=None)
hypothesis.settings.register_profile("night", max_examples=5_000, deadline=None)
hypothesis.settings.load_profile(
    os.environ.get("CALLBOARD_HYPOTHESIS", "ci" if os.environ.get("CI") else "local")
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our option."""
    parser.addoption("--ledger-json", metavar="FILE", help="write which ledger rows are covered")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the marks and the clock."""
    config.pluginmanager.register(Watch(config), "callboard-watch")


class Watch:
    """Gathers the rows that tests cover, and names slow tests that do not say so."""

    def __init__(self, config: pytest.Config) -> None:
        self.file = config.getoption("--ledger-json")
        self.only_collected = config.option.collectonly
        self.rows: dict[str, list[str]] = {}
        self.slow: set[str] = set()
        self.failed: set[str] = set()
        self.passed: set[str] = set()
        self.too_slow: list[tuple[float, str]] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read the marks of everything that will run."""
        for item in session.items:
            if item.get_closest_marker("slow"):
                self.slow.add(item.nodeid)
            if not item.get_closest_marker("skip") and not item.get_closest_marker("xfail"):
                for row in covered(item):
                    self.rows.setdefault(row, []).append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what passed, and how long it took."""
        if report.failed:
            self.failed.add(report.nodeid)
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)
            if report.duration > SECONDS_MAX and report.nodeid not in self.slow:
                self.too_slow.append((report.duration, report.nodeid))

    def pytest_sessionfinish(self) -> None:
        """Write the rows, if asked."""
        if self.file:
            Path(self.file).write_text(json.dumps(self.covering(), indent=1), encoding="utf-8")

    def covering(self) -> dict[str, list[str]]:
        """The tests of each row that count."""
        if self.only_collected:
            return self.rows
        good = self.passed - self.failed
        kept = {row: [test for test in tests if test in good] for row, tests in self.rows.items()}
        return {row: tests for row, tests in kept.items() if tests}

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Name tests that took long and do not say so. A hint: machines differ."""
        for seconds, test in sorted(self.too_slow, reverse=True):
            terminalreporter.write_line(f"{seconds:.2f} s, not marked slow: {test}")


def covered(item: pytest.Item) -> list[str]:
    """The ledger rows that a test's marks name."""
    return [row for mark in item.iter_markers("covers") for row in mark.args]
