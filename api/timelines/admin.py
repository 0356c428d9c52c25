"""The Admin API without the users: timelines, their variables, their events, the service's status.

Answers are bare objects of the newest revision. Only shared variables are set here, judged by the
type that the definition declares. Rules: spec timelines 3, 5.7, 5.12.19, 5.12.22; ledger TL-089 to
TL-094, TL-100 to TL-108.
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.timelines import values
from actors.timelines.answers.admin import (
    timeline_answer,
    timeline_events,
    variable,
    variables,
)
from actors.timelines.answers.shapes import ServiceStatus, VariableScope
from actors.timelines.publishing import ID
from actors.timelines.settings import ID as SETTINGS_ID
from actors.timelines.settings import KIND as SETTINGS
from actors.timelines.settings import Service, SetService
from actors.timelines.timeline import TIMELINE
from actors.timelines.timeline_words import Declared, SetVariable
from actors.timelines.user import USER
from api.http import Answer, Call, Problem, answer
from api.timelines.carrying import NO_TIMELINE, check_online
from api.timelines.entrance import Guest, for_admin, for_project_admin
from api.timelines.errors import body_of, invalid
from api.timelines.looking import Desk
from engine.errors import Refused
from engine.messages import Address, Snapshot
from storage.timelines.queries import published

ONLY_SHARED = "only shared variables can be updated"


class UpdateVariableValue(msgspec.Struct, frozen=True, kw_only=True):
    """The new value of a shared variable (TL-102)."""

    value: str


class ServiceState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the service takes writes (spec 5.12.22)."""

    status: ServiceStatus


def desk_of(call: Call, guest: Guest) -> Desk:
    """Where an administrator works."""
    return Desk(call.house, guest.principal, guest.settings, guest.at_ms)


async def timeline_of(call: Call, project: str) -> Snapshot:
    """The timeline of the path; raises 404."""
    timeline_id = call.parts["timeline_id"]
    if not ID.fullmatch(timeline_id):
        raise Problem(404, "no_timeline", NO_TIMELINE)
    address = Address(project, TIMELINE.name, timeline_id)
    snapshot = await call.house.directory.peek(address)
    if not snapshot.exists:
        raise Problem(404, "no_timeline", NO_TIMELINE)
    return snapshot


# --- timelines


async def list_timelines(call: Call) -> Answer:
    """All timelines on which users can be placed, in order of id (TL-092)."""
    guest = await for_admin(call)
    project, directory = guest.project, call.house.directory
    ids = await call.house.tables.read(lambda connection: published(connection, project))
    listed = []
    for timeline_id in ids:
        snapshot = await directory.peek(Address(project, TIMELINE.name, timeline_id))
        listed.append(timeline_answer(timeline_id, snapshot.state))
    return answer(listed)


async def get_timeline(call: Call) -> Answer:
    """One timeline, as its newest revision calls it (TL-093)."""
    guest = await for_admin(call, visible_read=True)
    snapshot = await timeline_of(call, guest.project)
    return answer(timeline_answer(snapshot.address.id, snapshot.state))


async def list_timeline_events(call: Call) -> Answer:
    """All events of the newest revision in (step, row) order (TL-094)."""
    guest = await for_admin(call)
    snapshot = await timeline_of(call, guest.project)
    revision = await call.house.directory.document(USER, guest.project, snapshot.state.revision)
    return answer(timeline_events(revision))


# --- variables


async def list_variables(call: Call) -> Answer:
    """All variables of the newest revision, shared ones with their values (TL-100)."""
    guest = await for_admin(call)
    snapshot = await timeline_of(call, guest.project)
    return answer(variables(snapshot.state))


async def get_variable(call: Call) -> Answer:
    """One variable by its name (TL-101)."""
    guest = await for_admin(call)
    snapshot = await timeline_of(call, guest.project)
    declared = _declared(snapshot, call.parts["name"])
    return answer(variable(snapshot.state, declared.name))


async def update_variable(call: Call) -> Answer:
    """Set a shared variable for everybody; answers after one commit (TL-102, spec 5.12.14)."""
    guest = await for_admin(call)
    desk = desk_of(call, guest)
    check_online(desk)
    given = body_of(call, UpdateVariableValue)
    snapshot = await timeline_of(call, guest.project)
    declared = _declared(snapshot, call.parts["name"])
    if declared.scope != VariableScope.SHARED:
        raise invalid(("path", "name"), ONLY_SHARED)
    try:
        value = values.check(declared.type, given.value)
    except values.BadValue as error:
        raise invalid(("body", "value"), str(error)) from None
    order = SetVariable(name=declared.name, value=value, at_ms=guest.at_ms)
    principal = guest.principal
    try:
        reply = await call.house.directory.ask(
            snapshot.address,
            order,
            by=principal.who,
            principal=principal.name,
            key=call.idempotency_key,
        )
    except Refused:  # a new revision declares it otherwise
        raise invalid(("path", "name"), ONLY_SHARED) from None
    return answer(variable(reply.state, declared.name))


def _declared(snapshot: Snapshot, name: str) -> Declared:
    """The variable of that name; raises 404."""
    found: Any = next((one for one in snapshot.state.declared if one.name == name), None)
    if found is None:
        raise Problem(404, "no_variable", "Variable not found.")
    declared: Declared = found
    return declared


# --- the service


async def put_service_status(call: Call) -> Answer:
    """Take writes or answer them 503; reads go on (spec 5.12.22).

    Only with a project's admin key.
    """
    guest = await for_project_admin(call)
    given = body_of(call, ServiceState)
    order = SetService(status=Service(given.status))
    address = Address(guest.project, SETTINGS, SETTINGS_ID)
    await call.house.directory.ask(address, order, by=guest.principal.who)
    return answer(given)
