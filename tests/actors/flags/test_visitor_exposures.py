"""What a visitor reads and sees: values of flags, exposures, and which of them are sent."""

from __future__ import annotations

import msgspec
import pytest
from flag_visitor import ENV, HANDLE, Case, lists_of, ready, remarks

from actors.flags.caches import HIT_AGE_MS_MAX
from actors.flags.flag_values import from_campaigns, metadata_of, serialized
from actors.flags.names import DecisionMode, LogLevel, Tag
from actors.flags.reports import NAME_CHARACTERS_MAX, day_of
from actors.flags.visitor_events import Exposed
from actors.flags.visitor_exposures import ACTIVATIONS, PooledActivation, value_for
from actors.flags.visitor_shown import present_event
from actors.flags.visitor_words import (
    Authenticate,
    ExposeAll,
    GetFlags,
    GetValue,
    Open,
    VisitorExposed,
)
from engine.kind import Step
from storage.flags.writes import ActivationRow

WINDOW_MS = 2_500


def activations_of(step: Step) -> list[ActivationRow]:
    """The rows of a step for our own store."""
    return [ActivationRow(*each.row) for each in step.appends if each.list == "flag_activation"]


def pooled_activations(step: Step) -> list[PooledActivation]:
    """The activations of a step that wait for their sender."""
    bodies = [effect.body for effect in step.effects if effect.sender == ACTIVATIONS]
    return [msgspec.json.decode(body, type=PooledActivation) for body in bodies]


def exposures(step: Step) -> list[tuple[str, object, object]]:
    """Key, value and default of each exposure that is told."""
    told = [event.from_flag for event in step.events if isinstance(event, Exposed)]
    return [(each["key"], each["value"], each["defaultValue"]) for each in told]


# --- exposures


def test_flags_that_the_caller_gave_set_no_assignment() -> None:
    """They may name any variation; what is kept follows from fetches. Long names are cut."""
    long = "v" * 1_000
    data = from_campaigns([{"id": "c", "variationGroupId": "g", "variation": {
        "id": long, "modifications": {"value": {"f": 1}}}}])  # fmt: skip
    case = Case()
    case.tell(Open(has_consented=True, fetch_now=False, initial_flags_data=serialized(data)))
    (row,) = activations_of(case.tell(VisitorExposed(key="f")))
    assert (row.grp, row.variation, row.subjects) == ("g", long[:NAME_CHARACTERS_MAX], ())


@pytest.mark.covers("FS-061", "FS-088", "FS-089", "FS-139")
def test_an_exposure_is_a_row_of_our_store_and_an_event() -> None:
    """In one commit; the event is what `onVisitorExposed` gets."""
    case = ready()
    step = case.tell(VisitorExposed(key="colour"))
    (row,) = activations_of(step)
    assert (row.env, row.visitor, row.anonymous) == (ENV, HANDLE, "")
    assert (row.campaign, row.grp, row.variation, row.qa) == ("c1", "vg1", "v1", False)
    assert (row.done_at_ms, row.day) == (case.now_ms, day_of(case.now_ms))
    assert row.subjects == (HANDLE,)
    assert step.effects == ()
    assert present_event(step.events) == {
        "exposedVisitor": {
            "id": HANDLE,
            "anonymousId": None,
            "context": case.visitor.person.context,
        },
        "fromFlag": {
            "key": "colour",
            "value": 1,
            "defaultValue": None,
            "metadata": metadata_of(None)
            | {
                "campaignId": "c1",
                "campaignName": "colours",
                "variationGroupId": "vg1",
                "variationGroupName": "group",
                "variationId": "v1",
                "variationName": "red",
                "campaignType": "ab",
            },
        },
    }


@pytest.mark.parametrize(("carries", "subjects"), [(True, ("bob", HANDLE)), (False, ("bob",))])
def test_an_exposure_counts_for_the_anonymous_visitor_where_experience_continues(
    carries: bool, subjects: tuple[str, ...]
) -> None:
    """With XPC both keep the variation, without it only the one who is logged in."""
    case = ready(carries=carries)
    case.tell(Authenticate(visitor_id="bob"))
    (row,) = activations_of(case.tell(VisitorExposed(key="colour")))
    assert (row.visitor, row.anonymous, row.subjects) == ("bob", HANDLE, subjects)


def test_an_exposure_for_a_collector_waits_in_its_pool() -> None:
    """Due at once; the body has the names of the wire and the time of creation."""
    case = ready(activate_url="https://collector.example", carries=True)
    case.tell(Authenticate(visitor_id="bob"))
    step = case.tell(VisitorExposed(key="colour"))
    assert pooled_activations(step) == [
        PooledActivation("bob", HANDLE, "vg1", "v1", "c1", True, case.now_ms)
    ]
    (effect,) = step.effects
    assert (effect.subscription, effect.subject, effect.due_in_ms) == (ACTIVATIONS, ENV, 0)
    assert effect.about == f"{ENV}:{HANDLE}"
    assert lists_of(step) == []
    assert exposures(step) == [("colour", 1, None)]


@pytest.mark.covers("FS-061", "FS-147")
@pytest.mark.parametrize("keys", [None, ("empty", "colour", "shape")])
def test_all_flags_are_exposed_one_by_one(keys: tuple[str, ...] | None) -> None:
    """One activation and one event for each, though two come from one variation."""
    step = ready().tell(ExposeAll(keys=keys))
    assert sorted(row.variation for row in activations_of(step)) == ["v1", "v2", "v2"]
    assert sorted(exposures(step)) == [
        ("colour", 1, None),
        ("empty", None, None),
        ("shape", "round", None),
    ]


def test_flags_that_are_not_there_are_a_remark() -> None:
    """A WARNING for each, and the others are exposed; a key that is named twice counts once."""
    step = ready().tell(ExposeAll(keys=("colour", "nosuch", "colour")))
    assert exposures(step) == [("colour", 1, None)]
    assert remarks(step) == [(LogLevel.WARNING, Tag.FLAG_VISITOR_EXPOSED)]
    step = ready().tell(VisitorExposed(key="nosuch"))
    assert (step.events, step.appends) == ((), ())
    assert remarks(step) == [(LogLevel.WARNING, Tag.FLAG_VISITOR_EXPOSED)]


@pytest.mark.covers("FS-050")
def test_the_same_exposure_waits_for_its_window_to_end() -> None:
    """As hits do; the same flag read with another default is another exposure (spec 5)."""
    case = ready()
    case.tell(VisitorExposed(key="colour"))
    step = case.tell(VisitorExposed(key="colour"), after_ms=WINDOW_MS - 1)
    assert (step.events, step.appends) == ((), ())
    assert remarks(step) == [(LogLevel.DEBUG, Tag.ADD_ACTIVATE)]
    assert exposures(case.tell(GetValue(key="colour", default_value=0)))
    assert exposures(case.tell(GetValue(key="colour", default_value=False)))
    assert exposures(case.tell(VisitorExposed(key="colour"), after_ms=1))


def test_the_same_flag_seen_by_another_visitor_is_another_exposure() -> None:
    """Logging in makes another visitor id."""
    case = ready()
    case.tell(VisitorExposed(key="colour"))
    case.tell(Authenticate(visitor_id="bob"))
    assert exposures(case.tell(VisitorExposed(key="colour")))


@pytest.mark.covers("FS-051")
def test_without_de_duplication_every_exposure_is_sent() -> None:
    """Zero seconds: in one millisecond, and nothing is remembered."""
    case = ready(hit_deduplication_time=0.0)
    for _ in range(2):
        assert exposures(case.tell(VisitorExposed(key="colour")))
    assert case.visitor.recent == {}


@pytest.mark.covers("FS-074")
def test_at_the_edge_nothing_is_sent_by_itself() -> None:
    """Activations wait for `close` as hits do."""
    case = ready(decision_mode=DecisionMode.BUCKETING_EDGE)
    step = case.tell(VisitorExposed(key="colour"))
    assert (lists_of(step), len(pooled_activations(step))) == ([], 1)
    assert [effect.due_in_ms for effect in step.effects] == [HIT_AGE_MS_MAX]


# --- getValue


@pytest.mark.covers("FS-132", "FS-135")
def test_a_value_is_given_and_exposed() -> None:
    """Unless told not to; the exposure says with which default."""
    case = ready()
    command = GetValue(key="colour", default_value=7)
    assert value_for(case.visitor, command, is_ready=True) == 1
    assert exposures(case.tell(command)) == [("colour", 1, 7)]


@pytest.mark.covers("FS-136")
def test_reading_without_exposure_sends_nothing() -> None:
    """And the flag may be exposed later; neither does the list of all flags."""
    case = ready()
    step = case.tell(GetValue(key="colour", default_value=7, visitor_exposed=False))
    assert (step.events, step.appends, step.notes) == ((), (), ())
    assert case.tell(GetFlags()).appends == ()
    assert exposures(case.tell(VisitorExposed(key="colour")))


@pytest.mark.covers("FS-133", "FS-134", "FS-138")
@pytest.mark.parametrize(
    ("key", "default", "value", "is_exposed", "warns"),
    [
        ("colour", 7, 1, True, False),
        ("colour", None, 1, True, False),
        ("colour", "blue", "blue", True, True),
        ("colour", True, True, True, True),
        ("shape", [], [], True, True),
        ("empty", "blue", "blue", True, False),
        ("nosuch", "blue", "blue", False, True),
    ],
)
def test_which_values_are_given(
    key: str, default: object, value: object, is_exposed: bool, warns: bool
) -> None:
    """Exposed even when empty or of another type; the default counts then (spec 4.5)."""
    case = ready()
    command = GetValue(key=key, default_value=default)
    given_out = value_for(case.visitor, command, is_ready=True)
    assert (type(given_out), given_out) == (type(value), value)
    step = case.tell(command)
    assert bool(exposures(step)) is is_exposed
    assert remarks(step) == ([(LogLevel.WARNING, Tag.FLAG_VALUE)] if warns else [])


@pytest.mark.covers("FS-085")
def test_while_nothing_works_the_default_is_given() -> None:
    """In panic, and before the start."""
    case = ready()
    assert value_for(case.visitor, GetValue(key="colour", default_value=7), is_ready=False) == 7


@pytest.mark.covers("FS-105")
def test_values_are_read_without_consent() -> None:
    """Flags work, exposures do not, and nothing is remarked."""
    case = ready(consented=False)
    command = GetValue(key="colour", default_value=7)
    assert value_for(case.visitor, command, is_ready=True) == 1
    step = case.tell(command)
    assert (step.events, step.appends, step.effects, step.notes) == ((), (), (), ())
