"""Looking at a user: its state, its definition, the shared values, and an instant.

A look first has stored what is due by time or by others' changes; if nothing is, it wakes nobody.
While the service is in maintenance nothing is stored, and what is due is only reckoned. Rules: spec
timelines 5.4, 5.11, 5.12.13, 5.12.18, 5.12.22.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actors.timelines.answers import View
from actors.timelines.answers.shapes import Meta, ServiceStatus
from actors.timelines.explaining.user import reckon
from actors.timelines.revision import Revision
from actors.timelines.timeline_words import KIND as TIMELINE
from actors.timelines.timeline_words import Timeline
from actors.timelines.user import USER, instant
from actors.timelines.user_words import Settle, User
from actors.timelines.walking import is_due
from api.http import Problem
from api.timelines.errors import earlier
from engine.errors import Busy, Refused
from engine.messages import Address, Snapshot

if TYPE_CHECKING:
    from actors.timelines.settings import Settings
    from api.auth import Principal
    from api.house import House

NO_USER = "User not found."


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody at work in a project: who asks, the project's settings, a test clock's instant."""

    house: House
    principal: Principal
    settings: Settings
    at_ms: int | None = None

    def user(self, user_id: str) -> Address:
        """The address of a user of the project."""
        return Address(self.principal.project, USER.name, user_id)

    @property
    def service_status(self) -> ServiceStatus:
        """What every answer says of the service."""
        return ServiceStatus.MAINTENANCE if self.settings.maintenance else ServiceStatus.ONLINE


async def existing(desk: Desk, address: Address) -> Snapshot:
    """The committed user; raises 404, or 403 where the project is set to that (spec 5.11)."""
    snapshot = await desk.house.directory.peek(address)
    if not snapshot.exists:
        raise missing(desk.settings)
    return snapshot


def missing(settings: Settings) -> Problem:
    """What is said of a user that is not there."""
    return Problem(403 if settings.missing_user == 403 else 404, "no_user", NO_USER)


async def look(desk: Desk, address: Address) -> View:
    """A user as seen at the desk's instant, else now; what is due is settled first.

    Raises 404 or 403 (no such user), 422 (an instant before the user's last one).
    """
    snapshot = await existing(desk, address)
    revision, timeline, version = await around(desk, snapshot.state)
    check_later(desk, snapshot.state)
    now_ms = _now(desk, snapshot.state)
    if is_due(revision, snapshot.state, timeline, version, now_ms):
        if desk.settings.maintenance or not await _settle(desk, address):
            return await reckoned(desk, snapshot)
        snapshot = await existing(desk, address)
        check_later(desk, snapshot.state)
        now_ms = _now(desk, snapshot.state)
    return await view_at(desk, address, snapshot.state, now_ms)


def meta_of(desk: Desk, view: View) -> Meta:
    """What comes with a read: nothing changed."""
    return Meta(user=view.user(), service_status=desk.service_status)


async def view_at(desk: Desk, address: Address, user: User, now_ms: int) -> View:
    """A user as a command left it, with the shared values as they are."""
    revision, timeline, _ = await around(desk, user)
    naive = desk.settings.naive_datetimes
    return View(revision, user, timeline, address.id, now_ms, naive=naive)


async def reckoned(desk: Desk, snapshot: Snapshot) -> View:
    """A user who has caught up to now, without anything stored: what a refusal was judged on."""
    user: User = snapshot.state
    revision, timeline, version = await around(desk, user)
    now_ms = _now(desk, user)
    user, timeline = reckon(revision, user, timeline, version, now_ms)
    naive = desk.settings.naive_datetimes
    return View(revision, user, timeline, snapshot.address.id, now_ms, naive=naive)


async def around(desk: Desk, user: User) -> tuple[Revision, Timeline, int]:
    """A user's definition; the timeline and its version, where the definition looks at it."""
    project, directory = desk.principal.project, desk.house.directory
    revision: Revision = await directory.document(USER, project, user.revision)
    if not user.shares:
        return revision, Timeline(), 0
    seen = await directory.peek(Address(project, TIMELINE, user.timeline))
    return revision, seen.state if seen.exists else Timeline(), seen.version


def check_later(desk: Desk, user: User) -> None:
    """A test clock never goes back (spec 5.12.18). Raises 422."""
    if desk.at_ms is not None and desk.at_ms < user.settled_ms:
        raise earlier()


def _now(desk: Desk, user: User) -> int:
    return instant(user, desk.at_ms, desk.house.clock.now_ms())


async def _settle(desk: Desk, address: Address) -> bool:
    """Have the user store what is due. False: others kept coming first, and a read can do without.

    One that is refused was decided or deleted meanwhile, which the next look finds.
    """
    try:
        await desk.house.directory.ask(address, Settle(at_ms=desk.at_ms), by=desk.principal.who)
    except Refused:
        return True
    except Busy:
        return False
    return True
