"""Calls to others that go wrong: peers that behave badly, callers that leave, places."""

from __future__ import annotations

import gc
import gzip
import socket
import struct

import pytest
import trio
from peers import OK, SECONDS, Names, calling, peer
from trio.testing import MockClock, wait_all_tasks_blocked

from api.outgoing import Outgoing, TimedOut, Unreachable

CUSHION = 0.01
"""Seconds without any news, after which there is none to come."""


@pytest.fixture
def clock(mock_clock: MockClock) -> MockClock:
    """The usual time, that can jump."""
    mock_clock.rate = 1
    return mock_clock


# --- peers that behave badly


BROKEN = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
}
GARBAGE = {
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "zeros": b"\0" * 100,
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    "another protocol agreed": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("answer", (BROKEN | GARBAGE).values(), ids=(BROKEN | GARBAGE).keys())
async def test_a_broken_answer_is_none(answer: bytes) -> None:
    """Cut off or not HTTP: an error in words, and the place is free for the next call."""
    async with peer(answer, ends=True) as one, calling(connections_max=1) as outgoing:
        for _ in range(2):
            with pytest.raises(Unreachable, match=r"127\.0\.0\.1: it broke off") as broken:
                await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
            assert type(broken.value) is Unreachable
        assert outgoing.statistics() == {"under_way": 0, "calls": 2, "failures": 2}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
async def test_a_hanging_peer_is_left(answer: bytes, clock: MockClock) -> None:
    """Wherever it hangs, the call ends in time and hangs up."""
    async with peer(answer) as one, calling(connections_max=1) as outgoing:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask_in_vain, outgoing, one.url)
            await one.heard.wait()
            await let_time_pass(clock)
        assert outgoing.statistics() == {"under_way": 0, "calls": 1, "failures": 1}
        await one.wait_until_gone()
        one.answer = OK
        await ask(outgoing, one.url)


async def test_a_peer_that_does_not_read_is_left(clock: MockClock) -> None:
    """A body that nobody takes ends in time too, and leaves nothing behind."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}/"
    async with calling() as outgoing, listener, trio.open_nursery() as nursery:
        nursery.start_soon(ask_in_vain, outgoing, url, bytes(20_000_000))
        async with await listener.accept():
            await let_time_pass(clock)
    gc.collect()


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_cancelled_caller_leaves_nothing_open(scheme: str) -> None:
    """In the handshake or after it: the connection is closed, its place is free."""
    async with peer(b"") as one, calling(connections_max=1) as outgoing:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, outgoing, one.url.replace("http", scheme))
            await one.met.wait()
            await wait_all_tasks_blocked(CUSHION)
            nursery.cancel_scope.cancel()
        await one.wait_until_gone()
        assert outgoing.statistics() == {"under_way": 0, "calls": 1, "failures": 0}
        one.answer = OK
        await ask(outgoing, one.url)


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"],
)
async def test_an_endless_body_is_left(head: bytes) -> None:
    """Beyond the limit nothing more is read."""
    async with peer(head, endless=True) as one, calling(connections_max=1) as outgoing:
        with pytest.raises(Unreachable, match="more than 100000 bytes"):
            await outgoing.request(
                "GET", one.url, seconds=SECONDS, private=True, body_bytes_max=100_000
            )
        await one.wait_until_gone()
    gc.collect()


async def test_the_limit_itself_is_allowed() -> None:
    """A body as long as the limit comes back, one byte less is too little for it."""
    async with peer(OK) as one, calling() as outgoing:
        got = await outgoing.request(
            "GET", one.url, seconds=SECONDS, private=True, body_bytes_max=2
        )
        assert got.body == b"ok"
        with pytest.raises(Unreachable, match="more than 1 bytes"):
            await outgoing.request("GET", one.url, seconds=SECONDS, private=True, body_bytes_max=1)


async def test_a_compressed_body_is_refused() -> None:
    """It was not asked for, and a small one may unfold to anything."""
    body = gzip.compress(b"ok")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with peer(head + body) as one, calling() as outgoing:
        with pytest.raises(Unreachable, match="compressed"):
            await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
        one.answer = b"HTTP/1.1 304 Not Modified\r\nContent-Encoding: gzip\r\n\r\n"
        got = await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
    assert (got.status, got.body) == (304, b"")


async def test_a_reset_connection_is_no_answer() -> None:
    """A peer that throws the connection away is an error in words."""
    async with peer(OK) as one, calling() as outgoing:
        one.serve = reset  # type: ignore[method-assign]
        with pytest.raises(Unreachable, match="the connection broke"):
            await outgoing.request("GET", one.url, seconds=SECONDS, private=True)


async def reset(stream: trio.abc.Stream) -> None:
    """Hear the request, then close without a farewell."""
    assert isinstance(stream, trio.SocketStream)
    async with stream:
        await stream.receive_some(65_536)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_nobody_there() -> None:
    """A port without a listener, names without an address."""
    async with peer(OK) as one:
        url = one.url
    async with calling(resolve=Names(none=[], here=["127.0.0.1"])) as outgoing:
        for host, words in (("gone", "knows"), ("none", "knows"), ("here", "no connection")):
            there = url.replace("127.0.0.1", host)
            with pytest.raises(Unreachable, match=f"{host}: .*{words}"):
                await outgoing.request("GET", there, seconds=SECONDS, private=True)


# --- places


async def test_no_more_than_so_many_at_once() -> None:
    """The others wait for their turn, and all are answered."""
    async with peer(OK) as one, calling(connections_max=2) as outgoing:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(ask, outgoing, one.url)
        assert outgoing.statistics() == {"under_way": 0, "calls": 10, "failures": 0}
    assert (len(one.requests), one.connections) == (10, 2)


@pytest.mark.parametrize("limit", ["connections_max", "origin_max"])
async def test_waiting_counts_and_loses_no_place(clock: MockClock, limit: str) -> None:
    """Callers that time out together, called or waiting, leave every place free."""
    names = Names(upstream=["127.0.0.1"])
    async with peer(b"") as one, calling(resolve=names, **{limit: 2}) as outgoing:
        url = f"http://upstream:{one.port}/"
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(ask_in_vain, outgoing, url)
            await let_time_pass(clock)
        assert one.connections == 2
        one.answer = OK
        for _ in range(3):
            await ask(outgoing, url)


async def test_all_calls_share_the_places(clock: MockClock) -> None:
    """Whoever may call what: one more waits, and has not even looked up its name."""
    names = Names(upstream=["127.0.0.1"])
    async with (
        peer(b"") as one,
        calling(connections_max=1, resolve=names) as outgoing,
        trio.open_nursery() as nursery,
    ):
        url = f"http://upstream:{one.port}/"
        nursery.start_soon(ask_in_vain, outgoing, url)
        await one.met.wait()
        nursery.start_soon(ask_in_vain, outgoing, url, b"", False)
        await let_time_pass(clock)
    assert names.asked == ["upstream"]


async def test_a_host_that_hangs_leaves_places_for_others(clock: MockClock) -> None:
    """However many wait for it: another host is called meanwhile, and answers."""
    async with (
        peer(b"") as hanging,
        peer(OK) as other,
        calling(connections_max=3, origin_max=2) as outgoing,
        trio.open_nursery() as nursery,
    ):
        for _ in range(6):
            nursery.start_soon(ask_in_vain, outgoing, hanging.url)
        await wait_all_tasks_blocked(CUSHION)
        await ask(outgoing, other.url)
        assert (hanging.connections, outgoing.statistics()["under_way"]) == (2, 6)
        await let_time_pass(clock)


async def test_a_host_has_twenty_of_a_hundred_places(clock: MockClock) -> None:
    """Unless it is told otherwise."""
    async with peer(b"") as one, calling() as outgoing, trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(ask_in_vain, outgoing, one.url)
        await let_time_pass(clock)
        assert one.connections == 20


async def ask(outgoing: Outgoing, url: str) -> None:
    """One call that is answered."""
    assert (await outgoing.request("GET", url, seconds=SECONDS, private=True)).body == b"ok"


async def ask_in_vain(
    outgoing: Outgoing, url: str, body: bytes = b"", private: bool = True
) -> None:
    """One call that is not."""
    with pytest.raises(TimedOut, match="no whole answer within 5 s"):
        await outgoing.request("GET", url, body=body, seconds=SECONDS, private=private)


async def let_time_pass(clock: MockClock) -> None:
    """Once nobody has anything left to do, every call has been under way for too long."""
    await wait_all_tasks_blocked(CUSHION)
    clock.jump(SECONDS)


async def test_leaving_ends_the_calls_under_way() -> None:
    """They fail, their connections close, and nobody is called any more."""
    async with peer(b"") as one, calling() as outgoing:

        async def wait() -> None:
            with pytest.raises(Unreachable, match="leaving"):
                await outgoing.request("GET", one.url, seconds=SECONDS, private=True)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await one.heard.wait()
            assert outgoing.statistics()["under_way"] == 1
            await outgoing.aclose()
        await one.wait_until_gone()
        await wait()
    assert one.connections == 1
