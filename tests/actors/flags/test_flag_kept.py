"""Kept assignments: stickiness, XPC, 1V1T, decision groups, and when nothing is kept."""

from __future__ import annotations

import pytest
from flag_deciding import HALVES, ONE_TEST, TESTS, XPC, Cache, chosen, sdk, server
from flag_files import campaign, group, rule

from actors.flags.decision import Assignment, Kept, KeptFor, Request, decide, matching, subjects


def test_a_kept_assignment_passes_the_gate():
    """Who is in stays in when the ranges of the campaign shrink."""
    one = campaign("c", group("g", HALVES), bucketRanges=[{"r": [0, 0]}])
    kept = KeptFor({"g": Kept("g-2")})
    assert chosen(server(one), kept=kept) == ["g-2"]


@pytest.mark.covers("FS-173")
def test_a_kept_variation_survives_changes_of_traffic():
    """What was allocated first stays, whatever the allocations are now."""
    for build in (server, sdk):
        before = build(campaign("c", group("vg1", HALVES)))
        decision = decide(before, Request("visitor_1"))
        assert decision.assignments == (Assignment("visitor_1", "vg1", "vg1-1", False),)
        kept = KeptFor({"vg1": Kept("vg1-1")})
        after = build(campaign("c", group("vg1", [0, 100])))
        assert chosen(after) == ["vg1-2"]
        assert chosen(after, kept=kept) == ["vg1-1"]
        assert decide(after, Request("visitor_1"), kept).assignments == ()


@pytest.mark.parametrize("build", [server, sdk])
def test_a_deleted_variation_leaves_the_campaign_absent(build):
    """A visitor kept in a variation that is gone gets nothing, not another variation."""
    compiled = build(campaign("c", group("g", HALVES)))
    request = Request("visitor_1", campaign="c")
    decision = decide(compiled, request, KeptFor({"g": Kept("gone")}))
    assert (decision.choices, decision.assignments, decision.untracked) == ((), (), False)


def test_when_kept_assignments_are_read():
    """Groups of several variations, XPC or 1V1T, with consent and a name; the SDK's all groups."""
    single, double = campaign("a", group("a", 100)), campaign("b", group("b", HALVES))
    asked = Request("visitor_1")
    assert not matching(server(single), asked).reads_kept
    assert matching(server(single, double), asked).reads_kept
    assert matching(server(single, **XPC), asked).reads_kept
    assert matching(server(single, **ONE_TEST), asked).reads_kept
    assert matching(sdk(single), asked).reads_kept
    assert not matching(sdk(single), Request("visitor_1", consent=False)).reads_kept
    for nobody in (Request(""), Request("visitor_1", consent=False)):
        assert not matching(server(double, **XPC), nobody).reads_kept
    unmatched = campaign("u", group("u", HALVES, [rule("EQUALS", "no", 1)]))
    assert not matching(server(single, unmatched), asked).reads_kept


def test_without_consent_nothing_is_read_or_written():
    """The kept variation is ignored and no assignment is stated, only computed."""
    compiled = server(campaign("c", group("vg1", HALVES)), **XPC)
    request = Request("visitor_1", anonymous_id="a", consent=False)
    kept = KeptFor({"vg1": Kept("vg1-2")}, {"vg1": Kept("vg1-2")})
    decision = decide(compiled, request, kept)
    assert [each.variation.id for each in decision.choices] == ["vg1-1"]
    assert decision.assignments == ()


def test_log_in_keeps_the_anonymous_variation():
    """XPC as observed: anonymous visit, log-in, then a new device with the same visitor id."""
    compiled, cache = server(campaign("c", group("vg1", HALVES)), **XPC), Cache()
    assert chosen(compiled, Request("visitor_2")) == ["vg1-2"]
    assert cache.ask(compiled, Request("visitor_1")) == ["vg1-1"]
    assert cache.ask(compiled, Request("visitor_2", anonymous_id="visitor_1")) == ["vg1-1"]
    assert cache.kept["visitor_2"] == {"vg1": Kept("vg1-1")}
    assert cache.ask(compiled, Request("visitor_2", anonymous_id="other-device")) == ["vg1-1"]
    assert cache.ask(compiled, Request("visitor_2")) == ["vg1-1"]


def test_without_xpc_log_in_starts_anew():
    """The anonymous entry counts only when the account enables it."""
    compiled, cache = server(campaign("c", group("vg1", HALVES))), Cache()
    assert cache.ask(compiled, Request("visitor_1")) == ["vg1-1"]
    assert cache.ask(compiled, Request("visitor_2", anonymous_id="visitor_1")) == ["vg1-2"]


def test_a_new_assignment_is_written_for_both_subjects():
    """Under XPC the visitor and its anonymous id get the same variation."""
    compiled = server(campaign("c", group("vg1", HALVES)), **XPC)
    request = Request("visitor_2", anonymous_id="a", trigger_hit=True)
    assert decide(compiled, request).assignments == (
        Assignment("visitor_2", "vg1", "vg1-2", True),
        Assignment("a", "vg1", "vg1-2", True),
    )


def test_the_visitor_goes_before_the_anonymous_one():
    """When both have an entry the visitor's counts; a deleted one gives way to the other."""
    compiled = server(campaign("c", group("vg1", HALVES)), **XPC)
    request = Request("x", anonymous_id="a")
    kept = KeptFor({"vg1": Kept("vg1-2")}, {"vg1": Kept("vg1-1")})
    assert chosen(compiled, request, kept) == ["vg1-2"]
    assert decide(compiled, request, kept).assignments == ()
    assert decide(compiled, request, KeptFor({"vg1": Kept("vg1-2")})).assignments == ()
    gone = KeptFor({"vg1": Kept("gone")}, {"vg1": Kept("vg1-1")})
    assert chosen(compiled, request, gone) == ["vg1-1"]
    both_gone = KeptFor({"vg1": Kept("gone")}, {"vg1": Kept("gone")})
    assert chosen(compiled, request, both_gone) == []


def test_a_decision_group_takes_the_visitors_place():
    """Members of one group share the hash and the kept variation, which goes before their own."""
    compiled = server(campaign("c", group("vg1", HALVES)))
    shared = {
        chosen(compiled, Request(f"visitor_{at}", decision_group="team"))[0] for at in range(20)
    }
    assert len(shared) == 1
    request = Request("visitor_1", decision_group="team")
    whose = subjects(compiled, request)
    assert whose == ("visitor_1", "", "decisionGroup:dGVhbQ==")
    written = decide(compiled, request).assignments
    assert [each.subject for each in written] == ["visitor_1", "decisionGroup:dGVhbQ=="]
    kept = KeptFor({"vg1": Kept("vg1-1")}, {}, {"vg1": Kept("vg1-2")})
    assert chosen(compiled, request, kept) == ["vg1-2"]
    assert chosen(compiled, Request("visitor_1"), kept) == ["vg1-1"]


def test_one_visitor_one_test():
    """1V1T as observed: the first test only; another one activated takes its place."""
    toggle = campaign("toggle", group("t", 100), type="toggle")
    compiled, cache = server(*TESTS, toggle, **ONE_TEST), Cache()
    first, *_ = cache.ask(compiled, Request("visitor_1"))
    assert first.startswith("f-")
    assert len(cache.ask(compiled, Request("visitor_1"))) == 2
    cache.activate("visitor_1", "s", "s-2")
    for _ in range(2):
        assert cache.ask(compiled, Request("visitor_1")) == ["s-2", "t-1"]


def test_one_test_without_the_switch():
    """Without 1V1T an activated test bars no other."""
    compiled = server(*TESTS)
    kept = KeptFor({"s": Kept("s-2", True)})
    assert len(chosen(compiled, kept=kept)) == 2
    assert len(chosen(sdk(*TESTS, **ONE_TEST), kept=kept)) == 2


def test_a_test_the_visitor_left_bars_nothing():
    """An activated test counts only while its group targets the visitor."""
    gone = campaign("gone", group("g", HALVES, [rule("EQUALS", "no", 1)]))
    compiled = server(gone, *TESTS, **ONE_TEST)
    [only] = chosen(compiled, kept=KeptFor({"g": Kept("g-1", True)}))
    assert only.startswith("f-")


def test_only_tests_bar_tests():
    """An activated toggle counts for nothing under 1V1T."""
    toggle = campaign("toggle", group("t", HALVES), type="toggle")
    compiled = server(toggle, *TESTS, **ONE_TEST)
    found = chosen(compiled, kept=KeptFor({"t": Kept("t-1", True)}))
    assert [each[0] for each in found] == ["t", "f"]


def test_a_hit_activates_what_was_kept():
    """Under 1V1T a decision that triggers hits marks known assignments once."""
    compiled, cache = server(TESTS[0], **ONE_TEST), Cache()
    cache.ask(compiled, Request("visitor_1"))
    request = Request("visitor_1", trigger_hit=True)
    kept = KeptFor(cache.kept["visitor_1"])
    [marked] = decide(compiled, request, kept).assignments
    assert marked.activated
    cache.ask(compiled, request)
    assert decide(compiled, request, KeptFor(cache.kept["visitor_1"])).assignments == ()


def test_a_hit_activates_the_anonymous_visitors_too():
    """With XPC and 1V1T the mark goes to both subjects that have the assignment."""
    settings_ = {"accountSettings": {"enabledXPC": True, "enabled1V1T": True}}
    compiled, cache = server(TESTS[0], **settings_), Cache()
    cache.ask(compiled, Request("visitor_1"))
    cache.ask(compiled, Request("me", anonymous_id="visitor_1", trigger_hit=True))
    assert [each["f"].activated for each in cache.kept.values()] == [True, True]
