"""Replaying: a journey is played again by a definition, and what comes out differently is listed.

The same choices are made at the same instants, decided by the same tables as a real user's; nothing
is stored and nobody hears of it. Shared values are what the user wrote, and what others had made of
them as the journey recorded it. By its own definition a journey leads to itself.
Rules: spec timelines 5.12.13, 12 (row 4).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from actors.timelines import timeline as timelines
from actors.timelines import times
from actors.timelines.answers import NO_EVENT, NO_LINK
from actors.timelines.explaining.user import NOT_ACTIVE, explain_link, reckon
from actors.timelines.journeys import Did, Journey, JourneyStep, Others, Since, instant_of
from actors.timelines.journeys.differing import Difference, Differences
from actors.timelines.journeys.recording import Recorded, step_of
from actors.timelines.legacy_words import Complete
from actors.timelines.looker import Looker
from actors.timelines.revision import Revision
from actors.timelines.timeline_words import KIND as TIMELINE
from actors.timelines.timeline_words import Contribute, Contributed, Published, Timed, Timeline
from actors.timelines.user import OVERFLOW, USER, misfits
from actors.timelines.user_words import CreateUser, FollowLink, ProgressStep, Settle
from engine.errors import Refused
from engine.machine import Moment
from engine.messages import Address, Command, Snapshot
from engine.part import Part

NO_ZONE = "unknown_timezone"


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay by the definition `revision`.

    `steps` were played; `same`: nothing was different. `differences` in order of the steps;
    `differences_left_out` counts those beyond a thousand.
    """

    timeline_id: str
    revision: str
    steps: int
    same: bool
    differences: tuple[Difference, ...]
    differences_left_out: int = 0


class Replay:
    """A journey on its way through a definition; `revision_hash` names that.

    A journey may be long: `play` goes on for some steps, and `report` tells what there was so far.
    """

    def __init__(self, journey: Journey, revision: Revision, revision_hash: str) -> None:
        self.played: list[JourneyStep] = []
        self._journey = journey
        self._revision = revision
        self._hash = revision_hash
        self._is_own = journey.revision == revision_hash
        self._differences = Differences(journey)
        self._user = USER.blank(Address("", USER.name, "u"))
        self._timeline = _published(revision, revision_hash, instant_of(journey.steps[0].at))
        self._version = 0
        self._number = 0
        self._given = self._fitting()

    @property
    def is_over(self) -> bool:
        """Whether every step was played, or the user cannot even begin."""
        cannot_begin = self._number > 0 and not self._user.exists
        return cannot_begin or self._number == len(self._journey.steps)

    def play(self, steps_max: int) -> None:
        """Play on, at most so many steps."""
        for _ in range(steps_max):
            if self.is_over:
                return
            self._play(self._journey.steps[self._number])
            self._number += 1

    def report(self) -> ReplayReport:
        """What was different so far."""
        found = self._differences
        return ReplayReport(
            timeline_id=self._revision.id,
            revision=self._hash,
            steps=self._number,
            same=not found.kept,
            differences=tuple(found.kept),
            differences_left_out=found.left_out,
        )

    def _play(self, step: JourneyStep) -> None:
        now_ms = instant_of(step.at)
        if step.others is not None:
            self._version += 1
            self._timeline = _with(self._timeline, step.others, exactly=self._is_own)
        command = self._command(step, now_ms)
        self._differences.begin(self._number, step)
        try:
            self._decide(command, now_ms)
        except Refused as refused:
            self._differences.impossible(self._why_not(command, refused, now_ms))
        self._differences.compare(self._timeline)

    def _command(self, step: JourneyStep, now_ms: int) -> Command:
        at_ms = now_ms if step.test_clock else None
        journey = self._journey
        match step.did:
            case Did.CREATED:
                return CreateUser(
                    published_timeline_id=self._revision.id,
                    timezone=journey.timezone,
                    disable_time_guards=journey.datetime_guards_disabled,
                    pause_at_beats=journey.pause_at_beats,
                    max_steps=step.max_steps,
                    variables=self._given,
                    at_ms=at_ms,
                )
            case Did.PROGRESSED:
                pause, most = step.pause_at_beats, step.max_steps
                return ProgressStep(max_steps=most, pause_at_beats=pause, at_ms=at_ms)
            case Did.FOLLOWED:
                link = step.link_id or ""
                source = link.partition(":")[0]
                return FollowLink(user_timeline_event_id=source, link_id=link, at_ms=at_ms)
            case Did.COMPLETED:
                event = step.timeline_event_id or ""
                return Complete(user_timeline_event_id=event, at_ms=at_ms)
        return Settle(at_ms=at_ms)

    def _fitting(self) -> dict[str, str]:
        """The variables that were given and that this definition takes."""
        given = {
            name: value
            for name in self._journey.variables_given
            if (value := self._journey.variables.get(name)) is not None
        }
        wrong = misfits(self._revision, given)
        return {name: value for name, value in given.items() if name not in wrong}

    # --- deciding

    def _decide(self, command: Command, now_ms: int) -> None:
        """Have the user carry out a command, and the timeline its part; raises `Refused`."""
        looks = any(address.kind == TIMELINE for address in self._needs(command))
        seen = {self._seen.address: self._seen} if looks else {}
        moment = Moment(now_ms, seen=seen, documents={self._hash: self._revision})
        decided = USER.decide(self._user, command, moment)
        part = Part(USER, self._user)
        part.accept(decided, now_ms)
        self._user = part.after
        for also in decided.also:
            if isinstance(order := also.command, Contribute):
                self._version += 1
                told = Contributed(shared=order.shared, follows=order.follows, at_ms=now_ms)
                self._timeline = timelines.evolve(self._timeline, told)
        for event in decided.events:
            if isinstance(event, Recorded):
                self.played.append(step_of(event))
                self._differences.happened(self.played[-1], self._user.state.variables)

    def _needs(self, command: Command) -> Iterable[Address]:
        state = self._user.state if self._user.exists else USER.initial("u")
        return USER.needs(state, command).actors

    @property
    def _seen(self) -> Snapshot:
        address = Address("", TIMELINE, self._revision.id)
        return Snapshot(address, self._version, 0, self._timeline, self._timeline.published)

    def _why_not(self, command: Command, refused: Refused, now_ms: int) -> tuple[str, ...]:
        if refused.why == OVERFLOW:
            return (OVERFLOW,)
        if isinstance(command, CreateUser):
            return () if times.is_zone(command.timezone) else (NO_ZONE,)
        if not isinstance(command, FollowLink | Complete):
            return (refused.why,)
        if command.user_timeline_event_id not in self._revision.by_id:
            return (NO_EVENT,)
        if isinstance(command, Complete):
            return (NOT_ACTIVE,)
        way = self._revision.ways.get(command.link_id)
        if way is None:
            return (NO_LINK,)
        around = (self._revision, self._user.state, self._timeline, self._version, now_ms)
        user, timeline = reckon(*around)
        explained = explain_link(Looker(self._revision, user, timeline, now_ms), way)
        failing = () if explained.condition is None else explained.condition.failing
        return (*explained.reasons, *failing)


def replay(journey: Journey, revision: Revision, revision_hash: str) -> ReplayReport:
    """Play a whole journey by a definition; takes seconds for the longest ones."""
    playing = Replay(journey, revision, revision_hash)
    playing.play(len(journey.steps))
    return playing.report()


# --- the timeline


def _published(revision: Revision, revision_hash: str, at_ms: int) -> Timeline:
    """The timeline as if this definition had just been published on it."""
    variables = [one for one in revision.document.variables if one.scope == "shared"]
    return Timeline(
        id=revision.id,
        published=Published.PUBLISHED,
        revision=revision_hash,
        shared={one.name: Timed(one.default, at_ms) for one in variables},
        types={one.name: one.type for one in variables},
        counts=tuple(sorted(revision.by_count)),
    )


def _with(timeline: Timeline, others: Others, *, exactly: bool) -> Timeline:
    """The timeline after what others did, as the journey recorded it.

    `exactly`: by the journey's own definition. Another one keeps its own types, and its shared
    variables of other types keep their values.
    """
    types = timeline.types
    fits = {
        name: listed
        for name, listed in others.variables.items()
        if exactly or others.types.get(name, types.get(name)) == types.get(name)
    }
    return msgspec.structs.replace(
        timeline,
        shared={**timeline.shared, **{name: _timed(listed) for name, listed in fits.items()}},
        follows={
            **timeline.follows,
            **{link: _timed(listed) for link, listed in others.follows.items()},
        },
        types={**types, **others.types} if exactly else types,
        counts=tuple(sorted({*timeline.counts, *(others.counts or ())})),
    )


def _timed(listed: tuple[Since, ...]) -> Timed:
    first, *earlier = listed
    past = tuple((instant_of(one.at), one.value) for one in earlier)
    return Timed(first.value, instant_of(first.at), past)
