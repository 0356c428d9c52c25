"""How a command of a user is decided: at which instant, on what it sees, and what is kept of it.

Every command first catches up to its instant (spec 5.12.13), then does what was asked; its walk is
what the fact keeps. Rules: spec timelines 5.12.9, 5.12.13, 5.12.18.
"""

from __future__ import annotations

from actors.timelines import values
from actors.timelines.joining import timeline_of
from actors.timelines.legacy_words import Complete
from actors.timelines.revision import Revision
from actors.timelines.user_words import (
    CreateUser,
    FollowLink,
    ProgressStep,
    Settle,
    User,
    Walk,
)
from actors.timelines.walker import Walker
from actors.timelines.walking import begin, walk_of
from engine.errors import Refused
from engine.machine import Moment
from engine.messages import AlarmDue

OVERFLOW = "variable_overflow"
"""What a refusal says where an operation leads beyond what a variable may hold (5.12.9)."""
Asked = CreateUser | ProgressStep | FollowLink | Complete | Settle | AlarmDue
"""Commands that have an instant, and lead to a walk."""


def revision_of(user: User, moment: Moment) -> Revision:
    """The user's definition."""
    revision: Revision = moment.documents[user.revision]
    return revision


def instant(user: User, at_ms: int | None, now_ms: int) -> int:
    """When a command is decided: a test clock's instant, else now; never before the last one."""
    return max(now_ms, user.settled_ms) if at_ms is None else at_ms


def is_later(user: User, command: Asked, _moment: Moment) -> bool:
    """No instant before the last one."""
    return (
        isinstance(command, AlarmDue) or command.at_ms is None or (command.at_ms >= user.settled_ms)
    )


def _asked_at(user: User, command: Asked) -> int | None:
    """The instant that a command brings along, if it does not mean now."""
    if isinstance(command, AlarmDue):
        return None
    if isinstance(command, Settle) and command.is_swept and user.is_virtual:
        return user.settled_ms
    return command.at_ms


def walker_of(user: User, command: Asked, moment: Moment) -> Walker:
    """The user, caught up to the command's instant. Raises `Refused` (`OVERFLOW`)."""
    timeline, version = timeline_of(moment)
    now_ms = instant(user, _asked_at(user, command), moment.now_ms)
    changed = version != user.seen
    try:
        return begin(revision_of(user, moment), user, timeline, now_ms, is_news=changed)
    except values.Overflow:
        raise Refused(OVERFLOW) from None


def walk_made(walker: Walker, version: int, command: Asked, *, by_others: bool = False) -> Walk:
    """What a command led to; `version` is the timeline's that was seen."""
    is_virtual = _asked_at(walker.user, command) is not None
    return walk_of(walker, version, is_virtual=is_virtual, by_others=by_others)
