"""The timelines' door: its table of routes, its host name, and who may listen and command.

Every route stands under `/timelines/v1` and bare under `/timelines`; by the original host name the
prefix is put in front. Routes let nobody in by themselves: each handler asks the entrance of its
API. Rules: spec timelines 2, 3; ledger TL-003, TL-008 to TL-010; engine spec 5.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.timelines.answers.shapes import (
    EventStateChange,
    HTTPValidationError,
    Timeline,
    TimelineEvent,
    User,
    UserResponse,
    UserTimelineEventDetailResponse,
    UserTimelineEventListResponse,
    UserTimelineEventStateChangeListResponse,
    Variable,
)
from actors.timelines.migrating.orders import BEHIND, MIGRATION
from actors.timelines.settings import SETTINGS
from actors.timelines.timeline import INTERESTS, TIMELINE, USERS
from actors.timelines.user import USER
from api.auth import Principal
from api.domain import Domain
from api.http import Handler, Route
from api.timelines import admin, audience, auth, carrying, crowd, drawing, migrating, publishing
from api.timelines.cors import ADMIN, AUDIENCE, for_pages, preflights
from api.timelines.entrance import SECRET, TOKEN, new_key
from api.timelines.errors import present
from api.timelines.explaining import ROUTES as EXPLAINING
from api.timelines.items import items
from api.timelines.journeys import ROUTES as JOURNEYS
from api.timelines.legacy import spoken
from api.timelines.shelf import NAME
from api.timelines.webhooks import ROUTES as WEBHOOKS
from api.timelines.webhooks import furnish
from storage.timelines import TimelineLists, queries

HOSTS = ("api.fictioneers.co.uk",)
PREFIXES = (f"/{NAME}/v1", f"/{NAME}")
"""Where every route stands; the documents show the first."""
TIMELINE_PATH = "/timelines/{timeline_id}"
USER_PATH = f"{TIMELINE_PATH}/users/{{user_id...}}"
UNPROCESSABLE: Mapping[int, Any] = {422: HTTPValidationError}
REFUSED: Mapping[int, Any] = {401: None, 403: None, 404: None, **UNPROCESSABLE}
CONTENDED: Mapping[int, Any] = {409: None, **REFUSED}


def _audience(
    method: str, path: str, handler: Handler, summary: str, answers: Mapping[int, Any], **more: Any
) -> Route:
    return Route(
        method, path, for_pages(handler), "handler", summary=summary, answers=answers,
        present=present, cors=True, tag=AUDIENCE, **more,
    )  # fmt: skip


def _admin(
    method: str, path: str, handler: Handler, summary: str, answer: Any, **more: Any
) -> Route:
    answers = {204 if answer is None else 200: answer, **UNPROCESSABLE}
    return Route(
        method, path, handler, "handler", summary=summary, answers=more.pop("answers", answers),
        present=present, cors=True, tag=ADMIN, **more,
    )  # fmt: skip


AUDIENCE_ROUTES = (
    _audience("GET", "/users/me", audience.get_user, "Retrieve current user",
              {200: UserResponse, **REFUSED}),
    _audience("DELETE", "/users/me", audience.delete_user, "Delete current user",
              {204: None, **REFUSED}),
    _audience("POST", "/users", audience.create_user, "Create new user",
              {200: UserResponse, **REFUSED}, body=audience.CreateUserRequest),
    _audience("POST", "/users/me/progress-step", audience.progress_step,
              "Progress along the timeline", {200: UserResponse, **CONTENDED},
              body=audience.ProgressEventsRequest, body_required=False),
    _audience("GET", "/user-timeline-events", audience.list_events, "List user timeline events",
              {200: UserTimelineEventListResponse, **REFUSED}),
    _audience("POST", "/user-timeline-events/{user_timeline_event_id}/follow-link",
              audience.follow_link, "Follow a link",
              {200: UserTimelineEventDetailResponse, **CONTENDED},
              body=audience.FollowLinkRequest),
    _audience("GET", "/user-timeline-event-state-changes", audience.list_state_changes,
              "List state changes of the user's events",
              {200: UserTimelineEventStateChangeListResponse, **REFUSED},
              query=("content_type",)),
)  # fmt: skip
ADMIN_ROUTES = (
    _admin("GET", "/timelines", admin.list_timelines, "List all published timelines",
           list[Timeline]),
    _admin("POST", "/timelines", publishing.publish, "Publish a timeline", None,
           answers={200: publishing.PublishedTimeline, 201: publishing.PublishedTimeline,
                    **UNPROCESSABLE},
           body=dict[str, Any], body_bytes_max=publishing.BODY_BYTES_MAX),
    _admin("GET", TIMELINE_PATH, admin.get_timeline, "Retrieve a timeline", Timeline),
    _admin("GET", f"{TIMELINE_PATH}/variables", admin.list_variables, "List all variables",
           list[Variable]),
    _admin("GET", f"{TIMELINE_PATH}/variables/{{name}}", admin.get_variable,
           "Retrieve a variable", Variable),
    _admin("PATCH", f"{TIMELINE_PATH}/variables/{{name}}", admin.update_variable,
           "Set a shared variable", Variable, body=admin.UpdateVariableValue,
           answers={200: Variable, 409: None, **UNPROCESSABLE}),
    _admin("GET", f"{TIMELINE_PATH}/timeline-events", admin.list_timeline_events,
           "List all timeline events", list[TimelineEvent]),
    _admin("GET", f"{TIMELINE_PATH}/users", crowd.list_users, "List all users", list[User]),
    _admin("DELETE", f"{TIMELINE_PATH}/users", crowd.delete_users, "Delete all users", None),
    _admin("GET", USER_PATH, crowd.get_user, "Retrieve a user", User),
    _admin("DELETE", USER_PATH, crowd.delete_user, "Delete a user", None),
    _admin("GET", f"{TIMELINE_PATH}/event-state-changes", crowd.list_state_changes,
           "List all event state changes", list[EventStateChange]),
    _admin("GET", f"{TIMELINE_PATH}/drawing.svg", drawing.draw, "Draw the grid", None,
           query=("user",), answers={200: None, **UNPROCESSABLE}),
    _admin("PUT", "/service-status", admin.put_service_status, "Switch maintenance",
           admin.ServiceState, body=admin.ServiceState),
)  # fmt: skip
DOCUMENTS = (
    Route("GET", "/schema/timeline-1.json", publishing.schema, "open", present=present, cors=True,
          summary="JSON Schema of a timeline's document", answers={200: None}, tag=ADMIN),
)  # fmt: skip
SERVED = (
    *auth.ROUTES,
    *AUDIENCE_ROUTES,
    *EXPLAINING,
    *JOURNEYS,
    *ADMIN_ROUTES,
    *migrating.ROUTES,
    *WEBHOOKS,
    *DOCUMENTS,
)
ROUTES = spoken((*SERVED, *preflights(SERVED)), PREFIXES)


def may_listen(principal: Principal, kind: str, actor_id: str) -> bool:
    """A secret key hears users and timelines; a token its own user (engine spec 5.2)."""
    if principal.door != NAME:
        return False
    if principal.kind == TOKEN:
        return kind == USER.name and actor_id == principal.subject
    return principal.kind == SECRET and kind in (USER.name, TIMELINE.name)


def may_command(principal: Principal, kind: str, actor_id: str) -> bool:
    """A secret key commands any user, a token its own."""
    return kind == USER.name and may_listen(principal, kind, actor_id)


DOMAIN = Domain(
    name=NAME,
    kinds=(USER, TIMELINE, SETTINGS, MIGRATION),
    view=TimelineLists,
    routes=ROUTES,
    hosts=HOSTS,
    may_listen=may_listen,
    may_command=may_command,
    items=items,
    files=("publish",),
    present=present,
    carry_out={USER.name: carrying.carry_out},
    private=frozenset((USER.name,)),
    new_key=new_key,
    sweeps={
        INTERESTS: queries.waiting_for,
        USERS: queries.users_of,
        BEHIND: queries.behind,
    },
    furnish=furnish,
)
