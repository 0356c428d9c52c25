"""Pools: an order sent at once, in time, in order, exactly once into our own lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing
from stage import PROJECT, open_stage
from toy import Jam, Open
from trays import ORDER, Tray, drop, listed, put

from engine import pools
from engine.errors import Later
from engine.limits import Limits
from engine.pools import Order, Pools
from engine.ports import Delivery, Failed, Outcome, Taken

# --- when


async def test_a_pool_is_sent_when_its_head_is_due(autojump_clock):
    """Everything that waits behind the head goes with it, in order, and lands in the list."""
    tray = Tray()
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "ab")
        await trio.sleep(5.0)
        await put(stage, "c")
        assert tray.batches == []
        await trio.sleep(20.0)
        assert tray.batches == [(10, ["a", "b", "c"])]
        assert (listed(stage), stage.store.shelf.outbox) == ("abc", {})
        assert stage.outbox.statistics()["delivered"] == 3


async def test_a_full_pool_is_sent_at_once(autojump_clock):
    """As soon as enough rows wait; what comes afterwards starts to count anew."""
    tray = Tray(full=3)
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "ab")
        await put(stage, "cd")
        assert tray.batches == [(0, ["a", "b", "c", "d"])]
        await put(stage, "ef")
        await trio.sleep(30.0)
        assert tray.batches[1:] == [(10, ["e", "f"])]
        assert listed(stage) == "abcdef"


async def test_the_commit_of_an_actor_counts(autojump_clock):
    """An effect that an actor's rule yields is counted in its order."""
    tray = Tray(full=1)
    async with open_stage(senders={"locksmith": tray}) as stage:
        await stage.ask(Open(code="1234"))
        await stage.ask(Jam())
        await trio.sleep(1.0)
        assert tray.asked == [Order(PROJECT, "", "jam")]
        assert tray.batches == [(0, ['{"urgent":true}'])]


async def test_a_batch_has_a_limit(autojump_clock):
    """More rows than one batch takes leave in several, as long as each is full."""
    tray = Tray(full=5, batch_max=2)
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "abcde")
        assert tray.batches == [(0, ["a", "b"]), (0, ["c", "d"])]
        await trio.sleep(20.0)
        assert tray.batches[2:] == [(10, ["e"])]


async def test_a_full_pool_may_mean_nothing(autojump_clock):
    """Where no number is full, only the head's time counts, however many wait."""
    tray = Tray(full=0, batch_max=2)
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "abcde")
        await trio.sleep(9.0)
        assert tray.batches == []
        await trio.sleep(2.0)
        assert [words for _, words in tray.batches] == [["a", "b"], ["c", "d"], ["e"]]


async def test_a_count_that_is_too_high_sends_nothing_early(autojump_clock):
    """The store knows how many wait; the count is put right."""
    tray = Tray(full=3)
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "ab")
        drop(stage, 1)
        await put(stage, "c")
        assert tray.batches == []
        await put(stage, "d")
        assert tray.batches == [(0, ["b", "c", "d"])]
        await put(stage, "ef")
        drop(stage, 5, 6)
        await put(stage, "g")
        drop(stage, 7)
        await trio.sleep(30.0)
        assert len(tray.batches) == 1


async def test_a_restart_forgets_the_counts_only(autojump_clock):
    """What waits is sent when its head is due, or when enough came since."""
    async with open_stage(senders={"tray": Tray(full=3)}) as stage:
        await put(stage, "ab")
    tray = Tray(full=3)
    async with open_stage(shelf=stage.store.shelf, senders={"tray": tray}) as stage:
        await put(stage, "cd")
        assert tray.batches == []
        await trio.sleep(30.0)
        assert tray.batches == [(10, ["a", "b", "c", "d"])]


async def test_orders_do_not_wait_for_each_other(autojump_clock):
    """A slow order is sent once at a time; another one goes meanwhile."""
    tray = Tray(full=2)
    tray.seconds = 3.0
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "ab")
        await put(stage, "cd")
        await put(stage, "xy", subject="t")
        assert tray.batches == [(0, ["a", "b"]), (0, ["x", "y"])]
        assert stage.outbox.statistics()["under_way"] == 2
        await trio.sleep(4.0)
        assert tray.batches[2:] == [(3, ["c", "d"])]


async def test_senders_of_one_order_take_turns(autojump_clock):
    """A pool ends where another sender's row stands; nobody passes it."""
    tray, other = Tray(), Tray()
    async with open_stage(senders={"tray": tray, "other": other}) as stage:
        await put(stage, "ab", due_in_ms=0)
        await put(stage, "x", sender="other", due_in_ms=0)
        await put(stage, "c")
        assert (tray.batches, other.batches) == ([(0, ["a", "b"])], [(0, ["x"])])
        await put(stage, "y", sender="other")
        assert await stage.outbox.flush(ORDER)
        assert (tray.batches[1:], other.batches[1:]) == ([(0, ["c"])], [(0, ["y"])])


async def test_sendings_under_way_are_bounded(autojump_clock):
    """Full pools wait for room like everybody else, and so do those that a restart finds due."""
    tray = Tray(full=1)
    tray.seconds = 1.0
    async with open_stage(Limits(outbox_running_max=32), senders={"tray": tray}) as stage:
        for number in range(40):
            await put(stage, "x", subject=str(number))
        assert len(tray.batches) == 32
        await trio.sleep(1.5)
        assert [at for at, _ in tray.batches[32:]] == [1] * 8
    async with open_stage(runs=()) as stage:
        for number in range(40):
            await put(stage, "x", subject=str(number), due_in_ms=0)
    tray.batches.clear()
    few = Limits(outbox_running_max=32)
    async with open_stage(few, shelf=stage.store.shelf, senders={"tray": tray}) as stage:
        await trio.testing.wait_all_tasks_blocked()
        assert len(tray.batches) == 32
        await trio.sleep(3.0)
        assert (len(tray.batches), len(listed(stage))) == (40, 40)


# --- what goes wrong


async def test_a_pool_that_waits_is_seldom_looked_at(autojump_clock, monkeypatch):
    """While its head waits for another attempt, an order is read once for as many as are full."""
    tray = Tray(full=5)
    tray.errors.append(Later(100.0))
    async with open_stage(senders={"tray": tray}) as stage:
        order, reads = stage.store.order, []

        async def counting(*of: Any) -> Sequence[Delivery]:
            reads.append(of)
            return await order(*of)

        monkeypatch.setattr(stage.store, "order", counting)
        for _ in range(50):
            await put(stage, "x")
        assert len(reads) == 10
        assert len(tray.batches) == 1


async def test_a_failed_pool_stays_as_it_is(autojump_clock):
    """The head waits for its next attempt, those behind it for the head, however many they are."""
    tray = Tray(full=2)
    tray.errors.extend([ConnectionError("nobody at home"), Later(50.0, "holiday")])
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "ab")
        head, behind = stage.store.shelf.outbox.values()
        assert (head.attempts, head.error) == (1, "ConnectionError: nobody at home")
        assert (behind.attempts, behind.error) == (0, "")
        await put(stage, "cd")
        await put(stage, "e")
        await trio.sleep(100.0)
        assert tray.batches == [
            (0, ["a", "b"]),
            (1, ["a", "b", "c", "d", "e"]),
            (51, ["a", "b", "c", "d", "e"]),
        ]
        assert listed(stage) == "abcde"
        assert stage.outbox.statistics()["retried"] == 2
        assert stage.notes.broken == ["delivery"]  # who asks for more time has said why


async def test_only_a_head_is_parked(autojump_clock):
    """After the last wait the head is given up, and the rest goes on without it."""
    tray = Tray()
    tray.errors.extend([OSError("no")] * 3)
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "abc", due_in_ms=0)
        await trio.sleep(30.0)
        assert tray.batches[-2:] == [(11, ["a", "b", "c"]), (11, ["b", "c"])]
        (parked,) = stage.store.shelf.outbox.values()
        assert (parked.parked, parked.attempts, listed(stage)) == (True, 3, "bc")


@pytest.mark.parametrize("fault", ["lost", "kept"])
async def test_what_is_sent_is_listed_exactly_once(autojump_clock, fault):
    """A commit that fails is tried again; one that only says so is not written twice."""
    tray = Tray(full=2)
    async with open_stage(senders={"tray": tray}) as stage:
        stage.store.faults.fail_next(3, fault)
        await put(stage, "ab")
        await trio.sleep(10.0)
        assert (tray.batches, listed(stage)) == ([(0, ["a", "b"])], "ab")
        assert stage.store.shelf.outbox == {}
        assert "settle" in stage.notes.broken


async def test_whoever_was_erased_meanwhile_is_not_listed(autojump_clock):
    """A row that went while it was sent is neither settled nor listed; the others go again."""
    tray = Tray(full=3)
    tray.seconds = 2.0
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "abc")
        drop(stage, 2)
        tray.full = 2
        await trio.sleep(10.0)
        assert tray.batches == [(0, ["a", "b", "c"]), (2, ["a", "c"])]
        assert (listed(stage), stage.notes.broken) == ("ac", [])


@pytest.mark.parametrize("refusal", [Taken("space", "key"), Failed(ValueError("no such list"))])
async def test_rows_that_the_store_refuses_are_a_failed_attempt(autojump_clock, refusal: Outcome):
    """They are not offered again and again: the head waits, and says why."""
    tray = Tray(full=2)
    async with open_stage(senders={"tray": tray}) as stage:
        stage.store.twists.append(refusal)
        await put(stage, "ab")
        (head, _) = stage.store.shelf.outbox.values()
        assert head.attempts == 1
        assert head.error.startswith(("RuntimeError: Taken", "ValueError: no such list"))
        await trio.sleep(10.0)
        assert [at for at, _ in tray.batches] == [0, 1]
        assert listed(stage) == "ab"


async def test_a_crash_between_send_and_settle_sends_the_pool_again(autojump_clock):
    """At least once outside, exactly once in the list."""
    tray = Tray(full=2)
    async with open_stage(senders={"tray": tray}) as stage:
        stage.store.faults.delay_seconds = 60.0
        await put(stage, "ab")
        await trio.sleep(1.0)
    assert len(tray.batches) == 1
    async with open_stage(shelf=stage.store.shelf, senders={"tray": tray}) as stage:
        await trio.sleep(20.0)
        assert [words for _, words in tray.batches] == [["a", "b"]] * 2
        assert listed(stage) == "ab"


async def test_an_order_that_cannot_be_read_is_read_again(autojump_clock, monkeypatch):
    """Who waits for it goes on waiting."""
    tray = Tray()
    async with open_stage(senders={"tray": tray}) as stage:
        order, failures = stage.store.order, [OSError("no")]

        async def unreadable(*of: Any) -> Sequence[Delivery]:
            if failures:
                raise failures.pop()
            return await order(*of)

        monkeypatch.setattr(stage.store, "order", unreadable)
        await put(stage, "ab")
        assert await stage.outbox.flush(ORDER)
        assert tray.batches == [(1, ["a", "b"])]
        assert stage.notes.broken == ["outbox"]


# --- counting


def test_counts_are_bounded(monkeypatch):
    """The order that was counted longest ago is forgotten; it waits for its head's time."""
    monkeypatch.setattr(pools, "ORDERS_COUNTED_MAX", 2)
    first, second, third = (Order(PROJECT, "", name) for name in "abc")
    counted = Pools()
    for order in (first, second, first, third, second):
        counted.count(order, 3)
    assert counted.wanted == ()
    counted.count(second, 3)
    counted.count(third, 3)
    assert counted.wanted == ()
    counted.count(third, 3)
    assert counted.wanted == (third,)


def test_a_look_starts_the_count_anew():
    """Who was looked at is not wanted again before as many have come."""
    order, counted = Order(PROJECT, "", "a"), Pools()
    for _ in range(2):
        assert counted.wanted == ()
        counted.count(order, 2)
        assert counted.wanted == ()
        counted.count(order, 2)
        assert counted.wanted == (order,)
        assert counted.take(order) == []
