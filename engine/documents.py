"""Documents: immutable blobs, decoded once.

A document is named by its hash, so a decoded one never goes stale; the least recently used leave
when their bodies' bytes exceed the room. Who asks for one that somebody reads already waits for
the same outcome.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import trio

from engine.errors import EngineError
from engine.ports import Store

Decode = Callable[[bytes], Any]
Key = tuple[str, str, Decode]
DECODED_HERE_BYTES_MAX = 256_000
"""Bigger bodies are decoded in a thread, so that nobody else waits for them."""


class NoDocument(EngineError):
    """No document of that hash in the project."""

    code = "no_document"


def _as_it_is(body: bytes) -> Any:
    return body


class _Reading:
    """A document that somebody reads now. Over without `value` and `error`: begin again."""

    __slots__ = ("error", "is_over", "value")

    def __init__(self) -> None:
        self.is_over = trio.Event()
        self.value: tuple[Any] | None = None
        self.error: Exception | None = None


class Documents:
    """Decoded documents by (project, hash, how). Hand in the same `decode` each time.

    Big bodies are decoded in a thread: `decode` touches nothing but its argument.
    """

    def __init__(self, store: Store, bytes_max: int) -> None:
        self._store = store
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._readings: dict[Key, _Reading] = {}

    async def get(self, project: str, hash_: str, decode: Decode = _as_it_is) -> Any:
        """The document, decoded by `decode`; raises `NoDocument`, and whatever `decode` raises."""
        key = (project, hash_, decode)
        while (found := self._kept.get(key)) is None:
            reading = self._readings.get(key)
            if reading is None:
                return await self._read(key)
            await reading.is_over.wait()
            if reading.error is not None:
                raise reading.error
            if reading.value is not None:
                return reading.value[0]
        self._kept.move_to_end(key)
        return found[0]

    async def _read(self, key: Key) -> Any:
        """Read for everybody who asks meanwhile; if the reader is cancelled, one of them begins."""
        reading = self._readings[key] = _Reading()
        try:
            value = await self._decoded(key)
        except NoDocument:
            raise  # it may have been stored meanwhile: who waits looks for itself
        except Exception as error:
            reading.error = error
            raise
        else:
            reading.value = (value,)
            return value
        finally:
            del self._readings[key]
            reading.is_over.set()

    async def _decoded(self, key: Key) -> Any:
        project, hash_, decode = key
        body = await self._store.document(project, hash_)
        if body is None:
            raise NoDocument(f"there is no document {hash_}")
        here = decode is _as_it_is or len(body) <= DECODED_HERE_BYTES_MAX
        value = decode(body) if here else await trio.to_thread.run_sync(decode, body)
        self._put(key, value, len(body))
        return value

    def _put(self, key: Key, value: Any, size: int) -> None:
        self._kept[key] = (value, size)
        self._bytes += size
        while self._bytes > self._bytes_max and len(self._kept) > 1:
            _, (_, gone) = self._kept.popitem(last=False)
            self._bytes -= gone

    def statistics(self) -> Mapping[str, float]:
        """How many documents are held, and the bytes of their bodies."""
        return {"documents": len(self._kept), "bytes": self._bytes}
