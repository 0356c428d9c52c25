"""The names that users of the visitor read and write: enumerations, context keys, log tags.

They are those of the seed, letter for letter and number for number, because they stand in other
people's code and dashboards. FETCHING is the one status more: a fetch is under way.
Rules: ledger FS-027 to FS-035, FS-075, FS-076, FS-082, FS-100, FS-127, FS-156, FS-171, FS-196 to
FS-204; spec flags 4.1, 4.6, 4.7, 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class LogLevel(IntEnum):
    """How much a line of log matters; a line passes if its level is at most the wanted one."""

    NONE = 0
    EMERGENCY = 1
    ALERT = 2
    CRITICAL = 3
    ERROR = 4
    WARNING = 5
    NOTICE = 6
    INFO = 7
    DEBUG = 8
    ALL = 9


class DecisionMode(StrEnum):
    """Who decides: the decision door, or the visitor itself from a bucketing file (FS-075)."""

    DECISION_API = "DECISION-API"
    BUCKETING = "BUCKETING"
    BUCKETING_EDGE = "BUCKETING_EDGE"


class SdkStatus(IntEnum):
    """Where an environment is, as its visitors see it (FS-082)."""

    SDK_NOT_INITIALIZED = 0
    SDK_INITIALIZING = 1
    SDK_PANIC = 2
    SDK_INITIALIZED = 3


class FetchStatus(StrEnum):
    """Where the flags of a visitor are (FS-027; NOT_FOUND is a status of one flag only)."""

    FETCHED = "FETCHED"
    FETCHING = "FETCHING"
    FETCH_REQUIRED = "FETCH_REQUIRED"
    PANIC = "PANIC"


class FlagStatus(StrEnum):
    """Where one flag is (FS-127)."""

    FETCHED = "FETCHED"
    FETCH_REQUIRED = "FETCH_REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    PANIC = "PANIC"


class FetchReason(StrEnum):
    """Why the flags of a visitor are where they are (FS-031)."""

    AUTHENTICATE = "AUTHENTICATE"
    FETCH_ERROR = "FETCH_ERROR"
    NONE = "NONE"
    READ_FROM_CACHE = "READ_FROM_CACHE"
    UPDATE_CONTEXT = "UPDATE_CONTEXT"
    UNAUTHENTICATE = "UNAUTHENTICATE"
    VISITOR_CREATED = "VISITOR_CREATED"


class CacheStrategy(IntEnum):
    """When the hit cache is called (FS-100). NO_BATCHING is not in the seed (spec flags 5)."""

    CONTINUOUS_CACHING = 0
    PERIODIC_CACHING = 1
    NO_BATCHING = 3


class HitType(StrEnum):
    """The hits a visitor may send (FS-156). SEGMENT and ACTIVATE are made by the SDK itself."""

    PAGE = "PAGEVIEW"
    SCREEN = "SCREENVIEW"
    TRANSACTION = "TRANSACTION"
    ITEM = "ITEM"
    EVENT = "EVENT"


class EventCategory(StrEnum):
    """The categories of an EVENT hit (FS-171)."""

    ACTION_TRACKING = "Action Tracking"
    USER_ENGAGEMENT = "User Engagement"


class Tag(StrEnum):
    """What a line of log is about (spec flags 4.6); the last four are methods that did nothing."""

    START = "INITIALIZATION"
    SDK_STATUS = "SDK STATUS"
    NEW_VISITOR = "NEW VISITOR"
    SET_CONSENT = "SET_CONSENT"
    UPDATE_CONTEXT = "UPDATE CONTEXT"
    CLEAR_CONTEXT = "CLEAR_CONTEXT"
    AUTHENTICATE = "AUTHENTICATE"
    UNAUTHENTICATE = "UNAUTHENTICATE"
    FETCH_FLAGS = "FETCH_FLAGS"
    CACHE = "CACHE"
    ALLOCATION = "ALLOCATION"
    FLAG_VALUE = "FLAG_VALUE"
    FLAG_METADATA = "FLAG_METADATA"
    FLAG_VISITOR_EXPOSED = "FLAG_VISITOR_EXPOSED"
    GET_FLAG = "GET_FLAG"
    ADD_HIT = "ADD HIT"
    ADD_ACTIVATE = "ADD ACTIVATE"
    CACHE_HIT = "CACHE HIT"
    FLUSH_HIT = "FLUSH HIT"
    LOOKUP_HIT = "LOOKUP HIT"
    TRACKING_MANAGER = "TRACKING_MANAGER"
    BUCKETING = "BUCKETING"
    VISITOR_ID = "VISITOR ID"
    FETCH_FLAGS_METHOD = "fetchFlags"
    FLAG_VALUE_METHOD = "Flag.value"
    SEND_HIT_METHOD = "sendHit"
    SEND_HITS_METHOD = "sendHits"


# --- context keys that have a meaning (FS-196 to FS-204)

DEVICE_LOCALE = "sdk_deviceLanguage"
DEVICE_TYPE = "sdk_deviceType"
DEVICE_MODEL = "sdk_deviceModel"
LOCATION_CITY = "sdk_city"
LOCATION_REGION = "sdk_region"
LOCATION_COUNTRY = "sdk_country"
LOCATION_LAT = "sdk_lat"
LOCATION_LONG = "sdk_long"
IP = "sdk_ip"
OS_NAME = "sdk_osName"
OS_VERSION_NAME = "sdk_osVersionName"
OS_VERSION_CODE = "sdk_osVersionCode"
CARRIER_NAME = "sdk_carrierName"
INTERNET_CONNECTION = "sdk_internetConnection"
APP_VERSION_NAME = "sdk_versionName"
APP_VERSION_CODE = "sdk_versionCode"
INTERFACE_NAME = "sdk_interfaceName"

FLAGSHIP_CLIENT = "fs_client"
FLAGSHIP_VERSION = "fs_version"
FLAGSHIP_VISITOR = "fs_users"
RESERVED = frozenset((FLAGSHIP_CLIENT, FLAGSHIP_VERSION, FLAGSHIP_VISITOR))
"""Set for every visitor, and by nobody else (FS-195)."""

TEXTS: tuple[type, ...] = (str,)
NUMBERS: tuple[type, ...] = (int, float)

PREDEFINED: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys((DEVICE_LOCALE, DEVICE_TYPE, DEVICE_MODEL), TEXTS),
    **dict.fromkeys((LOCATION_CITY, LOCATION_REGION, LOCATION_COUNTRY), TEXTS),
    **dict.fromkeys((LOCATION_LAT, LOCATION_LONG), NUMBERS),
    **dict.fromkeys((IP, OS_NAME, OS_VERSION_NAME), TEXTS),
    OS_VERSION_CODE: TEXTS + NUMBERS,
    **dict.fromkeys((CARRIER_NAME, INTERNET_CONNECTION), TEXTS),
    APP_VERSION_NAME: TEXTS,
    APP_VERSION_CODE: TEXTS + NUMBERS,
    INTERFACE_NAME: TEXTS,
}
"""The types of a predefined key's value; a boolean is none of them. Both version codes are numbers
in the documentation and strings in the SDK's code (spec flags 4.7), so either is taken."""
