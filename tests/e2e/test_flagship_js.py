"""The published JavaScript SDK, both versions, against a real daemon.

The packages are as npm gives them; only where their requests go is decided outside (preload.cjs).
What the SDK says of itself (status, callbacks, values) is compared with what the daemon answers and
counts: together they show that neither knows the other is not the original.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import mmh3
import pytest
from e2e.flag_world import (
    FILE,
    OTHERWISE,
    TYPES,
    Operator,
    split,
    with_settings,
)
from e2e.real_clients import HERE, Client, node

pytestmark = pytest.mark.slow

FIVE_HITS = [
    {"type": "PAGEVIEW", "documentLocation": "https://example.org/"},
    {"type": "SCREENVIEW", "documentLocation": "home"},
    {
        "type": "TRANSACTION",
        "transactionId": "order-1",
        "affiliation": "sales",
        "totalRevenue": 99.5,
        "currency": "EUR",
        "itemCount": 2,
    },
    {
        "type": "ITEM",
        "transactionId": "order-1",
        "productName": "a lamp",
        "productSku": "lamp-1",
        "itemPrice": 49.75,
        "itemQuantity": 2,
    },
    {"type": "EVENT", "category": "Action Tracking", "action": "click", "label": "x", "value": 3},
]
QUICK = {"fetchNow": False, "fetchFlagsBufferingTime": 0, "disableDeveloperUsageTracking": True}
SOON = {"batchIntervals": 1, "poolMaxSize": 100}


@pytest.fixture(params=["flagship-5", "flagship-4"])
def sdk(request: pytest.FixtureRequest, operator: Operator) -> Iterator[Client]:
    """The SDK 5.2.0 and 4.0.5, in a process each."""
    with node("flagship.cjs", request.param, local=operator.url) as client:
        yield client


@pytest.fixture
def newest(operator: Operator) -> Iterator[Client]:
    """The SDK 5.2.0 only."""
    with node("flagship.cjs", "flagship-5", local=operator.url) as client:
        yield client


def start(client: Client, operator: Operator, mode: str = "DECISION_API", **config: Any) -> Any:
    """Start the SDK with the operator's environment."""
    config = {**QUICK, "trackingManagerConfig": SOON, **config}
    return client.ask("start", env=operator.env, key=operator.key, mode=mode, config=config)


def statuses(client: Client) -> list[str]:
    """The SDK's statuses so far."""
    return [each["status"] for each in client.all("sdk")]


# --- the decision API


@pytest.mark.parametrize("script", ["flagship.cjs", "flagship.mjs"])
@pytest.mark.parametrize("package", ["flagship-5", "flagship-4"])
@pytest.mark.covers("FS-070", "FS-086")
def test_flags_of_every_type_arrive(operator: Operator, script: str, package: str) -> None:
    """Both versions, as CommonJS and from an ES module, get every type of flag in one request."""
    with node(script, package, local=operator.url) as client:
        assert start(client, operator) == "INITIALIZED"
        client.ask("visitor", visitorId="visitor_1", hasConsented=True, context={"age": 31})
        told = client.ask("fetch")
        assert told["status"] == {"status": "FETCHED", "reason": "NONE"}
        found = client.ask(
            "values", defaults={**OTHERWISE, "nothing": "unset", "unheard-of": "mine"}
        )
        values = {key: each["value"] for key, each in found.items()}
        assert values == {**TYPES, "nothing": "unset", "unheard-of": "mine"}
        assert found["text"]["metadata"] == {
            "campaignId": "c-types",
            "campaignName": "Campaign c-types",
            "campaignType": "flag",
            "slug": None,
            "variationGroupId": "types",
            "variationGroupName": "Group types",
            "variationId": "types-1",
            "variationName": "Variation types-1",
            "isReference": True,
        }
        assert not found["unheard-of"]["exists"]
        client.ask("fetch")
        asked = client.requests("/campaigns")
        assert [each["status"] for each in asked] == [200, 200]
        assert {each["answered"]["content-type"] for each in asked} == {"application/json"}
        expected = ["INITIALIZING"] if package == "flagship-5" else []
        assert statuses(client) == [*expected, "INITIALIZED"]


def test_the_lock_names_no_address() -> None:
    """The packages are pinned by version and hash, wherever they come from."""
    lock = json.loads((HERE / "package-lock.json").read_text())
    packages = [each for name, each in lock["packages"].items() if name]
    assert all(each["integrity"].startswith("sha512-") for each in packages)
    assert "://" not in json.dumps(lock)


def test_the_es_module_build_is_used_where_node_can(operator: Operator) -> None:
    """5.2.0 is imported as an ES module; 4.0.5's build of that sort is for bundlers only."""
    for package, is_for_bundlers in (("flagship-5", 0), ("flagship-4", 1)):
        with node("flagship.mjs", package, local=operator.url) as client:
            assert len(client.all("bundlers-only")) == is_for_bundlers
            assert "Flagship" in client.ask("exports")


def test_a_visitor_without_targeting_gets_the_rest(sdk: Client, operator: Operator) -> None:
    """The spec's worked examples of allocation come out, and targeting follows the context."""
    start(sdk, operator)
    for visitor, number in (("visitor_1", 2), ("visitor_2", 4), ("toto", 4), ("1", 4)):
        sdk.ask("visitor", name=visitor, visitorId=visitor, hasConsented=True, context={"age": 7})
        sdk.ask("fetch", name=visitor)
        assert sdk.ask("assigned", name=visitor)["vg1"] == ["c-vg1", "vg1", f"vg1-{number}"]
    before = sdk.ask("assigned", name="toto")
    assert "equals" in before
    assert "contains" not in before
    told = sdk.ask("context", name="toto", values={"age": 8, "name": "r1", "country": "fr"})
    assert told["status"]["reason"] == "UPDATE_CONTEXT"
    sdk.ask("fetch", name="toto")
    after = sdk.ask("assigned", name="toto")
    assert "equals" not in after
    assert "contains" in after


@pytest.mark.covers("FS-046")
def test_the_address_of_the_decision_api_may_be_set(sdk: Client, operator: Operator) -> None:
    """With `decisionApiUrl` the SDK asks our door under its prefix, on any host."""
    start(sdk, operator, decisionApiUrl=f"{operator.url}/flags/v2/")
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    sdk.ask("fetch")
    assert sdk.ask("values", defaults={"number": 0})["number"]["value"] == 3
    assert sdk.requests("/campaigns") == []


def test_a_wrong_key_is_an_error_to_the_sdk(sdk: Client, operator: Operator) -> None:
    """The SDK takes a wrong key as an error of the fetch, and uses its defaults."""
    sdk.ask("start", env=operator.env, key="not-the-key", config=QUICK)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    told = sdk.ask("fetch")["status"]
    assert told["status"] == "FETCH_REQUIRED"
    assert sdk.ask("values", defaults={"number": 0})["number"]["value"] == 0
    assert [each["status"] for each in sdk.requests("/campaigns")] == [401]


def test_ten_thousand_bytes_of_accents_arrive(sdk: Client, operator: Operator) -> None:
    """Bodies are UTF-8 in both directions."""
    start(sdk, operator)
    operator.put({**FILE, "campaigns": [split("vg1", 100)]})
    context = {"where": "é😀" * 1_000}
    sdk.ask("visitor", visitorId="zoé", hasConsented=True, context=context)
    assert sdk.ask("fetch")["visitorId"] == "zoé"
    assert sdk.ask("assigned") == {"vg1": ["c-vg1", "vg1", "vg1-1"]}


# --- exposures, hits, consent


def test_exposures_are_counted(sdk: Client, operator: Operator) -> None:
    """`getValue` and `visitorExposed` send activations; the report counts one each."""
    start(sdk, operator)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    sdk.ask("fetch")
    sdk.ask("values", defaults={"vg1": 0}, exposed=True)
    told = sdk.wait("exposed")
    assert told["fromFlag"]["metadata"]["variationId"] == "vg1-2"
    sdk.ask("expose", key="halves")
    sdk.wait("exposed", lambda each: each["fromFlag"]["key"] == "halves")
    asked = sdk.requests("/activate")
    assert [each["status"] for each in asked] == [204, 204]
    assert json.loads(asked[0]["body"])["batch"][0]["caid"] == "vg1"
    halves = sdk.ask("assigned")["halves"][2]
    assert operator.exposures() == {"vg1-2": 1, halves: 1}


def test_hits_of_all_kinds_are_counted(sdk: Client, operator: Operator) -> None:
    """Five kinds of hits and the consent hit arrive in one batch and stand in the report."""
    start(sdk, operator)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    sdk.ask("hits", hits=FIVE_HITS)
    sdk.wait("request", lambda each: each["path"] == "/" and "ITEM" in each["body"])
    asked = sdk.requests("/", 0)
    assert [each["status"] for each in asked if each["host"] == "events.flagship.io"] == [200]
    assert operator.hits() == {
        ("EVENT", "fs_consent"): 1,
        ("PAGEVIEW", ""): 1,
        ("SCREENVIEW", ""): 1,
        ("TRANSACTION", "sales"): 1,
        ("EVENT", "click"): 1,
    }


def test_without_consent_only_that_is_told(sdk: Client, operator: Operator) -> None:
    """Withdrawn consent is told as a hit; after it no activation and no other hit is sent."""
    start(sdk, operator)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    sdk.ask("consent", given=False)
    sdk.ask("fetch")
    sdk.ask("values", defaults={"vg1": 0}, exposed=True)
    sdk.ask("hits", hits=FIVE_HITS)
    sdk.wait("request", lambda each: "TypeScript:false" in each["body"])
    sent = json.loads(sdk.requests("/campaigns")[-1]["body"])
    assert sent["visitor_consent"] is False
    assert operator.exposures() == {}
    assert set(operator.hits()) == {("EVENT", "fs_consent")}


# --- settings of the account


def test_logging_in_keeps_the_variation(sdk: Client, operator: Operator) -> None:
    """With XPC a visitor who logs in and out keeps what the anonymous one had, on any device."""
    operator.put(with_settings(enabledXPC=True))
    start(sdk, operator)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    sdk.ask("fetch")
    before = sdk.ask("assigned")["vg1"][2]
    assert before == "vg1-2"
    told = sdk.ask("authenticate", id="visitor_2")
    assert (told["visitorId"], told["anonymousId"]) == ("visitor_2", "visitor_1")
    sdk.ask("fetch")
    assert sdk.ask("assigned")["vg1"][2] == before, "by its own hash visitor_2 has vg1-4"
    assert sdk.ask("unauthenticate")["visitorId"] == "visitor_1"
    sdk.ask("fetch")
    assert sdk.ask("assigned")["vg1"][2] == before
    sdk.ask("visitor", name="tablet", visitorId="visitor_2", hasConsented=True)
    sdk.ask("fetch", name="tablet")
    assert sdk.ask("assigned", name="tablet")["vg1"][2] == before


def test_one_visitor_one_test(sdk: Client, operator: Operator) -> None:
    """With 1V1T a visitor is in one test: the first, or the one that was activated."""
    tests = [split("first", 50, 50), split("second", 50, 50), split("other", 100, type="toggle")]
    operator.put({**with_settings(enabled1V1T=True), "campaigns": tests})
    start(sdk, operator)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    sdk.ask("fetch")
    assert set(sdk.ask("assigned")) == {"first", "other"}
    operator.put({**with_settings(enabled1V1T=True), "campaigns": [*tests[1:]]})
    sdk.ask("fetch")
    sdk.ask("expose", key="second")
    sdk.wait("exposed")
    operator.put({**with_settings(enabled1V1T=True), "campaigns": tests})
    sdk.ask("fetch")
    assert set(sdk.ask("assigned")) == {"second", "other"}


def test_troubleshooting_and_usage_are_accepted(sdk: Client, operator: Operator) -> None:
    """What the SDK tells of its own troubles and use arrives as plain text, and is counted."""
    now = datetime.now(UTC)
    window = {
        "startDate": (now - timedelta(days=1)).isoformat(timespec="milliseconds"),
        "endDate": (now + timedelta(days=1)).isoformat(timespec="milliseconds"),
        "timezone": "Europe/Paris",
        "traffic": 100,
    }
    operator.put(with_settings(troubleshooting=window))
    start(sdk, operator, disableDeveloperUsageTracking=False)
    sdk.ask("visitor", visitorId=usage_visitor(sdk.ask("today")), hasConsented=True)
    sdk.ask("fetch")
    troubles = sdk.wait("request", lambda each: each["path"] == "/troubleshooting")
    usage = sdk.wait("request", lambda each: each["path"] == "/analytics")
    assert {troubles["status"] // 100, usage["status"] // 100} == {2}
    assert troubles["headers"]["Content-Type"] == ["text/plain;charset=UTF-8"]
    counted = operator.hits()
    assert counted["TROUBLESHOOTING", "VISITOR_FETCH_CAMPAIGNS"] == 1
    assert counted["ANALYTICS", "SDK_CONFIG"] == 1


def usage_visitor(today: str) -> str:
    """A visitor whose use of the SDK is reported today: about one in five hundred is."""
    return next(
        name
        for number in range(100_000)
        if mmh3.hash(f"{(name := f'visitor-{number}')}{today}", signed=False) % 1000 <= 1
    )


def test_account_settings_are_read_at_the_start(newest: Client, operator: Operator) -> None:
    """5.2.0 reads the account's settings from the CDN before it is initialized."""
    operator.put(with_settings(enabledXPC=True))
    start(newest, operator)
    asked = newest.requests("/accountSettings.json")
    assert [each["status"] for each in asked] == [200]
    assert newest.events.index(asked[0]) < newest.events.index(newest.all("sdk")[-1])


# --- panic


@pytest.mark.covers("FS-085")
def test_panic_and_back(sdk: Client, operator: Operator) -> None:
    """The kill switch reaches the SDK at its next fetch, stops everything, and lets go again."""
    start(sdk, operator)
    sdk.ask("visitor", visitorId="visitor_1", hasConsented=True)
    sdk.ask("fetch")
    operator.panic(True)
    told = sdk.ask("fetch")
    assert told["sdk"] == "PANIC"
    assert told["status"] == {"status": "PANIC", "reason": "NONE"}
    found = sdk.ask("values", defaults={"number": 0}, exposed=True)["number"]
    assert (found["value"], found["exists"]) == (0, False)
    sdk.ask("hits", hits=FIVE_HITS)
    assert operator.exposures() == {}
    operator.panic(False)
    assert sdk.ask("fetch")["sdk"] == "INITIALIZED"
    assert sdk.ask("values", defaults={"number": 0})["number"]["value"] == 3
    assert statuses(sdk)[-3:] == ["INITIALIZED", "PANIC", "INITIALIZED"]
