"""Flags of the Python SDK: values, status, metadata, collections, exposures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from flag_client import Heard, Served, serving, started
from flag_door import campaign, file

from api.client import FlagMetadata, LogLevel, Visitor

pytestmark = pytest.mark.slow
EMPTY = FlagMetadata()
KINDS = campaign(
    "kinds",
    (
        "all",
        100,
        {"text": "a", "number": 1.5, "yes": True, "list": [1], "map": {"a": 1}, "null": None},
    ),
)


@asynccontextmanager
async def fetched(folder: Path, **settings: Any) -> AsyncIterator[tuple[Visitor, Heard, Served]]:
    """A visitor whose flags are there, one of each type."""
    async with (
        serving(folder, bucketing=file(KINDS), **settings) as served,
        started(served) as (sdk, heard),
    ):
        visitor = heard.visitor(sdk, context={"age": 31})
        await visitor.fetch_flags()
        yield visitor, heard, served


async def exposures(served: Served) -> int:
    """How many activations the daemon has."""
    return sum(each["count"] for each in (await served.door.report())["exposures"])


# --- one flag


@pytest.mark.covers("FS-114", "FS-124", "FS-125", "FS-128", "FS-140", "FS-151", "FS-152")
async def test_a_flag_says_where_it_comes_from(tmp_path: Path) -> None:
    """It offers five things and no more."""
    async with fetched(tmp_path) as (visitor, _, _served):
        flag = visitor.get_flag("text")
        names = {name for name in dir(flag) if not name.startswith("_")}
        assert names == {"metadata", "status", "get_value", "visitor_exposed", "exists"}
        assert flag.exists() is True
        assert flag.status == "FETCHED"
        assert flag.metadata == FlagMetadata(
            campaign_id="kinds",
            campaign_name="kinds name",
            variation_group_id="kinds-group",
            variation_group_name="group",
            variation_id="all",
            variation_name="all",
            is_reference=True,
            campaign_type="ab",
            slug="kinds-slug",
        )


@pytest.mark.covers("FS-115", "FS-126", "FS-130", "FS-133")
async def test_a_flag_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """No error: the default, a WARNING line, nothing exposed."""
    async with fetched(tmp_path) as (visitor, heard, served):
        flag = visitor.get_flag("missing")
        assert (flag.exists(), flag.status, flag.metadata) == (False, "NOT_FOUND", EMPTY)
        assert flag.get_value("default") == "default"
        await flag.visitor_exposed()
        assert heard.tagged("FLAG_VALUE") == [LogLevel.WARNING]
        assert heard.tagged("FLAG_VISITOR_EXPOSED") == [LogLevel.WARNING]
        await visitor.settled()
        assert await exposures(served) == 0


@pytest.mark.covers("FS-129")
async def test_a_flag_of_before_can_be_read(tmp_path: Path) -> None:
    """After a change it is FETCH_REQUIRED, and asking for it is a WARNING line."""
    async with fetched(tmp_path) as (visitor, heard, _served):
        assert visitor.get_flag("text").status == "FETCHED"
        assert heard.tagged("GET_FLAG") == []
        visitor.update_context({"age": 32})
        flag = visitor.get_flag("text")
        assert (flag.status, flag.get_value("x", False)) == ("FETCH_REQUIRED", "a")
        assert heard.tagged("GET_FLAG") == [LogLevel.WARNING]


@pytest.mark.covers("FS-132", "FS-134", "FS-137", "FS-138")
async def test_a_value_is_given_if_its_type_is_that_of_the_default(tmp_path: Path) -> None:
    """Text, number, boolean, list and object; None takes any."""
    values = {"text": "a", "number": 1.5, "yes": True, "list": [1], "map": {"a": 1}}
    defaults: dict[str, Any] = {"text": "", "number": 0, "yes": False, "list": [], "map": {}}
    async with fetched(tmp_path) as (visitor, heard, _served):
        for key, value in values.items():
            flag = visitor.get_flag(key)
            assert flag.get_value(None, False) == value
            for kind, default in defaults.items():
                expected = value if kind == key else default
                assert flag.get_value(default, False) == expected, (key, kind)
        assert heard.tagged("FLAG_VALUE") == [LogLevel.WARNING] * 20
        assert visitor.get_flag("null").get_value("x", False) == "x"
        assert len(heard.tagged("FLAG_VALUE")) == 20, "a value of null is no trouble"


# --- exposures


@pytest.mark.covers("FS-061", "FS-088", "FS-089", "FS-135", "FS-136")
async def test_reading_a_value_exposes_the_flag_once(tmp_path: Path) -> None:
    """In the background, unless it is told not to; the callback gets who and what."""
    async with fetched(tmp_path) as (visitor, heard, served):
        flag = visitor.get_flag("text")
        assert flag.get_value("x", False) == "a"
        await visitor.settled()
        assert (heard.exposures, await exposures(served)) == ([], 0)
        assert flag.get_value("x") == "a"
        await visitor.settled()
        assert await exposures(served) == 1
        (exposure,) = heard.exposures
        assert exposure.exposed_visitor.id == "v"
        assert exposure.exposed_visitor.anonymous_id is None
        assert exposure.exposed_visitor.context == visitor.context
        assert (exposure.from_flag.key, exposure.from_flag.value) == ("text", "a")
        assert exposure.from_flag.default_value == "x"
        assert exposure.from_flag.metadata == flag.metadata
        assert flag.get_value("x") == "a"
        await visitor.settled()
        assert heard.tagged("ADD ACTIVATE") == [LogLevel.DEBUG], "the same, just sent"
        assert len(heard.exposures) == 1


async def test_another_type_is_exposed_too_and_said_once(tmp_path: Path) -> None:
    """The WARNING is not repeated when the daemon says the same."""
    async with fetched(tmp_path) as (visitor, heard, served):
        assert visitor.get_flag("text").get_value(7) == 7
        await visitor.settled()
        assert await exposures(served) == 1
        assert heard.tagged("FLAG_VALUE") == [LogLevel.WARNING]


@pytest.mark.covers("FS-139")
async def test_an_exposure_carries_the_default_that_was_read(tmp_path: Path) -> None:
    """It needs no earlier `get_value`; what is no JSON stays here."""
    async with fetched(tmp_path) as (visitor, heard, _served):
        for default in (None, "x", object()):
            flag = visitor.get_flag("number" if default == "x" else "text")
            if default is not None:
                flag.get_value(default, False)
            assert await flag.visitor_exposed() is None
        defaults = [each.from_flag.default_value for each in heard.exposures]
        assert defaults == [None, "x"], "the third is the first again, and repeated"


# --- collections


@pytest.mark.covers(
    "FS-120", "FS-141", "FS-142", "FS-143", "FS-144", "FS-145", "FS-146", "FS-148", "FS-150"
)
async def test_a_collection_holds_all_flags(tmp_path: Path) -> None:
    """Size, get, has, keys, filter, metadata, iteration; an unknown key is an empty flag."""
    async with fetched(tmp_path) as (visitor, _, _served):
        flags = visitor.get_flags()
        keys = {"text", "number", "yes", "list", "map", "null"}
        assert flags.size == len(flags) == 6
        assert flags.keys() == keys
        assert flags.has("text")
        assert "text" in flags
        assert not flags.has("missing")
        assert flags.get("text").get_value("", False) == "a"
        assert not flags.get("missing").exists()
        seen: list[Any] = []
        flags.for_each(lambda flag, key, whole: seen.append((flag, key, whole)))
        assert [(flag, key) for flag, key, _ in seen] == [(flag, key) for key, flag in flags]
        assert all(whole is flags for *_, whole in seen)
        kept = flags.filter(lambda flag, key, whole: whole is flags and key > "n" and flag.exists())
        assert (kept.keys(), flags.size) == ({"number", "text", "yes", "null"}, 6)
        assert kept.filter(lambda *_: False).size == 0
        assert flags.get_metadata() == {key: flag.metadata for key, flag in flags}


@pytest.mark.covers("FS-147")
async def test_expose_all_exposes_each_flag(tmp_path: Path) -> None:
    """Also those that nobody read: one activation each."""
    async with fetched(tmp_path) as (visitor, heard, served):
        await visitor.get_flags().filter(lambda _flag, key, _: key != "null").expose_all()
        assert sorted(each.from_flag.key for each in heard.exposures) == [
            "list", "map", "number", "text", "yes",
        ]  # fmt: skip
        assert await exposures(served) == 5


@pytest.mark.covers("FS-149", "FS-153", "FS-154")
async def test_a_collection_is_serialised_without_exposing_it(tmp_path: Path) -> None:
    """Each flag with its metadata and `hex`; a filtered one gives its part."""
    async with fetched(tmp_path) as (visitor, heard, served):
        flags = visitor.get_flags()
        listed = {each["key"]: each for each in flags.to_json()}
        assert listed.keys() == flags.keys()
        assert bytes.fromhex(listed["map"]["hex"]) == b'{"v":{"a":1}}'
        assert listed["text"]["campaignId"] == "kinds"
        assert set(listed["text"]) == {
            "key", "campaignId", "campaignName", "slug", "campaignType", "variationGroupId",
            "variationGroupName", "variationId", "variationName", "isReference", "hex",
        }  # fmt: skip
        part = flags.filter(lambda _flag, key, _: key == "text").to_json()
        assert [each["key"] for each in part] == ["text"]
        await visitor.settled()
        assert (heard.exposures, await exposures(served)) == ([], 0)


@pytest.mark.covers("FS-127", "FS-131")
async def test_in_panic_every_flag_is_in_panic(tmp_path: Path) -> None:
    """Whatever its key."""
    async with fetched(tmp_path, fetch_flags_buffering_time=0) as (visitor, _, served):
        await served.door.panic(True)
        visitor.update_context({"age": 1})
        await visitor.fetch_flags()
        assert visitor.get_flag("text").status == "PANIC"
        assert visitor.get_flag("missing").status == "PANIC"
        assert visitor.get_flags().size == 0
