"""Random timelines and random walks over them, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from timeline_world import ms

BEGIN = "08:00:00"
MINUTE = 60_000
EVENTS_MAX = 7
NUMBERS = st.sampled_from(["-1", "0", "1", "2", "3"])
CLOCKS = st.sampled_from([f"2023-02-03T08:{minute:02}:00Z" for minute in range(0, 40, 5)])
SPANS = st.sampled_from(["PT1M", "PT5M", "PT12M"])
STATES = st.sampled_from(["ACTIVE", "VISITED", "UNVISITED"])


def conditions(events: int, links: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A condition over the variables `u` and `s` (numbers), `d` (a time), events and links."""
    event = st.integers(0, events - 1).map("e{}".format)
    leaves = [
        st.builds(
            lambda var, op, value: {"var": var, "op": op, "value": value},
            st.sampled_from(["u", "s"]),
            st.sampled_from(["==", "!=", ">", "<="]),
            NUMBERS,
        ),
        st.builds(lambda one, state: {"event": one, "state": state}, event, STATES),
        CLOCKS.map(lambda at: {"time": {"after": at}}),
        CLOCKS.map(lambda at: {"time": {"before": at}}),
        st.just({"time": {"after": {"var": "d"}}}),
        SPANS.map(lambda span: {"elapsed": {"since": "user.created", "at_least": span}}),
        st.builds(
            lambda one, span: {"elapsed": {"since": f"event:{one}.ACTIVE", "at_least": span}},
            event,
            SPANS,
        ),
        st.just({"daily": {"from": "08:10", "to": "08:25"}}),
        st.just({"elapsed": {"since": "beat:b1", "at_most": "PT6M"}}),
    ]
    if links:
        link = st.sampled_from(links)
        leaves.append(link.map(lambda one: {"link": one, "followed": {"at_least": 1}}))
        leaves.append(link.map(lambda one: {"link": one, "followed_by_all": {"at_least": 2}}))
    return st.recursive(
        st.one_of(leaves),
        lambda inner: st.one_of(
            inner.map(lambda one: {"not": one}),
            st.lists(inner, min_size=1, max_size=2).map(lambda many: {"all": many}),
            st.lists(inner, min_size=1, max_size=2).map(lambda many: {"any": many}),
        ),
        max_leaves=3,
    )


CHANGES = st.lists(
    st.one_of(
        st.builds(
            lambda op, var, value: {"op": op, "var": var, "value": value},
            st.sampled_from(["add", "sub", "set"]),
            st.sampled_from(["u", "s"]),
            NUMBERS,
        ),
        st.just({"op": "set_now", "var": "d", "plus": "PT5M"}),
    ),
    max_size=1,
)


@st.composite
def timelines(draw: st.DrawFn) -> dict[str, Any]:
    """A document that may be published; automatic links only lead to later events."""
    count = draw(st.integers(2, EVENTS_MAX))
    pairs = draw(st.sets(st.tuples(*[st.integers(0, count - 1)] * 2), max_size=8))
    links = [f"e{source}:e{target}" for source, target in sorted(pairs)]
    when = conditions(count, links)
    events = [_event(draw, number, sorted(pairs), when) for number in range(count)]
    last = max(event["step"] for event in events)
    guards = [
        {"id": f"g{number}", "before_step": draw(st.integers(1, last)), "when": draw(when)}
        for number in range(draw(st.integers(0, 2)) if last else 0)
    ]
    beats = [{"id": "b0", "name": "B0", "start_step": 0}]
    beats.append({"id": "b1", "name": "B1", "start_step": 1, "on_enter": draw(CHANGES)})
    return {
        "schema": "timeline/1",
        "id": "T",
        "title": "T",
        "variables": [
            {"name": "u", "scope": "user", "type": "number", "default": "0"},
            {"name": "s", "scope": "shared", "type": "number", "default": "0"},
            {"name": "d", "scope": "user", "type": "datetime", "default": ""},
        ],
        "beats": beats if last else beats[:1],
        "rows": [{"id": "r0", "name": "R0"}, {"id": "r1", "name": "R1"}],
        "threads": [{"id": "t0", "name": "T0", "delivery": draw(when)}],
        "guards": guards,
        "events": events,
        "settings": {"auto_progress": draw(st.booleans())},
    }


def _event(
    draw: st.DrawFn,
    number: int,
    pairs: list[tuple[int, int]],
    when: st.SearchStrategy[dict[str, Any]],
) -> dict[str, Any]:
    links = []
    for _, target in [pair for pair in pairs if pair[0] == number]:
        link: dict[str, Any] = {"to": f"e{target}", "do": draw(CHANGES)}
        if draw(st.booleans()):
            link["when"] = draw(when)
        if target > number and draw(st.booleans()):
            link["auto"] = True
        links.append(link)
    event: dict[str, Any] = {
        "id": f"e{number}",
        "row": draw(st.sampled_from(["r0", "r1"])),
        "step": draw(st.integers(0, 3)),
        "narrative_event": {"id": f"n{number}"},
        "links": links,
        "on": {"ACTIVE": draw(CHANGES), "VISITED": draw(CHANGES)},
    }
    if draw(st.integers(0, 3)) == 0:
        event["thread"] = "t0"
    return event


PLAYS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.one_of(
            st.tuples(st.just("follow"), st.integers(0, 99)),
            st.tuples(st.just("progress"), st.sampled_from([None, 1, 2])),
            st.tuples(st.just("pause"), st.none()),
            st.tuples(st.just("settle"), st.none()),
            st.tuples(st.just("set"), NUMBERS),
            st.tuples(st.just("other"), st.integers(0, 99)),
        ),
    ),
    max_size=10,
)
"""(minutes to wait, (what to do, with what)), several times."""


def start_ms() -> int:
    """When random walks begin."""
    return ms(BEGIN)
