"""The Python client's live changes of one user, and the program that the README prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trio
from timeline_client import Overheard, Served, end_tokens, serving
from timeline_door import SECRET, TIMELINE_ID, VISIBLE, open_door
from trio.testing import wait_all_tasks_blocked

from api.client import (
    Changes,
    Fictioneers,
    FictioneersError,
    LiveClosed,
    Refused,
    UserChange,
    UserSnapshot,
)

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
PRINTED_URL = "http://127.0.0.1:8080"
PRINTED_KEY = "s_00000000000de300.demo-secret-key-not-for-earnest-use-0000000"
ROUND = ("evHole:evEat", "evEat:evHole")


async def changed(changes: Changes) -> UserChange:
    """The next item, which is a change."""
    item = await anext(changes)
    assert isinstance(item, UserChange), item
    return item


async def begun(changes: Changes) -> UserSnapshot:
    """The next item, which says where to start from."""
    item = await anext(changes)
    assert isinstance(item, UserSnapshot), item
    return item


async def follow(alice: Fictioneers, link: str) -> None:
    """Follow a link, named as `FROM:TO`."""
    await alice.follow_link(link.partition(":")[0], link)


def moves(change: UserChange) -> list[tuple[str, str]]:
    """What changed its state, in order."""
    return [(each.timeline_event_id, each.state) for each in change.state_changes]


@pytest.mark.parametrize("key", [SECRET, VISIBLE])
async def test_every_change_is_told_in_order(tmp_path: Path, key: str) -> None:
    """From before the user is there until it is gone; versions are dense, and all is typed."""
    async with serving(tmp_path) as served, served.client(api_key=key) as alice:
        changes = alice.changes()
        start = await begun(changes)
        assert (start.version, start.user) == (0, None)
        created = await alice.create_user(TIMELINE_ID, max_steps=2)
        first = await changed(changes)
        assert (first.name, first.version) == ("UserCreated", 1)
        assert moves(first) == [("evBank", "ACTIVE"), ("evWatch", "ACTIVE")]
        assert first.current_beat == created.data.current_beat
        await alice.progress_step()
        went = await changed(changes)
        assert (went.name, went.version, went.current_step) == ("Progressed", 2, 5)
        assert (went.progress, went.waiting_for_condition_id) == ("waiting", "guardCourt")
        for version, link in enumerate(("evBank:evHole", *ROUND), start=3):
            await follow(alice, link)
            told = await changed(changes)
            assert (told.name, told.version, told.link_id) == ("LinkFollowed", version, link)
        await alice.delete_user()
        last = await changed(changes)
        assert (last.name, last.version, last.progress) == ("Erased", 6, None)


@pytest.mark.slow  # it comes back after a moment
async def test_it_resumes_where_it_was(tmp_path: Path) -> None:
    """Cut off while things happen, it misses nothing; a late listener begins with a snapshot."""
    async with serving(tmp_path) as served, served.client() as alice:
        await alice.create_user(TIMELINE_ID)
        async with alice.changes() as changes:
            start = await begun(changes)
            assert start.user is not None
            assert start.user.events == {"evBank": "ACTIVE", "evWatch": "ACTIVE"}
            await follow(alice, "evBank:evHole")
            assert (await changed(changes)).version == 2
            served.cut_all(1012)
            for link in ROUND:
                await follow(alice, link)
            assert [(await changed(changes)).version for _ in ROUND] == [3, 4]
        with pytest.raises(StopAsyncIteration):
            await anext(changes)
        late = await begun(alice.changes())
        assert late.user is not None
        assert (late.version, late.user.follows) == (
            4,
            {"evBank:evHole": 1, **dict.fromkeys(ROUND, 1)},
        )


@pytest.mark.slow  # it comes back after a moment, twice
async def test_it_outlives_its_token(tmp_path: Path) -> None:
    """A token that died lets nobody back in: another one is minted, and no change is lost."""
    async with serving(tmp_path) as served, served.client(api_key=VISIBLE) as alice:
        changes = alice.changes()
        assert (await begun(changes)).version == 0
        await alice.create_user(TIMELINE_ID)
        assert (await changed(changes)).version == 1
        for version in (2, 4):
            await end_tokens(served.door)
            async with served.client(api_key=SECRET) as other:
                for link in ("evBank:evHole", "evHole:evEat") if version == 2 else ROUND[::-1]:
                    await follow(other, link)
            assert [(await changed(changes)).version for _ in ROUND] == [version, version + 1]


async def test_who_may_not_listen_is_told(tmp_path: Path) -> None:
    """Another's token, one that is dead, and a key that is gone: no loops, an error each."""
    async with serving(tmp_path) as served:
        async with served.client(api_key=VISIBLE) as alice:
            token = (await alice.get_access_token()).access_token
        async with served.client(access_token=token, user_id="bob-2") as bob:
            with pytest.raises(Refused):
                await anext(bob.changes())
        await end_tokens(served.door)
        async with served.client(access_token=token) as dead:
            with pytest.raises(LiveClosed, match="401"):
                await anext(dead.changes())
        async with served.client(api_key=VISIBLE) as alice:
            await alice.get_access_token()
            await served.door.declare(visible_keys=[])
            with pytest.raises(FictioneersError, match="401"):
                await anext(alice.changes())
        with pytest.raises(RuntimeError, match="async with"):
            alice.changes()


async def test_a_second_token_that_is_refused_is_one_too_many(tmp_path: Path) -> None:
    """Tokens of one house, a socket of another: two are tried, and then it is said."""
    async with open_door(tmp_path / "one") as door, serving(tmp_path / "other") as served:
        minting = Overheard(door)
        async with served.client(api_key=VISIBLE, transport=minting) as alice:
            with pytest.raises(LiveClosed, match="401"):
                await anext(alice.changes())
        assert [path for _, path in minting.asked] == ["/timelines/v1/auth/token"] * 2


async def test_whoever_waits_is_let_go(tmp_path: Path) -> None:
    """Closed by another task, the loop ends; it raises nothing."""
    async with serving(tmp_path) as served, served.client() as alice:
        changes = alice.changes()
        await begun(changes)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain, changes)
            await wait_all_tasks_blocked()
            await changes.aclose()


async def drain(changes: Changes) -> None:
    """Hear all that comes."""
    async for change in changes:
        raise AssertionError(change)


async def test_the_blocks_error_comes_out_as_it_is(tmp_path: Path) -> None:
    """Whoever uses the client need not know that it has tasks of its own."""
    async with serving(tmp_path) as served:
        with pytest.raises(KeyError, match="evNobody"):
            await fail_while_listening(served)


async def fail_while_listening(served: Served) -> None:
    """A program with a mistake."""
    async with served.client() as alice:
        await begun(alice.changes())
        raise KeyError("evNobody")


async def test_the_readme_works_as_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its program walks, and prints what that changed."""
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    (block,) = (block for block in blocks if "import Fictioneers" in block)
    assert PRINTED_URL in block
    assert PRINTED_KEY in block
    async with serving(tmp_path, secret_keys=[PRINTED_KEY]) as served:
        url = served.endpoint.removesuffix("/timelines/v1")
        program = compile(block.replace(PRINTED_URL, url), "README.md", "exec")
        await trio.to_thread.run_sync(exec, program, {})
    assert capsys.readouterr().out.split() == ["evBank", "VISITED", "evHole", "ACTIVE"]
