"""The flags' lists: environments, kept assignments, activations, hits and their day counters."""

from storage.flags.view import FlagLists

__all__ = ["FlagLists"]
