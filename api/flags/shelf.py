"""What the flags' door keeps for as long as the house stands.

Made with the house, from what it has; `statistics` of its parts go to the metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

import trio

from api.flags.aliases import Aliases
from api.flags.assignments import Assignments
from api.flags.environments import Environments, Live
from api.flags.fetching import Fetches
from api.flags.limits import Limits
from api.flags.openings import Openings
from api.flags.streams import Streams
from api.flags.tally import Tally
from api.flags.tracking import Tracking
from api.limits import buckets_of
from engine.messages import Address
from storage.flags import queries

if TYPE_CHECKING:
    from api.house import House

NAME = "flags"


class Part(Protocol):
    """Something with figures."""

    def statistics(self) -> Mapping[str, float]:
        """Its figures."""
        ...


class Shelf:
    """Live environments, kept assignments, limits, the tally, OpenFeature's streams, fetches.

    `nursery` is where work goes on behind an answer, while the door has a background of its own.
    """

    nursery: trio.Nursery | None = None

    def __init__(self, house: House) -> None:
        directory = house.directory
        self.house = house
        self.directory = directory
        self.clock = house.clock
        self.lists = house.tables
        self.environments = Environments(
            directory,
            lambda env: self.lists.read_now(lambda connection: queries.project_of(connection, env)),
        )
        self.assignments = Assignments(directory, self.lists)
        self.aliases = Aliases(directory, self.lists)
        self.openings = Openings()
        self.limits = Limits(buckets_of(house), house.clock.now_ms)
        self.tally = Tally(house.store, house.clock, self._lost)
        self.streams = Streams(monotonic)
        self.fetches = Fetches(self)
        self.tracking = Tracking(self)
        self.others: dict[str, Part] = {}

    async def only_environment(self) -> Live | None:
        """The one environment of the whole daemon, if it has exactly one (spec flags 10.6)."""
        env = self.lists.read_now(queries.only_environment)
        return None if env is None else await self.environments.find(env)

    def _lost(self, project: str, exposures: int, error: Exception) -> None:
        what = f"count {exposures} exposures"
        self.house.log.failed(Address(project, "flag_count", ""), what, error)

    def close(self) -> None:
        """The house is closing: streams end."""
        self.streams.close()

    def give_back(self) -> None:
        """A crowd has gone: what it kept is read again when it comes back."""
        self.assignments.clear()

    def statistics(self) -> dict[str, float]:
        """All parts' figures, named by part."""
        parts: dict[str, Part] = {
            **self.others,
            "environments": self.environments,
            "assignments": self.assignments,
            "aliases": self.aliases,
            "openings": self.openings,
            "limits": self.limits,
            "tally": self.tally,
            "streams": self.streams,
            "fetches": self.fetches,
        }
        return {
            f"{name}_{figure}": value
            for name, part in parts.items()
            for figure, value in part.statistics().items()
        }


def shelf_of(house: House) -> Shelf:
    """The house's flags shelf."""
    shelf = house.shelves.get(NAME)
    if shelf is None:
        shelf = Shelf(house)
        house.shelves[NAME] = shelf
    return cast("Shelf", shelf)
