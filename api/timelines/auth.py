"""The Auth API: access tokens are minted for one user, and looked at.

Answers are bare. Whoever holds a visible key can mint for any user id: so the original documents
it. Tokens are minted in maintenance too, or nobody could read. Rules: spec timelines 2, 3,
5.12.23; ledger TL-027 to TL-035.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from actors.timelines.answers.shapes import HTTPValidationError
from api.http import Answer, Call, Route, answer
from api.timelines import tokens
from api.timelines.cors import AUTH, for_pages
from api.timelines.entrance import USER_CHARACTERS_MAX, checked_user, for_auth
from api.timelines.errors import body_of, present

UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=USER_CHARACTERS_MAX)]


class TokenRequest(msgspec.Struct, frozen=True):
    """Whom to mint for (TL-029)."""

    user_id: UserId


class TokenResponse(msgspec.Struct, frozen=True):
    """A token, and the seconds that it is good (TL-030)."""

    access_token: str
    expires_in: int


class TokenIntrospectRequest(msgspec.Struct, frozen=True):
    """Which token to look at (TL-033)."""

    access_token: str


class TokenIntrospectResponse(msgspec.Struct, frozen=True):
    """Whether a token is good; if so, whose and for how many seconds more (TL-034)."""

    is_active: bool
    user_id: str | None = None
    expires_in: int | None = None


@for_pages
async def mint(call: Call) -> Answer:
    """An access token for the Audience API, tied to one user and good for an hour (TL-028)."""
    guest = await for_auth(call)
    body = body_of(call, TokenRequest)
    user_id = checked_user(body.user_id, ("body", "user_id"))
    token = await tokens.mint(call.house, guest.principal, user_id)
    return answer(TokenResponse(token, tokens.SECONDS))


@for_pages
async def introspect(call: Call) -> Answer:
    """What an access token is about; one that is dead or foreign is not active (TL-032)."""
    guest = await for_auth(call)
    body = body_of(call, TokenIntrospectRequest)
    found = tokens.inspect(call.house, guest.project, body.access_token)
    if found is None:
        return answer(TokenIntrospectResponse(is_active=False))
    return answer(TokenIntrospectResponse(True, found.user_id, found.seconds_left))


ROUTES = (
    Route(
        "POST", "/auth/token", mint, "handler", summary="Mint an access token",
        body=TokenRequest, answers={200: TokenResponse, 422: HTTPValidationError},
        present=present, cors=True, tag=AUTH,
    ),
    Route(
        "POST", "/auth/introspect-token", introspect, "handler", summary="Look at a token",
        body=TokenIntrospectRequest,
        answers={200: TokenIntrospectResponse, 422: HTTPValidationError},
        present=present, cors=True, tag=AUTH,
    ),
)  # fmt: skip
"""Below the door's prefixes."""
