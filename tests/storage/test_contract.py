"""The contract of the store's port: one suite, every store."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest
import storage_worlds as worlds
import toy
import trio
from storage_worlds import ALICE, BOB, NOW_MS, change, commit, entry, erasure, opened, stored

from engine.effects import Append, Claim, Document, Release
from engine.errors import KeyReused, Overloaded
from engine.messages import Address, Fact
from engine.ports import Committed, Failed, Missed, Outcome, Store, Taken


async def test_nothing_is_told_before_submit_returns(store: Store) -> None:
    """`submit` never tells by itself: the caller finishes what it is doing first."""
    told: list[Outcome] = []
    done = trio.Event()

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        done.set()

    store.submit(opened(ALICE, 0), tell)
    assert not told
    await done.wait()
    assert told == [Committed((1,))]


async def test_an_actor_is_loaded_as_it_was_stored(store: Store) -> None:
    """Row and fact come back with every field."""
    assert await store.load(ALICE) is None
    await stored(store, opened(ALICE, 0, phase="open", alarm_at_ms=7, since_ms=(3, 4)))
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert (loaded.version, loaded.generation, loaded.phase) == (1, 0, "open")
    assert (loaded.since_ms, loaded.alarm_at_ms, loaded.tail) == ((3, 4), 7, ())
    assert loaded.state == msgspec.json.encode(toy.Door())
    (fact,) = await store.facts(ALICE, 0, 10)
    assert (fact.seq, fact.address, fact.version, fact.name) == (1, ALICE, 1, "Opened")
    assert (fact.body, fact.at_ms) == (b'[{"event":"Opened"}]', NOW_MS)


async def test_tells_run_in_commit_order_although_one_raises(
    store: Store, errors: list[BaseException]
) -> None:
    """An error in a tell is reported and stops nobody else."""
    order: list[int] = []
    done = trio.Event()

    def tell(index: int, _outcome: Outcome) -> None:
        order.append(index)
        if index == 3:
            raise RuntimeError("a listener broke")
        if index == 9:
            done.set()

    for index in range(10):
        address = ALICE._replace(id=f"door{index}")
        store.submit(opened(address, 0), partial(tell, index))
    await done.wait()
    assert order == list(range(10))
    assert [str(error) for error in errors] == ["a listener broke"]


async def test_tells_of_one_commit_run_without_a_gap(store: Store) -> None:
    """No task runs between two tells of a commit."""
    ticks = 0
    seen: list[int] = []

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await trio.lowlevel.checkpoint()

    done = trio.Event()
    entries = [opened(ALICE._replace(id=f"d{n}"), 0) for n in range(20)]

    def tell(_: Outcome) -> None:
        seen.append(ticks)
        if len(seen) == len(entries):
            done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        for one in entries:
            store.submit(one, tell)
        await done.wait()
        nursery.cancel_scope.cancel()
    assert len(set(seen)) <= store.statistics()["commits"]


async def test_a_missed_version_is_rejected_alone(store: Store) -> None:
    """The fence names who was committed first; the neighbours in the batch are stored."""
    await stored(store, opened(ALICE, 0))
    outcomes = await commit(store, opened(BOB, 0), opened(ALICE, 0), opened(BOB, 1))
    assert outcomes == [Committed((2,)), Missed(ALICE), Committed((3,))]
    assert [fact.version for fact in await store.facts(ALICE, 0, 10)] == [1]


async def test_one_actor_twice_in_a_batch(store: Store) -> None:
    """The second entry is fenced on what the first one leaves; a third that is not misses."""
    outcomes = await commit(store, opened(ALICE, 0), opened(ALICE, 1), opened(ALICE, 1))
    assert outcomes == [Committed((1,)), Committed((2,)), Missed(ALICE)]
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert loaded.version == 2


async def test_a_joint_step_is_all_or_nothing(store: Store) -> None:
    """One missed actor keeps the other from being written; a read counts as well."""
    await stored(store, opened(ALICE, 0))
    joint = entry(change(BOB, 0, toy.Opened()), change(ALICE, 0, toy.Opened()))
    reading = entry(change(BOB, 0, toy.Opened()), reads=((ALICE, 2),))
    assert await commit(store, joint, reading) == [Missed(ALICE), Missed(ALICE)]
    assert await store.load(BOB) is None
    good = entry(change(BOB, 0, toy.Opened()), change(ALICE, 1, toy.Opened()))
    assert await commit(store, good) == [Committed((2, 3))]


async def test_an_entry_that_cannot_be_written_fails_alone(store: Store) -> None:
    """The guilty entry fails with its error; those before and after it are stored."""
    odd = entry(change(BOB, 0, worlds.Odd()))
    first, second, third = await commit(store, opened(ALICE, 0), odd, opened(ALICE, 1))
    assert (first, third) == (Committed((1,)), Committed((2,)))
    assert isinstance(second, Failed)
    assert not second.everything
    assert await store.load(BOB) is None
    assert store.is_writable


@pytest.mark.parametrize("wrong", ["versions", "state", "erasure"])
async def test_a_change_that_breaks_the_rules_is_refused(store: Store, wrong: str) -> None:
    """Versions are dense, a first commit carries the state, an erasure is a fact."""
    bad = {
        "versions": msgspec.structs.replace(change(ALICE, 0, toy.Opened()), version=2),
        "state": change(ALICE, 0, toy.Opened(), state=None),
        "erasure": change(ALICE, 0, erases=True),
    }[wrong]
    (outcome,) = await commit(store, entry(bad))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, ValueError)


async def test_a_state_may_be_written_less_often(store: Store) -> None:
    """Facts after the row's state come as its tail, in the same batch or a later one."""
    await stored(store, opened(ALICE, 0), opened(ALICE, 1, state=None))
    await stored(store, opened(ALICE, 2, state=None, phase="open", alarm_at_ms=9))
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert (loaded.version, loaded.phase, loaded.alarm_at_ms) == (3, "open", 9)
    assert [fact.version for fact in loaded.tail] == [2, 3]
    await stored(store, opened(ALICE, 3))
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert loaded.tail == ()


async def test_a_write_without_a_fact(store: Store) -> None:
    """An alarm can be cleared without a fact, under the same version."""
    await stored(store, opened(ALICE, 0, alarm_at_ms=50))
    assert await store.alarms(10) == [(ALICE, 50)]
    assert await stored(store, entry(change(ALICE, 1))) == [Committed()]
    assert await store.alarms(10) == []
    assert (await store.load(ALICE)).version == 1  # type: ignore[union-attr]


async def test_several_facts_in_one_change(store: Store) -> None:
    """Several commands of one actor are several facts of one entry, numbered in order."""
    facts = tuple(Fact(n, NOW_MS, (toy.Opened(),)) for n in (1, 2, 3))
    several = msgspec.structs.replace(change(ALICE, 0), version=3, facts=facts)
    assert await stored(store, entry(several)) == [Committed((1, 2, 3))]
    assert [fact.version for fact in await store.facts(ALICE, 1, 1)] == [2]


async def test_seqs_are_dense_and_in_commit_order(store: Store) -> None:
    """Rejected entries use no number; kinds and projects are told apart."""
    other = Address("house", "lamp", "alice")
    await commit(store, opened(ALICE, 0), opened(ALICE, 0), opened(other, 0), opened(BOB, 0))
    assert await store.last_seq() == 3
    assert [fact.seq for fact in await store.kind_facts("house", "door", 0, 10)] == [1, 3]
    assert [fact.seq for fact in await store.kind_facts("house", "door", 1, 10)] == [3]
    assert await store.kind_facts("barn", "door", 0, 10) == []


async def test_lists_of_actors(store: Store) -> None:
    """Pages in order of id, by phase or any; tombstones are left out and not counted."""
    for number in range(5):
        phase = "open" if number % 2 else "locked"
        await stored(store, opened(ALICE._replace(id=f"d{number}"), 0, phase=phase))
    await stored(store, entry(erasure(ALICE._replace(id="d0"), 1)))
    assert [one.address.id for one in await store.actors("house", "door", "", "d1", 2)] == [
        "d2",
        "d3",
    ]
    assert [one.address.id for one in await store.actors("house", "door", "open", "", 9)] == [
        "d1",
        "d3",
    ]
    assert await store.count("house", "door") == {"locked": 2, "open": 2}
    assert await store.actors("barn", "door", "", "", 9) == []


async def test_alarms_come_in_order_of_time(store: Store) -> None:
    """The next alarms, and only as many as asked for."""
    for number in (3, 1, 2):
        await stored(store, opened(ALICE._replace(id=f"d{number}"), 0, alarm_at_ms=number))
    assert [at_ms for _, at_ms in await store.alarms(2)] == [1, 2]


async def test_documents_are_stored_once(store: Store) -> None:
    """A document is found by hash in its project only; storing it again is nothing."""
    document = Document(b"closed on Mondays")
    await stored(store, entry(documents=(document,)), entry(documents=(document,)))
    assert await store.document("house", document.hash) == document.body
    assert await store.document("barn", document.hash) is None


async def test_appends_answer_in_order(store: Store) -> None:
    """Rows for lists belong to no actor; each gets its list's answer."""
    two = entry(appends=(Append("sign", ("a",)), Append("sign", ("b",))))
    one = entry(appends=(Append("sign", ("c",)),))
    assert await stored(store, two, one) == [Committed((), (1, 2)), Committed((), (3,))]


async def test_a_claim_is_unique_in_its_project(store: Store) -> None:
    """Taken by another: `Taken`; claimed again by its owner: fine; released: free, in a batch."""
    mine = entry(change(ALICE, 0, toy.Opened()), claims=((ALICE, Claim("name", "x")),))
    theirs = entry(change(BOB, 0, toy.Opened()), claims=((BOB, Claim("name", "x")),))
    assert await commit(store, mine, theirs) == [Committed((1,)), Taken("name", "x")]
    again = entry(claims=((ALICE, Claim("name", "x")),))
    release = entry(claims=((ALICE, Release("name", "x")),))
    assert await commit(store, theirs, again) == [Taken("name", "x"), Committed()]
    assert await commit(store, release, theirs, again) == [
        Committed(),
        Committed((2,)),
        Taken("name", "x"),
    ]


async def test_a_stranger_cannot_release_a_claim(store: Store) -> None:
    """Only the owner gives a claim back."""
    await stored(store, entry(claims=((ALICE, Claim("name", "x")),)))
    await stored(store, entry(claims=((BOB, Release("name", "x")),)))
    assert await commit(store, entry(claims=((BOB, Claim("name", "x")),))) == [Taken("name", "x")]


async def test_a_kept_answer(store: Store) -> None:
    """It is found by its key, refused a second time, and forgotten when too old."""
    answer = worlds.kept("k1", ALICE)
    await stored(store, entry(change(ALICE, 0, toy.Opened()), kept=(answer,)))
    assert await store.kept("house", "caller", "k1") == answer
    assert await store.kept("house", "other", "k1") is None
    (outcome,) = await commit(store, entry(change(ALICE, 1, toy.Opened()), kept=(answer,)))
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, KeyReused)
    assert (await store.load(ALICE)).version == 1  # type: ignore[union-attr]


async def test_an_old_kept_answer_counts_no_more(store: Store) -> None:
    """Beyond its hours it is not found, may be replaced, and `tidy` deletes it."""
    old = worlds.kept("k1", ALICE, NOW_MS - 25 * 3_600_000)
    await stored(store, entry(kept=(old,)), entry(kept=(msgspec.structs.replace(old, key="k2"),)))
    assert await store.kept("house", "caller", "k1") is None
    await stored(store, entry(kept=(worlds.kept("k1", BOB),)))
    assert await store.kept("house", "caller", "k1") == worlds.kept("k1", BOB)
    assert await store.tidy({}, NOW_MS) == 1
    assert await store.tidy({}, NOW_MS) == 0


async def test_a_full_queue_is_overloaded(store: Store) -> None:
    """Beyond the limit an entry is refused at once, and those queued are all told."""
    done = trio.Event()
    told: list[Outcome] = []
    accepted = 0

    def tell(outcome: Outcome) -> None:
        told.append(outcome)
        if len(told) == accepted:
            done.set()

    def flood() -> None:
        nonlocal accepted
        for number in range(100_000):
            store.submit(opened(ALICE._replace(id=f"d{number}"), 0), tell)
            accepted += 1

    with pytest.raises(Overloaded) as caught:
        flood()
    assert caught.value.limit == "store_queue_entries_max"
    await done.wait()
    assert all(isinstance(outcome, Committed) for outcome in told)


async def test_statistics_count(store: Store) -> None:
    """Commits, entries and the newest seq are there for the metrics."""
    await stored(store, opened(ALICE, 0), opened(BOB, 0))
    statistics = store.statistics()
    assert statistics["entries"] == 2
    assert statistics["last_seq"] == 2
    assert statistics["is_writable"]
