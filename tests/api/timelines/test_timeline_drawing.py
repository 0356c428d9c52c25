"""The grid by its route: the newest definition, or a user's own with its states over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from timeline_door import TIMELINE_ID, Door, open_door
from timeline_steps import Walker, admin

HERE = f"/timelines/{TIMELINE_ID}/drawing.svg"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline."""
    async with open_door(tmp_path) as opened:
        yield opened


async def test_the_newest_definition_is_drawn(door: Door) -> None:
    """As XML that a browser shows and runs nothing of."""
    got = await admin(door, "GET", HERE)
    assert got.status == 200
    assert got.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert "script" not in got.headers["content-security-policy"]
    assert ElementTree.fromstring(got.body).tag.endswith("svg")
    assert b"The hall of doors" in got.body


async def test_a_users_states_are_drawn_over_it(door: Door) -> None:
    """After what is due is settled; the picture changes with the user."""
    alice = Walker(door)
    await alice.create()
    before = (await admin(door, "GET", f"{HERE}?user=alice-1")).body
    await alice.follow("evBank:evHole")
    after = (await admin(door, "GET", f"{HERE}?user=alice-1")).body
    plain = (await admin(door, "GET", HERE)).body
    assert len({before, after, plain}) == 3


async def test_who_may_see_it_and_what_there_is_not(door: Door) -> None:
    """Secret keys and admins; nobody who is not on that timeline."""
    await Walker(door).create()
    assert (await admin(door, "GET", f"{HERE}?user=bob-2")).status == 404
    assert (await admin(door, "GET", "/timelines/nowhere/drawing.svg")).status == 404
    path = f"/timelines/v1{HERE}"
    assert (await door.visible("GET", path)).status == 403
    assert (await door.nobody("GET", path)).status == 401
