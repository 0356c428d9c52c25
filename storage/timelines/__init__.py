"""The timelines' lists: what is published, who is on a timeline, and the log of state changes."""

from storage.timelines.view import TimelineLists

__all__ = ["TimelineLists"]
