"""The contract of the store's port, second part: the outbox, erasures, retention."""

from __future__ import annotations

import msgspec
import storage_worlds as worlds
import toy
from storage_worlds import ALICE, BOB, NOW_MS, change, commit, entry, erasure, opened, stored

from engine.effects import Claim
from engine.kind import FOR_EVER, Keep
from engine.messages import Fact
from engine.ports import REDACTED, Committed, Failed, Missed, Settle, Store, Taken

# --- outbox


async def test_only_heads_are_due(store: Store) -> None:
    """Equal subscription and subject keep their order; others do not wait for each other."""
    effects = [worlds.effect("a"), worlds.effect("a"), worlds.effect("b", due_in_ms=5)]
    await stored(store, entry(effects=tuple((ALICE, 1, one) for one in effects)))
    assert [one.id for one in await store.due(NOW_MS, 9)] == [1]
    assert await store.next_due() == NOW_MS
    assert [one.id for one in await store.due(NOW_MS + 5, 9)] == [1, 3]
    await stored(store, entry(settles=(Settle(id=1),)))
    (due,) = await store.due(NOW_MS, 9)
    assert (due.id, due.effect, due.cause, due.version) == (2, effects[1], ALICE, 1)


async def test_a_head_blocks_until_delivered_or_parked(store: Store) -> None:
    """A head that backs off holds the rest; a parked one lets them pass and can be retried."""
    effects = tuple((ALICE, 1, worlds.effect("a")) for _ in range(3))
    await stored(store, entry(effects=effects))
    later = Settle(id=1, due_at_ms=NOW_MS + 100, attempts=1, error="refused")
    await stored(store, entry(settles=(later,)))
    assert await store.due(NOW_MS, 9) == []
    assert await store.next_due() == NOW_MS + 100
    await stored(store, entry(settles=(Settle(id=1, parked=True, attempts=2, error="gone"),)))
    assert [one.id for one in await store.due(NOW_MS, 9)] == [2]
    (parked,) = await store.deliveries("house", parked_only=True, after=0, limit=9)
    assert (parked.id, parked.attempts, parked.error, parked.parked) == (1, 2, "gone", True)
    await stored(store, entry(settles=(Settle(id=1, due_at_ms=NOW_MS),)))
    assert [one.id for one in await store.due(NOW_MS, 9)] == [1]
    everything = await store.deliveries("house", parked_only=False, after=1, limit=9)
    assert [one.id for one in everything] == [2, 3]


async def test_delivery_ids_are_never_used_twice(store: Store) -> None:
    """Receivers know a delivery by its id."""
    for number in (1, 2):
        await stored(store, entry(effects=((ALICE, 1, worlds.effect("a")),)))
        assert [one.id for one in await store.due(NOW_MS, 9)] == [number]
        await stored(store, entry(settles=(Settle(id=number),)))
    assert await store.next_due() is None


async def test_settles_stay_in_their_project(store: Store) -> None:
    """An entry of another project cannot settle a delivery; an unknown id is nothing."""
    await stored(store, entry(effects=((ALICE, 1, worlds.effect("a")),)))
    foreign = msgspec.structs.replace(entry(settles=(Settle(id=1), Settle(id=99))), project="barn")
    await stored(store, foreign)
    assert len(await store.due(NOW_MS, 9)) == 1


# --- erasing


async def _furnish(store: Store) -> None:
    await stored(
        store,
        entry(
            change(ALICE, 0, toy.Opened(), alarm_at_ms=5),
            claims=((ALICE, Claim("name", "x")),),
            kept=(worlds.kept("k1", ALICE),),
            effects=(
                (ALICE, 1, worlds.effect("a", about="alice")),
                (ALICE, 1, worlds.effect("a", about="bob")),
            ),
        ),
        opened(ALICE, 1),
    )


async def test_an_erasure_leaves_a_tombstone(store: Store) -> None:
    """Facts, state, alarm, claims and kept replies go; version and generation stay."""
    await _furnish(store)
    await stored(store, entry(erasure(ALICE, 2)))
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert (loaded.version, loaded.state, loaded.phase, loaded.tail) == (3, None, "erased", ())
    (fact,) = await store.facts(ALICE, 0, 9)
    assert (fact.version, fact.name) == (3, "Erased")
    counts = msgspec.json.decode(fact.body)[0]["counts"]
    assert (counts["facts"], counts["claims"], counts["replies"]) == (2, 1, 1)
    assert await store.kept("house", "caller", "k1") is None
    assert await store.alarms(9) == []
    assert len(await store.deliveries("house", parked_only=False, after=0, limit=9)) == 2
    assert await commit(store, entry(claims=((BOB, Claim("name", "x")),))) == [Committed()]


async def test_an_erased_actor_goes_on_at_its_version(store: Store) -> None:
    """Created again it continues at n+2; a fence on version 0 misses; a state is needed."""
    await stored(store, opened(ALICE, 0), entry(erasure(ALICE, 1)))
    assert await commit(store, opened(ALICE, 0)) == [Missed(ALICE)]
    (outcome,) = await commit(store, opened(ALICE, 2, state=None))
    assert isinstance(outcome, Failed)
    await stored(store, opened(ALICE, 2, generation=1))
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert (loaded.version, loaded.generation) == (3, 1)
    assert [fact.version for fact in await store.facts(ALICE, 0, 9)] == [2, 3]


async def test_erased_and_created_again_in_one_batch(store: Store) -> None:
    """A batch keeps its order around an erasure, claims included."""
    mine = entry(change(ALICE, 0, toy.Opened()), claims=((ALICE, Claim("name", "x")),))
    theirs = entry(change(BOB, 0, toy.Opened()), claims=((BOB, Claim("name", "x")),))
    outcomes = await commit(
        store, mine, entry(erasure(ALICE, 1)), theirs, opened(ALICE, 2, generation=1)
    )
    assert outcomes == [Committed((n,)) for n in (1, 2, 3, 4)]
    assert await commit(store, entry(claims=((ALICE, Claim("name", "x")),))) == [Taken("name", "x")]
    assert [fact.version for fact in await store.facts(ALICE, 0, 9)] == [2, 3]


async def test_an_erasure_for_privacy_keeps_places(store: Store) -> None:
    """Versions stay dense, events go, pending effects about the person go, counts are stored."""
    await _furnish(store)
    await stored(store, entry(erasure(ALICE, 2, privacy=True, about="alice")))
    facts = await store.facts(ALICE, 0, 9)
    assert [(fact.version, fact.name) for fact in facts] == [
        (1, REDACTED),
        (2, REDACTED),
        (3, "Erased"),
    ]
    assert all(b"Opened" not in fact.body for fact in facts)
    counts = msgspec.json.decode(facts[-1].body)[0]["counts"]
    assert (counts["facts"], counts["effects"]) == (2, 1)
    (left,) = await store.due(NOW_MS, 9)
    assert left.effect.about == "bob"


async def test_an_erasure_takes_what_its_own_change_states(store: Store) -> None:
    """Facts of the same change before the erasing one go too."""
    facts = (
        Fact(1, NOW_MS, (toy.Opened(),)),
        Fact(2, NOW_MS, erasure(ALICE, 1).facts[0].events),
    )
    both = msgspec.structs.replace(erasure(ALICE, 0), version=2, facts=facts)
    assert await stored(store, entry(both)) == [Committed((1, 2))]
    assert [fact.version for fact in await store.facts(ALICE, 0, 9)] == [2]
    await stored(store, opened(BOB, 0))
    assert await store.last_seq() == 3


async def test_an_erasure_reaches_what_its_batch_wrote(store: Store) -> None:
    """Claims, replies and effects of an earlier entry of the same batch go too, and are counted."""
    furnished = entry(
        change(ALICE, 0, toy.Opened()),
        claims=((ALICE, Claim("name", "x")),),
        kept=(worlds.kept("k1", ALICE),),
        effects=((ALICE, 1, worlds.effect("a", about="alice")),),
    )
    await stored(store, furnished, entry(erasure(ALICE, 1, privacy=True, about="alice")))
    assert await store.kept("house", "caller", "k1") is None
    assert await store.next_due() is None
    fact = (await store.facts(ALICE, 1, 9))[0]
    counts = msgspec.json.decode(fact.body)[0]["counts"]
    assert counts.items() >= {"facts": 1, "claims": 1, "replies": 1, "effects": 1}.items()


async def test_an_entry_may_erase_one_and_give_its_claim_to_another(store: Store) -> None:
    """Two become one: what the erased held is free in the same entry; its changes join up."""
    await stored(
        store, entry(change(ALICE, 0, toy.Opened()), claims=((ALICE, Claim("name", "x")),))
    )
    merged = entry(
        change(ALICE, 1, toy.Closed()),
        erasure(ALICE, 2),
        change(BOB, 0, toy.Opened()),
        claims=((BOB, Claim("name", "x")),),
    )
    assert await commit(store, merged) == [Committed((2, 3, 4))]
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert (loaded.version, loaded.state) == (3, None)
    assert await commit(store, entry(claims=((ALICE, Claim("name", "x")),))) == [Taken("name", "x")]


# --- retention


async def test_tidy_keeps_the_last_facts(store: Store) -> None:
    """Each kind keeps what it says; the seq goes on after the newest were cut."""
    for version in range(6):
        await stored(store, opened(ALICE, version), opened(ALICE._replace(kind="lamp"), version))
    deleted = 0
    while count := await store.tidy({"door": Keep(last=2), "lamp": FOR_EVER}, NOW_MS):
        deleted += count
    assert deleted == 4
    assert [fact.version for fact in await store.facts(ALICE, 0, 9)] == [5, 6]
    assert len(await store.facts(ALICE._replace(kind="lamp"), 0, 9)) == 6


async def test_tidy_cuts_by_age_but_never_the_tail(store: Store) -> None:
    """Old facts go, except those that the row's state does not cover."""
    await stored(store, opened(ALICE, 0), opened(ALICE, 1), opened(ALICE, 2, state=None))
    while await store.tidy({"door": Keep(days=1)}, NOW_MS + 86_400_001):
        pass
    assert [fact.version for fact in await store.facts(ALICE, 0, 9)] == [3]
    while await store.tidy({"door": Keep(days=1)}, NOW_MS):
        pass
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert len(loaded.tail) == 1
