"""Long lists: a JSON array that is read from the lists a page at a time, and sent as it is read.

A list of one page is an ordinary body. A longer one is streamed, so that it takes the memory of a
page however long it is. Rule: spec timelines 5.12.22.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from api.http import Answer, answer, encode

Page = tuple[Sequence[object], Any]
"""Items, and after what the next page begins; None: there is none."""
Fetch = Callable[[Any], Awaitable[Page]]
"""The page after a place."""


async def listed(fetch: Fetch, begin: Any) -> Answer:
    """The array of all pages from `begin` on."""
    items, after = await fetch(begin)
    if after is None:
        return answer(items)
    return Answer(stream=Listing(items, after, fetch))


class Listing:
    """The chunks of an array that has more than one page. Plain: it holds nothing open."""

    def __init__(self, items: Sequence[object], after: Any, fetch: Fetch) -> None:
        self._items: Sequence[object] | None = items
        self._after = after
        self._fetch = fetch
        self._before = b"["

    def __aiter__(self) -> Listing:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next page's items, with what stands before and behind them."""
        if self._items is None:
            raise StopAsyncIteration
        chunk = b""
        if self._items:
            chunk, self._before = self._before + encode(self._items)[1:-1], b","
        if self._after is not None:
            self._items, self._after = await self._fetch(self._after)
            return chunk
        opened = b"" if self._before == b"," else b"["
        self._items = None
        return chunk + opened + b"]"

    async def aclose(self) -> None:
        """Whoever read it has left."""
        self._items = None
