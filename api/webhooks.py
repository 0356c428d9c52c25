"""Webhooks: finished bodies posted to whoever subscribed, for every door alike.

One sender of the outbox: it asks the door whose actor caused the effect where the subscription
leads, signs the body as that door does, and posts it. A status of 2xx ends a delivery; anything
else is tried again after 10 s, 1 min, 10 min, 1 h and 6 h and then parked. A redirect is an answer
like others and is not followed. A subscription that is gone takes along what it was to be told.
Bodies may come in packs: then they go one by one, and how far it is stands in the delivery's row.
Rules: DESIGN 2 (Effects and other duties); engine spec 5.5; spec timelines 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import msgspec

from actors.secrets import Secret
from api.seals import SecretMissing, reveal
from engine.errors import More
from engine.outbox import WAITS_SECONDS, Outbox
from engine.ports import Delivery

if TYPE_CHECKING:
    from api.house import House

NAME = "webhook"
"""Of the sender, and of its place on the house's shelves."""
ATTEMPT_SHARE = 0.8
"""Of the time that the outbox gives: ours runs out first, so that the words are ours."""
ANSWER_BYTES_MAX = 1_000_000
"""Of an answer; nobody reads it, and beyond this it counts as none."""
URL_CHARACTERS_MAX = 2_048
"""What servers and proxies let through."""
SECRET_CHARACTERS_MAX = 1_024
"""Of a signing secret: far above any honest one."""


class Target(NamedTuple):
    """Where a subscription leads; `private` allows addresses that are not public."""

    url: str
    secret: Secret
    private: bool = False


class Letter(NamedTuple):
    """One body on its way: `attempt` counts from 1; a `replay` was parked before."""

    body: bytes
    event_id: str
    attempt: int
    is_replay: bool = False

    @property
    def try_(self) -> str:
        """Which try this is, in words: `attempt 3`, or `replay`."""
        return "replay" if self.is_replay else f"attempt {self.attempt}"


class Hooks(Protocol):
    """What is a door's own of its webhooks."""

    async def target(self, project: str, subscription: str) -> Target | None:
        """Where an effect's subscription leads; None if it is gone."""

    def headers(self, letter: Letter, secret: str) -> Mapping[str, str]:
        """Headers of a request: the signature of the body, and what else the door's API has."""


class NotDelivered(Exception):
    """The receiver did not take it; the words name its host and no more of the URL."""


class _Identified(msgspec.Struct):
    """What a body of every door begins with."""

    event_id: str


class WebhookSender:
    """The `webhook` effect: an `engine.senders.Sender`."""

    waits_seconds = WAITS_SECONDS

    def __init__(self, house: House) -> None:
        self._house = house
        self._doors: dict[str, Hooks] = {}
        limits = house.settings.limits
        self._seconds = limits.outbox_attempt_seconds_max * ATTEMPT_SHARE

    def add(self, door: str, hooks: Hooks) -> None:
        """A door has webhooks."""
        self._doors[door] = hooks

    async def send(self, delivery: Delivery) -> None:
        """Post what is next of a delivery; raises `More` while a pack has others."""
        domain = self._house.domain_of(delivery.cause.kind)
        hooks = self._doors[domain.name if domain is not None else ""]
        target = await hooks.target(delivery.project, delivery.effect.subscription)
        if target is None:
            return
        bodies = unpacked(delivery.effect.body)
        done = int(delivery.cursor or 0)
        await self._post(hooks, target, _letter(bodies[done], delivery))
        if done + 1 < len(bodies):
            raise More(str(done + 1))

    async def _post(self, hooks: Hooks, target: Target, letter: Letter) -> None:
        host = urlsplit(target.url).hostname
        try:
            secret = reveal(target.secret, self._house.seal)
        except SecretMissing as missing:
            raise NotDelivered(f"{host}: {missing}") from None
        got = await self._house.outgoing.request(
            "POST",
            target.url,
            headers={"content-type": "application/json", **hooks.headers(letter, secret)},
            body=letter.body,
            seconds=self._seconds,
            private=target.private,
            body_bytes_max=ANSWER_BYTES_MAX,
        )
        if 300 <= got.status < 400:
            raise NotDelivered(f"{host} answered {got.status}: redirects are not followed")
        if not 200 <= got.status < 300:
            raise NotDelivered(f"{host} answered {got.status}")


def _letter(body: bytes, delivery: Delivery) -> Letter:
    event_id = msgspec.json.decode(body, type=_Identified).event_id
    is_replay = delivery.attempts > len(WAITS_SECONDS)
    return Letter(body, event_id, delivery.attempts + 1, is_replay)


def unpacked(body: bytes) -> list[bytes]:
    """The bodies in an effect: itself, or those of the array that it is, to the letter."""
    if not body.startswith(b"["):
        return [body]
    return [bytes(each) for each in msgspec.json.decode(body, type=list[msgspec.Raw])]


def webhooks_of(house: House) -> WebhookSender:
    """The house's sender, known to its outbox."""
    sender = house.shelves.get(NAME)
    if sender is None:
        sender = house.shelves[NAME] = WebhookSender(house)
        outbox: Outbox = house.shelves["outbox"]
        outbox.register(NAME, sender)
    return cast("WebhookSender", sender)


# --- what callers give


def checked_url(url: str) -> str:
    """A URL that may be called. Raises `ValueError` with words that do not quote it."""
    if not 0 < len(url) <= URL_CHARACTERS_MAX or not all("!" <= one <= "~" for one in url):
        raise ValueError(f"is a URL of 1 to {URL_CHARACTERS_MAX} printable characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("cannot be read as a URL") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise ValueError("begins with http:// or https:// and names a host")
    if "@" in parts.netloc or "#" in url:
        raise ValueError("holds no user, no password and no fragment")
    return url


def checked_secret(secret: str) -> str:
    """A signing secret. Raises `ValueError` with words that do not show it."""
    if not 0 < len(secret) <= SECRET_CHARACTERS_MAX or not secret.isprintable():
        raise ValueError(f"is 1 to {SECRET_CHARACTERS_MAX} printable characters")
    return secret
