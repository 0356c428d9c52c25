"""Calls to others: what is sent, what comes back, who may be called, and what is never shown."""

from __future__ import annotations

import logging
import ssl
import traceback
from pathlib import Path
from typing import Any

import pytest
import trio
from certificates import self_signed
from peers import OK, SECONDS, Names, calling, peer

from api.outgoing import Forbidden, Outgoing, Unreachable

SECRET = "s3cr3t-of-somebody"
HOSTS_HERE = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0"]


# --- what is sent, and what comes back


async def test_an_answer_comes_back_whole() -> None:
    """Status, headers by lower-case name with repeated ones joined, and the body."""
    text = b"HTTP/1.1 418 No\r\nX-A: 1\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with peer(text + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n") as one, calling() as outgoing:
        got = await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
    assert (got.status, got.headers["x-a"], got.body) == (418, "1, 2", b"abc")


async def test_what_is_asked_arrives() -> None:
    """Method, path with query, headers and a body of many pieces; nothing compressed is wanted."""
    body = bytes(range(256)) * 1_000
    async with peer(OK) as one, calling() as outgoing:
        await outgoing.request(
            "POST",
            f"{one.url}/a%20b/?c=d#e",
            headers={"X-Key": "ключ", "Host": "elsewhere", "Transfer-Encoding": "chunked"},
            body=body,
            seconds=SECONDS,
            private=True,
        )
    head, came = one.requests[0]
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /a%20b/?c=d HTTP/1.1"
    assert came == body
    assert sorted(lines) == [
        "accept-encoding: identity",
        f"content-length: {len(body)}",
        f"host: 127.0.0.1:{one.port}",
        "x-key: ключ",
    ]


@pytest.mark.parametrize(
    ("method", "length"), [("GET", None), ("DELETE", None), ("POST", "0"), ("PUT", "0")]
)
async def test_an_empty_body_is_announced_where_one_is_expected(method, length) -> None:
    """Methods that bring something say that they bring nothing; others are silent."""
    async with peer(OK) as one, calling() as outgoing:
        await outgoing.request(method, one.url, seconds=SECONDS, private=True)
    head = one.requests[0][0].decode()
    assert ("content-length: 0" in head) == (length is not None)
    assert head.startswith(f"{method} / ")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_answers(status: int) -> None:
    """The other place is named and not asked."""
    async with peer(OK) as other:
        text = f"HTTP/1.1 {status} Go\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n"
        async with peer(text.encode()) as one, calling() as outgoing:
            got = await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
    assert (got.status, got.headers["location"]) == (status, f"{other.url}/")
    assert (len(one.requests), other.connections) == (1, 0)


async def test_connections_are_kept() -> None:
    """The next call to the same place uses the connection, and asks no resolver again."""
    names = Names(upstream=["127.0.0.1"])
    async with peer(OK) as one, calling(resolve=names) as outgoing:
        for _ in range(3):
            url = f"http://upstream:{one.port}/"
            await outgoing.request("GET", url, seconds=SECONDS, private=True)
    assert (one.connections, len(one.requests), names.asked) == (1, 3, ["upstream"])


# --- who may be called


@pytest.mark.parametrize("host", HOSTS_HERE)
async def test_this_machine_is_not_called(host: str) -> None:
    """However it is spelt: no connection is made unless the caller may."""
    async with peer(OK) as one, calling() as outgoing:
        with pytest.raises(Forbidden, match="not public"):
            await outgoing.request("GET", f"http://{host}:{one.port}/", seconds=SECONDS)
    assert one.connections == 0


async def test_one_address_that_is_not_public_is_enough() -> None:
    """A name with a public and a private address is refused."""
    names = Names(both=["93.184.216.34", "127.0.0.1"], mapped=["::ffff:10.0.0.1"])
    async with calling(resolve=names) as outgoing:
        for host in ("both", "mapped"):
            with pytest.raises(Forbidden, match=host):
                await outgoing.request("GET", f"http://{host}/", seconds=SECONDS)


async def test_a_kept_connection_lends_itself_to_nobody_else() -> None:
    """A connection to a private address is not there for a call that may not have it."""
    async with peer(OK) as one, calling() as outgoing:
        await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
        with pytest.raises(Forbidden):
            await outgoing.request("GET", one.url, seconds=SECONDS)
        await outgoing.request("GET", one.url, seconds=SECONDS, private=True)
    assert (one.connections, len(one.requests)) == (1, 2)


async def test_a_name_is_resolved_once() -> None:
    """What was judged is what is called: nobody asks for the name again on the way."""

    class Nobody(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *asked: Any) -> Any:
            raise AssertionError(f"asked for {asked}")

        async def getnameinfo(self, *asked: Any) -> Any:
            raise AssertionError(f"asked for {asked}")

    names = Names(upstream=["127.0.0.1"])
    trio.socket.set_custom_hostname_resolver(Nobody())
    async with peer(OK) as one, calling(resolve=names) as outgoing:
        url = f"http://upstream:{one.port}/"
        await outgoing.request("GET", url, seconds=SECONDS, private=True)
    assert names.asked == ["upstream"]


@pytest.mark.parametrize("order", [["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
async def test_addresses_are_tried_in_order(order: list[str]) -> None:
    """The first that answers is taken, one that refuses is passed over."""
    names = Names(upstream=order)
    async with peer(OK) as one, calling(resolve=names) as outgoing:
        url = f"http://upstream:{one.port}/"
        got = await outgoing.request("GET", url, seconds=SECONDS, private=True)
    assert got.body == b"ok"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "ftp://upstream/",
        "file:///etc/hosts",
        "ws://upstream/",
        "http:///path",
        f"http://me:{SECRET}@upstream/",
        f"http://{SECRET}@upstream/",
        "http://@upstream/",
        "http://upstream:99999/",
        f"http://upstream:{SECRET}/",
        "http://upstream:0/",
        "http://[upstream/",
        "http://" + "a" * 64 + ".example/",
        "http://a..b/",
        "http://up stream/",
        "http://upstream/\r\nX-Key: 1",
        "http://upstream/ä",
    ],
)
async def test_odd_urls_are_refused(url: str) -> None:
    """No other scheme, no user, no line breaks; nobody is even looked up."""
    names = Names()
    async with calling(resolve=names) as outgoing:
        with pytest.raises(Forbidden) as refused:
            await outgoing.request("GET", url, seconds=SECONDS, private=True)
        assert outgoing.statistics() == {"under_way": 0, "calls": 1, "failures": 1}
    assert names.asked == []
    assert SECRET not in "".join(traceback.format_exception(refused.value))


# --- TLS


async def test_certificates_are_checked_for_the_urls_name(tmp_path: Path) -> None:
    """One we trust is good for the name it was made for, and for no other."""
    certificate, key = self_signed(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    trust = ssl.create_default_context(cafile=str(certificate))
    names = Names(**{"127.0.0.1": ["127.0.0.1"], "upstream": ["127.0.0.1"]})
    async with peer(OK, tls=server) as one, calling(trust=trust, resolve=names) as outgoing:
        url = f"https://127.0.0.1:{one.port}/"
        for _ in range(2):
            got = await outgoing.request("GET", url, seconds=SECONDS, private=True)
            assert got.body == b"ok"
        url = f"https://upstream:{one.port}/"
        with pytest.raises(Unreachable, match="certificate is not valid for 'upstream'"):
            await outgoing.request("GET", url, seconds=SECONDS, private=True)
    assert len(one.requests) == 2


async def test_strangers_certificates_are_refused(tmp_path: Path) -> None:
    """By default nobody vouches for a certificate that was made at home."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*self_signed(tmp_path))
    async with peer(OK, tls=server) as one, calling(trust=None) as outgoing:
        url = f"https://127.0.0.1:{one.port}/"
        with pytest.raises(Unreachable, match="its certificate is not good: self-signed"):
            await outgoing.request("GET", url, seconds=SECONDS, private=True)
    assert one.requests == []


async def test_a_peer_without_tls_is_none() -> None:
    """Plain HTTP where TLS is meant is an error in words."""
    async with peer(OK) as one, calling() as outgoing:
        one.serve = greet  # type: ignore[method-assign]
        url = f"https://127.0.0.1:{one.port}/"
        with pytest.raises(Unreachable, match="TLS"):
            await outgoing.request("GET", url, seconds=SECONDS, private=True)


async def greet(stream: trio.abc.Stream) -> None:
    """Answer before anything was asked."""
    async with stream:
        await stream.send_all(OK)
        await stream.receive_some(65_536)


# --- secrets


@pytest.mark.parametrize("answer", [b"", b"what?\r\n\r\n"])
async def test_errors_and_logs_quote_nothing(caplog, answer: bytes) -> None:
    """Neither header, path nor body is in an error, in what it is made of, or in any log."""
    caplog.set_level(logging.DEBUG)
    async with peer(answer, ends=True) as one, calling() as outgoing:
        await fail_secretly(outgoing, one.url, SECRET)
    assert len(one.requests) == 1
    assert SECRET not in caplog.text


@pytest.mark.parametrize("value", [f"{SECRET}\r\nX-More: 1", f" {SECRET}", f"{SECRET}\0"])
async def test_what_http_does_not_allow_is_not_sent(caplog, value: str) -> None:
    """A header with a line break is refused before anybody is called, and stands in no log."""
    caplog.set_level(logging.DEBUG)
    async with peer(OK) as one, calling() as outgoing:
        await fail_secretly(outgoing, one.url, value)
        for method, name in (("G T", "x-key"), ("GET", "x key"), ("GET", "ключ")):
            with pytest.raises(Unreachable, match="none that HTTP allows"):
                await outgoing.request(
                    method, one.url, headers={name: "1"}, seconds=SECONDS, private=True
                )
    assert one.connections == 0
    assert SECRET not in caplog.text


async def fail_secretly(outgoing: Outgoing, url: str, value: str) -> None:
    """A call full of secrets, whose error shows none of them."""
    with pytest.raises(Unreachable) as failed:
        await outgoing.request(
            "POST",
            f"{url}/{SECRET}?key={SECRET}",
            headers={"Authorization": value},
            body=SECRET.encode(),
            seconds=SECONDS,
            private=True,
        )
    assert SECRET not in "".join(traceback.format_exception(failed.value)) + repr(failed.value)
    assert failed.value.__cause__ is failed.value.__context__ is None
