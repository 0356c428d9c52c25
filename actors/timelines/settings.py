"""What a project's `[timelines]` table sets, its webhooks, and whether the service is down.

One small actor for each project, `timelines/settings`: what its door looks up with every request.
Applying a project file changes the settings, and the webhooks that it declares; never those that
were made at run time, and never the switch. That is an operator's, and while it is on, writes are
refused and reads go on. Rules: spec timelines 5.11, 5.12.18, 5.12.22, 7; engine spec 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Literal

import msgspec

from actors.timelines.hook_words import WEBHOOKS_MAX, Webhook, WebhookShown, shown
from engine.kind import FOR_EVER, Kind, present_events
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
    timelines here. `webhooks` have commands of their own.
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
    legacy: bool = False
    """Every route speaks as in 2022 (spec 5.12.22)."""
    webhook_private: bool = False
    """Webhooks may go to addresses that are not public (spec 7)."""
    maintenance: bool = False
    declared: bool = False
    webhooks: tuple[Webhook, ...] = ()


# --- commands, all of them the administration's own


class Configure(Command, frozen=True):
    """The settings of a project file; only what a file sets counts in them."""

    settings: Settings


class SetService(Command, frozen=True):
    """Move the switch."""

    status: Service


class DeclareWebhooks(Command, frozen=True):
    """The webhooks of a project file, in place of those that it declared before."""

    webhooks: tuple[Webhook, ...]


class Subscribe(Command, frozen=True):
    """One more webhook, made at run time."""

    webhook: Webhook


class Unsubscribe(Command, frozen=True):
    """End a webhook by its id, whoever made it."""

    id: str


# --- events


class Configured(Event, frozen=True):
    """The project file's settings are in force."""

    settings: Settings


class ServiceSet(Event, frozen=True):
    """The switch was moved; `who` moved it."""

    status: Service
    who: str


class WebhooksDeclared(Event, frozen=True):
    """These are the project file's webhooks from now on."""

    webhooks: tuple[Webhook, ...]


class Subscribed(Event, frozen=True):
    """There is one more webhook; `who` made it."""

    webhook: Webhook
    who: str


class Unsubscribed(Event, frozen=True):
    """That webhook is no more, and what it was still to be told goes with it; `who` ended it."""

    id: str
    who: str


# --- rules


def configured(settings: Settings, command: Configure, _moment: Moment) -> Iterator[Configured]:
    """The first time is a fact even with the defaults; the same settings again are none."""
    wanted = _of_file(command.settings)
    if not settings.declared or wanted != _of_file(settings):
        yield Configured(settings=wanted)


def _of_file(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, maintenance=False, declared=False, webhooks=())


def _closes(_settings: Settings, command: SetService, _moment: Moment) -> bool:
    return command.status is Service.MAINTENANCE


def _opens(_settings: Settings, command: SetService, _moment: Moment) -> bool:
    return command.status is Service.ONLINE


def service_set(settings: Settings, command: SetService, moment: Moment) -> Iterator[ServiceSet]:
    """Setting the switch to where it is changes nothing."""
    if command.status is not service_of(settings):
        yield ServiceSet(status=command.status, who=moment.by)


def has_room(settings: Settings, command: DeclareWebhooks | Subscribe, _moment: Moment) -> bool:
    """Few enough are told in one commit, and each has an id of its own."""
    webhooks = _with(settings, command)
    return len(webhooks) == len({one.id for one in webhooks}) <= WEBHOOKS_MAX


def _with(settings: Settings, change: Any) -> tuple[Webhook, ...]:
    """The webhooks with those of a command, or of its event."""
    if isinstance(change, Subscribe | Subscribed):
        return (*settings.webhooks, msgspec.structs.replace(change.webhook, declared=False))
    declared = [msgspec.structs.replace(one, declared=True) for one in change.webhooks]
    return (*declared, *(one for one in settings.webhooks if not one.declared))


def webhooks_declared(
    settings: Settings, command: DeclareWebhooks, _moment: Moment
) -> Iterator[WebhooksDeclared]:
    """The same ones again are none."""
    if _with(settings, command) != settings.webhooks:
        yield WebhooksDeclared(webhooks=command.webhooks)


def subscribed(_settings: Settings, command: Subscribe, moment: Moment) -> Iterator[Subscribed]:
    """From the next commit on it is told."""
    yield Subscribed(webhook=command.webhook, who=moment.by)


def is_subscribed(settings: Settings, command: Unsubscribe, _moment: Moment) -> bool:
    """There is a webhook of that id."""
    return any(one.id == command.id for one in settings.webhooks)


def unsubscribed(
    _settings: Settings, command: Unsubscribe, moment: Moment
) -> Iterator[Unsubscribed]:
    """From the next commit on it is not told."""
    yield Unsubscribed(id=command.id, who=moment.by)


def service_of(settings: Settings) -> Service:
    """Where the switch is."""
    return Service.MAINTENANCE if settings.maintenance else Service.ONLINE


def evolve(settings: Settings, event: Event) -> Settings:
    """The fold."""
    match event:
        case Configured(settings=given):
            return msgspec.structs.replace(
                given,
                maintenance=settings.maintenance,
                declared=True,
                webhooks=settings.webhooks,
            )
        case WebhooksDeclared() | Subscribed():
            return msgspec.structs.replace(settings, webhooks=_with(settings, event))
        case Unsubscribed(id=id_):
            left = tuple(one for one in settings.webhooks if one.id != id_)
            return msgspec.structs.replace(settings, webhooks=left)
        case ServiceSet(status=status):
            is_down = status is Service.MAINTENANCE
            return msgspec.structs.replace(settings, maintenance=is_down)
    return settings


# --- the table

ONLINE, MAINTENANCE = Service.ONLINE, Service.MAINTENANCE
ANY = (ONLINE, MAINTENANCE)
FEW = f"there are at most {WEBHOOKS_MAX} webhooks, each with an id of its own"
KNOWN = "there is a webhook of that id"

MACHINE = Machine[Settings](
    "settings",
    Service,
    (
        Row(ONLINE, Configure, ONLINE, configured),
        Row(MAINTENANCE, Configure, MAINTENANCE, configured, why="the switch is an operator's"),
        Row(ANY, SetService, MAINTENANCE, service_set, _closes, "writes are refused"),
        Row(ANY, SetService, ONLINE, service_set, _opens, "writes are taken again"),
        *(
            row
            for phase in ANY
            for row in (
                Row(phase, DeclareWebhooks, phase, webhooks_declared, has_room, FEW),
                Row(phase, Subscribe, phase, subscribed, has_room, FEW),
                Row(phase, Unsubscribe, phase, unsubscribed, is_subscribed, KNOWN),
            )
        ),
    ),
    phase=service_of,
)


def present(settings: Settings) -> Any:
    """What operators see: the settings in force; of webhooks all but their secrets."""
    plain = msgspec.to_builtins(msgspec.structs.replace(settings, webhooks=()))
    if settings.webhooks:
        plain["webhooks"] = [msgspec.to_builtins(shown(one)) for one in settings.webhooks]
    return plain


def present_shown(events: tuple[Event, ...]) -> Any:
    """What pushes and listings show: no event with a secret."""
    return present_events(tuple(_without_secrets(event) for event in events))


class _WebhooksShown(Event, frozen=True, tag="WebhooksDeclared"):
    webhooks: tuple[WebhookShown, ...]


class _SubscribedShown(Event, frozen=True, tag="Subscribed"):
    webhook: WebhookShown
    who: str


def _without_secrets(event: Event) -> Event:
    match event:
        case WebhooksDeclared(webhooks=webhooks):
            return _WebhooksShown(webhooks=tuple(map(shown, webhooks)))
        case Subscribed(webhook=webhook, who=who):
            return _SubscribedShown(webhook=shown(webhook), who=who)
    return event


SETTINGS = Kind[Settings](
    name=KIND,
    state=Settings,
    initial=lambda _id: Settings(),
    machines=(MACHINE,),
    evolve=evolve,
    events=(Configured, ServiceSet, WebhooksDeclared, Subscribed, Unsubscribed),
    present=present,
    present_events=present_shown,
    keep=FOR_EVER,
)
