"""Clients in Python.

`Flagship` is the SDK of the flags' door, `Fictioneers` the client of the timelines' door,
`open_live` the live socket; `verify_signature` is for whoever receives webhooks.
"""

from actors.flags.caches import (
    CachedCampaign,
    HitCache,
    HitCacheDTO,
    HitData,
    VisitorCache,
    VisitorCacheDTO,
    VisitorData,
)
from actors.flags.names import (
    APP_VERSION_CODE,
    APP_VERSION_NAME,
    CARRIER_NAME,
    DEVICE_LOCALE,
    DEVICE_MODEL,
    DEVICE_TYPE,
    FLAGSHIP_CLIENT,
    FLAGSHIP_VERSION,
    FLAGSHIP_VISITOR,
    INTERFACE_NAME,
    INTERNET_CONNECTION,
    IP,
    LOCATION_CITY,
    LOCATION_COUNTRY,
    LOCATION_LAT,
    LOCATION_LONG,
    LOCATION_REGION,
    OS_NAME,
    OS_VERSION_CODE,
    OS_VERSION_NAME,
    CacheStrategy,
    DecisionMode,
    EventCategory,
    FetchReason,
    FetchStatus,
    FlagStatus,
    HitType,
    LogLevel,
    SdkStatus,
)
from api.client.fictioneers import Fictioneers
from api.client.fictioneers_changes import Changes
from api.client.fictioneers_shapes import (
    AccessToken,
    Envelope,
    FictioneersError,
    Introspection,
    LiveUser,
    StateChange,
    UserChange,
    UserSnapshot,
)
from api.client.flags import Flag, FlagCollection
from api.client.flagship import Flagship
from api.client.hits import Hit, HitEvent, HitItem, HitPage, HitScreen, HitTransaction
from api.client.live import LiveClient, open_live
from api.client.logs import LogManager, PythonLogManager
from api.client.options import FlagshipConfig, TrackingManagerConfig
from api.client.shapes import (
    BucketingFailed,
    BucketingStatus,
    ExposedFlag,
    ExposedVisitor,
    FetchFailed,
    FlagMetadata,
    FlagsStatus,
    VisitorExposure,
)
from api.client.signatures import verify_signature
from api.client.updates import LiveClosed, Refused, Subscription, Update
from api.client.visitor import Visitor

FSSdkStatus = SdkStatus
"""The documented name of `SdkStatus`; likewise the next three."""
FSFetchStatus = FetchStatus
FSFetchReasons = FetchReason
FSFlagStatus = FlagStatus

__all__ = [
    "APP_VERSION_CODE",
    "APP_VERSION_NAME",
    "CARRIER_NAME",
    "DEVICE_LOCALE",
    "DEVICE_MODEL",
    "DEVICE_TYPE",
    "FLAGSHIP_CLIENT",
    "FLAGSHIP_VERSION",
    "FLAGSHIP_VISITOR",
    "INTERFACE_NAME",
    "INTERNET_CONNECTION",
    "IP",
    "LOCATION_CITY",
    "LOCATION_COUNTRY",
    "LOCATION_LAT",
    "LOCATION_LONG",
    "LOCATION_REGION",
    "OS_NAME",
    "OS_VERSION_CODE",
    "OS_VERSION_NAME",
    "AccessToken",
    "BucketingFailed",
    "BucketingStatus",
    "CacheStrategy",
    "CachedCampaign",
    "Changes",
    "DecisionMode",
    "Envelope",
    "EventCategory",
    "ExposedFlag",
    "ExposedVisitor",
    "FSFetchReasons",
    "FSFetchStatus",
    "FSFlagStatus",
    "FSSdkStatus",
    "FetchFailed",
    "FetchReason",
    "FetchStatus",
    "Fictioneers",
    "FictioneersError",
    "Flag",
    "FlagCollection",
    "FlagMetadata",
    "FlagStatus",
    "FlagsStatus",
    "Flagship",
    "FlagshipConfig",
    "Hit",
    "HitCache",
    "HitCacheDTO",
    "HitData",
    "HitEvent",
    "HitItem",
    "HitPage",
    "HitScreen",
    "HitTransaction",
    "HitType",
    "Introspection",
    "LiveClient",
    "LiveClosed",
    "LiveUser",
    "LogLevel",
    "LogManager",
    "PythonLogManager",
    "Refused",
    "SdkStatus",
    "StateChange",
    "Subscription",
    "TrackingManagerConfig",
    "Update",
    "UserChange",
    "UserSnapshot",
    "Visitor",
    "VisitorCache",
    "VisitorCacheDTO",
    "VisitorData",
    "VisitorExposure",
    "open_live",
    "verify_signature",
]
