"""What callbacks of the SDK are handed: small frozen structs with snake_case names.

`VisitorExposure` and what it holds are read from the daemon's facts, whose names are camelCase.
Rules: ledger FS-025, FS-026, FS-056 to FS-058, FS-087 to FS-089, FS-113, FS-151.
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.flags.contexts import Value
from actors.flags.names import FetchReason, FetchStatus


class FlagsStatus(msgspec.Struct, frozen=True):
    """Where a visitor's flags are, and why (FS-026). As text both are the documented names."""

    status: FetchStatus
    reason: FetchReason


class FlagMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """The campaign that a flag comes from; of no flag all members are empty (FS-126, FS-151).

    `variation_id` is the variation that the visitor was given, and `is_reference` tells whether it
    is the reference of its group (FS-152).
    """

    campaign_id: str = ""
    campaign_name: str = ""
    variation_group_id: str = ""
    variation_group_name: str = ""
    variation_id: str = ""
    variation_name: str = ""
    is_reference: bool = False
    campaign_type: str = ""
    slug: str | None = None


class ExposedVisitor(msgspec.Struct, frozen=True, rename="camel"):
    """Who saw a flag: visitor id, anonymous id (None while anonymous), context."""

    id: str
    anonymous_id: str | None = None
    context: dict[str, Value] = {}


class ExposedFlag(msgspec.Struct, frozen=True, rename="camel"):
    """The flag that was seen: its value, the default that it was read with, its campaign.

    `default_value` is None where it was not read.
    """

    key: str
    value: Any
    default_value: Any
    metadata: FlagMetadata


class VisitorExposure(msgspec.Struct, frozen=True, rename="camel"):
    """One exposure, as `on_visitor_exposed` is handed it (FS-089)."""

    exposed_visitor: ExposedVisitor
    from_flag: ExposedFlag


class BucketingStatus(msgspec.Struct, frozen=True):
    """A poll that succeeded: 200 (a fresh file) or 304, and the file in force (FS-087).

    `payload` is the decoded file, None if it could not be read.
    """

    status: int
    payload: Any


class BucketingFailed(Exception):
    """A poll of the environment failed; the text says why."""


class FetchFailed(Exception):
    """Flags could not be fetched; the text says why. Listeners of `ready` are handed it."""
