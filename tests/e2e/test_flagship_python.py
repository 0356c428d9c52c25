"""The published Python SDK 3.0.1 against a real daemon.

It runs in a virtual environment of its own, because it pins old versions of common packages. Its
addresses cannot be set, so the four globals of its HTTP module are (clients/flagship_python.py);
they name our door under its prefix, which is shown to work as the mapped hosts do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.flag_world import (
    FILE,
    OTHERWISE,
    TYPES,
    UNKNOWN_TO_PYTHON,
    VISITORS,
    Operator,
    split,
    triples,
    with_settings,
)
from e2e.real_clients import Client, python

pytestmark = pytest.mark.slow

EMPTY_IS_EVERYBODY = {("c-nobody", "nobody", "nobody-1")}
FIRST = {**FILE, "campaigns": [split("first", 100)]}
SECOND = {**FILE, "campaigns": [split("second", 100)]}


@pytest.fixture
def sdk(operator: Operator, tmp_path: Path) -> Iterator[Client]:
    """The SDK in a process of its own; the file it keeps lands in a folder of the test."""
    with python("flagship_python.py", f"{operator.url}/flags", tmp_path) as client:
        yield client


def start(client: Client, operator: Operator, mode: str = "DECISION_API", **config: Any) -> Any:
    """Start the SDK with the operator's environment."""
    return client.ask("start", env=operator.env, key=operator.key, mode=mode, **config)


def start_polling(client: Client, operator: Operator) -> None:
    """Start it in bucketing mode and wait until it has the file."""
    start(client, operator, "BUCKETING", polling_interval=50)
    client.wait("sdk", lambda each: each["status"] == "READY")


def flags_of(client: Client) -> set[str]:
    """Fetch, and name the flags that the visitor has."""
    client.ask("fetch")
    return set(client.ask("assigned"))


def test_flags_of_every_type_arrive(sdk: Client, operator: Operator) -> None:
    """The decision API, asked with a slash before the query, gives every type of flag."""
    assert start(sdk, operator) == "READY"
    assert [each["status"] for each in sdk.all("sdk")] == ["STARTING", "READY"]
    sdk.ask("visitor", visitor_id="visitor_1", context={"age": 31})
    assert sdk.ask("fetch") == "READY"
    found = sdk.ask("values", defaults={**OTHERWISE, "unheard-of": "mine"})
    expected = {**TYPES, "unheard-of": "mine"}
    del expected["nothing"]
    assert {key: each["value"] for key, each in found.items()} == expected
    assert found["text"]["metadata"] == {
        "campaign_id": "c-types",
        "variation_group_id": "types",
        "variation_id": "types-1",
        "is_reference": True,
        "campaign_type": "flag",
        "campaign_slug": None,
    }
    asked = sdk.requests("/campaigns/?exposeAllKeys=true")
    assert [each["status"] for each in asked] == [200]


def test_exposures_and_hits_are_counted(sdk: Client, operator: Operator) -> None:
    """Activations come without a key, hits of five kinds in a batch; the report counts all."""
    start(sdk, operator)
    sdk.ask("visitor", visitor_id="visitor_1", context={"age": 31})
    sdk.ask("fetch")
    sdk.ask("values", defaults={"vg1": 0, "text": ""}, exposed=True)
    sdk.ask("hits")
    sdk.wait("request", lambda each: "ITEM" in each["body"])
    sdk.wait("request", lambda each: each["url"].endswith("/activate") and "types" in each["body"])
    assert {each["status"] for each in sdk.requests("/activate")} == {204}
    assert operator.exposures() == {"vg1-2": 1, "types-1": 1}
    assert operator.hits() == {
        ("EVENT", "fs_consent"): 1,
        ("PAGEVIEW", ""): 1,
        ("SCREENVIEW", ""): 1,
        ("TRANSACTION", "sales"): 1,
        ("EVENT", "click"): 1,
    }


def test_without_consent_nothing_is_kept(sdk: Client, operator: Operator) -> None:
    """Without consent flags still come, the refusal is told, and no exposure is."""
    start(sdk, operator)
    sdk.ask("visitor", visitor_id="visitor_1", consent=False)
    sdk.ask("fetch")
    assert sdk.ask("values", defaults={"vg1": 0}, exposed=True)["vg1"]["value"] == 2
    told = sdk.wait("request", lambda each: "python:false" in each["body"])
    assert told["status"] == 200
    assert operator.exposures() == {}
    assert set(operator.hits()) == {("EVENT", "fs_consent")}


def test_logging_in_keeps_the_variation(sdk: Client, operator: Operator) -> None:
    """With XPC a visitor who logs in and out keeps what the anonymous one had."""
    operator.put(with_settings(enabledXPC=True))
    start(sdk, operator)
    sdk.ask("visitor", visitor_id="visitor_1")
    sdk.ask("fetch")
    before = sdk.ask("assigned")["vg1"]
    told = sdk.ask("authenticate", id="visitor_2")
    assert told == {"visitorId": "visitor_2", "anonymousId": "visitor_1"}
    sdk.ask("fetch")
    assert sdk.ask("assigned")["vg1"] == before
    sdk.ask("unauthenticate")
    sdk.ask("fetch")
    assert sdk.ask("assigned")["vg1"] == before


def test_panic_and_back(sdk: Client, operator: Operator) -> None:
    """The kill switch reaches the SDK at its next fetch, and lets go again."""
    start(sdk, operator)
    sdk.ask("visitor", visitor_id="visitor_1")
    sdk.ask("fetch")
    operator.panic(True)
    assert sdk.ask("fetch") == "PANIC"
    assert sdk.ask("values", defaults={"number": 0})["number"]["value"] == 0
    operator.panic(False)
    assert sdk.ask("fetch") == "READY"
    assert sdk.ask("values", defaults={"number": 0})["number"]["value"] == 3


@pytest.mark.covers("FS-071", "FS-072")
def test_the_file_is_fetched_again_only_when_it_changed(
    sdk: Client, operator: Operator, tmp_path: Path
) -> None:
    """Bucketing mode loads the file by its Last-Modified, polls with 304, and keeps it on disk."""
    operator.put(FIRST)
    start_polling(sdk, operator)
    assert [each["status"] for each in sdk.all("sdk")] == ["STARTING", "POLLING", "READY"]
    sdk.ask("visitor", visitor_id="visitor_1")
    assert flags_of(sdk) == {"first"}
    sdk.wait("request", lambda each: each["status"] == 304)
    kept = json.loads((tmp_path / f".{operator.env}.decision").read_text())
    assert kept["data"]["campaigns"][0]["id"] == "c-first"
    since = len(sdk.events)
    operator.put(SECOND)
    sdk.wait("request", lambda each: each["status"] == 304, since=sdk_reloaded(sdk, since))
    sdk.ask("visitor", visitor_id="visitor_2")
    assert flags_of(sdk) == {"second"}
    assert len([each for each in sdk.requests("/bucketing.json") if each["status"] == 200]) == 2
    assert sdk.requests("/campaigns") == []


def sdk_reloaded(client: Client, since: int) -> int:
    """Wait for a poll that brought a file; how many events there were then."""
    polled = client.wait(
        "request",
        lambda each: each["url"].endswith("/bucketing.json") and each["status"] == 200,
        since,
    )
    return client.events.index(polled) + 1


def test_two_hundred_visitors_get_what_the_decision_api_gives(
    sdk: Client, operator: Operator
) -> None:
    """The SDK's own evaluation and our server's agree, but for what it takes in its own way.

    It never matches some rules, and takes an empty list of rules for everybody.
    """
    start_polling(sdk, operator)
    found = sdk.ask("survey", asked=VISITORS)
    unknown = {f"c-{name}" for name in UNKNOWN_TO_PYTHON}
    for each in VISITORS:
        ours = operator.decide(each["visitorId"], each["context"])
        expected = {triple for triple in ours if triple[0] not in unknown} | EMPTY_IS_EVERYBODY
        assert triples(found[each["visitorId"]]) == expected, each


def test_the_context_is_told_as_a_segment(sdk: Client, operator: Operator) -> None:
    """In bucketing mode the context arrives as a SEGMENT hit, which is counted."""
    operator.put(FIRST)
    start_polling(sdk, operator)
    sdk.ask("visitor", visitor_id="visitor_1", context={"vip": True})
    sdk.ask("fetch")
    sdk.wait("request", lambda each: "SEGMENT" in each["body"])
    assert operator.hits()["SEGMENT", ""] == 1
