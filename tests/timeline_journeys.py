"""A small world that keeps the facts of its timeline, so that a user's journey can be recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from timeline_dice import MINUTE
from timeline_small import Small

from actors.timelines.journeys import Journey, JourneyStep
from actors.timelines.journeys.recording import Recorder, begin_of
from actors.timelines.journeys.replaying import Replay
from actors.timelines.revision import Revision
from actors.timelines.timeline import TIMELINE
from engine.kind import Kind
from engine.machine import Moment
from engine.messages import Command, Event, Fact, Snapshot
from engine.part import Part

Play = list[tuple[int, tuple[str, Any]]]
"""(minutes to wait, (what to do, with what)), as `timeline_dice.PLAYS` draws them."""


class Told(Small):
    """A world whose users' journeys can be told."""

    def __init__(self, plain: Mapping[str, Any], **given: Any) -> None:
        self.timeline_facts: list[tuple[int, Event]] = []
        super().__init__(plain, **given)

    def journey(self, name: str = "u") -> Journey:
        """A user's journey up to now."""
        created, *_ = events = self.facts[name]
        begin = begin_of(created, self.definitions[created.revision].defaults)  # type: ignore
        recorder, steps = Recorder(self.id), []
        waiting = list(self.timeline_facts)
        for event in events:
            while waiting and waiting[0][0] <= recorder.version_wanted(event):  # type: ignore
                recorder.hear(*waiting.pop(0))
            steps.append(recorder.step(event))  # type: ignore
        given = {name: getattr(begin, name) for name in begin.__struct_fields__}
        return Journey(**given, steps=tuple(steps))

    def replayed(self, journey: Journey | None = None) -> Replay:
        """The journey of `u`, or another, played by the definition in force."""
        return played(journey or self.journey(), self.revision, self.shared.revision)

    def play(self, plays: Play, *, rings: bool = True) -> None:
        """Let `u` and `other` walk; alarms of `u` ring in time, or never."""
        self.create()
        self.create("other")
        links = sorted(self.revision.ways)
        for minutes, (what, with_what) in plays:
            until_ms = self.now_ms + minutes * MINUTE
            if rings:
                self._ring_until(until_ms)
            self.now_ms = until_ms
            self._play(links, what, with_what)

    def _ring_until(self, until_ms: int) -> None:
        at_ms = self.users["u"].alarm_at_ms
        while at_ms is not None and at_ms <= until_ms:
            self.now_ms = at_ms
            assert self.ring()
            at_ms = self.users["u"].alarm_at_ms

    def _play(self, links: list[str], what: str, with_what: Any) -> None:
        match what:
            case "follow" | "other" if links:
                self.follow(links[with_what % len(links)], "u" if what == "follow" else what)
            case "progress":
                self.progress(with_what)
            case "pause":
                self.progress(pause=True)
            case "settle":
                self.settle()
            case "set":
                self.set("s", with_what)

    def _decide(
        self, kind: Kind[Any], before: Snapshot, command: Command
    ) -> tuple[Snapshot, tuple[Event, ...]]:
        seen = {self.timeline.address: self.timeline}
        moment = Moment(self.now_ms, seen=seen, documents=self.definitions)
        part = Part(kind, before)
        step = kind.decide(before, command, moment)
        fact = part.accept(step, self.now_ms)
        if kind is TIMELINE:
            self._keep(fact)
        for also in step.also:
            inner = Part(TIMELINE, self.timeline)
            decided = TIMELINE.decide(self.timeline, also.command, moment)
            self._keep(inner.accept(decided, self.now_ms))
            self.timeline = inner.after
        return part.after, step.events

    def _keep(self, fact: Fact | None) -> None:
        if fact is not None:
            self.timeline_facts += [(fact.version, event) for event in fact.events]


def played(journey: Journey, revision: Revision, revision_hash: str) -> Replay:
    """A journey played to its end."""
    replay = Replay(journey, revision, revision_hash)
    replay.play(len(journey.steps))
    return replay


def without_others(steps: Any) -> list[JourneyStep]:
    """Steps without what only a recording knows."""
    return [msgspec.structs.replace(step, others=None) for step in steps]
