"""What the Admin API says, and the members of every object as the reference lists them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from timeline_document import alice, grid
from timeline_world import World, ms

from actors.timelines.answers import admin, shapes
from actors.timelines.timeline_words import Timeline

INSTANT_MS = ms("08:00:00") + 5


def plain(value: Any) -> Any:
    """An answer as its JSON."""
    return msgspec.json.decode(msgspec.json.encode(value))


# --- administration


@pytest.mark.covers("TL-127")
def test_a_timeline() -> None:
    """Its id, its title, and a description where it has one."""
    world = World(alice())
    title = "Alice's Adventure In Wonderland"
    shown = admin.timeline_answer(world.id, world.shared)
    assert plain(shown) == {"id": "AliceTimeline00000001", "title": title, "description": None}
    described = msgspec.structs.replace(world.shared, description="30 days")
    assert admin.timeline_answer("t", described).description == "30 days"


@pytest.mark.covers("TL-125")
def test_the_events_of_a_timeline() -> None:
    """In (step, row) order, with content by state; what is absent is null or empty."""
    shown = plain(admin.timeline_events(World(alice()).revision))
    assert [event["step"] for event in shown] == [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 7]
    push = {"content_id": "bank-push", "content_type": "PushMessage", "provider_id": "Contentful"}
    assert shown[0] == {
        "id": "evBank",
        "title": "On the river bank",
        "description": "A hot afternoon.",
        "step": 0,
        "content_integrations": {"ACTIVE": [push], "VISITED": []},
        "narrative_event_id": "neBank",
        "narrative_event_custom_data": {"button_text": "Get up"},
    }
    (untitled,) = admin.timeline_events(World(grid({})).revision)
    assert (untitled.title, untitled.description) == ("", None)


@pytest.mark.covers("TL-105", "TL-106")
def test_variables() -> None:
    """A shared one has its value now, a user's own has none here; defaults stay."""
    world = World(alice())
    before = {"name": "tarts_stolen", "scope": "shared", "default_value": "0", "value": "0"}
    assert plain(admin.variables(world.shared)) == [
        {"name": "size", "scope": "user", "default_value": "100", "value": None},
        {"name": "keys", "scope": "user", "default_value": "0", "value": None},
        {"name": "tea_at", "scope": "user", "default_value": "", "value": None},
        before,
    ]
    world.set("tarts_stolen", "2")
    assert plain(admin.variable(world.shared, "tarts_stolen")) == {**before, "value": "2"}
    assert admin.variable(world.shared, "nothing") is None
    assert admin.variables(Timeline()) == []


@pytest.mark.covers("TL-126")
def test_an_entry_of_everybodys_log() -> None:
    """The event and its place, the user's step at that time, the project twice."""
    cells = World(alice()).revision.by_id
    entry = {"project": "p", "timeline_id": "t", "user_id": "u", "at_ms": INSTANT_MS}
    shown = admin.event_state_change(cells["evNote"], state="ACTIVE", step=5, **entry)
    assert plain(shown) == {
        "esc_type": "ACTIVE",
        "narrative_event_id": "neNote",
        "timeline_event_id": "evNote",
        "thread_id": "threadNotes",
        "beat_id": "beatTea",
        "available_step_index": 4,
        "processed_step_index": 5,
        "workspace_id": "p",
        "project_id": "p",
        "timeline_id": "t",
        "user_id": "u",
        "created_at": "2023-02-03T08:00:00.005Z",
    }
    lone = World(grid({})).revision.by_id["a"]
    shown = admin.event_state_change(lone, state="VISITED", step=None, naive=True, **entry)
    assert (shown.esc_type, shown.thread_id, shown.beat_id) == ("VISITED", None, None)
    assert (shown.processed_step_index, shown.created_at) == (0, "2023-02-03T08:00:00.005")


# --- members as the reference lists them: name, `?` if optional, type; all may be null then

CHANGE = """
state NewUserTimelineEventState, state_changed_at? date-time,
state_change_content [ContentIntegration], timeline_event_id string, thread_id? string,
row_id string, row_name string, narrative_event_id string, narrative_event_title? string,
narrative_event_description? string"""
EVENT = """
id string, state NewUserTimelineEventState, available_step_index integer, available_beat? Beat,
links [UserTimelineEventLink], thread_id? string, row_id string, row_name string,
row_description? string, previous_in_row_timeline_event_id? string,
next_in_row_timeline_event_id? string, related_timeline_event_ids [string],
narrative_event_id string, narrative_event_title? string, narrative_event_description? string,
narrative_event_content [ContentIntegration],
narrative_event_state_changes_content {[ContentIntegration]},
narrative_event_custom_data? {string}"""
ENTRY = """
esc_type string, narrative_event_id string, timeline_event_id string, thread_id? string,
beat_id? string, available_step_index integer, processed_step_index integer, workspace_id string,
project_id string, timeline_id string, user_id string, created_at date-time"""
USER = """
id string, variables {string}, current_step? integer, current_beat? Beat, new_beat_available? Beat,
waiting_for_condition_id? string, waiting_for_condition_datetime? date-time,
end_of_timeline_reached boolean, datetime_guards_disabled boolean, pause_at_beats boolean,
active_timeline_id string"""
EVENT_OF_ADMIN = """
id string, title string, description? string, step? integer,
content_integrations {[ContentIntegration]}, narrative_event_id string,
narrative_event_custom_data? {string}"""
META = """
user? User, changed_timeline_events? [UserTimelineEvent],
changed_timeline_event_states? [UserTimelineEventStateChange], service_status? ServiceStatus"""
LINK = """
id string, to_event_id string, label? string, followable boolean, last_followed_at? date-time,
condition_datetime? date-time"""
VARIABLE = "name string, scope VariableScope, default_value string, value? string"
CONTENT = "content_id string, content_type string, provider_id string"
ERROR = "code? integer, message? string, detail? string, content? [object]"
ENVELOPE = "data? {}, error? GeneralError, meta? Meta"
MEMBERS = [
    ("TL-079", shapes.UserTimelineEventLink, LINK),
    ("TL-087", shapes.UserTimelineEventStateChange, CHANGE),
    ("TL-104", shapes.Variable, VARIABLE),
    ("TL-109", shapes.User, USER),
    ("TL-119", shapes.UserTimelineEvent, EVENT),
    ("TL-125", shapes.TimelineEvent, EVENT_OF_ADMIN),
    ("TL-126", shapes.EventStateChange, ENTRY),
    ("TL-127", shapes.Timeline, "id string, title string, description? string"),
    ("TL-128", shapes.Beat, "id? string, name? string"),
    ("TL-129", shapes.ContentIntegration, CONTENT),
    ("TL-130", shapes.Meta, META),
    ("TL-132", shapes.GeneralError, ERROR),
    ("TL-133", shapes.HTTPValidationError, "detail? [ValidationError]"),
    ("TL-133", shapes.ValidationError, "loc [string|integer], msg string, type string"),
    ("TL-134", shapes.UserResponse, ENVELOPE.format("User")),
    ("TL-134", shapes.UserTimelineEventDetailResponse, ENVELOPE.format("UserTimelineEvent")),
    ("TL-134", shapes.UserTimelineEventListResponse, ENVELOPE.format("[UserTimelineEvent]")),
    (
        "TL-134",
        shapes.UserTimelineEventStateChangeListResponse,
        ENVELOPE.format("[UserTimelineEventStateChange]"),
    ),
]


def kind(schema: dict[str, Any]) -> str:
    """A JSON Schema in a word: `[x]` an array, `{x}` a map, null left out."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return "|".join(found for one in schema["anyOf"] if (found := kind(one)) != "null")
    if schema["type"] == "array":
        return f"[{kind(schema['items'])}]"
    inside = schema.get("additionalProperties")
    return f"{{{kind(inside)}}}" if inside else str(schema.get("format", schema["type"]))


@pytest.mark.parametrize(
    ("shape", "members"),
    [
        pytest.param(shape, members, id=shape.__name__, marks=pytest.mark.covers(row))
        for row, shape, members in MEMBERS
    ],
)
def test_members(shape: type[msgspec.Struct], members: str) -> None:
    """Names, order, types, and which are required; each is written, whatever its value."""
    schema = msgspec.json.schema(shape)["$defs"][shape.__name__]
    required = schema.get("required", [])
    shown = [
        f"{name}{'' if name in required else '?'} {kind(one)}"
        for name, one in schema["properties"].items()
    ]
    assert shown == " ".join(members.split()).split(", ")
    assert not shape.__struct_config__.omit_defaults


@pytest.mark.covers("TL-106", "TL-121", "TL-131")
def test_enumerations() -> None:
    """Each in the order of the reference."""
    assert list(shapes.NewUserTimelineEventState) == ["UNVISITED", "ACTIVE", "VISITED"]
    assert list(shapes.VariableScope) == ["user", "shared"]
    assert list(shapes.ServiceStatus) == ["ONLINE", "MAINTENANCE"]


@pytest.mark.covers("TL-130", "TL-135")
def test_what_is_said_when_nothing_changed() -> None:
    """Empty lists and ONLINE; instants are declared as date-times."""
    assert plain(shapes.UserResponse(meta=shapes.Meta())) == {
        "data": None,
        "error": None,
        "meta": {
            "user": None,
            "changed_timeline_events": [],
            "changed_timeline_event_states": [],
            "service_status": "ONLINE",
        },
    }
    schema = msgspec.json.schema(shapes.EventStateChange)
    created = schema["$defs"]["EventStateChange"]["properties"]["created_at"]
    assert created == {"type": "string", "format": "date-time"}


def test_names_of_schemas() -> None:
    """Schemas are named as in the reference, and nothing else is among them."""
    kinds = [shape for _, shape, _ in MEMBERS]
    _, components = msgspec.json.schema_components(kinds)
    names = {kind.__name__ for kind in kinds}
    assert set(components) == names | {
        "NewUserTimelineEventState",
        "ServiceStatus",
        "VariableScope",
    }
