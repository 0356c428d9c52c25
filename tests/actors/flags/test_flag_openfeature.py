"""OpenFeature's remote evaluation: values, reasons, errors, panic and the ETag."""

from __future__ import annotations

import json

from flag_files import WORLD, ask, campaign, group, rule

from actors.flags import openfeature


def evaluate(key, *campaigns, **more):
    _, decision = ask(*campaigns, **more)
    status, told = openfeature.evaluation(decision, key)
    return status, json.loads(told)


def test_one_evaluation():
    """A flag has key, value, reason, variant and metadata that holds no null."""
    assert evaluate("k", *WORLD) == (
        200,
        {
            "key": "k",
            "value": "v",
            "reason": "SPLIT",
            "variant": "vg1-1",
            "metadata": {
                "campaignId": "c1",
                "campaignName": "Campaign c1",
                "variationGroupId": "vg1",
                "variationId": "vg1-1",
                "campaignType": "ab",
                "isReference": True,
            },
        },
    )
    assert evaluate("l", *WORLD)[1]["metadata"]["slug"] == "two"


def test_reasons_of_evaluations():
    """SPLIT with several variations, STATIC for everybody with one, else TARGETING_MATCH."""
    targeted = campaign("t", group("t", 100, [rule("EQUALS", "fs_users", "visitor_1")]))
    for key, one, reason in (
        ("vg1-key", campaign("a", group("vg1", [50, 50])), "SPLIT"),
        ("b-key", campaign("b", group("b", 100)), "STATIC"),
        ("t-key", targeted, "TARGETING_MATCH"),
    ):
        assert evaluate(key, one)[1]["reason"] == reason


def test_a_null_flag_has_no_value():
    """A key that the visitor's variation does not set leaves `value` to the client."""
    status, told = evaluate("only-here", *WORLD)
    assert status == 200
    assert "value" not in told


def test_an_unknown_flag_is_not_found():
    """A key that no campaign of the visitor has is 404 with its error code."""
    status, told = evaluate("nope", *WORLD)
    assert (status, told["key"], told["errorCode"]) == (404, "nope", "FLAG_NOT_FOUND")
    assert told["errorDetails"]


def test_evaluations_in_panic():
    """In panic a flag is DISABLED without value, known or not; the bulk lists the file's.

    Its variant is "", since the Python client reads it in any case.
    """
    disabled = {"reason": "DISABLED", "variant": ""}
    assert evaluate("nope", *WORLD, panic=True) == (200, {"key": "nope", **disabled})
    compiled, decision = ask(*WORLD, panic=True)
    told = json.loads(openfeature.evaluations(compiled, decision))["flags"]
    assert told == [{"key": key, **disabled} for key in ("k", "gone", "only-here", "l")]


def test_all_evaluations():
    """The bulk holds each flag once, as the single endpoint has it, and the streams given."""
    compiled, decision = ask(*WORLD)
    told = json.loads(openfeature.evaluations(compiled, decision))
    assert [each["key"] for each in told["flags"]] == ["k", "gone", "only-here", "l"]
    assert told["flags"] == [evaluate(key, *WORLD)[1] for key in compiled.keys]
    assert (told["metadata"], "eventStreams" in told) == ({}, False)
    stream = b'{"type":"sse","url":"https://here/stream"}'
    told = json.loads(openfeature.evaluations(compiled, decision, (stream,)))
    assert told["eventStreams"] == [json.loads(stream)]


def test_failures_of_evaluations():
    """A failure of the bulk names no key."""
    assert json.loads(openfeature.failure("PARSE_ERROR", "why")) == {
        "errorCode": "PARSE_ERROR",
        "errorDetails": "why",
    }


def test_the_etag_of_evaluations():
    """It changes with version, visitor and context, and not with the order of keys."""
    tag = openfeature.evaluations_etag("1", "v", {"a": 1, "b": 2})
    assert tag == openfeature.evaluations_etag("1", "v", {"b": 2, "a": 1})
    assert tag.startswith('"')
    assert tag.endswith('"')
    others = [("2", "v", {"a": 1, "b": 2}), ("1", "w", {"a": 1, "b": 2}), ("1", "v", {"a": 1})]
    assert len({tag, *(openfeature.evaluations_etag(*each) for each in others)}) == 4
