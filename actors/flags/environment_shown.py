"""What is shown of an environment: its state, and each of its changes.

Neither holds the file, the digests of campaigns or a secret; a change that touches thousands of
campaigns names a hundred and counts the rest. Whatever a fact holds beside its first event (a step
of the SDK status, what a poll came to) stands in the same object under a name of its own.
Rules: spec flags 10.3; ledger FS-055 to FS-058.
"""

from __future__ import annotations

from typing import Any

import msgspec

from actors.flags.environment_words import (
    BucketingChanged,
    BucketingPolled,
    BucketingPollFailed,
    Configured,
    Environment,
    Mark,
    PanicSet,
    SdkStatusChanged,
)
from actors.flags.settings import Settings
from actors.secrets import Secret
from engine.messages import Event

CAMPAIGNS_SHOWN_MAX = 100  # ids that a push names; counts say the rest
HIDDEN = Secret(sealed="...")


def present(environment: Environment) -> dict[str, Any]:
    """The state for pushes and lists. `sdkStatus` is 0 to 3 (FS-082)."""
    return {
        "phase": environment.phase,
        "sdkStatus": environment.sdk_status,
        "panic": environment.panic,
        "operatorPanic": environment.operator_panic,
        "filePanic": environment.file_panic,
        "etag": environment.etag,
        "lastModifiedMs": environment.last_modified_ms,
        "hash": environment.hash,
        "bytes": environment.bytes,
        "campaigns": len(environment.digests),
        "who": environment.who,
        "polling": environment.polling,
        "settings": _shown(environment.settings),
    }


def _shown(settings: Settings) -> Settings:
    """Settings without the sealed text, which nobody can use and nobody needs."""
    key = settings.upstream_key
    if key is None or key.sealed is None:
        return settings
    return msgspec.structs.replace(settings, upstream_key=HIDDEN)


def present_events(events: tuple[Event, ...]) -> dict[str, Any]:
    """One fact. Members by event, all that are there in one object:

    `BucketingChanged`, `PanicSet`: `who`, `before`, `after` and what changed. `Configured`:
    `settings`. `SdkStatusChanged`: `sdkStatuses`, each status in its order. Polls: `poll`, either
    `{status, lastUpdate}` or `{error}`.
    """
    shown: dict[str, Any] = {}
    statuses = [event.status for event in events if isinstance(event, SdkStatusChanged)]
    for event in events:
        shown |= _one(event)
    return shown | ({"sdkStatuses": statuses} if statuses else {})


def poll_shown(status: int, last_update: str) -> dict[str, Any]:
    """A poll that succeeded: 200 or 304, and when the file was last updated there (RFC 3339)."""
    return {"status": status, "lastUpdate": last_update}


def _one(event: Event) -> dict[str, Any]:
    match event:
        case BucketingChanged():
            return _file_changed(event)
        case PanicSet(before=before):
            after = Mark(
                before.hash, event.etag, event.last_modified_ms, event.panic, before.campaigns
            )
            return {"who": event.who, "on": event.on, "before": before, "after": after}
        case Configured(settings=settings):
            return {"settings": _shown(settings)}
        case BucketingPolled(status=status, last_update=last_update):
            return {"poll": poll_shown(status, last_update)}
        case BucketingPollFailed(error=error):
            return {"poll": {"error": error}}
    return {}


def _file_changed(event: BucketingChanged) -> dict[str, Any]:
    return {
        "who": event.who,
        "before": event.before,
        "after": Mark(event.hash, event.etag, event.last_modified_ms, event.panic, event.campaigns),
        "bytes": event.bytes,
        "changed": list(event.changed)[:CAMPAIGNS_SHOWN_MAX],
        "changedCount": len(event.changed),
        "removed": event.removed[:CAMPAIGNS_SHOWN_MAX],
        "removedCount": len(event.removed),
        "revertedTo": event.reverted_to,
    }
