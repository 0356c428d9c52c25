"""The table of contents: one line per domain."""

from __future__ import annotations

from api.domain import Domain
from api.flags.door import DOMAIN as FLAGS
from api.timelines.door import DOMAIN as TIMELINES

DOMAINS: tuple[Domain, ...] = (FLAGS, TIMELINES)
