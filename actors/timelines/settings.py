"""What a project's `[timelines]` table sets, and whether the service is down for maintenance.

One small actor for each project, `timelines/settings`: what its door looks up with every request.
Applying a project file changes the settings and never the switch; the switch is an operator's, and
while it is on, writes are refused and reads go on. Rules: spec timelines 5.11, 5.12.18, 5.12.22.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

import msgspec

from engine.kind import FOR_EVER, Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Command, Event

KIND = "timelines"
ID = "settings"
"""The id of a project's one actor of the kind."""
MissingUser = Literal[404, 403, "null"]
"""What GET /users/me answers where there is no user: a status, or 200 with `data` null."""


class Service(StrEnum):
    """Whether the service takes writes (ledger TL-131)."""

    ONLINE = "ONLINE"
    MAINTENANCE = "MAINTENANCE"


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The settings of a project's timelines; each has a default.

    `maintenance` is the operator's switch. `declared`: a project file has said that there are
    timelines here.
    """

    test_clock: bool = False
    """A secret key may say at which instant its request is decided (spec 5.12.18)."""
    missing_user: MissingUser = 404
    """As spec 5.11 has it."""
    cors_origins: tuple[str, ...] | None = None
    """Web pages that may call the Auth and Audience APIs; None: all of them (spec 5.12.21)."""
    naive_datetimes: bool = False
    """Date-times are written without their `Z` (spec 4)."""
    visible_read: bool = False
    """A visible key may read one timeline by its id (spec 2)."""
    maintenance: bool = False
    declared: bool = False


# --- commands, all of them the administration's own


class Configure(Command, frozen=True):
    """The settings of a project file; `maintenance` and `declared` in them count for nothing."""

    settings: Settings


class SetService(Command, frozen=True):
    """Move the switch."""

    status: Service


# --- events


class Configured(Event, frozen=True):
    """The project file's settings are in force."""

    settings: Settings


class ServiceSet(Event, frozen=True):
    """The switch was moved; `who` moved it."""

    status: Service
    who: str


# --- rules


def configured(settings: Settings, command: Configure, _moment: Moment) -> Iterator[Configured]:
    """The first time is a fact even with the defaults; the same settings again are none."""
    wanted = msgspec.structs.replace(command.settings, maintenance=False, declared=False)
    if not settings.declared or wanted != _of_file(settings):
        yield Configured(settings=wanted)


def _of_file(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, maintenance=False, declared=False)


def _closes(_settings: Settings, command: SetService, _moment: Moment) -> bool:
    return command.status is Service.MAINTENANCE


def _opens(_settings: Settings, command: SetService, _moment: Moment) -> bool:
    return command.status is Service.ONLINE


def service_set(settings: Settings, command: SetService, moment: Moment) -> Iterator[ServiceSet]:
    """Setting the switch to where it is changes nothing."""
    if command.status is not service_of(settings):
        yield ServiceSet(status=command.status, who=moment.by)


def service_of(settings: Settings) -> Service:
    """Where the switch is."""
    return Service.MAINTENANCE if settings.maintenance else Service.ONLINE


def evolve(settings: Settings, event: Event) -> Settings:
    """The fold."""
    match event:
        case Configured(settings=given):
            maintenance = settings.maintenance
            return msgspec.structs.replace(given, maintenance=maintenance, declared=True)
        case ServiceSet(status=status):
            is_down = status is Service.MAINTENANCE
            return msgspec.structs.replace(settings, maintenance=is_down)
    return settings


# --- the table

ONLINE, MAINTENANCE = Service.ONLINE, Service.MAINTENANCE
ANY = (ONLINE, MAINTENANCE)

MACHINE = Machine[Settings](
    "settings",
    Service,
    (
        Row(ONLINE, Configure, ONLINE, configured),
        Row(MAINTENANCE, Configure, MAINTENANCE, configured, why="the switch is an operator's"),
        Row(ANY, SetService, MAINTENANCE, service_set, _closes, "writes are refused"),
        Row(ANY, SetService, ONLINE, service_set, _opens, "writes are taken again"),
    ),
    phase=service_of,
)

SETTINGS = Kind[Settings](
    name=KIND,
    state=Settings,
    initial=lambda _id: Settings(),
    machines=(MACHINE,),
    evolve=evolve,
    events=(Configured, ServiceSet),
    keep=FOR_EVER,
)
