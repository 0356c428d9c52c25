"""Who may ask what of which environment.

Decisions name their environment by path or by key and need a key of it; the calls that SDKs make
without any key are let in by the environment's id, within limits, unless the environment demands a
key. An admin key of the project counts as its strongest. Rules: spec flags 10.6; engine spec 5.
"""

from __future__ import annotations

from typing import NamedTuple

from actors.flags.visitor import KIND as VISITOR
from api.auth import Principal
from api.flags.environments import Live
from api.flags.shelf import NAME, Shelf
from api.http import Call, Problem

API_KEY = "api_key"
CLIENT_KEY = "client_key"
SERVER_SIDE = frozenset({API_KEY, "admin"})
TOKEN = VISITOR
"""The kind of a principal that holds a visitor's token."""


def principal_of(call: Call) -> Principal | None:
    """Who calls, by `x-api-key` or `Authorization: Bearer`; 401 for an unknown key."""
    if call.principal is not None:
        return call.principal
    key = call.headers.get("x-api-key", "") or _bearer(call)
    if not key:
        return None
    principal = call.house.credentials.identify(key)
    if principal is None:
        raise Problem(401, "unknown_key", "this key is unknown")
    call.principal = principal
    return principal


def _bearer(call: Call) -> str:
    scheme, _, key = call.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


async def for_decision(call: Call, shelf: Shelf, env: str | None) -> Live:
    """The environment that a decision is asked of; `env` as the path names it, if it does."""
    principal = principal_of(call)
    if principal is None:
        return await _without_key(call, shelf, env)
    if env is None:
        if principal.door != NAME:
            return _of_admin(principal, await shelf.only_environment())
        env = principal.subject
    live = shelf.environments.live.get(env) or await shelf.environments.find(env)
    if principal.door != NAME:
        return _of_admin(principal, live)
    if principal.subject != env or live is None or principal.project != live.project:
        raise Problem(403, "wrong_key", "this key is valid, but not for this environment")
    if principal.kind == CLIENT_KEY:
        shelf.limits.take(env, call.client)
    elif principal.kind != API_KEY:
        raise Problem(403, "wrong_key", "this key is valid, but not for this")
    return live


async def _without_key(call: Call, shelf: Shelf, env: str | None) -> Live:
    """Only a route that names no environment works without a key, if there is just one."""
    live = await shelf.only_environment() if env is None else None
    if live is None or live.settings.require_key:
        raise Problem(401, "no_key", "this needs a key of the environment")
    shelf.limits.take(live.env, call.client)
    return live


def _of_admin(principal: Principal, live: Live | None) -> Live:
    """An admin key opens its own project's environments; another project's are not there."""
    if not principal.is_admin:
        raise Problem(403, "wrong_key", "this key is valid, but not for this")
    if live is None or live.project != principal.project:
        raise Problem(404, "no_environment", "there is no such environment")
    return live


async def without_key(call: Call, shelf: Shelf, env: str) -> Live | None:
    """The environment of a call that carries no key; None: there is none of that id.

    Where a setting demands one, 401 or 403; strangers have a limit per address (429).
    """
    live = shelf.environments.live.get(env) or await shelf.environments.find(env)
    if live is None:
        return None
    known = _known(call, live)
    if live.settings.require_key:
        if principal_of(call) is None:
            raise Problem(401, "no_key", "this environment demands a key here")
        if known is None:
            raise Problem(403, "wrong_key", "this key is valid, but not for this environment")
    if known is None or known.kind not in SERVER_SIDE:
        shelf.limits.take(env, call.client)
    return live


def _known(call: Call, live: Live) -> Principal | None:
    """The caller's key if it is one of the environment; any other counts as none."""
    key = call.headers.get("x-api-key", "") or _bearer(call)
    principal = call.house.credentials.identify(key) if key else None
    if principal is None or principal.project != live.project:
        return None
    if principal.is_admin or (principal.door == NAME and principal.subject == live.env):
        call.principal = principal
        return principal
    return None


def count_rows(call: Call, shelf: Shelf, live: Live, rows: int) -> None:
    """New rows of a caller without a server-side key count against the day's cap."""
    if call.principal is None or call.principal.kind not in SERVER_SIDE:
        shelf.limits.count_rows(live.env, rows, live.settings.daily_rows_max)


async def for_admin(call: Call, shelf: Shelf, env: str) -> Live:
    """The environment of a management route; the route itself let only admins in."""
    live = await shelf.environments.find(env)
    if live is None or live.project != call.who.project:
        raise Problem(404, "no_environment", f"there is no environment {env[:64]!r}")
    return live


# --- visitors


class Guest(NamedTuple):
    """Who calls about visitors of an environment: a key, and perhaps a visitor's token beside it.

    With the token alone, it is the key.
    """

    live: Live
    key: Principal
    token: Principal | None = None

    def at(self, actor_id: str) -> Principal:
        """Who this is to the visitor `ENV:HANDLE`: the holder of its token, else of the key."""
        if self.token is not None and reaches(self.token, actor_id):
            return self.token
        return self.key


def reaches(principal: Principal, actor_id: str) -> bool:
    """Whether a credential of this door is about that visitor, or its environment."""
    if principal.door != NAME:
        return False
    if principal.kind == TOKEN:
        return principal.subject == f"{VISITOR}/{actor_id}"
    return actor_id.startswith(f"{principal.subject}:")


async def for_visitors(call: Call, shelf: Shelf, env: str) -> Guest:
    """Who calls a visitor's route, and the environment: 401, 403 or 404 as for decisions.

    A client key in `x-api-key` may come with a token in `Authorization`. Callers without a
    server-side key have a limit per address (429).
    """
    key = principal_of(call)
    if key is None:
        raise Problem(401, "no_key", "this needs a key of the environment, or a visitor's token")
    live = shelf.environments.live.get(env) or await shelf.environments.find(env)
    if key.door != NAME:
        return Guest(_of_admin(key, live), key)
    if live is None or live.project != key.project or not _belongs(key, env):
        raise Problem(403, "wrong_key", "this key is valid, but not for this environment")
    if key.kind in SERVER_SIDE:
        return Guest(live, key)
    shelf.limits.take(env, call.client)
    return Guest(live, key, _token_beside(call, key))


def _belongs(principal: Principal, env: str) -> bool:
    """An environment's key, or the token of a visitor of it."""
    if principal.kind == TOKEN:
        return principal.subject.startswith(f"{VISITOR}/{env}:")
    return principal.subject == env


def _token_beside(call: Call, key: Principal) -> Principal | None:
    """The token in `Authorization` beside a client key; 401 for one that is not good."""
    text = _bearer(call)
    if not text or key.kind != CLIENT_KEY:
        return None
    token = call.house.credentials.identify(text)
    if token is None:
        raise Problem(401, "unknown_key", "this token is unknown, or not good any more")
    return token if token.kind == TOKEN and token.project == key.project else None
