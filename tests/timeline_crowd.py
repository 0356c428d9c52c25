"""A crowd that waits on one small timeline of a house, each in a way of its own.

Not a test: `crowd` opens the house, whose outbox rests until it is told to work. A sweep may be
held between its pages; what became of everybody is read from the store.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from timeline_door import Door, open_door
from timeline_small import small
from timeline_steps import admin

from actors.timelines.timeline import INTERESTS, TIMELINE
from actors.timelines.timeline_words import Timeline
from actors.timelines.user import USER
from actors.timelines.user_words import CreateUser, FollowLink, User, Walk
from actors.timelines.walking import is_due
from engine.messages import Address, Command
from engine.outbox import Outbox

HERE = "/timelines/T"
BY_VALUE, BY_VOTE = "s >= 1", "a:z followed_by_all 1"
WAYS = ("guard", "thread", "auto", "link", "nothing", "clock")
FOUND: dict[str, tuple[list[str], ...]] = {
    "guard": (["g2"], [], [], []),
    "thread": ([], ["b"], [], []),
    "auto": ([], ["x"], ["c:x"], ["c"]),
    "link": ([], [], [], ["d"]),
}
"""What each way waits for: guards passed, events opened, links followed, events with a link that
turned."""
EIGHT_MS = 1_675_411_200_000
"""2023-02-03T08:00:00Z."""
SECONDS_MAX = 20


def story(condition: str = BY_VALUE, **more: Any) -> dict[str, Any]:
    """Who follows `a:b` waits for a thread, `a:c` for an automatic link, `a:d` for a link; at the
    guard waits whoever has not `n`. `a:z` sets the shared value."""
    when = {"c:x": condition, "d:x": condition}
    guards, threads = {"g2": f"{condition} or n >= 1"}, {"b": condition}
    links = "a:b a:c a:d a:z c>x d:x"
    do = {"a:z": "set s 1", **more.pop("do", {})}
    return small("a | b c d z | x y", links, when=when, guards=guards, threads=threads, do=do)


class Crowd:
    """Users on the timeline `T` of a house, named `WAY-NUMBER`."""

    def __init__(self, door: Door, nursery: trio.Nursery) -> None:
        self.door = door
        self.directory = door.house.directory
        self.outbox: Outbox = door.house.shelves["outbox"]
        self.sender = self.outbox._senders["sweep"]
        self._nursery = nursery

    # --- who is there

    async def create(self, each: int, ways: Iterable[str] = WAYS) -> None:
        """So many users of each way."""
        await self.all(*[self._begin(way, f"{way}-{at:03}") for way in ways for at in range(each)])

    async def _begin(self, way: str, name: str) -> None:
        given = {} if way in ("guard", "clock") else {"n": "1"}
        at_ms = EIGHT_MS if way == "clock" else None
        create = CreateUser("T", timezone="UTC", variables=given, at_ms=at_ms)
        await self.ask(name, create)
        target = {"thread": "b", "auto": "c", "link": "d"}.get(way)
        if target is not None:
            await self.follow(name, f"a:{target}")

    async def all(self, *doing: Awaitable[object]) -> None:
        """Do all of it at the same time."""

        async def done(one: Awaitable[object]) -> None:
            await one

        async with trio.open_nursery() as nursery:
            for one in doing:
                nursery.start_soon(done, one)

    async def ask(self, name: str, command: Command) -> None:
        """Have a user carry out a command."""
        await self.directory.ask(Address("demo", USER.name, name), command, by="test")

    async def follow(self, name: str, link: str) -> None:
        """Have a user follow a link."""
        await self.ask(name, FollowLink(link.partition(":")[0], link))

    async def patch(self, value: str, name: str = "s") -> None:
        """Set a shared variable as operators do."""
        got = await admin(self.door, "PATCH", f"{HERE}/variables/{name}", {"value": value})
        assert got.status == 200, got.body

    # --- the sweep

    def start(self) -> None:
        """Let the house send what waits."""
        self._nursery.start_soon(self.outbox.run)

    async def rows(self) -> list[tuple[str, str]]:
        """Sweeps that wait: list and key."""
        found = await self.door.house.store.deliveries("demo", parked_only=False, after=0, limit=99)
        return [(row.effect.subscription, row.effect.subject) for row in found]

    async def finish(self) -> None:
        """Until nothing waits; every look is a turn of the store's thread."""
        with trio.fail_after(SECONDS_MAX):
            while await self.rows():
                await trio.lowlevel.checkpoint()

    def hold(self, key: str = "T:s", page: int = 2) -> Held:
        """Hold the sweep of a key when it has read that page, before it asks anybody on it."""
        return Held(self.sender, key, page)

    # --- what became of them

    async def walks(self) -> dict[str, list[Walk]]:
        """What each user's facts keep, in order of versions, which are dense."""
        facts = await self.door.house.store.kind_facts("demo", USER.name, 0, 10_000)
        found: dict[str, list[Walk]] = {}
        for stored in facts:
            walks = found.setdefault(stored.address.id, [])
            assert stored.version == len(walks) + 1, "versions are dense"
            (event,) = USER.fact(stored).events
            walks.append(event.walk)  # type: ignore[attr-defined]
        return found

    async def users(self) -> dict[str, User]:
        """States of all that are there."""
        found = {}
        for listed in await self.door.house.store.actors("demo", USER.name, "", "", 10_000):
            state = (await self.directory.peek(listed.address)).state
            if state is not None:
                found[listed.address.id] = state
        return found

    async def timeline(self) -> Timeline:
        """The timeline's state."""
        state: Timeline = (await self.directory.peek(Address("demo", TIMELINE.name, "T"))).state
        return state

    async def left(self) -> list[str]:
        """Users for whom a read would still find something; who has a test clock is not asked."""
        now_ms = self.door.house.clock.now_ms()
        seen = await self.directory.peek(Address("demo", TIMELINE.name, "T"))
        found = []
        for name, user in (await self.users()).items():
            revision = await self.directory.document(USER, "demo", user.revision)
            if not user.is_virtual and is_due(revision, user, seen.state, seen.version, now_ms):
                found.append(name)
        return found


class Held:
    """A sweep's list that stops behind a page; `reached` when it has, `go` lets it go on."""

    def __init__(self, sender: Any, key: str, page: int) -> None:
        self.reached, self.go = trio.Event(), trio.Event()
        self.ids: Sequence[str] = ()
        self._read = sender._lists[INTERESTS]
        self._key, self._page, self._pages = key, page, 0
        sender._lists[INTERESTS] = self._hold

    async def _hold(self, project: str, key: str, after: str, limit: int) -> Sequence[str]:
        ids: Sequence[str] = await self._read(project, key, after, limit)
        self._pages += key == self._key
        if key == self._key and self._pages == self._page:
            self.ids = ids
            self.reached.set()
            await self.go.wait()
        return ids


@asynccontextmanager
async def crowd(folder: Path, plain: Any = None) -> AsyncIterator[Crowd]:
    """A house with the timeline, and nobody on it; its outbox rests until `start`."""
    text = json.dumps(plain or story())
    async with (
        open_door(folder, publish=(text,), others=False) as door,
        trio.open_nursery() as nursery,
    ):
        yield Crowd(door, nursery)
        nursery.cancel_scope.cancel()


def way_of(name: str) -> str:
    """How a user waits."""
    return name.partition("-")[0]


def found(way: str, walk: Walk) -> bool:
    """Whether a walk tells just what a user who waits in that way was waiting for."""
    told = (
        [one.id for one in walk.passed],
        [move.event for move in walk.moves],
        [one.link for one in walk.follows],
        list(walk.flipped),
    )
    return told == FOUND[way]
