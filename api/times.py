"""Times on the wire: RFC 3339, UTC, milliseconds (live spec, engine spec 8); HTTP dates."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate


class WallClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Unix time in milliseconds, UTC."""
        return time.time_ns() // 1_000_000


def rfc3339(at_ms: int) -> str:
    """Milliseconds as `2026-01-31T12:00:00.000Z`."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def http_date(at_ms: int) -> str:
    """Milliseconds as an HTTP date, in whole seconds."""
    return formatdate(at_ms // 1000, usegmt=True)
