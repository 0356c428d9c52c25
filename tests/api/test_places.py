"""Places for calls: who has one, who waits for one, and that nobody is remembered for ever."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from api.places import Places


class Callers:
    """Callers who keep their place until they are told to leave; `inside` have one, in order."""

    def __init__(self, places: Places, nursery: trio.Nursery) -> None:
        self.inside: list[str] = []
        self._places = places
        self._nursery = nursery
        self._scopes: dict[str, trio.CancelScope] = {}

    async def come(self, *names: str) -> None:
        """Each asks for a place at the origin that its first letter names."""
        for name in names:
            self._scopes[name] = trio.CancelScope()
            self._nursery.start_soon(self._stay, name)
            await wait_all_tasks_blocked()

    async def leave(self, *names: str) -> None:
        """Each leaves, from its place or from waiting."""
        for name in names:
            self._scopes.pop(name).cancel()
        await wait_all_tasks_blocked()

    async def _stay(self, name: str) -> None:
        with self._scopes[name]:
            async with self._places.one(name[0]):
                self.inside.append(name)
                try:
                    await trio.sleep_forever()
                finally:
                    self.inside.remove(name)


async def test_an_origin_has_its_own_and_no_more() -> None:
    """Those who wait for it hold no place of the others; turns come in order."""
    async with trio.open_nursery() as nursery:
        callers = Callers(Places(3, 2), nursery)
        await callers.come("a1", "a2", "a3", "a4", "b1", "c1", "c2")
        assert callers.inside == ["a1", "a2", "b1"]
        await callers.leave("b1")
        assert callers.inside == ["a1", "a2", "c1"]
        await callers.leave("a1")
        assert callers.inside == ["a2", "c1", "c2"]
        await callers.leave("c1")
        assert callers.inside == ["a2", "c2", "a3"]
        nursery.cancel_scope.cancel()


async def test_who_leaves_while_waiting_loses_no_place() -> None:
    """Whether it waited for the origin or for a place at all."""
    async with trio.open_nursery() as nursery:
        callers = Callers(Places(2, 1), nursery)
        await callers.come("a1", "a2", "a3", "b1", "c1", "c2")
        await callers.leave("a2", "c1")
        await callers.leave("a1", "b1")
        assert callers.inside == ["c2", "a3"]
        nursery.cancel_scope.cancel()


async def test_an_origin_is_known_only_while_somebody_calls_it() -> None:
    """The last who leaves takes it along, also one who only waited, and one who failed."""
    places = Places(1, 1)
    async with trio.open_nursery() as nursery:
        callers = Callers(places, nursery)
        await callers.come("a1", "a2", "b1")
        assert places.origins == 2
        await callers.leave("b1", "a1")
        assert (places.origins, callers.inside) == (1, ["a2"])
        await callers.leave("a2")
        assert places.origins == 0
    with pytest.raises(OSError, match="gone"):
        async with places.one("a"):
            raise OSError("gone")
    assert places.origins == 0
