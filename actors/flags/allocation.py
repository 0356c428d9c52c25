"""Allocation: which variation a visitor gets, and whether the campaign is open to them.

The choice needs no memory: MurmurHash3 (32 bits, seed 0) of the variation group's id followed by
the visitor's, in UTF-8, modulo 100, walked against the allocations in file order. So every server
and SDK that reads the same file agrees (they differ on non-ASCII ids only; here UTF-8 counts).
Rules: spec flags 3.1, examples 3.3.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

import mmh3

from actors.flags.bucketing import Variation

BUCKETS = 100


def hash_of(text: bytes) -> int:
    """MurmurHash3 x86 32 bits of those bytes, seed 0, as an unsigned number."""
    return mmh3.mmh3_32_uintdigest(text)


def bucket_of(group_id: str, visitor_id: str) -> int:
    """The bucket 0 to 99 of a visitor in a variation group; group "" is the range gate's."""
    return hash_of(encoded(group_id) + encoded(visitor_id)) % BUCKETS


def encoded(text: str) -> bytes:
    """An id as the bytes that are hashed; half a surrogate pair is kept, never refused."""
    return text.encode("utf-8", "surrogatepass")


def is_in_ranges(bucket: int, ranges: Iterable[tuple[float, float]]) -> bool:
    """Whether a bucket is in some `[from, to)`; without ranges nobody is (server only)."""
    return any(low <= bucket < high for low, high in ranges)


def thresholds(variations: tuple[Variation, ...]) -> tuple[tuple[float, int], ...]:
    """For each variation that takes visitors: the running sum, and its position in the file."""
    taking = [(at, each.allocation) for at, each in enumerate(variations) if each.allocation]
    sums = accumulate(allocation for _, allocation in taking)
    return tuple((total, at) for (at, _), total in zip(taking, sums, strict=True))


def position_of(bucket: int, limits: tuple[tuple[float, int], ...]) -> int | None:
    """The position of the first variation whose running sum is above the bucket, or None."""
    for total, position in limits:
        if total > bucket:
            return position
    return None


def is_certain(variations: tuple[Variation, ...]) -> bool:
    """Whether everybody gets the only variation, so that nothing needs hashing (server)."""
    return len(variations) == 1 and variations[0].allocation == BUCKETS
