"""The command line: `callboard`."""

from api.cli.commands import main

__all__ = ["main"]
