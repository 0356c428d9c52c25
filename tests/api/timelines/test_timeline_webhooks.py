"""Webhooks through the door: who is told what, in which order, signed, and again after failures."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest
from timeline_door import TIMELINE_ID
from timeline_hooks import SECRET_TEXT, Letter, hook, hooked, receiving
from timeline_steps import Walker, admin

from api.client import verify_signature

CREATED = ["user.created", "beat.entered", "state.changed", "state.changed"]
"""What is told of a user that begins on the Alice timeline."""


def types(letters: list[Letter]) -> list[str]:
    """The event types of letters in order."""
    return [letter.type for letter in letters]


# --- what is told


@pytest.mark.covers("TL-136", "TL-137", "TL-138")
async def test_a_subscriber_is_called_when_a_user_is_created(tmp_path: Path) -> None:
    """A POST with a JSON body, right after the commit, to whoever wants this event."""
    async with receiving() as receiver:
        wanted = hook(receiver.url(), events=["user.created"])
        other = hook(receiver.url("/other"), events=["user.deleted"])
        async with hooked(tmp_path, wanted, other) as world:
            created = await Walker(world.door).create()
            (letter,) = await receiver.until(1)
            await world.wait_until_sent()
    assert receiver.at("/other") == []
    assert letter.headers["content-type"] == "application/json"
    told = letter.told
    assert told["event_object"] == created["data"]
    assert list(told) == [
        *("event_id", "event_type", "created_at", "project_id", "timeline_id", "user_id"),
        "event_object",
    ]
    named = (told["event_type"], told["project_id"], told["timeline_id"], told["user_id"])
    assert named == ("user.created", "demo", TIMELINE_ID, "alice-1")
    assert letter.headers["fictioneers-event-id"] == told["event_id"]
    assert letter.headers["fictioneers-delivery"] == "attempt 1"


@pytest.mark.covers("TL-139", "TL-140", "TL-141")
async def test_every_request_is_signed(tmp_path: Path) -> None:
    """Hex of HMAC-SHA256 over the raw body; another body or another secret does not fit."""
    async with receiving() as receiver:
        hooks = hook(receiver.url("/a")), hook(receiver.url("/b"), secret="ein Schlüssel")
        async with hooked(tmp_path, *hooks) as world:
            await Walker(world.door).create()
            await receiver.until(4, "/a")
            await receiver.until(4, "/b")
    for path, secret in (("/a", SECRET_TEXT), ("/b", "ein Schlüssel")):
        for letter in receiver.at(path):
            signature = letter.headers["fictioneers-signature"]
            digest = hmac.new(secret.encode(), letter.body, hashlib.sha256).hexdigest()
            assert signature == digest
            assert verify_signature(letter.body, signature, secret)
            assert not verify_signature(letter.body + b" ", signature, secret)
            assert not verify_signature(letter.body, signature, "another secret")
            assert not verify_signature(letter.body, signature.upper(), secret)
            assert not verify_signature(letter.body, "\ud800é", secret)


async def test_events_of_a_user_come_in_order(tmp_path: Path) -> None:
    """One after the other, however many wait; of each command in order of happening."""
    async with receiving() as receiver, hooked(tmp_path, hook(receiver.url())) as world:
        alice = Walker(world.door)
        alice.at = "08:00:00"
        await alice.create()
        await alice.follow("evBank:evHole")
        await alice.follow("evHole:evEat")
        alice.at = "09:00:00"
        await alice.progress()
        letters = await receiver.until(4 + 3 + 5 + 3)
        await world.wait_until_sent()
    follow = ["link.followed", "state.changed", "state.changed"]
    assert types(letters) == [
        *CREATED,
        *follow,
        *(*follow, "variable.changed", "variable.changed"),
        *("condition.passed", "beat.entered", "user.progressed"),
    ]
    objects = [letter.told["event_object"] for letter in letters]
    assert objects[4] == {
        "link_id": "evBank:evHole",
        "from_event_id": "evBank",
        "to_event_id": "evHole",
        "label": "Follow the rabbit",
        "auto": False,
    }
    assert objects[1] == {"id": "beatHole", "name": "Down the Rabbit-Hole"}
    keys, size = sorted(objects[10:12], key=lambda one: one["name"])
    assert keys == {"name": "keys", "scope": "user", "value": "1", "previous_value": "0"}
    assert (size["name"], size["value"], size["previous_value"]) == ("size", "300", "100")
    assert objects[12] == {"condition_id": "guardMorning"}
    assert objects[14]["current_step"] == 5
    assert [letter.told["created_at"][11:] for letter in letters[:5]] == ["08:00:00Z"] * 5
    assert len({letter.told["event_id"] for letter in letters}) == len(letters)


async def test_states_are_told_in_both_namings(tmp_path: Path) -> None:
    """Whoever waits for the names of 2022 gets them, and both names of the event's id (spec 7)."""
    async with receiving() as receiver:
        new = hook(receiver.url(), events=["state.changed"])
        old = hook(receiver.url("/old"), events=["state.changed"], state_naming="legacy")
        async with hooked(tmp_path, new, old) as world:
            alice = Walker(world.door)
            await alice.create()
            await alice.follow("evBank:evHole")
            left, _ = (await receiver.until(4))[2:]
            old_left, old_reached = (await receiver.until(4, "/old"))[2:]
    assert left.told["event_object"] == {
        "user_timeline_event_state": "VISITED",
        "previous_state": "ACTIVE",
        "timeline_event_id": "evBank",
        "user_timeline_event_id": "evBank",
        "narrative_event_id": "neBank",
        "narrative_event_title": "On the river bank",
        "row_id": "rowAlice",
        "thread_id": None,
        "content": [],
        "custom_data": {"button_text": "Get up"},
        "link_id": "evBank:evHole",
    }
    assert old_left.told == left.told | {
        "event_object": left.told["event_object"]
        | {"user_timeline_event_state": "COMPLETED", "previous_state": "AVAILABLE"}
    }
    reached = old_reached.told["event_object"]
    states = (reached["user_timeline_event_state"], reached["previous_state"])
    assert states == ("AVAILABLE", "UNAVAILABLE")
    assert (reached["timeline_event_id"], reached["link_id"]) == ("evHole", "evBank:evHole")


async def test_the_end_of_a_timeline_is_told(tmp_path: Path) -> None:
    """Once, with the last step of the way."""
    async with receiving() as receiver:
        wanted = hook(receiver.url(), events=["timeline.end_reached", "user.progressed"])
        async with hooked(tmp_path, wanted) as world:
            bob = Walker(world.door, "bob-2")
            await bob.create(disable_time_guards=True)
            await admin(world.door, "PATCH", f"/timelines/{TIMELINE_ID}/variables/tarts_stolen",
                        {"value": "1"})  # fmt: skip
            await bob.progress()
            letters = await receiver.until(2)
            await world.wait_until_sent()
    assert types(letters) == ["user.progressed", "timeline.end_reached"]
    assert letters[1].told["event_object"] == {
        "current_step": 7,
        "current_beat": {"id": "beatCourt", "name": "Who Stole the Tarts?"},
    }


async def test_shared_variables_are_told_whoever_sets_them(tmp_path: Path) -> None:
    """An operator's have no user; a user's come in that user's order, with the values before."""
    async with receiving() as receiver:
        wanted = hook(receiver.url(), events=["variable.changed"])
        async with hooked(tmp_path, wanted) as world:
            path = f"/timelines/{TIMELINE_ID}/variables/tarts_stolen"
            await admin(world.door, "PATCH", path, {"value": "4"})
            await admin(world.door, "PATCH", path, {"value": "4"})
            (operators,) = await receiver.until(1)
            alice = Walker(world.door)
            alice.at = "09:00:00"
            await alice.create()
            way = "evBank:evHole evHole:evEat evEat:evHole evHole:evDrink evDrink:evGarden"
            for link in f"{way} evGarden:evParty evParty:evRiddle".split():
                await alice.follow(link)
            await world.wait_until_sent()
            receiver.letters.clear()
            alice.at = "09:01:00"
            await alice.follow("evRiddle:evTrial")
            (users,) = await receiver.until(1)
    shared = {"name": "tarts_stolen", "scope": "shared", "value": "4", "previous_value": "0"}
    assert operators.told["event_object"] == shared
    assert (operators.told["user_id"], operators.told["timeline_id"]) == (None, TIMELINE_ID)
    assert users.told["event_object"] == shared | {"value": "5", "previous_value": "4"}
    assert users.told["user_id"] == "alice-1"


async def test_whoever_waits_is_told_of_what_others_did(tmp_path: Path) -> None:
    """A guard on a shared variable passes for a user who asks nothing: by the sweep (5.12.14)."""
    async with receiving() as receiver:
        wanted = hook(receiver.url(), events=["condition.passed"])
        async with hooked(tmp_path, wanted) as world:
            bob = Walker(world.door, "bob-2")
            await bob.create(disable_time_guards=True)
            path = f"/timelines/{TIMELINE_ID}/variables/tarts_stolen"
            await admin(world.door, "PATCH", path, {"value": "1"})
            (letter,) = await receiver.until(1)
            await world.wait_until_sent()
    assert letter.told["event_object"] == {"condition_id": "guardCourt"}
    assert letter.told["user_id"] == "bob-2"


async def test_a_deleted_user_is_told_of_last(tmp_path: Path) -> None:
    """What was still to be told of it is told before, though the user is gone (5.12.16)."""
    async with receiving() as receiver, hooked(tmp_path, hook(receiver.url()), works=False) as it:
        alice = Walker(it.door)
        alice.at = "08:00:00"
        await alice.create()
        assert (await alice("DELETE", "/users/me")).status == 204
        assert not (await it.door.house.directory.peek(alice.address)).exists
        rows = await it.rows()
        assert [row.effect.subject for row in rows] == ["alice-1"] * 5
        it.start()
        letters = await receiver.until(5)
    assert types(letters) == [*CREATED, "user.deleted"]
    assert letters[-1].told["event_object"] == {
        "id": "alice-1",
        "active_timeline_id": TIMELINE_ID,
    }
