"""Words of the environment: its state, what it is told, what it remembers.

The state keeps a digest per campaign, so that a change can say which campaigns it touched without
reading the file; the file itself is a document named by its hash. A `Mark` is what was in force at
a time: history shows one before and one after each change. What polls of an upstream came to stands
in `Polling`. Rules: spec flags 1.4, 4.8, 10.3; ledger FS-056 to FS-058, FS-082.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from actors.flags.names import SdkStatus
from actors.flags.settings import Settings
from engine.messages import Command, Event


class Phase(StrEnum):
    """Where an environment is."""

    EMPTY = "empty"
    READY = "ready"
    PANIC = "panic"


class Mark(msgspec.Struct, frozen=True, rename="camel"):
    """What was in force: the file's hash ("" none), its validators, panic, number of campaigns."""

    hash: str = ""
    etag: str = ""
    last_modified_ms: int = 0
    panic: bool = False
    campaigns: int = 0


class Summary(msgspec.Struct, frozen=True, rename="camel"):
    """What the rules must know of a file: its own panic, and a digest per campaign id."""

    panic: bool = False
    campaigns: dict[str, str] = {}


class PollResult(StrEnum):
    """How the newest poll of the upstream ended."""

    NONE = "none"
    GOOD = "good"
    FAILED = "failed"


class Polling(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What polls of the upstream have come to since the environment is polled there.

    `error` says why the newest one failed; `hash` is that of the upstream's file, which may have
    been replaced here since; `last_modified` the upstream's header, to be sent back as
    If-Modified-Since ("": it gave none); `last_update` the same moment as RFC 3339.
    """

    result: PollResult = PollResult.NONE
    error: str = ""
    hash: str = ""
    last_modified: str = ""
    last_update: str = ""


class Environment(msgspec.Struct, frozen=True, rename="camel"):
    """An environment. `digests` is per campaign; `bytes` the file's size; `who` changed it last.

    `sdk_status` is what visitors see of it: it moves at declarations, polls and fetches.
    """

    phase: Phase = Phase.EMPTY
    settings: Settings = Settings()
    hash: str = ""
    etag: str = ""
    last_modified_ms: int = 0
    bytes: int = 0
    digests: dict[str, str] = {}
    file_panic: bool = False
    operator_panic: bool = False
    declared: bool = False
    who: str = ""
    sdk_status: SdkStatus = SdkStatus.SDK_NOT_INITIALIZED
    polling: Polling = Polling()

    @property
    def panic(self) -> bool:
        """The operator's or the file's: it shows in every door."""
        return self.operator_panic or self.file_panic

    @property
    def mark(self) -> Mark:
        """What is in force now."""
        return Mark(self.hash, self.etag, self.last_modified_ms, self.panic, len(self.digests))


# --- commands


class Configure(Command, frozen=True):
    """Have these settings; the same again changes nothing. Declared by the project file."""

    settings: Settings = Settings()


class PutBucketing(Command, frozen=True):
    """Publish a file. `body` was validated by the door, which made the `summary`.

    With `expected` the file in force must have that ETag (`*`: there must be one), else refused.
    """

    body: bytes
    summary: Summary
    expected: str | None = None


class Revert(Command, frozen=True):
    """Publish again the file that was in force at version `to`; the door looked up its hash."""

    to: int
    hash: str
    bytes: int
    summary: Summary
    expected: str | None = None


class SetPanic(Command, frozen=True):
    """Turn the operator's kill switch on or off. A file's own panic stays."""

    public = True
    on: bool


class NoteFetch(Command, frozen=True):
    """A visitor's fetch has ended, and found panic or not."""

    panic: bool


class Polled(Command, frozen=True):
    """The upstream at `url` answered 200 or 304 (`status`).

    `body` is another file than the poll before brought, validated by the door, which made the
    `summary`; empty: it is the same. `hash`, `last_modified`, `last_update`: see `Polling`.
    """

    url: str
    status: int
    hash: str = ""
    last_modified: str = ""
    last_update: str = ""
    body: bytes = b""
    summary: Summary = Summary()


class PollFailed(Command, frozen=True):
    """The upstream at `url` gave no usable answer; `error` says why, in words."""

    url: str
    error: str


# --- events


class Configured(Event, frozen=True):
    """It has these settings."""

    settings: Settings


class BucketingChanged(Event, frozen=True):
    """Another file is in force. `changed` maps new and changed campaigns to their digests."""

    hash: str
    etag: str
    last_modified_ms: int
    bytes: int
    panic: bool
    file_panic: bool
    campaigns: int
    changed: dict[str, str]
    removed: tuple[str, ...]
    before: Mark
    who: str
    reverted_to: int | None = None


class PanicSet(Event, frozen=True):
    """The operator's switch moved. `panic` is what holds now, with the file's own."""

    on: bool
    panic: bool
    etag: str
    last_modified_ms: int
    before: Mark
    who: str


class SdkStatusChanged(Event, frozen=True):
    """Visitors see the environment so from now on (onSdkStatusChanged)."""

    status: SdkStatus


class BucketingPolled(Event, frozen=True, omit_defaults=True):
    """A poll succeeded: the first one, the first after a failure, or one that brought something.

    With a new file it stands in one fact with its `BucketingChanged` (onBucketingSuccess,
    onBucketingUpdated).
    """

    status: int
    hash: str = ""
    last_modified: str = ""
    last_update: str = ""


class BucketingPollFailed(Event, frozen=True):
    """A poll failed: the first one, or the first after a success (onBucketingFail)."""

    error: str


EVENTS = (
    Configured,
    BucketingChanged,
    PanicSet,
    SdkStatusChanged,
    BucketingPolled,
    BucketingPollFailed,
)
