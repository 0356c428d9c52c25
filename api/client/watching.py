"""What the environment's topic says: the SDK status, and what became of the bucketing file.

The status that the daemon gives the environment is the status of this SDK from the moment that the
topic stands; before it, the SDK initialises. Of polls the daemon tells the first one, each change
between success and failure, and each new file.
Rules: spec flags 4.8; ledger FS-055 to FS-058, FS-082 to FS-087.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import trio

from actors.flags.names import LogLevel, SdkStatus, Tag
from api.client.background import Background
from api.client.logs import Logs
from api.client.options import FlagshipConfig
from api.client.shapes import BucketingFailed, BucketingStatus
from api.client.updates import LiveClosed, Update

FRESH = 200
LEFT = 1000
"""The close code with which we said good-bye ourselves."""
Download = Callable[[], Awaitable[Any]]
"""The bucketing file in force, decoded; None if it could not be read."""


class Watch:
    """The hearer of `environment/ENV`. `status` is the SDK's; `heard` is set once it is known."""

    def __init__(
        self, config: FlagshipConfig, logs: Logs, background: Background, download: Download
    ) -> None:
        self.status = SdkStatus.SDK_NOT_INITIALIZED
        self.heard = trio.Event()
        self._config = config
        self._logs = logs
        self._background = background
        self._download = download
        self._has_succeeded = False
        self._has_failed = False
        self._updated: datetime | None = None

    def move(self, status: int) -> None:
        """Another status, or the same, which is nothing (FS-055). Plain."""
        if status == self.status:
            return
        self.status = SdkStatus(status)
        self._logs.say(LogLevel.INFO, Tag.SDK_STATUS, f"the status is {self.status.name}")
        self._logs.call(Tag.SDK_STATUS, self._config.on_sdk_status_changed, self.status)

    # --- hearing, plain

    def hear(self, update: Update) -> None:
        """One more update; what cannot be read is logged."""
        try:
            self._hear(update)
        except Exception as error:
            text = f"an update of the environment was not understood: {error}"
            self._logs.say(LogLevel.CRITICAL, Tag.SDK_STATUS, text)

    def _hear(self, update: Update) -> None:
        if update.kind == "snapshot":
            self._begin(update.state)
            self.heard.set()
        elif update.kind == "event":
            self._told(update.data)

    def end(self, error: Exception | None) -> None:
        """The daemon lets us hear no more: the SDK is not initialised."""
        has_left = isinstance(error, LiveClosed) and error.code == LEFT
        if error is not None and not has_left:
            self._logs.error(Tag.START, f"the daemon does not serve this environment: {error}")
            self.move(SdkStatus.SDK_NOT_INITIALIZED)
        self.heard.set()

    def _begin(self, state: Any) -> None:
        """The environment as it is when the topic begins, or begins anew."""
        if state is None:
            self._logs.error(Tag.START, "the daemon has no such environment")
            self.move(SdkStatus.SDK_NOT_INITIALIZED)
            return
        self.move(state["sdkStatus"])
        polling = state["polling"]
        if polling.get("result") == "failed":
            self._failed(polling.get("error", ""))
        elif polling.get("result") == "good":
            self._succeeded(FRESH)
        modified = _moment(state)
        if self._updated is None:
            self._updated = modified
        elif modified is not None:
            self._renewed(modified)

    def _told(self, data: Mapping[str, Any]) -> None:
        for status in data.get("sdkStatuses", ()):
            self.move(status)
        poll = data.get("poll", {})
        if "error" in poll:
            self._failed(poll["error"])
        elif poll:
            self._succeeded(poll["status"])
        modified = _moment(data.get("after"))
        if modified is not None:
            self._renewed(modified)

    # --- the bucketing file

    def _succeeded(self, status: int) -> None:
        self._has_failed = False
        if not self._has_succeeded:
            self._has_succeeded = True
            if self._config.on_bucketing_success is not None:
                self._background.start(self._report, status)

    async def _report(self, status: int) -> None:
        payload = await self._download()
        callback = self._config.on_bucketing_success
        self._logs.call(Tag.BUCKETING, callback, BucketingStatus(status, payload))

    def _failed(self, error: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._logs.error(Tag.BUCKETING, f"a poll of the bucketing file failed: {error}")
            self._logs.call(Tag.BUCKETING, self._config.on_bucketing_fail, BucketingFailed(error))

    def _renewed(self, modified: datetime) -> None:
        if modified != self._updated:
            self._updated = modified
            self._logs.call(Tag.BUCKETING, self._config.on_bucketing_updated, modified)


def _moment(shown: Mapping[str, Any] | None) -> datetime | None:
    """When the file that is shown was last modified; None: there is none."""
    if not shown or not shown.get("hash"):
        return None
    return datetime.fromtimestamp(shown["lastModifiedMs"] / 1_000, UTC)
