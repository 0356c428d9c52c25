"""What the lists hold of visitors: names that follow facts, two caches, and nothing once forgotten.

Facts are made by hand as a visitor states them, so that the lists alone are looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import storage_worlds as worlds
import trio
from flag_lists import ANN, BEN, ENV, STATE, append, ask, count, hit, open_lists
from storage_worlds import change, entry, erasure, stored

from actors.flags.environment_words import Configured
from actors.flags.settings import Settings
from actors.flags.visitor_events import (
    Authenticated,
    ConsentSet,
    ContextUpdated,
    FetchStarted,
    Opened,
    Unauthenticated,
)
from actors.flags.visitor_words import Person
from engine.messages import Address, Event, Forgotten
from engine.ports import Entry
from storage.flags import queries, tables, visitors
from storage.flags.writes import ActivationRow, AssignmentRow, HitRow
from storage.sqlite import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store with one environment."""
    async with open_lists(tmp_path) as opened:
        yield opened


class Life:
    """A visitor's facts, one commit each."""

    def __init__(self, store: SqliteStore, address: Address) -> None:
        self.store, self.address, self.version = store, address, 0

    async def states(self, *events: Event, **more: Any) -> None:
        """One more fact; the state is written with the first only, as the kind has it."""
        given = {"state": None if self.version else STATE} | more
        await stored(self.store, entry(change(self.address, self.version, *events, **given)))
        self.version += 1

    async def opens(self, id_: str, anonymous: str | None = None) -> None:
        """Opened with consent."""
        await self.states(Opened(consented=True, person=Person(id_, anonymous)))

    async def withdraws(self, own_only: bool = False) -> None:
        """Consent is withdrawn: the past goes, the actor goes on."""
        events = (ConsentSet(consented=False), Forgotten(own_only=own_only))
        more = {"privacy": True, "own_only": own_only, "about": self.address.id, "state": STATE}
        await self.states(*events, **more)

    async def goes(self, own_only: bool = False) -> None:
        """Erased for privacy."""
        more: dict[str, Any] = {"about": self.address.id, "own_only": own_only}
        await stored(self.store, entry(erasure(self.address, self.version, privacy=True, **more)))


def handle_of(store: SqliteStore, id_: str) -> str | None:
    """Who has an id now."""
    return ask(store, queries.handle_of, "env_1", id_)


# --- names


async def test_a_name_follows_the_visitor(store: SqliteStore) -> None:
    """Logging in moves the id, the one before finds nobody; logging out moves it back."""
    ann = Life(store, ANN)
    await ann.opens("ann")
    assert handle_of(store, "ann") == "ann"
    await ann.states(FetchStarted(fetch="f", until_ms=1))
    await ann.states(Authenticated(visitor_id="customer", anonymous_id="ann"))
    assert (handle_of(store, "customer"), handle_of(store, "ann")) == ("ann", None)
    await ann.states(Unauthenticated(visitor_id="ann"))
    assert (handle_of(store, "customer"), handle_of(store, "ann")) == (None, "ann")
    assert ask(store, queries.ids_of, "env_1", "ann") == ["customer", "ann"]


async def test_the_last_log_in_wins_until_it_logs_out(store: SqliteStore) -> None:
    """A second device takes the id over; when it logs out the first one is found again."""
    ann, ben = Life(store, ANN), Life(store, BEN)
    await ann.opens("ann")
    await ben.opens("ben")
    await ben.states(Authenticated(visitor_id="customer", anonymous_id="ben"))
    await ann.states(Authenticated(visitor_id="customer", anonymous_id="ann"))
    assert handle_of(store, "customer") == "ann"
    await ann.states(Unauthenticated(visitor_id="ann"))
    assert handle_of(store, "customer") == "ben"
    await ben.goes()
    assert handle_of(store, "customer") is None


async def test_an_anonymous_id_is_listed_and_finds_nobody(store: SqliteStore) -> None:
    """Opened as authenticated: the made-up anonymous id is an id of the visitor, not its name."""
    await Life(store, ANN).opens("ann", "made-up")
    assert handle_of(store, "made-up") is None
    assert sorted(ask(store, queries.ids_of, "env_1", "ann")) == ["ann", "made-up"]
    assert ask(store, queries.ids_of, "env_1", "nobody") == []


async def test_without_consent_there_is_no_name(store: SqliteStore) -> None:
    """Facts then name no id, and the list stays empty; consent brings the ids in."""
    ann = Life(store, ANN)
    await ann.states(Opened())
    await ann.states(Authenticated())
    await ann.states(ContextUpdated())
    await ann.states(Unauthenticated())
    assert count(store, "flag_alias") == 0
    await ann.states(ConsentSet(consented=True, person=Person("customer", "ann")))
    assert handle_of(store, "customer") == "ann"
    assert count(store, "flag_alias") == 2


async def test_a_visitor_of_another_project_is_no_visitor_here(store: SqliteStore) -> None:
    """It gets no name in an environment that is not its project's, and takes no rows along."""
    thief = ANN._replace(project="thief")
    opened = change(thief, 0, Opened(consented=True, person=Person("ann")), state=STATE)
    gone = erasure(thief, 1, privacy=True, about=thief.id)
    await append(store, "flag_visitor_cache", ("env_1", "ann", "{}", "ann"))
    for each in (opened, gone):
        await stored(store, Entry(project="thief", at_ms=worlds.NOW_MS, changes=(each,)))
        assert handle_of(store, "ann") is None
        assert ask(store, queries.cached, "env_1", "ann") == b"{}"


async def test_environments_are_listed_with_their_projects(store: SqliteStore) -> None:
    """Who polls for all of them asks once."""
    other = Address("second", "environment", "env_0")
    opened = change(other, 0, Configured(settings=Settings()), state=STATE)
    await stored(store, Entry(project="second", at_ms=worlds.NOW_MS, changes=(opened,)))
    assert ask(store, queries.environments) == [("second", "env_0"), ("house", "env_1")]


# --- forgetting


async def _lives(store: SqliteStore) -> tuple[Life, Life]:
    """Ann logged in as `customer`; Ben beside her; rows of both in every list."""
    ann, ben = Life(store, ANN), Life(store, BEN)
    await ann.opens("ann")
    await ben.opens("ben")
    await ann.states(Authenticated(visitor_id="customer", anonymous_id="ann"))
    for id_, other in (("ann", ""), ("customer", "ann"), ("ben", "")):
        await append(store, "flag_assignment", AssignmentRow("env_1", id_, "g", "a", False))
        await append(
            store,
            "flag_activation",
            ActivationRow("env_1", id_, other, "c", "g", "a", False, 0, "2026-01-01", (id_,)),
        )
        await append(store, "flag_hit", HitRow("env_1", id_, other, "EVENT", "{}", 0, ()))
        await append(store, "flag_visitor_cache", ("env_1", id_, "{}", ""))
        await append(store, "flag_hit_cache", ("env_1", f"{id_}:1", hit(id_, other or None), ""))
    await append(store, "flag_hit_cache", ("env_1", "device:1", hit("device", "ann"), ""))
    return ann, ben


GONE = {
    "flag_assignment": 2,
    "flag_activation": 2,
    "flag_hit": 2,
    "flag_visitor_cache": 2,
    "flag_hit_cache": 3,
    "flag_alias": 2,
}


def _last(store: SqliteStore, address: Address) -> Mapping[str, int]:
    """The counts that the newest fact of an actor says."""
    body = store.read_now(
        lambda connection: connection.execute(
            "SELECT body FROM fact WHERE kind = ? AND id = ? ORDER BY seq DESC LIMIT 1", address[1:]
        ).fetchone()[0]
    )
    counts: Mapping[str, int] = msgspec.json.decode(body)[-1]["counts"]
    return counts


@pytest.mark.covers("FS-188")
@pytest.mark.parametrize("end", [Life.withdraws, Life.goes])
async def test_what_is_known_of_a_visitor_goes(store: SqliteStore, end: Any) -> None:
    """Under every id it has had and from every list, said in numbers; others keep theirs."""
    ann, _ = await _lives(store)
    await end(ann)
    assert {name: _last(store, ANN).get(name) for name in GONE} == GONE
    for table in GONE:
        assert count(store, table) == 1, table
    assert handle_of(store, "ben") == "ben"
    assert handle_of(store, "customer") is None
    assert list(ask(store, queries.cached_hits, "env_1")) == ["ben:1"]


BY_ID = {**GONE, "flag_hit_cache": 2}
"""What stands under the ids of a visitor and came through it (no hit of another device)."""


async def _through(store: SqliteStore, handle: str, *ids: str) -> None:
    """Rows in every list, under each of the ids, that came through that visitor."""
    for id_ in ids:
        kept = AssignmentRow("env_1", id_, f"g-{handle}", "a", False, handle)
        await append(store, "flag_assignment", kept)
        seen = ActivationRow(
            "env_1", id_, "", "c", f"g-{handle}", "a", False, 0, "2026-01-01", (id_,), handle
        )
        await append(store, "flag_activation", seen)
        row = HitRow("env_1", id_, "", "EVENT", "{}", 0, (), handle)
        await append(store, "flag_hit", row)
        await append(store, "flag_visitor_cache", ("env_1", id_, "{}", handle))
        await append(store, "flag_hit_cache", ("env_1", f"{id_}:{handle}", hit(id_), handle))


@pytest.mark.parametrize("end", [Life.withdraws, Life.goes])
async def test_who_speaks_for_one_visitor_takes_just_its_rows(store: SqliteStore, end: Any) -> None:
    """Ben says that he is Ann, too: what he brought goes, and nothing else under her ids."""
    ann, ben = await _lives(store)
    await _through(store, "ann", "ann", "customer")
    before = {table: count(store, table) for table in GONE}
    await ben.states(Authenticated(visitor_id="customer", anonymous_id="ben"))
    await _through(store, "ben", "ben", "customer")
    await end(ben, own_only=True)
    assert {name: _last(store, BEN).get(name) for name in GONE} == BY_ID
    after = {table: count(store, table) for table in GONE}
    assert after == {**before, "flag_alias": 2}
    assert handle_of(store, "customer") == "ann"
    await end(ann, own_only=True)
    assert {name: _last(store, ANN).get(name) for name in GONE} == BY_ID
    assert ask(store, queries.cached, "env_1", "customer") == b"{}"  # it came through nobody


@pytest.mark.parametrize("end", [Life.withdraws, Life.goes])
async def test_who_speaks_for_the_person_takes_all(store: SqliteStore, end: Any) -> None:
    """By every id, and what came through the visitor under whatever id."""
    ann, _ = await _lives(store)
    await _through(store, "ann", "customer", "an id that is not listed")
    await _through(store, "ben", "customer")
    await end(ann)
    for table in GONE:
        assert count(store, table) == 1, table
    assert ask(store, queries.cached, "env_1", "ben") == b"{}"


async def test_an_assignment_stays_whose_it_was_first(store: SqliteStore) -> None:
    """A later activation sets the variation, and does not make the row its own."""
    await append(store, "flag_assignment", AssignmentRow("env_1", "v", "g", "a", False, "ann"))
    await append(store, "flag_assignment", AssignmentRow("env_1", "v", "g", "b", False, "ben"))
    seen = ("env_1", "v", "", "c", "g", "b", False, 0, "2026-01-01", ("v", "w"), "ben")
    await append(store, "flag_activation", ActivationRow(*seen))
    found = store.read_now(
        lambda read: read.execute(
            "SELECT subject, variation, handle FROM flag_assignment ORDER BY subject"
        ).fetchall()
    )
    assert found == [("v", "b", "ann"), ("w", "b", "ben")]
    assert await append(store, "flag_forget_own", ("env_1", "ben"), ("env_1", "")) == (
        {"flag_assignment": 1, "flag_activation": 1},
        {},
    )


async def test_the_oldest_of_many_names_go(store: SqliteStore) -> None:
    """A visitor that logs in again and again keeps the last hundred ids that it had."""
    ann, ben = Life(store, ANN), Life(store, BEN)
    await ann.opens("ann")
    await ben.opens("ben")
    ids = ["ann", *(f"customer-{number}" for number in range(120))]
    for before, id_ in pairwise(ids):
        await ann.states(Authenticated(visitor_id=id_, anonymous_id=before))
    assert ask(store, queries.ids_of, "env_1", "ann") == ids[-visitors.HAD_MAX - 1 :]
    assert (handle_of(store, ids[-1]), handle_of(store, "ben")) == ("ann", "ben")


async def test_a_visitor_who_consents_again_is_listed_again(store: SqliteStore) -> None:
    """The actor went on; its name comes back with what it states from now on."""
    ann, _ = await _lives(store)
    await ann.withdraws()
    await ann.states(ConsentSet(consented=True, person=Person("ann", None)))
    assert handle_of(store, "ann") == "ann"
    assert ask(store, queries.ids_of, "env_1", "ann") == ["ann"]


async def test_an_id_is_forgotten_without_its_actor(store: SqliteStore) -> None:
    """Whoever only was decided for is forgotten by id; caches too."""
    await _lives(store)
    (counts,) = await append(store, "flag_forget", ("env_1", "ann"))
    assert (counts["flag_visitor_cache"], counts["flag_hit_cache"]) == (1, 3)
    assert ask(store, queries.cached, "env_1", "customer") is not None


async def test_only_visitors_forget(store: SqliteStore) -> None:
    """An environment that goes on keeps its rows; an erased one takes all of them along."""
    await _lives(store)
    events = (Configured(settings=Settings()), Forgotten())
    await stored(store, entry(change(ENV, 1, *events, privacy=True, about="x", state=STATE)))
    assert count(store, "flag_visitor_cache") == 3
    await stored(store, entry(erasure(ENV, 2)))
    for table in (*tables.TABLES, "flag_environment"):
        assert count(store, table) == 0, table


@pytest.mark.parametrize("end", [Life.withdraws, Life.goes])
async def test_no_byte_of_the_person_stays(store: SqliteStore, tmp_path: Path, end: Any) -> None:
    """Neither in the database nor in its log, as another process finds it."""
    secret = "secret-of-a-person"
    ann = Life(store, ANN)
    await ann.opens("ann")
    await ann.states(Authenticated(visitor_id=secret, anonymous_id="ann"))
    rows = (AssignmentRow("env_1", secret, f"g{number}", "a", False) for number in range(200))
    await append(store, "flag_assignment", *rows)
    large = f'{{"visitorId":"{secret}","pad":"{"x" * 10_000}","end":"{secret}"}}'
    await append(store, "flag_visitor_cache", ("env_1", secret, large, ""))
    await append(store, "flag_hit_cache", ("env_1", f"{secret}:1", hit("other", secret), ""))
    await append(store, "flag_hit", HitRow("env_1", "other", secret, "EVENT", "{}", 0, ()))
    assert await _found(tmp_path, secret)
    await end(ann)
    await worlds.until(lambda: not store.statistics()["is_scrubbing"])
    assert await _found(tmp_path, secret) == []


async def _found(folder: Path, secret: str) -> list[str]:
    result = await trio.run_process(
        ["grep", "-l", "-r", "-a", secret, str(folder)], capture_stdout=True, check=False
    )
    return sorted(Path(line).name for line in result.stdout.decode().split())
