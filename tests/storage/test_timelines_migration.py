"""The lists while users go over to other definitions: who is where, and what the log says.

Rule: spec timelines 5.10, 5.12.19.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from timeline_lists import ACTIVE, ANN, BEN, VISITED, bare, created, project, walk

from actors.timelines.user_words import Dropped, Migrated, Move, Settled
from engine.messages import Address, Fact
from storage.store import Projected
from storage.timelines import TimelineLists, queries

CAT = Address("house", "user", "cat")
Lists = tuple[sqlite3.Connection, TimelineLists]


@pytest.fixture
def lists() -> Iterator[Lists]:
    """Ann and Ben on `r1` of the tea timeline, Cat on `r2`."""
    with bare() as (connection, view):
        for seq, (user, revision) in enumerate(((ANN, "r1"), (BEN, "r1"), (CAT, "r2"))):
            project(connection, view, user, seq, created(revision=revision))
        yield connection, view


def moved(*moves: Move, to: str = "r3") -> Migrated:
    """A user has gone over."""
    return Migrated(
        former="r1", revision=to, shares=False, dropped=Dropped(), variables={}, walk=walk(*moves)
    )


def test_who_is_behind(lists: Lists) -> None:
    """Whoever is not there yet, or only those on the definition that is named."""
    connection, view = lists
    for key, users in (
        ("tea:r3:", ["ann", "ben", "cat"]),
        ("tea:r1:", ["cat"]),
        ("tea:r3:r1", ["ann", "ben"]),
        ("tea:r1:r1", []),
        ("tea:r3:r4", []),
        ("court:r3:", []),
    ):
        assert queries.behind(connection, "house", key, "", 10) == users, key
        assert queries.count_behind(connection, "house", key) == len(users), key
    assert queries.behind(connection, "house", "tea:r3:", "ann", 1) == ["ben"]
    assert queries.behind(connection, "other", "tea:r3:", "", 10) == []
    project(connection, view, ANN, 9, moved())
    assert queries.behind(connection, "house", "tea:r3:", "", 10) == ["ben", "cat"]


def test_how_many_are_where(lists: Lists) -> None:
    """By definition; one that nobody is on any more is not in it."""
    connection, view = lists
    assert queries.on_revisions(connection, "house", "tea") == {"r1": 2, "r2": 1}
    for seq, user in enumerate((ANN, BEN), 9):
        project(connection, view, user, seq, moved(to="r2"))
    assert queries.on_revisions(connection, "house", "tea") == {"r2": 3}
    assert queries.on_revisions(connection, "house", "court") == {}


def test_the_log_keeps_what_each_change_stood_in(lists: Lists) -> None:
    """What was caught up with before is the former definition's, in one fact and at one instant."""
    connection, view = lists
    caught = Settled(walk=walk(Move("a", ACTIVE, 5, 0), Move("a", VISITED, 5, 0)))
    fact = Fact(2, 5, (caught, moved(Move("b", ACTIVE, 5, 0))))
    view.project(connection, Projected(ANN, 9, fact, None))
    rows = queries.log_of_user(connection, "house", "ann", queries.BEGIN, 10)
    assert [(row.n, row.event, row.state, row.revision) for row in rows] == [
        (0, "a", "ACTIVE", "r1"),
        (1, "a", "VISITED", "r1"),
        (2, "b", "ACTIVE", "r3"),
    ]
