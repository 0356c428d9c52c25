"""The document's JSON Schema: it judges shapes as reading and checking do."""

from __future__ import annotations

import json
from typing import Any

import golden
import pytest
from jsonschema import Draft202012Validator
from timeline_document import ABSENT, alice, changed, read

from actors.timelines import publishing
from actors.timelines.document import BadDocument
from actors.timelines.schema import SCHEMA

VALIDATOR = Draft202012Validator(SCHEMA)
DO = "/events/2/links/0/do/0"
WHEN = "/guards/1/when"


def is_accepted(plain: Any) -> bool:
    """Whether a document is read and has no problem."""
    try:
        return not publishing.check(read(plain)).problems
    except BadDocument:
        return False


def test_the_schema_is_golden() -> None:
    """Editors depend on it: a change is looked at."""
    golden.check("timelines/schema.json", json.dumps(SCHEMA, indent=1) + "\n")


def test_the_schema_is_one() -> None:
    """It follows its dialect, refers to parts that are there and says nothing about sources."""
    Draft202012Validator.check_schema(SCHEMA)
    text = json.dumps(SCHEMA)
    for name in SCHEMA["$defs"]:
        assert f"#/$defs/{name}" in text
    assert not [word for word in ("(spec", "(ledger", "\\n") if word in text]


GOOD: list[tuple[str, Any]] = [
    ("/title", "Alice"),
    ("/description", None),
    ("/guards", ABSENT),
    ("/settings", {"auto_progress": True}),
    ("/events/0/on", {"VISITED": []}),
    ("/events/0/narrative_event/state_changes_content", {"AVAILABLE": []}),
    (DO, {"op": "set", "var": "size", "value": {"var": "keys"}, "plus": None}),
    (DO, {"op": "set_now", "var": "tea_at", "value": None}),
    (WHEN, {"any": [], "var": None}),
    (WHEN, {"not": {"event": "evBank", "state": "VISITED"}}),
    (WHEN, {"link": "evHole:evEat", "followed": {"at_most": 0}}),
    (WHEN, {"link": "evHole:evEat", "followed_by_all": {"at_least": 9}}),
    (WHEN, {"time": {"before": {"var": "tea_at"}}}),
    (WHEN, {"elapsed": {"since": "user.created", "at_most": "P1D", "at_least": None}}),
    (WHEN, {"daily": {"from": "09:00", "to": "10:00", "days": ["sat"]}}),
]


@pytest.mark.parametrize("change", GOOD)
def test_schema_and_checks_accept_the_same(change: tuple[str, Any]) -> None:
    """The example, and what may be changed in it."""
    plain = changed(change)
    assert is_accepted(plain)
    assert VALIDATOR.is_valid(plain)
    assert VALIDATOR.is_valid(alice())


BAD: list[tuple[str, Any]] = [
    ("/schema", "timeline/2"),
    ("/id", "a b"),
    ("/title", " "),
    ("/title", ABSENT),
    ("/rows", None),
    ("/more", 1),
    ("/events/0/step", "0"),
    ("/events/0/step", True),
    ("/events/0/step", -1),
    ("/events/0/step", 10_000),
    ("/guards/0/before_step", 0),
    ("/events/0/narrative_event/state_changes_content", {"UNVISITED": []}),
    ("/events/0/narrative_event/custom_data", {"a": 1}),
    ("/variables/0/type", "money"),
    ("/beats/0/on_enter", [{"op": "toggle", "var": "size"}] * 51),
    (DO, {"op": "set", "var": "size"}),
    (DO, {"op": "set", "var": "size", "value": None}),
    (DO, {"op": "add", "var": "size", "value": "1", "plus": "P1D"}),
    (DO, {"op": "set_now", "var": "tea_at", "value": ""}),
    (DO, {"op": "toggle", "var": "size", "plus": "P1D"}),
    (DO, {"op": "div", "var": "size", "value": "1"}),
    (WHEN, {}),
    (WHEN, {"all": None}),
    (WHEN, {"all": [], "any": []}),
    (WHEN, {"all": [{"not": {}}]}),
    (WHEN, {"var": "size", "op": "=="}),
    (WHEN, {"var": "size", "op": "=", "value": "1"}),
    (WHEN, {"event": "evBank", "state": "ACTIVE", "link": "evHole:evEat"}),
    (WHEN, {"link": "evHole:evEat", "followed": {}}),
    (WHEN, {"link": "evHole:evEat", "followed": {"at_least": -1}}),
    (WHEN, {"link": "evHole:evEat", "followed_by_all": {"at_most": 1}}),
    (WHEN, {"time": {"after": None}}),
    (WHEN, {"elapsed": {"since": "user.created"}}),
    (WHEN, {"daily": {"from": "09:00"}}),
    (WHEN, {"daily": {"from": "09:00", "to": "10:00", "days": []}}),
]


@pytest.mark.parametrize("change", BAD)
def test_schema_and_checks_refuse_the_same(change: tuple[str, Any]) -> None:
    """Wrong types, members and forms; what an id means is for the checks alone."""
    plain = changed(change)
    assert not is_accepted(plain)
    assert not VALIDATOR.is_valid(plain)
