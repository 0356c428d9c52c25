"""What waits in the pool of the tracking manager: hits, exposures, and the batches they go out in.

Rules: spec flags 5; ledger FS-090, FS-190.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from time import time
from typing import Any

import msgspec
import trio

from actors.flags.caches import HIT_AGE_MS_MAX, HitCacheDTO, hit_dto
from api.client.conversation import COMMAND_BYTES_MAX

ACTIVATE = "ACTIVATE"
HANDLE = "handle"
"""Member of a kept hit's content: the visitor's handle, by which it is sent again."""
HITS_MAX = 500
"""In one batch: a daemon takes 1,000."""
OVERHEAD_BYTES = 200
"""Of a batch around its hits."""
TIME_BYTES = 14
"""Of the time at which a hit was made."""


class Entry(msgspec.Struct, frozen=True):
    """A hit, or the exposure of a flag, that waits.

    `content` is the hit with its documented names, or of an exposure `key` and, if it was read
    with one, `defaultValue`. `time_ms` is when it was made, since 1970.
    """

    key: str
    handle: str
    visitor_id: str
    anonymous_id: str | None
    type: str
    content: dict[str, Any]
    time_ms: int

    def dto(self) -> HitCacheDTO:
        """As the hit cache keeps it (FS-190)."""
        content = {**self.content, HANDLE: self.handle}
        return hit_dto(self.visitor_id, self.anonymous_id, self.type, content, self.time_ms)


class Batch:
    """What goes out as one command; sent again it is the very same."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.key = str(uuid.uuid4())
        self.is_under_way = False
        self.tried = trio.Event()

    @property
    def handle(self) -> str:
        """Whose it is."""
        return self.entries[0].handle

    @property
    def is_old(self) -> bool:
        """Whether all of it was made more than four hours ago (FS-191)."""
        return now_ms() - self.entries[-1].time_ms > HIT_AGE_MS_MAX

    @property
    def command(self) -> tuple[str, dict[str, Any]]:
        """Name and data."""
        first = self.entries[0]
        if first.type != ACTIVATE:
            hits = [each.content for each in self.entries]
            times = [each.time_ms for each in self.entries]
            return "sendHits", {"hits": hits, "times": times, "deduplicated": True}
        if "defaultValue" in first.content:
            return "getValue", {**first.content, "visitorExposed": True}
        return "visitorExposed", {"key": first.content["key"]}


def batches_of(entries: Iterable[Entry]) -> Iterator[Batch]:
    """Hits of one visitor as batches that are not too big, in order."""
    taken: list[Entry] = []
    size = OVERHEAD_BYTES
    for entry in entries:
        more = len(msgspec.json.encode(entry.content)) + 1 + TIME_BYTES
        if taken and (size + more > COMMAND_BYTES_MAX or len(taken) == HITS_MAX):
            yield Batch(taken)
            taken, size = [], OVERHEAD_BYTES
        taken.append(entry)
        size += more
    if taken:
        yield Batch(taken)


def entry_of(
    handle: str, visitor_id: str, anonymous_id: str | None, kind: str, content: Mapping[str, Any]
) -> Entry:
    """A new entry, made now; its key is `visitorId:uuid` (spec flags 5)."""
    key = f"{visitor_id}:{uuid.uuid4()}"
    return Entry(key, handle, visitor_id, anonymous_id, kind, dict(content), now_ms())


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time() * 1_000)
