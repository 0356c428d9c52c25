"""Webhooks whose receivers fail, hang, redirect, move: bounded, parked, visible, nobody waits."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
from peers import Names
from timeline_hooks import Hooked, hook, hooked, receiving
from timeline_steps import Walker

from api.outgoing import Outgoing
from engine.outbox import WAITS_SECONDS
from engine.ports import Delivery
from storage.folder import KEY

ONE = ["user.created"]
"""A filter that leaves one event of a new user."""


async def create(world: Hooked, *users: str) -> None:
    """Place users on the timeline."""
    for user in users:
        await Walker(world.door, user).create()


async def failed_times(world: Hooked, times: int) -> Delivery:
    """The only row, once it has failed so often."""
    (row,) = await world.rows_when(lambda rows: bool(rows) and rows[0].attempts == times)
    return row


async def outbox(world: Hooked, query: str = "") -> Any:
    """What the admin route lists."""
    got = await world.door.admin("GET", f"/v1/outbox{query}")
    assert got.status == 200, got.body
    return got.json()["deliveries"]


# --- retries


async def test_failures_are_tried_again_and_parked(tmp_path: Path) -> None:
    """After 10 s, 1 min, 10 min, 1 h and 6 h, the same event each time; those behind it go on."""
    async with receiving() as receiver:
        receiver.statuses["/ok"] = 500
        async with hooked(tmp_path, hook(receiver.url(), events=["user.created"])) as world:
            await create(world, "alice-1")
            for number, seconds in enumerate(WAITS_SECONDS, 1):
                row = await failed_times(world, number)
                assert row.error == "NotDelivered: 127.0.0.1 answered 500"
                wait = (row.due_at_ms - world.clock.now_ms()) / 1000
                assert seconds - 5 < wait <= seconds
                world.pass_time(seconds)
            (row,) = await world.rows_when(lambda rows: rows[0].parked)
            letters = await receiver.until(6)
            assert (await outbox(world, "?parked=true"))[0]["attempts"] == 6
            receiver.statuses.clear()
            assert (await world.door.admin("POST", f"/v1/outbox/{row.id}/retry")).status == 204
            letters = await receiver.until(7)
            await world.wait_until_sent()
    assert WAITS_SECONDS == (10, 60, 600, 3_600, 21_600)
    tries = [letter.headers["fictioneers-delivery"] for letter in letters]
    assert tries == [*(f"attempt {number}" for number in range(1, 7)), "replay"]
    assert len({letter.body for letter in letters}) == 1
    assert len({letter.headers["fictioneers-event-id"] for letter in letters}) == 1


async def test_a_parked_event_holds_up_no_later_one(tmp_path: Path) -> None:
    """Until it is parked the user's next events wait behind it, in order."""
    async with receiving() as receiver:
        receiver.statuses["/ok"] = 503
        async with hooked(tmp_path, hook(receiver.url(), events=["link.followed"])) as world:
            alice = Walker(world.door)
            await alice.create()
            await alice.follow("evBank:evHole")
            await receiver.until(1)
            await alice.follow("evHole:evEat")
            head, behind = await world.rows_when(lambda rows: rows[0].attempts == 1)
            receiver.statuses.clear()
            assert len(receiver.letters) == 1
            got = await world.door.admin("POST", f"/v1/outbox/{head.id}/park")
            assert got.status == 204
            letters = await receiver.until(2)
            (parked,) = await world.rows_when(lambda rows: len(rows) == 1)
    assert (behind.attempts, parked.id, parked.error) == (0, head.id, "parked by admin_1")
    assert letters[1].told["event_object"]["link_id"] == "evHole:evEat"


async def test_all_that_are_parked_are_replayed(tmp_path: Path) -> None:
    """One request; each is tried once, and what fails again is parked again."""
    async with (
        receiving() as receiver,
        hooked(tmp_path, hook(receiver.url(), events=ONE), works=False) as world,
    ):
        await create(world, "ann", "bob", "cid")
        for row in await world.rows():
            await world.outbox.move(row, parks=True)
        world.start()
        got = await world.door.admin("POST", "/v1/outbox/retry")
        assert got.json() == {"retried": 3}
        letters = await receiver.until(3)
        await world.wait_until_sent()
    assert {letter.headers["fictioneers-delivery"] for letter in letters} == {"replay"}
    assert sorted(letter.told["user_id"] for letter in letters) == ["ann", "bob", "cid"]


# --- receivers that are in the way


async def test_a_hanging_receiver_is_waited_for_by_nobody_else(tmp_path: Path) -> None:
    """Forty users of a dead subscription; the other one, on the same host, hears of all at once."""
    users = [f"user-{number}" for number in range(40)]
    async with receiving() as receiver:
        hooks = hook(receiver.url("/hang"), events=ONE), hook(receiver.url(), events=ONE)
        async with hooked(tmp_path, *hooks, works=False) as world:
            await create(world, *users)
            world.start()
            letters = await receiver.until(40)
            hanging = await receiver.until(16, "/hang")
    assert sorted(letter.told["user_id"] for letter in letters) == sorted(users)
    assert len(hanging) == 16


async def test_redirects_are_not_followed(tmp_path: Path) -> None:
    """They are answers like others, and count as failures."""
    async with (
        receiving() as receiver,
        hooked(tmp_path, hook(receiver.url("/307"), events=ONE)) as world,
    ):
        await create(world, "alice-1")
        row = await failed_times(world, 1)
        assert row.error == "NotDelivered: 127.0.0.1 answered 307: redirects are not followed"
        assert [letter.path for letter in receiver.letters] == ["/307"]


async def test_private_addresses_are_refused(tmp_path: Path) -> None:
    """Nobody is called unless the project says `webhook_private`; it is said at the delivery."""
    async with (
        receiving() as receiver,
        hooked(tmp_path, hook(receiver.url(), events=ONE), webhook_private=False) as world,
    ):
        await create(world, "alice-1")
        await failed_times(world, 1)
        (shown,) = await outbox(world)
        assert shown["error"] == "Forbidden: 127.0.0.1: its address is not public"
        assert receiver.letters == []


async def test_a_name_is_resolved_once_for_a_delivery(tmp_path: Path) -> None:
    """A name that stands for another address the next time gains nothing."""

    class Turning(Names):
        async def __call__(self, host: str) -> list[str]:
            found = await super().__call__(host)
            self.known[host] = found[1:] or ["127.0.0.9"]
            return found[:1]

    names = Turning(**{"hooks.example": ["127.0.0.1", "127.0.0.9"]})
    async with receiving() as receiver:
        url = receiver.url(host="hooks.example")
        async with hooked(tmp_path, hook(url, events=ONE)) as world:
            outgoing = Outgoing(trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), resolve=names)
            world.door.house.outgoing = outgoing
            await create(world, "alice-1")
            (letter,) = await receiver.until(1)
            await world.wait_until_sent()
            with trio.CancelScope(shield=True):
                await outgoing.aclose()
    assert names.asked == ["hooks.example"]
    assert letter.headers["host"] == f"hooks.example:{receiver.port}"


async def test_a_name_with_a_private_address_among_public_ones_is_refused(tmp_path: Path) -> None:
    """All that it stands for is judged, so the second one is no way in."""
    names = Names(**{"hooks.example": ["93.184.215.14", "127.0.0.1"]})
    async with receiving() as receiver:
        url = receiver.url(host="hooks.example")
        async with hooked(tmp_path, hook(url, events=ONE), webhook_private=False) as world:
            outgoing = Outgoing(trust=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), resolve=names)
            world.door.house.outgoing = outgoing
            await create(world, "alice-1")
            row = await failed_times(world, 1)
            with trio.CancelScope(shield=True):
                await outgoing.aclose()
    assert row.error == "Forbidden: hooks.example: its address is not public"
    assert receiver.letters == []


# --- ends and beginnings


async def test_after_a_crash_an_event_comes_again_with_its_id(tmp_path: Path) -> None:
    """Sent and not written down as sent: it comes again, and receivers know it by its id."""

    async def forget(*_what: object) -> None:
        await trio.sleep_forever()

    async with receiving() as receiver:
        hooks = hook(receiver.url(), events=ONE)
        async with hooked(tmp_path, hooks, works=False) as world:
            world.outbox._write_down = forget  # type: ignore[method-assign]
            world.start()
            await create(world, "alice-1")
            await receiver.until(1)
        async with hooked(tmp_path, hooks) as world:
            first, again = await receiver.until(2)
            await world.wait_until_sent()
    assert first == again
    assert len(receiver.letters) == 2


async def test_a_webhook_that_is_gone_takes_along_what_it_was_to_be_told(tmp_path: Path) -> None:
    """Nobody is called any more; the other one is told."""
    async with (
        receiving() as receiver,
        hooked(tmp_path, hook(receiver.url("/gone"), events=ONE), works=False) as world,
    ):
        await world.subscribe(receiver.url(), events=ONE)
        await create(world, "alice-1")
        assert len(await world.rows()) == 2
        await world.door.declare(webhook_private=True, webhooks=[])
        world.start()
        await receiver.until(1)
        await world.wait_until_sent()
        assert receiver.at("/gone") == []


async def test_a_secret_that_cannot_be_read_is_a_failure_that_shows_nothing(
    tmp_path: Path,
) -> None:
    """A lost key file: the delivery waits, and applying the file again seals the secret anew."""
    async with receiving() as receiver:
        declared = hook(receiver.url(), events=ONE)
        async with hooked(tmp_path, declared, works=False) as world:
            await world.subscribe(receiver.url("/route"), events=ONE)
            await create(world, "alice-1")
        os.unlink(tmp_path / KEY)
        async with hooked(tmp_path, declared) as world:
            await receiver.until(1)
            (row,) = await world.rows_when(lambda rows: len(rows) == 1 and rows[0].attempts == 1)
            assert receiver.at("/route") == []
    assert row.error.startswith("NotDelivered: 127.0.0.1: the sealed secret does not open")


async def test_many_events_of_one_command_leave_in_packs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row, its bodies posted one by one in order, and after a failure from where it was."""
    monkeypatch.setattr("actors.timelines.hooks.APART_MAX", 2)
    async with receiving() as receiver:
        receiver.statuses["/ok"] = 500
        async with hooked(tmp_path, hook(receiver.url())) as world:
            alice = Walker(world.door)
            alice.at = "08:00:00"
            await alice.create()
            first, second = await world.rows_when(lambda rows: rows[0].attempts == 1)
            assert (first.cursor, second.attempts) == ("", 0)
            receiver.statuses.clear()
            world.pass_time(10)
            letters = await receiver.until(5)
            await world.wait_until_sent()
    assert [letter.type for letter in letters[1:]] == [
        *("user.created", "beat.entered", "state.changed", "state.changed"),
    ]
    tries = [letter.headers["fictioneers-delivery"] for letter in letters]
    assert tries == ["attempt 1", "attempt 2", *["attempt 1"] * 3]
