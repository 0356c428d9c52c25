"""Hits of the SDK: what they become on the wire, what is left out, what is refused."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.hits import HITS_MAX, REQUIRED, hits_body, reason_to_drop
from actors.flags.names import EventCategory, HitType
from actors.flags.sdk_hits import (
    FIELDS,
    SHARED,
    HitInvalid,
    Shaped,
    batch,
    batches,
    consent_hit,
    digest,
    segment_hit,
    shape,
    wire,
)

PAGE = {"type": HitType.PAGE, "documentLocation": "https://localhost"}
EVENT = {"type": "EVENT", "category": "Action Tracking", "action": "click"}
TRANSACTION = {"type": "TRANSACTION", "transactionId": "#12345", "affiliation": "affiliation"}
ITEM = {"type": "ITEM", "transactionId": "#1", "productName": "product", "productSku": "sku123"}
WIRE = {"tid": "#12345", "ta": "affiliation"}


def left_out(hit):
    """The names of the fields that a hit is sent without; each note says which."""
    shaped = shape(hit)
    assert all((note.level, note.tag) == (4, "ADD HIT") for note in shaped.notes)
    assert all(note.text.count("`") == 2 for note in shaped.notes)
    return [note.text.split("`")[1] for note in shaped.notes]


@pytest.mark.covers("FS-158", "FS-159")
def test_a_page_with_all_common_fields():
    """The common optional fields of every hit get their wire names."""
    common = {
        "userIp": "127.0.0.1",
        "screenResolution": "800X600",
        "locale": "fr",
        "sessionNumber": "1234",
    }
    fields = {"uip": "127.0.0.1", "sr": "800X600", "ul": "fr", "sn": "1234"}
    page = {"dl": "https://localhost"}
    assert shape({**PAGE, **common}) == Shaped("PAGEVIEW", {**page, **fields})
    for hit in (EVENT, TRANSACTION, ITEM):
        assert shape({**hit, **common}).fields == {**shape(hit).fields, **fields}


@pytest.mark.covers("FS-161")
def test_a_screen():
    """A screen's location is a name."""
    screen = {"type": HitType.SCREEN, "documentLocation": "home_screen"}
    assert shape(screen) == Shaped("SCREENVIEW", {"dl": "home_screen"})


@pytest.mark.covers("FS-162", "FS-163", "FS-164")
def test_the_transaction_of_the_documentation():
    """All fields get their wire names; the revenue, written as text, is left out with a note."""
    hit = {
        **TRANSACTION,
        "taxes": 19.99,
        "currency": "USD",
        "couponCode": "code",
        "itemCount": 1,
        "shippingMethod": "road",
        "shippingCosts": 5,
        "paymentMethod": "credit_card",
        "totalRevenue": "199.99",
    }
    fields = {
        **WIRE,
        "tt": 19.99,
        "tc": "USD",
        "tcc": "code",
        "icn": 1,
        "sm": "road",
        "ts": 5,
        "pm": "credit_card",
    }
    assert shape(hit).fields == fields
    assert left_out(hit) == ["totalRevenue"]
    assert "199.99" not in shape(hit).notes[0].text
    assert shape({**hit, "totalRevenue": 199.99}) == Shaped("TRANSACTION", {**fields, "tr": 199.99})


@pytest.mark.covers("FS-166", "FS-167")
def test_an_item():
    """All fields of an item get their wire names."""
    more = {"itemPrice": 199.99, "itemQuantity": 1, "itemCategory": "test"}
    fields = {"tid": "#1", "in": "product", "ic": "sku123", "ip": 199.99, "iq": 1, "iv": "test"}
    assert shape({**ITEM, **more}) == Shaped("ITEM", fields)


@pytest.mark.covers("FS-170", "FS-171")
def test_an_event():
    """An event has one of two categories, an action, and perhaps a label and a value."""
    hit = {**EVENT, "category": EventCategory.USER_ENGAGEMENT, "label": "label", "value": 100}
    fields = {"ec": "User Engagement", "ea": "click", "el": "label", "ev": 100}
    assert shape(hit) == Shaped("EVENT", fields)
    assert shape(EVENT).fields == {"ec": "Action Tracking", "ea": "click"}
    for category in ("Other", "action tracking", "", None, ["Action Tracking"]):
        with pytest.raises(HitInvalid, match=r"`category` .* `User Engagement`"):
            shape({**EVENT, "category": category})


@pytest.mark.covers("FS-157")
@pytest.mark.parametrize("hit", [PAGE, EVENT, TRANSACTION, ITEM], ids=lambda hit: hit["type"])
def test_a_type_is_a_constant_or_its_text(hit):
    """The type may be the constant or its text, in any letter case."""
    expected = shape(hit)
    for written in (HitType(hit["type"]), str(hit["type"]), hit["type"].lower()):
        assert shape({**hit, "type": written}) == expected


@pytest.mark.covers("FS-155")
@pytest.mark.parametrize("given_", [None, "PAGEVIEW", [PAGE], {}, {"documentLocation": "x"}])
def test_what_is_no_hit(given_):
    """Without a type there is no hit."""
    with pytest.raises(HitInvalid, match="type"):
        shape(given_)


@pytest.mark.covers("FS-155")
@pytest.mark.parametrize("name", ["SEGMENT", "ACTIVATE", "BATCH", "CAMPAIGN", "PAGE", "", 5, None])
def test_other_types_are_refused(name):
    """Only the five types are sent; those that the SDK makes itself are not for callers."""
    with pytest.raises(HitInvalid, match=r"`type` .* PAGEVIEW, SCREENVIEW, TRANSACTION, ITEM, EVE"):
        shape({**PAGE, "type": name})


REQUIRED_NAMES = [
    (hit, name) for hit in (PAGE, EVENT, TRANSACTION, ITEM) for name in hit if name != "type"
]


@pytest.mark.covers("FS-162", "FS-166", "FS-170")
@pytest.mark.parametrize(("hit", "name"), REQUIRED_NAMES, ids=lambda each: str(each)[:20])
def test_a_required_field_cannot_be_missed(hit, name):
    """A hit without a required field, or with a wrong one, is not sent, and the field is named."""
    for value in (None, "", 5, True, "x" * 8_193, "\ud800"):
        with pytest.raises(HitInvalid, match=f"`{name}` is required"):
            shape({**hit, name: value})
    with pytest.raises(HitInvalid, match=f"`{name}` is required"):
        shape({key: value for key, value in hit.items() if key != name})


LEFT_OUT = [
    (EVENT, {"value": 1.5}),
    (EVENT, {"value": -1}),
    (EVENT, {"value": 0}),
    (EVENT, {"value": "5"}),
    (EVENT, {"value": True}),
    (EVENT, {"value": False}),
    (EVENT, {"label": 5}),
    (EVENT, {"label": ""}),
    (EVENT, {"label": "\udc00"}),
    (PAGE, {"userIp": 5}),
    (PAGE, {"screenResolution": ""}),
    (PAGE, {"locale": ["fr"]}),
    (PAGE, {"sessionNumber": 0}),
    (TRANSACTION, {"totalRevenue": "199.99"}),
    (TRANSACTION, {"totalRevenue": math.nan}),
    (TRANSACTION, {"totalRevenue": math.inf}),
    (TRANSACTION, {"taxes": 0}),
    (TRANSACTION, {"shippingCosts": -0.0}),
    (TRANSACTION, {"currency": "EURO"}),
    (TRANSACTION, {"currency": 978}),
    (TRANSACTION, {"itemCount": 1.5}),
    (TRANSACTION, {"itemCount": "3"}),
    (TRANSACTION, {"couponCode": 5}),
    (ITEM, {"itemPrice": "1"}),
    (ITEM, {"itemQuantity": 1.5}),
    (ITEM, {"itemCategory": 5}),
]


@pytest.mark.covers("FS-163", "FS-165", "FS-167", "FS-172")
@pytest.mark.parametrize(("hit", "more"), LEFT_OUT, ids=lambda each: str(each)[:40])
def test_a_wrong_optional_field_is_left_out(hit, more):
    """The hit is sent without the field, and a note names it."""
    assert shape({**hit, **more}).fields == shape(hit).fields
    assert left_out({**hit, **more}) == list(more)


def test_what_is_absent_is_not_missed():
    """Null is the same as absent, and names that no hit has are ignored."""
    hit = {**EVENT, "label": None, "value": None, "locale": None, "unheard": 5, "dl": "x"}
    assert shape(hit) == shape(EVENT)


@pytest.mark.covers("FS-160")
def test_the_form_of_a_location_is_not_checked():
    """Any text is a location; an empty one is refused."""
    assert shape({**PAGE, "documentLocation": "not a url"}).fields == {"dl": "not a url"}
    with pytest.raises(HitInvalid, match="documentLocation"):
        shape({**PAGE, "documentLocation": ""})


# --- on the wire


def test_a_hit_of_an_anonymous_and_of_an_authenticated_visitor():
    """`vid` stays the anonymous visitor after the log-in, `cuid` is then the visitor."""
    anonymous = wire("EVENT", {"ea": "click"}, "visitor_1", None, 699)
    assert anonymous == {"vid": "visitor_1", "t": "EVENT", "cuid": None, "qt": 699, "ea": "click"}
    authenticated = wire("EVENT", {}, "customer", "visitor_1", -5, qa=True)
    expected = {"vid": "visitor_1", "t": "EVENT", "cuid": "customer", "qt": 0, "qa": True}
    assert authenticated == expected
    assert wire("EVENT", {}, "visitor_1", "", 0)["cuid"] is None


def test_a_batch_as_observed():
    """A batch of one consent hit is, byte for byte, what the published SDK sends."""
    shaped = consent_hit(True, "TypeScript")
    hit = wire(shaped.type, shaped.fields, "visitor_1", None, 699)
    assert batch("env_1", [hit]) == (
        b'{"ds":"APP","cid":"env_1","t":"BATCH","qt":0,"h":[{"vid":"visitor_1","t":"EVENT",'
        b'"cuid":null,"qt":699,"ec":"User Engagement","ea":"fs_consent","el":"TypeScript:true"}]}'
    )
    assert consent_hit(False, "Python").fields["el"] == "Python:false"


def test_a_context_becomes_text():
    """The values of a SEGMENT hit are text as JavaScript writes it."""
    shaped = segment_hit({"vip": True, "age": 31, "ratio": 1.5, "whole": 2.0, "name": "é"})
    told = {"vip": "true", "age": "31", "ratio": "1.5", "whole": "2", "name": "é"}
    assert shaped == Shaped("SEGMENT", {"s": told})


@pytest.mark.parametrize("most", [1, 150, 200, 400, 10_000])
def test_batches_stop_growing(most):
    """Every body is short enough, unless it has a single hit; nothing is lost or reordered."""
    hits = [wire("EVENT", {"el": "é" * (number % 30)}, "v", None, number) for number in range(40)]
    bodies = list(batches("env", hits, most))
    assert [each for body in bodies for each in json.loads(body.body)["h"]] == hits
    assert [len(json.loads(body.body)["h"]) for body in bodies] == [body.hits for body in bodies]
    assert all(len(each.body) <= most or each.hits == 1 for each in bodies)
    for body, after in pairwise(bodies):
        next_hit = msgspec.json.encode(json.loads(after.body)["h"][0])
        assert len(body.body) + 1 + len(next_hit) > most


def test_a_batch_has_no_more_hits_than_a_collector_takes():
    """The number of hits has a limit too, and without hits there is no body."""
    hits = [wire("EVENT", {}, "v", None, 0)] * (HITS_MAX + 1)
    assert [body.hits for body in batches("env", hits)] == [HITS_MAX, 1]
    assert list(batches("env", [])) == []


def test_digests_tell_hits_apart():
    """Equal content from the same visitor is equal, in any order; anything else is not."""
    one = digest("EVENT", {"ea": "a", "el": "b"}, "v")
    assert one == digest("EVENT", {"el": "b", "ea": "a"}, "v")
    others = [
        digest("EVENT", {"ea": "a", "el": "c"}, "v"),
        digest("EVENT", {"ea": "a"}, "v"),
        digest("EVENT", {"ea": "a", "el": "b"}, "w"),
        digest("ITEM", {"ea": "a", "el": "b"}, "v"),
    ]
    assert len({one, *others}) == 5


# --- whatever callers give


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
LEAVES |= st.sampled_from(["EUR", "Action Tracking", "\ud800", "x" * 9_000, 1, 2.5])
ANY = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
NAMES = sorted({name for each in FIELDS.values() for name in each} | set(SHARED))
TYPES = st.sampled_from([*HitType, "event"]) | ANY
HITS = ANY | st.fixed_dictionaries({"type": TYPES}, optional=dict.fromkeys(NAMES, ANY))
NEARLY = st.builds(
    lambda hit, more: {**hit, **more},
    st.sampled_from([PAGE, EVENT, TRANSACTION, ITEM]),
    st.dictionaries(st.sampled_from(NAMES), ANY, max_size=4),
)


@pytest.mark.slow
@given(HITS | NEARLY)
def test_whatever_is_given_is_shaped_or_refused(given_):
    """Only `HitInvalid` is raised, and what is sent is kept by the collector with every field."""
    try:
        shaped = shape(given_)
    except HitInvalid:
        return
    hit = wire(shaped.type, shaped.fields, "visitor_1", None, 5)
    assert reason_to_drop(hit) == ""
    [kept] = hits_body(batch("env", [hit])).kept
    assert (kept.type, kept.fields) == (shaped.type, shaped.fields)
    assert set(REQUIRED[shaped.type]) <= set(shaped.fields)
    asked = {name for name in {**FIELDS[shaped.type], **SHARED} if given_.get(name) is not None}
    assert len(asked) == len(shaped.fields) + len(shaped.notes)
