"""Stories for tests: read from their own format, and walked on like by a reader.

A reader sees what is open and chooses by the words of a link; a link without words goes on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from timeline_world import World

from actors.timelines import document, publishing, walking
from actors.timelines.document import Event
from actors.timelines.importing import Imported
from actors.timelines.importing.ink import read_ink
from actors.timelines.importing.twee import read_twee
from actors.timelines.user_words import EventState

STORIES = Path(__file__).parent / "golden" / "timelines" / "stories"
NAMES = [path.name for path in sorted(STORIES.iterdir())]


def story(name: str) -> Imported:
    """One of the example stories, imported."""
    path = STORIES / name
    return reader_of(name)(path.read_text(encoding="utf-8"), id_=path.stem)


def reader_of(name: str) -> Any:
    """The reader for a file of this name."""
    return {".twee": read_twee, ".ink": read_ink}[Path(name).suffix]


def notes_of(found: Imported) -> list[tuple[int, str]]:
    """What was not carried over, by line."""
    return [(note.line, note.what) for note in found.notes]


def plain_of(found: Imported) -> dict[str, Any]:
    """The document as plain values; it must be one that may be published."""
    assert found.document is not None, found.notes
    report = publishing.check(found.document)
    assert not report.problems, report.problems
    plain: dict[str, Any] = json.loads(document.write(found.document))
    return plain


class Reading:
    """A reader of a story. Exactly one event is open at any time."""

    def __init__(self, found: Imported) -> None:
        self.world = World(plain_of(found))
        self.world.create()

    @property
    def at(self) -> Event:
        """The event that is open."""
        events = self.world.user().events
        (id_,) = [id_ for id_, been in events.items() if been.state is EventState.ACTIVE]
        return self.world.revision.by_id[id_].event

    @property
    def labels(self) -> list[str | None]:
        """The words of the links that may be followed, in order."""
        return [way.label for way in self._ways()]

    def values(self, *names: str) -> list[str]:
        """The values of some variables."""
        return [self.world.user().variables[name] for name in names]

    def read(self, *labels: str) -> str:
        """Choose by words, and go on where there is nothing to choose; the id of what is open."""
        for label in labels:
            self.go_on()
            assert label in self.labels, f"{label!r} is none of {self.labels} in {self.at.id}"
            self._follow(self.labels.index(label))
        self.go_on()
        return self.at.id

    def go_on(self) -> None:
        """Follow links without words while there is no other."""
        while self.labels == [None]:
            self._follow(0)

    def choose(self, number: int) -> bool:
        """Choose by number, whatever there is; False at the end."""
        ways = self._ways()
        if ways:
            self._follow(number % len(ways))
        return bool(ways)

    def _follow(self, number: int) -> None:
        assert self.world.follow(self._ways()[number].id) is not None

    def _ways(self) -> list[Any]:
        world = self.world
        walker = walking.begin(world.revision, world.user(), world.shared, world.now_ms)
        ways = world.revision.by_id[self.at.id].ways
        return [way for way in ways if walker.is_followable(way)]
