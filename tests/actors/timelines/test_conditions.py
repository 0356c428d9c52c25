"""Conditions: what each leaf says, `not` at the leaves, what a test reads and complains of."""

from __future__ import annotations

import pytest
from condition_world import CREATED_MS, HOUR_MS, OneUser, compiled
from hypothesis import given
from hypothesis import strategies as st

from actors.timelines import times

ELEVEN = CREATED_MS + 3 * HOUR_MS
WORLD = OneUser(
    now_ms=ELEVEN,
    values={
        "size": "10",
        "keys": "1",
        "name": "Alice",
        "other": "",
        "open": "true",
        "tea_at": "2023-02-03T11:00:00",
        "end_at": "",
    },
    states={"evParty": "VISITED"},
    entries={("evParty", "ACTIVE"): ELEVEN - HOUR_MS, ("evParty", "VISITED"): ELEVEN - 1_000},
    beats={"beatTea": ELEVEN - 2 * HOUR_MS},
    counts={"evHole:evEat": 2},
    votes={"evHole:evEat": 40},
)


def variable(name: str, op: str, value: object) -> dict[str, object]:
    return {"var": name, "op": op, "value": value}


LEAVES = [
    (variable("size", "<=", "10"), True),
    (variable("size", "<", "10.0"), False),
    (variable("size", ">", {"var": "keys"}), True),
    (variable("keys", ">=", {"var": "size"}), False),
    (variable("name", "==", "Alice"), True),
    (variable("name", "!=", "Alice"), False),
    (variable("open", "==", "true"), True),
    (variable("tea_at", ">=", "2023-02-03T11:00:00Z"), True),
    (variable("tea_at", "<", "2023-02-03T11:00:00"), False),
    ({"event": "evParty", "state": "VISITED"}, True),
    ({"event": "evWake", "state": "UNVISITED"}, True),
    ({"event": "evWake", "state": "ACTIVE"}, False),
    ({"link": "evHole:evEat", "followed": {"at_least": 2}}, True),
    ({"link": "evHole:evEat", "followed": {"at_least": 3}}, False),
    ({"link": "evHole:evEat", "followed": {"at_most": 2}}, True),
    ({"link": "evHole:evEat", "followed": {"at_most": 1}}, False),
    ({"link": "evHole:evEat", "followed": {"at_least": 1, "at_most": 2}}, True),
    ({"link": "a:b", "followed": {"at_most": 0}}, True),
    ({"link": "a:b", "followed_by_all": {"at_least": 1}}, False),
    ({"link": "evHole:evEat", "followed_by_all": {"at_least": 40}}, True),
]
TIMED = [
    ({"time": {"after": "2023-02-03T11:00:00Z"}}, True),
    ({"time": {"after": "2023-02-03T11:00:00.001Z"}}, False),
    ({"time": {"before": "2023-02-03T11:00:00Z"}}, False),
    ({"time": {"before": "2023-02-03T11:00:00.000001Z"}}, True),
    ({"time": {"after": "2023-02-03T09:00:00", "before": "2023-02-03T12:00:00"}}, True),
    ({"time": {"after": {"var": "tea_at"}}}, True),
    ({"time": {"before": {"var": "tea_at"}}}, False),
    ({"elapsed": {"since": "user.created", "at_least": "PT3H"}}, True),
    ({"elapsed": {"since": "user.created", "at_least": "PT3H0.001S"}}, False),
    ({"elapsed": {"since": "user.created", "at_most": "PT3H"}}, True),
    ({"elapsed": {"since": "user.created", "at_most": "PT2H59M59.999S"}}, False),
    ({"elapsed": {"since": "event:evParty.ACTIVE", "at_least": "PT1H"}}, True),
    ({"elapsed": {"since": "event:evParty.VISITED", "at_least": "PT1H"}}, False),
    ({"elapsed": {"since": "beat:beatTea", "at_least": "PT1H", "at_most": "PT2H"}}, True),
    ({"daily": {"from": "11:00", "to": "12:00"}}, True),
    ({"daily": {"from": "10:00", "to": "11:00"}}, False),
    ({"daily": {"from": "09:00", "to": "17:00", "days": ["fri"]}}, True),
    ({"daily": {"from": "09:00", "to": "17:00", "days": ["sat"]}}, False),
]
NOT_YET = [
    variable("other", "==", ""),
    variable("other", "!=", "Alice"),
    variable("name", "!=", ""),
    variable("name", "!=", {"var": "other"}),
    variable("end_at", "<", "2023-02-03T11:00:00Z"),
    variable("end_at", "!=", {"var": "tea_at"}),
    {"time": {"after": {"var": "end_at"}}},
    {"time": {"before": {"var": "end_at"}}},
    {"time": {"after": "2023-02-03T09:00:00", "before": {"var": "end_at"}}},
    {"elapsed": {"since": "event:evWake.ACTIVE", "at_most": "P1D"}},
    {"elapsed": {"since": "beat:beatCourt", "at_least": "PT0S"}},
]
FORMS = [form for form, _ in LEAVES + TIMED] + NOT_YET


@pytest.mark.parametrize(("form", "holds"), LEAVES + TIMED, ids=str)
def test_a_leaf_and_its_negation(form, holds):
    """Each form says what the specification says, and `not` the contrary."""
    assert compiled(form).holds(WORLD) is holds
    assert compiled({"not": form}).holds(WORLD) is not holds
    assert compiled({"not": {"not": form}}).holds(WORLD) is holds


@pytest.mark.parametrize("form", NOT_YET, ids=str)
def test_what_is_empty_or_has_not_happened_is_false(form):
    """An empty operand, an event or beat not yet seen: false, and true under `not` (5.12.7)."""
    assert not compiled(form).holds(WORLD)
    assert compiled({"not": form}).holds(WORLD)
    assert compiled(form).next_boundary(WORLD, WORLD.now_ms) is None


@pytest.mark.parametrize("form", [form for form, _ in TIMED] + NOT_YET[6:], ids=str)
def test_disabled_times_pass(form):
    """With times disabled every leaf about time passes, where it stands and under `not`."""
    free = OneUser(**{**vars(WORLD), "times_disabled": True})
    for each in (form, {"not": form}):
        test = compiled({"all": [each, variable("size", "==", "10")]})
        assert test.holds(free)
        assert test.next_change(free) is None
        assert test.next_true(free) is None
        assert test.next_boundary(free, 0) is None
    assert not compiled({"not": {"any": [form, variable("size", "==", "10")]}}).holds(free)


def test_a_naive_time_is_the_users():
    """09:00 without a zone has come for Tokyo at midnight UTC, and for London at nine."""
    test = compiled({"time": {"after": "2023-02-03T09:00:00"}})
    london, tokyo = OneUser(now_ms=0), OneUser(now_ms=0, zone=times.zone("Asia/Tokyo"))
    assert times.write_instant(test.next_true(london) or 0) == "2023-02-03T09:00:00Z"
    assert times.write_instant(test.next_true(tokyo) or 0) == "2023-02-03T00:00:00Z"


def test_nothing_and_everything():
    """`all` of nothing holds, `any` of nothing does not."""
    assert compiled({"all": []}).holds(WORLD)
    assert not compiled({"any": []}).holds(WORLD)
    assert not compiled({"not": {"all": []}}).holds(WORLD)
    assert compiled({"any": []}).next_true(WORLD) is None


LEAF = st.sampled_from(FORMS)
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=8,
)


@given(TREE, st.lists(TREE, max_size=3))
def test_not_is_pushed_down(form, parts):
    """De Morgan: `not` of all is any of the `not`s, and twice `not` is nothing."""
    holds = compiled(form).holds(WORLD)
    assert compiled({"not": form}).holds(WORLD) is not holds
    every = compiled({"not": {"all": parts}}).holds(WORLD)
    assert every is compiled({"any": [{"not": part} for part in parts]}).holds(WORLD)
    some = compiled({"not": {"any": parts}}).holds(WORLD)
    assert some is compiled({"all": [{"not": part} for part in parts]}).holds(WORLD)


@given(TREE)
def test_a_test_that_fails_says_why(form):
    """There are words exactly where a test fails for some leaf; each is one of its leaves."""
    test = compiled(form)
    why = test.why(WORLD)
    assert not (test.holds(WORLD) and why)
    assert test.holds(WORLD) or why or "[]" in str(form)  # nothing in `any` has no words
    assert len(why) <= 20


def test_the_words_of_a_refusal():
    """Failing leaves by their names and bounds; the ones that pass are not named."""
    form = {
        "all": [
            variable("size", "<=", "9"),
            variable("keys", ">=", "1"),
            {"not": {"event": "evParty", "state": "VISITED"}},
            {"any": [{"time": {"after": {"var": "end_at"}}}, variable("name", "==", "Bob")]},
            {"any": [{"daily": {"from": "09:00", "to": "10:00"}}, variable("open", "==", "true")]},
            {"elapsed": {"since": "user.created", "at_least": "P1D"}},
            {"link": "evHole:evEat", "followed": {"at_most": 1}},
            {"link": "evHole:evEat", "followed_by_all": {"at_least": 41}},
        ]
    }
    assert compiled(form).why(WORLD) == [
        "size <= 9",
        "not evParty is VISITED",
        "time from end_at",
        "name == Bob",
        "since user.created at least P1D",
        "evHole:evEat followed at most 1",
        "evHole:evEat followed by all at least 41",
    ]
    many = {"all": [variable("size", "==", str(number)) for number in range(50, 99)]}
    assert len(compiled(many).why(WORLD)) == 20


def test_what_a_test_reads():
    """Variables on both sides and in times, events and beats by id, links by how they count."""
    reads = compiled(
        {
            "all": [
                variable("size", ">", {"var": "keys"}),
                {"time": {"after": {"var": "tea_at"}, "before": {"var": "end_at"}}},
                {"any": [{"event": "evA", "state": "ACTIVE"}]},
                {"not": {"elapsed": {"since": "event:evB.VISITED", "at_least": "PT1S"}}},
                {"elapsed": {"since": "beat:beatTea", "at_least": "PT1S"}},
                {"link": "a:b", "followed": {"at_least": 1}},
                {"link": "c:d", "followed_by_all": {"at_least": 1}},
            ]
        }
    ).reads
    assert reads.variables == {"size", "keys", "tea_at", "end_at"}
    assert reads.events == {"evA", "evB"}
    assert reads.beats == {"beatTea"}
    assert (reads.links, reads.counted_links) == ({"a:b"}, {"c:d"})
    assert reads.is_timed
    still = compiled(variable("tea_at", ">", "2023-02-03T09:00:00Z")).reads
    assert (still.variables, still.is_timed) == ({"tea_at"}, False)


def test_a_condition_may_nest_as_deep_as_documents_may():
    """Sixty-four levels compile, hold, search and complain."""
    form: dict[str, object] = {"time": {"after": "2023-02-04T00:00:00Z"}}
    for level in range(63):
        form = {("all", "any")[level % 2]: [form, variable("size", "==", ("10", "9")[level % 2])]}
    test = compiled(form)
    assert not test.holds(WORLD)
    assert test.next_true(WORLD) == times.read_instant("2023-02-04T00:00:00Z")
    assert "time from 2023-02-04T00:00:00Z" in test.why(WORLD)
