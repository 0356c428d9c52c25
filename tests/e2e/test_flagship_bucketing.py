"""The published JavaScript SDK deciding by itself, from the file that the daemon serves.

In bucketing mode the SDK polls the file and computes every variation in its own process. So it is
the best judge of our evaluator: what it gives two hundred visitors is compared with our decision
API, and what 4.0.5 makes of some thousand odd rules with our `sdk` profile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from e2e.flag_world import (
    FILE,
    VISITORS,
    Json,
    Operator,
    rule,
    split,
    toggle,
    triples,
    with_settings,
)
from e2e.real_clients import Client, node

from actors.flags.bucketing import parse
from actors.flags.decision import Request, compile_file, decide

pytestmark = pytest.mark.slow

POLLING = {
    "fetchNow": False,
    "fetchFlagsBufferingTime": 0,
    "disableDeveloperUsageTracking": True,
    "pollingInterval": 0.05,
    "trackingManagerConfig": {"batchIntervals": 1, "poolMaxSize": 1_000},
}
FIRST = {**FILE, "campaigns": [split("first", 100)]}
SECOND = {**FILE, "campaigns": [split("second", 100)]}


@pytest.fixture
def operator(operators: Iterator[Operator]) -> Operator:
    """An environment without a file."""
    return next(operators)


@pytest.fixture(params=["flagship-5", "flagship-4"])
def version(request: pytest.FixtureRequest) -> str:
    """Which SDK: 5.2.0 or 4.0.5."""
    return str(request.param)


@pytest.fixture
def sdk(version: str, operator: Operator) -> Iterator[Client]:
    """The SDK in a process of its own."""
    with node("flagship.cjs", version, local=operator.url) as client:
        yield client


def start(client: Client, operator: Operator, mode: str = "BUCKETING", **config: Any) -> Any:
    """Start the SDK with the operator's environment; 4.0.5 does not wait for its first poll."""
    config = {**POLLING, **config}
    told = client.ask("start", env=operator.env, key=operator.key, mode=mode, config=config)
    if told == "INITIALIZING":
        told = client.wait("sdk", lambda each: each["status"] != "INITIALIZING")["status"]
    return told


def polls(client: Client, status: int, since: int = 0) -> list[dict[str, Any]]:
    """Polls of the file that were answered so."""
    asked = client.requests("/bucketing.json", since)
    return [each for each in asked if each["status"] == status]


def flags_of(client: Client) -> set[str]:
    """Fetch, and name the flags that the visitor has."""
    client.ask("fetch")
    return set(client.ask("assigned"))


@pytest.mark.covers("FS-047", "FS-056", "FS-058", "FS-071", "FS-072", "FS-087")
def test_the_file_is_fetched_again_only_when_it_changed(
    version: str, sdk: Client, operator: Operator
) -> None:
    """Polls get 304 until the operator publishes; each change is told once, decisions are local.

    Only 4.x has the callbacks of the first poll under these names.
    """
    operator.put(FIRST)
    assert start(sdk, operator) == "INITIALIZED"
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    assert flags_of(sdk) == {"first"}
    sdk.wait("request", lambda each: each["status"] == 304)
    if version == "flagship-4":
        assert sdk.wait("polled")["status"] == 200
    assert len(polls(sdk, 200)) == 1
    assert polls(sdk, 304)[0]["headers"]["if-modified-since"] == [
        polls(sdk, 200)[0]["answered"]["last-modified"]
    ]
    told_before = len(sdk.all("updated"))
    since = len(sdk.events)
    operator.put(SECOND)
    sdk.wait("updated", since=since)
    assert flags_of(sdk) == {"second"}
    sdk.wait("request", lambda each: each["status"] == 304, since=len(sdk.events))
    assert len(polls(sdk, 200)) == 2
    assert len(sdk.all("updated")) == told_before + 1
    assert sdk.requests("/campaigns") == []


def test_two_changes_in_one_second_are_two_changes(sdk: Client, operator: Operator) -> None:
    """Last-Modified counts seconds, and still the second of two quick changes is seen."""
    operator.put(FIRST)
    start(sdk, operator)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    files = (SECOND, FIRST, SECOND)
    for number, file in enumerate(files):
        since = len(sdk.events)
        operator.put(file)
        sdk.wait("request", lambda each: each["status"] == 200, since=since)
        assert flags_of(sdk) == ({"first"} if number == 1 else {"second"})
    dates = [each["answered"]["last-modified"] for each in polls(sdk, 200)]
    assert len(set(dates)) == len(dates)


@pytest.mark.covers("FS-048")
def test_without_an_interval_the_file_is_fetched_once(sdk: Client, operator: Operator) -> None:
    """With `pollingInterval` 0 the file is asked for at the start only."""
    operator.put(FIRST)
    start(sdk, operator, pollingInterval=0)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    operator.put(SECOND)
    assert flags_of(sdk) == {"first"}
    assert len(sdk.requests("/bucketing.json")) == 1


@pytest.mark.covers("FS-057", "FS-083", "FS-084")
def test_an_environment_without_a_file(version: str, sdk: Client, operator: Operator) -> None:
    """404 until the first file: 4.0.5 waits for it, 5.2.0 starts without flags; both then go on."""
    assert start(sdk, operator) == {"flagship-4": "NOT_INITIALIZED"}.get(version, "INITIALIZED")
    assert polls(sdk, 404)
    if version == "flagship-4":
        assert sdk.wait("failed")["message"]
    operator.put(FIRST)
    sdk.wait("request", lambda each: each["status"] == 200)
    sdk.wait("sdk", lambda each: each["status"] == "INITIALIZED")
    assert sdk.all("sdk")[0]["status"] == "INITIALIZING"
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    assert flags_of(sdk) == {"first"}


def test_panic_comes_with_the_file(sdk: Client, operator: Operator) -> None:
    """The operator's switch changes the file: the next poll and fetch see it, on and off."""
    operator.put(FIRST)
    start(sdk, operator)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    assert flags_of(sdk) == {"first"}
    for on, status in ((True, "PANIC"), (False, "INITIALIZED")):
        since = len(sdk.events)
        operator.panic(on)
        sdk.wait("request", lambda each: each["status"] == 200, since=since)
        assert sdk.ask("fetch")["sdk"] == status
    assert set(sdk.ask("assigned")) == {"first"}


def test_two_hundred_visitors_get_what_the_decision_api_gives(
    sdk: Client, operator: Operator
) -> None:
    """The SDK's own evaluation and our server's agree on every campaign of every visitor."""
    operator.put(FILE)
    start(sdk, operator, pollingInterval=0)
    found = sdk.ask("survey", visitors=VISITORS, consent=False)
    differing = {
        each["visitorId"]: theirs ^ ours
        for each in VISITORS
        if (theirs := triples(found[each["visitorId"]]))
        != (ours := operator.decide(each["visitorId"], each["context"]))
    }
    assert differing == {}
    assert len({frozenset(triples(each)) for each in found.values()}) > 100


ODD = ["", "a", "A", "5", "é", "true", 0, 5, -1.5, 1e21, True, False]
OPERATORS = (
    *("EQUALS", "NOT_EQUALS", "CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "ENDS_WITH"),
    *("GREATER_THAN", "LOWER_THAN", "GREATER_THAN_OR_EQUALS", "LOWER_THAN_OR_EQUALS"),
    *("EXISTS", "NOT_EXISTS", "SEMVER_EQUALS"),
)
TARGETS = [*ODD, [], ["a", 5], ["", True]]


def odd_file() -> Json:
    """A toggle for every operator, target and place of the key: present, missing, in an OR."""
    rules = product(OPERATORS, TARGETS)
    campaigns = []
    for number, (operator, target) in enumerate(rules):
        here, missing = rule(operator, "key", target), rule(operator, "no-key", target)
        campaigns.append(toggle(f"here-{number}", [here]))
        campaigns.append(toggle(f"missing-{number}", [missing]))
        campaigns.append(toggle(f"either-{number}", [missing, here], [here, here], []))
    return {**FILE, "campaigns": campaigns}


def test_odd_rules_are_taken_as_4_0_5_takes_them(operator: Operator) -> None:
    """Some six hundred rules with every sort of value: our `sdk` profile is the SDK's equal."""
    file = odd_file()
    operator.put(file)
    visitors = [{"visitorId": f"odd-{n}", "context": {"key": v}} for n, v in enumerate(ODD)]
    with node("flagship.cjs", "flagship-4", local=operator.url) as client:
        start(client, operator, pollingInterval=0)
        found = client.ask("survey", visitors=visitors, consent=False)
    compiled = compile_file(parse(json.dumps(file).encode()), "sdk")
    for each in visitors:
        request = Request(each["visitorId"], each["context"], consent=False)
        ours = {choice.group.id for choice in decide(compiled, request).choices}
        assert set(found[each["visitorId"]]) == ours, each


# --- what else is sent in this mode


def test_the_context_is_told_as_a_segment(sdk: Client, operator: Operator) -> None:
    """In bucketing mode the context arrives as a SEGMENT hit, which is counted."""
    operator.put(FIRST)
    start(sdk, operator, pollingInterval=0)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True, context={"age": 31, "vip": True})
    flags_of(sdk)
    told = sdk.wait("request", lambda each: "SEGMENT" in each["body"])
    assert told["status"] == 200
    assert operator.hits()["SEGMENT", ""] == 1


def test_third_party_segments_are_asked_for(sdk: Client, operator: Operator) -> None:
    """The data connector's address answers with a list, and the SDK goes on."""
    operator.put(FIRST)
    start(sdk, operator, pollingInterval=0, fetchThirdPartyData=True)
    sdk.ask("visitor", visitorId="visitor 1é", hasConsented=True)
    assert flags_of(sdk) == {"first"}
    asked = sdk.requests("/segments/")
    assert [(each["host"], each["status"]) for each in asked] == [
        ("api-data-connector.flagship.io", 200)
    ]


def test_account_settings_stand_in_the_file(sdk: Client, operator: Operator) -> None:
    """In bucketing mode no separate settings are asked for."""
    operator.put(with_settings(enabledXPC=True))
    start(sdk, operator, pollingInterval=0)
    assert sdk.requests("/accountSettings.json") == []


@pytest.mark.covers("FS-073", "FS-074")
def test_at_the_edge_nothing_is_polled_and_close_sends_all(operator: Operator) -> None:
    """The edge build decides from the file it was given; hits and activations wait for `close`."""
    operator.put(FILE)
    with node("flagship.cjs", "flagship-5/edge", local=operator.url) as client:
        start(client, operator, mode="BUCKETING_EDGE", initialBucketing=FILE)
        client.ask("visitor", hasConsented=True, **{**VISITORS[0], "visitorId": "visitor_1"})
        assert "vg1" in flags_of(client)
        client.ask("values", defaults={"vg1": 0}, exposed=True)
        client.ask("hits", hits=[{"type": "PAGEVIEW", "documentLocation": "https://example.org/"}])
        assert client.all("request") == []
        client.ask("close")
        assert client.wait("request", lambda each: each["path"] == "/")["status"] == 200
        assert client.wait("request", lambda each: each["path"] == "/v2/activate")["status"] == 204
    assert operator.exposures() == {"vg1-2": 1}
    assert operator.hits()["PAGEVIEW", ""] == 1
