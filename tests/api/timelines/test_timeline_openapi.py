"""The OpenAPI document of the timelines: paths, parameters and schemas of the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from timeline_door import V1, open_door

T, U = "/timelines/{timeline_id}", "/user-timeline-events"
ROUTES = {
    "/auth/token": {"post"},
    "/auth/introspect-token": {"post"},
    "/users/me": {"get", "delete"},
    "/users": {"post"},
    "/users/me/progress-step": {"post"},
    U: {"get"},
    f"{U}/{{user_timeline_event_id}}/follow-link": {"post"},
    "/user-timeline-event-state-changes": {"get"},
    "/timelines": {"get", "post"},
    T: {"get", "delete"},
    f"{T}/migrate": {"get", "post"},
    f"{T}/drawing.svg": {"get"},
    f"{T}/variables": {"get"},
    f"{T}/variables/{{name}}": {"get", "patch"},
    f"{T}/timeline-events": {"get"},
    f"{T}/users": {"get", "delete"},
    f"{T}/users/{{user_id}}": {"get", "delete"},
    f"{T}/event-state-changes": {"get"},
    "/users/me/explain": {"get"},
    f"{U}/{{user_timeline_event_id}}/links/{{to_event_id}}/explain": {"get"},
    f"{T}/users/{{user_id}}/explain": {"get"},
    "/users/me/journey": {"get"},
    f"{T}/users/{{user_id}}/journey": {"get"},
    f"{T}/replay": {"post"},
    "/schema/timeline-1.json": {"get"},
    "/service-status": {"put"},
    "/webhooks": {"get", "post"},
    "/webhooks/{webhook_id}": {"delete"},
}
"""Of the reference (spec timelines 3), and those of our own."""
SCHEMAS = (
    "Beat", "ContentIntegration", "CreateUserRequest", "EventStateChange", "FollowLinkRequest",
    "GeneralError", "HTTPValidationError", "Meta", "NewUserTimelineEventState",
    "ProgressEventsRequest", "ServiceStatus", "Timeline", "TimelineEvent",
    "TokenIntrospectRequest", "TokenIntrospectResponse", "TokenRequest", "TokenResponse",
    "UpdateVariableValue", "User", "UserResponse", "UserTimelineEvent",
    "UserTimelineEventDetailResponse", "UserTimelineEventLink", "UserTimelineEventListResponse",
    "UserTimelineEventStateChange", "UserTimelineEventStateChangeListResponse", "ValidationError",
    "Variable", "VariableScope",
)  # fmt: skip
AUDIENCE = {"401", "403", "404", "422", "default"}
STATUSES: dict[tuple[str, str], set[str]] = {
    ("/auth/token", "post"): {"200", "422", "default"},
    ("/auth/introspect-token", "post"): {"200", "422", "default"},
    ("/users/me", "get"): {"200", *AUDIENCE},
    ("/users/me", "delete"): {"204", *AUDIENCE},
    ("/users", "post"): {"200", *AUDIENCE},
    ("/users/me/progress-step", "post"): {"200", "409", *AUDIENCE},
    (U, "get"): {"200", *AUDIENCE},
    (f"{U}/{{user_timeline_event_id}}/follow-link", "post"): {"200", "409", *AUDIENCE},
    ("/user-timeline-event-state-changes", "get"): {"200", *AUDIENCE},
    (f"{T}/variables/{{name}}", "patch"): {"200", "409", "422", "default"},
    (f"{T}/users", "delete"): {"204", "422", "default"},
}


@pytest.mark.covers(
    "TL-003", "TL-007", "TL-031", "TL-035", "TL-048", "TL-050", "TL-052", "TL-067", "TL-070",
    "TL-078", "TL-086", "TL-091", "TL-103",
)  # fmt: skip
async def test_the_document_is_that_of_the_reference(tmp_path: Path) -> None:
    """Every path once, with its methods and statuses; every schema by its name."""
    async with open_door(tmp_path) as door:
        got = await door.nobody("GET", "/timelines/openapi.json")
    described: Any = got.json()
    paths = {
        path.removeprefix(V1): operations
        for path, operations in described["paths"].items()
        if path.startswith(V1)
    }
    assert {path: set(operations) for path, operations in paths.items()} == ROUTES
    assert set(SCHEMAS) <= set(described["components"]["schemas"])
    for (path, method), statuses in STATUSES.items():
        assert set(paths[path][method]["responses"]) == statuses, path
    changes = paths["/user-timeline-event-state-changes"]["get"]["parameters"]
    assert [each["name"] for each in changes] == ["content_type"]
