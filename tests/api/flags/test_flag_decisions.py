"""The decision routes: shapes, modes, kept assignments, who is let in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flag_door import (
    CLIENT,
    COLOURS,
    GREETING,
    OTHER,
    OTHER_ADMIN,
    Door,
    campaign,
    file,
    open_door,
    question,
)

CAMPAIGNS = "/flags/v2/env_1/campaigns"
TWO = campaign("shapes", ("round", 50, {"shape": "round"}), ("square", 50, {"shape": "square"}))


@pytest.mark.parametrize("path", ["env_1/campaigns", "env_1/campaigns/", "campaigns", "campaigns/"])
async def test_campaigns_answer_on_every_path(door: Door, path: str) -> None:
    """With and without environment and slash, exactly as application/json (spec flags 0.2, 0.6)."""
    got = await door.decide(path=path)
    assert got.status == 200
    assert got.headers["content-type"] == "application/json"
    assert got.headers["access-control-allow-origin"] == "*"
    assert [each["id"] for each in got.json()["campaigns"]] == ["colours", "greeting"]


async def test_the_service_host_opens_the_door_at_the_root(door: Door) -> None:
    """An unmodified SDK asks decision.flagship.io, which is mapped (spec flags 6)."""
    for host in ("decision.flagship.io", "Decision.Flagship.io.:443"):
        got = await door.sdk("POST", "/v2/env_1/campaigns/", question(), host=host)
        assert got.status == 200


@pytest.mark.parametrize(
    ("key", "status"),
    [("", 401), ("nobody-knows-me", 401), (OTHER, 403), (OTHER_ADMIN, 404), (CLIENT, 200)],
)
async def test_a_named_environment_needs_its_key(door: Door, key: str, status: int) -> None:
    """Unknown 401, another environment's 403, another project's admin sees nothing here."""
    got = await door.admin.with_key(key)("POST", CAMPAIGNS, question())
    assert got.status == status
    assert ("message" in got.json()) == (status != 200)


async def test_the_key_may_come_in_either_header(door: Door) -> None:
    """`x-api-key` as SDKs send it, Authorization as OpenFeature does; admin keys count too."""
    got = await door.nobody("POST", CAMPAIGNS, question(), {"x-api-key": door.sdk.key})
    assert got.status == 200
    assert (await door.sdk("POST", CAMPAIGNS, question())).status == 200
    assert (await door.admin("POST", CAMPAIGNS, question())).status == 200


async def test_without_environment_and_key_there_must_be_only_one(
    door: Door, tmp_path: Path
) -> None:
    """Two declared: a key is needed. One: it answers without (spec flags 10.6)."""
    assert (await door.nobody("POST", "/flags/v2/campaigns", question())).status == 401
    async with open_door(tmp_path / "one", bucketing=file(GREETING), others=False) as alone:
        assert (await alone.nobody("POST", "/flags/v2/campaigns", question())).status == 200
        assert (await alone.nobody("POST", CAMPAIGNS, question())).status == 401


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_post_decides(door: Door, method: str) -> None:
    """Other methods are 400 in the decision API's words (spec flags 1.12)."""
    got = await door.sdk(method, CAMPAIGNS)
    assert (got.status, got.json()) == (400, {"message": "only POST http method is allowed"})


async def test_a_browser_may_ask_beforehand_without_a_key(door: Door) -> None:
    """OPTIONS is 204 and names the headers that SDKs send."""
    for path in (CAMPAIGNS, "/flags/v2/activate", "/flags", "/ofrep/v1/evaluate/flags"):
        got = await door.nobody("OPTIONS", path)
        assert got.status == 204, path
        assert "X-Sdk-Client" in got.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"visitorId":1}',
        b'{"visitor":"v"}',
        b'{"context":NaN}',
        b'{"context":{"a":"\\ud800"}}',
        question("x" * 257),
        question(context={str(number): 1 for number in range(10_000)}),
    ],
)
async def test_bad_bodies_are_400_with_a_message(door: Door, body: Any) -> None:
    """Whatever cannot be meant is said, and nothing is kept."""
    got = await door.sdk("POST", CAMPAIGNS, body)
    assert got.status == 400
    assert got.json()["message"]
    assert door.shelf.assignments.statistics()["subjects"] == 0


async def test_a_huge_body_is_413_in_the_doors_shape(door: Door) -> None:
    """The limit of a question is 256 kB (engine spec 7.2)."""
    got = await door.sdk("POST", CAMPAIGNS, b" " * 256_001)
    assert got.status == 413
    assert "message" in got.json()


async def test_modes_and_exposed_keys(door: Door) -> None:
    """Simple, full and unknown modes; null for keys that only siblings have (spec flags 1.12)."""
    await door.put(file(campaign("c", ("a", 100, {"x": 1}), ("b", 0, {"y": 2}))))
    simple = (await door.decide(path="env_1/campaigns?mode=simple")).json()
    assert simple == {
        "campaignsVariation": [{"campaignId": "c", "variationId": "a"}],
        "mergedModifications": {"x": 1},
    }
    full = (await door.decide(path="env_1/campaigns?mode=full&exposeAllKeys=true")).json()
    assert set(full) == {"visitorId", "campaigns", "campaignsVariation", "mergedModifications"}
    assert full["campaigns"][0]["variation"]["modifications"]["value"] == {"x": 1, "y": None}
    assert (await door.decide(path="env_1/campaigns?mode=odd")).json() == {}


@pytest.mark.parametrize("query", ["extras[]=accountSettings", "extras=accountSettings"])
async def test_extras_carry_the_account_settings(door: Door, query: str) -> None:
    """Both spellings of the parameter (spec flags 0.6)."""
    got = (await door.decide(path=f"env_1/campaigns?{query}")).json()
    assert got["extras"]["accountSettings"]["enabledXPC"] is False


async def test_flags_answer_by_key(door: Door) -> None:
    """Value and metadata of each flag; absent keys are shown by default here."""
    got = (await door.decide(path="flags")).json()
    assert got["greeting"]["value"] == "hello"
    assert got["greeting"]["metadata"]["campaignId"] == "greeting"


async def test_one_campaign_by_id_or_slug(door: Door) -> None:
    """At top level; unknown is 400, not targeted 204 (spec flags 1.12)."""
    for name in ("greeting", "greeting-slug"):
        got = await door.decide(path=f"campaigns/{name}")
        assert got.json()["id"] == "greeting"
    assert (await door.decide(path="campaigns/unknown")).status == 400
    assert (await door.decide(path="env_1/campaigns/colours")).status == 200
    nobody = {**GREETING, "bucketRanges": []}
    await door.put(file(nobody))
    assert (await door.decide(path="campaigns/greeting")).status == 204


async def test_an_empty_environment_has_no_campaigns(tmp_path: Path) -> None:
    """200 with an empty list before any file was put (spec flags 10.3)."""
    async with open_door(tmp_path) as door:
        assert (await door.decide()).json() == {"visitorId": "v", "campaigns": []}


# --- what is kept


async def test_a_kept_variation_survives_a_change_of_traffic(door: Door) -> None:
    """Allocated once, the visitor stays when the traffic goes elsewhere (spec flags 3.1)."""
    first = await door.chosen("visitor_1")
    moved = campaign("colours", ("red", 0, {}), ("blue", 0, {}), ("green", 100, {}))
    await door.put(file(moved))
    assert (await door.chosen("visitor_1"))["colours"] == first["colours"]
    assert (await door.chosen("someone new"))["colours"] == "green"


async def test_known_visitors_cost_no_commit(door: Door) -> None:
    """The first decision commits; later ones neither write nor, after one read, ask the store."""
    await door.chosen("v")
    await door.chosen("v")
    before = door.house.store.statistics()["entries"]
    reads = door.shelf.assignments.statistics()["reads"]
    for _ in range(5):
        await door.chosen("v")
    assert door.house.store.statistics()["entries"] == before
    assert door.shelf.assignments.statistics()["reads"] == reads


async def test_without_consent_nothing_is_read_or_written(door: Door) -> None:
    """The decision is made, and leaves no trace (spec flags 10.2)."""
    before = door.house.store.statistics()["entries"]
    await door.chosen("v", visitor_consent=False)
    assert door.house.store.statistics()["entries"] == before
    assert door.shelf.assignments.statistics()["reads"] == 0


async def test_assignments_are_there_after_a_restart(tmp_path: Path) -> None:
    """What was answered was committed; another life of the daemon goes on with it."""
    async with open_door(tmp_path, bucketing=file(COLOURS)) as door:
        first = await door.chosen("visitor_1")
        moved = campaign("colours", ("red", 0, {}), ("blue", 0, {}), ("green", 100, {}))
        await door.put(file(moved))
    async with open_door(tmp_path, bucketing=file(COLOURS)) as door:
        assert await door.chosen("visitor_1") == first
        assert await door.chosen("new") == {"colours": "green"}


async def test_xpc_carries_the_variation_through_the_log_in(door: Door) -> None:
    """Anonymous visit, log-in, and another device: one variation (spec flags 3.2)."""
    settings = {"enabledXPC": True}
    await door.put(file(TWO, accountSettings=settings))
    ids = [f"anonymous-{number}" for number in range(20)]
    chosen = {each: (await door.chosen(each))["shapes"] for each in ids}
    for each in ids:
        assert (await door.chosen(f"user of {each}", anonymousId=each))["shapes"] == chosen[each]
        assert (await door.chosen(f"user of {each}"))["shapes"] == chosen[each]


async def test_one_visitor_one_test(door: Door) -> None:
    """One ab campaign at a time, and after an activation that one (spec flags 3.2)."""
    await door.put(file(COLOURS, TWO, accountSettings={"enabled1V1T": True}))
    assert list(await door.chosen("v")) == ["colours"]
    await door.activate("v", "shapes-group", "round")
    assert await door.chosen("v") == {"shapes": "round"}


async def test_hits_of_decisions_count_as_exposures(door: Door) -> None:
    """`trigger_hit` is true unless it is said to be false (spec flags 1.12, 10.10)."""
    await door.sdk("POST", CAMPAIGNS, {"visitorId": "v", "context": {}})
    await door.sdk("POST", CAMPAIGNS, {"visitor_id": "w", "visitor_consent": False})
    await door.chosen("v")
    counted = {each["campaign"]: each["count"] for each in (await door.report())["exposures"]}
    assert counted["greeting"] == 2


async def test_no_secret_reaches_the_log(door: Door) -> None:
    """Neither good keys nor bad ones."""
    await door.decide()
    await door.admin.with_key("a-very-secret-guess")("POST", CAMPAIGNS, b"{")
    log = b"".join(door.admin.lines)
    assert door.sdk.key.encode() not in log
    assert b"a-very-secret-guess" not in log
