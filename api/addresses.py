"""Where we may go: what a name stands for, who is public, and connections to nobody else.

Who may name a URL may not thereby reach what only this machine reaches: its own ports, the network
behind it, the hosting provider's metadata. An address counts as public if the registries say that
it is global unicast, whatever IPv6 form an IPv4 address hides in. A name is looked up once, all of
its addresses are judged, and the connection goes to one of these.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import httpcore
import trio

LOOKUPS_MAX = 20
"""Threads that look up names. Their own, so that a name server that hangs holds up nothing else."""
ADDRESSES_TRIED_MAX = 4
"""Of one name."""
CONNECT_SECONDS_MAX = 0.5
"""For one address while others are left to try."""

GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NOT_PUBLIC = (
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments; older Pythons know but a part
    ipaddress.ip_network("168.63.129.16/32"),  # answers only inside one provider's machines
    ipaddress.ip_network("3fff::/20"),  # documentation; older Pythons do not know it
)

Resolve = Callable[[str], Awaitable[list[str]]]
"""From a host to its addresses, best first; raises `OSError` if nobody knows it."""


class NameUnknown(Exception):
    """Nobody knows the name."""


class NotPublic(Exception):
    """One of the name's addresses is not public."""


def is_public(text: str) -> bool:
    """Is the address (not a name) one of the public internet? Raises `ValueError` if it is none."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return is_public(str(inner))
        if address not in GLOBAL_UNICAST:
            return False
    if any(address in network for network in NOT_PUBLIC):
        return False
    return address.is_global and not address.is_multicast


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped, 6to4 or NAT64."""
    if address in NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour


class Lookup:
    """The system's resolver, asked in threads. May be cancelled; its thread ends by itself."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(LOOKUPS_MAX)

    async def __call__(self, host: str) -> list[str]:
        """The addresses of `host`; of an address, itself, spelt as it is meant."""
        found = await trio.to_thread.run_sync(
            _look_up, host, abandon_on_cancel=True, limiter=self._threads
        )
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _look_up(host: str) -> list[Any]:
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


class Network(httpcore.AsyncNetworkBackend):
    """Connections to addresses that were judged; `private` allows all of them."""

    def __init__(self, resolve: Resolve, *, private: bool) -> None:
        self._resolve = resolve
        self._private = private
        self._trio = httpcore.TrioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes it; the last arguments are the library's.

        Raises `NameUnknown`, `NotPublic`, `httpcore.ConnectError`.
        """
        *others, last = await self._judged(host)
        for address in others:
            with trio.move_on_after(CONNECT_SECONDS_MAX), suppress(httpcore.ConnectError):
                return _Stream(await self._trio.connect_tcp(address, port))
        return _Stream(await self._trio.connect_tcp(last, port))

    async def _judged(self, host: str) -> list[str]:
        try:
            addresses = await self._resolve(host)
        except OSError:
            addresses = []
        if not addresses:
            raise NameUnknown
        if not self._private and not all(map(is_public, addresses)):
            raise NotPublic
        return addresses[:ADDRESSES_TRIED_MAX]


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that is closed when its handshake is cancelled; the library leaves it open."""

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the library's."""
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the library's."""
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """As the library's."""
        await self._inner.aclose()

    def get_extra_info(self, info: str) -> Any:
        """As the library's."""
        return self._inner.get_extra_info(info)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The connection in TLS, its certificate checked for the name in the URL."""
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            with trio.CancelScope(shield=True):
                await self._inner.aclose()
            raise
