"""Pools that somebody asks for: sent before they are due, and the asker learns how it went."""

from __future__ import annotations

import trio
import trio.testing
from stage import open_stage
from trays import ORDER, PATIENT_MS, Tray, drop, listed, put

from engine.errors import Later
from engine.ports import Delivery
from engine.senders import PoolSender


async def test_a_flush_sends_what_waits(autojump_clock):
    """Long before it is due, in as many batches as it takes; of nothing it is done at once."""
    tray = Tray(batch_max=2)
    async with open_stage(senders={"tray": tray}) as stage:
        assert await stage.outbox.flush(ORDER)
        await put(stage, "abc")
        await put(stage, "x", subject="t")
        assert await stage.outbox.flush(ORDER)
        assert tray.batches == [(0, ["a", "b"]), (0, ["c"])]
        assert listed(stage) == "abc"
        assert trio.current_time() < 1


async def test_a_flush_says_that_it_failed(autojump_clock):
    """The rows stay; a later flush does not wait for the head's next attempt."""
    tray = Tray()
    tray.errors.append(Later(100.0))
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "ab")
        assert not await stage.outbox.flush(ORDER)
        assert len(stage.store.shelf.outbox) == 2
        assert await stage.outbox.flush(ORDER)
        assert [at for at, _ in tray.batches] == [0, 0]


async def test_a_flush_covers_what_waits_when_it_is_called(autojump_clock):
    """Under way already, the order is sent once more for what came since; all who ask are told."""
    tray = Tray(full=2)
    tray.seconds = 3.0
    async with open_stage(senders={"tray": tray}) as stage:
        await put(stage, "ab")
        await put(stage, "c")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stage.outbox.flush, ORDER)
            assert await stage.outbox.flush(ORDER)
        assert tray.batches == [(0, ["a", "b"]), (3, ["c"])]
        assert listed(stage) == "abc"


async def test_a_flush_survives_an_erasure(autojump_clock):
    """What was taken away while it was sent keeps nobody waiting."""
    tray = Tray()
    tray.seconds = 1.0
    async with open_stage(senders={"tray": tray}) as stage, trio.open_nursery() as nursery:
        await put(stage, "ab")
        answers: list[bool] = []

        async def ask() -> None:
            answers.append(await stage.outbox.flush(ORDER))

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        drop(stage, 1, 2)
        await trio.sleep(2.0)
        assert (answers, listed(stage)) == ([True], "")


async def test_a_flush_serves_senders_of_single_rows(autojump_clock):
    """They go one after the other, due or not."""

    class Letters:
        waits_seconds = (1.0,)
        sent = ""

        async def send(self, delivery: Delivery) -> None:
            self.sent += delivery.effect.body.decode()

    letters = Letters()
    assert not isinstance(letters, PoolSender)
    async with open_stage(senders={"tray": letters}) as stage:
        await put(stage, "abc")
        assert await stage.outbox.flush(ORDER)
        assert letters.sent == "abc"
        await put(stage, "de")
        stage.clock.offset_ms += PATIENT_MS  # nobody is told: the flush finds the head due
        await put(stage, "f", is_told=False)
        assert await stage.outbox.flush(ORDER)
        assert letters.sent == "abcdef"


async def test_an_outbox_that_ends_leaves_nobody_waiting(autojump_clock):
    """Whoever waits is told that it was not sent, and so is whoever asks afterwards."""
    tray = Tray()
    tray.seconds = 5.0
    answers: list[bool] = []
    async with trio.open_nursery() as nursery:
        async with open_stage(senders={"tray": tray}) as stage:
            await put(stage, "ab")

            async def ask() -> None:
                answers.append(await stage.outbox.flush(ORDER))

            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(ask)  # the order is under way: this one waits for the next sending
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(ask)
    assert answers == [False, False, False]
    assert listed(stage) == ""
