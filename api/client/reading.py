"""Reading a visitor's flags: values, metadata and status come from the mirror, at once.

An exposure is handed to the tracking manager and leaves in the background. While the SDK has not
started, or is in panic, there are defaults and no exposures, and a line of log says so.
Rules: spec flags 4.4 to 4.6; ledger FS-124 to FS-140.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from actors.flags.flag_values import metadata_of, serialized, status_of, value_of
from actors.flags.names import FetchStatus, FlagStatus, LogLevel, SdkStatus, Tag
from api.client.logs import Logs
from api.client.mirror import Mirror
from api.client.pool import ACTIVATE, Batch, entry_of
from api.client.shapes import FlagMetadata
from api.client.tracking import TrackingManager

NOT_STARTED = "the SDK has not started"
IN_PANIC = "the SDK is in panic"
UNREAD: Any = object()
"""In the place of the default of a flag that was not read."""


class Reader:
    """The flags of one visitor, and what seeing them leads to."""

    def __init__(
        self,
        handle: str,
        mirror: Mirror,
        tracking: TrackingManager | None,
        logs: Logs,
        sdk_status: Callable[[], SdkStatus],
    ) -> None:
        self._handle = handle
        self._mirror = mirror
        self._tracking = tracking
        self._logs = logs
        self._sdk_status = sdk_status

    @property
    def keys(self) -> list[str]:
        """The keys of all flags, in the order of the answer; none before the start or in panic."""
        return [] if self._trouble() else list(self._mirror.flags)

    def exists(self, key: str) -> bool:
        """Whether there is such a flag for the visitor (FS-140)."""
        flag = self._mirror.flags.get(key)
        return flag is not None and flag.exists

    def status(self, key: str) -> FlagStatus:
        """Where the flag is (FS-127)."""
        if self._sdk_status() == SdkStatus.SDK_PANIC:
            return FlagStatus.PANIC
        return status_of(self._mirror.known.status.status, self.exists(key))

    def metadata(self, key: str) -> FlagMetadata:
        """The campaign of the flag, empty if there is none, or while flags cannot be read."""
        flag = self._mirror.flags.get(key)
        if self._is_in_trouble(Tag.FLAG_METADATA):
            flag = None
        return msgspec.convert(metadata_of(flag), FlagMetadata)

    def value(self, key: str, default: Any, is_exposed: bool) -> Any:
        """The flag's value or the default (FS-132 to FS-138); seen with it, the flag is exposed."""
        if self._is_in_trouble(Tag.FLAG_VALUE_METHOD):
            return default
        flag = self._mirror.flags.get(key)
        value, note = value_of(flag, default, key)
        if is_exposed and self.exists(key) and self._mirror.known.has_consented:
            self._expose(key, default)
        if note is not None:
            self._logs.say(note.level, note.tag, note.text)
        return value

    def exposed(self, key: str, default: Any) -> Batch | None:
        """The visitor saw the flag (FS-139); None, with a line of log, where nothing is sent."""
        if self._is_in_trouble(Tag.FLAG_VISITOR_EXPOSED):
            return None
        if not self._mirror.known.has_consented:
            text = f"the visitor did not consent, so `{key[:64]}` is not exposed"
            self._logs.say(LogLevel.INFO, Tag.FLAG_VISITOR_EXPOSED, text)
            return None
        if not self.exists(key):
            text = f"there is no flag `{key[:64]}`, so no exposure is sent"
            self._logs.say(LogLevel.WARNING, Tag.FLAG_VISITOR_EXPOSED, text)
            return None
        return self._expose(key, default)

    def serialized(self, keys: list[str]) -> list[dict[str, Any]]:
        """These flags as `to_json` gives them (FS-149)."""
        listed = serialized(self._mirror.campaigns)
        return [each for each in listed if each["key"] in set(keys) and self.exists(each["key"])]

    def _expose(self, key: str, default: Any) -> Batch | None:
        if self._tracking is None:
            return None
        known, content = self._mirror.known, {"key": key}
        if default is not UNREAD and _is_json(default):
            content["defaultValue"] = default
        entry = entry_of(self._handle, known.visitor_id, known.anonymous_id, ACTIVATE, content)
        return self._tracking.expose(entry)

    def _trouble(self) -> tuple[LogLevel, str] | None:
        status = self._sdk_status()
        if self._tracking is None or status == SdkStatus.SDK_NOT_INITIALIZED:
            return LogLevel.ERROR, NOT_STARTED
        fetch = self._mirror.known.status.status
        if status == SdkStatus.SDK_PANIC or fetch == FetchStatus.PANIC:
            return LogLevel.INFO, IN_PANIC
        return None

    def _is_in_trouble(self, tag: Tag) -> bool:
        trouble = self._trouble()
        if trouble is not None:
            self._logs.say(trouble[0], tag, trouble[1])
        return trouble is not None


def _is_json(value: Any) -> bool:
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    return True
