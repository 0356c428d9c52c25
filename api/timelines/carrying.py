"""Carrying out a user's command: one way for HTTP, the live socket and `/v1/actors`.

Rights are judged first, then what was given. The actor decides; what it was refused for is found
afterwards, in the documented words. The body is that of HTTP: the user or the event, and in `meta`
all that the command changed. A repeat under its `Idempotency-Key` answers the same again.
Rules: spec timelines 3, 5.3, 5.5, 5.9, 5.11, 5.12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from actors.timelines import times
from actors.timelines.answers import why_not
from actors.timelines.answers.shapes import (
    UserResponse,
    UserTimelineEventDetailResponse,
)
from actors.timelines.document import STEP_MAX
from actors.timelines.publishing import ID
from actors.timelines.timeline_words import KIND as TIMELINE
from actors.timelines.timeline_words import Published
from actors.timelines.user import OVERFLOW, USER, instant, misfits
from actors.timelines.user_words import (
    CreateUser,
    FollowLink,
    LinkFollowed,
    Progressed,
    ProgressStep,
    UserCreated,
    Walk,
)
from api.carrying import Done
from api.http import Problem
from api.timelines.entrance import SECRET, checked_user, sort_of
from api.timelines.errors import (
    Maintenance,
    detail,
    forbidden,
    invalid,
    invalid_all,
    refused_by,
)
from api.timelines.looking import Desk, check_later, existing, meta_of, reckoned, view_at
from api.timelines.shelf import shelf_of
from engine.errors import Busy, Refused
from engine.messages import Address, Command, Erase, Fact, Reply

if TYPE_CHECKING:
    from api.auth import Principal
    from api.house import House

Asked = CreateUser | ProgressStep | FollowLink
STATES = {CreateUser: UserCreated, ProgressStep: Progressed, FollowLink: LinkFollowed}
"""What each command's fact states."""
NO_TIMELINE = "Timeline not found."
EXISTS = "User already exists."
OVERFLOWS = "A variable would become larger than it may be."


async def carry_out(
    house: House, principal: Principal, address: Address, command: Command, key: str | None
) -> Done:
    """The users' `Domain.carry_out`; `address.id` is the user id.

    Raises `Problem` (403, 404, 422 and 503 as HTTP answers them) or an engine error: `Busy` (409).
    """
    if not isinstance(command, Asked):
        raise Problem(404, "unknown_command", "there is no such command here")
    desk = Desk(house, principal, await shelf_of(house).settings(address.project), command.at_ms)
    check_online(desk)
    check_clock(desk)
    checked_user(address.id, ("path", "id"))
    command = checked(command)
    try:
        reply = await house.directory.ask(
            address, command, by=principal.who, principal=principal.name, key=key
        )
    except Refused as refused:
        raise await reason(desk, address, command, refused) from None
    return Done(reply.version, await body_of(desk, command, reply, key))


async def erase(desk: Desk, address: Address, key: str | None = None) -> None:
    """Delete a user and all that belongs to it (TL-049); raises 404 or 403 if there is none."""
    check_online(desk)
    principal = desk.principal
    try:
        await desk.house.directory.ask(
            address, Erase(), by=principal.who, principal=principal.name, key=key
        )
    except Refused as refused:
        await existing(desk, address)
        raise Busy(f"{address.id} was created meanwhile") from refused


# --- before


def check_online(desk: Desk) -> None:
    """In maintenance nothing is written (spec 5.12.22). Raises 503."""
    if desk.settings.maintenance:
        raise Maintenance()


def check_clock(desk: Desk) -> None:
    """Only secret keys set the clock, where the project lets them (spec 5.12.18). Raises 403."""
    if desk.at_ms is None:
        return
    if not desk.settings.test_clock or sort_of(desk.principal) != SECRET:
        raise Problem(403, "no_test_clock", "Only a secret key may set a test clock.")
    if not times.is_writable(desk.at_ms):
        raise invalid(("body", "atMs"), "not an instant that can be written")


def checked(command: Asked) -> Asked:
    """The command, with no more steps than there can be. Raises 422 for a negative number."""
    if isinstance(command, FollowLink) or command.max_steps is None:
        return command
    if command.max_steps < 0:
        words = "ensure this value is greater than or equal to 0"
        raise invalid(("body", "max_steps"), words, "value_error.number.not_ge")
    return msgspec.structs.replace(command, max_steps=min(command.max_steps, STEP_MAX + 1))


# --- after


async def body_of(desk: Desk, command: Asked, reply: Reply, key: str | None) -> Any:
    """What HTTP answers: the user or the event that was left, and what changed.

    A repeat is shown at the instant of the first answer, with the shared values of now.
    """
    fact = await fact_of(desk, reply, key, STATES[type(command)])
    event: Any = None if fact is None else fact.events[0]
    walk: Walk | None = None if event is None else event.walk
    if walk is not None:
        now_ms = walk.at_ms
    else:
        now_ms = instant(reply.state, desk.at_ms, desk.house.clock.now_ms())
    view = await view_at(desk, reply.address, reply.state, now_ms)
    meta = meta_of(desk, view)
    if walk is not None:
        first = (event.source, event.target) if isinstance(event, LinkFollowed) else ()
        events, states = view.changed(walk, first)
        meta = msgspec.structs.replace(
            meta, changed_timeline_events=events, changed_timeline_event_states=states
        )
    if isinstance(command, FollowLink):
        return UserTimelineEventDetailResponse(
            data=view.event(command.user_timeline_event_id), meta=meta
        )
    return UserResponse(data=meta.user, meta=meta)


async def fact_of(desk: Desk, reply: Reply, key: str | None, event: type) -> Fact | None:
    """The fact of a command, also of one that is answered again; None: it changed nothing.

    A repeated reply names a version. Its fact is the command's own if both are of one moment.
    """
    if not reply.repeated or key is None:
        return reply.fact
    store, address = desk.house.store, reply.address
    kept = await store.kept(address.project, desk.principal.name, key)
    stored = await store.facts(address, reply.version - 1, 1)
    if kept is None or not stored or stored[0].at_ms != kept.at_ms:
        return None
    fact = desk.house.directory.kind_of(address).fact(stored[0])
    return fact if isinstance(fact.events[0], event) else None


# --- refusals


async def reason(desk: Desk, address: Address, command: Asked, refused: Refused) -> Exception:
    """Why the tables refused: 403, 404 or 422 in the documented words.

    Where nothing speaks against the command any more, something came in between: `Busy`.
    """
    if refused.why == OVERFLOW:
        return forbidden(OVERFLOW, OVERFLOWS)
    if isinstance(command, CreateUser):
        problem = await _not_created(desk, address, command)
    else:
        problem = await _not_moved(desk, address, command)
    return problem or Busy("something changed meanwhile")


async def _not_created(desk: Desk, address: Address, command: CreateUser) -> Problem | None:
    directory, project = desk.house.directory, address.project
    if (await directory.peek(address)).exists:
        return Problem(403, "user_exists", EXISTS)
    named = command.published_timeline_id
    if not ID.fullmatch(named):
        return Problem(404, "no_timeline", NO_TIMELINE)
    seen = await directory.peek(Address(project, TIMELINE, named))
    if not seen.exists or seen.state.published is not Published.PUBLISHED:
        return Problem(404, "no_timeline", NO_TIMELINE)
    revision = await directory.document(USER, project, seen.state.revision)
    wrong = [
        detail(("body", "variables", name), words)
        for name, words in misfits(revision, command.variables).items()
    ]
    if not times.is_zone(command.timezone):
        wrong.insert(0, detail(("body", "timezone"), "there is no such time zone"))
    return invalid_all(wrong) if wrong else None


async def _not_moved(
    desk: Desk, address: Address, command: ProgressStep | FollowLink
) -> Problem | None:
    snapshot = await existing(desk, address)
    check_later(desk, snapshot.state)
    if isinstance(command, ProgressStep):
        return None
    view = await reckoned(desk, snapshot)
    refusal = why_not(view, command.user_timeline_event_id, command.link_id)
    return None if refusal is None else refused_by(refusal)
