"""Documents: immutable blobs, decoded once.

A document is named by its hash, so a decoded one never goes stale; the least recently used leave
when their bodies' bytes exceed the room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from engine.errors import EngineError
from engine.ports import Store

Decode = Callable[[bytes], Any]
Key = tuple[str, str, Decode]


class NoDocument(EngineError):
    """No document of that hash in the project."""

    code = "no_document"


def _as_it_is(body: bytes) -> Any:
    return body


class Documents:
    """Decoded documents by (project, hash, how). Hand in the same `decode` each time."""

    def __init__(self, store: Store, bytes_max: int) -> None:
        self._store = store
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Key, tuple[Any, int]] = OrderedDict()

    async def get(self, project: str, hash_: str, decode: Decode = _as_it_is) -> Any:
        """The document, decoded by `decode`; raises `NoDocument`."""
        key = (project, hash_, decode)
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found[0]
        body = await self._store.document(project, hash_)
        if body is None:
            raise NoDocument(f"there is no document {hash_}")
        value = decode(body)
        self._put(key, value, len(body))
        return value

    def _put(self, key: Key, value: Any, size: int) -> None:
        if key in self._kept:
            return
        self._kept[key] = (value, size)
        self._bytes += size
        while self._bytes > self._bytes_max and len(self._kept) > 1:
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= gone

    def statistics(self) -> Mapping[str, float]:
        """How many documents are held, and the bytes of their bodies."""
        return {"documents": len(self._kept), "bytes": self._bytes}
