"""Bodies, judged member by member, with all that is wrong in one answer.

What a route takes stands in a struct; its members' types are read here and compared with what came,
strictly: no text for a number, no number for a text, no `true` for a whole number. Members that
nobody knows are passed over, as the original does. Messages and types are those of FastAPI's first
version. Rules: spec timelines 6, 5.12.21; ledger TL-046, TL-133.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from api.http import Call
from api.timelines.invalid import Detail, Place, detail, invalid, invalid_all, missing

T = TypeVar("T", bound=msgspec.Struct)
WHOLE_MAX = 2**63 - 1
"""Whole numbers that can be stored."""
BODY = ("body",)


def body_of(call: Call, type_: type[T]) -> T:
    """The JSON body as a struct; raises `Invalid` with everything that is wrong with it.

    No body, and null, count as `{}` where the struct needs no member.
    """
    fields = _fields(type_)
    given = _decoded(call.body)
    if given is None and not any(field.required for field in fields):
        given = {}
    if given is None:
        raise invalid_all([missing(BODY)])
    if not isinstance(given, dict):
        raise invalid(BODY, "value is not a valid dict", "type_error.dict")
    if errors := tuple(_judge_members(given, fields)):
        raise invalid_all(errors)
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        raise invalid(BODY, str(error)) from None


def _decoded(body: bytes) -> Any:
    """What JSON says; None for no body. Raises `Invalid` for what is no JSON."""
    if not body.strip():
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise invalid(BODY, reason, "value_error.jsondecode") from None


@cache
def _fields(type_: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    return info.fields


def _judge_members(given: dict[str, Any], fields: tuple[inspect.Field, ...]) -> Iterator[Detail]:
    for field in fields:
        place = (*BODY, field.encode_name)
        if field.encode_name in given:
            yield from _judge(given[field.encode_name], field.type, place)
        elif field.required:
            yield missing(place)


def _judge(value: Any, type_: inspect.Type, place: Place) -> Iterator[Detail]:
    """What is wrong with one value."""
    if isinstance(type_, inspect.UnionType):  # `X | None` is the only one of a body
        if value is None:
            return
        (type_,) = (each for each in type_.types if not isinstance(each, inspect.NoneType))
    if value is None:
        yield detail(place, "none is not an allowed value", "type_error.none.not_allowed")
    elif isinstance(type_, inspect.StrType):
        yield from _judge_text(value, type_, place)
    elif isinstance(type_, inspect.IntType):
        yield from _judge_whole(value, type_, place)
    elif isinstance(type_, inspect.BoolType):
        if not isinstance(value, bool):
            yield detail(place, "value could not be parsed to a boolean", "type_error.bool")
    elif isinstance(type_, inspect.EnumType):
        yield from _judge_member(value, type_, place)
    elif isinstance(type_, inspect.DictType):
        yield from _judge_map(value, type_, place)


def _judge_text(value: Any, type_: inspect.StrType, place: Place) -> Iterator[Detail]:
    if not isinstance(value, str):
        yield detail(place, "str type expected", "type_error.str")
    elif type_.min_length is not None and len(value) < type_.min_length:
        words = f"ensure this value has at least {type_.min_length} characters"
        yield detail(place, words, "value_error.any_str.min_length")
    elif type_.max_length is not None and len(value) > type_.max_length:
        words = f"ensure this value has at most {type_.max_length} characters"
        yield detail(place, words, "value_error.any_str.max_length")


def _judge_whole(value: Any, type_: inspect.IntType, place: Place) -> Iterator[Detail]:
    least = -WHOLE_MAX if type_.ge is None else type_.ge
    if not isinstance(value, int) or isinstance(value, bool):
        yield detail(place, "value is not a valid integer", "type_error.integer")
    elif value < least:
        words = f"ensure this value is greater than or equal to {least}"
        yield detail(place, words, "value_error.number.not_ge")
    elif value > WHOLE_MAX:
        words = f"ensure this value is less than or equal to {WHOLE_MAX}"
        yield detail(place, words, "value_error.number.not_le")


def _judge_member(value: Any, type_: inspect.EnumType, place: Place) -> Iterator[Detail]:
    values = [member.value for member in type_.cls]
    if value not in values:
        permitted = ", ".join(map(repr, values))
        words = f"value is not a valid enumeration member; permitted: {permitted}"
        yield detail(place, words, "type_error.enum")


def _judge_map(value: Any, type_: inspect.DictType, place: Place) -> Iterator[Detail]:
    if not isinstance(value, dict):
        yield detail(place, "value is not a valid dict", "type_error.dict")
        return
    for name, inner in value.items():
        yield from _judge(inner, type_.value_type, (*place, name))
