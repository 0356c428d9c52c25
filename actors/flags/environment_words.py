"""Words of the environment: its state, what it is told, what it remembers.

The state keeps a digest per campaign, so that a change can say which campaigns it touched without
reading the file; the file itself is a document named by its hash. A `Mark` is what was in force at
a time: history shows one before and one after each change. Rules: spec flags 1.4, 10.3.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from engine.messages import Command, Event


class Phase(StrEnum):
    """Where an environment is."""

    EMPTY = "empty"
    READY = "ready"
    PANIC = "panic"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What `[flags.ENV]` may set beside keys and the file (in snake_case). Each has a default."""

    require_key: bool = False
    """Hits, activations, bucketing.json and accountSettings.json need a key of the environment."""
    assignment_days: float | None = None
    """Kept assignments older than this are forgotten; absent: never."""
    hit_days: float | None = 30.0
    """Rows of hits and activations are kept this long."""
    report_days: float | None = 400.0
    """Day counters, which reports are made of, are kept this long."""
    daily_rows_max: int = 10_000_000
    """New rows a day that callers without a server-side key may cause."""


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


class Environment(msgspec.Struct, frozen=True, rename="camel"):
    """An environment. `digests` is per campaign; `bytes` the file's size; `who` changed it last."""

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
