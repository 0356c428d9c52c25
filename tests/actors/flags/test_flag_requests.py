"""Bodies of decisions, evaluations, events, segments and activations: accepted and refused."""

from __future__ import annotations

import json

import pytest

from actors.flags.activations import (
    ACTIVATIONS_MAX,
    INVALID_CID,
    Activation,
    ActivationsInvalid,
    activations_body,
)
from actors.flags.requests import (
    CONTEXT_KEYS_MAX,
    DecisionBody,
    EvaluationInvalid,
    RequestInvalid,
    VisitorEvent,
    decision_body,
    evaluation_body,
    segments_context,
    visitor_event,
)


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


def refusal(parse, value: object) -> str:
    with pytest.raises(RequestInvalid) as caught:
        parse(value if isinstance(value, bytes) else encoded(value))
    return str(caught.value)


def test_the_body_of_the_javascript_sdk():
    """What SDK 5 sends is understood."""
    body = {
        "visitorId": "visitor_1",
        "anonymousId": None,
        "trigger_hit": False,
        "visitor_consent": True,
        "context": {"fs_client": "TypeScript", "age": 31},
    }
    assert decision_body(encoded(body)) == DecisionBody(
        "visitor_1", "", "", {"fs_client": "TypeScript", "age": 31}, False, True, False
    )


@pytest.mark.parametrize(
    ("camel", "snake", "value", "field"),
    [
        ("visitorId", "visitor_id", "v", "visitor_id"),
        ("anonymousId", "anonymous_id", "a", "anonymous_id"),
        ("decisionGroup", "decision_group", "g", "decision_group"),
        ("triggerHit", "trigger_hit", False, "trigger_hit"),
        ("visitorConsent", "visitor_consent", False, "consent"),
        ("formatResponse", "format_response", True, "format_response"),
    ],
)
def test_both_spellings(camel, snake, value, field):
    """Every key may be written in camelCase or snake_case."""
    for key in (camel, snake):
        assert getattr(decision_body(encoded({key: value})), field) == value


def test_defaults_of_a_decision():
    """An empty object is nobody, with consent, whose hits are triggered; null is absent."""
    nobody = DecisionBody("", "", "", {}, True, True, False)
    assert decision_body(b"{}") == nobody
    nulls = {"visitorId": None, "context": None, "trigger_hit": None, "visitor_consent": None}
    assert decision_body(encoded(nulls)) == nobody
    assert not decision_body(b'{"activate":false}').trigger_hit


def test_a_context_may_hold_any_json():
    """Null, lists and objects in a context are kept for the server's targeting."""
    context = {"a": None, "b": [1, "x"], "c": {"d": 1}, "e": 1.5}
    body = decision_body(encoded({"visitorId": "v", "context": context}))
    request = body.request("slug")
    assert (request.context, request.campaign, request.visitor_id) == (context, "slug", "v")


def test_an_unknown_key_is_named():
    """A misspelt key is refused with the words `unknown field` and its name."""
    message = refusal(decision_body, {"visitorId": "v", "visitorConsentt": True})
    assert "unknown field" in message
    assert "visitorConsentt" in message


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 20_000, b'{"a":NaN}'])
def test_what_is_no_json_is_refused(body):
    """An empty or malformed body is refused in words."""
    assert refusal(decision_body, body)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "array"),
        ({"visitorId": 5}, "visitorId"),
        ({"context": []}, "context"),
        ({"trigger_hit": "no"}, "trigger_hit"),
    ],
)
def test_a_wrong_type_is_named(body, place):
    """A key of a wrong type is refused with its place."""
    assert place in refusal(decision_body, body)


def test_the_limit_of_ids():
    """An id has at most 256 code points, however many bytes they are."""
    assert decision_body(encoded({"visitorId": "😀" * 256})).visitor_id
    for key in ("visitorId", "anonymous_id", "decisionGroup"):
        assert "256" in refusal(decision_body, {key: "😀" * 257})


def test_the_limit_of_contexts():
    """A context of too many keys is refused with both numbers; the limit can be set."""
    big = {f"k{at}": at for at in range(10_000)}
    message = refusal(decision_body, {"context": big})
    assert "10000" in message
    assert str(CONTEXT_KEYS_MAX) in message
    assert len(decision_body(encoded({"context": big}), 10_000).context) == 10_000


def test_context_events():
    """An event of type CONTEXT carries what is known of a visitor."""
    body = {"visitorId": "v", "type": "CONTEXT", "data": {"a": 1}}
    assert visitor_event(encoded(body)) == VisitorEvent("v", {"a": 1})
    assert visitor_event(b'{"visitor_id":"v","type":"context"}') == VisitorEvent("v", {})
    assert "CONTEXT" in refusal(visitor_event, {"visitorId": "v", "type": "OTHER"})
    assert "unknown field" in refusal(visitor_event, {"type": "CONTEXT", "extra": 1})
    many = {"type": "CONTEXT", "data": dict.fromkeys(map(str, range(2_000)))}
    assert "2000" in refusal(visitor_event, many)


def test_segments_become_context():
    """Each segment is the key `partner::segment`."""
    listed = [
        {"visitor_id": "v", "segment": "s", "value": "1", "expiration": 5, "partner": "p"},
        {"segment": "t", "value": True, "partner": "q", "more": 1},
    ]
    assert segments_context(encoded(listed)) == {"p::s": "1", "q::t": True}
    assert refusal(segments_context, {"not": "a list"})


def evaluation_error(value: object) -> str:
    with pytest.raises(EvaluationInvalid) as caught:
        evaluation_body(value if isinstance(value, bytes) else encoded(value))
    assert str(caught.value)
    return caught.value.code


def test_evaluation_bodies():
    """The targeting key is the visitor, the rest of the context its context."""
    request = evaluation_body(encoded({"context": {"targetingKey": "v", "age": 3}, "more": 1}))
    assert (request.visitor_id, request.context, request.trigger_hit) == ("v", {"age": 3}, False)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"", "PARSE_ERROR"),
        ([], "INVALID_CONTEXT"),
        ({"context": []}, "INVALID_CONTEXT"),
        ({}, "TARGETING_KEY_MISSING"),
        ({"context": None}, "TARGETING_KEY_MISSING"),
        ({"context": {"age": 1}}, "TARGETING_KEY_MISSING"),
        ({"context": {"targetingKey": ""}}, "TARGETING_KEY_MISSING"),
        ({"context": {"targetingKey": 5}}, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": "v" * 257}}, "INVALID_CONTEXT"),
        (
            {"context": {"targetingKey": "v", **dict.fromkeys(map(str, range(2_000)))}},
            "INVALID_CONTEXT",
        ),
    ],
)
def test_evaluation_bodies_refused(body, code):
    """Each mistake has the error code that OFREP gives it."""
    assert evaluation_error(body) == code


LINE = {"vid": "v", "vaid": "va", "caid": "vg", "aid": None, "qt": 12, "qa": True}


def test_activations_in_both_forms():
    """A single activation and a batch of one are the same; unknown members are ignored."""
    one = Activation("v", "", "vg", "va", 12, True)
    assert activations_body(encoded({"cid": "env", "batch": [LINE]})).items == (one,)
    alone = activations_body(encoded({"cid": "env", **LINE, "ds": "APP"}))
    assert (alone.cid, alone.items) == ("env", (one,))
    plain = {"cid": "env", "vid": "v", "caid": "vg", "vaid": "va", "aid": "a", "qt": -3}
    assert activations_body(encoded(plain)).items == (Activation("v", "a", "vg", "va", 0, False),)
    assert activations_body(b'{"cid":"env","batch":[]}').items == ()


def activation_errors(value: object) -> dict[str, str]:
    with pytest.raises(ActivationsInvalid) as caught:
        activations_body(encoded(value))
    told = json.loads(json.loads(caught.value.body)["message"])
    assert told == {"status": "error", "errors": caught.value.errors}
    return caught.value.errors


def test_activations_are_all_or_nothing():
    """One line without a field refuses the batch, and the answer names every field at fault."""
    mandatory = "Field is mandatory."
    assert activation_errors({"batch": []}) == {"cid": mandatory}
    assert activation_errors({"cid": "e", "batch": [LINE, {**LINE, "vaid": ""}]}) == {
        "vaid": mandatory
    }
    assert activation_errors({}) == dict.fromkeys(("cid", "vid", "vaid", "caid"), mandatory)
    long = {**LINE, "vid": "v" * 257, "aid": "a" * 257}
    assert set(activation_errors({"cid": "e", "batch": [long]})) == {"vid", "aid"}


def test_the_exact_body_of_an_activation_error():
    """`message` holds JSON text, as clients of the original parse it."""
    assert ActivationsInvalid(INVALID_CID).body == (
        b'{"message":"{\\"status\\":\\"error\\",\\"errors\\":{\\"cid\\":\\"Invalid cid.\\"}}"}'
    )


def test_activations_of_wrong_types():
    """A wrong type, no JSON, or too many lines is refused in words."""
    assert "vid" in refusal(activations_body, {"cid": "e", "batch": [{**LINE, "vid": 5}]})
    assert refusal(activations_body, b"{")
    many = {"cid": "e", "batch": [{}] * (ACTIVATIONS_MAX + 1)}
    assert str(ACTIVATIONS_MAX) in refusal(activations_body, many)
