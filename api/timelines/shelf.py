"""What the timelines' door keeps for as long as the house stands.

Settings of projects, looked up with every request: read once, then kept right by their facts, which
are heard before whoever changed them is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from actors.timelines.settings import ID, KIND, Settings
from api.limits import buckets_of
from engine.hub import Told
from engine.messages import Address
from storage.projects import projects_of

if TYPE_CHECKING:
    from api.house import House

NAME = "timelines"
PROJECTS_MAX = 10_000
UNDECLARED = Settings()


class Shelf:
    """Settings by project, the buckets of strangers, and what was counted."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.directory = house.directory
        self.clock = house.clock
        self.lists = house.tables
        self.buckets = buckets_of(house)
        self.tokens_minted = 0
        self._settings: dict[str, Settings] = {}
        self._has_all = False
        house.hub.follow(KIND, self._hear)

    async def settings(self, project: str) -> Settings:
        """The settings of a project; all defaults where no project file has any."""
        found = self._settings.get(project)
        if found is None:
            snapshot = await self.directory.peek(Address(project, KIND, ID))
            read: Settings = snapshot.state if snapshot.exists else UNDECLARED
            found = self._settings.setdefault(project, read)  # what was told meanwhile is newer
        return found

    def settings_now(self, project: str) -> Settings | None:
        """The settings of a project if they were looked up before; for those who cannot wait."""
        return self._settings.get(project)

    async def all_settings(self) -> Sequence[Settings]:
        """The settings of every project whose file has `[timelines]`."""
        if not self._has_all:
            for project in await self.lists.read(lambda read: projects_of(read, PROJECTS_MAX)):
                await self.settings(project)
            self._has_all = True
        return [each for each in self._settings.values() if each.declared]

    def _hear(self, told: Told) -> None:
        after = told.after
        if told.address.id == ID:
            self._settings[told.address.project] = after.state if after.exists else UNDECLARED

    def statistics(self) -> dict[str, float]:
        """Projects known, tokens minted, and the strangers' buckets."""
        limits = self.buckets.statistics(NAME)
        return {
            "projects": len(self._settings),
            "tokens_minted": self.tokens_minted,
            **{f"limits_{figure}": value for figure, value in limits.items()},
        }


def shelf_of(house: House) -> Shelf:
    """The house's timelines shelf."""
    shelf = house.shelves.get(NAME)
    if shelf is None:
        shelf = Shelf(house)
        house.shelves[NAME] = shelf
    return cast("Shelf", shelf)


async def settings_of(house: House, project: str) -> Settings:
    """The settings of a project; all defaults where no project file has any."""
    return await shelf_of(house).settings(project)
