"""Webhooks of the timelines: who subscribes, how bodies are signed, what a project file declares.

Subscriptions are made with a project's admin key, or by `webhooks` in its file; secrets are sealed
before anything is stored, and are shown to nobody. The signature is the plain hex of HMAC-SHA256
over the body as it is sent. Rules: spec timelines 7; engine spec 5.5, 6; ledger TL-136 to TL-141.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from actors.secrets import Secret
from actors.timelines.hook_words import (
    SUBSCRIPTION,
    WEBHOOKS_MAX,
    EventType,
    Naming,
    Webhook,
    WebhookShown,
    shown,
)
from actors.timelines.settings import ID, KIND, DeclareWebhooks, Subscribe, Unsubscribe
from api.auth import hash_key
from api.domain import Item, Order
from api.http import NO_CONTENT, Answer, Call, Problem, Route, answer
from api.timelines.cors import ADMIN
from api.timelines.entrance import for_project_admin
from api.timelines.errors import body_of, detail, invalid_all, present
from api.timelines.shelf import NAME, Shelf, shelf_of
from api.webhooks import Letter, Target, checked_secret, checked_url, webhooks_of
from engine.errors import Refused
from engine.messages import Address

if TYPE_CHECKING:
    from api.house import House
    from api.seals import Seal

SIGNATURE, EVENT_ID, DELIVERY = (
    "Fictioneers-Signature",
    "Fictioneers-Event-Id",
    "Fictioneers-Delivery",
)
MEMBERS = ("url", "secret", "events", "state_naming")
TYPES = tuple(event_type.value for event_type in EventType)
ID_DIGITS = 16


# --- sending


def signature_of(body: bytes, secret: str) -> str:
    """Lower-case hex of HMAC-SHA256 over the body, keyed with the secret's UTF-8 (TL-140)."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class TimelineHooks:
    """What is this door's own; an `api.webhooks.Hooks`."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def target(self, project: str, subscription: str) -> Target | None:
        """Where the webhook of that id leads."""
        settings = await self._shelf.settings(project)
        id_ = subscription.removeprefix(SUBSCRIPTION)
        for one in settings.webhooks:
            if one.id == id_:
                return Target(one.url, one.secret, settings.webhook_private)
        return None

    def headers(self, letter: Letter, secret: str) -> Mapping[str, str]:
        """The signature (TL-139), and by what receivers know a repeat."""
        return {
            SIGNATURE: signature_of(letter.body, secret),
            EVENT_ID: letter.event_id,
            DELIVERY: letter.try_,
        }


def furnish(house: House) -> None:
    """The door's shelf, and its webhooks among those of the house."""
    webhooks_of(house).add(NAME, TimelineHooks(shelf_of(house)))


# --- what is given


class Given(NamedTuple):
    """A webhook before its secret is sealed."""

    url: str
    secret: str
    events: tuple[EventType, ...] = ()
    state_naming: Naming = Naming.NEW

    def sealed(self, id_: str, seal: Seal) -> Webhook:
        """The webhook as it is stored."""
        secret = Secret(sealed=seal.seal(self.secret))
        return Webhook(id_, self.url, secret, self.events, self.state_naming)


def read(given: Mapping[str, Any]) -> tuple[Given | None, dict[str, str]]:
    """A webhook, or what is wrong with each member, in words that follow its name."""
    wrong: dict[str, str] = {}
    made: dict[str, Any] = {}
    for name, judge in JUDGES.items():
        try:
            if name in given:
                made[name] = judge(given[name])
            elif name in ("url", "secret"):
                wrong[name] = "is missing"
        except ValueError as error:
            wrong[name] = str(error)
    return (None if wrong else Given(**made)), wrong


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("is a text")
    return value


def _events(value: object) -> tuple[EventType, ...]:
    if not isinstance(value, list | tuple) or not all(each in TYPES for each in value):
        raise ValueError(f"is a list of {', '.join(TYPES)}")
    return tuple(dict.fromkeys(EventType(each) for each in value))


def _naming(value: object) -> Naming:
    if value not in (Naming.NEW, Naming.LEGACY):
        raise ValueError("is new or legacy")
    return Naming(_text(value))


JUDGES: Mapping[str, Any] = {
    "url": lambda value: checked_url(_text(value)),
    "secret": lambda value: checked_secret(_text(value)),
    "events": _events,
    "state_naming": _naming,
}


# --- the project file


def declared_item(value: object) -> Item:
    """`webhooks` of the file, compared by the secrets' hashes. Raises `ValueError`.

    A webhook's id follows from its URL: with other events, or another secret, it is the same one
    and keeps what it is still to be told.
    """
    name = f"{NAME}.webhooks"
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise ValueError(f"{name} is a list of tables with {', '.join(MEMBERS)}")
    if len(value) > WEBHOOKS_MAX:
        raise ValueError(f"{name}: there are at most {WEBHOOKS_MAX}")
    given = [_declared(f"{name}.{number}", one) for number, one in enumerate(value)]
    compared = [(*one._replace(secret=hash_key(one.secret)),) for one in given]
    if not given:
        return Item(name, b"[]", ((KIND, ID, DeclareWebhooks(webhooks=())),))
    return Item(name, msgspec.json.encode(compared), sealed=partial(_sealed, given))


def _declared(name: str, one: Mapping[str, Any]) -> Given:
    for member in one:
        if member not in MEMBERS:
            raise ValueError(f"{name}.{member}: unknown key; there are {', '.join(MEMBERS)}")
    given, wrong = read(one)
    for member, words in wrong.items():
        raise ValueError(f"{name}.{member} {words}")
    assert given is not None
    return given


def _sealed(given: Iterable[Given], seal: Seal) -> tuple[Order, ...]:
    made = tuple(one.sealed(id_, seal) for id_, one in _with_ids(given))
    return ((KIND, ID, DeclareWebhooks(webhooks=made)),)


def _with_ids(given: Iterable[Given]) -> Iterator[tuple[str, Given]]:
    met: dict[str, int] = {}
    for one in given:
        number = met[one.url] = met.get(one.url, 0) + 1
        yield hash_key(f"{number} {one.url}")[:ID_DIGITS], one


# --- routes


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A URL to call, the secret that signs, the events that it wants (none: all of them)."""

    url: str
    secret: str
    events: tuple[EventType, ...] = ()
    state_naming: Naming = Naming.NEW


class _Loose(msgspec.Struct, frozen=True, kw_only=True):
    """The same, as it may come: `read` says more of what is wrong with it."""

    url: str
    secret: str
    events: Any = ()
    state_naming: Any = Naming.NEW


def _address(project: str) -> Address:
    return Address(project, KIND, ID)


async def list_webhooks(call: Call) -> Answer:
    """The project's webhooks, without their secrets."""
    guest = await for_project_admin(call)
    return answer([shown(one) for one in guest.settings.webhooks])


async def create_webhook(call: Call) -> Answer:
    """Subscribe a URL; the answer has its id. 403 when there are too many."""
    guest = await for_project_admin(call)
    given, wrong = read(msgspec.structs.asdict(body_of(call, _Loose)))
    if given is None:
        raise invalid_all([detail(("body", name), words) for name, words in wrong.items()])
    id_ = call.house.directory.new_id().replace("-", "")[:ID_DIGITS]
    webhook = given.sealed(id_, call.house.seal)
    try:
        await call.house.directory.ask(
            _address(guest.project), Subscribe(webhook=webhook), by=guest.principal.who
        )
    except Refused as refused:
        raise Problem(403, "too_many_webhooks", refused.why) from None
    return answer(shown(webhook), 201)


async def delete_webhook(call: Call) -> Answer:
    """End a webhook, whoever made it: 204. What it was still to be told is dropped."""
    guest = await for_project_admin(call)
    order = Unsubscribe(id=call.parts["webhook_id"])
    try:
        await call.house.directory.ask(_address(guest.project), order, by=guest.principal.who)
    except Refused:
        raise Problem(404, "no_webhook", "Webhook not found.") from None
    return NO_CONTENT


ROUTES = (
    Route("GET", "/webhooks", list_webhooks, "handler", summary="List webhooks",
          answers={200: list[WebhookShown]}, present=present, cors=True, tag=ADMIN),
    Route("POST", "/webhooks", create_webhook, "handler", summary="Subscribe to events",
          body=NewWebhook, answers={201: WebhookShown, 403: None}, present=present, cors=True,
          tag=ADMIN),
    Route("DELETE", "/webhooks/{webhook_id}", delete_webhook, "handler", summary="End a webhook",
          answers={204: None, 404: None}, present=present, cors=True, tag=ADMIN),
)  # fmt: skip
"""Below the door's prefixes; only with a project's admin key."""
