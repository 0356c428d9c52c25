"""How requests of the timelines' client travel: by which credential, and how often.

A visible key mints access tokens, and those are presented; a secret key is presented itself and
names the user in a header. A connection that was lost is tried once more, as writes have a key
under which they are carried out once. Rules: spec timelines 2, 6; ledger TL-011 to TL-019, TL-037.
"""

from __future__ import annotations

import ssl
import unicodedata
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec
import trio

from api.client.fictioneers_shapes import AccessToken, refusal, understood

RENEW_SECONDS = 10
"""A token is renewed so long before it expires, as the published SDK does."""
USER_CHARACTERS_MAX = 256
VISIBLE_PREFIX = "v_"
LOST = (httpx.NetworkError, httpx.RemoteProtocolError)
"""The connection was lost, before or after the request was carried out."""


class Access(NamedTuple):
    """Who calls, as whom, and where: see `Fictioneers`. One of key and token is empty."""

    endpoint: str
    user_id: str
    api_key: str
    access_token: str

    @property
    def mints(self) -> bool:
        """Whether tokens are minted: the key is a visible one."""
        return self.api_key.startswith(VISIBLE_PREFIX)


def access(endpoint: str, user_id: str | None, api_key: str, access_token: str) -> Access:
    """What was given, judged. Raises `ValueError` where it cannot work."""
    parts = urlsplit(endpoint)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{endpoint!r} is not http://HOST/PATH or https://HOST/PATH")
    if bool(api_key) == bool(access_token):
        raise ValueError("either an API key or an access token is needed")
    if access_token and user_id is None:
        raise ValueError("an access token is one user's: say whose")
    user = str(uuid.uuid4()) if user_id is None else user_id
    fits = 1 <= len(user) <= USER_CHARACTERS_MAX and user == user.strip()
    if not fits or any(unicodedata.category(each) in {"Cc", "Cs"} for each in user):
        raise ValueError(
            f"a user id is a text of 1 to {USER_CHARACTERS_MAX} characters, without control"
            " characters, and without blanks at its ends"
        )
    return Access(endpoint, user, api_key, access_token)


class Ask(NamedTuple):
    """One request below the endpoint.

    `body` is sent as JSON, None: no body. `key` is the `Idempotency-Key`, "" on reads. `repeats`:
    it may be sent twice and is carried out once. `is_auth`: of the Auth API, which takes keys only.
    """

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = {}
    key: str = ""
    repeats: bool = True
    is_auth: bool = False


class Tokens:
    """The access token of one user, minted when it is needed and renewed before it expires."""

    def __init__(self, mint: Callable[[], Awaitable[AccessToken]]) -> None:
        self._mint = mint
        self._turn = trio.Lock()
        self._token = ""
        self._until = 0.0

    async def current(self) -> str:
        """A token that is good; who comes while one is minted waits for that one."""
        async with self._turn:
            now = trio.current_time()
            if not self._token or now >= self._until:
                minted = await self._mint()
                self._token = minted.access_token
                self._until = now + minted.expires_in - RENEW_SECONDS
            return self._token

    def drop(self, token: str) -> None:
        """That one was refused. Plain."""
        if self._token == token:
            self._token = ""


@cache
def _usual_trust() -> ssl.SSLContext:
    """The usual authorities, read once: that takes longer than a request."""
    return httpx.create_ssl_context()


class Wire:
    """The HTTP connections of one client. Open from `__aenter__` to `__aexit__`."""

    def __init__(
        self,
        who: Access,
        timeout: float,
        trust: ssl.SSLContext | None,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._who = who
        self._tokens = Tokens(self.mint) if who.mints else None
        self._http = httpx.AsyncClient(
            base_url=who.endpoint,
            timeout=timeout,
            verify=_usual_trust() if trust is None else trust,
            transport=transport,
        )

    async def __aenter__(self) -> Wire:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_error: object) -> None:
        with trio.CancelScope(shield=True):
            await self._http.aclose()

    # --- credentials

    async def mint(self) -> AccessToken:
        """A new token of the user, by the key (TL-028)."""
        body = {"user_id": self._who.user_id}
        answer = await self.send(Ask("POST", "/auth/token", body, is_auth=True))
        return understood(answer, AccessToken)

    async def bearer(self) -> str:
        """The secret key, or a token that is good."""
        if self._tokens is not None:
            return await self._tokens.current()
        return self._who.access_token or self._who.api_key

    def drop(self, bearer: str) -> bool:
        """It was refused; whether there may be another one."""
        if self._tokens is not None:
            self._tokens.drop(bearer)
        return self._tokens is not None

    def _headers(self, ask: Ask, bearer: str) -> list[tuple[bytes, bytes]]:
        """An API key stands bare, a token behind `Bearer` (TL-011)."""
        named = [("Accept", "application/json")]
        if bearer == self._who.api_key:
            named.append(("Authorization", bearer))
            if not ask.is_auth:
                named.append(("Fictioneers-User-ID", self._who.user_id))
        else:
            named.append(("Authorization", f"Bearer {bearer}"))
        if ask.body is not None:
            named.append(("Content-Type", "application/json"))
        if ask.key:
            named.append(("Idempotency-Key", ask.key))
        return [(name.encode(), value.encode()) for name, value in named]

    # --- requests

    async def send(self, ask: Ask) -> bytes:
        """The body of a success.

        A token that is refused is minted again, once. Raises `FictioneersError` for every other
        status, `httpx.TransportError` where there is no answer.
        """
        is_keyed = ask.is_auth and bool(self._who.api_key)
        bearer = self._who.api_key if is_keyed else await self.bearer()
        answer = await self._carry(ask, bearer)
        if answer.status_code == 401 and not is_keyed and self.drop(bearer):
            answer = await self._carry(ask, await self.bearer())
        if not answer.is_success:
            raise refusal(answer.status_code, answer.content)
        return answer.content

    async def _carry(self, ask: Ask, bearer: str) -> httpx.Response:
        request = self._http.build_request(
            ask.method,
            ask.path,
            content=None if ask.body is None else msgspec.json.encode(ask.body),
            params=dict(ask.query) or None,
            headers=self._headers(ask, bearer),
        )
        try:
            return await self._http.send(request)
        except LOST:
            if not ask.repeats:
                raise
        return await self._http.send(request)
