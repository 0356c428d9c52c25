"""The outbox: at least once, in order, patient, and never twice for commands."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import trio
from stage import PROJECT, Stage, door, open_stage

from engine.effects import Effect
from engine.errands import CommandBody
from engine.errors import Later, Unavailable
from engine.limits import Limits
from engine.ports import Delivery, Entry, Settle, Taken


class Post:
    """A sender that remembers; `bad` words fail, `slow` ones take long, `later` ones must wait."""

    def __init__(self, waits: tuple[float, ...] = (1.0, 10.0)) -> None:
        self.waits_seconds = waits
        self.sent: list[tuple[float, str, int]] = []
        self.bad: set[str] = set()
        self.slow: dict[str, float] = {}
        self.later: dict[str, float] = {}

    async def send(self, delivery: Delivery) -> None:
        """Deliver once."""
        word = delivery.effect.body.decode()
        self.sent.append((trio.current_time(), word, delivery.id))
        await trio.sleep(self.slow.get(word, 0))
        if word in self.bad:
            raise ConnectionError("nobody at home")
        if word in self.later:
            raise Later(self.later[word], "on holiday")

    @property
    def words(self) -> list[str]:
        """What was sent, attempts included."""
        return [word for _, word, _ in self.sent]


async def put(stage: Stage, *words: str, subject: str = "s", **more: object) -> None:
    """Commit effects."""
    effects = tuple(
        (door(), 1, Effect(sender="post", subject=subject, body=word.encode(), **more))  # type: ignore[arg-type]
        for word in words
    )
    entry = Entry(project=PROJECT, at_ms=stage.clock.now_ms(), effects=effects)
    stage.store.shelf.apply([entry], 0)
    stage.outbox.nudge()
    await trio.testing.wait_all_tasks_blocked()


async def test_deliveries_of_a_subject_keep_their_order(autojump_clock):
    """The head blocks those behind it; other subjects go on meanwhile."""
    post = Post()
    post.slow["a1"] = 3.0
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "a1", "a2", subject="a")
        await put(stage, "b1", "b2", subject="b")
        await trio.sleep(1.0)
        assert post.words == ["a1", "b1", "b2"]
        await trio.sleep(5.0)
        assert post.words == ["a1", "b1", "b2", "a2"]
        assert stage.store.shelf.outbox == {}
        assert stage.outbox.statistics()["delivered"] == 4


async def test_a_failing_delivery_waits_and_is_parked(autojump_clock):
    """The sender's waits, the same id each time; then it is parked and the next one goes."""
    post = Post()
    post.bad.add("x")
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "x", "y")
        await trio.sleep(30.0)
        times = [round(at) for at, word, _ in post.sent if word == "x"]
        assert times == [0, 1, 11]
        assert post.words == ["x", "x", "x", "y"]
        assert len({id_ for _, word, id_ in post.sent if word == "x"}) == 1
        (parked,) = await stage.store.deliveries(PROJECT, parked_only=True, after=0, limit=9)
        assert (parked.attempts, parked.error) == (3, "ConnectionError: nobody at home")
        post.bad.clear()
        free = Settle(id=parked.id, due_at_ms=stage.clock.now_ms())
        stage.store.shelf.apply([Entry(project=PROJECT, at_ms=0, settles=(free,))], 0)
        stage.outbox.nudge()
        await trio.sleep(1.0)
        assert stage.store.shelf.outbox == {}


async def test_a_sender_may_say_when_to_try_again(autojump_clock):
    """Its own wait, as often as it takes: attempts are counted, and nothing is ever parked."""
    post = Post(waits=())
    post.later["x"] = 20.0
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "x")
        await trio.sleep(110.0)
        assert [round(at) for at, _, _ in post.sent] == [0, 20, 40, 60, 80, 100]
        (waiting,) = stage.store.shelf.outbox.values()
        assert (waiting.attempts, waiting.parked, waiting.error) == (6, False, "Later: on holiday")
        assert stage.outbox.statistics()["retried"] == 6
        post.later.clear()
        await trio.sleep(20.0)
        assert stage.store.shelf.outbox == {}


async def test_a_slow_delivery_delays_nobody_who_falls_due(autojump_clock):
    """The outbox sleeps until the next head that is not under way, not until the slow one ends."""
    post = Post()
    post.slow["slow"] = 8.0
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "soon", subject="t", due_in_ms=2_000)
        await put(stage, "slow")
        await trio.sleep(9.0)
        assert [(round(at), word) for at, word, _ in post.sent] == [(0, "slow"), (2, "soon")]


async def test_one_that_falls_due_during_the_look_is_not_overlooked(autojump_clock, monkeypatch):
    """A clock that moves between two reads costs no half minute."""
    post = Post()
    async with open_stage(senders={"post": post}) as stage:
        next_due = stage.store.next_due

        async def slow_read() -> int | None:
            found = await next_due()
            stage.clock.offset_ms += 1
            return found

        monkeypatch.setattr(stage.store, "next_due", slow_read)
        await put(stage, "x", due_in_ms=1)
        await trio.sleep(1.0)
        assert post.words == ["x"]


async def test_a_late_read_sends_nothing_twice(autojump_clock, monkeypatch):
    """Rows read while their delivery ended are old news."""
    post = Post()
    post.slow["x"] = 1.0
    async with open_stage(senders={"post": post}) as stage:
        due = stage.store.due

        async def late(now_ms: int, limit: int) -> Sequence[Delivery]:
            found = await due(now_ms, limit)
            await trio.sleep(2.0)
            return found

        monkeypatch.setattr(stage.store, "due", late)
        await put(stage, "x")
        await trio.sleep(2.5)
        await put(stage, "y", subject="t")
        await trio.sleep(20.0)
        assert sorted(post.words) == ["x", "y"]


async def test_an_attempt_has_a_limit(autojump_clock):
    """A receiver that does not answer in time counts as failed."""
    post = Post(waits=())
    post.slow["x"] = 60.0
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "x")
        await trio.sleep(11.0)
        assert [delivery.error for delivery in stage.store.shelf.outbox.values()] == [
            "TooSlowError: "
        ]


async def test_effects_wait_until_they_are_due(autojump_clock):
    """The outbox sleeps until the next one is due, and looks again after half a minute."""
    post = Post()
    async with open_stage(senders={"post": post}) as stage:
        await put(stage, "later", due_in_ms=5_000)
        await put(stage, "much later", subject="t", due_in_ms=100_000)
        await trio.sleep(200.0)
        assert [(round(at), word) for at, word, _ in post.sent] == [
            (5, "later"),
            (100, "much later"),
        ]


async def test_an_unknown_sender_parks_at_once(autojump_clock):
    """And a sender may be registered later."""
    async with open_stage() as stage:
        await put(stage, "x")
        await trio.sleep(1.0)
        assert stage.outbox.statistics() == {
            "under_way": 0, "delivered": 0, "retried": 0, "parked": 1,
        }  # fmt: skip
        (parked,) = stage.store.shelf.outbox.values()
        assert (parked.parked, parked.error) == (True, "LookupError: there is no sender 'post'")
        post = Post()
        stage.outbox.register("post", post)
        await put(stage, "y")
        await trio.sleep(1.0)
        assert post.words == ["y"]


async def test_deliveries_under_way_are_bounded(autojump_clock):
    """No more than 32 at once; the rest goes when there is room."""
    post = Post()
    async with open_stage(Limits(outbox_running_max=32), senders={"post": post}) as stage:
        for number in range(40):
            post.slow[str(number)] = 1.0
            await put(stage, str(number), subject=str(number))
        assert stage.outbox.statistics()["under_way"] == 32
        await trio.sleep(5.0)
        assert sorted(post.words, key=int) == [str(number) for number in range(40)]


async def test_a_crash_between_send_and_settle_repeats_with_the_same_id(autojump_clock):
    """At least once: the receiver knows it by its id."""
    post = Post()
    async with open_stage(senders={"post": post}) as stage:
        stage.store.faults.delay_seconds = 60.0
        await put(stage, "x")
        await trio.sleep(1.0)
    async with open_stage(shelf=stage.store.shelf, senders={"post": post}) as stage:
        await trio.sleep(1.0)
    assert post.words == ["x", "x"]
    assert len({id_ for _, _, id_ in post.sent}) == 1


async def test_a_full_disk_does_not_send_again_and_again(autojump_clock):
    """What was sent but not yet written down is written down later, not sent later."""
    post = Post()
    async with open_stage(senders={"post": post}) as stage:
        stage.store.faults.fail_next(20)
        await put(stage, "x")
        stage.store.twists.append(Taken("space", "key"))
        await trio.sleep(60.0)
        assert post.words == ["x"]
        assert stage.store.shelf.outbox == {}
        assert "settle" in stage.notes.broken


async def test_a_store_that_takes_nothing_is_asked_again(autojump_clock):
    """A settlement the store refuses is offered again."""
    post = Post()
    async with open_stage(senders={"post": post}) as stage:
        submit, refusals = stage.store.submit, [Unavailable("no"), Unavailable("no")]

        def refuse(entry: Entry, tell: object) -> None:
            if refusals:
                raise refusals.pop()
            submit(entry, tell)  # type: ignore[arg-type]

        stage.store.submit = refuse  # type: ignore[method-assign]
        await put(stage, "x")
        await trio.sleep(5.0)
        assert (post.words, stage.store.shelf.outbox) == (["x"], {})


async def test_an_outbox_that_cannot_be_read_is_read_again(autojump_clock, monkeypatch):
    """A read that breaks is reported and repeated; it ends nothing."""
    post = Post()
    async with open_stage(senders={"post": post}) as stage:
        due, failures = stage.store.due, [OSError("no"), OSError("no")]

        async def unreadable(now_ms: int, limit: int) -> Sequence[Delivery]:
            if failures:
                raise failures.pop()
            return await due(now_ms, limit)

        monkeypatch.setattr(stage.store, "due", unreadable)
        await put(stage, "x")
        await trio.sleep(5.0)
        assert post.words == ["x"]
        assert stage.notes.broken == ["outbox", "outbox"]


# --- commands to other actors


async def order(stage: Stage, command: str, data: bytes, kind: str = "door") -> None:
    """Commit a `command` effect to the back door."""
    body = msgspec.json.encode(
        CommandBody(kind=kind, id="back", command=command, data=msgspec.Raw(data))
    )
    effect = Effect(sender="command", subject="back", body=body)
    entry = Entry(project=PROJECT, at_ms=stage.clock.now_ms(), effects=((door(), 1, effect),))
    stage.store.shelf.apply([entry], 0)
    stage.outbox.nudge()
    await trio.sleep(1.0)


async def test_a_command_effect_is_carried_out_once(autojump_clock):
    """The receiver's commit records the delivery, so a repeat after a crash is nothing."""
    async with open_stage() as stage:

        async def forget(*_what: object) -> None:
            await trio.sleep_forever()

        stage.outbox._write_down = forget  # type: ignore[method-assign]
        await order(stage, "setCode", b'{"code":"9"}')
        assert stage.stored(door("back")) == [(1, "CodeSet")]
    async with open_stage(shelf=stage.store.shelf) as stage:
        await trio.sleep(1.0)
        assert stage.stored(door("back")) == [(1, "CodeSet")]
        assert stage.store.shelf.outbox == {}
        assert stage.notes.outcomes == [("setCode", "repeated")]


async def test_a_refused_command_effect_is_an_answer(autojump_clock):
    """It is not tried again, and the observer hears of it."""
    async with open_stage() as stage:
        await order(stage, "shut", b"{}")
        assert stage.store.shelf.outbox == {}
        assert stage.notes.broken == ["command"]
        await order(stage, "shut", b"{}", kind="gate")
        assert [one.attempts for one in stage.store.shelf.outbox.values()] == [1]
