"""Journeys played by another definition: each sort of difference, and where it is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_dice import PLAYS, start_ms, timelines
from timeline_journeys import Play, Told, played, without_others
from timeline_small import Small, instant, small

from actors.timelines.journeys import Journey, JourneyStep, differing
from actors.timelines.journeys.differing import Difference
from actors.timelines.journeys.replaying import Replay, ReplayReport
from actors.timelines.legacy_words import Complete
from actors.timelines.user_words import FollowLink, Migrate, ProgressStep

WHEN = {"a:b": "s >= 1"}
COLUMNS, LINKS = "a b | c", "a:b"
GUARD = {"g1": "after 09:00"}
Short = tuple[int, str, str | None, str | None, str | None]


def walked(**given: Any) -> Journey:
    """Created, followed `a:b`, went on to `c`; others had set `s`."""
    on = Told(small(COLUMNS, LINKS, when=WHEN, guards=GUARD, do={"a:b": "add n 1"}), begin=False)
    on.set("s", "1")
    on.create(**given)
    on.at("08:10").follow("a:b")
    on.at("09:00").progress()
    return on.journey()


def against(plain: Mapping[str, Any], journey: Journey | None = None) -> ReplayReport:
    """The report on a journey played by that document."""
    on = Small(plain, begin=False)
    return played(journey or walked(), on.revision, on.shared.revision).report()


def short(report: ReplayReport) -> list[Short]:
    """Differences in short."""
    return [
        (one.step_index, one.what, one.id, one.expected, one.found) for one in report.differences
    ]


def test_the_same_story_under_another_title_is_the_same() -> None:
    """What is different in the document only is no difference."""
    plain = small(COLUMNS, LINKS, when=WHEN, guards=GUARD, do={"a:b": "add n 1"})
    report = against(plain | {"title": "Other"})
    assert (report.same, report.differences, report.steps) == (True, (), 3)
    assert report.revision != walked().revision


CHOICES = [
    ("a b | c", "", {}, ("Link not found on this event.",)),
    ("b | c", "", {}, ("User timeline event not found.",)),
    ("a b | c", "a:b", {"a:b": "n >= 1 and s == 1"}, ("condition_not_met", "n >= 1")),
    ("d b | a c", "a:b", {}, ("not_active",)),
]


@pytest.mark.parametrize(("columns", "links", "when", "why"), CHOICES)
def test_a_choice_that_is_not_possible_any_more(
    columns: str, links: str, when: Mapping[str, str], why: tuple[str, ...]
) -> None:
    """It says why; what follows is played all the same."""
    report = against(small(columns, links, when=when, guards=GUARD, do={"a:b": "add n 1"}))
    (found,) = [one for one in report.differences if one.what == "impossible"]
    assert (found.step_index, found.id, found.why) == (1, "a:b", why)
    assert (found.at, found.did) == ("2023-02-03T08:10:00Z", "followed")
    assert report.steps == 3


def test_other_events_and_variables() -> None:
    """At the step at which they begin to differ, and once."""
    plain = small("a b d | c", "a:b a>d", when=WHEN, guards=GUARD, do={"a:b": "add n 3"})
    assert short(against(plain)) == [
        (0, "event", "d", None, "ACTIVE"),
        (1, "variable", "n", "1", "3"),
    ]


def test_another_column_guard_and_end() -> None:
    """A guard more: the user waits where it had not, and does not reach the end."""
    guards = {**GUARD, "g1x": "after 10:00"}
    plain = small(COLUMNS, LINKS, when=WHEN, guards=guards, do={"a:b": "add n 1"})
    assert short(against(plain)) == [
        (2, "event", "c", "ACTIVE", None),
        (2, "step", None, "1", "0"),
        (2, "guard", None, None, "g1x"),
        (2, "end", None, "true", "false"),
    ]


def test_another_default_and_a_variable_that_is_gone() -> None:
    """Only variables that were given are given again; those that do not fit are not."""
    plain = small(COLUMNS, LINKS, when=WHEN, guards=GUARD, do={"a:b": "add m 1"})
    report = against(plain, walked(variables={"n": "5"}))
    assert short(report) == [(0, "variable", "n", "5", None), (1, "variable", "n", "6", None)]
    before = small(COLUMNS, LINKS, when=WHEN, guards=GUARD, do={"a:b": "add n 1"})
    (one,) = [each for each in before["variables"] if each["name"] == "n"]
    one["default"] = "3"
    assert short(against(before))[0] == (0, "variable", "n", "0", "3")
    assert not short(against(before, walked(variables={"n": "5"})))


def test_shared_values_are_those_of_the_journey() -> None:
    """Others' writes as recorded, the user's own as the definition has it now."""
    do = {"a:b": "add s 1"}
    on = Told(small(COLUMNS, LINKS, when=WHEN, guards=GUARD, do=do), begin=False)
    on.set("s", "1")
    on.create()
    on.at("08:10").follow("a:b")
    on.at("08:20").set("s", "9")
    on.at("09:00").progress()
    other = small(COLUMNS, LINKS, when=WHEN, guards=GUARD, do={"a:b": "add s 5"})
    assert short(against(other, on.journey())) == [(1, "shared_variable", "s", "2", "6")]


def test_a_shared_variable_of_another_type_keeps_its_own_value() -> None:
    """What others wrote of the former type is none of it."""
    plain = small(COLUMNS, LINKS, guards=GUARD, do={"a:b": "add n 1; set f true", "b.ACTIVE": ""})
    plain["variables"].append(
        {"name": "s", "scope": "shared", "type": "boolean", "default": "true"}
    )
    report = against(plain)
    assert short(report) == [(0, "shared_variable", "s", "1", "true")]


def test_a_variable_that_overflows() -> None:
    """The choice is refused for it."""
    large = "9" * 64
    do = {"a:b": f"set n {large}; add n {large}"}
    report = against(small(COLUMNS, LINKS, when=WHEN, guards=GUARD, do=do))
    assert report.differences[0].why == ("variable_overflow",)


def test_who_cannot_begin_goes_nowhere() -> None:
    """A zone that there is no more: one difference, and nothing is played behind it."""
    journey = msgspec.structs.replace(walked(), timezone="Nowhere/Town")
    report = against(small(COLUMNS, LINKS, when=WHEN, guards=GUARD), journey)
    (found,) = [one for one in report.differences if one.what == "impossible"]
    assert (found.step_index, found.why, report.steps) == (0, ("unknown_timezone",), 1)


def test_long_lists_of_differences_are_cut_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report has a most."""
    monkeypatch.setattr(differing, "DIFFERENCES_MAX", 1)
    plain = small(COLUMNS, LINKS, guards={"g1": "after 10:00"}, do={"a:b": "add n 1"})
    report = against(plain)
    assert (len(report.differences), report.differences_left_out) == (1, 4)


def test_a_journey_is_played_piece_by_piece() -> None:
    """In whatever pieces, the report is the same."""
    on = Small(small(COLUMNS, LINKS, guards={"g1": "after 10:00"}), begin=False)
    journey = walked()
    whole = played(journey, on.revision, on.shared.revision).report()
    replay = Replay(journey, on.revision, on.shared.revision)
    while not replay.is_over:
        replay.play(1)
    assert replay.report() == whole
    assert isinstance(whole.differences[0], Difference)


def test_a_migrated_user_is_played_by_one_definition() -> None:
    """The migration is a step; what it changed is told as any other difference."""
    first = small(COLUMNS, LINKS, do={"a:b": "add n 1"})
    on = Told(first)
    on.at("08:10").follow("a:b")
    on.republish(small(f"{COLUMNS} d", LINKS, do={"a:b": "add n 1"}))
    on.at("08:20").do(Migrate(revision=on.shared.revision))
    journey = on.journey()
    assert [one.did for one in journey.steps] == ["created", "followed", "migrated"]
    assert journey.steps[-1].revision == on.shared.revision != journey.revision
    assert short(against(first, journey)) == [(2, "event", "d", "ACTIVE", None)]
    assert short(on.replayed().report()) == [(0, "event", "d", None, "ACTIVE")]


def test_a_journey_by_a_test_clock_leads_to_itself() -> None:
    """Its instants are the caller's, whatever the hour was; shared values are those of then."""
    on = Told(small(COLUMNS, LINKS, when=WHEN, guards=GUARD, do={"a:b": "add s 1"}), begin=False)
    on.at("2026-01-01T00:00:00").set("s", "1")
    on.create(at_ms=instant("08:00"))
    on.do(FollowLink(user_timeline_event_id="a", link_id="a:b", at_ms=instant("08:10")))
    on.do(ProgressStep(at_ms=instant("09:00")))
    journey = on.journey()
    assert all(one.test_clock for one in journey.steps)
    replay = on.replayed(journey)
    assert replay.played == without_others(journey.steps)
    assert replay.report().same


def test_what_a_client_of_2022_completed_is_completed_again() -> None:
    """An event left by all its links that could be followed; or why it cannot be left so."""
    plain = small("a b c", "a:b a:c", when={"a:c": "n == 1"})
    on = Told(plain)
    on.at("08:10").do(Complete(user_timeline_event_id="a"))
    journey = on.journey()
    assert [one.did for one in journey.steps] == ["created", "completed"]
    assert journey.steps[1].links_followed == ("a:b",)
    replay = on.replayed(journey)
    assert replay.played == without_others(journey.steps)
    other = small("a b c", "a:b a:c", when={"a:c": "n == 0"})
    assert short(against(other, journey)) == [(1, "event", "c", None, "ACTIVE")]
    for columns, why in (("b c d", "User timeline event not found."), ("d b c | a", "not_active")):
        guards = {"g1": "after 09:00"} if "|" in columns else {}
        found = against(small(columns, guards=guards), journey).differences
        assert [(one.id, one.why) for one in found if one.what == "impossible"] == [("a", (why,))]


# --- any


def left(steps: Iterable[JourneyStep]) -> dict[tuple[str, str | None], str | None]:
    """How steps leave events, the column and the guard that is waited for."""
    found: dict[tuple[str, str | None], str | None] = {}
    for step in steps:
        for change in step.state_changes:
            found["event", change.timeline_event_id] = change.state
        found["step", None] = None if step.current_step is None else str(step.current_step)
        found["guard", None] = step.waiting_for_condition_id
    return found


@given(timelines(), timelines(), PLAYS, st.booleans())
def test_any_journey_is_played_by_any_definition(
    plain: dict[str, Any], other: dict[str, Any], plays: Play, rings: bool
) -> None:
    """Every step is played; whatever differs in the end was told so, and last for that thing."""
    on, there = Told(plain, begin=False), Told(other, begin=False)
    on.now_ms = start_ms()
    on.play(plays, rings=rings)
    journey = on.journey()
    replay = played(journey, there.revision, there.shared.revision)
    report = replay.report()
    assert report.steps == len(journey.steps)
    assert report.same is (report.differences == ())
    told = {(one.what, one.id): (one.expected, one.found) for one in report.differences}
    expected, found = left(journey.steps), left(replay.played)
    for key in expected.keys() | found.keys():
        if expected.get(key) != found.get(key):
            assert told[key] == (expected.get(key), found.get(key))
