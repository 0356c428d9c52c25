"""The names of the visitor are the seed's: members, wire values and numbers."""

from __future__ import annotations

from enum import Enum

import pytest

from actors.flags import names
from actors.flags.hits import CATEGORIES
from actors.flags.names import (
    CacheStrategy,
    DecisionMode,
    EventCategory,
    FetchReason,
    FetchStatus,
    FlagStatus,
    HitType,
    LogLevel,
    SdkStatus,
    Tag,
)


def members(enum: type[Enum]) -> dict[str, object]:
    return {each.name: each.value for each in enum}


def same(*texts: str) -> dict[str, object]:
    return {each: each for each in texts}


@pytest.mark.covers("FS-076", "FS-078")
def test_levels_have_numbers_and_numbers_have_names():
    """The ten levels are 0 to 9, and a number gives back its name."""
    order = ("NONE", "EMERGENCY", "ALERT", "CRITICAL", "ERROR")
    order += ("WARNING", "NOTICE", "INFO", "DEBUG", "ALL")
    assert members(LogLevel) == {name: number for number, name in enumerate(order)}
    assert LogLevel(2).name == "ALERT"


@pytest.mark.covers("FS-075")
def test_decision_modes():
    """Three modes; only the first is written with a hyphen."""
    assert members(DecisionMode) == {
        "DECISION_API": "DECISION-API",
        "BUCKETING": "BUCKETING",
        "BUCKETING_EDGE": "BUCKETING_EDGE",
    }


@pytest.mark.covers("FS-082")
def test_sdk_statuses():
    """The four statuses are 0 to 3."""
    assert members(SdkStatus) == {
        "SDK_NOT_INITIALIZED": 0,
        "SDK_INITIALIZING": 1,
        "SDK_PANIC": 2,
        "SDK_INITIALIZED": 3,
    }


@pytest.mark.covers("FS-027", "FS-031", "FS-127")
def test_statuses_and_reasons_of_flags():
    """Values equal their names; FETCHING is only of a fetch, NOT_FOUND only of a flag."""
    assert members(FetchStatus) == same("FETCHED", "FETCHING", "FETCH_REQUIRED", "PANIC")
    assert members(FlagStatus) == same("FETCHED", "FETCH_REQUIRED", "NOT_FOUND", "PANIC")
    assert members(FetchReason) == same(
        "AUTHENTICATE",
        "FETCH_ERROR",
        "NONE",
        "READ_FROM_CACHE",
        "UPDATE_CONTEXT",
        "UNAUTHENTICATE",
        "VISITOR_CREATED",
    )


@pytest.mark.covers("FS-100")
def test_cache_strategies():
    """The seed's two strategies are 0 and 1; the one without batches is 3."""
    expected = {"CONTINUOUS_CACHING": 0, "PERIODIC_CACHING": 1, "NO_BATCHING": 3}
    assert members(CacheStrategy) == expected


@pytest.mark.covers("FS-156", "FS-171")
def test_types_and_categories_of_hits():
    """Five types of hit; the two categories are those that the collector takes."""
    assert members(HitType) == {
        "PAGE": "PAGEVIEW",
        "SCREEN": "SCREENVIEW",
        "TRANSACTION": "TRANSACTION",
        "ITEM": "ITEM",
        "EVENT": "EVENT",
    }
    assert members(EventCategory) == {
        "ACTION_TRACKING": "Action Tracking",
        "USER_ENGAGEMENT": "User Engagement",
    }
    assert set(EventCategory) == set(CATEGORIES)


KEYS = {
    "DEVICE_LOCALE": "sdk_deviceLanguage",
    "DEVICE_TYPE": "sdk_deviceType",
    "DEVICE_MODEL": "sdk_deviceModel",
    "LOCATION_CITY": "sdk_city",
    "LOCATION_REGION": "sdk_region",
    "LOCATION_COUNTRY": "sdk_country",
    "LOCATION_LAT": "sdk_lat",
    "LOCATION_LONG": "sdk_long",
    "IP": "sdk_ip",
    "OS_NAME": "sdk_osName",
    "OS_VERSION_NAME": "sdk_osVersionName",
    "OS_VERSION_CODE": "sdk_osVersionCode",
    "CARRIER_NAME": "sdk_carrierName",
    "INTERNET_CONNECTION": "sdk_internetConnection",
    "APP_VERSION_NAME": "sdk_versionName",
    "APP_VERSION_CODE": "sdk_versionCode",
    "INTERFACE_NAME": "sdk_interfaceName",
}


def test_predefined_keys():
    """Each constant is its key, and exactly these keys have types."""
    assert {name: getattr(names, name) for name in KEYS} == KEYS
    assert set(names.PREDEFINED) == set(KEYS.values())
    assert sorted(names.RESERVED) == ["fs_client", "fs_users", "fs_version"]


def test_tags_are_written_as_the_sdk_does():
    """Some tags have spaces, some underscores; nobody may tidy them up."""
    assert (Tag.UPDATE_CONTEXT, Tag.CLEAR_CONTEXT) == ("UPDATE CONTEXT", "CLEAR_CONTEXT")
    assert (Tag.START, Tag.SDK_STATUS) == ("INITIALIZATION", "SDK STATUS")
    assert (Tag.ADD_HIT, Tag.SEND_HIT_METHOD) == ("ADD HIT", "sendHit")
    assert len(Tag) == 27
