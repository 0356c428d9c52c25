"""Sweeps end to end: what others change is found by everybody whom it concerns, and nobody else.

Crowds of a few pages, in a real house with its outbox. Rules: spec timelines 5.12.10, 5.12.14;
DESIGN 2, Sweeps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from timeline_crowd import BY_VALUE, BY_VOTE, FOUND, SECONDS_MAX, Crowd, crowd, found, story, way_of
from timeline_door import SECRET, socket
from timeline_small import small
from timeline_steps import Walker, publish

from actors.timelines.timeline import INTERESTS, USERS
from actors.timelines.user import USER
from actors.timelines.user_words import ProgressStep
from engine.errands import SweepSender
from engine.messages import Address


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is far less than the crowd."""
    monkeypatch.setattr(SweepSender, "page", 16)
    monkeypatch.setattr(SweepSender, "at_once", 8)


# --- whom it concerns


async def by_operator(crowd: Crowd) -> None:
    """An operator sets the value."""
    await crowd.patch("1")


async def by_user(crowd: Crowd) -> None:
    """A user follows a link that sets it, and is counted where that matters."""
    await crowd.follow("nothing-000", "a:z")


@pytest.mark.covers("TL-107")
@pytest.mark.parametrize(
    ("condition", "cause"),
    [(BY_VALUE, by_operator), (BY_VALUE, by_user), (BY_VOTE, by_user)],
    ids=["an operator", "a user", "a vote"],
)
async def test_everybody_concerned_has_one_fact_and_nobody_else(
    tmp_path: Path, condition: str, cause: Callable[[Crowd], Awaitable[None]]
) -> None:
    """The cause is answered while all still wait. Three hundred users, so that pages matter."""
    async with crowd(tmp_path, story(condition)) as here:
        here.start()
        await here.create(50)
        await here.finish()
        held = here.hold("T:s" if condition == BY_VALUE else "T:a:z", page=1)
        await cause(here)
        await held.reached.wait()
        before = await here.walks()
        assert sum(map(len, before.values())) == 300 + 150 + (cause is by_user)
        assert {list_ for list_, _ in await here.rows()} == {f"sweep:{INTERESTS}"}
        swept = here.sender.statistics()["swept"]
        held.go.set()
        await here.finish()
        for name, walks in (await here.walks()).items():
            new = walks[len(before[name]) :]
            assert len(new) == (way_of(name) in FOUND), name
            assert all(found(way_of(name), walk) for walk in new), name
        assert await here.left() == []
        assert here.sender.statistics()["swept"] == swept + 200


async def test_a_guard_that_passed_is_pushed(tmp_path: Path) -> None:
    """To whoever listens to a user that waited, without any call of that user."""
    async with crowd(tmp_path) as here, socket(here.door, SECRET) as wire:
        await here.create(1)
        here.start()
        wire.say({"t": "sub", "id": 1, "topic": "user/guard-000"})
        assert (await wire.next_of("subd"))["version"] == 1
        await here.patch("1")
        frame = await wire.next_of("ev")
        assert (frame["version"], frame["data"]["conditions_passed"]) == (2, ["g2"])
        assert frame["data"]["waiting_for_condition_id"] is None


async def test_another_variable_concerns_nobody(tmp_path: Path) -> None:
    """Who waits for one is not asked because of another; each has a pass of its own."""
    plain = small("a b c | d", guards={"g1": "s >= 1"}, threads={"b": "after $sd"})
    async with crowd(tmp_path, plain) as here:
        await here.create(30, ("guard",))
        here.start()
        await here.patch("2023-02-03T08:00:00Z", "sd")
        await here.finish()
        opened = {name: [m.event for w in walks for m in w.moves]
                  for name, walks in (await here.walks()).items()}  # fmt: skip
        assert set(map(tuple, opened.values())) == {("a", "c", "b")}
        assert all(user.interests == ("s",) for user in (await here.users()).values())
        swept = here.sender.statistics()["swept"]
        await here.patch("2024-02-03T08:00:00Z", "sd")
        await here.finish()
        assert here.sender.statistics()["swept"] == swept


async def test_several_variables_at_the_same_time(tmp_path: Path) -> None:
    """Passes that meet at the same users: each finds both, or its own; nothing is told twice."""
    plain = small("a b c | d", guards={"g1": "s >= 1"}, threads={"b": "after $sd"})
    async with crowd(tmp_path, plain) as here:
        await here.create(60, ("guard",))
        await here.patch("1")
        await here.patch("2023-02-03T08:00:00Z", "sd")
        here.start()
        await here.finish()
        for walks in (await here.walks()).values():
            assert [one.id for walk in walks for one in walk.passed] == ["g1"]
            assert [m.event for walk in walks for m in walk.moves] == ["a", "c", "b"]
        assert await here.left() == []


# --- what goes on meanwhile


async def test_who_acts_meanwhile_is_not_missed_and_nothing_is_told_twice(tmp_path: Path) -> None:
    """Before the sweep, while it is held, while it goes on: one `passed` each, in one fact."""
    async with crowd(tmp_path) as here:
        await here.create(80, ("guard",))
        names = [f"guard-{at:03}" for at in range(80)]
        await here.patch("1")
        await here.all(*[here.ask(name, ProgressStep()) for name in names[::4]])
        held = here.hold()
        here.start()
        await held.reached.wait()
        await here.all(*[here.follow(name, "a:b") for name in names[1::4]])
        held.go.set()
        await here.all(*[here.follow(name, "a:c") for name in names[2::4]])
        await here.finish()
        for name, walks in (await here.walks()).items():
            assert [one.id for walk in walks for one in walk.passed] == ["g2"], name
        assert await here.left() == []


async def test_a_read_settles_by_itself(tmp_path: Path) -> None:
    """Whoever reads before the sweep comes has its fact; the sweep then states nothing."""
    async with crowd(tmp_path) as here:
        await here.create(20, ("guard", "link"))
        await here.patch("1")
        early = [f"{way}-{at:03}" for way in ("guard", "link") for at in range(0, 20, 3)]
        for name in early:
            await Walker(here.door, name, "T").get()
        before = await here.walks()
        here.start()
        await here.finish()
        for name, walks in (await here.walks()).items():
            assert len(walks) - len(before[name]) == (name not in early)
            assert found(way_of(name), walks[-1])
        assert here.sender.statistics()["swept"] == 40


@pytest.mark.parametrize("last", ["0", "2"])
async def test_a_second_change_during_the_sweep(tmp_path: Path, last: str) -> None:
    """All end with the view of the last value, whatever they have seen in between."""
    async with crowd(tmp_path) as here:
        await here.create(20, FOUND)
        await here.patch("1")
        held = here.hold(page=3)
        here.start()
        await held.reached.wait()
        await here.patch(last)
        held.go.set()
        await here.finish()
        assert await here.left() == []
        views = [await Walker(here.door, f"guard-{at:03}", "T").get() for at in range(20)]
        waiting = {view["data"]["waiting_for_condition_id"] for view in views}
        assert waiting == {"g2" if last == "0" else None}
        for name, walks in (await here.walks()).items():
            passed = [one.id for walk in walks for one in walk.passed]
            assert passed in ([], ["g2"]), name
            if last == "2":
                assert found(way_of(name), walks[-1]), name


async def test_who_is_erased_is_passed_over(tmp_path: Path) -> None:
    """Before the sweep, and when its page has been read: nobody comes back."""
    async with crowd(tmp_path) as here:
        await here.create(48, ("guard",))
        await here.patch("1")
        held = here.hold()
        for at in range(8):
            assert (await Walker(here.door, f"guard-{at:03}")("DELETE", "/users/me")).status == 204
        here.start()
        with trio.fail_after(SECONDS_MAX):
            await held.reached.wait()
        gone = [*held.ids[::2]]
        for name in gone:
            assert (await Walker(here.door, name)("DELETE", "/users/me")).status == 204
        held.go.set()
        await here.finish()
        users = await here.users()
        assert len(users) == 48 - 8 - len(gone)
        assert {user.standing.waiting for user in users.values()} == {None}
        assert await here.left() == []
        peeked = [await here.directory.peek(Address("demo", USER.name, name)) for name in gone]
        assert {snapshot.phase for snapshot in peeked} == {"erased"}


async def test_an_automatic_link_of_each_writes_what_all_wait_for(tmp_path: Path) -> None:
    """Joint steps with one timeline, at the same time: every one of them counts, once."""
    async with crowd(tmp_path, story(do={"c:x": "add s 1"})) as here:
        await here.create(40, ("auto",))
        await here.patch("1")
        here.start()
        await here.finish()
        assert (await here.timeline()).shared["s"].value == "41"
        users = (await here.users()).values()
        assert Counter(user.follows["c:x"].count for user in users) == {1: 40}
        assert await here.left() == []


# --- counts


async def test_a_link_that_is_newly_counted_is_counted_for_all(tmp_path: Path) -> None:
    """A sweep over all users adds what they did before; then every follow adds to it by itself."""
    async with crowd(tmp_path, small("a b c | d", "a:b")) as here:
        await here.create(60, ("guard",))
        names = [f"guard-{at:03}" for at in range(60)]
        await here.all(*[here.follow(name, "a:b") for name in names[::3]])
        counted = small("a b c | d", "a:b", threads={"d": "a:b followed_by_all 21"})
        await publish(here.door, counted)
        assert (await here.rows()) == [(f"sweep:{USERS}", "T")]
        late = Walker(here.door, "late", "T")
        await late.create()
        here.start()
        await here.finish()
        assert (await here.timeline()).follows["a:b"].value == "20"
        assert (await late.states()) == {"a": "ACTIVE", "c": "ACTIVE"}
        later = Walker(here.door, "later", "T")
        await later.create()
        await later.follow("a:b")
        await here.finish()
        assert (await here.timeline()).follows["a:b"].value == "21"
        walk = (await here.walks())["late"][-1]
        assert [move.event for move in walk.moves] == ["d"]
