"""Publishing: names, columns, links and limits of a document, judged."""

from __future__ import annotations

import copy
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_document import ABSENT, ALICE, alice, autos, changed, grid, problems, put, read, short

from actors.timelines import document, publishing
from actors.timelines.findings import FINDINGS_MAX

NARRATIVE = {"id": "neBank", "title": "Another bank"}
SIZE = {"name": "size", "scope": "shared", "type": "string", "default": ""}


def judged(plain: Any) -> list[tuple[str, str]]:
    """Pointers and codes of a document's problems."""
    return short(publishing.check(read(plain)).problems)


@pytest.mark.covers("TL-020")
def test_the_example_may_be_published() -> None:
    """Alice's timeline has no problem, and nothing odd either."""
    report = publishing.check(document.read(ALICE.read_bytes()))
    assert report == publishing.Report((), (), 0, 0)


CASES: list[tuple[str, Any, str, str]] = [
    ("/id", "a b", "/id", "bad_id"),
    ("/id", "", "/id", "bad_id"),
    ("/id", "x" * 129, "/id", "bad_id"),
    ("/id", "x\n", "/id", "bad_id"),
    ("/title", " \t", "/title", "empty"),
    ("/events/1/id", "a:b", "/events/1/id", "bad_id"),
    ("/events/1/narrative_event/id", "ü", "/events/1/narrative_event/id", "bad_id"),
    ("/variables/-", SIZE, "/variables/4/name", "duplicate"),
    ("/rows/-", {"id": "rowAlice", "name": ""}, "/rows/2/id", "duplicate"),
    ("/beats/1/id", "beatHole", "/beats/1/id", "duplicate"),
    ("/guards/1/id", "guardMorning", "/guards/1/id", "duplicate"),
    ("/threads/-", {"id": "threadNotes", "name": "x"}, "/threads/1/id", "duplicate"),
    ("/events/1/id", "evBank", "/events/1/id", "duplicate"),
    ("/events/1/row", "rowNone", "/events/1/row", "unknown"),
    ("/events/1/thread", "none", "/events/1/thread", "unknown"),
    ("/events/0/links/0/to", "evNone", "/events/0/links/0/to", "unknown"),
    ("/events/0/links/-", {"to": "evHole"}, "/events/0/links/1/to", "duplicate"),
    ("/events/1/narrative_event", NARRATIVE, "/events/1/narrative_event", "narrative_differs"),
    ("/events/1/step", -1, "/events/1/step", "out_of_range"),
    ("/events/1/step", 10_000, "/events/1/step", "out_of_range"),
    ("/beats/0/start_step", 1, "/beats/0/start_step", "out_of_range"),
    ("/beats/1/start_step", 0, "/beats/1/start_step", "order"),
    ("/beats/2/start_step", 3, "/beats/2/start_step", "order"),
    ("/beats/2/start_step", 8, "/beats/2/start_step", "out_of_range"),
    ("/guards/1/before_step", 0, "/guards/1/before_step", "out_of_range"),
    ("/guards/1/before_step", 8, "/guards/1/before_step", "out_of_range"),
    ("/variables/0/default", "1e2", "/variables/0/default", "value"),
    ("/variables/0/default", "", "/variables/0/default", "value"),
    ("/variables/2/default", "soon", "/variables/2/default", "value"),
]


@pytest.mark.parametrize(("place", "value", "pointer", "code"), CASES)
def test_each_problem_is_named_with_its_place(
    place: str, value: Any, pointer: str, code: str
) -> None:
    """One change makes one problem, at the pointer where its author looks (spec 8)."""
    assert problems((place, value)) == [(pointer, code)]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("/beats", []),
        ("/beats/2/start_step", 7),
        ("/guards/1/before_step", 7),
        ("/guards/1/before_step", 1),
        ("/events/10/step", 9_999),
        ("/events/4/links/0/auto", True),
        ("/events/1/narrative_event/id", "x" * 128),
        ("/variables/2/default", "2023-03-15T10:35:26.336571"),
    ],
)
def test_what_is_just_allowed_is_no_problem(place: str, value: Any) -> None:
    """The limits themselves are inside."""
    assert problems((place, value)) == []


def test_a_repeated_narrative_is_the_same_one() -> None:
    """Events may share a narrative, when all of it is equal (spec 5.12.12)."""
    same = copy.deepcopy(alice()["events"][0]["narrative_event"])
    assert problems(("/events/1/narrative_event", same)) == []
    same["custom_data"]["button_text"] = "Stay"
    assert problems(("/events/1/narrative_event", same)) == [
        ("/events/1/narrative_event", "narrative_differs")
    ]


def test_a_link_leads_back_as_well_as_on() -> None:
    """Two events may link to each other: an ordered pair each."""
    assert judged(grid({}, {"links": [{"to": "c"}]}, {"links": [{"to": "b"}]})) == []


@pytest.mark.parametrize(
    "events",
    [
        [],
        [{"links": [{"to": "a"}]}],
        [{"links": [{"to": "b"}]}, {"step": 1, "links": [{"to": "a"}]}],
    ],
)
def test_a_document_in_which_nothing_could_open_is_refused(events: list[dict[str, Any]]) -> None:
    """Without an event that nothing links to there is no way in (spec 5.12.5)."""
    assert judged(grid(*events)) == [("/events", "no_entry")]


@pytest.mark.parametrize(
    ("events", "pointer", "named"),
    [
        ([{}, autos("b")], "/events/1/links/0/auto", "`b` -> `b`"),
        ([autos("b"), autos("c"), autos("b")], "/events/2/links/0/auto", "`b` -> `c` -> `b`"),
        ([{}, autos("d"), autos("b"), autos("e", "c")], "/events/2/links/0/auto", "`d` -> `c`"),
    ],
)
def test_automatic_links_that_go_round_are_named(
    events: list[dict[str, Any]], pointer: str, named: str
) -> None:
    """The problem stands at the link that closes the cycle, and says which events it has."""
    found = publishing.check(read(grid(*events, {})))
    assert short(found.problems) == [(pointer, "auto_cycle")]
    assert named in found.problems[0].message


def test_automatic_links_may_meet_again() -> None:
    """Two ways to one event are no cycle, and neither is a round with a link to choose in it."""
    diamond = [autos("b", "c"), autos("d"), autos("d"), {}]
    assert judged(grid(*diamond)) == []
    assert judged(grid({}, autos("c"), {"links": [{"to": "b"}]})) == []


MANY = [
    ("/rows", "rows", [{"id": f"r{n}", "name": ""} for n in range(1_001)]),
    (
        "/variables",
        "variables",
        [{"name": f"v{n}", "scope": "user", "type": "string", "default": ""} for n in range(1_001)],
    ),
    ("/threads", "threads", [{"id": f"t{n}", "name": ""} for n in range(1_001)]),
]


@pytest.mark.parametrize(("pointer", "name", "items"), MANY)
def test_lists_have_limits(pointer: str, name: str, items: list[Any]) -> None:
    """One too many is a problem, one less is none."""
    event = {"row": "r0"} if name == "rows" else {}
    assert judged(grid(event, **{name: items})) == [(pointer, "too_many")]
    assert judged(grid(event, **{name: items[:-1]})) == []


def test_links_and_operations_have_limits() -> None:
    """At most 200 links of an event and 50 operations of a trigger."""
    toggle = {"op": "toggle", "var": "v"}
    boolean = {"name": "v", "scope": "user", "type": "boolean", "default": "true"}
    targets = [{"id": f"e{n}"} for n in range(201)]
    full = {"links": [{"to": f"e{n}"} for n in range(200)], "on": {"VISITED": [toggle] * 50}}
    assert judged(grid(full, *targets, variables=[boolean])) == []
    full["links"] = [{"to": f"e{n}"} for n in range(201)]
    full["on"] = {"VISITED": [toggle] * 51}
    assert judged(grid(full, *targets, variables=[boolean])) == [
        ("/events/0/links", "too_many"),
        ("/events/0/on/VISITED", "too_many"),
    ]


@pytest.mark.slow  # 20,001 events and 5,001 guards are decoded and judged
def test_events_and_guards_have_limits() -> None:
    """One too many of each is a problem."""
    events = [{"id": f"e{n}", "step": n % 2} for n in range(20_001)]
    when = {"all": []}
    guards = [{"id": f"g{n}", "before_step": 1, "when": when} for n in range(5_001)]
    assert judged(grid(*events, guards=guards)) == [
        ("/events", "too_many"),
        ("/guards", "too_many"),
    ]
    assert judged(grid(*events[:-1], guards=guards[:-1])) == []


def test_findings_are_counted_beyond_those_kept() -> None:
    """A document of noise fills no answer, and says how much there is."""
    report = publishing.check(read(grid({}, *[{"row": "none"}] * 150)))
    assert len(report.problems) == FINDINGS_MAX
    assert report.problem_count > 150


def test_long_names_are_quoted_in_part() -> None:
    """A message does not repeat a text of any length."""
    (problem,) = publishing.check(read(changed(("/events/1/row", "x" * 5_000)))).problems
    assert len(problem.message) < 150


@pytest.mark.slow  # 20,000 events are decoded and judged
def test_a_long_chain_of_links_needs_no_stack() -> None:
    """20,000 events in one round of automatic links are a problem like others, in seconds."""
    size = 20_000
    events = [{"id": f"e{n}", **autos(f"e{(n + 1) % size or 1}")} for n in range(size)]
    started = perf_counter()
    report = publishing.check(read(grid(*events)))
    assert short(report.problems) == [(f"/events/{size - 1}/links/0/auto", "auto_cycle")]
    assert "(19991 more)" in report.problems[0].message
    assert perf_counter() - started < 10


@pytest.mark.slow  # measures, three times each
def test_cost_grows_with_the_document() -> None:
    """Ten times the document takes about ten times as long, not a hundred times."""
    seconds = []
    for size in (100, 1_000):
        guarded = {"when": {"all": [{"event": "e1", "state": "VISITED"}] * 3}}
        events = [
            {"id": f"e{n}", "links": [{"to": f"e{(n + k) % size}", **guarded} for k in (1, 2, 3)]}
            for n in range(size)
        ]
        timeline = read(grid({}, *events))
        seconds.append(min(_seconds(timeline) for _ in range(3)))
    assert seconds[1] < 50 * seconds[0]


def _seconds(timeline: document.Timeline) -> float:
    started = perf_counter()
    assert not publishing.check(timeline).problems
    return perf_counter() - started


PLACES = [
    "/id", "/title", "/events/0/id", "/events/0/links/0/to", "/events/2/links/0/do/0/var",
    "/events/2/links/0/do/0/value", "/events/2/links/0/do/0/op", "/events/6/links/0/do/0/plus",
    "/events/3/links/0/when/all/0/value", "/events/3/links/0/when/all/0/op", "/guards/0/when",
    "/events/3/links/0/when/all/0/var", "/guards/0/when/time/after", "/guards/0/before_step",
    "/events/8/links/0/when/time/after/var", "/events/9/links/0/when/link", "/events/9/step",
    "/events/9/links/0/when/followed/at_least", "/threads/0/delivery/event", "/events/7/thread",
    "/threads/0/delivery/state", "/variables/0/type", "/variables/0/default", "/beats/1/start_step",
    "/guards/1/when", "/events/10/links", "/events/9/links/0/auto", "/events/5", "/beats", "/rows",
]  # fmt: skip
TEXTS = st.sampled_from(
    ["", "size", "tea_at", "evHole", "evHole:evEat", ":", "P1D", "09:00", "24:00", "==", "set_now"]
) | st.text(max_size=6)
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda var, value: {"var": var, "op": "<", "value": value}, TEXTS, TEXTS),
    st.builds(lambda since, at: {"elapsed": {"since": since, "at_most": at}}, TEXTS, TEXTS),
    st.builds(lambda at, to: {"daily": {"from": at, "to": to}}, TEXTS, TEXTS),
    st.builds(lambda at, to: {"time": {"after": at, "before": to}}, TEXTS, TEXTS),
    st.builds(
        lambda link, n: {"link": link, "followed": {"at_most": n}}, TEXTS, st.integers(-2, 2)
    ),
    st.builds(lambda event: {"event": event, "state": "VISITED"}, TEXTS),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda listed: {"all": listed}),
        st.lists(inner, max_size=3).map(lambda listed: {"any": listed}),
        inner.map(lambda one: {"not": one}),
    ),
)
VALUES = TEXTS | st.integers(-3, 12) | st.booleans() | CONDITIONS | st.just([]) | st.just(ABSENT)


@pytest.mark.slow  # many documents, each read whole
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=4))
def test_check_never_raises(changes: list[tuple[str, Any]]) -> None:
    """Whatever is read can be judged, and its problems point at something that is there."""
    plain = alice()
    for place, value in changes:
        try:
            put(plain, place.split("/")[1:], value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    try:
        timeline = read(plain)
    except document.BadDocument:
        return
    report = publishing.check(timeline)
    assert not (report.problems and report.warnings)
    for finding in (*report.problems, *report.warnings):
        assert finding.message
        _find(plain, finding.loc)


def _find(plain: Any, loc: list[str | int]) -> None:
    for part in loc[:-1]:
        plain = plain[part]
