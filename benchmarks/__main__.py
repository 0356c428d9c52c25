"""`python -m benchmarks [NAME...] [--quick]`: measure, print, and keep `results.json`."""

from __future__ import annotations

import argparse
import importlib
import time

from benchmarks.figures import Figure, show, write

MEASURES = (
    "commands", "evaluation", "http", "live", "memory", "start", "timelines", "visitors",
)  # fmt: skip


def main() -> None:
    """Run the named measures, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=(*MEASURES, []), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="smaller and rougher")
    given = parser.parse_args()
    found: dict[str, list[Figure]] = {}
    for name in given.names or MEASURES:
        started = time.monotonic()
        figures = importlib.import_module(f"benchmarks.{name}").measure(is_quick=given.quick)
        print(f"\n{name} ({time.monotonic() - started:.0f} s)")
        show(figures)
        found[name] = figures
    write(found, is_quick=given.quick)
    judged = [one for figures in found.values() for one in figures if one.target is not None]
    reached = [one.is_reached for one in judged]
    print(f"\n{sum(reached)} of {len(reached)} figures reached")


if __name__ == "__main__":
    main()
