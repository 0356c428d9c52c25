"""Why: what holds a user up, and why a link cannot be followed.

The user is shown as it stands once it has caught up. That is only reckoned: an explanation stores
nothing and wakes nobody. Rules: spec timelines 5.4 to 5.6, 5.12.13, 12 (row 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.timelines.answers import NO_EVENT, NO_LINK, View
from actors.timelines.answers.shapes import HTTPValidationError
from actors.timelines.explaining.user import (
    ExplainedLinkResponse,
    ExplainedUser,
    ExplainedUserResponse,
    explain_link,
    explain_user,
)
from actors.timelines.revision import Revision, Way
from api.http import Answer, Call, Problem, Route, answer
from api.timelines import looking
from api.timelines.admin import desk_of
from api.timelines.cors import ADMIN, AUDIENCE, for_pages
from api.timelines.crowd import user_of
from api.timelines.entrance import for_admin, for_audience
from api.timelines.errors import present
from api.timelines.looking import Desk, check_later, existing, meta_of
from engine.messages import Address

REFUSED: Mapping[int, Any] = {401: None, 403: None, 404: None, 422: HTTPValidationError}


async def explain_link_of_me(call: Call) -> Answer:
    """Why the link from one event to another may be followed or not.

    404: there is no such event, or no link from it to that one.
    """
    guest = await for_audience(call)
    desk = desk_of(call, guest)
    view = await reckoned(desk, desk.user(guest.user_id))
    way = _way(view.revision, call.parts["user_timeline_event_id"], call.parts["to_event_id"])
    explained = explain_link(view.looker, way, naive=desk.settings.naive_datetimes)
    return answer(ExplainedLinkResponse(data=explained, meta=meta_of(desk, view)))


async def explain_me(call: Call) -> Answer:
    """What the user waits for: a guard, threads, and why each event in reach is not open."""
    guest = await for_audience(call)
    desk = desk_of(call, guest)
    view = await reckoned(desk, desk.user(guest.user_id))
    explained = explain_user(view.looker, naive=desk.settings.naive_datetimes)
    return answer(ExplainedUserResponse(data=explained, meta=meta_of(desk, view)))


async def explain_user_of_timeline(call: Call) -> Answer:
    """The same for an administrator, bare."""
    desk = desk_of(call, await for_admin(call))
    view = await reckoned(desk, await user_of(call, desk))
    return answer(explain_user(view.looker, naive=desk.settings.naive_datetimes))


async def reckoned(desk: Desk, address: Address) -> View:
    """A user who has caught up, with all that this writes, and nothing stored.

    Raises 404 or 403 (no such user), 422 (an instant before the user's last one).
    """
    snapshot = await existing(desk, address)
    check_later(desk, snapshot.state)
    return await looking.reckoned(desk, snapshot)


def _way(revision: Revision, source: str, target: str) -> Way:
    if source not in revision.by_id:
        raise Problem(404, "no_event", NO_EVENT)
    way = revision.ways.get(f"{source}:{target}")
    if way is None:
        raise Problem(404, "no_link", NO_LINK)
    return way


ROUTES = (
    Route(
        "GET", "/user-timeline-events/{user_timeline_event_id}/links/{to_event_id}/explain",
        for_pages(explain_link_of_me), "handler", summary="Explain a link",
        answers={200: ExplainedLinkResponse, **REFUSED},
        present=present, cors=True, tag=AUDIENCE,
    ),
    Route(
        "GET", "/users/me/explain", for_pages(explain_me), "handler",
        summary="Explain what the current user waits for",
        answers={200: ExplainedUserResponse, **REFUSED},
        present=present, cors=True, tag=AUDIENCE,
    ),
    Route(
        "GET", "/timelines/{timeline_id}/users/{user_id}/explain", explain_user_of_timeline,
        "handler", summary="Explain what a user waits for",
        answers={200: ExplainedUser, 422: HTTPValidationError},
        present=present, cors=True, tag=ADMIN,
    ),
)  # fmt: skip
"""Before an id that holds slashes: in a path they are escaped."""
