"""A small world of timelines for tests: one timeline, its users, a clock; no store, no waiting.

Commands are decided and folded as actors do it, with the timeline's part of joint steps. Random
documents and walks come from `timeline_dice`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from actors.timelines import document, times
from actors.timelines.revision import Revision, compile_revision
from actors.timelines.timeline import TIMELINE, publication
from actors.timelines.timeline_words import Publish, SetVariable, Timeline
from actors.timelines.user import USER
from actors.timelines.user_words import CreateUser, FollowLink, ProgressStep, Settle, User, Walk
from engine.errors import Refused
from engine.kind import Kind
from engine.machine import Moment
from engine.messages import Address, AlarmDue, Command, Erase, Event, Snapshot
from engine.part import Part

UTC = times.zone("UTC")


def ms(text: str) -> int:
    """An instant in ms; a bare time is one of 2023-02-03."""
    whole = text if "T" in text else f"2023-02-03T{text}"
    return times.to_ms(times.read_instant(whole + "Z"), UTC)


class World:
    """One timeline and whoever is on it. `now_ms` is set by whoever plays."""

    def __init__(self, plain: Mapping[str, Any], now_ms: int = 0) -> None:
        body = document.write(document.read(json.dumps(plain).encode()))
        self.now_ms = now_ms
        self.id: str = plain["id"]
        self.revision: Revision = compile_revision(body)
        self.timeline = TIMELINE.blank(Address("p", "timeline", self.id))
        self.users: dict[str, Snapshot] = {}
        self.facts: dict[str, list[Event]] = {}
        self.publish(publication(self.revision, body))

    def publish(self, command: Publish) -> None:
        """Put a definition in force."""
        self.timeline, _ = self._decide(TIMELINE, self.timeline, command)

    @property
    def shared(self) -> Timeline:
        """The timeline as it is."""
        state: Timeline = self.timeline.state
        return state

    def user(self, name: str = "u") -> User:
        """A user as it is."""
        state: User = self.users[name].state
        return state

    def do(self, command: Command, name: str = "u") -> tuple[Event, ...]:
        """Have a user carry out a command; its events. Raises `Refused`."""
        before = self.users.get(name) or USER.blank(Address("p", "user", name))
        self.users[name], events = self._decide(USER, before, command)
        self.facts.setdefault(name, []).extend(events)
        return events

    def walk(self, command: Command, name: str = "u") -> Walk | None:
        """The walk that a command led to, if it stated one."""
        events = self.do(command, name)
        return events[0].walk if events else None  # type: ignore[attr-defined]

    def create(self, name: str = "u", **given: Any) -> Walk:
        """Begin as a user."""
        given = {"timezone": "UTC", **given}
        walk = self.walk(CreateUser(published_timeline_id=self.id, **given), name)
        assert walk is not None
        return walk

    def follow(self, link: str, name: str = "u") -> Walk | None:
        """Follow a link; None if that is refused."""
        source = link.partition(":")[0]
        try:
            return self.walk(FollowLink(user_timeline_event_id=source, link_id=link), name)
        except Refused:
            return None

    def progress(self, most: int | None = None, pause: bool | None = None) -> Walk | None:
        """Go on."""
        return self.walk(ProgressStep(max_steps=most, pause_at_beats=pause))

    def settle(self, name: str = "u") -> Walk | None:
        """What a read asks for."""
        return self.walk(Settle(), name)

    def set(self, variable: str, value: str) -> None:
        """An operator sets a shared variable."""
        command = SetVariable(name=variable, value=value)
        self.timeline, _ = self._decide(TIMELINE, self.timeline, command)

    def ring(self, name: str = "u") -> bool:
        """Let the user's alarm ring if it is due; whether it did."""
        at_ms = self.users[name].alarm_at_ms
        if at_ms is None or at_ms > self.now_ms:
            return False
        until_ms, self.now_ms = self.now_ms, at_ms
        self.do(AlarmDue(at_ms=at_ms), name)
        self.now_ms = until_ms
        return True

    def erase(self, name: str = "u") -> None:
        """The user is deleted."""
        self.do(Erase(), name)

    def _decide(
        self, kind: Kind[Any], before: Snapshot, command: Command
    ) -> tuple[Snapshot, tuple[Event, ...]]:
        seen = {self.timeline.address: self.timeline}
        documents = {self.shared.revision: self.revision} if self.timeline.exists else {}
        moment = Moment(self.now_ms, seen=seen, documents=documents)
        part = Part(kind, before)
        step = kind.decide(before, command, moment)
        part.accept(step, self.now_ms)
        for also in step.also:
            inner = Part(TIMELINE, self.timeline)
            inner.accept(TIMELINE.decide(self.timeline, also.command, moment), self.now_ms)
            self.timeline = inner.after
        return part.after, step.events
