"""One topic of one connection: where it stands, and how it hears.

A subscription registers first and reads afterwards. Until it has read (`FRESH`), and whenever it
had to drop something (`BEHIND`), it only notes the newest version it hears of; the writer then
reads from the store up to there. `LIVE` means: every fact goes straight into the backlog. So there
is one way to catch up, whether a listener is new, came back, or was slow.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from api.live.backlog import Backlog
from api.live.frames import At, Id, Sub, Unsubd
from api.live.rendering import Form, Line, line, said_line, told_line
from engine.hub import Hub, Said, Told, Topic
from engine.kind import Kind
from engine.messages import Address


class Phase(IntEnum):
    """How a subscription stands to its topic."""

    FRESH = 0
    BEHIND = 1
    LIVE = 2
    GONE = 3


class Subscription:
    """Hears one topic for one connection. `address` is None on `kind/KIND`.

    `version` is the last one put into the backlog, `newest` the last one heard of.
    """

    __slots__ = (
        "address", "at", "backlog", "epoch", "form", "id", "kind", "newest", "pending", "phase",
        "project", "topic", "version", "with_state",
    )  # fmt: skip

    def __init__(
        self, backlog: Backlog, project: str, kind: Kind[Any], address: Address | None, sub: Sub
    ) -> None:
        self.backlog = backlog
        self.project = project
        self.topic = sub.topic
        self.kind = kind
        self.address = address
        self.at: At | None = sub.at
        self.id: Id = sub.id
        self.with_state = address is not None and sub.mode != "events"
        self.form = _form(sub, address)
        self.epoch = ""
        self.version = 0
        self.newest = 0
        self.phase = Phase.FRESH
        self.pending: Told | None = None

    @property
    def replays(self) -> bool:
        """True if what was missed can be told fact by fact."""
        return self.form is Form.DATA or self.form is Form.KIND

    # --- a life

    def begin(self, hub: Hub) -> None:
        """Register, then have the writer read."""
        hub.subscribe((self.project, self.topic), self)
        self.backlog.subscriptions[self.topic] = self
        self.backlog.fall_behind(self)

    def end(self, hub: Hub) -> None:
        """Hear no more; what waits of it goes."""
        self.phase = Phase.GONE
        hub.unsubscribe((self.project, self.topic), self)
        if self.backlog.subscriptions.get(self.topic) is self:
            del self.backlog.subscriptions[self.topic]
        self.backlog.forget(self)

    def go_back(self, version: int) -> None:
        """What came after `version` was dropped: it must be read from the store."""
        self.newest = max(self.newest, self.version)
        self.version = version
        self.phase = Phase.BEHIND
        self.backlog.fall_behind(self)

    def stand(self, version: int) -> None:
        """The connection has, or will have, everything up to `version`."""
        self.version = version
        if self.newest > version:
            self.phase = Phase.BEHIND
            self.backlog.fall_behind(self)
        else:
            self.newest = version
            self.phase = Phase.LIVE
            self.backlog.behind.pop(self, None)

    # --- hearing, plain

    def hear(self, _topic: Topic, told: Told) -> None:
        """A fact was committed."""
        if self.form is Form.STATE:
            self._hear_latest(told)
            return
        ready = told.rendered.get(self.form) or self._render(told)
        if ready is None:
            return
        version: int = ready.version
        if self.phase is Phase.LIVE:
            if version <= self.version:
                return
            if version != self.version + 1 and self.address is not None:
                self.newest = version  # a hole: somebody else's commit has not been told yet
                self.go_back(self.version)
                return
            self.version = version
            self.epoch = ready.epoch
            self.backlog.put(ready)
        elif version > self.newest:
            self.newest = version

    def _hear_latest(self, told: Told) -> None:
        version = told.fact.version
        if version <= self.newest:
            return
        self.newest = version
        if self.phase is Phase.LIVE:
            waiting, self.pending = self.pending, told
            if waiting is None:
                self.backlog.mark(self)

    def hear_ephemeral(self, said: Said) -> None:
        """Something passing was said."""
        if self.phase is not Phase.FRESH:
            try:
                ready = said_line(said)
            except Exception:  # it cannot be shown to anybody; nothing depends on it
                return
            self.backlog.pass_on((self.topic, said.name), ready)

    def settle(self) -> Line | None:
        """The newest state of a `latest` topic, now that its turn has come."""
        told, self.pending = self.pending, None
        if told is None or self.phase is Phase.GONE:
            return None
        ready = self._render(told)
        if ready is not None:
            self.version = ready.version
        return ready

    def _render(self, told: Told) -> Line | None:
        """A fact that its kind cannot show ends the subscription: the commit goes on."""
        try:
            return told_line(told, self.form)
        except Exception:
            self.phase = Phase.GONE
            self.backlog.behind[self] = None
            self.backlog.put(line(Unsubd(topic=self.topic, code="cannot_show")))
            return None


def _form(sub: Sub, address: Address | None) -> Form:
    if address is None:
        return Form.KIND
    if sub.mode == "latest":
        return Form.STATE
    if sub.mode == "snapshot" and "jsonpatch" in sub.delta:
        return Form.DELTA_AND_DATA if "data" in sub.delta else Form.DELTA
    return Form.DATA
