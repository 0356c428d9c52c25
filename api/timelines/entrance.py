"""Who may come in to which of the three APIs, about which user, and at which instant.

A key stands in `Authorization` as it is, or behind `Bearer` as tokens do. Visible keys mint tokens
and no more, tokens reach the Audience API as their one user, secret keys reach everything and name
the user in a header. An admin key of the project counts as a secret key; it alone publishes and
moves the switch of the service. Rules: spec timelines 2, 5.12.15, 5.12.18, 5.12.23; engine spec
5.1; ledger TL-011 to TL-019, TL-036, TL-037, TL-089.
"""

from __future__ import annotations

import secrets
import unicodedata
from typing import NamedTuple

from actors.timelines import times
from actors.timelines.settings import Settings
from api.auth import ADMIN as ADMIN_KEY
from api.auth import Principal
from api.http import Call
from api.timelines import tokens
from api.timelines.cors import ADMIN, AUDIENCE, AUTH
from api.timelines.errors import forbidden, invalid, invalid_all, unauthorized, wrong_key
from api.timelines.invalid import CLOCK_HEADER, USER_HEADER, Place, missing
from api.timelines.shelf import NAME, settings_of, shelf_of

SECRET, VISIBLE, TOKEN = "secret_key", "visible_key", tokens.KIND
"""Kinds of this door's principals."""
LETTERS = {SECRET: "s", VISIBLE: "v"}
"""Kinds of keys, and the letter that each key begins with."""
SERVER_SIDE = frozenset({SECRET, ADMIN_KEY})
"""Kinds that are trusted back ends: they name users, and set a test clock."""
MAY_ENTER = {
    AUTH: frozenset({SECRET, VISIBLE}),
    AUDIENCE: frozenset({SECRET, TOKEN}),
    ADMIN: frozenset({SECRET}),
}
"""The credential matrix (TL-019)."""
USER_CHARACTERS_MAX = 256


class Guest(NamedTuple):
    """A caller who was let in.

    `user_id`: whom the call is about, "" outside the Audience API. `at_ms`: the instant at which it
    is decided, None for now.
    """

    principal: Principal
    settings: Settings
    user_id: str = ""
    at_ms: int | None = None

    @property
    def project(self) -> str:
        """The project that the credential belongs to."""
        return self.principal.project


async def for_auth(call: Call) -> Guest:
    """A caller of the Auth API. Raises 401, 403, and 429 for too many calls by a visible key.

    A test clock is judged as elsewhere and changes nothing: tokens live in real time.
    """
    guest = await _let_in(call, AUTH)
    if guest.principal.kind == VISIBLE:
        shelf_of(call.house).buckets.take(NAME, guest.principal.key_id, call.client)
    return guest


async def for_audience(call: Call) -> Guest:
    """A caller of the Audience API, as a user. Raises 401, 403, 422 (no user, or a bad one)."""
    guest = await _let_in(call, AUDIENCE)
    return guest._replace(user_id=_user_id(call, guest.principal))


async def for_admin(call: Call, *, visible_read: bool = False) -> Guest:
    """A caller of the Admin API. Raises 401, 403.

    `visible_read`: the one read that a visible key may do where the project's setting says so.
    """
    return await _let_in(call, ADMIN, visible_read=visible_read)


async def for_project_admin(call: Call) -> Guest:
    """Somebody with an admin key of the project. Raises 401, and 403 for secret keys too."""
    guest = await _let_in(call, ADMIN)
    if guest.principal.kind != ADMIN_KEY:
        raise wrong_key()
    return guest


async def _let_in(call: Call, api: str, *, visible_read: bool = False) -> Guest:
    principal = principal_of(call)
    kind = sort_of(principal)
    if not kind:
        raise wrong_key()
    settings = await settings_of(call.house, principal.project)
    is_read = visible_read and settings.visible_read and kind == VISIBLE
    if kind not in MAY_ENTER[api] and not is_read:
        raise wrong_key()
    return Guest(principal, settings, at_ms=_instant(call, kind, settings))


def principal_of(call: Call) -> Principal:
    """Who calls; raises 401 for nobody, an unknown key and a token that is dead."""
    key = key_of(call.headers.get("authorization", ""))
    if not key:
        raise unauthorized("no_key")
    principal = call.house.credentials.identify(key)
    if principal is None:
        raise unauthorized("unknown_key")
    call.principal = principal
    return principal


def key_of(authorization: str) -> str:
    """The key or token in `Authorization`, with or without `Bearer`; "" if there is none."""
    scheme, _, rest = authorization.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else authorization.strip()


def sort_of(principal: Principal) -> str:
    """The kind of a principal at this door; an admin key is the strongest, others' keys are ""."""
    if principal.kind == ADMIN_KEY:
        return SECRET
    return principal.kind if principal.door == NAME else ""


def new_key(kind: str) -> str:
    """A fresh key in the documented form: its kind's letter, 16 hex digits, 43 of base64url.

    `s_0123456789abcdef.` and so on (TL-018); 32 random bytes behind the dot. Raises `ValueError`
    for a kind of which this door has no keys; tokens are minted, not made.
    """
    if kind not in LETTERS:
        raise ValueError(f"a key of {NAME} is a {' or a '.join(LETTERS)}")
    return f"{LETTERS[kind]}_{secrets.token_hex(8)}.{secrets.token_urlsafe(32)}"


# --- the user


def _user_id(call: Call, principal: Principal) -> str:
    """A token's own user, whatever the header says; else the user that the header names."""
    if principal.kind == TOKEN:
        return principal.subject
    given = call.headers.get(USER_HEADER[1])
    if given is None:
        raise invalid_all([missing(USER_HEADER)])
    return checked_user(_text_of(given), USER_HEADER)


def _text_of(given: str) -> str:
    """What the bytes of a header say, `given` with a character for each byte.

    UTF-8 where they are that; else Latin-1, in which Node and so the published SDK sends headers:
    the `ë` of a user `Zoë` comes as the one byte EB. Bytes that could be either are UTF-8.
    """
    try:
        return given.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return given


def checked_user(text: str, loc: Place) -> str:
    """The user id that was given there; raises 422 for one that nobody can have (5.12.15)."""
    if not text:
        words = "ensure this value has at least 1 characters"
        raise invalid(loc, words, "value_error.any_str.min_length")
    if len(text) > USER_CHARACTERS_MAX:
        words = f"ensure this value has at most {USER_CHARACTERS_MAX} characters"
        raise invalid(loc, words, "value_error.any_str.max_length")
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise invalid(loc, "control characters are not allowed")
    return text


# --- the instant


def _instant(call: Call, kind: str, settings: Settings) -> int | None:
    """What `Callboard-Now` says, in ms; raises 403 where it may not be said, 422 for a bad one."""
    text = call.headers.get(CLOCK_HEADER[1])
    if text is None:
        return None
    if not settings.test_clock:
        raise forbidden("test_clock_off", "The test clock is switched off.")
    if kind != SECRET:
        raise forbidden("test_clock_key", "Only a secret key may set the test clock.")
    try:
        instant = times.read_instant(text.strip())
    except times.BadTime as error:
        raise invalid(CLOCK_HEADER, str(error)) from None
    if isinstance(instant, times.Naive):
        raise invalid(CLOCK_HEADER, "a zone is needed, as in 2023-02-03T09:00:00Z")
    return instant
