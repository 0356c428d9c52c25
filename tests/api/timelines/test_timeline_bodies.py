"""Bodies that cannot be meant: everything that is wrong, with its place."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from types import SimpleNamespace
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http import Answer, Call, Route
from api.timelines.bodies import body_of
from api.timelines.invalid import Invalid

HOSTILE = 'a"}]\\<script>alert(1)</script>\u2028\u0000'


async def nothing(_call: Call) -> Answer:
    """A handler that is never asked."""
    raise AssertionError


def call_of(body: bytes) -> Call:
    """A call with that body."""
    scope = {"method": "POST", "path": "/x", "query_string": b"", "headers": []}
    house: Any = SimpleNamespace()
    return Call(house, Route("POST", "/x", nothing), scope, body)


class Colour(StrEnum):
    """An enum of a body."""

    RED = "red"
    BLUE = "blue"


class Wanted(msgspec.Struct, frozen=True):
    """A body with members of every type there is."""

    name: str
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=3)]
    steps: int | None = None
    least: Annotated[int, msgspec.Meta(ge=0)] = 0
    pauses: bool = False
    colour: Colour = Colour.RED
    variables: dict[str, str] = {}


class Optional(msgspec.Struct, frozen=True):
    """A body that may be left out."""

    steps: int | None = None


GOOD = {"name": "n", "zone": "UTC"}


def read(body: Any, kind: type[Any] = Wanted) -> Any:
    """A body as the struct, or its errors as (place, message, type)."""
    sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
    try:
        return body_of(call_of(sent), kind)
    except Invalid as error:
        return [(tuple(each["loc"]), each["msg"], each["type"]) for each in error.errors]  # type: ignore[call-overload]


BAD_MEMBERS: list[tuple[str, Any, tuple[Any, ...], str, str]] = [
    ("name", 1, (), "str type expected", "type_error.str"),
    ("name", None, (), "none is not an allowed value", "type_error.none.not_allowed"),
    (
        "zone",
        "",
        (),
        "ensure this value has at least 1 characters",
        "value_error.any_str.min_length",
    ),
    (
        "zone",
        "LONG",
        (),
        "ensure this value has at most 3 characters",
        "value_error.any_str.max_length",
    ),
    ("steps", "3", (), "value is not a valid integer", "type_error.integer"),
    ("steps", True, (), "value is not a valid integer", "type_error.integer"),
    ("steps", 3.0, (), "value is not a valid integer", "type_error.integer"),
    (
        "steps",
        2**63,
        (),
        f"ensure this value is less than or equal to {2**63 - 1}",
        "value_error.number.not_le",
    ),
    (
        "steps",
        -(2**63),
        (),
        f"ensure this value is greater than or equal to {1 - 2**63}",
        "value_error.number.not_ge",
    ),
    (
        "least",
        -1,
        (),
        "ensure this value is greater than or equal to 0",
        "value_error.number.not_ge",
    ),
    ("least", None, (), "none is not an allowed value", "type_error.none.not_allowed"),
    ("pauses", "true", (), "value could not be parsed to a boolean", "type_error.bool"),
    ("pauses", 1, (), "value could not be parsed to a boolean", "type_error.bool"),
    (
        "colour",
        "green",
        (),
        "value is not a valid enumeration member; permitted: 'red', 'blue'",
        "type_error.enum",
    ),
    (
        "colour",
        [],
        (),
        "value is not a valid enumeration member; permitted: 'red', 'blue'",
        "type_error.enum",
    ),
    ("variables", [], (), "value is not a valid dict", "type_error.dict"),
    ("variables", {HOSTILE: 1}, (HOSTILE,), "str type expected", "type_error.str"),
    (
        "variables",
        {"a": None},
        ("a",),
        "none is not an allowed value",
        "type_error.none.not_allowed",
    ),
]


@pytest.mark.covers("TL-046")
@pytest.mark.parametrize(("member", "value", "inner", "msg", "type_"), BAD_MEMBERS)
def test_types_are_strict(member: str, value: Any, inner: Any, msg: str, type_: str) -> None:
    """No text for a number, no `true` for a whole number (spec 5.12.21)."""
    assert read({**GOOD, member: value}) == [(("body", member, *inner), msg, type_)]


def test_everything_wrong_is_said_at_once() -> None:
    """In the order of the members."""
    told = read({"zone": 1, "steps": "x", "variables": {"a": 1, "b": "", "c": True}})
    assert [place for place, _, _ in told] == [
        ("body", "name"),
        ("body", "zone"),
        ("body", "steps"),
        ("body", "variables", "a"),
        ("body", "variables", "c"),
    ]


def test_what_nobody_knows_is_passed_over() -> None:
    """As the original does; null stands for what may be null."""
    assert read({**GOOD, "other": [1], "steps": None}) == Wanted("n", "UTC")
    assert read({**GOOD, "steps": 3, "colour": "blue"}).colour is Colour.BLUE


@pytest.mark.parametrize("body", [b"", b"  \n", b"null", b"{}"])
def test_a_body_may_be_left_out_where_nothing_is_needed(body: bytes) -> None:
    """It is `{}`; elsewhere the body itself is missing."""
    assert read(body, Optional) == Optional()
    if body != b"{}":
        assert read(body) == [(("body",), "field required", "value_error.missing")]


@pytest.mark.parametrize(
    "body", [b"{", b'{"name": }', b"\xff", b'{"name":"\xff"}', b"NaN", b'{"a":1}x', b'"\\ud800"']
)
def test_malformed_json_is_422(body: bytes) -> None:
    """`value_error.jsondecode`, for the whole body."""
    ((place, _, type_),) = read(body)
    assert (place, type_) == (("body",), "value_error.jsondecode")


@pytest.mark.parametrize("body", [b"[]", b"3", b'"text"', b"true"])
def test_a_body_is_an_object(body: bytes) -> None:
    """Anything else is no dict."""
    assert read(body) == [(("body",), "value is not a valid dict", "type_error.dict")]


anything: Callable[..., Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from(msgspec.structs.fields(Wanted)).map(lambda f: f.name), anything)
)
def test_a_body_is_read_or_refused(body: dict[str, Any]) -> None:
    """Never another error; what is read is what msgspec reads."""
    told = read(body)
    if isinstance(told, Wanted):
        assert told == msgspec.convert(body, Wanted)
    else:
        assert all(place[0] == "body" for place, _, _ in told)


def test_a_body_nested_without_end_is_no_crash() -> None:
    """Whatever depth the decoder gives up at."""
    deep = b'{"other":' + b"[" * 100_000 + b"]" * 100_000 + b"," + msgspec.json.encode(GOOD)[1:]
    told = read(deep)
    assert told == Wanted("n", "UTC") or told[0][2] == "value_error.jsondecode"
