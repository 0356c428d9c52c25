"""A figure: what was measured, what it is compared with, and whether it reaches its target.

Machines differ, so a figure is a ratio of two things measured in the same run wherever one makes
sense. Raw figures stand beside it, to be read as of one machine on one day. Contestants take turns
and each round gives its own ratio; the median is what counts.
"""

from __future__ import annotations

import gc
import json
import platform
import sqlite3
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).with_name("results.json")

Raw = Mapping[str, float | str | Sequence[float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    `at_least` says on which side of `target` the value should be; a second figure has no target.
    """

    measure: str
    against: str
    value: float
    target: float | None
    at_least: bool = True
    unit: str = ""
    raw: Raw = field(default_factory=dict)
    note: str = ""

    @property
    def is_reached(self) -> bool:
        """True if the value is on the right side of its target, or has none."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        word, target = "", "no target"
        if self.target is not None:
            word = "reached" if self.is_reached else "MISSED"
            target = f"{sign} {self.target:g}{self.unit}"
        value = f"{self.value:.3g}{self.unit}"
        return f"{self.measure:<66} {value:>8}  {target:<10} {word:<8} against {self.against}"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, ours over theirs."""
    return [round(one / other, 4) for one, other in zip(ours, theirs, strict=True)]


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return round(statistics.median(values), 4)


def rounds(count: int, *contestants: Callable[[], float]) -> list[list[float]]:
    """Let contestants take turns; what each measured, round by round. The order turns around."""
    found: list[list[float]] = [[] for _ in contestants]
    for number in range(count):
        order = list(enumerate(contestants))
        for place, contestant in order if number % 2 == 0 else reversed(order):
            gc.collect()
            found[place].append(round(contestant(), 2))
    return found


def show(figures: Iterable[Figure]) -> None:
    """Print figures with what they were made of."""
    for figure in figures:
        print(figure)
        shown = ", ".join(f"{name} {_brief(value)}" for name, value in figure.raw.items())
        for line in filter(None, (shown, figure.note)):
            print(f"    {line}")
    sys.stdout.flush()


def _brief(value: float | str | Sequence[float]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "[" + " ".join(f"{one:,.4g}" for one in value) + "]"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def write(found: Mapping[str, Sequence[Figure]], *, is_quick: bool) -> None:
    """Write `results.json`; what measures that did not run this time said before is kept."""
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    measures = before.get("measures", {})
    for name, figures in found.items():
        shown = [asdict(figure) | {"reached": figure.is_reached} for figure in figures]
        measures[name] = {"quick": is_quick, "figures": shown}
    document = {
        "about": "Values are ratios of one run or carry their unit; raw figures are one machine's.",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "measures": measures,
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
