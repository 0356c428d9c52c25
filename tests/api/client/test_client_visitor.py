"""Visitors of the Python SDK against a real daemon: what is given, what changes, what is told."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from flag_client import Heard, Served, serving, started
from flag_door import COLOURS, campaign, file

from api.client import DEVICE_LOCALE, OS_NAME, FetchFailed, Flagship, LogLevel, Visitor

pytestmark = pytest.mark.slow
RESERVED = {"fs_client": "Python", "fs_version": "4.0.5", "fs_users": "v"}


async def in_daemon(served: Served, visitor_id: str = "v") -> Any:
    """The visitor as HTTP shows it."""
    got = await served.door.sdk("GET", f"/flags/v1/env_1/visitors/{visitor_id}")
    return got.json()


# --- creation


@pytest.mark.covers("FS-009", "FS-010")
async def test_without_an_id_a_new_one_is_made(tmp_path: Path) -> None:
    """A UUID of version 4, another each time, and the daemon's visitor has it."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        first, second = heard.visitor(sdk, None), heard.visitor(sdk, None)
        assert uuid.UUID(first.visitor_id).version == 4
        assert first.visitor_id != second.visitor_id
        await first.settled()
        assert (await in_daemon(served, first.visitor_id))["visitorId"] == first.visitor_id
        strange = heard.visitor(sdk, "\ud800")
        assert uuid.UUID(strange.visitor_id).version == 4
        assert heard.tagged("VISITOR ID") == [LogLevel.ERROR]


@pytest.mark.covers("FS-011", "FS-103")
async def test_consent_left_out_is_withheld(tmp_path: Path) -> None:
    """With a WARNING line, once."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = sdk.new_visitor(visitor_id="v")
        await visitor.settled()
        assert visitor.has_consented is False
        assert heard.tagged("NEW VISITOR") == [LogLevel.WARNING]
        assert (await in_daemon(served))["hasConsented"] is False


@pytest.mark.covers("FS-013", "FS-103")
async def test_an_authenticated_visitor_has_an_anonymous_id(tmp_path: Path) -> None:
    """Others have none."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        known = heard.visitor(sdk, "known", is_authenticated=True)
        anonymous = heard.visitor(sdk, "anonymous")
        await known.settled()
        await anonymous.settled()
        assert known.is_authenticated
        assert known.anonymous_id not in (None, "known")
        assert (anonymous.is_authenticated, anonymous.anonymous_id) == (False, None)


@pytest.mark.covers("FS-014", "FS-016", "FS-024")
async def test_a_context_is_kept_entry_by_entry(tmp_path: Path) -> None:
    """Bad ones are ERROR lines; case matters; the SDK's keys are there."""
    given: dict[Any, Any] = {"age": 31, "Age": 1, "vip": True, "x": None, "y": [1], 3: "three"}
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk, context=given)
        expected = {"age": 31, "Age": 1, "vip": True, **RESERVED}
        assert visitor.context == expected
        await visitor.settled()
        assert visitor.context == (await in_daemon(served))["context"] == expected
        assert heard.tagged("UPDATE CONTEXT") == [LogLevel.ERROR] * 3


@pytest.mark.covers("FS-019", "FS-020", "FS-021", "FS-149")
async def test_initial_flags_are_there_before_the_first_fetch(tmp_path: Path) -> None:
    """`initial_flags_data` as `to_json` gave it wins over `initial_campaigns`."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        first = heard.visitor(sdk, "first")
        await first.fetch_flags()
        data = first.get_flags().to_json()
        answer = (await served.door.decide("other")).json()
        assert heard.exposures == []
        second = heard.visitor(
            sdk, "second", initial_flags_data=data[1:2], initial_campaigns=answer["campaigns"]
        )
        assert second.get_flags().keys() == {data[1]["key"]}
        third = heard.visitor(sdk, "third", initial_campaigns=answer["campaigns"])
        assert third.get_flag("greeting").get_value("x", False) == "hello"
        await second.settled()
        await third.settled()
        assert third.get_flag("greeting").status == "FETCH_REQUIRED"
        got = await served.door.sdk("GET", "/flags/v1/env_1/visitors/second/flags")
        assert got.json()["keys"] == [data[1]["key"]]
        for bad in ([{"key": 1}], 3, [object()]):
            assert heard.visitor(sdk, None, initial_flags_data=bad).get_flags().size == 0
        assert heard.tagged("NEW VISITOR") == [LogLevel.ERROR] * 3


async def test_initial_flags_that_are_too_big_are_known_here_only(tmp_path: Path) -> None:
    """The visitor is opened without them."""
    big = campaign("big", ("all", 100, {"text": "x" * 30_000}))
    async with serving(tmp_path, bucketing=file(big)) as served, started(served) as (sdk, heard):
        answer = (await served.door.decide("other")).json()
        visitor = heard.visitor(sdk, initial_campaigns=answer)
        assert visitor.get_flag("text").get_value("", False) == "x" * 30_000
        await visitor.settled()
        assert heard.tagged("NEW VISITOR") == [LogLevel.WARNING]
        await visitor.fetch_flags()
        assert visitor.get_flag("text").status == "FETCHED"


@pytest.mark.covers("FS-023", "FS-040", "FS-113")
async def test_a_new_visitor_fetches_by_itself(tmp_path: Path) -> None:
    """As part of opening, without `fetch_flags`; callers of it meanwhile share it."""
    async with serving(tmp_path) as served, started(served, fetch_now=True) as (sdk, heard):
        visitor = heard.visitor(sdk)
        await visitor.fetch_flags()
        assert visitor.get_flag("greeting").get_value("x", False) == "hello"
        assert heard.ready == [None]
        assert heard.statuses == [
            ("FETCH_REQUIRED", "VISITOR_CREATED"),
            ("FETCHING", "NONE"),
            ("FETCHED", "NONE"),
        ]


# --- status


@pytest.mark.covers("FS-022", "FS-025", "FS-117", "FS-119")
async def test_every_change_of_the_status_is_told_once(tmp_path: Path) -> None:
    """As `{status, reason}`, in order, and the property agrees with the last one."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        visitor.update_context({"age": 31})
        visitor.update_context({"age": 31})
        visitor.authenticate("me")
        visitor.unauthenticate()
        visitor.clear_context()
        visitor.clear_context()
        await visitor.settled()
        await visitor.fetch_flags()
        assert heard.statuses == [
            ("FETCH_REQUIRED", "VISITOR_CREATED"),
            ("FETCH_REQUIRED", "UPDATE_CONTEXT"),
            ("FETCH_REQUIRED", "AUTHENTICATE"),
            ("FETCH_REQUIRED", "UNAUTHENTICATE"),
            ("FETCH_REQUIRED", "UPDATE_CONTEXT"),
            ("FETCHING", "NONE"),
            ("FETCHED", "NONE"),
        ]
        status = visitor.flags_status
        assert (status.status, status.reason) == ("FETCHED", "NONE")


async def test_somebody_elses_changes_are_seen(tmp_path: Path) -> None:
    """Another program's command moves this mirror, its fetch brings the flags."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        await visitor.settled()
        path = "/flags/v1/env_1/visitors/v"
        await served.door.sdk("POST", f"{path}/updateContext", {"context": {"age": 7}})
        await served.door.sdk("POST", f"{path}/authenticate", {"visitorId": "me"})
        await served.door.sdk("POST", f"{path}/fetchFlags", {})
        await visitor.fetch_flags()
        assert (visitor.visitor_id, visitor.anonymous_id) == ("me", "v")
        assert visitor.context["age"] == 7
        assert visitor.get_flag("greeting").get_value("x", False) == "hello"


# --- context, identity, consent


@pytest.mark.covers("FS-103", "FS-107", "FS-108", "FS-110", "FS-111")
async def test_context_changes_show_at_once_and_in_the_daemon(tmp_path: Path) -> None:
    """Merged, then cleared; case matters; predefined constants are keys."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk, context={"age": 31})
        visitor.update_context({"AGE": 5, DEVICE_LOCALE: "fr", OS_NAME: "Ubuntu"})
        expected = {
            "age": 31,
            "AGE": 5,
            "sdk_deviceLanguage": "fr",
            "sdk_osName": "Ubuntu",
            **RESERVED,
        }
        assert visitor.context == expected
        assert visitor.flags_status.reason == "UPDATE_CONTEXT"
        await visitor.settled()
        assert visitor.context == (await in_daemon(served))["context"] == expected
        visitor.context["age"] = 99
        assert visitor.context["age"] == 31, "the property is a copy"
        visitor.clear_context()
        assert visitor.context == RESERVED
        await visitor.settled()
        assert (await in_daemon(served))["context"] == RESERVED


@pytest.mark.covers("FS-109")
@pytest.mark.parametrize("given", [{"a": None}, {"": 1}, {1: 2}, "text", None, ["a"]])
async def test_a_bad_context_changes_nothing(given: Any, tmp_path: Path) -> None:
    """An ERROR line, nothing sent."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        await visitor.settled()
        version = (await in_daemon(served))["version"]
        visitor.update_context(given)
        await visitor.settled()
        assert visitor.context == RESERVED
        assert heard.tagged("UPDATE CONTEXT") == [LogLevel.ERROR]
        assert (await in_daemon(served))["version"] == version


@pytest.mark.covers("FS-103", "FS-116", "FS-118")
async def test_logging_in_and_out_moves_the_ids(tmp_path: Path) -> None:
    """At once; what makes no sense is a line of log, and nothing."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        visitor.unauthenticate()
        visitor.authenticate("")
        assert heard.tagged("UNAUTHENTICATE") == heard.tagged("AUTHENTICATE") == [LogLevel.ERROR]
        visitor.authenticate("me")
        visitor.authenticate("you")
        assert heard.tagged("AUTHENTICATE") == [LogLevel.ERROR, LogLevel.WARNING]
        for _ in range(2):
            assert (visitor.visitor_id, visitor.anonymous_id) == ("me", "v")
            assert visitor.is_authenticated
            assert visitor.context["fs_users"] == "me"
            await visitor.settled()
        visitor.unauthenticate()
        for _ in range(2):
            assert (visitor.visitor_id, visitor.anonymous_id) == ("v", None)
            assert not visitor.is_authenticated
            await visitor.settled()
        assert (await in_daemon(served))["visitorId"] == "v"


@pytest.mark.covers("FS-104", "FS-105")
async def test_without_consent_flags_are_read_and_nothing_is_sent(tmp_path: Path) -> None:
    """Hits and exposures are INFO lines; given again, they go."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        visitor.set_consent(False)
        assert not visitor.has_consented
        await visitor.fetch_flags()
        flag = visitor.get_flag("greeting")
        assert flag.get_value("x") == "hello"
        await flag.visitor_exposed()
        await visitor.send_hit({"type": "PAGEVIEW", "documentLocation": "x"})
        await visitor.send_hits([{"type": "PAGEVIEW", "documentLocation": "x"}])
        for tag in ("FLAG_VISITOR_EXPOSED", "sendHit", "sendHits"):
            assert heard.tagged(tag) == [LogLevel.INFO], tag
        await sdk._core.settled()
        assert heard.exposures == sdk._core.tracking.entries == []
        visitor.set_consent(True)
        await flag.visitor_exposed()
        assert len(heard.exposures) == 1


async def test_without_consent_the_context_is_told_again_before_a_fetch(tmp_path: Path) -> None:
    """The daemon held it in memory only; asleep, it has lost it."""
    targeting = {"operator": "EQUALS", "key": "age", "value": 31}
    aged = {**COLOURS, "id": "aged"}
    aged["variationGroups"] = [
        {
            **COLOURS["variationGroups"][0],
            "targeting": {"targetingGroups": [{"targetings": [targeting]}]},
        }
    ]
    async with (
        serving(tmp_path, bucketing=file(aged)) as served,
        started(served) as (sdk, heard),
    ):
        visitor = heard.visitor(sdk, has_consented=False, context={"age": 31})
        await visitor.settled()
        directory = served.door.house.directory
        assert directory.put_idle_to_sleep(trio.current_time() + 3_600) > 0
        assert "age" not in (await in_daemon(served))["context"]
        await visitor.fetch_flags()
        assert visitor.get_flags().keys() == {"colour"}


# --- fetching


@pytest.mark.covers("FS-065", "FS-066", "FS-067")
@pytest.mark.parametrize(("seconds", "fetches"), [(60.0, 2), (0, 3)])
async def test_a_fetch_just_after_a_fetch_is_buffered(
    seconds: float, fetches: int, tmp_path: Path
) -> None:
    """Unless the visitor changed, or the time is 0 here and in the environment."""
    async with (
        serving(tmp_path, fetch_flags_buffering_time=0) as served,
        started(served, fetch_flags_buffering_time=seconds) as (sdk, heard),
    ):
        visitor = heard.visitor(sdk)
        await visitor.fetch_flags()
        await visitor.fetch_flags()
        visitor.update_context({"age": 1})
        await visitor.fetch_flags()
        assert heard.statuses.count(("FETCHING", "NONE")) == fetches
        assert len(heard.tagged("FETCH_FLAGS")) == 3 - fetches
        assert heard.ready == [None] * 3


@pytest.mark.covers("FS-113")
async def test_ready_is_told_after_every_fetch(tmp_path: Path) -> None:
    """To all who listen and have not left; one that fails disturbs nobody."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        gone: list[FetchFailed | None] = []
        visitor.on("ready", gone.append)
        visitor.on("ready", lambda _error: 1 / 0)
        await visitor.fetch_flags()
        visitor.off("ready", gone.append)
        await visitor.fetch_flags()
        assert (heard.ready, gone) == ([None, None], [None])
        for change in (visitor.on, visitor.off):
            with pytest.raises(ValueError, match="ready"):
                change("done", gone.append)


async def test_eai_events_are_a_line_of_log(tmp_path: Path) -> None:
    """There is no browser to collect them from."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        assert await visitor.collect_eai_events_async() is None
        assert heard.tagged("TRACKING_MANAGER") == [LogLevel.INFO]


async def test_remarks_of_the_daemon_are_said_once(tmp_path: Path) -> None:
    """They are pushed and answered; a refusal too is one line, and never raised."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        visitor = heard.visitor(sdk)
        await visitor.settled()
        path = "/flags/v1/env_1/visitors/v"
        await served.door.sdk("POST", f"{path}/authenticate", {"visitorId": "else"})
        talk, mirror = parts(visitor)
        mirror.confirmed = mirrored(visitor, is_authenticated=False)
        visitor.authenticate("me")
        await talk.settled()
        assert len(heard.tagged("AUTHENTICATE")) == 1
        flag = visitor.get_flag("missing")
        assert flag.get_value(1) == 1
        assert heard.tagged("FLAG_VALUE") == [LogLevel.WARNING]


def parts(visitor: Visitor) -> tuple[Any, Any]:
    """Its conversation and its mirror."""
    return visitor._talk, visitor._mirror


def mirrored(visitor: Visitor, **changes: Any) -> Any:
    """What it knows, with some of it out of date."""
    return msgspec.structs.replace(visitor._mirror.confirmed, **changes)


async def test_many_visitors_share_the_socket(tmp_path: Path) -> None:
    """More than a daemon lets one socket hear: they take turns, and all are served."""
    async with serving(tmp_path) as served, started(served, fetch_now=True) as (sdk, heard):
        visitors = [heard.visitor(sdk, f"v{number}") for number in range(120)]
        for visitor in visitors:
            visitor.update_context({"age": 1})
        for visitor in visitors:
            await visitor.settled()
        assert {str(each.flags_status.reason) for each in visitors} == {"UPDATE_CONTEXT"}
        assert all(each.get_flags().size == 3 for each in visitors)
        assert heard.statuses.count(("FETCHED", "NONE")) == 120
        assert isinstance(sdk, Flagship)
        first = visitors[0]
        await first.fetch_flags()
        assert first.flags_status.status == "FETCHED"


async def test_two_objects_of_one_visitor_see_the_same(tmp_path: Path) -> None:
    """The second opens it again; what either does reaches both."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        first, other = heard.visitor(sdk), Heard()
        await first.settled()
        second = other.visitor(sdk, context={"plan": "free"})
        await second.settled()
        first.update_context({"age": 1})
        await first.settled()
        await second.fetch_flags()
        assert second.context["age"] == 1
        assert other.statuses[-1] == ("FETCHED", "NONE")
