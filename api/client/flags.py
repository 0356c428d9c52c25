"""Flags as callers hold them: one, or the collection of all that were fetched.

A flag object stays good: it reads what the visitor has now, also after another fetch. A flag that
is not there is an object too, an empty one. Rules: ledger FS-114, FS-115, FS-120, FS-124 to FS-154.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import trio

from actors.flags.names import FlagStatus
from api.client.pool import Batch
from api.client.reading import UNREAD, Reader
from api.client.shapes import FlagMetadata

T = TypeVar("T")

Settle = Callable[[Batch], Awaitable[None]]
"""Wait until an exposure has been sent, or is kept for later."""


class Flag:
    """One flag of a visitor (FS-124)."""

    __slots__ = ("_default", "_key", "_reader", "_settle")

    def __init__(self, key: str, reader: Reader, settle: Settle) -> None:
        self._key = key
        self._reader = reader
        self._settle = settle
        self._default: Any = UNREAD

    @property
    def metadata(self) -> FlagMetadata:
        """The campaign that the flag comes from; empty if there is no flag (FS-125, FS-126).

        Before the start (ERROR) and in panic (INFO) it is empty too, with the tag `FLAG_METADATA`.
        """
        return self._reader.metadata(self._key)

    @property
    def status(self) -> FlagStatus:
        """PANIC, NOT_FOUND, FETCH_REQUIRED or FETCHED, judged in this order (FS-127)."""
        return self._reader.status(self._key)

    def get_value(self, default_value: T, visitor_exposed: bool = True) -> T:
        """The flag's value, or `default_value` if there is none of its type (FS-132 to FS-138).

        `default_value` is text, number, boolean, list, dictionary or None; None takes any value.
        Types are JSON's: 1 and 1.5 are both numbers, `True` is none. With `visitor_exposed`, and
        if the visitor consented, the exposure is sent in the background: one activation, whether
        or not the types agree. A missing flag and another type are WARNING lines (`FLAG_VALUE`);
        in panic (INFO) and before the start (ERROR) the default is given and nothing is sent.
        """
        self._default = default_value
        value: T = self._reader.value(self._key, default_value, visitor_exposed)
        return value

    async def visitor_exposed(self) -> None:
        """Tell that the visitor saw the flag: one activation (FS-139).

        No earlier `get_value` is needed; if there was one, the exposure carries its default.
        Returns when the daemon has it, or when the timeout is over: then it is kept and sent
        later. A missing flag is a WARNING line, no consent and panic are INFO, before the start is
        ERROR, and nothing is sent (`FLAG_VISITOR_EXPOSED`).
        """
        batch = self._reader.exposed(self._key, self._default)
        if batch is not None:
            await self._settle(batch)

    def exists(self) -> bool:
        """Whether the visitor has this flag (FS-140)."""
        return self._reader.exists(self._key)


class FlagCollection:
    """Flags of a visitor by key, as they were when the collection was asked for (FS-120)."""

    def __init__(
        self, keys: list[str], reader: Reader, settle: Settle, flags: dict[str, Flag] | None = None
    ) -> None:
        self._reader = reader
        self._settle = settle
        made = flags or {}
        self._flags = {key: made.get(key) or Flag(key, reader, settle) for key in keys}

    @property
    def size(self) -> int:
        """How many flags there are (FS-141)."""
        return len(self._flags)

    def __len__(self) -> int:
        """As `size`."""
        return len(self._flags)

    def __iter__(self) -> Iterator[tuple[str, Flag]]:
        """Pairs of key and flag."""
        return iter(list(self._flags.items()))

    def __contains__(self, key: object) -> bool:
        """As `has`."""
        return key in self._flags

    def get(self, key: str) -> Flag:
        """The flag of that key; an empty one if the collection has none (FS-142, FS-143)."""
        return self._flags.get(key) or Flag(key, self._reader, self._settle)

    def has(self, key: str) -> bool:
        """Whether the collection has that key (FS-144)."""
        return key in self._flags

    def keys(self) -> set[str]:
        """All keys (FS-145)."""
        return set(self._flags)

    def filter(self, predicate: Callable[[Flag, str, FlagCollection], bool]) -> FlagCollection:
        """A new collection with those flags for which `predicate(flag, key, collection)` is true.

        This one stays as it is (FS-146).
        """
        kept = {key: flag for key, flag in self if predicate(flag, key, self)}
        return FlagCollection(list(kept), self._reader, self._settle, kept)

    async def expose_all(self) -> None:
        """Expose every flag: one activation each, without an earlier `get_value` (FS-147)."""
        async with trio.open_nursery() as nursery:
            for _, flag in self:
                nursery.start_soon(flag.visitor_exposed)

    def get_metadata(self) -> dict[str, FlagMetadata]:
        """The metadata of each flag by key (FS-148)."""
        return {key: flag.metadata for key, flag in self}

    def to_json(self) -> list[dict[str, Any]]:
        """Each flag with key, metadata and `hex`, usable as `initial_flags_data` (FS-149, FS-153).

        Nothing is exposed. `hex` is reserved: the value as JSON in hexadecimal.
        """
        return self._reader.serialized(list(self._flags))

    def for_each(self, callback: Callable[[Flag, str, FlagCollection], object]) -> None:
        """Call `callback(flag, key, collection)` once for each flag (FS-150)."""
        for key, flag in self:
            callback(flag, key, self)
