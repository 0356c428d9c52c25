"""What the published clients are tried on: a daemon with environments, one file of flags, visitors.

The file has a campaign of every sort on which the server, the JavaScript SDK and the Python SDK
agree (letter case the same, no missing keys but where EXISTS asks for one); what they do not agree
on has tests of its own. Each test takes an environment of its own from a daemon that several share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from e2e.conftest import Daemon

ENVIRONMENTS = 40
FOR_ALL = {"operator": "EQUALS", "key": "fs_all_users", "value": ""}
Json = dict[str, Any]
Assigned = set[tuple[str, str, str]]


def rule(operator: str, key: str, value: object) -> Json:
    """One targeting rule."""
    return {"operator": operator, "key": key, "value": value}


def variation(name: str, allocation: object, flags: Json, reference: bool = False) -> Json:
    """One variation."""
    value = {"type": "FLAG", "value": flags}
    head = {"id": name, "name": f"Variation {name}", "reference": reference}
    return {**head, "allocation": allocation, "modifications": value}


def group(name: str, variations: list[Json], *alternatives: list[Json]) -> Json:
    """One variation group; without alternatives it is for everybody."""
    rules = [{"targetings": each} for each in alternatives or ([FOR_ALL],)]
    targeting = {"targetingGroups": rules}
    return {"id": name, "name": f"Group {name}", "targeting": targeting, "variations": variations}


def campaign(name: str, *groups: Json, type: str = "ab", slug: str | None = None) -> Json:  # noqa: A002
    """One campaign."""
    head = {"id": name, "name": f"Campaign {name}", "type": type, "slug": slug}
    return {**head, "bucketRanges": [{"r": [0, 100]}], "variationGroups": list(groups)}


def split(name: str, *allocations: int, type: str = "ab") -> Json:  # noqa: A002
    """A campaign for everybody: variations `NAME-1`, `NAME-2`...; the flag `NAME` tells which."""
    listed = [
        variation(f"{name}-{number}", allocation, {name: number}, number == 1)
        for number, allocation in enumerate(allocations, 1)
    ]
    return campaign(f"c-{name}", group(name, listed), type=type, slug=f"slug-{name}")


def toggle(name: str, *alternatives: list[Json]) -> Json:
    """A campaign with one variation, for those who match; the flag `NAME` is then true."""
    one = variation(f"{name}-1", 100, {name: True})
    return campaign(f"c-{name}", group(name, [one], *alternatives), type="toggle")


OTHERWISE: dict[str, Any] = {
    "text": "x",
    "number": 0,
    "ratio": 0.5,
    "on": False,
    "off": True,
    "list": [],
    "object": {},
    "accents": "x",
}
"""Defaults that differ from every value, each of its flag's own type."""
TYPES: Json = {
    "text": "hello",
    "number": 3,
    "ratio": 1.5,
    "on": True,
    "off": False,
    "list": [1, 2],
    "object": {"a": {"b": 1}},
    "nothing": None,
    "accents": "é😀",
}
TYPED = campaign("c-types", group("types", [variation("types-1", 100, TYPES, True)]), type="flag")
TWO_GROUPS = campaign(
    "c-people",
    group(
        "adults",
        [variation("adults-1", 60, {"people": "a"}), variation("adults-2", 40, {"people": "b"})],
        [rule("GREATER_THAN", "age", 17), rule("EQUALS", "country", "fr")],
        [rule("EQUALS", "vip", True)],
    ),
    group("others", [variation("others-1", 100, {"people": "c"})]),
    type="perso",
)
RULES: Json = {
    "equals": rule("EQUALS", "age", 7),
    "not-equals": rule("NOT_EQUALS", "age", 7),
    "greater": rule("GREATER_THAN", "age", 30),
    "lower": rule("LOWER_THAN", "age", 30),
    "at-least": rule("GREATER_THAN_OR_EQUALS", "age", 30),
    "at-most": rule("LOWER_THAN_OR_EQUALS", "score", 12.5),
    "one-of": rule("EQUALS", "country", ["fr", "de"]),
    "none-of": rule("NOT_EQUALS", "country", ["fr", "de"]),
    "contains": rule("CONTAINS", "name", "r1"),
    "contains-not": rule("NOT_CONTAINS", "name", ["r1", "r2"]),
    "starts": rule("STARTS_WITH", "name", "user1"),
    "ends": rule("ENDS_WITH", "name", "9x"),
    "is": rule("EQUALS", "vip", True),
    "after": rule("GREATER_THAN", "country", "e"),
    "exists": rule("EXISTS", "beta", True),
    "exists-not": rule("NOT_EXISTS", "beta", True),
    "named": rule("EQUALS", "fs_users", ["person-3", "person-5"]),
}
UNKNOWN_TO_PYTHON = {"exists", "exists-not", "named"}
"""Rules that the Python SDK never matches."""
FILE: Json = {
    "accountSettings": {"enabledXPC": False, "enabled1V1T": False},
    "campaigns": [
        TYPED,
        split("vg1", 10, 25, 25, 40),
        split("halves", 50, 50),
        split("some", 30),
        campaign("c-nobody", group("nobody", [variation("nobody-1", 100, {"nobody": 1})], [])),
        TWO_GROUPS,
        *(toggle(name, [each]) for name, each in RULES.items()),
    ],
}
VISITORS: list[Json] = [
    {
        "visitorId": f"person-{number}",
        "context": {
            "age": number % 60,
            "country": ("fr", "de", "us")[number % 3],
            "vip": number % 7 == 0,
            "name": f"user{number}x",
            "score": number / 8,
            **({"beta": True} if number % 2 else {}),
        },
    }
    for number in range(200)
]


def with_settings(**settings: object) -> Json:
    """The file with other account settings."""
    return {**FILE, "accountSettings": {**FILE["accountSettings"], **settings}}


class Operator:
    """Who looks after one environment, over HTTP."""

    def __init__(self, daemon: Daemon, env: str, **options: Any) -> None:
        self.daemon, self.env, self.url = daemon, env, daemon.url
        self.key = f"api-key-of-{env}"
        self._http = daemon.client(**options)

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        answer: httpx.Response = self._http.request(method, f"/flags/v1/{self.env}/{path}", **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, file: Json) -> Json:
        """Publish a bucketing file."""
        return dict(self._ask("PUT", "bucketing", json=file))

    def panic(self, on: bool) -> Json:
        """Move the kill switch."""
        return dict(self._ask("POST", "panic", json={"on": on}))

    def exposures(self) -> dict[str, int]:
        """How often each variation was seen."""
        found: dict[str, int] = {}
        for each in self._ask("GET", "reports")["exposures"]:
            found[each["variation"]] = found.get(each["variation"], 0) + each["count"]
        return found

    def hits(self) -> dict[tuple[str, str], int]:
        """How many hits of each type and name came in."""
        found: dict[tuple[str, str], int] = {}
        for each in self._ask("GET", "reports")["hits"]:
            if each.get("campaign") is None:
                key = (each["type"], each["name"])
                found[key] = found.get(key, 0) + each["count"]
        return found

    def decide(self, visitor_id: str, context: Json, **more: object) -> Assigned:
        """What the decision API gives a visitor, without keeping anything."""
        answer = self._http.post(
            f"/flags/v2/{self.env}/campaigns",
            headers={"x-api-key": self.key},
            json={
                "visitorId": visitor_id,
                "context": context,
                "trigger_hit": False,
                "visitor_consent": False,
                **more,
            },
        )
        assert answer.status_code == 200, answer.text
        return {
            (each["id"], each["variationGroupId"], each["variation"]["id"])
            for each in answer.json()["campaigns"]
        }


def triples(assigned: dict[str, list[str]]) -> Assigned:
    """A client's assignments by flag, as campaigns with group and variation."""
    return {(each[0], each[1], each[2]) for each in assigned.values()}


@contextmanager
def daemon_with_environments(folder: Path) -> Iterator[Iterator[Operator]]:
    """A daemon; every `next` gives the operator of an environment that nobody else uses."""
    project = folder / "project.toml"
    text = [f'project = "demo"\nadmin_keys = ["{Daemon.admin_key}"]\n']
    names = [f"env_{number}" for number in range(1, ENVIRONMENTS + 1)]
    text += [f'[flags.{name}]\napi_key = "api-key-of-{name}"\n' for name in names]
    project.write_text("".join(text))
    daemon = Daemon(folder).start("--apply", str(project))
    made: list[Operator] = []

    def operators() -> Iterator[Operator]:
        for name in names:
            made.append(Operator(daemon, name))
            yield made[-1]

    try:
        yield operators()
    finally:
        for each in made:
            each.close()
        daemon.close()
