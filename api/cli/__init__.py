"""The command line: `callboard`."""

from __future__ import annotations

import sys

from api.cli.allocator import settle_allocator

__all__ = ["main"]


def main() -> None:
    """Run the command that the arguments name; the daemon chooses its allocator first.

    Everything else is imported after that: what is imported before is imported twice.
    """
    if sys.argv[1:2] == ["serve"]:
        settle_allocator()
    from api.cli.commands import main as command

    command()
