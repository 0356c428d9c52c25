"""Who may use the live socket: keys, tickets, tokens, strangers, origins."""

from __future__ import annotations

import trio
from live_world import ADMIN_KEY, DOOR_KEY, PROJECT, VISITOR_TOKEN, open_world
from trio.testing import MockClock


async def test_a_wrong_key_at_the_upgrade_is_401(autojump_clock: MockClock) -> None:
    """An HTTP answer before accepting, never a close."""
    async with open_world() as world:
        for key, status in (("nonsense", 401), ("operator-key", 403)):
            async with world.socket(headers={"authorization": f"Bearer {key}"}) as wire:
                assert await wire.wait_over() is None
                assert wire.status == status


async def test_a_key_may_come_as_x_api_key(autojump_clock: MockClock) -> None:
    """The header that flags clients know works at the upgrade too; a wrong one is 401."""
    async with open_world() as world:
        async with world.socket(headers={"x-api-key": DOOR_KEY}) as wire:
            assert (await wire.next())["t"] == "welcome"
        async with world.socket(headers={"x-api-key": "nonsense"}) as wire:
            assert await wire.wait_over() is None
            assert wire.status == 401


async def test_silence_is_not_authentication(autojump_clock: MockClock) -> None:
    """Nobody stays longer than ten seconds without saying who they are."""
    async with open_world() as world, world.socket() as wire:
        started = trio.current_time()
        assert await wire.wait_over() == 4401
        assert 10 <= trio.current_time() - started < 14


async def test_nothing_works_before_authentication(autojump_clock: MockClock) -> None:
    """`sub` answers `err`, `cmd` answers `res`, and the socket stays open."""
    async with open_world() as world, world.socket() as wire:
        wire.say({"t": "sub", "topic": "door/1", "id": 1})
        assert (await wire.next())["problem"]["status"] == 401
        wire.say({"t": "cmd", "topic": "door/1", "name": "shut", "id": 2})
        res = await wire.next()
        assert (res["t"], res["id"], res["ok"]) == ("res", 2, False)
        wire.say({"t": "auth", "token": DOOR_KEY, "id": 3})
        assert (await wire.next())["id"] == 3


async def test_a_wrong_auth_frame_closes(autojump_clock: MockClock) -> None:
    """4401, for wrong tokens and tickets alike."""
    async with open_world() as world:
        for secret in ({"token": "nonsense"}, {"ticket": "nonsense"}, {}):
            async with world.socket() as wire:
                wire.say({"t": "auth", **secret})
                assert await wire.wait_over() == 4401


async def test_a_ticket_is_good_once(autojump_clock: MockClock) -> None:
    """The second socket that shows it is closed."""
    async with open_world() as world:
        principal = world.credentials.identify(DOOR_KEY)
        assert principal is not None
        ticket = world.live.tickets.issue(principal)
        async with world.socket() as wire:
            wire.say({"t": "auth", "ticket": ticket}, {"t": "sub", "topic": "door/1"})
            assert [(await wire.next())["t"] for _ in range(2)] == ["welcome", "subd"]
        async with world.socket() as wire:
            wire.say({"t": "auth", "ticket": ticket})
            assert await wire.wait_over() == 4401


async def test_a_ticket_is_not_good_for_long(autojump_clock: MockClock) -> None:
    """Half a minute, and not after its key was revoked."""
    async with open_world() as world:
        principal = world.credentials.identify(DOOR_KEY)
        assert principal is not None
        late, orphaned = (world.live.tickets.issue(principal) for _ in range(2))
        await trio.sleep(29)
        fresh = world.live.tickets.issue(principal)
        await trio.sleep(1.5)
        assert world.live.tickets.redeem(late) is None
        await world.revoke(principal.hash)
        assert world.live.tickets.redeem(orphaned) is None
        async with world.socket() as wire:
            wire.say({"t": "auth", "ticket": fresh})
            assert await wire.wait_over() == 4401


async def test_strangers_may_listen_where_the_project_says_so(autojump_clock: MockClock) -> None:
    """`hello{project}` works with `[live] public`, from its origins, for public topics only."""
    async with open_world() as world:
        async with world.socket() as wire:
            wire.say({"t": "hello", "project": PROJECT, "id": 1})
            assert (await wire.next())["problem"]["code"] == "not_public"
        await world.declare_live(public=True, origins=("https://good.example",))
        for origin, code in (("https://evil.example", 4403), ("https://good.example", None)):
            async with world.socket(headers={"origin": origin}) as wire:
                wire.say({"t": "hello", "project": PROJECT})
                if code is not None:
                    assert await wire.wait_over() == code
                    continue
                assert (await wire.next())["t"] == "welcome"
                wire.say({"t": "sub", "topic": "door/public"}, {"t": "sub", "topic": "door/1"})
                assert [(await wire.next())["t"] for _ in range(2)] == ["err", "subd"]
                wire.say({"t": "cmd", "topic": "door/public", "name": "shut"})
                assert (await wire.next())["problem"]["status"] == 403


async def test_the_origin_of_a_page_is_judged_once_the_project_is_known(
    autojump_clock: MockClock,
) -> None:
    """403 at the upgrade with a key, 4403 after an `auth` frame; our own pages may come."""
    async with open_world() as world:
        evil = {"origin": "https://evil.example", "host": "here.example"}
        with_key = {**evil, "authorization": f"Bearer {DOOR_KEY}"}
        async with world.socket(headers=with_key) as wire:
            await wire.wait_over()
            assert wire.status == 403
        async with world.socket(headers=evil) as wire:
            wire.say({"t": "auth", "token": DOOR_KEY})
            assert await wire.wait_over() == 4403
        own = {"origin": "https://here.example", "host": "here.example"}
        async with world.socket(headers=own) as wire:
            wire.say({"t": "auth", "token": DOOR_KEY})
            assert (await wire.next())["t"] == "welcome"


async def test_a_stranger_may_say_who_they_are_later(autojump_clock: MockClock) -> None:
    """`auth` after `hello` gives the key's rights; another project's key is refused."""
    async with open_world() as world:
        await world.declare_live(public=True)
        async with world.socket() as wire:
            wire.say({"t": "hello", "project": PROJECT}, {"t": "sub", "topic": "door/public"})
            await wire.next_of("subd")
            wire.say({"t": "auth", "token": "other-key"})
            assert (await wire.next())["problem"]["code"] == "other_project"
            wire.say({"t": "auth", "token": VISITOR_TOKEN, "id": 5})
            assert (await wire.next())["id"] == 5
            assert await wire.next() == {
                "t": "unsubd", "topic": "door/public", "code": "forbidden"
            }  # fmt: skip


async def test_revoking_a_key_closes_its_sockets(autojump_clock: MockClock) -> None:
    """4401 for those of the key, 4501 for those of tokens it minted; others stay."""
    async with (
        open_world() as world,
        world.socket(DOOR_KEY) as keyed,
        world.socket(VISITOR_TOKEN) as minted,
        world.socket(ADMIN_KEY) as other,
    ):
        principal = world.credentials.identify(DOOR_KEY)
        assert principal is not None
        await world.revoke(principal.hash)
        assert await keyed.wait_over() == 4401
        await world.revoke("minter")
        assert await minted.wait_over() == 4501
        other.say({"t": "sub", "topic": "door/1"})
        assert (await other.next())["t"] == "subd"


async def test_an_expired_token_closes_its_socket(autojump_clock: MockClock) -> None:
    """4501: come back with another."""
    async with open_world() as world:
        for hash_, row in world.rows.items():
            if row.kind == "visitor":
                world.rows[hash_] = row._replace(expires_at=world.clock.now_ms() + 5_000)
        async with world.socket(VISITOR_TOKEN) as wire:
            assert await wire.wait_over() == 4501
