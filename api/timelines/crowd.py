"""The Admin API's users: everybody on a timeline, one of them, and what happened to all.

Lists are read a page at a time and streamed, so an answer of any length takes little memory; they
settle nobody. Deleting everybody answers when all who were there at its start are gone. Rules: spec
timelines 3, 5.10, 5.12.13, 5.12.22; ledger TL-095 to TL-099.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import trio

from actors.timelines.answers.admin import event_state_change
from actors.timelines.user import USER, instant
from api.http import NO_CONTENT, Answer, Call, Problem, answer
from api.timelines import carrying
from api.timelines.admin import desk_of, timeline_of
from api.timelines.entrance import for_admin
from api.timelines.listing import Page, listed
from api.timelines.looking import NO_USER, Desk, look, view_at
from engine.errors import Busy
from engine.messages import Address
from storage.timelines.queries import BEGIN, LogRow, Place, log_of_timeline, users_of

PAGE = 200
"""Rows of a list that are read at a time."""
ERASED_AT_ONCE = 16
"""Users that are deleted side by side: their commits become few."""

# --- users


async def list_users(call: Call) -> Answer:
    """All users on the timeline in order of id, each as it stands now (TL-095)."""
    guest = await for_admin(call)
    timeline = await timeline_of(call, guest.project)
    return await listed(partial(_users, desk_of(call, guest), timeline.address), "")


async def _users(desk: Desk, timeline: Address, after: str) -> Page:
    ids = await _ids(desk, timeline, after)
    shown = [await _shown(desk, timeline, user_id) for user_id in ids]
    users = [user for user in shown if user is not None]
    return users, ids[-1] if len(ids) == PAGE else None


async def _ids(desk: Desk, timeline: Address, after: str) -> list[str]:
    query = partial(
        users_of, project=timeline.project, timeline=timeline.id, after=after, limit=PAGE
    )
    return await desk.house.tables.read(query)


async def _shown(desk: Desk, timeline: Address, user_id: str) -> Any:
    """A user of the list; None if it left the timeline meanwhile."""
    address = desk.user(user_id)
    snapshot = await desk.house.directory.peek(address)
    if not snapshot.exists or snapshot.state.timeline != timeline.id:
        return None
    now_ms = instant(snapshot.state, desk.at_ms, desk.house.clock.now_ms())
    return (await view_at(desk, address, snapshot.state, now_ms)).user()


async def get_user(call: Call) -> Answer:
    """One user of the timeline, after what is due is settled (TL-097)."""
    guest = await for_admin(call)
    desk = desk_of(call, guest)
    address = await user_of(call, desk)
    return answer((await look(desk, address)).user())


async def user_of(call: Call, desk: Desk) -> Address:
    """The user of the path, who is on the timeline of the path; raises 404."""
    timeline = await timeline_of(call, desk.principal.project)
    return await user_on(desk, timeline.address.id, call.parts["user_id"])


async def user_on(desk: Desk, timeline: str, user: str) -> Address:
    """A user who is on that timeline; raises 404."""
    address = desk.user(user)
    snapshot = await desk.house.directory.peek(address)
    if not snapshot.exists or snapshot.state.timeline != timeline:
        raise Problem(404, "no_user", NO_USER)
    return address


async def delete_user(call: Call) -> Answer:
    """Delete one user of the timeline: 204 (TL-098)."""
    guest = await for_admin(call)
    desk = desk_of(call, guest)
    carrying.check_online(desk)
    await carrying.erase(desk, await user_of(call, desk))
    return NO_CONTENT


async def delete_users(call: Call) -> Answer:
    """Delete all users who are on the timeline now: 204 when all are gone (TL-096).

    A slash behind `users` is what is left of a path whose user id is empty: that means nobody, and
    certainly not everybody.
    """
    guest = await for_admin(call)
    if call.path.endswith("/"):
        raise Problem(404, "no_user", NO_USER)
    desk = desk_of(call, guest)
    carrying.check_online(desk)
    timeline = (await timeline_of(call, guest.project)).address
    ids: list[str] = []
    while page := await _ids(desk, timeline, ids[-1] if ids else ""):
        ids += page
    for first in range(0, len(ids), ERASED_AT_ONCE):
        await _erase(desk, timeline, ids[first : first + ERASED_AT_ONCE])
    return NO_CONTENT


async def _erase(desk: Desk, timeline: Address, ids: Sequence[str]) -> None:
    """Delete some side by side; those who change the timeline too, one after the other."""
    left: list[Address] = []
    for user_id in ids:
        address = desk.user(user_id)
        snapshot = await desk.house.directory.peek(address)
        if snapshot.exists and snapshot.state.timeline == timeline.id:
            left.append(address)
    busy: list[Address] = []
    async with trio.open_nursery() as nursery:
        for address in left:
            nursery.start_soon(_erase_one, desk, address, busy)
    for address in busy:
        await _gone(desk, address)


async def _erase_one(desk: Desk, address: Address, busy: list[Address]) -> None:
    try:
        await _gone(desk, address)
    except Busy:
        busy.append(address)


async def _gone(desk: Desk, address: Address) -> None:
    """Delete a user; somebody else may have been first."""
    try:
        await carrying.erase(desk, address)
    except Problem as problem:
        if problem.code != "no_user":
            raise


# --- the log of all


async def list_state_changes(call: Call) -> Answer:
    """All changes of events' states of all users of the timeline, ascending (TL-099)."""
    guest = await for_admin(call)
    timeline = await timeline_of(call, guest.project)
    return await listed(partial(_changes, desk_of(call, guest), timeline.address), BEGIN)


async def _changes(desk: Desk, timeline: Address, after: Place) -> Page:
    rows = await _log(desk, timeline, after)
    shown = [await _change(desk, timeline, row) for row in rows]
    changes = [change for change in shown if change is not None]
    return changes, rows[-1].place if len(rows) == PAGE else None


async def _log(desk: Desk, timeline: Address, after: Place) -> list[LogRow]:
    query = partial(
        log_of_timeline, project=timeline.project, timeline=timeline.id, after=after, limit=PAGE
    )
    return await desk.house.tables.read(query)


async def _change(desk: Desk, timeline: Address, row: LogRow) -> Any:
    """An entry as the revision of its time has it."""
    revision = await desk.house.directory.document(USER, timeline.project, row.revision)
    cell = revision.by_id.get(row.event)
    if cell is None:
        return None
    return event_state_change(
        cell,
        project=timeline.project,
        timeline_id=timeline.id,
        user_id=row.user,
        state=row.state,
        at_ms=row.at_ms,
        step=row.step,
        naive=desk.settings.naive_datetimes,
    )
