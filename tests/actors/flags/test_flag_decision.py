"""Decisions: groups, ranges, kept assignments, XPC, 1V1T, panic, and their independence."""

from __future__ import annotations

import pytest
from flag_deciding import HALVES, ONE_TEST, TESTS, XPC, Cache, chosen, sdk, server
from flag_files import FOR_ALL, campaign, document, group, rule
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.flags import answers
from actors.flags.bucketing import parse
from actors.flags.compiled import visible_values, with_panic
from actors.flags.decision import (
    Kept,
    KeptFor,
    Request,
    compile_file,
    decide,
    matching,
    settle,
    subjects,
)


def test_the_first_matching_group_is_used():
    """The first group whose targeting holds decides; the next one never gets its turn."""
    young = group("young", 100, [rule("LOWER_THAN", "age", 30)])
    compiled = server(campaign("c", young, group("rest", 100)))
    assert chosen(compiled, Request("v", {"age": 20})) == ["young-1"]
    assert chosen(compiled, Request("v", {"age": 40})) == ["rest-1"]


@pytest.mark.parametrize("build", [server, sdk])
def test_a_group_without_variation_does_not_fall_through(build):
    """A matching group that allocates nobody leaves the campaign absent."""
    compiled = build(campaign("c", group("empty", [0, None]), group("rest", 100)))
    assert chosen(compiled) == []
    assert not decide(compiled, Request("visitor_1")).untracked


def test_repeated_campaign_ids():
    """The server takes the first campaign of an id, the SDK all of them."""
    twice = (campaign("c", group("a", 100)), campaign("c", group("b", 100)))
    assert chosen(server(*twice)) == ["a-1"]
    assert chosen(sdk(*twice)) == ["a-1", "b-1"]


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([{"r": [71, 72]}], ["g-1"]),
        ([{"r": [0, 1]}, {"r": [70, 80]}], ["g-1"]),
        ([{"r": [0, 71]}], []),
        ([], []),
        (None, []),
    ],
)
def test_bucket_ranges_are_a_gate_on_the_server_only(ranges, expected):
    """A visitor outside the ranges, or of a campaign without any, is absent; the SDK ignores it."""
    one = campaign("c", group("g", 100), bucketRanges=ranges)
    assert chosen(server(one), Request("123")) == expected
    assert chosen(sdk(one), Request("123")) == ["g-1"]


def test_an_empty_visitor_id_is_hashed_as_empty():
    """No id is an id of no characters: it gets a variation and keeps nothing."""
    compiled = server(campaign("c", group("123", HALVES)))
    decision = decide(compiled, Request(""), KeptFor({"123": Kept("123-1")}))
    assert len(decision.choices) == 1
    assert decision.assignments == ()


def test_panic_decides_nothing():
    """In panic, the file's or the operator's, there are no choices and nothing is read."""
    compiled = server(TESTS[0])
    for stopped in (with_panic(compiled, True), server(TESTS[0], panic=True)):
        assert not matching(stopped, Request("visitor_1")).reads_kept
        decision = decide(stopped, Request("visitor_1", campaign="unheard-of"))
        assert (decision.panic, decision.choices) == (True, ())
    assert chosen(with_panic(with_panic(compiled, True), False))
    assert with_panic(server(panic=True), False).panic


def test_one_campaign_by_id_or_slug():
    """A named campaign is decided alone; outcomes are told apart."""
    closed = campaign("closed", group("x", 100), bucketRanges=[])
    empty = campaign("empty", group("e", [0, 0]))
    other = campaign("other", group("o", 100, [rule("EQUALS", "no", 1)]))
    compiled = server(*TESTS, closed, empty, other, campaign("slugged", slug="s"), **ONE_TEST)

    def outcome(name):
        decision = decide(compiled, Request("visitor_1", campaign=name))
        return (len(decision.choices), decision.unknown, decision.untracked)

    assert outcome("second") == (1, False, False)
    assert outcome("s") == (0, False, False)
    assert outcome("unheard-of") == (0, True, False)
    assert outcome("closed") == (0, False, False)
    assert outcome("other") == (0, False, False)
    assert outcome("empty") == (0, False, True)


def test_the_context_is_completed_in_a_copy():
    """`fs_users` is the visitor whatever the caller says, and the caller's mapping stays."""
    context = {"fs_users": "someone else", "list": [1], "null": None}
    request = Request("visitor_1", context)
    on_server = visible_values(server(), request)
    assert on_server == {**context, "fs_users": "visitor_1", "fs_all_users": ""}
    assert visible_values(sdk(), request) == {"fs_users": "visitor_1", "fs_all_users": ""}
    assert context["fs_users"] == "someone else"


def test_a_throw_of_the_sdk_fails_the_decision():
    """Where this SDK throws nothing is decided, not even campaigns before."""
    bad = campaign("bad", group("b", 100, [rule("CONTAINS", "k", None)]))
    compiled = sdk(TESTS[0], bad)
    decision = decide(compiled, Request("visitor_1", {"k": "x"}))
    assert (decision.failed, decision.choices) == (True, ())
    assert not decide(compiled, Request("visitor_1")).failed


def test_steps_and_whole_agree():
    """Matching and settling in two steps is the same as deciding at once."""
    compiled, request = server(*TESTS, **XPC), Request("visitor_1", anonymous_id="a")
    kept = KeptFor({"f": Kept("f-2")})
    assert settle(compiled, request, matching(compiled, request), kept) == decide(
        compiled, request, kept
    )


requests = st.builds(
    Request,
    visitor_id=st.sampled_from(["", "visitor_1", "visitor_2", "é", "toto"]),
    context=st.dictionaries(
        st.sampled_from(["age", "city"]),
        st.one_of(st.none(), st.integers(0, 60), st.text(max_size=3), st.just(["paris"])),
    ),
    anonymous_id=st.sampled_from(["", "anonymous"]),
    consent=st.booleans(),
    trigger_hit=st.booleans(),
    campaign=st.sampled_from([None, "first", "targeted", "unheard-of"]),
)
WORLD = document(
    *TESTS,
    campaign("targeted", group("t", HALVES, [rule("GREATER_THAN", "age", 30)], [FOR_ALL])),
    campaign("sparse", group("p", [30, 30]), group("q", 100), type="toggle"),
    accountSettings={"enabledXPC": True, "enabled1V1T": True},
)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.lists(requests, min_size=1, max_size=6), requests, st.booleans())
def test_answers_do_not_depend_on_earlier_calls(earlier, request, expose):
    """Whatever was asked before, decision and answer are those of a fresh file."""

    def body(compiled):
        decision = decide(compiled, request)
        ways = [answers.campaigns(compiled, decision, "full", expose_all_keys=expose)]
        return [*ways, answers.flags(decision, expose_all_keys=expose), decision.assignments]

    used, fresh = (compile_file(parse(WORLD), "server") for _ in range(2))
    for each in earlier:
        asked = decide(used, each)
        answers.campaigns(used, asked, "full", expose_all_keys=not expose)
        answers.flags(asked, expose_all_keys=not expose)
    assert body(used) == body(fresh)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(requests, st.sampled_from(["server", "sdk"]))
def test_deciding_again_keeps_everything(request, profile):
    """With its own assignments kept, a visitor gets the same choices and writes nothing more."""
    compiled, cache = compile_file(parse(WORLD), profile), Cache()
    first = cache.ask(compiled, request)
    seen = [dict(cache.kept.get(each, {})) for each in subjects(compiled, request)]
    assert cache.ask(compiled, request) == first
    assert decide(compiled, request, KeptFor(*seen)).assignments == ()
