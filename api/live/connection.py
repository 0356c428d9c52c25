"""What a socket and an event stream have in common: a backlog, a watch, and an end.

The writer of a connection takes what waits, sends it, and reads for topics that are behind. It
never has a timer of its own: one task of the house walks over all connections and asks each to
look at the clock (`look`), which pings, and ends those that are stuck, silent or expired.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from msgspec import UNSET

from api.auth import Principal
from api.http import Problem
from api.live.backlog import Backlog
from api.live.frames import Bye, Ping, Sub
from api.live.rendering import Form, Line, line
from api.live.subscription import Phase, Subscription
from api.times import rfc3339
from engine.limits import Limits
from engine.messages import Address, BadAddress, check_id

if TYPE_CHECKING:
    from api.live.door import LiveDoor

RESTART = 1012
NEVER = float("inf")


class Connection:
    """One listener, whatever carries it. `sending_since` is `NEVER` between sends."""

    __slots__ = (
        "backlog", "closing", "door", "farewell", "id", "next_ping", "ping_due", "principal",
        "sending_since",
    )  # fmt: skip

    def __init__(self, door: LiveDoor, limits: Limits) -> None:
        self.door = door
        self.id = secrets.token_urlsafe(9)
        self.principal: Principal | None = None
        self.backlog = Backlog(limits, self.flood)
        self.closing: int | None = None
        self.farewell: Line | None = None
        self.next_ping = NEVER
        self.ping_due = False
        self.sending_since = NEVER

    # --- topics

    def subscribe(self, sub: Sub) -> None:
        """Begin to listen; raises `Problem` or `BadAddress` when it may not be."""
        principal = self.principal
        if principal is None:
            raise Problem(401, "not_authenticated", "authenticate first")
        house, subscriptions = self.door.house, self.backlog.subscriptions
        kind_name, slash, rest = sub.topic.partition("/")
        of_kind = kind_name == "kind"
        kind = house.directory.kinds.get(rest if of_kind else kind_name)
        if not slash or kind is None:
            raise Problem(404, "unknown_topic", f"there is no topic {sub.topic!r}")
        address = None if of_kind else self.address(sub.topic)
        if not self.may_listen(principal, address):
            raise Problem(403, "forbidden", "this key is valid, but not for this topic")
        if of_kind and sub.mode == "latest":
            raise Problem(422, "bad_mode", "a kind has no state: use mode events")
        old = subscriptions.get(sub.topic)
        if old is not None:
            old.end(house.hub)
        elif len(subscriptions) >= self.door.limits.subscriptions_max:
            raise Problem(429, "too_many_subscriptions", "one connection has no more topics")
        Subscription(self.backlog, principal.project, kind, address, sub).begin(house.hub)

    def may_listen(self, principal: Principal, address: Address | None) -> bool:
        """Is this caller's right to a topic good now? Kinds are for admins."""
        if not principal.project:
            return False
        if address is None:
            return principal.is_admin
        return self.door.house.may_listen(principal, address.kind, address.id)

    def address(self, topic: str) -> Address:
        """The actor that a topic names in the caller's project."""
        project = self.principal.project if self.principal is not None else ""
        kind, _, actor_id = topic.partition("/")
        check_id(actor_id, self.door.limits.id_bytes_max)
        return Address(project, kind, actor_id)

    def leave_topics(self) -> None:
        """Hear nothing any more."""
        for subscription in list(self.backlog.subscriptions.values()):
            subscription.end(self.door.house.hub)
        self.backlog.clear()

    async def read_one(self) -> None:
        """One step of reading for a topic that is behind, if there is room for what comes."""
        backlog = self.backlog
        if backlog.behind and len(backlog) <= self.door.limits.joined_frames_max:
            await self.door.reader.catch_up(next(iter(backlog.behind)))

    # --- the clock

    def look(self, now: float, now_ms: int) -> None:
        """What time has brought; `now` is trio's, `now_ms` the wall's."""
        limits = self.door.limits
        principal = self.principal
        if now - self.sending_since > limits.listener_stuck_seconds_max:
            self.abandon(4509)
        elif self.closing is not None:
            return
        elif (
            principal is not None
            and principal.expires_at_ms is not None
            and principal.expires_at_ms <= now_ms
        ):
            self.close(4501)
        elif now >= self.next_ping:
            self.next_ping = now + limits.ping_seconds
            self.ping_due = True
            self.backlog.wake()

    def ping(self) -> Line:
        """A ping with the newest versions, for when nothing waits before it."""
        at = {
            topic: subscription.version
            for topic, subscription in self.backlog.subscriptions.items()
            if subscription.phase is Phase.LIVE and subscription.form is not Form.KIND
        }
        return line(Ping(now=rfc3339(self.door.house.clock.now_ms()), at=at or UNSET))

    # --- ending

    def close(self, code: int, farewell: Line | None = None) -> None:
        """End it: nothing waits any more, `farewell` is sent, then the close code."""
        if self.closing is None:
            self.closing = code
            self.farewell = farewell
            self.leave_topics()
            self.backlog.wake()

    def abandon(self, code: int) -> None:
        """End it although a send is under way that does not finish."""
        self.close(code)

    def flood(self) -> None:
        """More answers wait than a listener may have."""
        self.close(4509)

    def bye(self, retry_ms: int) -> None:
        """The daemon restarts: come back."""
        self.close(RESTART, line(Bye(code=RESTART, retry_ms=retry_ms)))


def problem_for(error: Exception) -> Problem:
    """What an address or topic that cannot be means to a listener."""
    if isinstance(error, BadAddress):
        return Problem(404, "unknown_topic", str(error))
    if isinstance(error, Problem):
        return error
    raise error
