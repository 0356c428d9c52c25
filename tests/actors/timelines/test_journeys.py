"""Journeys: what they tell, how they are read, and that each leads to itself when played again."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_dice import PLAYS, start_ms, timelines
from timeline_journeys import Play, Told, without_others
from timeline_small import small

from actors.timelines import journeys
from actors.timelines.journeys import BadJourney, Did, Journey, Others, Since, read_journey

T = "2023-02-03T"
PLAIN = small(
    "a b | c",
    "a:b",
    when={"a:b": "s >= 1 and a:b followed_by_all 0"},
    do={"a:b": "add s 1; add n 2", "b1": "add m 1"},
    guards={"g1": "after 09:00"},
    beats="0 1",
)


def plain_of(journey: Journey) -> dict[str, Any]:
    """A journey as JSON."""
    return msgspec.json.decode(msgspec.json.encode(journey), type=dict[str, Any])


@given(timelines(), PLAYS, st.booleans())
def test_its_own_definition_leads_a_journey_to_itself(
    plain: dict[str, Any], plays: Play, rings: bool
) -> None:
    """Step by step, whatever others did in between, whether alarms rang or not; as JSON, too."""
    on = Told(plain, begin=False)
    on.now_ms = start_ms()
    on.play(plays, rings=rings)
    journey = read_journey(msgspec.json.encode(on.journey()))
    assert journey == on.journey()
    replay = on.replayed(journey)
    assert replay.played == without_others(journey.steps)
    report = replay.report()
    assert (report.same, report.differences) == (True, ())
    assert report.steps == len(journey.steps) == len(on.facts["u"])


def test_what_others_had_made_of_a_value_by_then_is_told() -> None:
    """A thread delivered at twenty past, by the value of then, though nobody looked before now."""
    on = Told(small("a b", threads={"b": "s >= 1 and after 08:20"}))
    on.at("08:10").set("s", "1")
    on.at("08:30").set("s", "0")
    on.at("08:40").settle()
    assert on.log() == ["08:00 +a", "08:20 +b"]
    step = on.journey().steps[-1]
    values = (Since(f"{T}08:30:00Z", "0"), Since(f"{T}08:10:00Z", "1"), Since(f"{T}08:00:00Z", "0"))
    assert step.others == Others(variables={"s": values})
    assert on.replayed().report().same


def test_only_what_others_changed_is_told() -> None:
    """Not what the user wrote itself, nor what is as it was; the first step tells everything."""
    on = Told(PLAIN, begin=False)
    on.at("08:01").set("s", "1")
    on.at("08:02").create(max_steps=1, variables={"n": "5"})
    on.at("08:03").follow("a:b")
    on.at("08:04").progress(2, pause=True)
    on.set("s", "7")
    on.at("09:00").progress(2, pause=True)
    journey = on.journey()
    created, followed, progressed = journey.steps
    assert created.others == Others(
        variables={"s": (Since(f"{T}08:01:00Z", "1"),)}, types={"s": "number"}, counts=("a:b",)
    )
    assert followed.others is None
    assert (followed.shared, followed.variables) == ({"s": "2"}, {"n": "7"})
    values = (Since(f"{T}08:04:00Z", "7"), Since(f"{T}08:03:00Z", "2"))
    assert progressed.others == Others(variables={"s": values})


def test_a_journey_says_what_was_asked_for() -> None:
    """How the user began, how far it wanted to go, and which links it chose."""
    on = Told(PLAIN, begin=False)
    on.set("s", "1")
    on.create(max_steps=1, variables={"n": "5"}, pause_at_beats=True, timezone="Asia/Tokyo")
    on.at("08:03").follow("a:b")
    on.at("09:00").progress(2, pause=False)
    journey = on.journey()
    assert (journey.timezone, journey.pause_at_beats) == ("Asia/Tokyo", True)
    assert (journey.variables, journey.variables_given) == ({"n": "5", "m": "7"}, ("n",))
    asked = [
        (one.at, one.did, one.max_steps, one.pause_at_beats, one.link_id) for one in journey.steps
    ]
    assert asked == [
        (f"{T}08:00:00Z", Did.CREATED, 1, True, None),
        (f"{T}08:03:00Z", Did.FOLLOWED, None, False, "a:b"),
        (f"{T}09:00:00Z", Did.PROGRESSED, 2, False, None),
    ]


def test_a_journey_says_what_each_step_led_to() -> None:
    """Columns, states, beats, guards, variables."""
    on = Told(PLAIN, begin=False)
    on.set("s", "1")
    on.create()
    on.at("08:03").follow("a:b")
    on.at("09:00").progress()
    created, followed, progressed = plain_of(on.journey())["steps"]
    assert created["waiting_for_condition_id"] == "g1"
    assert created["current_step"] == followed["current_step"] == 0
    at = f"{T}08:03:00Z"
    assert followed["state_changes"] == [
        {"timeline_event_id": "a", "state": "VISITED", "state_changed_at": at},
        {"timeline_event_id": "b", "state": "ACTIVE", "state_changed_at": at},
    ]
    assert (progressed["beats_entered"], progressed["conditions_passed"]) == (["b1"], ["g1"])
    assert progressed["end_of_timeline_reached"]
    assert progressed["variables"] == {"m": "8"}


def test_a_journey_names_nobody() -> None:
    """It is handed to authors: the user's id is not in it."""
    on = Told(PLAIN, begin=False)
    on.create("zoe@example.org")
    assert b"zoe" not in msgspec.json.encode(on.journey("zoe@example.org"))


# --- reading


def told() -> dict[str, Any]:
    """A good journey of two steps as JSON."""
    on = Told(PLAIN, begin=False)
    on.create()
    on.at("09:00").progress()
    return plain_of(on.journey())


def test_an_answer_of_the_audience_api_is_read_too() -> None:
    """Whoever saved the whole envelope has saved the journey."""
    good = told()
    body = msgspec.json.encode({"data": good, "error": None, "meta": {}})
    assert plain_of(read_journey(body)) == good == plain_of(read_journey(msgspec.json.encode(good)))


BAD = [
    (("schema",), "journey/2", "schema"),
    (("variables",), {"n": 1}, "str"),
    (("steps",), [], "1 to 10,000 steps, not 0"),
    (("steps", 0, "did"), "settled", "the first step"),
    (("steps", 1, "did"), "created", "the first step"),
    (("steps", 1, "did"), "flown", "flown"),
    (("steps", 1, "did"), "followed", "step 1: `link_id`"),
    (("steps", 1, "link_id"), "a:b", "step 1: `link_id`"),
    (("steps", 1, "did"), "completed", "step 1: `timeline_event_id`"),
    (("steps", 1, "did"), "migrated", "step 1: `revision`"),
    (("steps", 1, "max_steps"), -1, "step 1: `max_steps`"),
    (("steps", 1, "at"), f"{T}07:59:59Z", "step 1 is earlier"),
    (("steps", 1, "at"), f"{T}09:00:00", "names no zone"),
    (("steps", 1, "at"), "soon", "no date and time"),
    (("steps", 1, "state_changes"), [{"timeline_event_id": "a"}], "state"),
    (("steps", 0, "others"), {"variables": {"s": []}}, "at least its value of then"),
    (("steps", 0, "others"), {"follows": {"a:b": [["soon", "1"]]}}, "no date and time"),
]


@pytest.mark.parametrize(("place", "value", "words"), BAD)
def test_what_is_no_journey_is_refused(place: tuple[Any, ...], value: Any, words: str) -> None:
    """With a sentence that says why."""
    bad = told()
    *way, last = place
    inside: Any = bad
    for part in way:
        inside = inside[part]
    inside[last] = value
    with pytest.raises(BadJourney, match=re.escape(words)):
        read_journey(msgspec.json.encode(bad))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"\xff", b'{"data": {}}', b"[" * 1_000])
def test_what_is_no_json_of_a_journey_is_refused(body: bytes) -> None:
    """Whatever the bytes are."""
    with pytest.raises(BadJourney):
        read_journey(body)


def test_a_journey_has_a_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """More steps than are played are refused."""
    monkeypatch.setattr(journeys, "STEPS_MAX", 1)
    with pytest.raises(BadJourney, match="1 to 1 steps, not 2"):
        read_journey(msgspec.json.encode(told()))
