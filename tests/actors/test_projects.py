"""The project's machine: every cell, what is remembered, and what is shown of it."""

from __future__ import annotations

import msgspec
import pytest
from cells import check_cell, every_cell, unfired

from actors.projects import (
    KIND,
    CreateKey,
    Declare,
    Key,
    KeyRevoked,
    Live,
    Project,
    RevokeKey,
    evolve,
    present,
    present_changes,
)
from engine.machine import Moment
from engine.messages import Address, Fact

HASH = "0123456789abcdef" * 4
KEY = Key(hash=HASH, door="", kind="admin", label="night shift")
EXAMPLES = {
    "declare": [Declare(item="admin_keys", digest="d1", keys=(KEY,), live=Live(public=True))],
    "createKey": [CreateKey(key=KEY)],
    "revokeKey": [RevokeKey(hash=HASH)],
}
NOBODY = KIND.blank(Address("demo", "project", "demo"))


@pytest.mark.parametrize("cell", every_cell(KIND, EXAMPLES))
def test_every_cell_moves_or_refuses(cell):
    """A permitted command moves; any other is refused and changes nothing."""
    check_cell(cell)


def test_every_row_is_fired_by_an_example():
    """No row stands in the table untried."""
    assert unfired(KIND, EXAMPLES) == []


def declared(digest="d1"):
    """What a declaration leads to, by ann."""
    command = Declare(item="admin_keys", digest=digest, keys=(KEY,), live=Live(public=True))
    return KIND.decide(NOBODY, command, Moment(1, "ann")).events


def test_the_same_value_again_is_nothing():
    """Only an item whose value differs is a fact (engine spec 6)."""
    snapshot = KIND.fold(NOBODY, [Fact(1, 1, declared())])
    again = Declare(item="admin_keys", digest="d1", keys=(KEY,))
    assert KIND.decide(snapshot, again, Moment(2, "ann")).events == ()
    other = Declare(item="admin_keys", digest="d2", keys=(KEY,))
    assert len(KIND.decide(snapshot, other, Moment(2, "ann")).events) == 2


def test_what_is_shown_holds_no_hash():
    """Keys are shown by the first eight digits of their hash, items without their digests."""
    events = (*declared(), KeyRevoked(hash=HASH, by="ann"))
    shown = msgspec.json.encode(present_changes(events)).decode()
    assert HASH not in shown
    assert HASH[:8] in shown
    assert "digest" not in shown
    assert present_changes((KeyRevoked(hash=HASH, by="ann"),)) == {"keyId": HASH[:8], "by": "ann"}
    state = KIND.fold(NOBODY, [Fact(1, 1, declared())]).state
    assert present(state) == {
        "phase": "declared",
        "live": Live(public=True),
        "items": ["admin_keys"],
        "keysMade": 0,
    }


def test_a_revoked_key_leaves_the_state_as_it_was():
    """Keys are rows, not state; the fact is the audit."""
    assert evolve(Project(), KeyRevoked(hash=HASH, by="ann")) == Project()
