"""An envelope is answered once; whoever waits is woken, or runs out of patience."""

from __future__ import annotations

import pytest
import trio
from stage import door
from toy import Shut

from engine.envelope import Envelope, Patience
from engine.errors import Busy, Overloaded
from engine.messages import Reply
from engine.spot import Spot

REPLY = Reply(door(), 1, 0, None)


async def test_only_the_first_answer_counts():
    """A later answer is ignored, and those who were to be told are told once."""
    envelope, told = Envelope(Shut()), []
    envelope.when_answered = lambda: told.append(envelope.reply)
    envelope.answer(REPLY)
    envelope.answer(Busy("late"))
    assert await envelope.wait() is REPLY
    assert told == [REPLY]


async def test_everybody_who_waits_gets_the_answer():
    """Several may wait for one command, and one of them may leave."""
    envelope, answers = Envelope(Shut()), []

    async def wait() -> None:
        with pytest.raises(Busy):
            await envelope.wait()
        answers.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        with trio.CancelScope() as scope:
            nursery.start_soon(trio.testing.wait_all_tasks_blocked)
            scope.cancel()
            await envelope.wait()
        await trio.testing.wait_all_tasks_blocked()
        envelope.answer(Busy("so it is"))
    assert answers == [True, True]


async def test_patience_wakes_those_whose_time_has_come(autojump_clock):
    """Only they are told; those who began later go on waiting, the answered are forgotten."""
    patience, envelopes = Patience(), [Envelope(Shut()) for _ in range(3)]
    for until, envelope in enumerate(envelopes, 1):
        patience.note(envelope, trio.current_time() + until)
    results: list[object] = []

    async def wait(envelope: Envelope, until: float) -> None:
        try:
            results.append(await envelope.wait(until))
        except Overloaded as error:
            results.append(error.limit)

    async with trio.open_nursery() as nursery:
        for until, envelope in enumerate(envelopes, 1):
            nursery.start_soon(wait, envelope, trio.current_time() + until)
        await trio.sleep(1.5)
        envelopes[1].wake()  # nobody's time: it goes on waiting
        patience.run_out(trio.current_time())
        await trio.testing.wait_all_tasks_blocked()
        assert results == ["ask_seconds_max"]
        for envelope in envelopes[1:]:
            envelope.answer(REPLY)
    patience.note(Envelope(Shut()), trio.current_time() + 9.0)
    patience.run_out(trio.current_time())
    assert results == ["ask_seconds_max", REPLY, REPLY]


async def test_a_spot_wakes_its_one_task_or_nobody():
    """A wake with nobody there is nothing; a cancelled task leaves the spot free."""
    spot, woken = Spot(), []
    spot.wake()
    with trio.move_on_after(0):
        await spot.wait()
    spot.wake()

    async def wait() -> None:
        await spot.wait()
        woken.append(True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        spot.wake()
    assert woken == [True]
