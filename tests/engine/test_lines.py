"""Lines: a receiver that hangs or fails takes its own places, and nobody waits behind it."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from stage import PROJECT, Stage, door, open_stage

from engine import lines
from engine.effects import Effect
from engine.errors import Busy, Later, More, Unavailable
from engine.limits import Limits
from engine.lines import Lines
from engine.pools import Order
from engine.ports import Delivery, Entry
from storage.memory import MemoryStore


class Post:
    """Subscriptions whose receivers hang, or are broken; who was sent when."""

    waits_seconds = (10.0, 60.0)

    def __init__(self) -> None:
        self.sent: list[tuple[int, str, str]] = []
        self.hangs: set[str] = set()
        self.broken: set[str] = set()
        self.seconds = 0.0

    async def send(self, delivery: Delivery) -> None:
        """Deliver once."""
        line, subject = delivery.effect.subscription, delivery.effect.subject
        self.sent.append((round(trio.current_time()), line, subject))
        await trio.sleep(1_000.0 if line in self.hangs else self.seconds)
        if line in self.broken:
            raise ConnectionError("nobody at home")

    def of(self, line: str) -> list[int]:
        """When deliveries of a line were begun."""
        return [at for at, one, _ in self.sent if one == line]


async def put(stage: Stage, line: str, many: int, due_in_ms: int = 0) -> None:
    """Commit effects for so many subjects of a subscription."""
    caused = tuple(
        (
            door(),
            1,
            Effect(
                sender="post",
                subscription=line,
                subject=f"{line}{number}",
                body=b"{}",
                due_in_ms=due_in_ms,
            ),
        )
        for number in range(many)
    )
    stage.store.shelf.apply([Entry(project=PROJECT, at_ms=stage.clock.now_ms(), effects=caused)], 0)
    stage.outbox.nudge(caused)
    await trio.testing.wait_all_tasks_blocked()


async def test_a_hanging_subscription_holds_only_its_own_places(autojump_clock):
    """However many subjects wait behind it, others are sent at once, new ones and those due."""
    post = Post()
    post.hangs.add("dead")
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "due", 3, due_in_ms=4_000)
        await put(stage, "dead", 600)
        assert len(post.of("dead")) == 16
        await put(stage, "well", 5)
        assert post.of("well") == [0] * 5
        await trio.sleep(5.0)
        assert post.of("due") == [4] * 3
        assert len(post.of("dead")) == 16


async def test_a_failing_subscription_has_one_place_until_one_arrives(autojump_clock):
    """It is asked by one delivery at a time; whoever is well again has all its places."""
    post = Post()
    post.broken.add("bad")
    post.seconds = 1.0
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "bad", 40)
        await trio.sleep(0.5)
        assert len(post.sent) == 16
        await trio.sleep(3.0)
        assert post.of("bad") == [0] * 16 + [1, 2, 3]
        post.broken.clear()
        await trio.sleep(1.0)
        assert post.of("bad") == [0] * 16 + [1, 2, 3] + [4] * 16
        await trio.sleep(100.0)
        assert stage.store.shelf.outbox == {}


async def test_many_that_hang_leave_a_place(autojump_clock):
    """The fewer places are left, the fewer a line may take; once failed, one each."""
    post = Post()
    names = [f"dead{number}" for number in range(6)]
    post.hangs.update(names)
    async with open_stage(senders={"post": post}) as stage:
        for name in names:
            await put(stage, name, 50)
        assert [len(post.of(name)) for name in names] == [16, 16, 16, 8, 4, 2]
        await put(stage, "well", 1)
        assert post.of("well") == [0]
        await trio.sleep(15.0)  # each has failed by now
        assert stage.outbox.statistics()["under_way"] == len(names)


async def test_a_crowd_hides_nobody_who_falls_due_later(autojump_clock):
    """With more heads than a page, others are still woken at their time, not at the next end."""
    post = Post()
    post.hangs.add("dead")
    few = Limits(outbox_page=20, outbox_running_max=20, outbox_line_running_max=4)
    async with open_stage(few, senders={"post": post}) as stage:
        await put(stage, "dead", 200)
        await put(stage, "well", 2, due_in_ms=3_000)
        await trio.sleep(5.0)
        assert post.of("well") == [3, 3]


# --- places


def test_what_has_no_subscription_is_a_line_of_its_own():
    """Errands in the house have all places; failures of one are no other's."""
    places = Lines(MemoryStore(Limits()), Limits(outbox_running_max=3, outbox_line_running_max=1))
    one, two = Order("p", "", "a"), Order("p", "", "b")
    places.failed(one)
    for order in (one, two):
        assert places.has_place(order)
        places.started(order)
    assert places.has_place(Order("p", "s", "x"))
    places.started(Order("p", "", "c"))
    assert not places.has_place(Order("p", "", "d"))
    assert not places.has_place(Order("p", "s", "x"))
    places.ended(one)
    assert places.has_place(Order("p", "", "d"))


def test_failing_lines_are_forgotten_beyond_a_number(monkeypatch):
    """The memory of failures is bounded: the oldest has its places back."""
    monkeypatch.setattr(lines, "FAILING_MAX", 2)
    places = Lines(MemoryStore(Limits()), Limits())
    names = [Order("p", name, "x") for name in "abc"]
    for order in names:
        places.failed(order)
        places.started(order)
    assert [places.has_place(order) for order in names] == [True, False, False]
    places.arrived(names[1])
    assert places.has_place(names[1])


async def test_more_time_and_progress_are_no_failures(autojump_clock):
    """`Later` changes nothing about places, `More` gives them back."""

    class Patient(Post):
        async def send(self, delivery: Delivery) -> None:
            await super().send(delivery)
            if delivery.effect.subscription == "later":
                raise Later(5.0)
            if not delivery.cursor:
                raise More("on")

    post = Patient()
    post.seconds = 1.0
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "later", 3)
        await put(stage, "more", 3)
        stage.outbox._lines.failed(Order(PROJECT, "more", ""))
        await trio.sleep(5.5)
        assert post.of("later") == [0] * 3
        await trio.sleep(1.0)
        assert post.of("later") == [0] * 3 + [6] * 3
        assert post.of("more") == [0] * 3 + [1] * 3


# --- moving


async def test_a_parked_delivery_is_tried_once_more(autojump_clock):
    """And parked again if that fails; one that waits is hurried, and goes on from its attempts."""
    post = Post()
    post.broken.add("bad")
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "bad", 1)
        await trio.sleep(1.0)
        (waiting,) = stage.store.shelf.outbox.values()
        await stage.outbox.move(waiting, parks=False)
        await trio.sleep(1.0)
        assert post.of("bad") == [0, 1]
        await trio.sleep(100.0)
        (parked,) = stage.store.shelf.outbox.values()
        assert (parked.parked, parked.attempts, len(post.sent)) == (True, 3, 3)
        await stage.outbox.move(parked, parks=False)
        await trio.sleep(1_000.0)
        (parked,) = stage.store.shelf.outbox.values()
        assert (parked.parked, parked.attempts, len(post.sent)) == (True, 4, 4)
        post.broken.clear()
        await stage.outbox.move(parked, parks=False)
        await trio.sleep(1.0)
        assert stage.store.shelf.outbox == {}


async def test_a_delivery_is_parked_by_hand(autojump_clock):
    """It says why; the ones behind it go on, and it is tried once when it is freed."""
    post = Post()
    post.broken.add("bad")
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "bad", 1)
        await put(stage, "bad", 1)
        await trio.sleep(1.0)
        head, _ = stage.store.shelf.outbox.values()
        post.broken.clear()
        await stage.outbox.move(head, parks=True, why="parked by ann")
        await trio.sleep(1.0)
        (parked,) = stage.store.shelf.outbox.values()
        assert (parked.id, parked.parked, parked.error) == (head.id, True, "parked by ann")
        await stage.outbox.move(parked, parks=False)
        await trio.sleep(1.0)
        assert stage.store.shelf.outbox == {}


async def test_what_is_under_way_is_not_moved(autojump_clock):
    """Its own end would undo that; and a store that cannot commit says so."""
    post = Post()
    post.hangs.add("dead")
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "dead", 1)
        (sent,) = stage.store.shelf.outbox.values()
        with pytest.raises(Busy):
            await stage.outbox.move(sent, parks=True)
        await trio.sleep(11.0)
        (waiting,) = stage.store.shelf.outbox.values()
        stage.store.faults.fail_next(1)
        with pytest.raises(Unavailable):
            await stage.outbox.move(waiting, parks=True)
