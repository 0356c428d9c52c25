"""Publishing: what works and was hardly meant, and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest
from timeline_document import ABSENT, problems, report, warnings

WHEN = "/guards/1/when"
STRING = {"name": "word", "scope": "user", "type": "string", "default": "a"}
FIXED = {"name": "level", "scope": "user", "type": "number", "default": "2.0"}
EMPTY = {"name": "none", "scope": "user", "type": "string", "default": ""}
SHARED = {"name": "door", "scope": "shared", "type": "boolean", "default": "false"}
MORE = [("/variables/-", each) for each in (STRING, FIXED, EMPTY, SHARED)]


def is_never(when: Any) -> bool:
    """Whether a guard with that condition is said to let nobody pass."""
    found = warnings(*MORE, (WHEN, when))
    return (WHEN, "never") in found


def compared(var: str, op: str, value: Any) -> dict[str, Any]:
    """A comparison."""
    return {"var": var, "op": op, "value": value}


def state(event: str, name: str) -> dict[str, str]:
    """A condition on an event."""
    return {"event": event, "state": name}


NEVER = [
    {"any": []},
    {"not": {"all": []}},
    {"all": [{"any": []}, state("evBank", "ACTIVE")]},
    {"all": [compared("size", "==", "1"), compared("size", "==", "2")]},
    {"all": [compared("size", "==", "1"), {"all": [compared("size", "!=", "1.0")]}]},
    {"all": [compared("size", ">", "2"), compared("size", "<", "1")]},
    {"all": [compared("size", ">", "2"), compared("size", "<=", "2")]},
    {"all": [compared("size", ">=", "2"), compared("size", "<", "2"), state("evBank", "ACTIVE")]},
    {"all": [compared("size", ">", "10"), {"not": compared("size", ">", "9")}]},
    {"not": {"any": [compared("size", ">", "1"), compared("size", "<=", "1")]}},
    {"any": [{"all": [state("evBank", "ACTIVE"), state("evBank", "VISITED")]}, {"any": []}]},
    state("evWatch", "VISITED"),
    compared("tea_at", "==", ""),
    compared("none", "!=", "x"),
    compared("level", "==", "3"),
    compared("level", ">", "2"),
    {"not": compared("level", "==", "2")},
    compared("word", "==", "b"),
    {"link": "evHole:evEat", "followed": {"at_least": 2, "at_most": 1}},
    {"not": {"link": "evHole:evEat", "followed": {"at_least": 0}}},
    {"not": {"link": "evHole:evEat", "followed_by_all": {"at_least": 0}}},
    {"time": {"after": "2023-02-03T09:00:00", "before": "2023-02-03T09:00:00"}},
    {"time": {"after": "2023-02-03T09:00:00Z", "before": "2023-02-03T09:30:00+01:00"}},
    {"elapsed": {"since": "user.created", "at_least": "PT2H", "at_most": "PT1H"}},
]


@pytest.mark.parametrize("when", NEVER)
def test_a_condition_that_never_holds_is_told(when: Any) -> None:
    """Nobody would come past such a guard (spec 8)."""
    assert is_never(when)


PERHAPS = [
    {"all": []},
    {"all": [compared("size", ">=", "2"), compared("size", "<=", "2")]},
    {"all": [compared("size", ">", "2"), compared("size", "!=", "2")]},
    {"any": [compared("size", "==", "1"), compared("size", "==", "2")]},
    {"not": {"all": [compared("size", "==", "1"), compared("size", "==", "2")]}},
    {"not": compared("none", "!=", "x")},
    {"all": [state("evBank", "VISITED"), state("evHole", "ACTIVE")]},
    {"all": [state("evBank", "VISITED"), {"not": state("evBank", "ACTIVE")}]},
    {"all": [compared("level", "==", "2"), {"time": {"after": "2023-02-03T09:00:00"}}]},
    compared("level", "==", "2"),
    compared("door", "==", "true"),
    compared("tea_at", "<", "2023-02-03T09:00:00"),
    {"link": "evHole:evEat", "followed": {"at_least": 1, "at_most": 1}},
    {"not": {"link": "evHole:evEat", "followed": {"at_least": 1}}},
    {"time": {"after": "2023-02-03T09:00:00", "before": "2023-02-03T08:59:00Z"}},
    {"time": {"after": {"var": "tea_at"}, "before": "2023-02-03T09:00:00"}},
    {"elapsed": {"since": "user.created", "at_least": "PT1H", "at_most": "PT1H"}},
]


@pytest.mark.parametrize("when", PERHAPS)
def test_a_condition_that_may_hold_is_not_told(when: Any) -> None:
    """Values of users, operators and clocks decide it; shared variables may be patched."""
    assert not is_never(when)


def test_conditions_are_looked_at_wherever_they_stand() -> None:
    """Threads and links are warned about like guards."""
    assert warnings(("/threads/0/delivery", {"any": []})) == [("/threads/0/delivery", "never")]
    place = "/events/0/links/0/when"
    assert warnings((place, {"any": []})) == [(place, "never")]


def test_an_event_that_no_link_leads_to_from_the_start_is_told() -> None:
    """Two that lead to each other only are never opened."""
    lonely = {"row": "rowAlice", "step": 1}
    one = {"id": "one", **lonely, "narrative_event": {"id": "o"}, "links": [{"to": "two"}]}
    two = {"id": "two", **lonely, "narrative_event": {"id": "t"}, "links": [{"to": "one"}]}
    assert warnings(("/events/-", one), ("/events/-", two)) == [
        ("/events/11", "unreachable"),
        ("/events/12", "unreachable"),
    ]


CLOSING = [
    {"time": {"before": "2023-02-03T09:00:00"}},
    {"not": {"time": {"after": "2023-02-03T09:00:00"}}},
    {"any": [{"elapsed": {"since": "user.created", "at_most": "P1D"}}]},
    {"not": {"elapsed": {"since": "user.created", "at_least": "P1D"}}},
    {"daily": {"from": "09:00", "to": "17:00"}},
]


@pytest.mark.parametrize("when", CLOSING)
def test_a_link_back_over_a_guard_that_may_close_is_told(when: Any) -> None:
    """Its target lies in an earlier column than a guard which time can close (spec 8)."""
    guard = {"id": "guardHall", "before_step": 2, "when": when}
    assert warnings(("/guards/-", guard)) == [
        ("/events/3/links/1/to", "closed_behind"),
        ("/events/4/links/0/to", "closed_behind"),
    ]


@pytest.mark.parametrize(
    ("step", "when"),
    [
        (1, CLOSING[0]),
        (3, CLOSING[0]),
        (2, {"time": {"after": "2023-02-03T09:00:00"}}),
        (2, {"not": {"not": {"elapsed": {"since": "user.created", "at_least": "P1D"}}}}),
        (2, state("evBank", "ACTIVE")),
    ],
)
def test_other_guards_close_nothing_behind(step: int, when: Any) -> None:
    """A guard that stays open once it is, or that no link leads back over, is left alone."""
    assert warnings(("/guards/-", {"id": "guardHall", "before_step": step, "when": when})) == []


def test_what_is_declared_and_not_used_is_told() -> None:
    """Rows, threads and variables without any use are likely mistyped."""
    found = warnings(
        ("/rows/-", {"id": "rowEmpty", "name": "Empty"}),
        ("/threads/-", {"id": "threadEmpty", "name": "Empty"}),
        ("/variables/-", STRING),
    )
    assert found == [("/variables/4", "unused"), ("/rows/2", "unused"), ("/threads/1", "unused")]


@pytest.mark.parametrize(
    "use",
    [
        (WHEN, compared("size", "==", {"var": "level"})),
        ("/events/2/links/0/do/0/value", {"var": "level"}),
        ("/beats/0/on_enter", [{"op": "add", "var": "level", "value": "1"}]),
    ],
)
def test_operands_are_uses(use: tuple[str, Any]) -> None:
    """A variable is used where it is compared with, added or changed."""
    assert warnings(("/variables/-", FIXED), use) == []


def test_warnings_wait_until_there_is_no_problem() -> None:
    """With a problem, what is odd may be its consequence."""
    odd = (WHEN, {"any": []})
    assert ("never" in str(warnings(odd)), problems(odd)) == (True, [])
    both = report(odd, ("/rows/0", ABSENT))
    assert both.problem_count
    assert not both.warning_count
