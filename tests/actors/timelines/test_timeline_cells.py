"""The timeline's table, cell by cell, and what listeners see of it.

Rules: spec timelines 5.7, 5.12.14, 5.12.19.
"""

from __future__ import annotations

import pytest
from cells import Cell, check_cell, every_cell, unfired
from timeline_small import Small, small

from actors.timelines.timeline import TIMELINE
from actors.timelines.timeline_words import (
    Contribute,
    Declared,
    Publish,
    SetVariable,
    Timeline,
    Unpublish,
)
from engine.messages import Command

SHARED = (Declared("s", "shared", "number", "0"), Declared("n", "user", "number", "0"))
EXAMPLES: dict[str, list[Command]] = {
    "publish": [
        Publish(body=b"{}", title="One", declared=SHARED, counts=("a:b",)),
        Publish(body=b"[]", title="Two", description="Words"),
    ],
    "unpublish": [Unpublish()],
    "setVariable": [
        SetVariable(name="s", value="1", at_ms=5),
        SetVariable(name="n", value="1"),
        SetVariable(name="x", value="1"),
    ],
    "contribute": [
        Contribute(shared={"s": "2"}, follows={"a:b": 1}, at_ms=7),
        Contribute(follows={"a:b": -1}),
        Contribute(),
    ],
}


@pytest.mark.parametrize("cell", every_cell(TIMELINE, EXAMPLES))
def test_every_cell_moves_or_refuses(cell: Cell) -> None:
    """A permitted command moves as the table says; any other changes nothing."""
    check_cell(cell)


def test_every_row_can_fire() -> None:
    """No row of the table is idle."""
    assert unfired(TIMELINE, EXAMPLES) == []


def test_nothing_of_a_timeline_is_asked_for_from_outside() -> None:
    """Definitions and values come through the door that judges them."""
    assert [name for name, command in TIMELINE.commands.items() if command.public] == []


def test_a_fact_that_is_not_known_changes_nothing() -> None:
    """The fold never fails on what is stored."""
    state = Timeline(title="T")
    (other, *_) = Small(small("a")).facts["u"]
    assert TIMELINE.evolve(state, other) is state


def test_listeners_see_shared_values_only() -> None:
    """Those of the newest definition; the values of users are theirs."""
    world = Small(small("a b", "a:b", do={"a:b": "add s 1; add n 1"}))
    world.follow("a:b")
    shown = TIMELINE.present(world.shared)
    assert shown == {
        "title": "Small",
        "description": None,
        "published": True,
        "revision": world.shared.revision,
        "variables": {"s": "1"},
    }
    world.tell(Unpublish())
    world.republish(small("x"))
    assert TIMELINE.present(world.shared)["variables"] == {}


def test_counts_add_up() -> None:
    """What users bring and what they take along, with the instants of both."""
    world = Small(small("a"))
    world.tell(Contribute(follows={"a:b": 2, "c:d": 1}, at_ms=7))
    world.tell(Contribute(follows={"a:b": -2}, at_ms=9))
    assert world.votes() == {"c:d": 1}
    assert [world.shared.follows["a:b"].at(at_ms) for at_ms in (6, 7, 8, 9)] == ["0", "2", "2", "0"]
