"""The authoring document as bytes: what is read, what is refused and where, what is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_document import ABSENT, ALICE, alice, changed, grid, read

from actors.timelines import document, reading
from actors.timelines.document import BadDocument
from actors.timelines.findings import FINDINGS_MAX, Problem


def refused(body: bytes) -> tuple[Problem, ...]:
    """Why a document is not read."""
    with pytest.raises(BadDocument) as caught:
        document.read(body)
    return caught.value.problems


def said(plain: Any) -> list[tuple[str, str]]:
    """Pointers and codes of what is wrong with the shape."""
    return [(each.pointer, each.code) for each in refused(json.dumps(plain).encode())]


@pytest.mark.covers("TL-020")
def test_the_example_is_read_whole() -> None:
    """A timeline holds events, rows, conditions and beats, threads, links and variables."""
    timeline = document.read(ALICE.read_bytes())
    sizes = [len(timeline.events), len(timeline.rows), len(timeline.beats), len(timeline.threads)]
    assert sizes == [11, 2, 3, 1]
    assert [guard.before_step for guard in timeline.guards] == [3, 6]
    assert [one.scope for one in timeline.variables] == ["user", "user", "user", "shared"]
    drink = timeline.events[3]
    assert [link.to for link in drink.links] == ["evGarden", "evHole"]
    assert drink.links[0].when is not None
    assert drink.links[0].when.all_ is not None
    assert drink.links[0].when.all_[1].var == "keys"
    assert drink.narrative_event.state_changes_content["VISITED"][0].content_type == "PushMessage"
    assert timeline.threads[0].delivery == document.Condition(event="evParty", state="VISITED")


def test_the_same_document_gives_the_same_bytes() -> None:
    """White space, the order of members and what is as usual make no difference."""
    plain = alice()
    written = document.write(read(plain))
    assert document.write(document.read(written)) == written
    plain |= {"settings": {}, "description": None}
    plain["events"][0] |= {"on": {"ACTIVE": []}, "thread": None}
    plain["events"][0]["narrative_event"]["state_changes_content"]["VISITED"] = []
    plain["events"][0]["links"][0] |= {"auto": False, "do": []}
    turned = json.dumps(backwards(plain), indent=3).encode()
    assert document.write(document.read(turned)) == written


def backwards(plain: Any) -> Any:
    """The same value with the members of every object in the other order."""
    if isinstance(plain, dict):
        return {name: backwards(plain[name]) for name in reversed(plain)}
    return [backwards(each) for each in plain] if isinstance(plain, list) else plain


def test_custom_data_is_written_in_order() -> None:
    """Keys of custom data may be any text, and their order says nothing."""
    both = [
        grid({"narrative_event": {"id": "n", "custom_data": dict(items)}})
        for items in ([("a b", "1"), ("é", "2")], [("é", "2"), ("a b", "1")])
    ]
    assert document.write(read(both[0])) == document.write(read(both[1]))


def test_older_names_of_states_are_read_as_todays() -> None:
    """AVAILABLE and COMPLETED are ACTIVE and VISITED; both names of one state are refused."""
    place = "/events/0/narrative_event/state_changes_content"
    ref = {"content_id": "1", "content_type": "Scene", "provider_id": "Contentful"}
    old = read(changed((place, {"AVAILABLE": [ref], "COMPLETED": [ref]})))
    assert set(old.events[0].narrative_event.state_changes_content) == {"ACTIVE", "VISITED"}
    assert old == read(changed((place, {"ACTIVE": [ref], "VISITED": [ref]})))
    assert said(changed((place, {"AVAILABLE": [ref], "ACTIVE": [ref]}))) == [
        ("/events/0/narrative_event", "shape")
    ]
    assert said(changed((place, {"UNVISITED": [ref]}))) == [(place, "shape")]


SHAPES: list[tuple[str, Any, str, str]] = [
    ("/schema", "timeline/2", "/schema", "shape"),
    ("/schema", ABSENT, "/schema", "missing"),
    ("/rows", {}, "/rows", "shape"),
    ("/beats", None, "/beats", "shape"),
    ("/events/4/step", "3", "/events/4/step", "shape"),
    ("/events/4/step", True, "/events/4/step", "shape"),
    ("/events/4/step", 1.5, "/events/4/step", "shape"),
    ("/events/4/step", 10**30, "/events/4/step", "shape"),
    ("/events/4", [], "/events/4", "shape"),
    ("/events/4/row", ABSENT, "/events/4/row", "missing"),
    ("/events/4/extra", 1, "/events/4/extra", "shape"),
    ("/events/0/links/0/to", 3, "/events/0/links/0/to", "shape"),
    ("/events/2/links/1/do/0/op", "div", "/events/2/links/1/do/0/op", "shape"),
    ("/events/3/links/0/when/all/1/op", "=", "/events/3/links/0/when/all/1/op", "shape"),
    ("/variables/0/scope", "world", "/variables/0/scope", "shape"),
    ("/variables/0/default", 100, "/variables/0/default", "shape"),
    ("/guards/0/when", ABSENT, "/guards/0/when", "missing"),
    ("/threads/0/delivery/state", "OPEN", "/threads/0/delivery/state", "shape"),
    ("/settings", {"auto_progress": "yes"}, "/settings/auto_progress", "shape"),
]


@pytest.mark.parametrize(("place", "value", "pointer", "code"), SHAPES)
def test_a_wrong_shape_is_named_with_its_place(
    place: str, value: Any, pointer: str, code: str
) -> None:
    """Types are strict and members known; each mistake has its JSON pointer."""
    assert said(changed((place, value))) == [(pointer, code)]


def test_names_of_members_are_escaped_in_pointers() -> None:
    """RFC 6901: a slash is ~1, a tilde ~0; FastAPI's form has the name itself."""
    plain = alice()
    plain["events"][4]["a~b/c"] = 1
    (problem,) = refused(json.dumps(plain).encode())
    assert problem.pointer == "/events/4/a~0b~1c"
    assert problem.loc == ["events", 4, "a~b/c"]
    assert Problem("", "x", "y").loc == []
    plain["events"][4] = {**alice()["events"][4], "x" * 200: 1}
    (problem,) = refused(json.dumps(plain).encode())
    assert (problem.pointer, len(problem.message) < 100) == ("/events/4", True)


def test_a_wrong_value_of_a_key_is_placed_at_its_object() -> None:
    """The decoder does not tell the key, so the pointer ends before it."""
    place = "/events/10/narrative_event/custom_data"
    assert said(changed((place, {"a": 1}))) == [(place, "shape")]


def test_every_bad_item_is_named_up_to_a_limit() -> None:
    """One look finds the mistakes of all items; a document of noise fills no answer."""
    found = said(changed(("/events/1/step", "x"), ("/events/5/row", 1), ("/guards/0/id", None)))
    assert sorted(place for place, _ in found) == [
        "/events/1/step",
        "/events/5/row",
        "/guards/0/id",
    ]
    assert len(said(grid(*[{"step": "x"}] * 500))) == FINDINGS_MAX


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"nul", "not_json"),
        (b'{"id": "x"', "not_json"),
        (b'{"title": "\xff"}', "not_json"),
        (b'{"title": "\\ud800"}', "not_json"),
        (b'{"rows": 1, "x": \xff}', "not_json"),
        (b'"' + b'\\"' * 1_000, "not_json"),
        (b"[" * 161 + b"]" * 161, "too_deep"),
        (b"[" * 1_000_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b" " * (reading.BODY_BYTES_MAX + 1), "too_large"),
    ],
)
def test_what_is_no_json_is_refused_before_it_is_decoded(body: bytes, code: str) -> None:
    """Malformed, too deep and too large bytes are one problem of the whole document."""
    with pytest.raises(reading.Unreadable) as caught:
        document.read(body)
    assert [(each.pointer, each.code) for each in caught.value.problems] == [("", code)]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"[[[["', b"[" * 160 + b"]" * 160])
def test_other_json_is_a_wrong_shape(body: bytes) -> None:
    """Brackets inside of strings are no nesting; depth 160 is still looked into."""
    assert [(each.pointer, each.code) for each in refused(body)] == [("", "shape")]


@given(st.binary(max_size=200) | st.text('{}[]":,\\ae1', max_size=60).map(str.encode))
def test_reading_bytes_raises_nothing_else(body: bytes) -> None:
    """Any bytes are refused in the same way."""
    assert refused(body)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.slow  # many documents, each read whole
@given(st.sampled_from(["/events/0", "/guards", "/id", "/events/2/links/0", "/settings"]), JSON)
def test_reading_any_json_raises_nothing_else(place: str, value: Any) -> None:
    """Whatever stands anywhere, the document is read or refused, and written as it was read."""
    try:
        timeline = read(changed((place, value)))
    except BadDocument as error:
        found: tuple[Problem, ...] = error.problems
    else:
        found = ()
        assert document.read(document.write(timeline)) == timeline
    assert all(each.message and each.loc is not None for each in found)
