"""What a visitor reads of its flags, and what seeing them leads to, through each way.

Spec flags 4.4 and 4.5, line by line; exposures once each, as in spec flags 5.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flag_door import campaign, file
from visitor_scenarios import BEHIND_OTHERS, run, through_each_way
from visitor_steps import (
    ALWAYS,
    CREATED,
    FETCHED,
    FETCHING,
    PANICKED,
    SAID_YES,
    UPDATED,
    Do,
    During,
    FlagIs,
    FlagsAre,
    Panic,
    Scenario,
    Sdk,
    fetches,
    opens,
    reads,
    updates,
)

pytestmark = pytest.mark.slow

VALUES: dict[str, Any] = {
    "text": "a",
    "number": 5,
    "yes": True,
    "list": [1, "é"],
    "object": {"a": 1},
    "nothing": None,
}
KINDS = campaign("kinds", ("k", 100, VALUES))
OTHER = campaign("other", ("o", 100, {"alone": 1}), sort="toggle", slug=None)
TELLS = file(KINDS, OTHER)
GOES_WELL = (CREATED, FETCHING, FETCHED)
WRONG = ("WARNING FLAG_VALUE",)
UNSEEN = {"visitorExposed": False}


def given(key: str) -> dict[str, Any]:
    """A flag of the first campaign as `toJSON` gives it."""
    return _flag(key, VALUES[key], "kinds", "k", "ab", "kinds-slug")


def _flag(
    key: str, value: Any, name: str, variation: str, sort: str, slug: str | None
) -> dict[str, Any]:
    text = json.dumps({"v": value}, separators=(",", ":"))
    return {
        "key": key,
        "campaignId": name,
        "campaignName": f"{name} name",
        "variationGroupId": f"{name}-group",
        "variationGroupName": "group",
        "variationId": variation,
        "variationName": variation,
        "isReference": True,
        "campaignType": sort,
        "slug": slug,
        "hex": text.encode().hex(),
    }


ALONE = _flag("alone", 1, "other", "o", "toggle", None)
ALL = [*map(given, VALUES), ALONE]

STATUSES = [
    Scenario(
        "a flag is not found, then fetched, then out of date, then in panic",
        (
            opens(),
            FlagIs("text", "NOT_FOUND", exists=False, logs=("WARNING GET_FLAG",)),
            fetches(),
            FlagIs("text", "FETCHED", "a", "k"),
            FlagIs("missing", "NOT_FOUND", exists=False),
            updates(age=3),
            FlagIs("text", "FETCH_REQUIRED", "a", "k", logs=("WARNING GET_FLAG",)),
            FlagIs("missing", "NOT_FOUND", exists=False, logs=("WARNING GET_FLAG",)),
            Panic(True),
            fetches(),
            Sdk("SDK_PANIC"),
            FlagIs("text", "PANIC", exists=False, logs=("WARNING GET_FLAG",)),
            FlagIs("missing", "PANIC", exists=False, logs=("WARNING GET_FLAG",)),
            FlagsAre([]),
        ),
        heard=(*GOES_WELL, UPDATED, FETCHING, PANICKED),
        hits=(SAID_YES,),
        covers=("FS-127",),
        bucketing=TELLS,
    ),
    Scenario(
        "a flag is out of date while it is fetched, and can be read",
        (
            opens(),
            fetches(),
            During((FlagIs("one", "FETCH_REQUIRED", True, "one-1"),)),
            FlagIs("one", "FETCHED", True, "one-1"),
        ),
        heard=(*GOES_WELL, FETCHING, FETCHED),
        hits=(SAID_YES,),
        settings={**BEHIND_OTHERS, **ALWAYS},
    ),
]

VALUE_OF = [
    Scenario(
        "values of each type",
        (
            opens(),
            fetches(),
            reads("text", "x", "a", **UNSEEN),
            reads("number", 0.5, 5, **UNSEEN),
            reads("yes", False, True, **UNSEEN),
            reads("list", [], [1, "é"], **UNSEEN),
            reads("object", {}, {"a": 1}, **UNSEEN),
        ),
        heard=GOES_WELL,
        hits=(SAID_YES,),
        bucketing=TELLS,
    ),
    Scenario(
        "another type is the default, and a warning",
        (
            opens(),
            fetches(),
            reads("text", 1, 1, *WRONG, **UNSEEN),
            reads("number", "x", "x", *WRONG, **UNSEEN),
            reads("number", True, True, *WRONG, **UNSEEN),
            reads("yes", 1, 1, *WRONG, **UNSEEN),
            reads("list", {}, {}, *WRONG, **UNSEEN),
            reads("object", [], [], *WRONG, **UNSEEN),
        ),
        heard=GOES_WELL,
        hits=(SAID_YES,),
        bucketing=TELLS,
    ),
    Scenario(
        "a default of null takes any type, and a null value is the default",
        (
            opens(),
            fetches(),
            reads("number", None, 5, **UNSEEN),
            reads("object", None, {"a": 1}, **UNSEEN),
            reads("nothing", "x", "x", **UNSEEN),
            reads("nothing", None, None, **UNSEEN),
        ),
        heard=GOES_WELL,
        hits=(SAID_YES,),
        bucketing=TELLS,
    ),
    Scenario(
        "a missing flag is the default and a warning, and exposes nothing",
        (
            opens(),
            reads("text", "x", "x", *WRONG),
            fetches(),
            reads("missing", "x", "x", *WRONG),
            reads("missing", None, None, *WRONG),
            Do("visitorExposed", {"key": "missing"}, ("WARNING FLAG_VISITOR_EXPOSED",)),
        ),
        heard=GOES_WELL,
        hits=(SAID_YES,),
        bucketing=TELLS,
    ),
]

SEEN = [
    Scenario(
        "reading a value exposes, also a null and another type",
        (
            opens(),
            fetches(),
            reads("text", "x", "a"),
            reads("nothing", "x", "x"),
            reads("yes", "x", "x", *WRONG),
            reads("number", 1, 5, **UNSEEN),
        ),
        heard=GOES_WELL,
        exposed=(("text", "a", "x"), ("nothing", None, "x"), ("yes", True, "x")),
        hits=(SAID_YES,),
        activations=("k by v", "k by v", "k by v"),
        covers=("FS-132",),
        bucketing=TELLS,
    ),
    Scenario(
        "seeing a flag needs no value read before",
        (opens(), fetches(), Do("visitorExposed", {"key": "text"})),
        heard=GOES_WELL,
        exposed=(("text", "a", None),),
        hits=(SAID_YES,),
        activations=("k by v",),
        covers=("FS-139",),
        bucketing=TELLS,
    ),
    Scenario(
        "all flags are seen, or some",
        (opens(), fetches(), Do("exposeAll", {"keys": ["alone"]}), Do("exposeAll", {})),
        heard=GOES_WELL,
        exposed=(("alone", 1, None), ("alone", 1, None), ("text", "a", None)),
        hits=(SAID_YES,),
        activations=("k by v", "o by v", "o by v"),
        settings={"hit_deduplication_time": 0},
        bucketing=file(campaign("kinds", ("k", 100, {"text": "a"})), OTHER),
    ),
    Scenario(
        "the same exposure goes once, another default is another one",
        (
            opens(),
            fetches(),
            reads("text", "x", "a"),
            reads("text", "x", "a", "DEBUG ADD ACTIVATE"),
            reads("text", "y", "a"),
            Do("visitorExposed", {"key": "text"}),
            Do("visitorExposed", {"key": "text"}, ("DEBUG ADD ACTIVATE",)),
        ),
        heard=GOES_WELL,
        exposed=(("text", "a", "x"), ("text", "a", "y"), ("text", "a", None)),
        hits=(SAID_YES,),
        activations=("k by v", "k by v", "k by v"),
        covers=("FS-050",),
        bucketing=TELLS,
    ),
    Scenario(
        "0 seconds: the same exposure goes each time",
        (opens(), fetches(), reads("text", "x", "a"), reads("text", "x", "a")),
        heard=GOES_WELL,
        exposed=(("text", "a", "x"), ("text", "a", "x")),
        hits=(SAID_YES,),
        activations=("k by v", "k by v"),
        settings={"hit_deduplication_time": 0},
        covers=("FS-051",),
        bucketing=TELLS,
    ),
    Scenario(
        "the collection as JSON is the initial flags of another visitor",
        (
            opens(),
            fetches(),
            FlagsAre(ALL),
            opens(who="w", initialFlagsData=ALL[:2], initialCampaigns=[]),
            FlagsAre(ALL[:2], who="w"),
            FlagIs("text", "FETCH_REQUIRED", "a", "k", logs=("WARNING GET_FLAG",), who="w"),
        ),
        heard=GOES_WELL,
        hits=(SAID_YES, SAID_YES.replace("by v", "by w")),
        covers=("FS-149", "FS-153"),
        bucketing=TELLS,
    ),
    Scenario(
        "initial flags that are none are an error, and nothing else",
        (
            Do(
                "open",
                {"hasConsented": True, "initialFlagsData": [{"key": 1}]},
                ("ERROR NEW VISITOR",),
            ),
            FlagsAre([]),
            fetches(),
            FlagsAre(ALL),
        ),
        heard=GOES_WELL,
        hits=(SAID_YES,),
        bucketing=TELLS,
    ),
]


@through_each_way([*STATUSES, *VALUE_OF, *SEEN])
async def test_what_is_read_and_seen(scenario: Scenario, way: str, tmp_path: Path) -> None:
    """Through HTTP, the live socket and the Python client the same is read and reported."""
    await run(scenario, way, tmp_path)
