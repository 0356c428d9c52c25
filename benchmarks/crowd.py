"""A crowd of visitors that is created as fast as a daemon can."""

from __future__ import annotations

from benchmarks.pipeline import pour_all
from benchmarks.shop import KEY, opened, ordered


def create(port: int, first: int, count: int, in_flight: int, sockets: int) -> float:
    """Create so many visitors over some sockets; visitors a second, flags fetched."""
    names = (f"shopper-{number:06d}" for number in range(first, first + count))
    return pour_all(port, KEY, map(ordered, opened(names)), in_flight, sockets)
