"""Caches of an embedder, in memory: they keep what they are given, and every call.

Not a test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from api.client import HitCacheDTO, VisitorCacheDTO


class Visitors:
    """A visitor cache that keeps JSON, as a foreign store would."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []

    async def cache_visitor(self, visitor_id: str, data: VisitorCacheDTO) -> None:
        """Keep it."""
        self.calls.append(("cache", visitor_id))
        self.kept[visitor_id] = msgspec.json.encode(data)

    async def lookup_visitor(self, visitor_id: str) -> object:
        """What is kept, as decoded JSON."""
        self.calls.append(("lookup", visitor_id))
        kept = self.kept.get(visitor_id)
        return None if kept is None else msgspec.json.decode(kept)

    async def flush_visitor(self, visitor_id: str) -> None:
        """Forget it."""
        self.calls.append(("flush", visitor_id))
        self.kept.pop(visitor_id, None)


class Hits:
    """A hit cache that keeps JSON; `calls` has each method with its keys."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.calls: list[tuple[str, list[str]]] = []

    async def cache_hit(self, hits: Mapping[str, HitCacheDTO]) -> None:
        """Keep them, those that are kept already too."""
        self.calls.append(("cache", list(hits)))
        self.kept |= {key: msgspec.json.encode(hit) for key, hit in hits.items()}

    async def lookup_hits(self) -> Mapping[str, object]:
        """All, as decoded JSON."""
        self.calls.append(("lookup", []))
        return {key: msgspec.json.decode(hit) for key, hit in self.kept.items()}

    async def flush_hits(self, hit_keys: Sequence[str]) -> None:
        """Delete these."""
        self.calls.append(("flush", list(hit_keys)))
        for key in hit_keys:
            self.kept.pop(key, None)

    async def flush_all_hits(self) -> None:
        """Delete all."""
        self.calls.append(("flush all", []))
        self.kept.clear()

    def decoded(self) -> list[Any]:
        """What is kept."""
        return [msgspec.json.decode(hit) for hit in self.kept.values()]


class Broken:
    """A cache all of whose methods fail."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_arguments: object) -> None:
            raise OSError(f"{name}: no disk")

        return fail
