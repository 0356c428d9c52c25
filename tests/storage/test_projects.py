"""Credentials in SQLite: keys that come and go with facts, and what goes with them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import storage_worlds as worlds
from storage_worlds import erasure, stored

from actors.projects import Key, KeyCreated, KeyRevoked, KeysReplaced
from engine.effects import Append
from engine.limits import Limits
from engine.messages import Address, Event
from engine.ports import Entry
from storage import projects
from storage.folder import DATABASE
from storage.projects import ProjectsView
from storage.sqlite import SqliteStore, open_store

PROJECT = Address("house", "project", "house")
OLD, NEW, ADMIN = (Key(hash_, "toy", "door_key") for hash_ in ("old", "new", "admin"))
FAR_MS = worlds.NOW_MS + 3_600_000


def open_projects(folder: Path) -> AbstractAsyncContextManager[SqliteStore]:
    """A store with the projects' lists alone."""
    view = ProjectsView()
    return open_store(folder, Limits(), (view,), now_ms=lambda: worlds.NOW_MS)


class Keys:
    """The facts of a project's keys, one commit each, and the tokens that they mint."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.version = store, 0

    def entry(self, *events: Event) -> Entry:
        """One more fact."""
        self.version += 1
        return worlds.entry(worlds.change(PROJECT, self.version - 1, *events))

    async def give(self, *keys: Key, item: str = "toy.keys") -> None:
        """An item gives these keys from now on."""
        await stored(self.store, self.entry(KeysReplaced(item=item, keys=keys)))

    async def mint(self, name: str, by: str, kind: str = "token", subject: str = "ann") -> None:
        """A token whose hash is `name`, by a key's hash."""
        await stored(self.store, minted(name, by, kind, subject))

    def good(self) -> set[str]:
        """Hashes of all credentials."""
        found = self.store.read_now(
            lambda read: read.execute("SELECT hash FROM credential").fetchall()
        )
        return {hash_ for (hash_,) in found}


def minted(name: str, by: str, kind: str = "token", subject: str = "ann") -> Entry:
    """The entry of a token."""
    row = (name, "toy", kind, subject, "", by, FAR_MS)
    return worlds.entry(appends=(Append("credential", row),))


@pytest.fixture
async def keys(tmp_path: Path) -> AsyncIterator[Keys]:
    """A project whose item gives `old` and `admin`."""
    async with open_projects(tmp_path) as store:
        made = Keys(store)
        await made.give(OLD, ADMIN)
        yield made


# --- with its key


async def test_tokens_go_with_a_key_that_its_item_gives_no_more(keys: Keys) -> None:
    """In the same commit; those of keys that stay go on."""
    await keys.mint("by old", "old")
    await keys.mint("by admin", "admin")
    await keys.give(ADMIN, NEW)
    assert keys.good() == {"admin", "new", "by admin"}


async def test_a_key_that_comes_back_brings_no_token_back(keys: Keys) -> None:
    """What has ended stays ended."""
    await keys.mint("by old", "old")
    await keys.give(ADMIN)
    await keys.give(ADMIN, OLD)
    assert keys.good() == {"admin", "old"}


async def test_tokens_go_with_a_key_that_is_revoked(keys: Keys) -> None:
    """Those of the keys that an item gives, and those of keys that were created."""
    await stored(keys.store, keys.entry(KeyCreated(key=NEW, by="ann")))
    for by in ("old", "new", "admin"):
        await keys.mint(f"by {by}", by)
    for hash_ in ("old", "new"):
        await stored(keys.store, keys.entry(KeyRevoked(hash=hash_, by="ann")))
    assert keys.good() == {"admin", "by admin"}


async def test_other_items_are_left_alone(keys: Keys) -> None:
    """Each item replaces its own keys."""
    await keys.mint("by old", "old")
    await keys.give(NEW, item="other.keys")
    await keys.give(item="other.keys")
    assert keys.good() == {"old", "admin", "by old"}


@pytest.mark.parametrize("how", ["together", "the token first", "one after the other"])
async def test_no_token_is_written_for_a_key_that_went(keys: Keys, how: str) -> None:
    """Whoever asked with the key a moment ago gets one that is good for nothing."""
    entries = [keys.entry(KeysReplaced(item="toy.keys", keys=(ADMIN,))), minted("late", "old")]
    if how == "one after the other":
        await stored(keys.store, entries.pop(0))
    await stored(keys.store, *(reversed(entries) if how == "the token first" else entries))
    assert keys.good() == {"admin"}


async def test_a_credential_without_minter_is_written(keys: Keys) -> None:
    """It depends on no key, and ends with none."""
    await keys.mint("alone", "")
    await keys.give()
    assert keys.good() == {"alone"}


# --- with its actor


async def test_tokens_of_an_erased_actor_go(keys: Keys) -> None:
    """Those of its kind and topic, not those whose subject only reads like its topic."""
    bob = Address("house", "visitor", "bob")
    for kind, subject in (("visitor", bob.topic), ("visitor", "visitor/ann"), ("token", bob.topic)):
        await keys.mint(f"{kind} of {subject}", "old", kind, subject)
    own_key = Key("own", "toy", "visitor", bob.topic)
    await stored(keys.store, keys.entry(KeyCreated(key=own_key, by="ann")))
    await stored(keys.store, worlds.opened(bob, 0))
    await stored(keys.store, worlds.entry(erasure(bob, 1)))
    assert keys.good() == {
        *("old", "admin", "own"),
        *("visitor of visitor/ann", "token of visitor/bob"),
    }


async def test_a_token_outlives_the_user_whose_name_it_has(keys: Keys) -> None:
    """Neither its own user's end nor that of a user with a like topic is its end (TL-012)."""
    for id_ in ("bob", "user/bob"):
        await keys.mint(f"token of {id_}", "old", "token", id_)
        user = Address("house", "user", id_)
        await stored(keys.store, worlds.opened(user, 0))
        await stored(keys.store, worlds.entry(erasure(user, 1, privacy=True)))
    assert keys.good() == {"old", "admin", "token of bob", "token of user/bob"}


# --- an older folder


class FirstView(ProjectsView):
    """The lists in their first version."""

    version = 1


async def test_an_older_folder_loses_tokens_without_a_key(tmp_path: Path) -> None:
    """They had outlived it; the others go on."""
    async with open_store(tmp_path, Limits(), (FirstView(),)) as store:
        old = Keys(store)
        await old.give(OLD, ADMIN)
        await old.mint("by old", "old")
        await old.mint("by admin", "admin")
    connection = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    connection.execute("DELETE FROM credential WHERE hash = 'old'")
    connection.close()
    async with open_projects(tmp_path) as store:
        assert Keys(store).good() == {"admin", "by admin"}


def test_what_ends_tokens_finds_them_by_an_index() -> None:
    """However large the crowd of others is."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    view, bob = ProjectsView(), Address("house", "visitor", "bob")
    for version in range(view.version):
        view.migrate(connection, version)
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    view.erase(connection, bob, "", False)
    projects._end_tokens(connection, ["old"])
    connection.set_trace_callback(None)
    for statement, index in zip(statements, ("subject", "minted"), strict=True):
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        assert f"credential_{index}" in str(plan), plan
    connection.close()
