"""Orders to migrate, cell by cell, and what listeners see of a migration.

Rules: spec timelines 5.12.19; live spec.
"""

from __future__ import annotations

import msgspec
import pytest
from cells import Cell, check_cell, every_cell, unfired
from timeline_samples import FULL, USER_EVENTS
from timeline_small import Small, small

from actors.timelines.migrating.orders import (
    BEHIND,
    MIGRATION,
    MigrateUsers,
    Migration,
    MigrationOrdered,
)
from actors.timelines.migrating.shown import present_events
from actors.timelines.user_words import Migrate, Migrated, Settled
from engine.effects import SweepBody
from engine.machine import Moment
from engine.messages import Address, Command

EXAMPLES: dict[str, list[Command]] = {
    "migrateUsers": [MigrateUsers(revision="ab"), MigrateUsers(revision="ab", only="cd")],
}


@pytest.mark.parametrize("cell", every_cell(MIGRATION, EXAMPLES))
def test_every_cell_moves_or_refuses(cell: Cell) -> None:
    """A permitted command moves as the table says; any other changes nothing."""
    check_cell(cell)


def test_every_row_can_fire() -> None:
    """No row of the table is idle."""
    assert unfired(MIGRATION, EXAMPLES) == []


def test_nobody_orders_from_outside() -> None:
    """Orders come through the door, which judges them."""
    assert [name for name, command in MIGRATION.commands.items() if command.public] == []


@pytest.mark.parametrize(("only", "key"), [(None, "T:ab:"), ("cd", "T:ab:cd")])
def test_an_order_is_a_sweep_of_its_own(only: str | None, key: str) -> None:
    """Other orders have other keys: a pass answers for all sweeps of one key."""
    nobody = MIGRATION.blank(Address("p", "migration", "T"))
    order = MigrateUsers(revision="ab", only=only)
    step = MIGRATION.decide(nobody, order, Moment(7, by="ann"))
    assert step.events == (MigrationOrdered(revision="ab", only=only, at_ms=7, who="ann"),)
    assert step.state == Migration("T", "ab", only, 7, "ann")
    (effect,) = step.effects
    assert (effect.sender, effect.subscription) == ("sweep", f"sweep:{BEHIND}")
    assert effect.subject == key
    body = msgspec.json.decode(effect.body, type=SweepBody)
    assert (body.list, body.key, body.kind, body.command) == (BEHIND, key, "user", "migrate")
    assert msgspec.json.decode(body.data, type=Migrate) == Migrate(revision="ab", only=only)


def test_a_fact_that_is_not_known_changes_nothing() -> None:
    """The fold never fails on what is stored."""
    state = Migration("T", "ab")
    (other, *_) = Small(small("a")).facts["u"]
    assert MIGRATION.evolve(state, other) is state


def test_a_migration_is_pushed_with_what_was_before_it() -> None:
    """Both walks in order, the later one's end, and what was lost."""
    (migrated, *_) = [event for event in USER_EVENTS if isinstance(event, Migrated)]
    shown = present_events((Settled(walk=FULL), migrated))
    events = [one["timeline_event_id"] for one in shown["state_changes"]]
    assert events == ["evBank", "evHole"] * 2
    assert shown["conditions_passed"] == ["guardMorning"] * 2
    assert shown["beats_entered"] == ["beatHole"] * 2
    assert shown["revision"] == migrated.revision
    assert shown["variables"] == {"hats": "3", "size": "10"}
    assert shown["current_step"] == 2
    lost = shown["dropped"]
    assert (lost["step"], lost["events"]) == (9, ("evBank", "evHole"))
    assert (lost["pending"], lost["links"]) == (("evGarden",), ("evBank:evHole",))
    assert (lost["beats"], lost["variables"]) == (("beatHole",), ("keys", "size"))
    assert len(present_events((migrated,))["state_changes"]) == 2
