"""Caches of visitors and hits: the shapes that are kept, and what comes back from a store."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.caches import (
    HIT_AGE_MS_MAX,
    HitCache,
    HitCacheDTO,
    VisitorCache,
    VisitorCacheDTO,
    campaigns_of,
    hit_dto,
    read_hit,
    read_visitor,
    visitor_dto,
)
from actors.flags.flag_values import CampaignFlags
from engine.effects import Note

ONE = CampaignFlags("c1", "g1", "v1", "n1", "s", "ab", "G1", "V1", True, {"k": [1, None]})
TWO = CampaignFlags("c2", "g2", "v2", type="toggle")
CONTEXT = {"age": 31, "vip": True, "ratio": 1.5, "fs_users": "v"}
NOW = 1_795_317_749_107
HIT = {"category": "Action Tracking", "action": "a"}

# as a published SDK (4.0.5) writes them
THEIR_VISITOR: dict[str, Any] = {
    "version": 1,
    "data": {
        "visitorId": "v",
        "anonymousId": None,
        "consent": True,
        "context": {"fs_client": "TypeScript", "ok": 1},
        "campaigns": [
            {
                "campaignId": "c1",
                "slug": "s",
                "variationGroupId": "g1",
                "variationId": "v1",
                "isReference": True,
                "type": "FLAG",
                "activated": False,
                "flags": {"k": "x"},
            }
        ],
        "assignmentsHistory": {"g1": "v1"},
    },
}
THEIR_HIT: dict[str, Any] = {
    "version": 1,
    "data": {
        "visitorId": "v",
        "anonymousId": None,
        "type": "EVENT",
        "content": {"visitorId": "v", "ds": "APP", "type": "EVENT", **HIT},
        "time": NOW,
    },
}


def without(whole: dict[str, Any], *names: str) -> dict[str, Any]:
    """A copy whose `data` has not those members."""
    data = {key: value for key, value in whole["data"].items() if key not in names}
    return {**whole, "data": data}


def with_data(whole: dict[str, Any], **more: object) -> dict[str, Any]:
    """A copy whose `data` has those members."""
    return {**whole, "data": {**whole["data"], **more}}


# --- visitors


@pytest.mark.covers("FS-182", "FS-183")
def test_the_shape_of_a_visitor():
    """A visitor is written with every member of the documented shape, under version 1."""
    dto = visitor_dto("v", None, True, CONTEXT, [ONE, TWO], activated={"g1"})
    first, second = json.loads(msgspec.json.encode(dto))["data"].pop("campaigns")
    assert json.loads(msgspec.json.encode(dto)) == {
        "version": 1,
        "data": {
            "visitorId": "v",
            "anonymousId": None,
            "consent": True,
            "context": CONTEXT,
            "assignmentsHistory": {"g1": "v1", "g2": "v2"},
            "campaigns": [first, second],
        },
    }
    names = {"name": "n1", "slug": "s", "variationGroupName": "G1", "variationName": "V1"}
    assert first == {
        "campaignId": "c1",
        "variationGroupId": "g1",
        "variationId": "v1",
        "type": "ab",
        "isReference": True,
        "activated": True,
        "flags": {"k": [1, None]},
        **names,
    }
    assert (second["activated"], second["flags"]) == (False, {})


@pytest.mark.covers("FS-173")
def test_the_history_of_assignments_grows():
    """What was assigned before stays beside what is new, also when its campaign is gone."""
    history = {"old": "v9", "g1": "other"}
    dto = visitor_dto("v", "a", False, {}, [ONE], history=history)
    assert dto.data.assignments_history == {"old": "v9", "g1": "v1"}
    assert history == {"old": "v9", "g1": "other"}
    assert visitor_dto("v", "a", False, {}, []).data.assignments_history == {}


@pytest.mark.covers("FS-174", "FS-179")
def test_a_visitor_comes_back_as_it_was():
    """Bytes, decoded JSON and the struct are read alike, and the campaigns are whole again."""
    dto = visitor_dto("v", "a", True, CONTEXT, [ONE, TWO])
    text = msgspec.json.encode(dto)
    for stored in (dto, text, json.loads(text)):
        assert read_visitor(stored) == dto
        assert read_visitor(stored, ["a", "v"]) == dto
    assert campaigns_of(dto) == (ONE, TWO)


def test_a_visitor_that_another_sdk_kept():
    """What the published SDK wrote is read; only the names that it leaves out are empty."""
    found = read_visitor(THEIR_VISITOR)
    assert isinstance(found, VisitorCacheDTO)
    assert found.data.assignments_history == {"g1": "v1"}
    [campaign] = campaigns_of(found)
    assert campaign == CampaignFlags("c1", "g1", "v1", "", "s", "FLAG", "", "", True, {"k": "x"})


def test_optional_members_of_a_visitor():
    """Only the visitor id is required; null lists and maps are empty."""
    for stored in (
        {"version": 1, "data": {"visitorId": "v"}},
        with_data(THEIR_VISITOR, campaigns=None, context=None, assignmentsHistory=None),
    ):
        found = read_visitor(stored)
        assert isinstance(found, VisitorCacheDTO)
        assert campaigns_of(found) == ()
    bare = {"campaignId": "c", "variationGroupId": "g", "variationId": "v", "type": "ab"}
    found = read_visitor(with_data(THEIR_VISITOR, campaigns=[{**bare, "flags": None}]))
    assert isinstance(found, VisitorCacheDTO)
    assert campaigns_of(found) == (CampaignFlags("c", "g", "v", type="ab"),)


BAD_VISITORS: list[object] = [
    None,
    "x",
    [],
    {},
    b"{",
    b"\xff",
    b"[" * 5_000,
    {"version": 1},
    {"version": 1, "data": {}},
    {**THEIR_VISITOR, "version": 2},
    {**THEIR_VISITOR, "version": "1"},
    without(THEIR_VISITOR, "visitorId"),
    with_data(THEIR_VISITOR, visitorId=5),
    with_data(THEIR_VISITOR, context={"k": ["a secret"]}),
    with_data(THEIR_VISITOR, campaigns="a secret"),
    with_data(THEIR_VISITOR, campaigns=[{}]),
    with_data(THEIR_VISITOR, assignmentsHistory={"g": None}),
]


@pytest.mark.covers("FS-179")
@pytest.mark.parametrize("stored", BAD_VISITORS, ids=range(len(BAD_VISITORS)))
def test_what_is_no_visitor_is_a_note(stored):
    """A wrong version or shape is ignored with an ERROR that shows no value."""
    note = read_visitor(stored)
    assert isinstance(note, Note)
    assert (note.level, note.tag) == (4, "CACHE")
    assert "version 1" in note.text
    assert "secret" not in note.text


def test_somebody_elses_data_is_a_note():
    """The data of another visitor is not used."""
    note = read_visitor(THEIR_VISITOR, ["w", "a"])
    assert isinstance(note, Note)
    assert (note.level, note.tag, "another" in note.text) == (4, "CACHE", True)


# --- hits


@pytest.mark.covers("FS-190")
def test_the_shape_of_a_hit():
    """A hit is written with its five members under version 1, and comes back as it was."""
    dto = hit_dto("v", "a", "ACTIVATE", HIT, NOW)
    text = msgspec.json.encode(dto)
    data = {"visitorId": "v", "anonymousId": "a", "type": "ACTIVATE", "time": NOW, "content": HIT}
    assert json.loads(text) == {"version": 1, "data": data}
    for stored in (dto, text, json.loads(text)):
        assert read_hit(stored, NOW) == dto


def test_a_hit_that_another_sdk_kept():
    """What the published SDK wrote is read, with all of its content."""
    for stored in (THEIR_HIT, without(THEIR_HIT, "anonymousId")):
        found = read_hit(stored, NOW)
        assert isinstance(found, HitCacheDTO)
        assert (found.data.visitor_id, found.data.anonymous_id) == ("v", None)
        assert found.data.content == THEIR_HIT["data"]["content"]


@pytest.mark.covers("FS-191")
def test_hits_older_than_four_hours_are_ignored():
    """A hit is good for four hours to the millisecond; then it is a note."""
    assert HIT_AGE_MS_MAX == 4 * 60 * 60 * 1_000
    assert isinstance(read_hit(THEIR_HIT, NOW + HIT_AGE_MS_MAX), HitCacheDTO)
    assert isinstance(read_hit(THEIR_HIT, NOW - 5_000), HitCacheDTO)
    note = read_hit(THEIR_HIT, NOW + HIT_AGE_MS_MAX + 1)
    assert isinstance(note, Note)
    assert (note.level, note.tag, "4 hours" in note.text) == (4, "LOOKUP HIT", True)


BAD_HITS: list[object] = [
    None,
    "x",
    b"",
    {},
    {**THEIR_HIT, "version": 2},
    without(THEIR_HIT, "visitorId"),
    without(THEIR_HIT, "type"),
    without(THEIR_HIT, "content"),
    without(THEIR_HIT, "time"),
    with_data(THEIR_HIT, content="a secret"),
    with_data(THEIR_HIT, time="now"),
    with_data(THEIR_HIT, time=math.nan),
]


@pytest.mark.parametrize("stored", BAD_HITS, ids=range(len(BAD_HITS)))
def test_what_is_no_hit_is_a_note(stored):
    """Without version 1, type, content and a time there is no hit, but an ERROR."""
    note = read_hit(stored, NOW)
    assert isinstance(note, Note)
    assert (note.level, note.tag) == (4, "LOOKUP HIT")
    assert "secret" not in note.text


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
NEARLY_VISITORS = st.dictionaries(st.sampled_from(sorted(THEIR_VISITOR["data"])), ANY)
NEARLY_HITS = st.dictionaries(st.sampled_from(sorted(THEIR_HIT["data"])), ANY)


@pytest.mark.slow
@given(ANY, NEARLY_VISITORS, NEARLY_HITS)
def test_nothing_from_a_store_raises(stored, visitor, hit):
    """Whatever a store gives back is read or is a note."""
    for each in (stored, with_data(THEIR_VISITOR, **visitor)):
        found = read_visitor(each)
        assert isinstance(found, VisitorCacheDTO | Note)
        assert isinstance(found, Note) or isinstance(campaigns_of(found), tuple)
    for each in (stored, with_data(THEIR_HIT, **hit)):
        assert isinstance(read_hit(each, NOW), HitCacheDTO | Note)


# --- the ports


@pytest.mark.covers("FS-177", "FS-184")
def test_the_ports_have_the_documented_methods():
    """Three async methods keep visitors, four keep hits, with the documented arguments."""
    ports = {
        VisitorCache: {
            "cache_visitor": ["visitor_id", "data"],
            "lookup_visitor": ["visitor_id"],
            "flush_visitor": ["visitor_id"],
        },
        HitCache: {
            "cache_hit": ["hits"],
            "lookup_hits": [],
            "flush_hits": ["hit_keys"],
            "flush_all_hits": [],
        },
    }
    for port, methods in ports.items():
        own = {name: value for name, value in vars(port).items() if name[0] != "_"}
        assert all(inspect.iscoroutinefunction(method) for method in own.values())
        found = {name: [*inspect.signature(each).parameters][1:] for name, each in own.items()}
        assert found == methods
