"""The machine of an event for one user, cell by cell; walks look the same table up.

Rule: spec timelines 5.2.
"""

from __future__ import annotations

from itertools import product

import pytest

from actors.timelines.moves import EVENT, MOVES, EventSeen, Leaving, Opening
from actors.timelines.user_words import EventState
from engine.errors import Refused
from engine.machine import Moment
from engine.messages import Command

UNVISITED, ACTIVE, VISITED = EventState
EXPECTED: dict[tuple[EventState, type[Command]], EventState] = {
    (UNVISITED, Opening): ACTIVE,
    (ACTIVE, Leaving): VISITED,
    (VISITED, Opening): ACTIVE,
}
CELLS = list(product(EventState, (Opening, Leaving)))


@pytest.mark.covers("TL-121")
def test_an_event_has_three_states_and_begins_closed() -> None:
    """By their names on the wire."""
    assert EVENT.phases == ("UNVISITED", "ACTIVE", "VISITED")
    assert EVENT.initial == EVENT.phase(EventSeen()) == "UNVISITED"


@pytest.mark.parametrize(("state", "command"), CELLS)
def test_every_cell_moves_or_refuses(state: EventState, command: type[Command]) -> None:
    """Three moves, and no other."""
    expected = EXPECTED.get((state, command))
    assert (command.wire_name() in EVENT.permits(state)) is (expected is not None)
    if expected is None:
        with pytest.raises(Refused, match=f"while event is {state}"):
            EVENT.fire(EventSeen(state), command(), Moment(0))
    else:
        assert EVENT.fire(EventSeen(state), command(), Moment(0)).targets == (expected,)


def test_what_walks_look_up_is_the_table() -> None:
    """No move is permitted there that the machine refuses, and none is missing."""
    assert MOVES == EXPECTED
