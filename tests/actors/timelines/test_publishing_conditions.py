"""Publishing: conditions and operations of a document, each wrong one at its place."""

from __future__ import annotations

from typing import Any

import pytest
from timeline_document import problems

WHEN = "/guards/1/when"
DO = "/events/2/links/0/do/0"
STRING = {"name": "word", "scope": "user", "type": "string", "default": "a"}
BOOLEAN = {"name": "is_on", "scope": "shared", "type": "boolean", "default": "true"}
MORE = [("/variables/-", STRING), ("/variables/-", BOOLEAN)]


def of_condition(when: Any) -> list[tuple[str, str]]:
    """Problems of a guard's condition, pointers from there on."""
    found = problems(*MORE, (WHEN, when))
    assert all(pointer.startswith(WHEN) for pointer, _ in found)
    return [(pointer.removeprefix(WHEN), code) for pointer, code in found]


def of_operation(operation: Any) -> list[tuple[str, str]]:
    """Problems of a link's operation, pointers from there on."""
    found = problems(*MORE, (DO, operation))
    assert all(pointer.startswith(DO) for pointer, _ in found)
    return [(pointer.removeprefix(DO), code) for pointer, code in found]


def compared(var: str, op: str, value: Any) -> dict[str, Any]:
    """A comparison."""
    return {"var": var, "op": op, "value": value}


GOOD = [
    {"all": []},
    {"any": []},
    {"not": {"all": [{"event": "evBank", "state": "UNVISITED"}]}},
    compared("size", ">=", "-1.50"),
    compared("size", "!=", {"var": "keys"}),
    compared("tea_at", "<", "2023-02-03T09:00:00+01:00"),
    compared("word", "==", "ü"),
    compared("is_on", "!=", "false"),
    {"link": "evHole:evEat", "followed": {"at_least": 0}},
    {"link": "evHole:evEat", "followed": {"at_most": 2}},
    {"link": "evHole:evEat", "followed_by_all": {"at_least": 100}},
    {"time": {"before": {"var": "tea_at"}}},
    {"time": {"after": "2023-02-03T09:00:00", "before": "2023-02-04T09:00:00Z"}},
    {"elapsed": {"since": "user.created", "at_least": "P1DT2H3M4S"}},
    {"elapsed": {"since": "event:evBank.VISITED", "at_most": "PT5M"}},
    {"elapsed": {"since": "beat:beatTea", "at_least": "PT0S", "at_most": "P1D"}},
    {"daily": {"from": "09:00", "to": "17:00", "days": ["mon", "sun"]}},
    {"daily": {"from": "22:00", "to": "06:00"}},
    {"daily": {"from": "00:00", "to": "24:00"}},
]


@pytest.mark.parametrize("when", GOOD)
def test_every_form_of_condition_is_accepted(when: Any) -> None:
    """Each form of spec 8, with its limits."""
    assert of_condition(when) == []


BAD = [
    ({}, "", "form"),
    ({"all": [], "any": []}, "", "form"),
    ({"var": "size"}, "", "form"),
    ({"var": "size", "op": "=="}, "", "form"),
    ({**compared("size", "==", "1"), "event": "evBank"}, "", "form"),
    ({"event": "evBank"}, "", "form"),
    ({"link": "evHole:evEat"}, "", "form"),
    ({"all": [{"any": [{"not": {}}]}]}, "/all/0/any/0/not", "form"),
    (compared("none", "==", "1"), "/var", "unknown"),
    (compared("size", "==", "one"), "/value", "value"),
    (compared("size", "==", ""), "/value", "value"),
    (compared("size", "==", {"var": "none"}), "/value/var", "unknown"),
    (compared("size", "==", {"var": "word"}), "/value/var", "type"),
    (compared("word", "<", "b"), "/op", "type"),
    (compared("is_on", ">=", "true"), "/op", "type"),
    (compared("is_on", "==", "yes"), "/value", "value"),
    (compared("tea_at", "==", "tea time"), "/value", "value"),
    ({"event": "evNone", "state": "ACTIVE"}, "/event", "unknown"),
    ({"link": "evHole:evTrial", "followed": {"at_least": 1}}, "/link", "unknown"),
    ({"link": "evHole", "followed": {"at_least": 1}}, "/link", "unknown"),
    ({"link": "evHole:evEat", "followed": {}}, "/followed", "form"),
    ({"link": "evHole:evEat", "followed_by_all": {}}, "/followed_by_all", "form"),
    ({"link": "evHole:evEat", "followed": {"at_most": -1}}, "/followed/at_most", "out_of_range"),
    (
        {"link": "evHole:evEat", "followed_by_all": {"at_least": -1}},
        "/followed_by_all/at_least",
        "out_of_range",
    ),
    ({"time": {}}, "/time", "form"),
    ({"time": {"after": "09:00"}}, "/time/after", "value"),
    ({"time": {"before": ""}}, "/time/before", "value"),
    ({"time": {"before": {"var": "size"}}}, "/time/before/var", "type"),
    ({"time": {"after": {"var": "none"}}}, "/time/after/var", "unknown"),
    ({"elapsed": {"since": "user.created"}}, "/elapsed", "form"),
    ({"elapsed": {"since": "user.created", "at_least": "P1Y"}}, "/elapsed/at_least", "value"),
    ({"elapsed": {"since": "user.created", "at_most": "1 h"}}, "/elapsed/at_most", "value"),
    ({"elapsed": {"since": "lunch", "at_least": "P1D"}}, "/elapsed/since", "value"),
    ({"elapsed": {"since": "event:evBank", "at_least": "P1D"}}, "/elapsed/since", "value"),
    (
        {"elapsed": {"since": "event:evBank.UNVISITED", "at_least": "P1D"}},
        "/elapsed/since",
        "value",
    ),
    ({"elapsed": {"since": "event:evNone.ACTIVE", "at_least": "P1D"}}, "/elapsed/since", "unknown"),
    ({"elapsed": {"since": "beat:none", "at_least": "P1D"}}, "/elapsed/since", "unknown"),
    ({"daily": {"from": "9", "to": "17:00"}}, "/daily/from", "value"),
    ({"daily": {"from": "09:00", "to": "25:00"}}, "/daily/to", "value"),
    ({"daily": {"from": "24:00", "to": "09:00"}}, "/daily/from", "value"),
    ({"daily": {"from": "09:00", "to": "09:00"}}, "/daily", "value"),
    ({"daily": {"from": "09:00", "to": "10:00", "days": []}}, "/daily/days", "empty"),
]


@pytest.mark.parametrize(("when", "pointer", "code"), BAD)
def test_a_wrong_condition_is_named_with_its_place(when: Any, pointer: str, code: str) -> None:
    """Forms, names, types and literals are judged where they stand (spec 8)."""
    assert of_condition(when) == [(pointer, code)]


@pytest.mark.parametrize("place", ["/threads/0/delivery", "/events/0/links/0/when"])
def test_conditions_are_judged_wherever_they_stand(place: str) -> None:
    """Threads and links have conditions like guards."""
    wrong = {"event": "evNone", "state": "ACTIVE"}
    assert problems((place, wrong)) == [(f"{place}/event", "unknown")]


def test_conditions_nest_at_most_64_deep() -> None:
    """The leaf counts; what is deeper is refused without a look at it."""

    def nested(depth: int, leaf: Any) -> Any:
        for at in range(depth - 1):
            leaf = {"all": [leaf]} if at % 2 else {"not": leaf}
        return leaf

    leaf = {"event": "evBank", "state": "ACTIVE"}
    assert of_condition(nested(64, leaf)) == []
    ((pointer, code),) = of_condition(nested(65, {}))
    assert (pointer.count("not"), code) == (32, "too_deep")


def test_a_condition_holds_at_most_a_thousand() -> None:
    """Itself and all inside it count."""
    leaf = {"event": "evBank", "state": "ACTIVE"}
    assert of_condition({"any": [leaf] * 999}) == []
    assert of_condition({"any": [leaf] * 1_000}) == [("", "too_many")]


GOOD_OPERATIONS = [
    *(
        {"op": op, "var": "size", "value": "1.5"}
        for op in ("set", "add", "sub", "mul", "min", "max")
    ),
    {"op": "add", "var": "tarts_stolen", "value": {"var": "keys"}},
    {"op": "set", "var": "word", "value": ""},
    {"op": "append", "var": "word", "value": {"var": "word"}},
    {"op": "set", "var": "tea_at", "value": ""},
    {"op": "set_now", "var": "tea_at"},
    {"op": "set_now", "var": "tea_at", "plus": "PT30S"},
    {"op": "toggle", "var": "is_on"},
    {"op": "set", "var": "is_on", "value": "false"},
]


@pytest.mark.parametrize("operation", GOOD_OPERATIONS)
def test_every_operation_is_accepted_on_its_type(operation: Any) -> None:
    """What fits what: spec 5.12.9; shared variables may be written too."""
    assert of_operation(operation) == []


BAD_OPERATIONS = [
    ({"op": "set", "var": "size"}, "", "form"),
    ({"op": "add", "var": "size", "value": "1", "plus": "P1D"}, "", "form"),
    ({"op": "set_now", "var": "tea_at", "value": "1"}, "", "form"),
    ({"op": "toggle", "var": "is_on", "value": "true"}, "", "form"),
    ({"op": "toggle", "var": "is_on", "plus": "P1D"}, "", "form"),
    ({"op": "toggle", "var": "none"}, "/var", "unknown"),
    ({"op": "toggle", "var": "size"}, "/op", "type"),
    ({"op": "append", "var": "size", "value": "1"}, "/op", "type"),
    ({"op": "add", "var": "word", "value": "1"}, "/op", "type"),
    ({"op": "set_now", "var": "word"}, "/op", "type"),
    ({"op": "max", "var": "tea_at", "value": ""}, "/op", "type"),
    ({"op": "sub", "var": "size", "value": "much"}, "/value", "value"),
    ({"op": "set", "var": "word", "value": "x" * 4_097}, "/value", "value"),
    ({"op": "set", "var": "size", "value": {"var": "word"}}, "/value/var", "type"),
    ({"op": "set", "var": "size", "value": {"var": "none"}}, "/value/var", "unknown"),
    ({"op": "set_now", "var": "tea_at", "plus": "30"}, "/plus", "value"),
]


@pytest.mark.parametrize(("operation", "pointer", "code"), BAD_OPERATIONS)
def test_a_wrong_operation_is_named_with_its_place(operation: Any, pointer: str, code: str) -> None:
    """Members, names, types and literals are judged where they stand."""
    assert of_operation(operation) == [(pointer, code)]


@pytest.mark.parametrize("place", ["/beats/1/on_enter", "/events/0/on"])
def test_operations_are_judged_wherever_they_stand(place: str) -> None:
    """Beats and events have operations like links."""
    wrong = [{"op": "toggle", "var": "none"}]
    value = {"VISITED": wrong} if place.endswith("on") else wrong
    (found,) = problems((place, value))
    assert found == (f"{place}{'/VISITED' if place.endswith('on') else ''}/0/var", "unknown")
