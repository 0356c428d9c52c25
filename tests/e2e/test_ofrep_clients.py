"""OpenFeature's published providers for remote evaluation, against a real daemon.

Three of them: Node server (one request per flag), web (all flags at once, kept, refreshed by polls
or by our event stream) and Python. They know nothing of Flagship; the targeting key is the visitor.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.flag_world import FILE, OTHERWISE, TYPES, Operator, split
from e2e.real_clients import Client, node, python

pytestmark = pytest.mark.slow

WHO = {"targetingKey": "visitor_1", "age": 31, "country": "us"}
FIRST = {**FILE, "campaigns": [split("first", 100)]}
SECOND = {**FILE, "campaigns": [split("first", 0, 100)]}


@pytest.fixture(params=["server", "python"])
def provider(
    request: pytest.FixtureRequest, operator: Operator, tmp_path: Path
) -> Iterator[Client]:
    """The providers that ask for one flag at a time."""
    if request.param == "python":
        with python("ofrep_python.py", operator.url, tmp_path) as client:
            yield client
    else:
        with node("ofrep.cjs", "server", local=operator.url, preload=False) as client:
            yield client


@pytest.fixture
def web(operator: Operator) -> Iterator[Client]:
    """The provider that gets all flags at once."""
    with node("ofrep.cjs", "web", local=operator.url, preload=False) as client:
        yield client


def start(client: Client, operator: Operator, prefix: str = "", **more: Any) -> None:
    """Set the provider, with the environment's key."""
    client.ask("start", url=operator.url + prefix, key=operator.key, **more)


# --- one flag at a time


@pytest.mark.parametrize("prefix", ["", "/flags"])
def test_every_type_has_value_reason_and_variant(
    provider: Client, operator: Operator, prefix: str
) -> None:
    """At the root and under our prefix, each type of flag comes with its variation and reason."""
    start(provider, operator, prefix)
    for key, otherwise in OTHERWISE.items():
        found = provider.ask("evaluate", key=key, otherwise=otherwise, context=WHO)
        assert found["value"] == TYPES[key]
        assert type(found["value"]) is type(TYPES[key])
        assert (found["reason"], found["variant"]) == ("STATIC", "types-1")
        assert found["flagMetadata"] == {
            "campaignId": "c-types",
            "campaignName": "Campaign c-types",
            "campaignType": "flag",
            "isReference": True,
            "variationGroupId": "types",
            "variationId": "types-1",
        }


def test_the_reason_tells_how_a_variation_came_about(provider: Client, operator: Operator) -> None:
    """SPLIT for a choice among several, TARGETING_MATCH for one that not everybody gets."""
    start(provider, operator)
    for key, otherwise, reason, variant in (
        ("vg1", 0, "SPLIT", "vg1-2"),
        ("greater", False, "TARGETING_MATCH", "greater-1"),
    ):
        found = provider.ask("evaluate", key=key, otherwise=otherwise, context=WHO)
        assert (found["reason"], found["variant"]) == (reason, variant)


def test_refusals_have_their_codes(provider: Client, operator: Operator) -> None:
    """An unknown flag, no targeting key, another type: the default, and the code that says why."""
    start(provider, operator)
    for key, context, otherwise, code in (
        ("unheard-of", WHO, "mine", "FLAG_NOT_FOUND"),
        ("lower", WHO, False, "FLAG_NOT_FOUND"),
        ("text", {"age": 31}, "mine", "TARGETING_KEY_MISSING"),
        ("text", WHO, True, "TYPE_MISMATCH"),
    ):
        found = provider.ask("evaluate", key=key, otherwise=otherwise, context=context)
        assert (found["value"], found["errorCode"]) == (otherwise, code)


def test_a_null_leaves_the_default(provider: Client, operator: Operator) -> None:
    """A flag that is null has a variation and no value: the client's default stands."""
    start(provider, operator)
    found = provider.ask("evaluate", key="nothing", otherwise="mine", context=WHO)
    assert found["value"] == "mine"
    assert provider.all("request")[-1]["status"] == 200


def test_a_wrong_key_is_refused(provider: Client, operator: Operator) -> None:
    """Without the right key there are defaults only."""
    provider.ask("start", url=operator.url, key="not-the-key")
    found = provider.ask("evaluate", key="text", otherwise="mine", context=WHO)
    assert (found["value"], found["reason"]) == ("mine", "ERROR")
    assert provider.all("request")[-1]["status"] == 401


def test_panic_gives_the_defaults(
    provider: Client, operator: Operator, request: pytest.FixtureRequest
) -> None:
    """In panic the client uses its own defaults, and our values again afterwards.

    Python says DISABLED; the Node server provider calls any answer without a value an error.
    """
    start(provider, operator)
    operator.panic(True)
    found = provider.ask("evaluate", key="number", otherwise=7, context=WHO)
    assert found["value"] == 7
    assert (
        found["reason"]
        == {"python": "DISABLED", "server": "ERROR"}[request.node.callspec.params["provider"]]
    )
    assert provider.all("request")[-1]["status"] == 200
    operator.panic(False)
    found = provider.ask("evaluate", key="number", otherwise=7, context=WHO)
    assert found["value"] == 3


def test_a_float_flag_needs_a_float_in_python(operator: Operator, tmp_path: Path) -> None:
    """Python tells 3 from 3.0: a flag that is written 3.0 stays one, 3 is refused as a float."""
    file = {**split("f", 100)}
    flags = {"whole": 3, "half": 3.5}
    file["variationGroups"][0]["variations"][0]["modifications"]["value"] = flags
    operator.put({**FILE, "campaigns": [file]})
    with python("ofrep_python.py", operator.url, tmp_path) as client:
        start(client, operator)
        half = client.ask("evaluate", key="half", otherwise=0.5, context=WHO)
        assert (half["value"], half["errorCode"]) == (3.5, None)
        whole = client.ask("evaluate", key="whole", otherwise=0.5, context=WHO)
        assert (whole["value"], whole["errorCode"]) == (0.5, "TYPE_MISMATCH")


# --- all flags at once


def bulks(client: Client, status: int, since: int = 0) -> list[dict[str, Any]]:
    """Bulk requests that were answered so."""
    asked = [each for each in client.all("request", since) if each["method"] == "POST"]
    return [each for each in asked if each["status"] == status]


def test_all_flags_come_at_once(web: Client, operator: Operator) -> None:
    """One request brings every flag; another context fetches anew and changes the answers."""
    start(web, operator, context=WHO, changeDetection="none")
    for key, otherwise in OTHERWISE.items():
        found = web.ask("evaluate", key=key, otherwise=otherwise)
        assert (found["value"], found["variant"]) == (TYPES[key], "types-1")
    assert web.ask("evaluate", key="lower", otherwise=False)["errorCode"] == "FLAG_NOT_FOUND"
    assert len(bulks(web, 200)) == 1
    web.ask("context", context={**WHO, "age": 12})
    assert web.ask("evaluate", key="lower", otherwise=False)["value"] is True
    assert len(bulks(web, 200)) == 2


def test_polls_are_answered_304_until_something_changes(web: Client, operator: Operator) -> None:
    """The ETag comes back as If-None-Match: 304 while nothing changed, then the new flags."""
    operator.put(FIRST)
    start(web, operator, context=WHO, changeDetection="polling", pollInterval=50)
    web.wait("request", lambda each: each["status"] == 304)
    etag = bulks(web, 200)[0]["answered"]["etag"]
    assert bulks(web, 304)[0]["headers"]["if-none-match"] == etag
    operator.put(SECOND)
    told = web.wait("ConfigurationChanged")
    assert told["told"]["flagsChanged"] == ["first"]
    assert web.ask("evaluate", key="first", otherwise=0)["value"] == 2
    assert len(bulks(web, 200)) == 2


def test_the_event_stream_makes_it_fetch_again(web: Client, operator: Operator) -> None:
    """Without polling the provider listens to our stream, and has each change within moments."""
    operator.put(FIRST)
    start(web, operator, context=WHO)
    stream = web.wait("streaming")
    assert stream["url"].startswith(operator.url)
    operator.put(SECOND)
    web.wait("ConfigurationChanged")
    assert web.ask("evaluate", key="first", otherwise=0)["value"] == 2
    since = len(web.events)
    operator.put(FIRST)
    web.wait("ConfigurationChanged", since=since)
    assert web.ask("evaluate", key="first", otherwise=0)["value"] == 1
    assert "flagConfigEtag" in bulks(web, 200)[-1]["url"]


def test_panic_is_streamed_too(web: Client, operator: Operator) -> None:
    """The kill switch arrives by the stream: defaults with the reason DISABLED, and back."""
    operator.put(FIRST)
    start(web, operator, context=WHO)
    web.wait("streaming")
    operator.panic(True)
    web.wait("ConfigurationChanged")
    found = web.ask("evaluate", key="first", otherwise=9)
    assert (found["value"], found["reason"], found.get("errorCode")) == (9, "DISABLED", None)
    since = len(web.events)
    operator.panic(False)
    web.wait("ConfigurationChanged", since=since)
    assert web.ask("evaluate", key="first", otherwise=9)["value"] == 1


def test_a_wrong_key_is_fatal(web: Client, operator: Operator) -> None:
    """With a wrong key the provider says so at its start."""
    with pytest.raises(Exception, match="Initialization failed"):
        web.ask("start", url=operator.url, key="not-the-key", context=WHO)
