"""Small bucketing files for the tests of flags: a word or two makes a campaign."""

from __future__ import annotations

import json
from typing import Any

from actors.flags.bucketing import EVERYBODY, BucketingFile, parse
from actors.flags.decision import Compiled, Decision, Request, compile_file, decide


def rule(operator: str, key: str, value: object = None, **more: object) -> dict[str, Any]:
    """One targeting rule as it stands in a file."""
    return {"operator": operator, "key": key, "value": value, **more}


FOR_ALL = rule("EQUALS", "fs_all_users", "")


def group(
    name: str, allocations: object, *alternatives: list[dict[str, Any]], **values: Any
) -> dict[str, Any]:
    """A group `name` with variations `name-1`, `name-2`, ...; without alternatives for all."""
    chosen = alternatives or ([FOR_ALL],)
    listed = allocations if isinstance(allocations, list) else [allocations]
    return {
        "id": name,
        "name": f"Group {name}",
        "targeting": {"targetingGroups": [{"targetings": list(each)} for each in chosen]},
        "variations": [
            {
                "id": f"{name}-{number}",
                "name": f"Variation {number}",
                "allocation": allocation,
                "reference": number == 1,
                "modifications": values.get(f"v{number}", flag({f"{name}-key": number})),
            }
            for number, allocation in enumerate(listed, 1)
        ],
    }


def flag(value: dict[str, object], kind: str = "FLAG") -> dict[str, Any]:
    """The modifications of a variation."""
    return {"type": kind, "value": value}


def campaign(name: str, *groups: dict[str, Any], **more: object) -> dict[str, Any]:
    """A campaign open to all buckets."""
    return {
        "id": name,
        "name": f"Campaign {name}",
        "type": "ab",
        "slug": None,
        "bucketRanges": EVERYBODY,
        "variationGroups": list(groups),
        **more,
    }


def document(*campaigns: dict[str, Any], **more: object) -> bytes:
    """The bytes of a file with those campaigns."""
    return json.dumps({"campaigns": list(campaigns), **more}).encode()


def file(*campaigns: dict[str, Any], **more: object) -> BucketingFile:
    """The parsed file with those campaigns; `more` are members of its top level."""
    return parse(document(*campaigns, **more))


# visitor_1 is in bucket 31 of vg1: the first of two halves
SPLIT = group("vg1", [50, 50], v1=flag({"k": "v", "gone": None}), v2=flag({"only-here": 1}))
ONE = group("one", 100, v1=flag({"k": 3, "l": [1, {"a": None}]}))
WORLD = (campaign("c1", SPLIT), campaign("c2", ONE, slug="two", type="toggle"))


def ask(
    *campaigns: dict[str, Any],
    name: str | None = None,
    visitor_id: str = "visitor_1",
    **more: object,
) -> tuple[Compiled, Decision]:
    """A compiled file and its decision."""
    compiled = compile_file(file(*campaigns, **more), "server")
    return compiled, decide(compiled, Request(visitor_id, campaign=name))
