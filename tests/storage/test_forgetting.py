"""An actor that goes on without its past, as both stores keep it."""

from __future__ import annotations

from pathlib import Path

import storage_worlds as worlds
import toy
import trio
from storage_worlds import ALICE, BOB, change, commit, entry, opened, stored

from engine.effects import Claim
from engine.messages import Forgotten
from engine.ports import REDACTED, Change, Failed, Store
from storage.sqlite import SqliteStore


def forgetting(expected: int, **other: object) -> Change:
    """Alice goes on."""
    return change(ALICE, expected, toy.Closed(), Forgotten(), privacy=True, about="alice", **other)


async def test_earlier_facts_lose_their_events_and_the_row_stays(store: Store) -> None:
    """Versions are dense, the fact says how much went, and the next one follows."""
    await stored(store, opened(ALICE, 0), opened(ALICE, 1), opened(BOB, 0))
    await stored(store, entry(forgetting(2), kept=(worlds.kept("own", ALICE),)))
    facts = await store.facts(ALICE, 0, 10)
    assert [(one.version, one.name) for one in facts] == [
        (1, REDACTED),
        (2, REDACTED),
        (3, "Closed"),
    ]
    assert b'"facts":2' in facts[-1].body
    assert [one.name for one in await store.facts(BOB, 0, 10)] == ["Opened"]
    loaded = await store.load(ALICE)
    assert loaded is not None
    assert (loaded.version, loaded.generation, loaded.state is None) == (3, 0, False)
    await stored(store, opened(ALICE, 3))
    assert [one.address.id for one in await store.actors("house", "door", "", "", 9)] == [
        "alice",
        "bob",
    ]


async def test_replies_and_effects_go_and_claims_stay(store: Store) -> None:
    """What the same entry brings is kept: it comes after."""
    about = worlds.effect("a", about="alice")
    claim = (ALICE, Claim("name", "alice"))
    await stored(
        store,
        entry(
            change(ALICE, 0, toy.Opened()),
            effects=((ALICE, 1, about), (ALICE, 1, worlds.effect("b", about="bob"))),
            claims=(claim,),
            kept=(worlds.kept("old", ALICE),),
        ),
    )
    await stored(
        store,
        entry(
            forgetting(1),
            effects=((ALICE, 2, worlds.effect("c", about="alice")),),
            kept=(worlds.kept("new", ALICE),),
        ),
    )
    left = await store.deliveries("house", parked_only=False, after=0, limit=9)
    assert [one.effect.subject for one in left] == ["b", "c"]
    assert await store.kept("house", "caller", "old") is None
    assert await store.kept("house", "caller", "new") is not None
    taken = await commit(store, entry(change(BOB, 0, toy.Opened()), claims=((BOB, claim[1]),)))
    assert type(taken[0]).__name__ == "Taken"


async def test_it_needs_a_fact_and_a_state(store: Store) -> None:
    """The past cannot go without a word, nor without a row to go on from."""
    await stored(store, opened(ALICE, 0))
    silent = change(ALICE, 1, privacy=True)
    blank = forgetting(1, state=None)
    for outcome in await commit(store, entry(silent), entry(blank)):
        assert isinstance(outcome, Failed)
    assert [one.name for one in await store.facts(ALICE, 0, 9)] == ["Opened"]


async def test_lists_forget_and_then_follow_the_new_fact(
    sqlite: SqliteStore, tmp_path: Path
) -> None:
    """The view erases its rows first, and sees the fact that begins anew."""
    await stored(sqlite, opened(ALICE, 0), opened(ALICE, 1))
    await stored(sqlite, entry(forgetting(2)))
    rows = sqlite.read_now(lambda c: c.execute("SELECT id, name FROM opening").fetchall())
    assert rows == [("alice", "Closed")]


async def test_nothing_of_the_past_is_on_disk(sqlite: SqliteStore, tmp_path: Path) -> None:
    """Neither in the database nor in its log."""
    secret = "nobody-may-find-this"
    named = change(ALICE, 0, toy.Named(name=secret), state=f'{{"sign":"{secret}"}}'.encode())
    await stored(sqlite, entry(named))
    await stored(sqlite, entry(forgetting(1)))
    await worlds.until(lambda: not sqlite.statistics()["is_scrubbing"])
    grep = ["grep", "-r", "-a", "-l", secret, str(tmp_path)]
    found = await trio.run_process(grep, capture_stdout=True, check=False)
    assert found.stdout == b""
