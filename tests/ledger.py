"""`make ledger`: which rows of the checklists are covered by a test, and which are open.

The checklists are one CSV file per door with a column `id`; they live beside the project, or
where `CALLBOARD_LEDGER` says. Without them only the marks are counted. Tests are collected, not
run; a skipped one does not count.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
OPEN_SHOWN = 12


def folder() -> Path:
    """Where the checklists are, if they are anywhere."""
    named = os.environ.get("CALLBOARD_LEDGER")
    return Path(named) if named else PROJECT.parent / "shared" / "ledger"


def read(where: Path) -> dict[str, list[str]]:
    """Row ids by door; empty when there are no checklists."""
    rows = {}
    for path in sorted(where.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as lines:
            rows[path.stem] = [row["id"] for row in csv.DictReader(lines)]
    return rows


def collect() -> dict[str, list[str]]:
    """Tests by the row they cover, as pytest collects them."""
    with tempfile.TemporaryDirectory() as place:
        found = Path(place) / "rows.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "--ledger-json", found]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        if not found.exists() or done.returncode not in (0, 5):
            sys.exit(done.stdout + done.stderr)
        rows: dict[str, list[str]] = json.loads(found.read_text(encoding="utf-8"))
    return rows


def report(ledger: Mapping[str, list[str]], covered: Collection[str], *, all_open: bool) -> str:
    """One paragraph per door; without checklists one line per kind of mark."""
    if not ledger:
        counts = Counter(row.split("-")[0] for row in covered)
        lines = [f"{mark}: {count} rows covered" for mark, count in sorted(counts.items())]
        return "\n".join(["no checklists here; counting marks only", *lines])
    parts = [_door(door, rows, covered, all_open) for door, rows in ledger.items()]
    total = sum(map(len, ledger.values()))
    done = sum(row in covered for rows in ledger.values() for row in rows)
    strangers = sorted(unknown(ledger, covered))
    parts.append(f"all doors: {done} of {total} rows covered")
    return "\n".join(parts + [f"unknown rows in marks: {' '.join(strangers)}"] * bool(strangers))


def _door(door: str, rows: list[str], covered: Collection[str], all_open: bool) -> str:
    left = [row for row in rows if row not in covered]
    shown = left if all_open else left[:OPEN_SHOWN]
    more = f" and {len(left) - len(shown)} more" if len(left) > len(shown) else ""
    line = f"{door}: {len(rows) - len(left)} of {len(rows)} rows covered"
    return f"{line}\n  open: {' '.join(shown)}{more}" if left else line


def unknown(ledger: Mapping[str, list[str]], covered: Iterable[str]) -> set[str]:
    """Marks that name a row which no checklist has."""
    return set(covered) - {row for rows in ledger.values() for row in rows}


def main() -> int:
    """Print the report; `--open` lists every open row. Unknown rows are an error."""
    ledger, covered = read(folder()), collect()
    sys.stdout.write(report(ledger, covered, all_open="--open" in sys.argv[1:]) + "\n")
    return 1 if ledger and unknown(ledger, covered) else 0


if __name__ == "__main__":
    sys.exit(main())
