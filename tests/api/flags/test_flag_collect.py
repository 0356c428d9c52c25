"""Activations, hits, events and diagnostics: what is stored, counted, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flag_door import COLOURS, OTHER, Door, campaign, file, open_door

EVENT = {"vid": "v", "t": "EVENT", "ec": "Action Tracking", "ea": "click", "ev": 3, "qt": 10}


async def exposures(door: Door) -> dict[tuple[str, str], int]:
    """Exposures by campaign and variation."""
    report = await door.report()
    return {(each["campaign"], each["variation"]): each["count"] for each in report["exposures"]}


async def test_an_activation_sets_what_the_visitor_keeps(door: Door) -> None:
    """Another variation than the allocated one replaces it (spec flags 10.2)."""
    before = (await door.chosen("v"))["colours"]
    seen = "red" if before == "blue" else "blue"
    got = await door.activate("v", "colours-group", seen)
    assert (got.status, got.body) == (204, b"")
    assert (await door.chosen("v"))["colours"] == seen
    assert await exposures(door) == {("colours", seen): 1}


async def test_an_activation_of_a_stranger_counts_and_keeps_nothing(door: Door) -> None:
    """Groups and variations that the file does not know cannot break a visitor's decision."""
    await door.activate("v", "colours-group", "purple")
    await door.activate("v", "no-group", "purple")
    assert set(await door.chosen("v")) == {"colours", "greeting"}
    assert await exposures(door) == {("colours", "purple"): 1, ("", "purple"): 1}


async def test_an_activation_with_an_anonymous_id_sets_both(door: Door) -> None:
    """Under XPC the anonymous visitor keeps it too (spec flags 1.12, 3.2)."""
    await door.put(file(COLOURS, accountSettings={"enabledXPC": True}))
    for variation in ("red", "blue"):
        await door.activate("v", "colours-group", variation, aid="anonymous")
        assert (await door.chosen("anonymous"))["colours"] == variation


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"cid": "env_9", "batch": []}, {"cid"}),
        ({"cid": "env_1", "batch": [{"vid": "v"}]}, {"vaid", "caid"}),
        ({"cid": "env_1", "vid": "v", "vaid": "a"}, {"caid"}),
        ({"batch": []}, {"cid"}),
    ],
)
async def test_bad_activations_name_their_fields(door: Door, body: Any, fields: set[str]) -> None:
    """400 with the errors as JSON text, and the whole batch is refused (spec flags 1.12)."""
    got = await door.nobody("POST", "/flags/v2/activate", body)
    assert got.status == 400
    message = got.json()["message"]
    assert '"status":"error"' in message
    assert all(f'"{field}"' in message for field in fields)


async def test_activating_is_all_or_nothing_and_an_empty_batch_is_fine(door: Door) -> None:
    """One bad line refuses the good ones as well; nothing at all is 204."""
    good = {"vid": "v", "vaid": "red", "caid": "colours-group"}
    body: dict[str, Any] = {"cid": "env_1", "batch": [good, {"vid": "v"}]}
    assert (await door.nobody("POST", "/flags/v2/activate", body)).status == 400
    assert await exposures(door) == {}
    body["batch"] = []
    assert (await door.nobody("POST", "/flags/v2/activate", body)).status == 204


async def test_activating_works_in_panic(door: Door) -> None:
    """What was seen was seen (spec flags 10.7)."""
    await door.panic(True)
    assert (await door.activate("v", "colours-group", "red")).status == 204


async def test_hits_are_stored_and_counted_by_type_and_name(door: Door) -> None:
    """A batch is 200 with whatever was valid in it (spec flags 10.7)."""
    sale = {"vid": "v", "t": "TRANSACTION", "tid": "1", "ta": "shop", "tr": 19.5}
    got = await door.hit(EVENT, EVENT, sale, {"vid": "v", "t": "PAGEVIEW"}, {"t": "ODD"})
    assert (got.status, got.json()) == (200, {"stored": 3, "dropped": 2})
    hits = {(h["type"], h["name"]): (h["count"], h["value"]) for h in (await door.report())["hits"]}
    assert hits["EVENT", "click"] == (2, 6.0)
    assert hits["TRANSACTION", "shop"] == (1, 19.5)
    assert hits["DROPPED", "PAGEVIEW"] == (1, 0.0)
    assert any(b"hits dropped" in line for line in door.admin.lines)


async def test_a_hit_counts_for_the_variations_its_visitor_saw(door: Door) -> None:
    """Conversions are found by campaign and variation; who saw nothing counts in total only."""
    await door.activate("v", "colours-group", "red")
    await door.hit(EVENT, {**EVENT, "vid": "stranger"})
    found = [each for each in (await door.report())["hits"] if each["type"] == "EVENT"]
    counts = {(each["campaign"], each["variation"]): each["count"] for each in found}
    assert counts == {(None, None): 2, ("colours", "red"): 1}


async def test_a_campaign_hit_is_an_exposure(door: Door) -> None:
    """As the Go SDK sends it (spec flags 1.6, 10.10)."""
    await door.hit({"vid": "v", "t": "CAMPAIGN", "caid": "colours-group", "vaid": "blue"})
    assert await exposures(door) == {("colours", "blue"): 1}


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b'{"t":"BATCH","h":[]}', b'{"cid":"env_1","t":"BATCH"}']
)
async def test_hits_that_cannot_be_read_are_400(door: Door, body: bytes) -> None:
    """A body without a list, an environment or JSON at all."""
    assert (await door.nobody("POST", "/flags/", body)).status == 400


async def test_an_unknown_environment_is_400(door: Door) -> None:
    """`cid` names nothing we have (spec flags 10.7)."""
    got = await door.hit(EVENT, cid="env_9")
    assert got.status == 400
    assert "message" in got.json()


async def test_hits_come_to_the_root_of_their_hosts(door: Door) -> None:
    """events.flagship.io and ariane.abtasty.com, whatever content type (spec flags 0.3, 6)."""
    body = {"cid": "env_1", "t": "BATCH", "h": [EVENT]}
    for host in ("events.flagship.io", "ariane.abtasty.com"):
        headers = {"content-type": "text/plain;charset=UTF-8"}
        got = await door.nobody("POST", "/", body, headers, host=host)
        assert got.status == 200


async def test_diagnostics_are_counted(door: Door) -> None:
    """Troubleshooting, analytics and EmotionAI events leave a counter (spec flags 10.7)."""
    for path, type_ in (("troubleshooting", "TROUBLESHOOTING"), ("analytics", "USAGE")):
        body = {"vid": "v", "cid": "env_1", "t": type_, "cv": {"label": "SDK_CONFIG"}}
        assert (await door.nobody("POST", f"/flags/{path}", body)).status == 204
    body = {"vid": "v", "cid": "env_1", "t": "PAGEVIEW"}
    assert (await door.nobody("POST", "/flags/emotionsai", body)).status == 204
    counted = {(each["type"], each["name"]) for each in (await door.report())["hits"]}
    assert counted == {
        ("TROUBLESHOOTING", "SDK_CONFIG"),
        ("ANALYTICS", "SDK_CONFIG"),
        ("EMOTIONSAI", "PAGEVIEW"),
    }


async def test_context_events_are_kept_as_segments(door: Door) -> None:
    """`/events` of the Go SDK is 204 and needs the environment's key (spec flags 1.7)."""
    body = {"visitorId": "v", "type": "CONTEXT", "data": {"age": 3}}
    assert (await door.sdk("POST", "/flags/v2/env_1/events", body)).status == 204
    assert (await door.nobody("POST", "/flags/v2/env_1/events", body)).status == 401
    body["type"] = "OTHER"
    assert (await door.sdk("POST", "/flags/v2/env_1/events", body)).status == 400
    assert [each["type"] for each in (await door.report())["hits"]] == ["SEGMENT"]


async def test_segments_and_scores_are_empty(door: Door) -> None:
    """SDKs ask by visitor, and leave a slash in its id as it is."""
    host = "api-data-connector.flagship.io"
    got = await door.nobody("GET", "/accounts/env_1/segments/a/b%2Fc", host=host)
    assert (got.status, got.json()) == (200, [])
    path = "/v1/segments/clients/env_1/visitors/v/w?partner=eai"
    got = await door.nobody("GET", path, host="uc-info.flagship.io")
    assert (got.status, got.json()) == (200, {})


async def test_an_environment_may_demand_a_key(tmp_path: Path) -> None:
    """`require_key` closes what SDKs call without one (spec flags 10.6)."""
    async with open_door(tmp_path, bucketing=file(COLOURS), require_key=True) as door:
        assert (await door.hit(EVENT)).status == 401
        assert (await door.nobody("GET", "/flags/env_1/bucketing.json")).status == 401
        for key, status in ((door.sdk.key, 200), (OTHER, 403), ("unknown-key", 401)):
            caller = door.admin.with_key(key)
            assert (await caller("GET", "/flags/env_1/bucketing.json")).status == status


async def test_strangers_have_a_cap_of_new_rows_a_day(tmp_path: Path) -> None:
    """Beyond it 429 with a hint; server-side keys go on (engine spec 5.6)."""
    async with open_door(tmp_path, bucketing=file(COLOURS), daily_rows_max=3) as door:
        assert (await door.hit(EVENT, EVENT)).status == 200
        got = await door.hit(EVENT, EVENT)
        assert got.status == 429
        assert int(got.headers["retry-after"]) > 0
        body = {"cid": "env_1", "t": "BATCH", "h": [EVENT] * 5}
        assert (await door.sdk("POST", "/flags", body)).status == 200


async def test_a_flood_from_one_address_is_429(door: Door) -> None:
    """2,000 at once, then 200 a second, for each environment and address (engine spec 5.6)."""
    for _ in range(2_000):
        door.shelf.limits.take("env_1", "10.9.9.9")
    got = await door.nobody("GET", "/flags/env_1/bucketing.json", client="10.9.9.9")
    assert (got.status, got.headers["retry-after"]) == (429, "1")
    assert (await door.nobody("GET", "/flags/env_1/bucketing.json")).status == 200
    assert (await door.sdk("GET", "/flags/env_1/bucketing.json", client="10.9.9.9")).status == 200


async def test_a_report_takes_days(door: Door) -> None:
    """`from` and `to` are UTC days; anything else is 400 (spec flags 10.10)."""
    await door.hit(EVENT)
    assert (await door.report("?from=2020-01-01&to=2020-12-31"))["hits"] == []
    for day in ("yesterday", "2026-13-01", "20260101"):
        got = await door.admin("GET", f"/flags/v1/env_1/reports?from={day}")
        assert got.status == 400


async def test_the_figures_of_today(door: Door) -> None:
    """`/v2/metrics` shows the environment of the key that asks."""
    await door.activate("v", "colours-group", "red")
    got = (await door.sdk("GET", "/flags/v2/metrics")).json()
    assert (got["environment"], got["today"]) == ("env_1", {"EXPOSURE": 1})


async def test_a_changed_file_counts_new_campaigns(door: Door) -> None:
    """The campaign of an exposure is the one that had the group when it arrived."""
    await door.activate("v", "colours-group", "red")
    await door.put(
        file({**campaign("paint", ("red", 100, {})), "variationGroups": COLOURS["variationGroups"]})
    )
    await door.activate("v", "colours-group", "red")
    assert await exposures(door) == {("colours", "red"): 1, ("paint", "red"): 1}
