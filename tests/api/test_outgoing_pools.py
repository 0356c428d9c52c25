"""The pools of our own calls: what is made when, and what calls share."""

from __future__ import annotations

import ssl
import threading
from functools import partial

import httpcore
import pytest
import trio
import trio.testing
from peers import OK, SECONDS, Names, peer

from api import outgoing_pools
from api.outgoing import Outgoing
from api.outgoing_pools import OutgoingPools


class Trust:
    """Stands for the system's certificates: counts who reads them, and where."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def __call__(self) -> ssl.SSLContext:
        """Read them, once that is allowed."""
        self.threads.append(threading.get_ident())
        self.begun.set()
        assert self.may_end.wait(SECONDS)
        return self.context


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Trust:
    """In the place of `usual_trust`."""
    found = Trust()
    monkeypatch.setattr(outgoing_pools, "usual_trust", found)
    return found


async def test_certificates_are_read_when_somebody_is_called(trust: Trust) -> None:
    """Not at the start; then once, in a thread, for all calls and both pools."""
    outgoing = Outgoing()
    assert trust.threads == []
    async with peer(OK) as one:
        for _ in range(2):
            await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
        await outgoing.aclose()
    assert len(trust.threads) == 1
    assert trust.threads[0] != threading.get_ident()


async def test_first_calls_together_share_what_is_read(trust: Trust) -> None:
    """They wait for the first of them, and there is one pool of each sort."""
    pools = OutgoingPools(10, None, Names())
    found: list[tuple[bool, httpcore.AsyncConnectionPool]] = []

    async def ask(private: bool) -> None:
        found.append((private, await pools.pool(private=private)))

    trust.may_end.clear()
    async with trio.open_nursery() as nursery:
        for private in (False, True, False, True):
            nursery.start_soon(ask, private)
        await trio.testing.wait_all_tasks_blocked()
        assert found == []
        trust.may_end.set()
    assert len(trust.threads) == 1
    assert len({id(pool) for _, pool in found}) == 2
    assert len({(private, id(pool)) for private, pool in found}) == 2
    await pools.aclose()


async def test_nobody_waits_for_the_thread(trust: Trust) -> None:
    """A call whose time is over leaves while they are read; who comes later is answered."""
    outgoing = Outgoing()
    trust.may_end.clear()
    async with peer(OK) as one:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(outgoing.request, "GET", one.url, seconds=SECONDS))
            assert await trio.to_thread.run_sync(trust.begun.wait, SECONDS)
            nursery.cancel_scope.cancel()
        trust.may_end.set()
        got = await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
        await outgoing.aclose()
    assert got.status == 200


async def test_given_trust_is_used(trust: Trust) -> None:
    """Whoever names its own certificates needs no others."""
    pools = OutgoingPools(10, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), Names())
    first = await pools.pool(private=False)
    assert await pools.pool(private=False) is first
    assert await pools.pool(private=True) is not first
    assert trust.threads == []
    await pools.aclose()
